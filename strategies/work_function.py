"""The engine the money strategies share: a work function of the past, an outlook on the next minutes.

Theory of operation. For every set-point the engine keeps the cost of the cheapest past that ends there: all
the money that could have been spent since plug-in, switching included, had one known what came (Borodin,
Linial, Saks: "An optimal on-line algorithm for metrical task systems", J. ACM 39, 1992). To it comes what the
next minutes will probably cost there (`outlook`). The present set-point stays until another one, the price of
moving included, is cheaper by both together. Large regret moves in seconds, small regret takes minutes, no
regret never moves. A wrong outlook can be overruled: the regret of having followed it grows until it wins.

The rule needs switching prices that are a metric: symmetric, and never dearer directly than by a detour.
Otherwise a third set-point can keep a bad one "supported" for hours.

Set-points the hard limits forbid now are masked in the choice, never in the costs: their past stays true.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.model import Off, SiteSnapshot, Wish
from strategies import explanation
from strategies.economics import Economics, Metric
from strategies.outlook import Outlook, Weights, doubt_ct, expected_ct, follow, leaned
from strategies.set_points import allowed, current_range, draws_w, group_slices, index_of, set_points

MAX_INTERVAL_S = 60.0
"""A tick that comes later than this speaks of a gap, not of a minute that was seen (chosen)."""

EPSILON_CT = 1e-9
"""Below this two costs are equal: sums of rounding errors never move a contactor."""


@dataclass(frozen=True, slots=True)
class Past:
    """The engine's memory: cheapest cost in ct of any past ending in each set-point, least is zero."""

    min_a: int
    max_a: int
    cost_ct: tuple[float, ...]
    outlook: Outlook | None = None


def fresh_past(snap: SiteSnapshot, metric: Metric) -> Past:
    """Return the memory of an engine that starts where the charger stands."""
    min_a, max_a = current_range(snap.admissible)
    points = set_points(min_a, max_a)
    here = index_of(snap, min_a, max_a)
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
    metric, weights = Metric.of(snap.prices, economics), leaned(economics)
    if past is None or (past.min_a, past.max_a) != current_range(snap.admissible):
        past = fresh_past(snap, metric)
    surplus_w = snap.surplus_w
    if surplus_w is None:
        return Wish(snap.in_force, "the base load is unknown, so nothing can be better"), past
    min_a, max_a = past.min_a, past.max_a
    powers_w = draws_w(min_a, max_a, round(snap.voltage_v, 1), snap.car)
    duration_s = min(max(snap.interval_s, 0.0), MAX_INTERVAL_S)
    running = _running(powers_w, surplus_w, duration_s, economics)
    raw = [a + b for a, b in zip(past.cost_ct, running, strict=True)]
    capped = _relaxed(raw, metric)
    least = min(capped)

    one, three = group_slices(len(powers_w))[2:]
    spans_w = ((powers_w[one[0]], powers_w[one[1] - 1]), (powers_w[three[0]], powers_w[three[1] - 1]))
    now = follow(None, surplus_w, duration_s, spans_w, weights)
    outlook = follow(past.outlook, surplus_w, duration_s, spans_w, weights)
    expected = expected_ct(outlook, spans_w, economics, weights)
    soon = _soon(snap, surplus_w, powers_w, economics, weights, weights.spread * outlook.change_w)
    ahead = [
        *soon[:2],
        *[cost + expected[0] for cost in soon[one[0] : one[1]]],
        *[cost + expected[1] for cost in soon[three[0] : three[1]]],
    ]
    standing = [a + b for a, b in zip(raw, ahead, strict=True)]

    here = index_of(snap, min_a, max_a)
    may = allowed(min_a, max_a, here, snap.admissible, never_off=never_off)
    priced = _priced(standing, here, metric)
    best, rival = _best(priced, here, may, never_off=never_off)
    race = explanation.Race(
        min_a=min_a,
        max_a=max_a,
        here=here,
        target=best,
        rival=rival,
        powers_w=powers_w,
        running=running,
        standing=standing,
        priced=priced,
        duration_s=duration_s,
        outlook=outlook,
        now=now,
        spans_w=spans_w,
        weights=weights,
    )
    memory = Past(min_a, max_a, tuple([cost - least for cost in capped]), outlook)
    return explanation.wish(snap, race, economics), memory


def _running(
    powers_w: Sequence[float], surplus_w: float, duration_s: float, economics: Economics
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
    return [power * below_ct if power <= room_w else at_room_ct + power * above_ct for power in powers_w]


def _soon(
    snap: SiteSnapshot,
    surplus_w: float,
    powers_w: Sequence[float],
    economics: Economics,
    weights: Weights,
    spread_w: float,
) -> list[float]:
    """Return what the next seconds cost at each set-point in ct, the doubt about them included.

    The last seconds of the interval are fresher than its mean, and their trend is carried on.
    """
    latest_w = surplus_w if snap.latest_base_import_w is None else -snap.latest_base_import_w
    soon_w = surplus_w + weights.trend * (latest_w - surplus_w)
    sure = _running(powers_w, soon_w, weights.next_s, economics)
    doubt = doubt_ct(powers_w, soon_w, spread_w, weights.next_s, economics)
    return [a + b for a, b in zip(sure, doubt, strict=True)]


def _relaxed(raw: Sequence[float], metric: Metric) -> list[float]:
    """Return min over x of raw[x] + d(x, y) for every y.

    Distances depend on the groups alone, so the least of each group is all one needs.
    """
    slices, steps_ct = group_slices(len(raw)), metric.steps_ct
    least = [min(raw[a:b]) for a, b in slices]
    capped: list[float] = []
    for group, (a, b) in enumerate(slices):
        cap = min([least[other] + steps_ct[other ^ group] for other in range(4)])
        capped.extend([cost if cost < cap else cap for cost in raw[a:b]])
    return capped


def _best(priced: Sequence[float], here: int, may: Sequence[bool], *, never_off: bool) -> tuple[int, int]:
    """Return the set-point to choose, and the rival of `here`: that one, or who is nearest to replacing it.

    The two ways of being off differ in the phases they wait on only: neither is a rival of the other.
    """
    offs = group_slices(len(priced))[1][1]
    best, runner_up = here, -1
    limit, near = priced[here] - EPSILON_CT, float("inf")
    for index, cost in enumerate(priced):
        if index == here or (index < offs and (never_off or here < offs)):
            continue
        if may[index] and cost < limit:
            best, limit = index, cost
        if cost < near:
            runner_up, near = index, cost
    return best, best if best != here else runner_up


def _priced(standing: Sequence[float], here: int, metric: Metric) -> list[float]:
    """Return each set-point's cost with the price of moving there; staying is free."""
    slices, steps_ct = group_slices(len(standing)), metric.steps_ct
    group = next(place for place, (a, b) in enumerate(slices) if a <= here < b)
    priced: list[float] = []
    for other, (a, b) in enumerate(slices):
        price_ct = steps_ct[group ^ other]
        priced.extend([cost + price_ct for cost in standing[a:b]])
    priced[here] = standing[here]
    return priced
