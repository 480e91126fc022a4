"""The write budget: what is left, what it costs, and that a stop gets through when little is."""

import itertools

import pytest

from controller.gate import GateState, admissible, admit, budget_left, write_price_ct
from controller.limits import Limits
from controller.model import (
    Ceiling,
    Charge,
    ChargerStatus,
    Force,
    Hold,
    Off,
    PhaseMode,
    Quality,
    Send,
    Settings,
    SiteSnapshot,
    Wish,
)
from controller.reconcile import Knobs, Link, Pending

LIMITS = Limits(fuse_a=None)
NOON_S = 43_200.0


def spread(count: int) -> GateState:
    """Return a gate that wrote so often, evenly over the morning, the last time half an hour ago."""
    step_s = (NOON_S - 1800) / max(count, 1)
    return GateState(comfort_writes_s=tuple(step_s * (number + 1) for number in range(count)))


def test_the_window_counts_to_the_letter() -> None:
    """Nine in 15 minutes, whenever they were; the tenth waits for the first to be 900 s old."""
    state = GateState(comfort_writes_s=tuple(1000.0 + 20 * number for number in range(9)))
    assert budget_left(state, 1899.9, LIMITS) == 0
    assert budget_left(state, 1900.0, LIMITS) == 1


@pytest.mark.parametrize(
    ("used", "moves", "stops"), [(0, 9, 9), (185, 5, 9), (190, 0, 9), (199, 0, 1), (200, 0, 0)]
)
def test_the_days_last_writes_are_for_stops(used: int, moves: int, stops: int) -> None:
    """Of 200 a day the last ten can only stop."""
    state = spread(used)
    assert budget_left(state, NOON_S, LIMITS) == moves
    assert budget_left(state, NOON_S, LIMITS, stopping=True) == stops


def test_an_emptying_day_makes_writes_dear() -> None:
    """Cheap while half is left, then rising without a step, and out of reach for trifles at the end."""
    prices = [write_price_ct(spread(used), NOON_S, 0.02, LIMITS) for used in range(0, 201, 5)]
    assert prices[:20] == pytest.approx([0.02] * 20)
    assert all(later >= earlier for earlier, later in itertools.pairwise(prices))
    assert prices[190 // 5] > 1.0


def test_a_stop_passes_where_a_move_does_not() -> None:
    """With only the kept writes left a stop for comfort is sent, a new current is not, and both are told."""
    state = spread(192)
    present = Charge(10, 3)
    link = Link(
        in_force=present,
        phases_set=3,
        knobs=Knobs(10, Force.ON, PhaseMode.THREE),
        seen_data_s=NOON_S - 1,
        connected=True,
        last_write_s=NOON_S - 1800,
    )
    snap = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH, car_connected=True, in_force=present)
    top = Ceiling(16, 16, 16, "nothing")
    assert admissible(state, link, snap, LIMITS).only_stop
    move = admit(state, link, snap, Wish(Charge(7, 3), "less sun"), top, LIMITS)
    assert isinstance(move, Hold)
    assert "budget is spent" in move.reason
    stop = admit(state, link, snap, Wish(Off(), "no sun"), top, LIMITS)
    assert isinstance(stop, Send)
    assert stop.settings.keys() == {"frc": 1}


def test_parking_is_not_repeated_before_a_read_could_show_it() -> None:
    """An idle charger is read every 30 s: no second write until a read newer than the first one."""
    pending = Pending(Off(), Settings(current_a=6, phase_mode=PhaseMode.ONE), NOON_S - 20, raising=False)
    link = Link(
        phases_set=3,
        knobs=Knobs(16, Force.NEUTRAL, PhaseMode.THREE),
        seen_data_s=NOON_S - 25,
        pending=pending,
        last_write_s=NOON_S - 20,
    )

    def parked(data_s: float) -> Hold | Send:
        status = ChargerStatus(
            data_s, data_s, requested_a=16, force=Force.NEUTRAL, phase_mode=PhaseMode.THREE
        )
        snap = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH, charger=status)
        top = Ceiling(16, 16, 16, "nothing")
        return admit(GateState(), link, snap, Wish(Off(), "no car"), top, LIMITS)

    assert isinstance(parked(NOON_S - 25), Hold)
    assert isinstance(parked(NOON_S - 2), Send)
