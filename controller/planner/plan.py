"""What comes out: for every slot the value of a kWh and why, what to expect of it, and the ways not taken.

A plan holds no set-points. The fast loop follows the sun that really shines and charges where the blend of
sun and grid costs less than the value; what is expected here is what that should come to.
"""

from dataclasses import dataclass, replace

from controller.horizon import slot_at
from controller.planner.ladder import cost_ct, most_a, most_w
from controller.planner.purchase import Layout, laid_out
from controller.planner.shadow import expected_values_ct, solve
from controller.planner.task import CarPower, PlanSlot, Task
from controller.planner.values import Reason, Value, values
from controller.units import FULL_POWER_SHARE, LATEST_START_MARGIN_S

HARDLY_WH = 1.0
"""Less than this is not missing."""


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One slot of the plan, or a part of one where buying begins or ends in it.

    Energies in Wh and the cost in ct are expected, over all scenarios of the sun. `p10_wh` and `p90_wh` are
    what a dark and a bright sky would make of it; `surplus_w` is the middle one.
    """

    begin_s: float
    end_s: float
    value_ct_per_kwh: float
    reason: Reason
    phases: int
    expected_wh: float
    p10_wh: float
    p90_wh: float
    cost_ct: float
    import_ct_per_kwh: float
    export_ct_per_kwh: float
    surplus_w: float
    estimated: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """What another way would cost and bring: ct and Wh, expected."""

    cost_ct: float
    energy_wh: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan made at `made_s` (UTC). `missing_wh` is what no plan can bring in time.

    `latest_start_s`: from when on only full power meets the next departure, None without a need.
    """

    made_s: float
    slots: tuple[PlannedSlot, ...]
    energy_wh: float
    cost_ct: float
    missing_wh: float
    latest_start_s: float | None

    def at(self, at_s: float) -> PlannedSlot | None:
        """Return the slot that holds at an instant, None beyond the plan."""
        return slot_at(self.slots, at_s)


def make_plan(task: Task) -> Plan:
    """Return the plan of a task. Raises nothing; without slots the plan is empty."""
    found = solve(task)
    if any(len(set(slot.surplus_w)) > 1 for slot in task.slots):
        found = replace(found, values_ct=expected_values_ct(task))
    layout = laid_out(task, found)
    slots = tuple([_planned(layout, place, value) for place, value in enumerate(values(layout))])
    missing_wh = max(
        [need_wh - found.track.through_kwh[before] * 1000 for before, need_wh in task.needs], default=0.0
    )
    return Plan(
        made_s=task.slots[0].begin_s if task.slots else 0.0,
        slots=slots,
        energy_wh=layout.found.track.through_kwh[-1] * 1000,
        cost_ct=sum(slot.cost_ct for slot in slots),
        missing_wh=missing_wh if missing_wh > HARDLY_WH else 0.0,
        latest_start_s=latest_start_s(task),
    )


def latest_start_s(task: Task) -> float | None:
    """Return when full power must begin so that every departure is met, UTC; None without a need."""
    starts = [
        departure.at_s
        - LATEST_START_MARGIN_S
        - departure.need_wh / (task.car.max_w * FULL_POWER_SHARE) * 3600
        for departure in task.departures
        if departure.need_wh > 0
    ]
    return min(starts, default=None)


def full_power_now(task: Task) -> Alternative:
    """Return what charging from now on with all power costs until the needs are met.

    Without a need it is until the battery is full, or as much as the plan brings.
    """
    wanted_wh = max([need_wh for _, need_wh in task.needs], default=0.0)
    if not task.needs:
        wanted_wh = task.room_wh if task.room_wh is not None else solve(task).track.through_kwh[-1] * 1000
    left_kwh, cost = wanted_wh / 1000, 0.0
    for slot in task.slots:
        power_w = most_w(task.car, slot.cap_w)
        energy_kwh = min(power_w * slot.hours / 1000, left_kwh)
        if energy_kwh <= 0:
            continue
        hours = energy_kwh / power_w * 1000
        cost += task.expected(
            [
                cost_ct(power_w, w, hours, slot.import_ct_per_kwh, slot.export_ct_per_kwh)
                for w in slot.surplus_w
            ],
        )
        left_kwh -= energy_kwh
    return Alternative(cost, wanted_wh - left_kwh * 1000)


def sun_only(task: Task) -> Alternative:
    """Return what the sun alone brings until the last departure, in whole ampere it covers entirely."""
    until = max([before for before, _ in task.needs], default=len(task.slots))
    room_kwh = float("inf") if task.room_wh is None else task.room_wh / 1000
    energy = cost = 0.0
    for slot in task.slots[:until]:
        taken = [_covered_w(task.car, slot, surplus_w) * slot.hours / 1000 for surplus_w in slot.surplus_w]
        more = min(task.expected(taken), max(room_kwh - energy, 0.0))
        energy += more
        cost += more * slot.export_ct_per_kwh
    return Alternative(cost, energy * 1000)


def bounds_ct(task: Task) -> tuple[float, float]:
    """Return what the plan costs where the sky stays bright and where it stays dark, in ct.

    Each is planned anew: who sees a dark day coming buys other hours.
    """
    bright, dark = (
        sum(slot.cost_ct for slot in make_plan(replace(task, weights=weights)).slots)
        for weights in ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    )
    return bright, dark


def _planned(layout: Layout, place: int, value: Value) -> PlannedSlot:
    task, found = layout.task, layout.found
    slot, ladders = task.slots[place], found.slots[place]
    phases, height = found.track.choices[place]
    powers_w = [0.0] * len(slot.surplus_w)
    if phases:
        currents = ladders[phases].currents_a(height, len(slot.surplus_w))
        powers_w = [current_a * phases * task.car.voltage_v for current_a in currents]
    costs = [
        cost_ct(power_w, surplus_w, slot.hours, slot.import_ct_per_kwh, slot.export_ct_per_kwh)
        for power_w, surplus_w in zip(powers_w, slot.surplus_w, strict=True)
    ]
    share = layout.shares[place]
    energies = [power_w * slot.hours * share for power_w in powers_w]
    return PlannedSlot(
        begin_s=slot.begin_s,
        end_s=slot.end_s,
        value_ct_per_kwh=value.ct_per_kwh,
        reason=value.reason,
        phases=phases,
        expected_wh=task.expected(energies),
        p10_wh=min(energies),
        p90_wh=max(energies),
        cost_ct=task.expected(costs) * share,
        import_ct_per_kwh=slot.import_ct_per_kwh,
        export_ct_per_kwh=slot.export_ct_per_kwh,
        surplus_w=slot.surplus_w[len(slot.surplus_w) // 2],
        estimated=slot.estimated,
    )


def _covered_w(car: CarPower, slot: PlanSlot, surplus_w: float) -> float:
    """Return the most whole ampere that this surplus covers, as power."""
    best_w = 0.0
    for phases in car.phases:
        unit_w = phases * car.voltage_v
        current_a = min(int(max(surplus_w, 0.0) / unit_w), most_a(car, phases, slot.cap_w))
        if current_a >= car.min_a:
            best_w = max(best_w, current_a * unit_w)
    return best_w
