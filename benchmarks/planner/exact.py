"""Exact answers by dynamic programming over every ampere in every scenario of the sun (NumPy).

It shares nothing with the planner but the task. Energy is counted in steps of an ampere on a phase for a
slot, divided so that the weights of the scenarios are whole numbers; so all slots must have one length.
States: the phases that are set (1 or 3) and whether the car charges.
"""

import numpy as np
from numpy.typing import NDArray

from controller.planner.task import PlanSlot, Task

FULL_KWH = 0.35
"""What may go beyond a full battery for nothing (docs/planner.md)."""

OUT_OF_REACH = 0.75
"""The share of a missed kWh at which one above the ceiling is felt (docs/planner.md)."""

LATE_S = 3 * 3600
"""How long before the departure the late part may begin, at least (docs/planner.md)."""

Costs = NDArray[np.float64]
"""The least cost in ct of reaching each energy; the last place is all that is more, if that is no matter."""


def optimum(task: Task) -> float:
    """Return the least objective in ct: money and switching, missing kWh, less the value of what is there.

    The weights must be hundredths. Raises ValueError where slots differ in length.
    """
    (hours,) = {round(slot.hours, 9) for slot in task.slots}
    parts = _parts(task.weights)
    unit_kwh = task.car.voltage_v * hours / 1000 / sum(parts)
    ends = [(before, need_wh / 1000 / unit_kwh) for before, need_wh in needs_of(task)]
    most = len(task.slots) * task.car.max_a * max(task.car.phases) * sum(parts)
    reach = max([need for _, need in ends], default=0.0)
    if task.room_wh is not None:
        reach = max(reach, (max(task.room_wh, 0.0) / 1000 + FULL_KWH) / unit_kwh)
        reach += task.car.max_a * max(task.car.phases) * sum(parts)  # one slot too many, at most
    late = late_part(task)
    width = (min(most, int(reach) + 1) if late is None else most) + 1
    energy_kwh = np.arange(width) * unit_kwh
    cost = {(phases, on): np.full(width, np.inf) for phases in (1, 3) for on in (False, True)}
    cost[task.phases_now, task.charging_now][0] = 0.0
    for place, slot in enumerate(task.slots):
        if late is not None and late[0] == place:
            over_ct = np.maximum(energy_kwh - late[1], 0.0) * task.late_ct
            cost = {state: costs + over_ct for state, costs in cost.items()}
        cost = _after(task, slot, parts, preference_ct(task, slot), cost)
        for before, need in ends:
            if before == place + 1:
                missing_ct = np.maximum(need * unit_kwh - energy_kwh, 0.0) * task.miss_ct_per_kwh
                cost = {state: costs + missing_ct for state, costs in cost.items()}
    missed_ct = sum(need * unit_kwh * task.miss_ct_per_kwh for before, need in ends if before == 0)
    if task.room_wh is not None:
        room_kwh = max(task.room_wh, 0.0) / 1000
        ending = np.maximum(energy_kwh - room_kwh - FULL_KWH, 0.0) * task.miss_ct_per_kwh
        ending -= task.later_value_ct * np.minimum(energy_kwh, room_kwh)
        cost = {state: costs + ending for state, costs in cost.items()}
    return float(min(costs.min() for costs in cost.values())) + missed_ct


