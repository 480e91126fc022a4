"""What is at stake, and how the engine's numbers lean with it: by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model import Prices
from strategies.economics import Economics, Leaning, Metric, switching_weights

CT = st.floats(-50.0, 200.0)


@pytest.mark.parametrize(
    ("value_ct", "import_ct", "share"),
    [
        (20.0, 32.0, 0.5),  # 12 ct lost on a kWh from the grid, 12 won on one from the sun
        (26.0, 32.0, 0.25),
        (12.0, 32.0, 5 / 6),
        (20.0, 56.0, 0.75),  # the felt price of "three quarters sun"
        (40.0, 32.0, 0.0),  # always worth it
        (4.0, 32.0, 1.0),  # not even with all sun
        (20.0, 8.0, 0.5),  # import as cheap as feed-in: nothing depends on the sun
    ],
)
def test_the_share_of_sun_from_which_charging_pays(value_ct: float, import_ct: float, share: float) -> None:
    """Sun costs 8 ct of feed-in: at this blend a kWh costs its value."""
    assert Economics(value_ct, import_ct, 8.0).even_share == pytest.approx(share)


def test_a_leaning_number_by_hand() -> None:
    """At 26 ct a quarter less sun is needed than at 20: exp(-2 x -0.25); at 14 ct a quarter more."""
    number = Leaning(100.0, by_share=-2.0)
    assert number.at(Economics(20.0, 32.0, 8.0)) == pytest.approx(100.0)
    assert number.at(Economics(26.0, 32.0, 8.0)) == pytest.approx(164.872, abs=1e-3)
    assert number.at(Economics(14.0, 32.0, 8.0)) == pytest.approx(60.653, abs=1e-3)


@given(CT, CT, CT)
def test_whatever_the_prices_the_weights_are_sound(
    value_ct: float, import_ct: float, export_ct: float
) -> None:
    """Positive and bounded, also where import is cheaper than feed-in or prices are negative."""
    economics = Economics(value_ct, import_ct, export_ct)
    assert 0.0 <= economics.even_share <= 1.0
    for weight in switching_weights(economics):
        assert 0.01 < weight < 100.0


@given(CT, st.floats(10.0, 200.0), st.floats(-50.0, 50.0))
def test_only_differences_of_prices_count(value_ct: float, import_ct: float, more_ct: float) -> None:
    """The same added to value, import and feed-in leaves every weight as it is."""
    here = switching_weights(Economics(value_ct, import_ct, 8.0))
    there = switching_weights(Economics(value_ct + more_ct, import_ct + more_ct, 8.0 + more_ct))
    assert here == pytest.approx(there, rel=1e-6)


def test_a_negative_price_of_moving_counts_as_zero() -> None:
    """Nobody is paid for switching."""
    metric = Metric.of(Prices(write_ct=-1.0, start_ct=-1.0, phase_change_ct=-1.0), Economics(20.0, 32.0, 8.0))
    assert (metric.write_ct, metric.start_ct, metric.phase_change_ct) == (0.0, 0.0, 0.0)
