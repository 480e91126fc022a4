"""What nobody can go below: by hand where it can be reckoned, and below everybody who has tried."""

import pytest

from benchmarks.session_least import least_ct
from benchmarks.session_runs import BLIND, DYNAMIC, FIXED, OURS, Market, run_entry, session_of
from controller.days.backtest_session import Session
from controller.horizon import PriceSlot
from controller.planner.task import Departure
from tests.benchmarks.test_sessions import QUOTES, VISITS, WEEK, cases

HOUR_S = 3600


def stay(sun_w: list[float], prices_ct: list[float], need_wh: float, room_wh: float | None) -> Session:
    """Return a stay of one surplus and one price an hour, feed-in 8 ct, a later kWh worth 14 ct."""
    return Session(
        trace="made",
        begin_s=0.0,
        surplus_w=[watts for watts in sun_w for _ in range(HOUR_S)],
        prices=[PriceSlot(h * HOUR_S, (h + 1) * HOUR_S, ct, 8.0) for h, ct in enumerate(prices_ct)],
        departures=(Departure(len(sun_w) * HOUR_S, need_wh),),
        room_wh=room_wh,
        later_value_ct=14.0,
    )


def test_a_dark_night_costs_the_cheapest_hours() -> None:
    """15 kWh: 11.04 of the hour at 20 ct, the rest at 25, and 500 W of house at every price."""
    house_ct = 0.5 * (30 + 20 + 25)
    night = stay([-500.0] * 3, [30.0, 20.0, 25.0], 15_000.0, 15_000.0)
    assert least_ct(night) == pytest.approx(house_ct + 11.04 * 20 + 3.96 * 25, abs=0.5)


def test_the_sun_is_taken_first_and_the_rest_is_sold() -> None:
    """3.68 kW for two hours, all of it into a car that wants 5 and has room for no more: 2.36 are sold."""
    sunny = stay([3_680.0, 3_680.0, 0.0], [32.0] * 3, 5_000.0, 5_000.0)
    assert least_ct(sunny) == pytest.approx(-2.36 * 8, abs=0.5)


def test_a_kwh_beyond_the_need_is_worth_its_later_value() -> None:
    """The same car has room for 20: all 7.36 kWh of sun go into it, 2.36 of them at 14 ct."""
    sunny = stay([3_680.0, 3_680.0, 0.0], [32.0] * 3, 5_000.0, 20_000.0)
    assert least_ct(sunny) == pytest.approx(-2.36 * 14, abs=0.5)


def test_what_there_is_no_time_for_is_missing() -> None:
    """11.04 of 12 kWh in the one hour there is, 0.96 missing at 200 ct."""
    short = stay([0.0], [32.0], 12_000.0, 12_000.0)
    assert least_ct(short) == pytest.approx(11.04 * 32 + 0.96 * 200, abs=0.5)


def test_where_one_is_paid_for_taking_all_power_is_taken() -> None:
    """An hour at -5 ct, room for all of it though only 2 kWh are wanted."""
    paid = stay([0.0, 0.0], [-5.0, 30.0], 2_000.0, 30_000.0)
    assert least_ct(paid) == pytest.approx(-5 * 11.04 - 14 * 9.04, abs=0.5)


@pytest.mark.parametrize("tariff", [FIXED, DYNAMIC])
@pytest.mark.parametrize("date", ["2012-06-19", "2012-06-21"])
def test_nobody_is_below(tariff: str, date: str) -> None:
    """Neither plan, in sessions that the cloudless sky makes easy; and they come near."""
    case = next(one for one in cases(WEEK, VISITS) if one.date == date)
    market = Market(tariff, QUOTES)
    bound_ct = least_ct(session_of(case, market)[0])
    costs_ct = [run_entry(case, market, entry).cost_ct for entry in (BLIND, OURS)]
    assert min(costs_ct) >= bound_ct - 0.5
    assert min(costs_ct) <= bound_ct + 40
