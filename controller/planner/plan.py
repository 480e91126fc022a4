"""What comes out: for every slot the value of a kWh and why, what to expect of it, and the ways not taken.

A plan holds no set-points. The fast loop follows the sun that really shines and charges where the blend of
sun and grid costs less than the value; what is expected here is what that should come to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from controller.horizon import slot_at
from controller.planner.ladder import Ladder, cost_ct, most_a
from controller.planner.shadow import Solution, expected_values_ct, solve
from controller.planner.task import FULL_KWH, CarPower, PlanSlot, Task
from controller.planner.track import OFF
from controller.units import FULL_POWER_SHARE, LATEST_START_MARGIN_S

CLEAR_CT = 4.0
"""By how much the value of a slot stands off its price where the plan is decided about it, in ct/kWh.

In hours of one price the shadow price is that very price: it says how dear the need is and not which of the
hours to take. Wide enough for the fast loop to see within minutes and to stop what it has begun; what lies
between is a blend of sun and grid that hardly pays. Chosen on half of the sessions of `benchmarks.sessions`.
"""

SUN_CT = 2.0
"""By how much the value stands off the feed-in price where the sun is to be taken (chosen so too)."""

TIE_CT = 1.0
"""A shadow price this near to the price of a slot is that price: a start and a change of phases are worth
about as much to a quarter at full power (chosen)."""


class Reason(StrEnum):
    """What makes a kWh worth what it is worth."""

    LATER = "later"
    TARGET = "target"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One slot of the plan. Energies in Wh and the cost in ct are expected, over all scenarios of the sun.

    `p10_wh` and `p90_wh` are what a dark and a bright sky would make of it; `surplus_w` is the middle one.
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

    `gap_ct`: by how much, at most, a better plan would be cheaper. `latest_start_s`: from when on only full
    power meets the next departure, None without a need.
    """

    made_s: float
    slots: tuple[PlannedSlot, ...]
    energy_wh: float
    cost_ct: float
    missing_wh: float
    gap_ct: float
    latest_start_s: float | None

    def at(self, at_s: float) -> PlannedSlot | None:
        """Return the slot that holds at an instant, None beyond the plan."""
        return slot_at(self.slots, at_s)


