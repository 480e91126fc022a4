"""What flowed against what was booked: nothing is lost, nothing absurd is counted."""

import pytest

from controller.line.accounting import Share
from controller.line.energy_counter import OWED_WH, EnergyCounter, follow
from controller.model import ChargerStatus, Prices

NOTHING = Share()


def status(at_s: float, eto_wh: float | None) -> ChargerStatus:
    return ChargerStatus(at_s, at_s, energy_wh=eto_wh)


def test_the_first_reading_is_the_baseline() -> None:
    counter, late, note = follow(EnergyCounter(), status(10.0, 5000.0), NOTHING, Prices(), 16)
    assert (counter.eto_wh, late, note) == (5000.0, NOTHING, "")


def test_what_was_booked_is_not_booked_again() -> None:
    counter = EnergyCounter(5000.0, 0.0)
    for tick in range(1, 200):
        counter, late, note = follow(
            counter, status(10.0 * tick, 5000.0 + 30.0 * tick), Share(10.0, 20.0), Prices(), 16
        )
        assert (late, note) == (NOTHING, "")


def test_what_nobody_saw_comes_from_the_grid() -> None:
    counter, late, note = follow(EnergyCounter(5000.0, 0.0), status(600.0, 6000.0), NOTHING, Prices(), 16)
    assert (late.grid_wh, late.pv_wh, late.cost_ct) == (1000.0, 0.0, pytest.approx(32.0))
    assert "1000 Wh flowed unseen" in note
    assert counter.owed_wh == 0.0


def test_a_small_difference_is_shared_like_the_rest() -> None:
    """1000 Wh were booked, three quarters sun; 200 Wh more had flowed."""
    counter = EnergyCounter(5000.0, 0.0)
    _, late, _ = follow(counter, status(600.0, 6200.0), Share(250.0, 750.0), Prices(), 16)
    assert (late.grid_wh, late.pv_wh) == (pytest.approx(50.0), pytest.approx(150.0))


@pytest.mark.parametrize(("eto_wh", "says"), [(4000.0, "went back by 1000 Wh"), (1e6, "more than can flow")])
def test_what_cannot_be_is_a_new_baseline(eto_wh: float, says: str) -> None:
    counter, late, note = follow(EnergyCounter(5000.0, 0.0), status(60.0, eto_wh), NOTHING, Prices(), 16)
    assert (counter, late) == (EnergyCounter(eto_wh, 60.0), NOTHING)
    assert says in note


def test_less_than_the_tolerance_waits() -> None:
    counter, late, _ = follow(
        EnergyCounter(5000.0, 0.0), status(60.0, 5000.0 + OWED_WH), NOTHING, Prices(), 16
    )
    assert late == NOTHING
    _, late, _ = follow(counter, status(65.0, 5001.0 + OWED_WH), NOTHING, Prices(), 16)
    assert late.total_wh == pytest.approx(OWED_WH + 1.0)


def test_a_restart_makes_up_for_what_it_missed() -> None:
    _, late, _ = follow(EnergyCounter(5000.0), status(3.0, 25_000.0), NOTHING, Prices(), 16)
    assert late.grid_wh == 20_000.0


@pytest.mark.parametrize("eto_wh", [None, 5000.0])
def test_a_report_without_news_changes_nothing(eto_wh: float | None) -> None:
    counter = EnergyCounter(5000.0, 60.0, owed_wh=7.0)
    assert follow(counter, status(60.0, eto_wh), NOTHING, Prices(), 16) == (counter, NOTHING, "")
    assert follow(counter, None, NOTHING, Prices(), 16) == (counter, NOTHING, "")
