"""When the car leaves, and with how much: weekly habits and single days, as instants. Pure.

Times are those of the clock on the wall. An instant that a day does not have is the one an hour later; of two
the first counts, so that nobody waits for a car.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from controller.units import DAY_S


@dataclass(frozen=True, slots=True)
class Habit:
    """A departure as people say it: at this time, on these days of the week (Monday is 0) or on one date.

    `need_wh` is what the car takes from plug-in until then, `target_pct` how full its battery shall be; with
    both, the need stands in while nobody knows how full it is. `car` is the config's name, empty for any.
    """

    at: time
    days: frozenset[int]
    on: date | None
    need_wh: float | None = None
    target_pct: float | None = None
    car: str = ""


@dataclass(frozen=True, slots=True)
class Wants:
    """What the config wants of the plan: ct/kWh, W and Wh; None where it says nothing."""

    habits: tuple[Habit, ...] = ()
    ceiling_ct: float | None = None
    later_value_ct: float | None = None
    max_power_w: float | None = None
    late_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class Leaving:
    """One departure: UTC seconds, and what is wanted of it."""

    at_s: float
    habit: Habit


def leavings(
    habits: Sequence[Habit], zone: ZoneInfo, from_s: float, until_s: float, car: str = ""
) -> tuple[Leaving, ...]:
    """Return the departures of a car after `from_s` up to `until_s`, by time."""
    found = []
    for habit in habits:
        if habit.car not in ("", car):
            continue
        for day in _days(habit, zone, from_s, until_s):
            at_s = datetime.combine(day, habit.at, zone).timestamp()
            if from_s < at_s <= until_s:
                found.append(Leaving(at_s, habit))
    return tuple(sorted(found, key=lambda leaving: leaving.at_s))


def _days(habit: Habit, zone: ZoneInfo, from_s: float, until_s: float) -> Iterable[date]:
    if habit.on is not None:
        return [habit.on]
    first = datetime.fromtimestamp(from_s, zone).date()
    count = int((until_s - from_s) / DAY_S) + 2
    days = [first + timedelta(days=ahead) for ahead in range(-1, count)]
    return [day for day in days if day.weekday() in habit.days]
