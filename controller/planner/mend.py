"""From the tracks that prices can name to the one that fits the need: the best change, again and again.

Where no single change helps, two at once may: less here, more there. A change that loses more at the prices
found than the track's own distance from the bound cannot help; most are dropped at that.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from controller.planner.changes import Change, changes, fitting, spare_kwh
from controller.planner.task import Task
from controller.planner.track import OFF, Choice, Prices, Slots, Track, ends_ct, track_of

MOST_STEPS = 14
"""Mending ends after so many improvements: each is worth less than the one before."""

PAIRED = 12
"""How many changes that take less, and how many that take more, are tried in pairs (chosen)."""

LEAST_CT = 1e-6
"""What an improvement must bring: more than rounding."""


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a change costs and, at the prices, loses in ct; what it brings until each mark and in all."""

    change: Change
    cost_ct: float
    more_kwh: tuple[float, ...]
    loss_ct: float


def mended(task: Task, slots: Slots, track: Track, prefer_ct: Sequence[float], prices: Prices) -> Track:
    """Return the track after the best change, again and again, while one helps."""
    for _ in range(MOST_STEPS):
        bench = _Bench(task, slots, track, prefer_ct, prices)
        if bench.distance_ct <= LEAST_CT:
            return track
        effects = bench.effects(changes(task, track, slots, prices.values_ct))
        change = bench.best(effects) or bench.best_pair(effects)
        if change is None:
            return track
        track = track_of(task, slots, bench.after(change), prefer_ct)
    return track


