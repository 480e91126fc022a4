"""The shadow price: what a kWh must be worth in every slot so that all needs are just met.

For given values the slots decide apart from each other, so the search is for one number per departure
(Lagrange): the value before a departure is that of a later kWh plus the prices of all departures still ahead.
Where no value meets a need exactly, tracks from both sides of the step are joined and mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.planner.ladder import ladders
from controller.planner.mend import joined, mended
from controller.planner.task import Task
from controller.planner.track import FULL_KWH, Choice, Slots, Track, best_track, ending_ct, track_of

PASSES = 16
"""Halvings of the search for a price: from 200 ct down to 0.003 ct."""

ROUGH_PASSES = 7
"""Halvings while another price is still sought: from 200 ct down to 1.6 ct."""

NEAR_CT = 70.0
"""A track this much dearer than the best is still worth mending (chosen)."""

SWEEPS = 3
"""How often the prices of several departures are sought in turn."""


@dataclass(frozen=True, slots=True)
class Solution:
    """The track, the value of a kWh in each slot, and how far from the best it may be at most."""

    track: Track
    values_ct: tuple[float, ...]
    prefer_ct: tuple[float, ...]
    gap_ct: float
    slots: Slots


def solve(task: Task) -> Solution:
    """Find the prices and the track. Raises nothing; an empty task has an empty track.

    A track that stays on one number of phases is sought beside the free one: no price finds it where a change
    is dearer than what it brings.
    """
    slots, prefer = ladders(task), _preference(task)
    search = _Search(task, slots, prefer)
    best = mended(task, slots, search.best(), prefer)
    for phases in task.car.phases if len(task.car.phases) > 1 else ():
        steady = [{p: ladder for p, ladder in found.items() if p == phases} for found in slots]
        other = _Search(task, steady, prefer).best()
        if other.objective_ct < best.objective_ct + NEAR_CT:
            best = min(best, mended(task, slots, other, prefer), key=lambda track: track.objective_ct)
    if _misses(task, best):  # what is short may be cheaper to reach from above
        enough = [track for track in search.seen if not _misses(task, track)]
        if enough:
            other = mended(task, slots, min(enough, key=lambda track: track.objective_ct), prefer)
            best = min(best, other, key=lambda track: track.objective_ct)
    gap_ct = max(best.objective_ct - search.bound_ct, 0.0)
    values = [min(value, task.miss_ct_per_kwh) for value in search.values()]
    return Solution(best, tuple(values), prefer, gap_ct, slots)


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


class _Search:
    """The prices of departures and of room, and the tracks met on the way."""

    def __init__(self, task: Task, slots: Slots, prefer: Sequence[float]) -> None:
        self.task, self.slots, self.prefer = task, slots, prefer
        self.needs = task.needs
        self.prices_ct = [0.0] * len(self.needs)
        self.room_ct = 0.0
        self.passes = PASSES
        self.bound_ct = float("-inf")
        self.seen: list[Track] = []
        self._known: dict[tuple[Choice, ...], Track] = {}

    def values(self) -> list[float]:
        """Return the value of a kWh in each slot at the present prices."""
        base, result = self.task.later_value_ct - self.room_ct, []
        for place in range(len(self.slots)):
            ahead = sum(
                price for price, (before, _) in zip(self.prices_ct, self.needs, strict=True) if place < before
            )
            result.append(base + ahead)
        return result

    def track(self) -> Track:
        """Return the cheapest track at the present prices, and let it raise the lower bound."""
        values = self.values()
        choices = tuple(
            best_track(self.task, self.slots, [v - p for v, p in zip(values, self.prefer, strict=True)])
        )
        track = self._known.get(choices)
        if track is None:
            track = self._known[choices] = track_of(self.task, self.slots, choices, self.prefer)
        self.seen.append(track)
        self._bound(track, values)
        return track

    def _bound(self, track: Track, values: Sequence[float]) -> None:
        """Weak duality: no track is cheaper than this one where every kWh earns its value."""
        spent_ct = track.objective_ct - ending_ct(self.task, track.through_kwh)
        earned_ct = sum(
            value * (after - before)
            for value, before, after in zip(values, track.through_kwh, track.through_kwh[1:], strict=False)
        )
        promised_ct = sum(
            price * need_wh / 1000 for price, (_, need_wh) in zip(self.prices_ct, self.needs, strict=True)
        )
        room_wh = self.task.room_wh
        room_ct = 0.0
        if room_wh is not None:  # within what is tolerated beyond the room, a kWh is worth nothing either way
            over_ct = max(self.room_ct - self.task.later_value_ct, 0.0)
            room_ct = self.room_ct * max(room_wh, 0.0) / 1000 + over_ct * FULL_KWH
        self.bound_ct = max(self.bound_ct, spent_ct - earned_ct + promised_ct - room_ct)

    def best(self) -> Track:
        """Return the cheapest track met, or joined of two of them."""
        self.run()
        found = list(self.seen)
        if self.needs or self.task.room_wh is not None:
            found += joined(self.task, self.slots, self.around(), self.prefer)
        return min(found, key=lambda track: track.objective_ct)

    def run(self) -> None:
        """Seek the prices until all needs are met as cheaply as prices alone can say."""
        self._meet_needs()
        room_wh = self.task.room_wh
        if room_wh is not None and self.seen[-1].through_kwh[-1] * 1000 > room_wh + 1:
            low, high = 0.0, self.task.later_value_ct + 200.0
            self.passes = ROUGH_PASSES
            for _ in range(PASSES):
                self.room_ct = (low + high) / 2
                self._meet_needs()
                over = self.seen[-1].through_kwh[-1] * 1000 > room_wh
                low, high = (self.room_ct, high) if over else (low, self.room_ct)
            self.room_ct, self.passes = high, PASSES
            self._meet_needs()

    def _meet_needs(self) -> None:
        self.prices_ct = [0.0] * len(self.needs)
        track = self.track()
        for _ in range(SWEEPS if len(self.needs) > 1 else 1):
            for place in reversed(range(len(self.needs))):
                track = self._meet(place)
        del track

    def _meet(self, place: int) -> Track:
        """Set the price of one departure, the others' as they are."""
        before, need_wh = self.needs[place]
        need_kwh = need_wh / 1000
        self.prices_ct[place] = 0.0
        track = self.track()
        if track.through_kwh[before] >= need_kwh - 1e-9:
            return track
        miss_ct = self.task.miss_ct_per_kwh  # no need is worth more: below, weak duality would not hold
        low, high = 0.0, min(miss_ct, miss_ct - self.task.later_value_ct + self.room_ct)
        for _ in range(self.passes):
            self.prices_ct[place] = (low + high) / 2
            track = self.track()
            met = track.through_kwh[before] >= need_kwh - 1e-9
            low, high = (low, self.prices_ct[place]) if met else (self.prices_ct[place], high)
        self.prices_ct[place] = high
        return self.track()

    def around(self) -> list[Track]:
        """Return a few different tracks near the end of the search, from both sides of the step."""
        found: dict[tuple[Choice, ...], Track] = {}
        for track in reversed(self.seen):
            found.setdefault(track.choices, track)
            if len(found) == 5:
                break
        return list(found.values())
