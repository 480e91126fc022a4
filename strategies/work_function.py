"""The engine the money strategies share: the work-function rule for metrical task systems.

Theory of operation. For every set-point the engine keeps the cost of the cheapest past that ends there: all
the money that could have been spent since plug-in, switching included, had one known what came. The present
set-point stays as long as it is its own cheapest past; once the regret of having stayed has grown to the
price of moving, the engine moves to the set-point that is. Large regret moves in seconds, small regret takes
minutes, no regret never moves (Borodin, Linial, Saks: "An optimal on-line algorithm for metrical task
systems", J. ACM 39, 1992).

The rule needs switching prices that are a metric: symmetric, and never dearer directly than by a detour.
Otherwise a third set-point can keep a bad one "supported" for hours. "Off" therefore exists twice, once per
phase setting: were there one, phases could be changed for free through it.

Set-points the hard limits forbid now are masked in the choice, never in the costs: their past stays true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from controller.model import Admissible, Charge, Command, Off, Prices, SiteSnapshot, Wish
from controller.units import MAX_CURRENT_A, MIN_CURRENT_A

MAX_INTERVAL_S = 60.0
"""A tick that comes later than this speaks of a gap, not of a minute that was seen (chosen)."""

EPSILON_CT = 1e-9
"""Below this two costs are equal: sums of rounding errors never move a contactor."""


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
    """Return every set-point in the engine's order: off x1, off x3, x1 rising, x3 rising."""
    currents = range(min_a, max_a + 1)
    off = (SetPoint(1, 0), SetPoint(3, 0))
    return off + tuple(SetPoint(phases, current_a) for phases in (1, 3) for current_a in currents)


@dataclass(frozen=True, slots=True)
class Metric:
    """What moving costs in ct, by construction symmetric and without profitable detours.

    A round trip off and on again costs `start_ct` and two writes, so each way carries half of it; a phase
    change costs the same whether the car charges or not; all that changes together is one write.
    """

    write_ct: float
    start_ct: float
    phase_change_ct: float

    @classmethod
    def of(cls, prices: Prices) -> "Metric":
        """Build from what things cost now; a negative price would reward switching and counts as zero."""
        return cls(max(prices.write_ct, 0.0), max(prices.start_ct, 0.0), max(prices.phase_change_ct, 0.0))

    def between_groups(self, here: int, there: int) -> float:
        """Return the price between two *different* set-points of these groups, in ct."""
        price_ct = self.write_ct
        if (here >= 2) != (there >= 2):
            price_ct += self.start_ct / 2
        if (here & 1) != (there & 1):
            price_ct += self.phase_change_ct
        return price_ct


@dataclass(frozen=True, slots=True)
class Economics:
    """What a kWh is worth and costs, in ct/kWh; `import_ct` may be felt rather than paid."""

    value_ct: float
    import_ct: float
    export_ct: float

    def running_ct(self, power_w: float, surplus_w: float, duration_s: float) -> float:
        """Return the cost of drawing `power_w` for `duration_s` beside `surplus_w` (negative: deficit)."""
        grid_w = power_w - surplus_w
        price_ct = self.import_ct if grid_w > 0 else self.export_ct
        return (grid_w * price_ct - power_w * self.value_ct) * duration_s / 3.6e6


@dataclass(frozen=True, slots=True)
class Past:
    """The engine's memory: cheapest cost in ct of any past ending in each set-point, least is zero."""

    min_a: int
    max_a: int
    cost_ct: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Regret:
    """How far the present set-point is from its limit, for the explanation.

    `best` is the set-point that will take over first, `regret_ct` of `price_ct` is reached, and
    `time_left_s` is how long that takes if nothing changes (None: never).
    """

    best: SetPoint
    regret_ct: float
    price_ct: float
    time_left_s: float | None


def fresh_past(snap: SiteSnapshot, metric: Metric) -> Past:
    """Return the memory of an engine that starts where the charger stands."""
    min_a, max_a = _range(snap.admissible)
    points = set_points(min_a, max_a)
    here = _index(snap, min_a, max_a)
    group = points[here].group
    cost = [metric.between_groups(group, point.group) for point in points]
    cost[here] = 0.0
    return Past(min_a, max_a, tuple(cost))


