"""Exact answers to small tasks of one scenario, by dynamic programming over every ampere (NumPy).

It shares nothing with the planner but the task. Energy is counted in steps of an ampere on a phase for a
slot, so all slots must have one length. States: phases set (1 or 3) and whether it charges.
"""

import numpy as np

from controller.planner.task import Task

Objective = float


def optimum(task: Task) -> Objective:
    """Return the least objective in ct: money and switching, missing kWh, less the value of what is there."""
    (hours,) = {round(slot.hours, 9) for slot in task.slots}
    unit_kwh = task.car.voltage_v * hours / 1000
    most = int(sum(task.car.max_a * max(task.car.phases) for _ in task.slots))
    ends = [(before, need_wh / 1000 / unit_kwh) for before, need_wh in needs_of(task)]
    reach = max([need for _, need in ends], default=0.0)
    room = None if task.room_wh is None else task.room_wh / 1000 / unit_kwh
    reach = max(reach, room or 0.0)
    # Beyond need and room nothing changes but the later value, and only if there is no room to count.
    width = most + 1 if room is None else min(most, int(reach) + 8 + 3 * task.car.max_a) + 1
    infinite = np.inf
    cost = {(phases, on): np.full(width, infinite) for phases in (1, 3) for on in (False, True)}
    cost[task.phases_now, task.charging_now][0] = 0.0
    energy = np.arange(width)
    for place, slot in enumerate(task.slots):
        new = {state: np.full(width, infinite) for state in cost}
        for (phases, _), before in cost.items():
            new[phases, False] = np.minimum(new[phases, False], before)
        for phases in task.car.phases:
            entry = np.full(width, infinite)
            for (old, on), before in cost.items():
                price = (0.0 if on else task.start_ct) + (0.0 if old == phases else task.phase_change_ct)
                entry = np.minimum(entry, before + price)
            for current_a in range(task.car.min_a, task.car.max_a + 1):
                power_w, step = current_a * phases * task.car.voltage_v, current_a * phases
                if slot.cap_w is not None and power_w > slot.cap_w + 1e-9:
                    continue
                if step >= width:
                    continue
                ct = money_ct(
                    power_w, slot.surplus_w[0], hours, slot.import_ct_per_kwh, slot.export_ct_per_kwh
                )
                there = np.full(width, infinite)
                there[step:] = entry[: width - step] + ct
                new[phases, True] = np.minimum(new[phases, True], there)
        for before, need in ends:
            if before == place + 1:
                missing = np.maximum(need - energy, 0.0) * unit_kwh * task.miss_ct_per_kwh
                new = {state: values + missing for state, values in new.items()}
        cost = new
    there_kwh = energy * unit_kwh
    counted, beyond = there_kwh, np.zeros(width)
    if task.room_wh is not None:
        counted = np.minimum(there_kwh, task.room_wh / 1000)
        beyond = np.maximum(there_kwh - task.room_wh / 1000 - 0.35, 0.0) * task.miss_ct_per_kwh
    return float(min((values + beyond - task.later_value_ct * counted).min() for values in cost.values()))


def needs_of(task: Task) -> list[tuple[int, float]]:
    """Return slots before, and need, of each departure; no more than there is room for."""
    room = float("inf") if task.room_wh is None else task.room_wh
    return [
        (sum(slot.end_s <= departure.at_s + 1e-6 for slot in task.slots), min(departure.need_wh, room))
        for departure in sorted(task.departures, key=lambda departure: departure.at_s)
    ]


def money_ct(power_w: float, surplus_w: float, hours: float, import_ct: float, export_ct: float) -> float:
    """Return the bill with the car less the bill without it."""

    def bill(net_w: float) -> float:
        return (max(net_w, 0.0) * import_ct - max(-net_w, 0.0) * export_ct) * hours / 1000

    return bill(power_w - surplus_w) - bill(-surplus_w)
