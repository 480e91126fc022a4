"""What a slot can give: energy and cost in steps of one ampere, on one and on three phases.

The fast loop follows the sun that really shines, so a slot is not one power but, in every scenario of the
sun, the best power for a value of a kWh. In order of their price, these steps are a ladder: a value says how
high to climb. Money is ct, energy kWh; costs are beside not charging at all.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from controller.planner.task import CarPower, PlanSlot, Task

CEILING_SHARE = 0.75
"""A kWh above the ceiling is felt at this share of what a missed one costs: only a departure buys it."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """One slot on one number of phases. Step `n` costs `slopes[n]` ct for each further kWh.

    `energy_kwh[n]`, `cost_ct[n]` are expected, after `n` steps; step 0 is the least current. `climbs` names
    for each step the scenario that climbs and the current it reaches.
    """

    phases: int
    slopes: tuple[float, ...]
    energy_kwh: tuple[float, ...]
    cost_ct: tuple[float, ...]
    climbs: tuple[tuple[int, int], ...]
    least_a: int

    def height(self, value_ct: float) -> int:
        """Return how many steps are worth it at this value of a kWh."""
        return bisect_right(self.slopes, value_ct)

    def currents_a(self, height: int, scenarios: int) -> tuple[int, ...]:
        """Return the current of each scenario after so many steps."""
        currents = [self.least_a] * scenarios
        for scenario, current_a in self.climbs[:height]:
            currents[scenario] = current_a
        return tuple(currents)


def cost_ct(power_w: float, surplus_w: float, hours: float, import_ct: float, export_ct: float) -> float:
    """Return what drawing this power costs beside drawing nothing, in ct."""
    bought_w = max(power_w - surplus_w, 0.0) - max(-surplus_w, 0.0)
    unsold_w = max(surplus_w, 0.0) - max(surplus_w - power_w, 0.0)
    return (bought_w * import_ct + unsold_w * export_ct) * hours / 1000


def felt_import_ct(slot: PlanSlot, task: Task) -> float:
    """Return the price of the grid in this slot as the plan feels it: out of reach above the ceiling."""
    price_ct = slot.import_ct_per_kwh
    if task.ceiling_ct is not None and price_ct > task.ceiling_ct:
        return max(price_ct, CEILING_SHARE * task.miss_ct_per_kwh)
    return price_ct


def ladders(task: Task) -> list[dict[int, Ladder]]:
    """Return the ladders of every slot by phases; a slot whose cap bars a number of phases lacks it."""
    known: dict[tuple[object, ...], dict[int, Ladder]] = {}
    found = []
    for slot in task.slots:
        price_ct = felt_import_ct(slot, task)
        key = (price_ct, slot.export_ct_per_kwh, slot.surplus_w, slot.end_s - slot.begin_s, slot.cap_w)
        if key not in known:
            known[key] = {
                phases: ladder
                for phases in task.car.phases
                if (ladder := _ladder(slot, phases, price_ct, task.car, task.weights)) is not None
            }
        found.append(known[key])
    return found


def most_a(car: CarPower, phases: int, cap_w: float | None) -> int:
    """Return the most current on these phases under a cap, below `min_a` where none is possible."""
    if cap_w is None:
        return car.max_a
    return min(car.max_a, int(cap_w / (phases * car.voltage_v) + 1e-9))


def most_w(car: CarPower, cap_w: float | None) -> float:
    """Return the most power under a cap, 0 where not even the least current is possible."""
    powers = [a * p * car.voltage_v for p in car.phases if (a := most_a(car, p, cap_w)) >= car.min_a]
    return max(powers, default=0.0)


def _ladder(
    slot: PlanSlot, phases: int, import_ct: float, car: CarPower, weights: Sequence[float]
) -> Ladder | None:
    top_a, hours, export_ct = most_a(car, phases, slot.cap_w), slot.hours, slot.export_ct_per_kwh
    if top_a < car.min_a:
        return None
    unit_w = phases * car.voltage_v
    kwh_per_a = unit_w * hours / 1000
    convex = import_ct >= export_ct  # else half measures are the worst: all or the least
    currents = list(range(car.min_a, top_a + 1)) if convex else sorted({car.min_a, top_a})
    energy = sum(weights) * car.min_a * kwh_per_a
    cost = 0.0
    steps: list[tuple[float, int, int, float]] = []
    for scenario, (weight, surplus_w) in enumerate(zip(weights, slot.surplus_w, strict=True)):
        cost += weight * cost_ct(car.min_a * unit_w, surplus_w, hours, import_ct, export_ct)
        sun_a = surplus_w / unit_w
        for before_a, current_a in pairwise(currents):
            if sun_a >= current_a:
                slope = export_ct
            elif sun_a <= before_a:
                slope = import_ct
            else:
                slope = import_ct + (export_ct - import_ct) * (sun_a - before_a) / (current_a - before_a)
            steps.append((slope, scenario, current_a, weight * (current_a - before_a) * kwh_per_a))
    steps.sort()
    return Ladder(
        phases,
        tuple([slope for slope, _, _, _ in steps]),
        tuple(accumulate([kwh for _, _, _, kwh in steps], initial=energy)),
        tuple(accumulate([slope * kwh for slope, _, _, kwh in steps], initial=cost)),
        tuple([(scenario, current_a) for _, scenario, current_a, _ in steps]),
        car.min_a,
    )
