"""The shadow price: what a kWh must be worth in every slot so that all needs are just met.

For given values the slots decide apart from each other, so the search is for one number per departure
(Lagrange): the value before a departure is that of a later kWh plus the prices of all departures still ahead,
less the price of room in a battery that gets full. Every try gives a lower bound and says how steeply it
rises; where two such tangents cross is the next try (Kelley 1960). Where no value meets a need exactly,
tracks from both sides of the step are joined and mended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from controller.planner.join import joined
from controller.planner.ladder import ladders
from controller.planner.mend import mended
from controller.planner.task import Task
from controller.planner.track import Choice, Prices, Slots, Track, best_track, ending_ct, track_of

PASSES = 16
"""Tries along one way; most end after 3 to 8, because the bound cannot rise any more."""

ENOUGH_CT = 0.001
"""A bound that could rise by no more than this is the best one."""

GOOD_CT = 1.0
"""A plan certified to be this near the best is not mended further (chosen: far below what forecasts know)."""

NEAR_CT = 70.0
"""A track this much dearer at the prices than the best plan is still worth mending (chosen)."""

SWEEPS = 4
"""How often the prices are sought in turn, where several departures or room have one."""

WORTH_CT = 0.05
"""The prices are sought once more where that raised the bound by more than this."""

FIRST_CT, ANEW_CT = 8.0, 0.5
"""The first step of a search along one way, and of a search anew; each further step is four times as wide."""

MORE_STARTS = 2
"""So many of the tracks that prices name are mended, where none is good enough before."""

AROUND = 5
"""How many tracks are joined with each other."""


@dataclass(frozen=True, slots=True)
class Solution:
    """The track, the value of a kWh in each slot, and how far from the best it may be at most."""

    track: Track
    values_ct: tuple[float, ...]
    prefer_ct: tuple[float, ...]
    gap_ct: float
    slots: Slots

    def worth_ct(self, place: int) -> float:
        """Return what a kWh is worth in a slot less what it is felt dearer there."""
        return self.values_ct[place] - self.prefer_ct[place]

    def is_wanted(self, task: Task, place: int) -> bool:
        """Return whether a departure ahead makes a kWh worth more here than later."""
        ahead = any(place < before and need_wh > 0 for before, need_wh in task.needs)
        return ahead and self.values_ct[place] > task.later_value_ct + 0.01


def solve(task: Task) -> Solution:
    """Find the prices and the track. Raises nothing; an empty task has an empty track.

    Tracks are mended one after the other until the best is certified to be good enough.
    """
    slots, prefer = ladders(task), _preference(task)
    search = _Search(task, slots, prefer)
    search.run()
    prices, best = search.prices(), None
    for start in _starts(task, slots, prefer, search):
        if best is None or search.bound(start) < best.objective_ct + NEAR_CT:
            track = mended(task, slots, start, prefer, prices)
            best = track if best is None or track.objective_ct < best.objective_ct else best
        if best.objective_ct - search.bound_ct <= GOOD_CT:
            break
    assert best is not None  # the first start is always tried
    values = [min(value, task.miss_ct_per_kwh) for value in prices.values_ct]
    return Solution(best, tuple(values), prefer, max(best.objective_ct - search.bound_ct, 0.0), slots)


def _starts(task: Task, slots: Slots, prefer: Sequence[float], search: "_Search") -> Iterator[Track]:
    """Yield tracks to mend: the best; those on one number of phases; one that meets all needs; the next best.

    No price finds a track that stays on its phases where a change is dearer than what it brings. What is
    short may be cheaper to reach from above.
    """
    tracks = sorted(search.tracks(), key=lambda track: track.objective_ct)
    yield tracks[0]
    for phases in task.car.phases if len(task.car.phases) > 1 else ():
        steady = _Search(
            task, [{p: ladder for p, ladder in found.items() if p == phases} for found in slots], prefer
        )
        steady.run(sweeps=1)
        yield min(steady.tracks(), key=lambda track: track.objective_ct)
    yield from [track for track in tracks if not _misses(task, track)][:1]
    yield from sorted(tracks[1:], key=search.bound)[:MORE_STARTS]


def expected_values_ct(task: Task) -> tuple[float, ...]:
    """Return what a kWh is worth in each slot, meaned over the scenarios of the sun, in ct.

    Each scenario meets the needs by itself: under a dark sky a kWh is worth what the grid will cost, under a
    bright one what the sun does. Who does not know which of them it will be pays the mean for waiting.
    """
    prefer = _preference(task)
    means = [0.0] * len(task.slots)
    for scenario, weight in enumerate(task.weights):
        one = tuple([replace(slot, surplus_w=(slot.surplus_w[scenario],)) for slot in task.slots])
        alone = replace(task, slots=one, weights=(1.0,))
        search = _Search(alone, ladders(alone), prefer)
        search.run()
        for place, value_ct in enumerate(search.prices().values_ct):
            means[place] += weight * min(value_ct, task.miss_ct_per_kwh)
    return tuple(means)


def _misses(task: Task, track: Track) -> bool:
    """Return whether a departure is not met."""
    return any(track.through_kwh[before] < need_wh / 1000 - 1e-9 for before, need_wh in task.needs)


def _preference(task: Task) -> tuple[float, ...]:
    """Return by how much a kWh is felt dearer in each slot: the sooner before its departure, the more."""
    if not task.needs or not task.slots:
        return (0.0,) * len(task.slots)
    ends = [task.slots[before - 1].end_s if before else task.slots[0].begin_s for before, _ in task.needs]
    begun_s, found = task.slots[0].begin_s, []
    for slot in task.slots:
        end_s = next((end for end in ends if end >= slot.end_s), None)
        left = 0.0 if end_s is None or end_s <= begun_s else (end_s - slot.begin_s) / (end_s - begun_s)
        found.append(task.later_is_better_ct * left)
    return tuple(found)


Way = tuple[float, ...]
"""By how much each price changes together: -1, 0 or 1."""


@dataclass(frozen=True, slots=True)
class _Try:
    """So many ct along a way: the bound there in ct, and by how much it rises further on, in kWh."""

    step_ct: float
    bound_ct: float
    short_kwh: float


def _moved(prices_ct: Sequence[float], way: Way, step_ct: float) -> list[float]:
    """Return the prices so far along a way."""
    return [price_ct + part * step_ct for price_ct, part in zip(prices_ct, way, strict=True)]


class _Search:
    """The prices of the marks, and the tracks met on the way.

    The price of a need raises what a kWh is worth before it, the price of a bound lowers it.
    """

    def __init__(self, task: Task, slots: Slots, prefer: Sequence[float]) -> None:
        self.task, self.slots, self.prefer = task, slots, prefer
        self.marks = task.marks
        self.signs = [1.0 if mark.short_ct > 0 else -1.0 for mark in task.marks]
        self.prices_ct = [0.0] * len(task.marks)
        self.bound_ct = float("-inf")
        self.seen: dict[tuple[Choice, ...], Track] = {}

    def values(self) -> list[float]:
        """Return the value of a kWh in each slot at the present prices."""
        falls = [0.0] * (len(self.slots) + 1)
        value_ct = self.task.later_value_ct
        for mark, sign, price_ct in zip(self.marks, self.signs, self.prices_ct, strict=True):
            value_ct += sign * price_ct
            falls[mark.before] += sign * price_ct
        result = []
        for fall_ct in falls[:-1]:
            value_ct -= fall_ct
            result.append(value_ct)
        return result

    def run(self, sweeps: int = SWEEPS) -> None:
        """Seek the prices that raise the bound most, one after the other, and two at once.

        Two at once change what a kWh is worth between two marks and nothing else: the bound often has a ridge
        there.
        """
        marks, signs = self.marks, self.signs
        order = sorted(range(len(marks)), key=lambda knob: marks[knob].before)
        ways = [self._way(knob) for knob in sorted(order, key=lambda knob: -marks[knob].before)]
        ways += [
            self._way(one, other)
            for one, other in pairwise(order)
            if marks[one].before < marks[other].before or signs[one] == signs[other]
        ]
        self._track()
        for sweep in range(sweeps):
            before_ct = self.bound_ct
            for way in ways:
                self._climb(way, *((FIRST_CT, ENOUGH_CT) if sweep == 0 else (ANEW_CT, WORTH_CT)))
            if len(ways) <= 1 or self.bound_ct < before_ct + WORTH_CT:
                return

    def _way(self, knob: int, other: int | None = None) -> Way:
        """Return the way that makes a kWh worth more until one mark, but not until the other."""
        way = [0.0] * len(self.marks)
        way[knob] = self.signs[knob]
        if other is not None:
            way[other] = -self.signs[other]
        return tuple(way)

    def tracks(self) -> list[Track]:
        """Return all tracks met, and one joined of those cheapest at the prices, on both sides of a step."""
        around = sorted(self.seen.values(), key=self.bound)[:AROUND]
        return [*joined(self.task, self.slots, around, self.prefer), *self.seen.values()]

    def _climb(self, way: Way, first_ct: float, enough_ct: float) -> None:
        """Go along one way to where the bound is highest."""
        begun_ct = tuple(self.prices_ct)
        low, high = self._bracket(way, begun_ct, first_ct)
        best = max(low, high, key=lambda one: one.bound_ct)
        for _ in range(PASSES if low.short_kwh > 0 > high.short_kwh else 0):
            rise = high.bound_ct - low.bound_ct + low.short_kwh * low.step_ct - high.short_kwh * high.step_ct
            cross_ct = rise / (low.short_kwh - high.short_kwh)
            promise_ct = low.bound_ct + low.short_kwh * (cross_ct - low.step_ct)
            if best.bound_ct >= promise_ct - enough_ct:
                break
            here = self._try(way, begun_ct, cross_ct)
            best = max(best, here, key=lambda one: one.bound_ct)
            low, high = (here, high) if here.short_kwh > 0 else (low, here)
        self.prices_ct = _moved(begun_ct, way, best.step_ct)

    def _bracket(self, way: Way, begun_ct: tuple[float, ...], first_ct: float) -> tuple[_Try, _Try]:
        """Return two tries with the highest bound between them, or at one of them."""
        here = self._try(way, begun_ct, 0.0)
        up = 1.0 if here.short_kwh > 0 else -1.0
        most_ct = min(
            (max(mark.short_ct, mark.over_ct) - price_ct if up * part > 0 else price_ct)
            for mark, part, price_ct in zip(self.marks, way, begun_ct, strict=True)
            if part
        )
        before, there, step_ct = here, here, first_ct
        while (
            here.short_kwh != 0 and most_ct > 0 and there.short_kwh * up > 0 and abs(there.step_ct) < most_ct
        ):
            before, there = there, self._try(way, begun_ct, up * min(step_ct, most_ct))
            step_ct *= 4
        return (before, there) if up > 0 else (there, before)

    def _try(self, way: Way, begun_ct: tuple[float, ...], step_ct: float) -> _Try:
        """Return the bound so far along a way, and by how much it rises there."""
        self.prices_ct = _moved(begun_ct, way, step_ct)
        track = self._track()
        short_kwh = sum(
            part * sign * (mark.kwh - track.through_kwh[mark.before])
            for part, sign, mark in zip(way, self.signs, self.marks, strict=True)
        )
        return _Try(step_ct, self.bound(track), short_kwh if abs(short_kwh) > 1e-9 else 0.0)

    def _track(self) -> Track:
        """Return the cheapest track at the present prices, and let it raise the lower bound."""
        felt = [value - dearer for value, dearer in zip(self.values(), self.prefer, strict=True)]
        choices = tuple(best_track(self.task, self.slots, felt))
        track = self.seen.get(choices)
        if track is None:
            track = self.seen[choices] = track_of(self.task, self.slots, choices, self.prefer)
        self.bound_ct = max(self.bound_ct, self.bound(track))
        return track

    def bound(self, track: Track) -> float:
        """Return what the track costs where each mark pays its price for what is there until then.

        Weak duality: no track is cheaper than the cheapest of these, at any prices up to what the marks cost.
        """
        through = track.through_kwh
        bound_ct = track.objective_ct - ending_ct(self.task, through) + self._paid_ct()
        for mark, sign, price_ct in zip(self.marks, self.signs, self.prices_ct, strict=True):
            bound_ct -= sign * price_ct * through[mark.before]
        return bound_ct - self.task.later_value_ct * through[-1]

    def _paid_ct(self) -> float:
        """Return what the marks pay for all that they are to have."""
        return sum(
            sign * price_ct * mark.kwh
            for mark, sign, price_ct in zip(self.marks, self.signs, self.prices_ct, strict=True)
        )

    def prices(self) -> Prices:
        """Return the present prices as mending needs them."""
        return Prices(tuple(self.values()), self._paid_ct())