def make_plan(task: Task) -> Plan:
    """Return the plan of a task. Raises nothing; without slots the plan is empty."""
    found = solve(task)
    if any(len(set(slot.surplus_w)) > 1 for slot in task.slots):
        found = replace(found, values_ct=expected_values_ct(task))
    slots = tuple([_planned(task, found, place) for place in range(len(task.slots))])
    through = found.track.through_kwh
    missing = [need_wh - through[before] * 1000 for before, need_wh in task.needs]
    return Plan(
        made_s=task.slots[0].begin_s if task.slots else 0.0,
        slots=slots,
        energy_wh=through[-1] * 1000,
        cost_ct=sum(slot.cost_ct for slot in slots),
        missing_wh=max([*missing, 0.0]) if max([*missing, 0.0]) > 1.0 else 0.0,
        gap_ct=found.gap_ct,
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
        power_w = _most_w(task.car, slot.cap_w)
        energy_kwh = min(power_w * slot.hours / 1000, left_kwh)
        if energy_kwh <= 0:
            continue
        hours = energy_kwh / power_w * 1000
        cost += _expected(
            task,
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
        more = min(_expected(task, taken), max(room_kwh - energy, 0.0))
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


def _planned(task: Task, found: Solution, place: int) -> PlannedSlot:
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
    energies = [power_w * slot.hours for power_w in powers_w]
    return PlannedSlot(
        begin_s=slot.begin_s,
        end_s=slot.end_s,
        value_ct_per_kwh=_value_ct(task, found, place),
        reason=_reason(task, found, place),
        phases=phases,
        expected_wh=_expected(task, energies),
        p10_wh=min(energies),
        p90_wh=max(energies),
        cost_ct=_expected(task, costs),
        import_ct_per_kwh=slot.import_ct_per_kwh,
        export_ct_per_kwh=slot.export_ct_per_kwh,
        surplus_w=slot.surplus_w[len(slot.surplus_w) // 2],
        estimated=slot.estimated,
    )


def _value_ct(task: Task, found: Solution, place: int) -> float:
    """Return the value to follow: the shadow price, moved off the slot's own price where both are the same.

    There the price says how dear the need is and not which of the hours to take, and the track decides.
    """
    reason = _reason(task, found, place)
    if reason is Reason.FULL:
        return task.later_value_ct  # how full it is is only reckoned: the car itself knows, and stops
    value_ct = max(found.values_ct[place] - found.prefer_ct[place], _sun_ct(task, found, place))
    ladders, (phases, height) = found.slots[place], found.track.choices[place]
    if not ladders:
        return value_ct
    if reason is Reason.LATER:
        price_ct = task.slots[place].import_ct_per_kwh
        beside = abs(value_ct - price_ct) > TIE_CT
        return value_ct if beside else max(price_ct - CLEAR_CT, _sun_ct(task, found, place))
    if phases != OFF:
        return min(_chosen_ct(value_ct, ladders[phases], height), task.miss_ct_per_kwh)
    first_ct = min(ladder.cost_ct[0] / ladder.energy_kwh[0] for ladder in ladders.values())
    if value_ct > first_ct + TIE_CT:
        return value_ct
    wary_ct = max(first_ct - CLEAR_CT, min(task.later_value_ct, value_ct))
    return max(min(value_ct, wary_ct), _sun_ct(task, found, place))


def _chosen_ct(value_ct: float, ladder: Ladder, height: int) -> float:
    """Return the value in a slot that the track takes up to this height of its ladder."""
    top_ct = _top_ct(ladder, height)
    next_ct = ladder.slopes[height] if height < len(ladder.slopes) else float("inf")
    if value_ct < top_ct - TIE_CT:
        return value_ct  # other skies say wait
    if next_ct <= top_ct + TIE_CT:
        return max(value_ct, top_ct + CLEAR_CT)
    least_ct = min(top_ct + CLEAR_CT, (top_ct + next_ct) / 2)
    if abs(value_ct - next_ct) <= TIE_CT:  # nor does the next step pay: stand off from it
        return max(least_ct, next_ct - CLEAR_CT)
    return max(value_ct, least_ct)


def _sun_ct(task: Task, found: Solution, place: int) -> float:
    """Return the least value in a slot so that the sun is taken that really shines, in ct.

    While more is wanted and nothing cheaper than the sun is ahead, sun now is as cheap as sun later and
    surer: it may not be left for a forecast. Where there is more of it than the car can take, the shadow
    price is the feed-in price itself and says nothing.
    """
    export_ct, shadow_ct = task.slots[place].export_ct_per_kwh, found.values_ct[place]
    if shadow_ct < export_ct - TIE_CT:
        return float("-inf")
    return min(export_ct + SUN_CT, max(shadow_ct, task.later_value_ct))


def _top_ct(ladder: Ladder, height: int) -> float:
    """Return what the dearest kWh up to this height costs on the ladder, in ct."""
    mean_ct = ladder.cost_ct[height] / ladder.energy_kwh[height]
    return max(mean_ct, ladder.slopes[height - 1]) if height else mean_ct


def _reason(task: Task, found: Solution, place: int) -> Reason:
    if task.room_wh is not None and found.track.through_kwh[place] >= task.room_wh / 1000 - FULL_KWH / 100:
        return Reason.FULL
    ahead = any(place < before and need_wh > 0 for before, need_wh in task.needs)
    return Reason.TARGET if ahead and found.values_ct[place] > task.later_value_ct + 0.01 else Reason.LATER


def _expected(task: Task, values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(task.weights, values, strict=True))


def _most_w(car: CarPower, cap_w: float | None) -> float:
    powers = [a * p * car.voltage_v for p in car.phases if (a := most_a(car, p, cap_w)) >= car.min_a]
    return max(powers, default=0.0)


def _covered_w(car: CarPower, slot: PlanSlot, surplus_w: float) -> float:
    """Return the most whole ampere that this surplus covers, as power."""
    best_w = 0.0
    for phases in car.phases:
        unit_w = phases * car.voltage_v
        current_a = min(int(max(surplus_w, 0.0) / unit_w), most_a(car, phases, slot.cap_w))
        if current_a >= car.min_a:
            best_w = max(best_w, current_a * unit_w)
    return best_w
