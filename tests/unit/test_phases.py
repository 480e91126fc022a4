"""The table of a phase change, row by row, and what counts against the next one."""

import pytest

from controller.limits import Limits
from controller.line.link import Link
from controller.line.pending import Pending
from controller.line.phases import (
    PhaseHistory,
    Switching,
    change_in_s,
    changes_left,
    options,
    switching,
)
from controller.model import Charge, ChargerStatus, Force, Off, PhaseMode, Settings

LIMITS = Limits()
SENT_S = 1000.0
TO_THREE = Settings(current_a=6, phase_mode=PhaseMode.THREE)


def link(pending: Pending | None = None, *, phase_write_s: float | None = SENT_S) -> Link:
    return Link(in_force=Charge(6, 3), connected=True, pending=pending, phase_write_s=phase_write_s)


def pending(settings: Settings = TO_THREE, **change: bool) -> Pending:
    return Pending(Charge(6, 3), settings, SENT_S, raising=True, **change)


@pytest.mark.parametrize("now_s", [0.0, SENT_S, 1e6])
def test_without_a_phase_write_all_is_stable(now_s: float) -> None:
    """Whatever else is open: nothing of ours switches."""
    assert switching(link(phase_write_s=None), now_s, LIMITS) is Switching.STABLE
    assert switching(link(pending(), phase_write_s=None), now_s, LIMITS) is Switching.STABLE


@pytest.mark.parametrize(
    ("since_s", "state"),
    [
        (0.0, Switching.UNCONFIRMED),
        (30.0, Switching.UNCONFIRMED),
        (599.9, Switching.UNCONFIRMED),
        (600.0, Switching.STABLE),  # given up
        (1e5, Switching.STABLE),
    ],
)
def test_unconfirmed_until_seen_or_given_up(since_s: float, state: Switching) -> None:
    """An open psm write holds everything for 600 s at most."""
    assert switching(link(pending()), SENT_S + since_s, LIMITS) is state


@pytest.mark.parametrize(
    ("since_s", "state"),
    [(0.0, Switching.DEAD), (29.9, Switching.DEAD), (30.0, Switching.STABLE), (600.0, Switching.STABLE)],
)
def test_dead_time_after_it_was_seen(since_s: float, state: Switching) -> None:
    """Once psm reads as asked the contactor has 30 s from the write."""
    assert switching(link(), SENT_S + since_s, LIMITS) is state


@pytest.mark.parametrize(
    "other",
    [
        pending(Settings(current_a=8)),
        pending(Settings(force=Force.OFF)),
        pending(refused=True),
        pending(failed=True),
    ],
)
def test_only_an_open_psm_write_is_unconfirmed(other: Pending) -> None:
    """A later write of other keys, a refusal, or one seen to be missing: the dead time alone counts."""
    assert switching(link(other), SENT_S + 29.0, LIMITS) is Switching.DEAD
    assert switching(link(other), SENT_S + 30.0, LIMITS) is Switching.STABLE


@pytest.mark.parametrize(
    ("allowed", "box", "both"),
    [
        (True, True, True),
        (True, None, True),
        (True, False, False),
        (False, True, False),
        (False, None, False),
    ],
)
@pytest.mark.parametrize("now", [1, 3])
def test_phase_counts_that_can_be_had(allowed: bool, box: bool | None, both: bool, now: int) -> None:
    """Both if config and box agree (a box not read yet may); else the one that is set."""
    status = None if box is None else ChargerStatus(0.0, 0.0, can_switch_phases=box)
    found = options(status, now, Limits(allow_phase_switch=allowed))
    assert found == ((1, 3) if both else (now,))


@pytest.mark.parametrize(
    ("since_s", "wait_s"), [(0.0, 600.0), (1.0, 599.0), (599.0, 1.0), (599.9, 0.1), (600.0, 0.0), (9e3, 0.0)]
)
def test_ten_minutes_between_two_changes(since_s: float, wait_s: float) -> None:
    """At 599 s not yet, at 600 s again."""
    assert change_in_s(PhaseHistory(SENT_S, (SENT_S,)), SENT_S + since_s, LIMITS) == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("changes", "left", "wait_s"), [(0, 6, 0.0), (5, 1, 0.0), (6, 0, 78_400.0), (7, 0, 79_400.0)]
)
def test_six_changes_a_day(changes: int, left: int, wait_s: float) -> None:
    """Made at 1000, 2000, ... s, asked at 9000 s: the seventh waits for the first to be a day old.

    After seven, of which six may be, the eighth waits for the second.
    """
    times_s = tuple(1000.0 * number for number in range(1, changes + 1))
    history = PhaseHistory(times_s[-1] if times_s else None, times_s)
    assert change_in_s(history, 9000.0, LIMITS) == wait_s
    assert changes_left(history, 9000.0, LIMITS) == left


def test_the_changes_of_yesterday_are_forgotten() -> None:
    """Six in the morning and one on each of the following mornings: a car may stay on the cable for weeks."""
    history = PhaseHistory()
    for number in range(6):
        assert change_in_s(history, number * 600.0, LIMITS) == 0
        history = history.with_one(number * 600.0)
    assert change_in_s(history, 86_399.0, LIMITS) == 1.0
    for day in range(1, 40):
        assert change_in_s(history, day * 86_400.0, LIMITS) == 0
        history = history.with_one(day * 86_400.0)
        assert len(history.times_s) <= 6


def test_a_first_change_waits_for_nothing() -> None:
    """No history, no wait; none allowed at all, for ever."""
    assert change_in_s(PhaseHistory(), 0.0, LIMITS) == 0.0
    assert change_in_s(PhaseHistory(), 0.0, Limits(phase_changes_per_day=1)) == 0.0
    assert change_in_s(PhaseHistory(), 0.0, Limits(phase_changes_per_day=0)) == float("inf")


def test_off_has_no_phases_to_change() -> None:
    """A stop in between changes nothing about where the change stands."""
    stopped = Link(in_force=Off(), pending=pending(Settings(force=Force.OFF)), phase_write_s=SENT_S)
    assert switching(stopped, SENT_S + 10.0, LIMITS) is Switching.DEAD


def test_a_change_asked_for_again_is_the_last_one_later() -> None:
    """Three changes stay three, the last of them now; where there was none it is the first."""
    history = PhaseHistory(30.0, (10.0, 20.0, 30.0))
    assert history.once_more(45.0) == PhaseHistory(45.0, (10.0, 20.0, 45.0))
    assert PhaseHistory().once_more(45.0) == PhaseHistory(45.0, (45.0,))