def decide(
    snap: SiteSnapshot, past: Past | None, economics: Economics, *, never_off: bool = False
) -> tuple[Wish, Past | None]:
    """Return the set-point the rule wants now and the new memory.

    Without a car there is nothing to remember; without a base load the memory waits and the present
    set-point is wished on, so that a blind minute neither moves nor forgets.
    """
    if not snap.car_connected:
        return Wish(Off(), "no car is connected"), None
    metric = Metric.of(snap.prices)
    if past is None or (past.min_a, past.max_a) != _range(snap.admissible):
        past = fresh_past(snap, metric)
    surplus_w = snap.surplus_w
    if surplus_w is None:
        return Wish(snap.in_force, "the base load is unknown, so nothing can be better"), past
    points = set_points(past.min_a, past.max_a)
    duration_s = min(max(snap.interval_s, 0.0), MAX_INTERVAL_S)
    running = _running(past, surplus_w, snap.voltage_v, duration_s, economics)
    raw = [a + b for a, b in zip(past.cost_ct, running, strict=True)]
    capped = _relaxed(raw, metric)
    least = min(capped)
    new_past = Past(past.min_a, past.max_a, tuple([cost - least for cost in capped]))

    here = _index(snap, past.min_a, past.max_a)
    allowed = _allowed(points, here, snap.admissible, never_off=never_off)
    target = _supporter(points, here, raw, capped, metric, allowed)
    regret = _regret(points, here, target, raw, running, metric, duration_s, never_off=never_off)
    return _wish(snap, points, here, target, running, duration_s, economics, regret), new_past


def _range(admissible: Admissible) -> tuple[int, int]:
    low = min(max(admissible.min_current_a, MIN_CURRENT_A), MAX_CURRENT_A)
    return low, min(max(admissible.max_current_a, low), MAX_CURRENT_A)


def _index(snap: SiteSnapshot, min_a: int, max_a: int) -> int:
    """Return the set-point the charger stands at, or the nearest the engine knows."""
    command = snap.in_force
    if isinstance(command, Off):
        return 1 if snap.phases_set == 3 else 0
    span = max_a - min_a + 1
    offset = min(max(command.current_a, min_a), max_a) - min_a
    return 2 + offset + (span if command.phases == 3 else 0)


def _running(
    past: Past, surplus_w: float, voltage_v: float, duration_s: float, economics: Economics
) -> list[float]:
    """Return what each set-point costs over this interval, relative to off, in ct.

    Power is priced at the feed-in price up to the surplus and at the import price above it; written out
    because this runs for every set-point of every tick of every day of a backtest.
    """
    per_w = duration_s / 3.6e6
    below_ct = (economics.export_ct - economics.value_ct) * per_w
    above_ct = (economics.import_ct - economics.value_ct) * per_w
    room_w = surplus_w if surplus_w > 0 else 0.0
    at_room_ct = (below_ct - above_ct) * room_w
    powers_w = _powers(past.min_a, past.max_a, voltage_v)
    return [power * below_ct if power <= room_w else at_room_ct + power * above_ct for power in powers_w]


@lru_cache(maxsize=256)
def _powers_at(min_a: int, max_a: int, voltage_dv: int) -> tuple[float, ...]:
    return tuple(point.phases * point.current_a * voltage_dv / 10 for point in set_points(min_a, max_a))


def _powers(min_a: int, max_a: int, voltage_v: float) -> tuple[float, ...]:
    """Return the power of each set-point in W, at the voltage rounded to 0.1 V."""
    return _powers_at(min_a, max_a, round(voltage_v * 10))


def _group_slices(count: int) -> tuple[tuple[int, int], ...]:
    span = (count - 2) // 2
    return ((0, 1), (1, 2), (2, 2 + span), (2 + span, 2 + 2 * span))


