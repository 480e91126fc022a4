"""The outlook by hand: means that decay, weather that is calm or wild, money only when asked for."""

from math import exp

import pytest

from strategies.economics import Economics
from strategies.outlook import Outlook, Weights, doubt_ct, expected_ct, follow, later, leaned

SPANS_W = ((1380.0, 3680.0), (4140.0, 11_040.0))
PLAIN = Weights(now_s=100.0, mean_s=300.0, memory_s=600.0, calm=2.0, middling_w=100.0, weather_s=600.0)


def test_the_first_interval_is_all_there_is_to_know() -> None:
    """5 kW: one phase would take its most, three follow it; the sun covers both."""
    first = follow(None, 5000.0, 10.0, SPANS_W, PLAIN)
    assert (first.tracked_w, first.covered_w) == ((3680.0, 5000.0), (3680.0, 5000.0))
    assert first.change_w == 0


def test_a_deficit_covers_nothing_and_tracks_the_least() -> None:
    """The house imports 400 W: the least currents would be grid power altogether."""
    first = follow(None, -400.0, 10.0, SPANS_W, PLAIN)
    assert (first.tracked_w, first.covered_w) == ((1380.0, 4140.0), (0.0, 0.0))


def test_a_mean_moves_by_its_share_of_the_interval() -> None:
    """After 60 s of 600 s memory the mean has gone 1 - exp(-0.1) of the way."""
    first = follow(None, 3000.0, 10.0, SPANS_W, PLAIN)
    after = follow(first, 2000.0, 60.0, SPANS_W, PLAIN)
    way = 1 - exp(-0.1)
    assert after.tracked_w[0] == pytest.approx(3000 - 1000 * way)
    assert after.covered_w[1] == pytest.approx(3000 - 1000 * way)
    assert after.change_w == pytest.approx(1000 * way)


@pytest.mark.parametrize(("change_w", "reach"), [(0.0, exp(1.0)), (100.0, 1.0), (300.0, exp(-0.5))])
def test_the_calmer_the_farther(change_w: float, reach: float) -> None:
    """Value 20, prices 32/8: a covered kW gains 12 ct/h; 100 s of now, 300 s of the mean, times reach."""
    outlook = Outlook((2000.0, 5000.0), (2000.0, 4000.0), change_w, 3000.0, 3000.0, 3000.0)
    one, three = expected_ct(outlook, SPANS_W, Economics(20.0, 32.0, 8.0), PLAIN)
    # One phase: 3 kW x 100 s and 2 kW x 300 s, all sun, at -12 ct/kWh.
    assert one == pytest.approx(-12 * (3.0 * 100 + 2.0 * 300) / 3600 * reach)
    # Three: 3 kW sun and 1.14 kW grid (+12) for 100 s, 4 kW sun and 1 kW grid for 300 s.
    assert three == pytest.approx((100 * (-36 + 1.14 * 12) + 300 * (-48 + 12)) / 3600 * reach)


def test_only_powers_are_remembered() -> None:
    """A value below the feed-in price turns the same outlook from a gain into a loss."""
    outlook = follow(None, 3000.0, 10.0, SPANS_W, PLAIN)
    gain, _ = expected_ct(outlook, SPANS_W, Economics(20.0, 32.0, 8.0), PLAIN)
    loss, _ = expected_ct(outlook, SPANS_W, Economics(4.0, 32.0, 8.0), PLAIN)
    assert gain < 0 < loss
    assert gain * 4 == pytest.approx(-loss * 12)


def test_later_is_what_following_would_give() -> None:
    """What is announced for the third interval from now is what three intervals bring."""
    outlook = follow(follow(None, 6000.0, 10.0, SPANS_W, PLAIN), 2000.0, 10.0, SPANS_W, PLAIN)
    lived = outlook
    for _ in range(3):
        lived = follow(lived, 2000.0, 10.0, SPANS_W, PLAIN)
    told = later(outlook, 30.0, follow(None, 2000.0, 10.0, SPANS_W, PLAIN), PLAIN)
    assert told.tracked_w == pytest.approx(lived.tracked_w)
    assert told.covered_w == pytest.approx(lived.covered_w)
    assert told.change_w == pytest.approx(lived.change_w)
    assert (told.short_w, told.long_w) == pytest.approx((lived.short_w, lived.long_w))


def test_a_falling_sun_is_seen_from_further_on() -> None:
    """The short mean lies 330 W below the long one, memories 1100 s apart: 0.3 W a second, 1000 s ahead."""
    weights = Weights(now_s=100.0, mean_s=0.0, lead_s=1000.0, short_s=100.0, long_s=1200.0)
    steady = Outlook((2000.0, 4140.0), (2000.0, 2000.0), weights.middling_w, 2000.0, 2000.0, 2000.0)
    falling = Outlook((2000.0, 4140.0), (2000.0, 2000.0), weights.middling_w, 2070.0, 2400.0, 2000.0)
    usual = Economics(20.0, 32.0, 8.0)
    # One phase gains 12 ct on each of 2.0 kWh an hour, and on 1.7 with the sun that will be.
    assert expected_ct(steady, SPANS_W, usual, weights)[0] == pytest.approx(-12 * 2.0 * 100 / 3600)
    assert expected_ct(falling, SPANS_W, usual, weights)[0] == pytest.approx(-12 * 1.7 * 100 / 3600)


def test_a_car_that_has_just_come_sees_no_drift() -> None:
    """Both means begin with the first surplus, and a surplus that stays keeps them together."""
    outlook = follow(follow(None, 3000.0, 10.0, SPANS_W), 3000.0, 600.0, SPANS_W)
    assert outlook.drift_w_per_s(Weights()) == 0.0


@pytest.mark.parametrize("soon_w", [-900.0, 300.0, 2000.0, 9000.0])
def test_doubt_costs_what_the_spread_of_suns_costs_on_average(soon_w: float) -> None:
    """Against the bill meaned over 2000 surpluses from 800 W below to 800 W above, off as the reference."""
    economics, spread_w, powers_w = Economics(14.0, 32.0, 8.0), 800.0, [0.0, 1380.0, 2530.0, 4140.0, 9000.0]
    suns_w = [soon_w - spread_w + spread_w * (2 * i + 1) / 2000 for i in range(2000)]

    def bill_ct(power_w: float, surplus_w: float) -> float:
        return economics.running_ct(power_w, surplus_w, 60) - economics.running_ct(0.0, surplus_w, 60)

    for power_w, doubt in zip(powers_w, doubt_ct(powers_w, soon_w, spread_w, 60.0, economics), strict=True):
        mean_ct = sum(bill_ct(power_w, sun_w) for sun_w in suns_w) / len(suns_w)
        assert doubt == pytest.approx(mean_ct - bill_ct(power_w, soon_w), abs=1e-4)


def test_a_calm_sky_leaves_no_doubt() -> None:
    """Where the surplus never changes every power costs what it costs."""
    assert doubt_ct([0.0, 1380.0], 2000.0, 0.0, 60.0, Economics(20.0, 32.0, 8.0)) == [0.0, 0.0]


def test_where_much_sun_is_needed_less_is_trusted_to_last() -> None:
    """At 12 ct five sixths must be sun, at 26 ct a quarter: there what was is good enough for longer."""
    dear, cheap = leaned(Economics(12.0, 32.0, 8.0)), leaned(Economics(26.0, 32.0, 8.0))
    assert dear.mean_s < cheap.mean_s
    assert dear.next_s < cheap.next_s
