"""One phase or three: when the box may be told to change, and when it has.

Theory of operation. The box does a phase change by itself on one `psm` write: it ramps down, opens the
contactor, disconnects the pilot for 10 s or more and lets the car start anew; 20 to 40 s pass. Until that is
seen to be over nothing but a stop is sent. Four states, one table:

    state       enters when                          may send            leaves when
    stable      nothing under way                    anything            a psm write of ours left
    unconfirmed our psm write is on its way          stop                psm reads as asked, or give-up
    dead        psm reads as asked                   stop                the dead time is over, or unplug
    given up    600 s without confirmation           anything            it is stable again

Contactors and cars have few changes in them: at least 600 s apart, at most six in any 24 hours of a plug-in.
A car that stays on the cable for a week gets new ones every day (docs/adr/0020).
"""

from dataclasses import dataclass
from enum import StrEnum

from controller.limits import Limits
from controller.line.link import Link
from controller.model import NEUTRAL_CAR, CarTraits, ChargerStatus
from controller.units import DAY_S

PACE_S = 14_400.0
"""Over this long a change is forgotten by the price of the next, not by the limit (docs/decisions.md)."""


class Switching(StrEnum):
    """Where a phase change of ours is."""

    STABLE = "stable"
    UNCONFIRMED = "unconfirmed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class PhaseHistory:
    """What counts against further changes: the last one, and those of 24 hours since plug-in; monotonic s."""

    last_change_s: float | None = None
    times_s: tuple[float, ...] = ()

    def with_one(self, now_s: float) -> "PhaseHistory":
        """Return the history with one more change."""
        return PhaseHistory(now_s, (*self.of_a_day(now_s), now_s))

    def once_more(self, now_s: float) -> "PhaseHistory":
        """Return the history with the last change asked for again: it may be this time that it arrives."""
        return PhaseHistory(now_s, (*self.times_s[:-1], now_s))

    def of_a_day(self, now_s: float) -> tuple[float, ...]:
        """Return when the changes of the last 24 hours were."""
        return tuple([at for at in self.times_s if now_s - at < DAY_S])

    def weight(self, now_s: float) -> float:
        """Return how many changes there were, each counting less the longer ago it was."""
        return sum([max(1 - (now_s - at) / PACE_S, 0.0) for at in self.times_s])


def switching(link: Link, now_s: float, limits: Limits) -> Switching:
    """Return where a phase change stands."""
    if link.phase_write_s is None:
        return Switching.STABLE
    since_s = now_s - link.phase_write_s
    if since_s >= limits.phase_give_up_s:
        return Switching.STABLE
    pending = link.pending
    if pending is not None and pending.settings.phase_mode is not None and pending.open:
        return Switching.UNCONFIRMED
    return Switching.DEAD if since_s < limits.phase_dead_s else Switching.STABLE


def options(
    status: ChargerStatus | None, phases_set: int, limits: Limits, car: CarTraits = NEUTRAL_CAR
) -> tuple[int, ...]:
    """Return the phase counts worth having: both, or the one set where a change is vain or barred."""
    if not limits.allow_phase_switch or (status is not None and not status.can_switch_phases):
        return (phases_set,)
    if car.phases_used == 1:
        return (phases_set,)
    return (1, 3)


def change_in_s(history: PhaseHistory, now_s: float, limits: Limits) -> float:
    """Return the seconds until another change is allowed, infinity if there is never one."""
    most = limits.phase_changes_per_day
    if most == 0:
        return float("inf")
    of_a_day = history.of_a_day(now_s)
    wait_s = of_a_day[-most] + DAY_S - now_s if len(of_a_day) >= most else 0.0
    if history.last_change_s is not None:
        wait_s = max(wait_s, history.last_change_s + limits.phase_change_min_s - now_s)
    return max(wait_s, 0.0)


def changes_left(history: PhaseHistory, now_s: float, limits: Limits) -> int:
    """Return how many changes are left now; the oldest of a day comes back first."""
    return max(limits.phase_changes_per_day - len(history.of_a_day(now_s)), 0)
