"""A track: when to charge, on how many phases, how high on each slot's ladder.

One pass (Viterbi 1967) finds the cheapest track when a kWh has a given value in every slot. What the price
alone cannot say, where a need ends in the middle of hours of one price, is left to mending.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.planner.ladder import Ladder
from controller.planner.task import Task

OFF = 0
Choice = tuple[int, int]
"""Phases and height on their ladder; (0, 0) is off."""

Slots = Sequence[dict[int, Ladder]]


@dataclass(frozen=True, slots=True)
class Track:
    """One choice per slot, with its sums. `through_kwh[n]` is the energy of the first n slots."""

    choices: tuple[Choice, ...]
    through_kwh: tuple[float, ...]
    objective_ct: float
    """Felt cost with switching and what is missing, less the later value of what is there."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a kWh earns in each slot, and what is paid at the marks (needs) or taken (bounds), in ct.

    No track is cheaper than `paid_ct` and the least of what any track costs beside what it earns.
    """

    values_ct: tuple[float, ...]
    paid_ct: float


def best_track(task: Task, slots: Slots, values_ct: Sequence[float]) -> list[Choice]:
    """Return the cheapest choices where a kWh is worth `values_ct[n]` in slot n."""
    phases = sorted({*task.car.phases, task.phases_now})  # set may be what the car is not to have
    start_ct, change_ct = task.start_ct, task.phase_change_ct
    infinite = float("inf")
    off = {p: (0.0 if p == task.phases_now else change_ct) for p in phases}
    on = dict.fromkeys(phases, infinite)
    if task.charging_now:
        on[task.phases_now] = 0.0
    came: list[tuple[dict[int, tuple[bool, int]], dict[int, bool], dict[int, int]]] = []
    for ladders, value_ct in zip(slots, values_ct, strict=True):
        entered, left, heights = {}, {}, {}
        new_on, new_off = {}, {}
        for p in phases:
            left[p] = on[p] < off[p]
            new_off[p] = on[p] if left[p] else off[p]
            ladder = ladders.get(p)
            if ladder is None:
                new_on[p], heights[p], entered[p] = infinite, 0, (False, p)
                continue
            best, origin = infinite, (False, p)
            for q in phases:
                change = 0.0 if q == p else change_ct
                if on[q] + change < best:
                    best, origin = on[q] + change, (True, q)
                if off[q] + change + start_ct < best:
                    best, origin = off[q] + change + start_ct, (False, q)
            height = ladder.height(value_ct)
            heights[p], entered[p] = height, origin
            new_on[p] = best + ladder.cost_ct[height] - value_ct * ladder.energy_kwh[height]
        on, off = new_on, new_off
        came.append((entered, left, heights))
    return _back(phases, on, off, came)


def _back(
    phases: Sequence[int],
    on: dict[int, float],
    off: dict[int, float],
    came: Sequence[tuple[dict[int, tuple[bool, int]], dict[int, bool], dict[int, int]]],
) -> list[Choice]:
    charging, p = min(
        ((kind, q) for q in phases for kind in (False, True)), key=lambda end: (on if end[0] else off)[end[1]]
    )
    choices: list[Choice] = []
    for entered, left, heights in reversed(came):
        if charging:
            choices.append((p, heights[p]))
            charging, p = entered[p]
        else:
            choices.append((OFF, 0))
            charging = left[p]
    return choices[::-1]


def track_of(
    task: Task,
    slots: Slots,
    choices: Sequence[Choice],
    prefer_ct: Sequence[float],
    shares: Sequence[float] | None = None,
) -> Track:
    """Return the sums of a track; `prefer_ct` is what a kWh in slot n is felt dearer.

    `shares`: how much of its choice each slot brings (default: all).
    """
    through, cost = [0.0], switching_ct(task, choices)
    for place, ((phases, height), ladders, dearer) in enumerate(zip(choices, slots, prefer_ct, strict=True)):
        energy = 0.0
        if phases:
            ladder, share = ladders[phases], 1.0 if shares is None else shares[place]
            energy = ladder.energy_kwh[height] * share
            cost += ladder.cost_ct[height] * share + dearer * energy
        through.append(through[-1] + energy)
    return Track(tuple(choices), tuple(through), cost + ending_ct(task, through))


def ending_ct(task: Task, through_kwh: Sequence[float]) -> float:
    """Return what is missing or too much at the marks, less the later value of what is there, in ct."""
    return ends_ct(task, [through_kwh[mark.before] for mark in task.marks], through_kwh[-1])


def ends_ct(task: Task, at_kwh: Sequence[float], total_kwh: float) -> float:
    """Return the same from the energy at each mark and in all."""
    cost = -task.later_value_ct * total_kwh
    for kwh, mark in zip(at_kwh, task.marks, strict=True):
        cost += (mark.kwh - kwh) * mark.short_ct if kwh < mark.kwh else (kwh - mark.kwh) * mark.over_ct
    return cost


def switching_ct(task: Task, choices: Sequence[Choice]) -> float:
    """Return the price of starts and phase changes of a track."""
    charging, set_phases, cost = task.charging_now, task.phases_now, 0.0
    for phases, _ in choices:
        if phases:
            cost += (0.0 if charging else task.start_ct) + (
                0.0 if phases == set_phases else task.phase_change_ct
            )
            set_phases = phases
        charging = phases != OFF
    return cost
