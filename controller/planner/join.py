"""From two tracks on both sides of a step to one: the beginning of the one, the end of the other."""

from collections.abc import Sequence
from itertools import permutations

from controller.planner.task import Task
from controller.planner.track import OFF, Choice, Slots, Track, ends_ct, track_of


def joined(task: Task, slots: Slots, tracks: Sequence[Track], prefer_ct: Sequence[float]) -> list[Track]:
    """Return the best beginning-of-one, end-of-another of all pairs of tracks."""
    best: tuple[float, int, Track, Track] | None = None
    for first, second in permutations(tracks, 2):
        costs_a, costs_b = (_spent(task, slots, track, prefer_ct) for track in (first, second))
        for cut in range(1, len(slots)):
            if (
                first.choices[cut] == second.choices[cut]
                and first.choices[cut - 1] == second.choices[cut - 1]
            ):
                continue
            through = _at_marks(task, first, second, cut)
            cost = costs_a[cut] + costs_b[-1] - costs_b[cut] + _junction(task, first, second, cut)
            objective = cost + ends_ct(task, *through)
            if best is None or objective < best[0] - 1e-9:
                best = (objective, cut, first, second)
    if best is None:
        return []
    _, cut, first, second = best
    return [track_of(task, slots, (*first.choices[:cut], *second.choices[cut:]), prefer_ct)]


def _spent(task: Task, slots: Slots, track: Track, prefer_ct: Sequence[float]) -> list[float]:
    """Return the cost of the first n slots, switching included."""
    spent, charging, set_phases = [0.0], task.charging_now, task.phases_now
    for (phases, height), ladders, dearer in zip(track.choices, slots, prefer_ct, strict=True):
        cost = 0.0
        if phases:
            ladder = ladders[phases]
            cost = ladder.cost_ct[height] + dearer * ladder.energy_kwh[height]
            cost += 0.0 if charging else task.start_ct
            cost += 0.0 if phases == set_phases else task.phase_change_ct
            set_phases = phases
        charging = phases != OFF
        spent.append(spent[-1] + cost)
    return spent


def _state(task: Task, choices: Sequence[Choice], cut: int) -> tuple[bool, int]:
    """Return whether a track charges right before a slot, and the phases that are set then."""
    charging = task.charging_now if cut == 0 else choices[cut - 1][0] != OFF
    phases = next((p for p, _ in reversed(choices[:cut]) if p), task.phases_now)
    return charging, phases


def _junction(task: Task, first: Track, second: Track, cut: int) -> float:
    """Return what the seam costs beside what the second track paid there."""
    place = next((n for n in range(cut, len(second.choices)) if second.choices[n][0]), None)
    if place is None:
        return 0.0
    phases = second.choices[place][0]

    def paid(charging: bool, set_phases: int) -> float:
        on = charging and place == cut
        return (0.0 if on else task.start_ct) + (0.0 if phases == set_phases else task.phase_change_ct)

    return paid(*_state(task, first.choices, cut)) - paid(*_state(task, second.choices, cut))


def _at_marks(task: Task, first: Track, second: Track, cut: int) -> tuple[list[float], float]:
    """Return the energy at each mark and at the end of a joined track, in kWh."""
    shift = first.through_kwh[cut] - second.through_kwh[cut]
    at = [
        first.through_kwh[mark.before] if mark.before <= cut else second.through_kwh[mark.before] + shift
        for mark in task.marks
    ]
    return at, second.through_kwh[-1] + shift