def _relaxed(raw: Sequence[float], metric: Metric) -> list[float]:
    """Return min over x of raw[x] + d(x, y) for every y.

    Distances depend on the groups alone, so the least of each group is all one needs.
    """
    slices = _group_slices(len(raw))
    least = [min(raw[a:b]) for a, b in slices]
    capped: list[float] = []
    for group, (a, b) in enumerate(slices):
        cap = min([least[other] + metric.between_groups(other, group) for other in range(4)])
        capped.extend([cost if cost < cap else cap for cost in raw[a:b]])
    return capped


def _allowed(points: Sequence[SetPoint], here: int, admissible: Admissible, *, never_off: bool) -> list[bool]:
    """Return which set-points may be chosen now: what the stages behind would let pass.

    Off keeps the phase setting it finds, so the other "off" is never chosen; its cost still counts, as the
    road to a start on other phases.
    """
    phases_now, charging = points[here].phases, points[here].current_a > 0
    phases = {phases_now} | (set(admissible.phase_options) if admissible.phase_change_in_s <= 0 else set())
    off = phases_now if admissible.stop_in_s <= 0 and not never_off else 0
    on = phases if (charging or admissible.start_in_s <= 0) and not admissible.only_stop else set()
    return [point.phases in on if point.current_a else point.phases == off for point in points]


def _supporter(
    points: Sequence[SetPoint],
    here: int,
    raw: Sequence[float],
    capped: Sequence[float],
    metric: Metric,
    allowed: Sequence[bool],
) -> int:
    """Return the set-point to be at: `here` while it is its own cheapest past, else its best supporter."""
    group = points[here].group
    distance = [metric.between_groups(other, group) for other in range(4)]
    limit = raw[here] - EPSILON_CT
    best, best_cost = here, float("inf")
    for index, point in enumerate(points):
        if index == here or not allowed[index]:
            continue
        if raw[index] + distance[point.group] < limit and capped[index] < best_cost:
            best, best_cost = index, capped[index]
    return best


def _regret(
    points: Sequence[SetPoint],
    here: int,
    target: int,
    raw: Sequence[float],
    running: Sequence[float],
    metric: Metric,
    duration_s: float,
    *,
    never_off: bool,
) -> Regret | None:
    """Return the race against the set-point that will win first; None if no other is cheaper to run."""
    group = points[here].group
    distance = [metric.between_groups(other, group) for other in range(4)]
    first: Regret | None = None
    for index, point in enumerate(points):
        if index == here or (never_off and point.current_a == 0):
            continue
        gain_ct = running[here] - running[index]
        price_ct = distance[point.group]
        regret_ct = raw[here] - raw[index]
        if index == target:
            return Regret(point, max(regret_ct, price_ct), price_ct, 0.0)
        if gain_ct <= EPSILON_CT or duration_s <= 0:
            continue
        left_s = max(price_ct - regret_ct, 0.0) / gain_ct * duration_s
        if first is None or first.time_left_s is None or left_s < first.time_left_s:
            first = Regret(point, regret_ct, price_ct, left_s)
    return first


def _wish(
    snap: SiteSnapshot,
    points: Sequence[SetPoint],
    here: int,
    target: int,
    running: Sequence[float],
    duration_s: float,
    economics: Economics,
    regret: Regret | None,
) -> Wish:
    """Return the target with its explanation in amounts."""
    surplus_w = snap.surplus_w or 0.0
    facts: dict[str, float | str] = {
        "value_ct_per_kwh": economics.value_ct,
        "import_ct_per_kwh": economics.import_ct,
        "surplus_w": surplus_w,
    }
    if duration_s > 0:
        facts["running_ct_per_h"] = running[here] * 3600 / duration_s
    if regret is None:
        return Wish(points[target].command, f"{points[here].command} is the best there is now", facts)
    facts |= {"next": str(regret.best.command), "regret_ct": regret.regret_ct, "price_ct": regret.price_ct}
    if target != here:
        reason = f"regret {regret.regret_ct:.2f} ct of {points[here].command} reached the price of moving"
    else:
        facts["time_left_s"] = regret.time_left_s or 0.0
        reason = (
            f"regret {max(regret.regret_ct, 0):.2f} of {regret.price_ct:.2f} ct, "
            f"{regret.best.command} in about {regret.time_left_s:.0f} s if this holds"
        )
    return Wish(points[target].command, reason, facts)
