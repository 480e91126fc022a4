"""Exact answers to small tasks by an integer programme (HiGHS): all scenarios, slots of any length.

It shares nothing with the planner but the task, and nothing at all with the dynamic programme beside it.
Unlike the planner it may choose any whole ampere in any scenario.
"""

from dataclasses import dataclass

import highspy

from controller.planner.task import Departure, PlanSlot, Task

OUT_OF_REACH = 0.75
"""The share of a missed kWh at which one above the ceiling is felt (docs/planner.md)."""

FULL_KWH = 0.35
"""What may go beyond a full battery for nothing (docs/planner.md)."""


LATE_S = 10_800.0
"""How long before the departure the late part may begin, at least (docs/planner.md)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The cheapest plan found and what no plan can be cheaper than, in ct; equal where `proven`."""

    found_ct: float
    bound_ct: float
    proven: bool


class _Program:
    """The model while it grows: expressions of HiGHS, money in ct, energy in kWh, power in A."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.solver = highspy.Highs()
        self.solver.silent()
        self.cost = 0.0
        self.energy = [self._slot(place, slot) for place, slot in enumerate(task.slots)]

    def number(self, most: float = highspy.kHighsInf, *, whole: bool = False) -> object:
        """Return a new variable from 0 to `most`."""
        kind = highspy.HighsVarType.kInteger if whole else highspy.HighsVarType.kContinuous
        return self.solver.addVariable(0.0, most, type=kind)

    def demand(self, condition: object) -> None:
        """Add a condition; one without variables is a truth already."""
        self.solver.addConstr(condition)

    def _slot(self, place: int, slot: PlanSlot) -> object:
        """Add one slot, return its expected energy."""
        task, car = self.task, self.task.car
        self.on, self.set, last_on, last_set = {}, {}, getattr(self, "on", None), getattr(self, "set", None)
        for phases in (1, 3):
            self.set[phases] = self.number(1, whole=True)
            self.on[phases] = self.number(1 if phases in car.phases else 0, whole=True)
            self.demand(self.on[phases] <= self.set[phases])
        self.demand(self.set[1] + self.set[3] == 1)
        start, change = self.number(), self.number()
        was_on = float(task.charging_now) if last_on is None else last_on[1] + last_on[3]
        was_three = float(task.phases_now == 3) if last_set is None else last_set[3]
        self.demand(start >= self.on[1] + self.on[3] - was_on)
        self.demand(change >= self.set[3] - was_three)
        self.demand(change >= was_three - self.set[3])
        self.cost += task.start_ct * start + task.phase_change_ct * change
        energy = 0.0
        for scenario, weight in enumerate(task.weights):
            for phases in car.phases:
                energy += weight * self._current(slot, phases, slot.surplus_w[scenario], weight)
        self.cost += preference_ct(task, slot) * energy
        return energy

    def _current(self, slot: PlanSlot, phases: int, surplus_w: float, weight: float) -> object:
        """Add the current in one scenario with its price, return its energy."""
        car, on = self.task.car, self.on[phases]
        unit_kw = phases * car.voltage_v / 1000
        top_a = car.max_a if slot.cap_w is None else min(car.max_a, int(slot.cap_w / unit_kw / 1000 + 1e-9))
        if top_a < car.min_a:
            self.demand(on <= 0)
            return 0.0
        current = self.number(top_a, whole=True)
        self.demand(current >= car.min_a * on)
        self.demand(current <= top_a * on)
        import_ct, export_ct = felt_ct(self.task, slot), slot.export_ct_per_kwh
        sun_a = max(surplus_w, 0.0) / 1000 / unit_kw
        bought = self.number(top_a)
        self.demand(bought <= current)
        if import_ct >= export_ct:  # the sun first, because it is cheaper
            self.demand(bought >= current - sun_a * on)
        elif sun_a >= top_a:
            self.demand(bought <= 0)
        else:  # the grid is cheaper: to be had only when the sun is used up
            grid = self.number(1, whole=True)
            self.demand(current - bought >= sun_a * grid)
            self.demand(bought <= (top_a - sun_a) * grid)
        self.cost += weight * slot.hours * unit_kw * (import_ct * bought + export_ct * (current - bought))
        return current * (unit_kw * slot.hours)

    def solve(self, limit_s: float | None) -> Answer:
        """Add what is missing, what is beyond and what is worth something later; find the optimum."""
        task, total = self.task, sum(self.energy)
        room_kwh = None if task.room_wh is None else max(task.room_wh, 0.0) / 1000
        needed: dict[float, float] = {}  # by the end of the last slot before a departure
        for departure in sorted(task.departures, key=lambda departure: departure.at_s):
            need_kwh = min(departure.need_wh / 1000, float("inf") if room_kwh is None else room_kwh)
            needed[_last_end(task, departure)] = max([need_kwh, *needed.values()])
        for end_s, need_kwh in needed.items():
            missing = self.number()
            ended = [slot.end_s <= end_s for slot in task.slots]
            there = sum(energy for energy, over in zip(self.energy, ended, strict=True) if over)
            self.demand(missing + there >= need_kwh)
            self.cost += task.miss_ct_per_kwh * missing
        if task.late_wh > 0 and needed:
            most_kwh = max(needed.values())
            end_s = min(end_s for end_s, need_kwh in needed.items() if need_kwh == most_kwh)
            full_w = task.car.voltage_v * task.car.max_a * max(task.car.phases)
            late_s = end_s - max(LATE_S, 7200 * task.late_wh / full_w)
            early = sum(
                e for e, slot in zip(self.energy, task.slots, strict=True) if slot.end_s <= late_s + 1e-6
            )
            too_early = self.number()
            self.demand(too_early >= early - max(most_kwh - task.late_wh / 1000, 0.0))
            self.cost += task.late_ct * too_early
        if room_kwh is None:
            self.cost -= task.later_value_ct * total
        else:
            useful, beyond = self.number(room_kwh), self.number()
            self.demand(useful <= total)
            self.demand(beyond >= total - room_kwh - FULL_KWH)
            self.cost += task.miss_ct_per_kwh * beyond - task.later_value_ct * useful
        self.solver.setOptionValue("mip_rel_gap", 0.0)
        self.solver.setOptionValue("mip_abs_gap", 1e-6)
        self.solver.setOptionValue("threads", 1)
        if limit_s is not None:
            self.solver.setOptionValue("time_limit", limit_s)
        self.solver.minimize(self.cost)
        info = self.solver.getInfo()
        proven = self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return Answer(info.objective_function_value, info.mip_dual_bound, proven)


def programme(task: Task, limit_s: float | None = None) -> Answer:
    """Return the least objective in ct of a task with at least one slot."""
    return _Program(task).solve(limit_s)


def felt_ct(task: Task, slot: PlanSlot) -> float:
    """Return the price of the grid as it is felt: above the ceiling only a departure buys."""
    price_ct = slot.import_ct_per_kwh
    barred = task.ceiling_ct is not None and price_ct > task.ceiling_ct
    return max(price_ct, OUT_OF_REACH * task.miss_ct_per_kwh) if barred else price_ct


def preference_ct(task: Task, slot: PlanSlot) -> float:
    """Return by how much a kWh is felt dearer: falling in a line from now to the next departure."""
    begun_s = task.slots[0].begin_s
    ends = [end for departure in task.departures if (end := _last_end(task, departure)) >= slot.end_s]
    if not ends:
        return 0.0
    end_s = min(ends)
    return task.later_is_better_ct * (end_s - slot.begin_s) / (end_s - begun_s)


def _last_end(task: Task, departure: Departure) -> float:
    """Return when the last slot before a departure ends, minus infinity where none does."""
    return max((s.end_s for s in task.slots if s.end_s <= departure.at_s + 1e-6), default=float("-inf"))
