"""What a slot can give: energy and cost in steps of one ampere, on one and on three phases.

The fast loop follows the sun that really shines, so a slot is not one power but, in every scenario of the
sun, the best power for a value of a kWh. In order of their price, these steps are a ladder: a value says how
high to climb. Money is ct, energy kWh; costs are beside not charging at all.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

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


def _ladder(
    slot: PlanSlot, phases: int, import_ct: float, car: CarPower, weights: Sequence[float]
) -> Ladder | None:
    top_a, hours, export_ct = most_a(car, phases, slot.cap_w), slot.hours, slot.export_ct_per_kwh
    if top_a < car.min_a:
        return None
    unit_w = phases * car.voltage_v
    convex = import_ct >= export_ct  # else half measures are the worst: all or the least
    currents = range(car.min_a, top_a + 1) if convex else sorted({car.min_a, top_a})
    energy = cost = 0.0
    steps: list[tuple[float, int, int, float, float]] = []
    for scenario, weight in enumerate(weights):
        surplus_w = slot.surplus_w[scenario]
        before_a, before_ct, slope = 0, 0.0, float("-inf")
        for current_a in currents:
            price_ct = cost_ct(current_a * unit_w, surplus_w, hours, import_ct, export_ct)
            if before_a == 0:
                energy += weight * current_a * unit_w * hours / 1000
                cost += weight * price_ct
            else:
                more_kwh = (current_a - before_a) * unit_w * hours / 1000
                more_ct = price_ct - before_ct
                slope = max(slope, more_ct / more_kwh)  # rounding must not let a higher ampere come first
                steps.append((slope, scenario, current_a, weight * more_kwh, weight * more_ct))
            before_a, before_ct = current_a, price_ct
    steps.sort()
    energies, costs = [energy], [cost]
    for _, _, _, more_kwh, more_ct in steps:
        energies.append(energies[-1] + more_kwh)
        costs.append(costs[-1] + more_ct)
    return Ladder(
        phases,
        tuple([step[0] for step in steps]),
        tuple(energies),
        tuple(costs),
        tuple([(step[1], step[2]) for step in steps]),
        car.min_a,
    )
