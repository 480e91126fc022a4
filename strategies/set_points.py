"""The set-points the engine chooses from, in one order: off x1, off x3, x1 rising, x3 rising.

"Off" exists twice, once per phase setting: were there one, phases could be changed for free through it.
"""

from dataclasses import dataclass
from functools import lru_cache

from controller.model import Admissible, CarTraits, Charge, Command, Off, SiteSnapshot
from controller.units import MAX_CURRENT_A, MIN_CURRENT_A


@dataclass(frozen=True, slots=True)
class SetPoint:
    """One thing the charger can be told, with the phase setting it leaves behind."""

    phases: int
    current_a: int

    @property
    def command(self) -> Command:
        """Return the command that asks for it."""
        return Charge(self.current_a, self.phases) if self.current_a else Off()

    @property
    def group(self) -> int:
        """Return 0, 1 for off (one, three phases set), 2, 3 for charging on one, three phases."""
        return (2 if self.current_a else 0) + (self.phases == 3)


@lru_cache(maxsize=64)
def set_points(min_a: int, max_a: int) -> tuple[SetPoint, ...]:
    """Return every set-point in the engine's order."""
    currents = range(min_a, max_a + 1)
    off = (SetPoint(1, 0), SetPoint(3, 0))
    return off + tuple(SetPoint(phases, current_a) for phases in (1, 3) for current_a in currents)


def current_range(admissible: Admissible) -> tuple[int, int]:
    """Return the least and the most current that can be offered, in A."""
    low = min(max(admissible.min_current_a, MIN_CURRENT_A), MAX_CURRENT_A)
    return low, min(max(admissible.max_current_a, low), MAX_CURRENT_A)


def index_of(snap: SiteSnapshot, min_a: int, max_a: int) -> int:
    """Return the place of the set-point the charger stands at, or of the nearest there is."""
    command = snap.in_force
    if isinstance(command, Off):
        return 1 if snap.phases_set == 3 else 0
    offset = min(max(command.current_a, min_a), max_a) - min_a
    return 2 + offset + (max_a - min_a + 1 if command.phases == 3 else 0)


@lru_cache(maxsize=64)
def group_slices(count: int) -> tuple[tuple[int, int], ...]:
    """Return begin and end of each group among this many set-points."""
    span = (count - 2) // 2
    return ((0, 1), (1, 2), (2, 2 + span), (2 + span, 2 + 2 * span))


@lru_cache(maxsize=256)
def draws_w(min_a: int, max_a: int, voltage_v: float, car: CarTraits) -> tuple[float, ...]:
    """Return what the car takes at each set-point, in W: what is offered, or less if it is known to."""
    return tuple(car.draw_w(point.command, voltage_v) for point in set_points(min_a, max_a))


def allowed(min_a: int, max_a: int, here: int, admissible: Admissible, *, never_off: bool) -> list[bool]:
    """Return which set-points may be chosen now: what the stages behind would let pass.

    Off keeps the phase setting it finds, so the other "off" is never chosen; its cost still counts, as the
    road to a start on other phases.
    """
    points = set_points(min_a, max_a)
    phases_now, charging = points[here].phases, points[here].current_a > 0
    phases = {phases_now} | (set(admissible.phase_options) if admissible.phase_change_in_s <= 0 else set())
    off = phases_now if admissible.stop_in_s <= 0 and not never_off else 0
    on = phases if (charging or admissible.start_in_s <= 0) and not admissible.only_stop else set()
    return [point.phases in on if point.current_a else point.phases == off for point in points]