def _parts(weights: tuple[float, ...]) -> list[int]:
    """Return the weights as the smallest whole numbers in their proportion."""
    hundredths = [round(weight * 100) for weight in weights]
    return [int(part // np.gcd.reduce(hundredths)) for part in hundredths]


def _after(
    task: Task, slot: PlanSlot, parts: list[int], dearer_ct: float, cost: dict[tuple[int, bool], Costs]
) -> dict[tuple[int, bool], Costs]:
    """Return the costs after one more slot."""
    width = len(cost[1, False])
    new = {state: np.full(width, np.inf) for state in cost}
    for (phases, _), before in cost.items():
        new[phases, False] = np.minimum(new[phases, False], before)
    later_ct = task.later_value_ct if task.room_wh is None else 0.0
    for phases in task.car.phases:
        entry = np.full(width, np.inf)
        for (old, on), before in cost.items():
            price = (0.0 if on else task.start_ct) + (0.0 if old == phases else task.phase_change_ct)
            entry = np.minimum(entry, before + price)
        unit_w = phases * task.car.voltage_v
        cap_w = float("inf") if slot.cap_w is None else slot.cap_w + 1e-9
        currents = [a for a in range(task.car.min_a, task.car.max_a + 1) if a * unit_w <= cap_w]
        for scenario, (weight, part) in enumerate(zip(task.weights, parts, strict=True)):
            there = np.full(width, np.inf)
            for current_a in currents:
                power_w = current_a * unit_w
                ct = money_ct(power_w, slot.surplus_w[scenario], slot.hours, felt_ct(task, slot), slot)
                ct += (dearer_ct - later_ct) * power_w * slot.hours / 1000
                _add(there, entry, current_a * phases * part, weight * ct, full=task.room_wh is None)
            entry = there
        new[phases, True] = entry
    return new


def _add(there: Costs, before: Costs, step: int, ct: float, *, full: bool) -> None:
    """Lower `there` to what is reached by one more step; beyond the end is the end (`full`) or nowhere."""
    width = len(there)
    if step < width:
        np.minimum(there[step:], before[: width - step] + ct, out=there[step:])
    if full:
        there[-1] = min(there[-1], before[max(width - step, 0) :].min() + ct)


def needs_of(task: Task) -> list[tuple[int, float]]:
    """Return slots before, and need, of each departure; no more than there is room for.

    What a later one needs is never less; two that no slot parts are one.
    """
    room = float("inf") if task.room_wh is None else max(task.room_wh, 0.0)
    needs: dict[int, float] = {}
    for departure in task.departures:
        before = sum(slot.end_s <= departure.at_s + 1e-6 for slot in task.slots)
        needs[before] = max(needs.get(before, 0.0), min(departure.need_wh, room))
    return [(end, max(need for before, need in needs.items() if before <= end)) for end in sorted(needs)]


def late_part(task: Task) -> tuple[int, float] | None:
    """Return the slots before the late part of the largest need may begin, and what may be there then (kWh).

    Three hours before the first departure that needs most, or twice as long as full power takes.
    """
    needs = needs_of(task)
    if not needs or task.late_wh <= 0:
        return None
    before, need_wh = min(needs, key=lambda need: (-need[1], need[0]))
    full_w = task.car.max_a * max(task.car.phases) * task.car.voltage_v
    ahead_s = max(LATE_S, 2 * 3600 * task.late_wh / full_w)
    end_s = task.slots[before - 1].end_s if before else -np.inf
    begun = sum(slot.end_s <= end_s - ahead_s + 1e-6 for slot in task.slots)
    return begun, max(need_wh - task.late_wh, 0.0) / 1000


def money_ct(power_w: float, surplus_w: float, hours: float, import_ct: float, slot: PlanSlot) -> float:
    """Return the bill with the car less the bill without it."""

    def bill(net_w: float) -> float:
        return (max(net_w, 0.0) * import_ct - max(-net_w, 0.0) * slot.export_ct_per_kwh) * hours / 1000

    return bill(power_w - surplus_w) - bill(-surplus_w)


def felt_ct(task: Task, slot: PlanSlot) -> float:
    """Return the price of the grid as it is felt: above the ceiling only a departure buys."""
    price_ct = slot.import_ct_per_kwh
    if task.ceiling_ct is None or price_ct <= task.ceiling_ct:
        return price_ct
    return max(price_ct, OUT_OF_REACH * task.miss_ct_per_kwh)


def preference_ct(task: Task, slot: PlanSlot) -> float:
    """Return by how much a kWh is felt dearer: falling in a line from now to the next departure."""
    begun_s = task.slots[0].begin_s
    ends = [task.slots[before - 1].end_s for before, _ in needs_of(task) if before]
    end_s = min((end_s for end_s in ends if end_s >= slot.end_s), default=None)
    return 0.0 if end_s is None else task.later_is_better_ct * (end_s - slot.begin_s) / (end_s - begun_s)