class _Bench:
    """One track, laid out so that a change is quickly counted."""

    def __init__(
        self, task: Task, slots: Slots, track: Track, prefer_ct: Sequence[float], prices: Prices
    ) -> None:
        self.task, self.slots, self.choices, self.prefer_ct = task, slots, track.choices, prefer_ct
        self.values_ct = prices.values_ct
        self.befores = [mark.before for mark in task.marks]
        self.there_kwh = (*[track.through_kwh[before] for before in self.befores], track.through_kwh[-1])
        self.sums = [self._sum(place, choice) for place, choice in enumerate(track.choices)]
        self.ending_ct = ends_ct(task, self.there_kwh[:-1], self.there_kwh[-1])
        earned_ct = sum(kwh * value for (kwh, _), value in zip(self.sums, self.values_ct, strict=True))
        self.distance_ct = self.ending_ct + earned_ct - prices.paid_ct
        self._lay_out()

    def _lay_out(self) -> None:
        """Note for each slot what was set and paid before it, and which slot charges next."""
        task, paid_ct = self.task, 0.0
        state = (task.charging_now, task.phases_now)
        self.states, self.paid_ct = [state], [0.0]
        for choice in self.choices:
            paid_ct += self._entry(state, choice)
            state = (choice[0] != OFF, choice[0] or state[1])
            self.states.append(state)
            self.paid_ct.append(paid_ct)
        self.next_on = [len(self.choices)]
        for place in reversed(range(len(self.choices))):
            self.next_on.append(place if self.choices[place][0] else self.next_on[-1])
        self.next_on.reverse()

    def _entry(self, state: tuple[bool, int], choice: Choice) -> float:
        """Return what entering a slot costs after such a state."""
        if choice[0] == OFF:
            return 0.0
        start_ct = 0.0 if state[0] else self.task.start_ct
        return start_ct if choice[0] == state[1] else start_ct + self.task.phase_change_ct

    def _sum(self, place: int, choice: Choice) -> tuple[float, float]:
        """Return energy in kWh and felt cost in ct of one choice."""
        phases, height = choice
        if phases == OFF:
            return 0.0, 0.0
        ladder = self.slots[place][phases]
        kwh = ladder.energy_kwh[height]
        return kwh, ladder.cost_ct[height] + self.prefer_ct[place] * kwh

    def after(self, change: Change) -> list[Choice]:
        """Return the choices after a change."""
        changed = list(self.choices)
        for place, new in change:
            changed[place] = new
        return changed

    def effects(self, candidates: Iterable[Change]) -> list[_Effect]:
        """Count what changes cost and bring; leave out those that lose more than could be gained."""
        most_saved_ct = self.task.start_ct + 2 * self.task.phase_change_ct
        found = []
        for change in candidates:
            cost_ct, loss_ct, turned = 0.0, 0.0, False
            for place, new in change:
                kwh, ct = self._sum(place, new)
                was_kwh, was_ct = self.sums[place]
                cost_ct += ct - was_ct
                loss_ct += ct - was_ct - self.values_ct[place] * (kwh - was_kwh)
                turned = turned or new[0] != self.choices[place][0]
            if turned and loss_ct - most_saved_ct < self.distance_ct:
                switching_ct = self._turning(change)
                cost_ct, loss_ct = cost_ct + switching_ct, loss_ct + switching_ct
            if loss_ct < self.distance_ct:
                found.append(_Effect(change, cost_ct, self._more(change), loss_ct))
        return found

    def _more(self, change: Change) -> tuple[float, ...]:
        """Return what a change brings until each mark and in all, in kWh."""
        more_kwh = [0.0] * len(self.there_kwh)
        for place, new in change:
            more = self._sum(place, new)[0] - self.sums[place][0]
            for index, before in enumerate(self.befores):
                if place < before:
                    more_kwh[index] += more
            more_kwh[-1] += more
        return tuple(more_kwh)

    def _turning(self, change: Change) -> float:
        """Return by how much a change makes switching dearer, in ct."""
        new, count = dict(change), len(self.choices)
        places = sorted(new)
        dearer_ct, begin, state = 0.0, places[0], self.states[places[0]]
        for place, upcoming in zip(places, [*places[1:], count], strict=True):
            choice = new[place]
            dearer_ct += self._entry(state, choice)
            state = (choice[0] != OFF, choice[0] or state[1])
            following = self.next_on[place + 1]
            if following < upcoming:  # from there on all is as before
                reached = (state[0] and following == place + 1, state[1])
                dearer_ct += self._entry(reached, self.choices[following])
                dearer_ct -= self.paid_ct[following + 1] - self.paid_ct[begin]
                begin, state = upcoming, self.states[upcoming]
            elif upcoming == count:
                dearer_ct -= self.paid_ct[count] - self.paid_ct[begin]
            elif upcoming > place + 1:
                state = (False, state[1])
        return dearer_ct

    def _gain(self, effect: _Effect) -> float:
        """Return by how much the track is cheaper after a change, in ct."""
        there = [kwh + more for kwh, more in zip(self.there_kwh, effect.more_kwh, strict=True)]
        return self.ending_ct - ends_ct(self.task, there[:-1], there[-1]) - effect.cost_ct

    def best(self, effects: Sequence[_Effect]) -> Change | None:
        """Return the change that helps most, None where none does."""
        gain_ct, index = max(((self._gain(e), -n) for n, e in enumerate(effects)), default=(0.0, 0))
        return effects[-index].change if gain_ct > LEAST_CT else None

    def best_pair(self, effects: Sequence[_Effect]) -> Change | None:
        """Return two changes at once that help most, None where none do."""
        cheap = sorted(effects, key=lambda effect: effect.loss_ct)
        return self.best(self.effects([*self._both(cheap), *self._fitted(cheap[:PAIRED])]))

    def _both(self, cheap: Sequence[_Effect]) -> Iterator[Change]:
        """Yield pairs that seem to help, of one that takes less and one that takes more."""
        less = [effect for effect in cheap if effect.more_kwh[-1] < 0][:PAIRED]
        more = [effect for effect in cheap if effect.more_kwh[-1] > 0][:PAIRED]
        for one, other in product(less, more):
            more_kwh = [a + b for a, b in zip(one.more_kwh, other.more_kwh, strict=True)]
            both = _Effect(one.change + other.change, one.cost_ct + other.cost_ct, tuple(more_kwh), 0.0)
            if self._gain(both) > LEAST_CT and len(dict(both.change)) == len(both.change):
                yield both.change

    def _fitted(self, cheap: Sequence[_Effect]) -> Iterator[Change]:
        """Yield changes completed by another slot that goes as high as just fits then."""
        for effect in cheap:
            there = [kwh + more for kwh, more in zip(self.there_kwh, effect.more_kwh, strict=True)]
            over = [kwh - need_wh / 1000 for kwh, (_, need_wh) in zip(there, self.task.needs, strict=False)]
            spare = spare_kwh(self.befores[: len(over)], over, len(self.choices))
            taken = dict(effect.change)
            for place, (phases, height) in enumerate(self.choices):
                if phases and place not in taken:
                    ladder = self.slots[place][phases]
                    new = fitting(ladder, self.sums[place][0] - spare[place])
                    if new != height:
                        yield (*effect.change, (place, (phases, new)))
