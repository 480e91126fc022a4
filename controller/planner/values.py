"""What a kWh is worth in each slot for those who follow the plan, and why."""

from dataclasses import dataclass
from enum import StrEnum

from controller.planner.purchase import CLEAR_CT, Layout, waiting_ct
from controller.planner.shadow import Solution
from controller.planner.task import FULL_KWH, Task


class Reason(StrEnum):
    """What makes a kWh worth what it is worth."""

    LATER = "later"
    TARGET = "target"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Value:
    """What a kWh is worth in a slot, in ct, and why."""

    ct_per_kwh: float
    reason: Reason


def values(layout: Layout) -> list[Value]:
    """Return the value of every slot."""
    found = []
    for place in range(len(layout.task.slots)):
        reason = _reason(layout.task, layout.found, place)
        found.append(Value(_value_ct(layout, place, reason), reason))
    return found


def _value_ct(layout: Layout, place: int, reason: Reason) -> float:
    """Return the value to follow: the shadow price, moved off the slot's own price where both are the same.

    There the price says how dear the need is and not which of the hours to take.
    """
    task, found = layout.task, layout.found
    if reason is Reason.FULL:
        return task.later_value_ct  # how full it is is only reckoned: the car itself knows, and stops
    if layout.bought[place]:
        clear_ct = task.slots[place].import_ct_per_kwh + CLEAR_CT
        return min(max(found.worth_ct(place), clear_ct), task.miss_ct_per_kwh)
    return waiting_ct(task, found, place)


def _reason(task: Task, found: Solution, place: int) -> Reason:
    if task.room_wh is not None and found.track.through_kwh[place] >= task.room_wh / 1000 - FULL_KWH / 100:
        return Reason.FULL
    return Reason.TARGET if found.is_wanted(task, place) else Reason.LATER
