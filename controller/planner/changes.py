"""What a track could be otherwise: a slot on or off, higher or lower, on other phases; so a run, or moved."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from controller.planner.ladder import Ladder
from controller.planner.task import Task
from controller.planner.track import OFF, Choice, Slots, Track

Change = tuple[tuple[int, Choice], ...]
"""Slots and what they become."""


def changes(task: Task, track: Track, slots: Slots, values_ct: Sequence[float]) -> Iterator[Change]:
    """Yield single slots, then runs; heights are the least, what the value says, what just fits a need."""
    choices = track.choices
    befores = [before for before, _ in task.needs]
    over_kwh = [track.through_kwh[before] - need_wh / 1000 for before, need_wh in task.needs]
    for place, spare in enumerate(spare_kwh(befores, over_kwh, len(choices))):
        phases, height = choices[place]
        ladders = slots[place]
        there_kwh = ladders[phases].energy_kwh[height] if phases else 0.0
        for other in ladders if phases else _beside(task, choices, place):
            if other in ladders:
                ladder = ladders[other]
                heights = {0, ladder.height(values_ct[place]), fitting(ladder, there_kwh - spare)}
                if other == phases:
                    heights |= {max(height - 1, 0), min(height + 1, len(ladder.slopes))}
                for new in heights:
                    if (other, new) != (phases, height):
                        yield ((place, (other, new)),)
        if phases:
            yield ((place, (OFF, 0)),)
    yield from _of_runs(task, choices, slots, values_ct)


def spare_kwh(befores: Sequence[int], over_kwh: Sequence[float], count: int) -> list[float]:
    """Return for each of `count` slots what it may give less until a departure after it is no more met.

    `over_kwh` is what there is at each departure beyond its need; infinite where no departure follows.
    """
    spare: list[float] = []
    for index, before in enumerate(befores):
        spare += [min(over_kwh[index:])] * (before - len(spare))
    return spare + [float("inf")] * (count - len(spare))


def fitting(ladder: Ladder, least_kwh: float) -> int:
    """Return the least height that gives so much, the highest where none does."""
    return min(bisect_left(ladder.energy_kwh, least_kwh - 1e-9), len(ladder.slopes))


def _beside(task: Task, choices: Sequence[Choice], place: int) -> tuple[int, ...]:
    """Return the phases on which the slots beside one charge, all phases where they do not."""
    before = choices[place - 1][0] if place else (task.phases_now if task.charging_now else OFF)
    after = choices[place + 1][0] if place + 1 < len(choices) else OFF
    return tuple({p for p in (before, after) if p} or task.car.phases)


def _of_runs(
    task: Task, choices: Sequence[Choice], slots: Slots, values_ct: Sequence[float]
) -> Iterator[Change]:
    """Yield runs moved by a slot, and runs and their parts on one number of phases off or on others."""
    runs = list(_runs([phases != OFF for phases, _ in choices]))
    for begin, end in runs:
        first, last = choices[begin], choices[end - 1]
        if end < len(slots) and first[0] in slots[end]:
            yield (begin, (OFF, 0)), (end, _bounded(slots[end][first[0]], first))
        if begin > 0 and last[0] in slots[begin - 1]:
            yield (end - 1, (OFF, 0)), (begin - 1, _bounded(slots[begin - 1][last[0]], last))
    parts = [run for run in _runs([phases for phases, _ in choices]) if run not in runs]
    for begin, end in runs + parts:
        places = range(begin, end)
        yield tuple([(place, (OFF, 0)) for place in places])
        for phases in task.car.phases:
            if all(phases in slots[place] for place in places):
                yield tuple([(place, (phases, 0)) for place in places])
                yield tuple(
                    [(place, (phases, slots[place][phases].height(values_ct[place]))) for place in places]
                )


def _bounded(ladder: Ladder, choice: Choice) -> Choice:
    """Return the choice no higher than this ladder goes."""
    return choice[0], min(choice[1], len(ladder.slopes))


def _runs(kinds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every stretch of one kind that is not OFF."""
    begin = 0
    for place in range(1, len(kinds) + 1):
        if place == len(kinds) or kinds[place] != kinds[begin]:
            if kinds[begin] != OFF:
                yield begin, place
            begin = place
