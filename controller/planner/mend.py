"""From the tracks that prices can name to the one that fits the need: joined at a slot, then step by step."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import permutations

from controller.planner.ladder import Ladder
from controller.planner.task import Task
from controller.planner.track import OFF, Choice, Slots, Track, ending_ct, ends_ct, switching_ct, track_of

Change = tuple[tuple[int, Choice], ...]
"""Slots and what they become."""

MOST_STEPS = 40
"""Mending ends after so many improvements: each is worth less than the one before."""


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
            through = _at_needs(task, first, second, cut)
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


def _at_needs(task: Task, first: Track, second: Track, cut: int) -> tuple[list[float], float]:
    """Return the energy at each departure and at the end of a joined track, in kWh."""
    shift = first.through_kwh[cut] - second.through_kwh[cut]
    at = [
        first.through_kwh[before] if before <= cut else second.through_kwh[before] + shift
        for before, _ in task.needs
    ]
    return at, second.through_kwh[-1] + shift


def mended(task: Task, slots: Slots, track: Track, prefer_ct: Sequence[float]) -> Track:
    """Return the track after the best change, again and again, while one helps."""
    for _ in range(MOST_STEPS):
        better = _best_change(task, slots, track, prefer_ct)
        if better is None:
            return track
        track = better
    return track


def _best_change(task: Task, slots: Slots, track: Track, prefer_ct: Sequence[float]) -> Track | None:
    choices, through, needs = list(track.choices), track.through_kwh, task.needs
    spent_ct = track.objective_ct - ending_ct(task, through)
    switching = switching_ct(task, choices)
    sums = [
        _sums(ladders, choice, dearer)
        for ladders, choice, dearer in zip(slots, choices, prefer_ct, strict=True)
    ]
    best: tuple[float, Change] | None = None
    for change in _changes(task, track, slots):
        cost, at, total = spent_ct, [through[before] for before, _ in needs], through[-1]
        turned = False
        for place, new in change:
            kwh, ct = _sums(slots[place], new, prefer_ct[place])
            more = kwh - sums[place][0]
            cost += ct - sums[place][1]
            total += more
            at = [
                energy + (more if place < before else 0.0)
                for energy, (before, _) in zip(at, needs, strict=True)
            ]
            turned = turned or new[0] != choices[place][0]
        if turned:
            cost += switching_ct(task, _with(choices, change)) - switching
        objective = cost + ends_ct(task, at, total)
        if objective < track.objective_ct - 1e-6 and (best is None or objective < best[0]):
            best = (objective, change)
    return None if best is None else track_of(task, slots, _with(choices, best[1]), prefer_ct)


def _sums(ladders: dict[int, Ladder], choice: Choice, dearer_ct: float) -> tuple[float, float]:
    """Return energy in kWh and felt cost in ct of one choice."""
    phases, height = choice
    if not phases:
        return 0.0, 0.0
    kwh = ladders[phases].energy_kwh[height]
    return kwh, ladders[phases].cost_ct[height] + dearer_ct * kwh


def _with(choices: Sequence[Choice], change: Change) -> list[Choice]:
    """Return the choices after a change."""
    changed = list(choices)
    for place, new in change:
        changed[place] = new
    return changed


def _changes(task: Task, track: Track, slots: Slots) -> Iterator[Change]:
    """Yield what could be otherwise: steps, a slot on or off, a run moved by a slot or on other phases."""
    choices = track.choices
    for place, ladders in enumerate(slots):
        for new in _options(task, choices, place, ladders):
            yield ((place, new),)
        phases, height = choices[place]
        if phases and (fitting := _fitting(task, track, place, ladders[phases])) != height:
            yield ((place, (phases, fitting)),)
    for begin, end in _runs(choices):
        first, last = choices[begin], choices[end - 1]
        if end < len(slots) and first[0] in slots[end]:
            yield (begin, (OFF, 0)), (end, _bounded(slots[end][first[0]], first))
        if begin > 0 and last[0] in slots[begin - 1]:
            yield (end - 1, (OFF, 0)), (begin - 1, _bounded(slots[begin - 1][last[0]], last))
        for phases in task.car.phases:
            if all(phases in slots[place] for place in range(begin, end)):
                yield tuple((place, (phases, 0)) for place in range(begin, end))
        yield tuple((place, (OFF, 0)) for place in range(begin, end))


def _fitting(task: Task, track: Track, place: int, ladder: Ladder) -> int:
    """Return the least height of a slot at which the departures after it are just met."""
    over = [track.through_kwh[before] - need / 1000 for before, need in task.needs if place < before]
    if not over:
        return track.choices[place][1]
    least_kwh = ladder.energy_kwh[track.choices[place][1]] - min(over)
    return min(bisect_left(ladder.energy_kwh, least_kwh - 1e-9), len(ladder.slopes))


def _bounded(ladder: Ladder, choice: Choice) -> Choice:
    """Return the choice no higher than this ladder goes."""
    return choice[0], min(choice[1], len(ladder.slopes))


def _runs(choices: Sequence[Choice]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every stretch without a pause."""
    begin: int | None = None
    for place, (phases, _) in enumerate([*choices, (OFF, 0)]):
        if phases and begin is None:
            begin = place
        elif not phases and begin is not None:
            yield begin, place
            begin = None


def _options(
    task: Task, choices: Sequence[Choice], place: int, ladders: dict[int, Ladder]
) -> Iterator[Choice]:
    """Yield what a slot could be instead: a step up or down, off, or on as its neighbour is."""
    phases, height = choices[place]
    if phases:
        if height > 0:
            yield phases, height - 1
        if height < len(ladders[phases].slopes):
            yield phases, height + 1
        yield OFF, 0
        for other in ladders:
            if other != phases:
                yield other, 0
        return
    before = choices[place - 1][0] if place else (task.phases_now if task.charging_now else OFF)
    after = choices[place + 1][0] if place + 1 < len(choices) else OFF
    neighbours = {p for p in (before, after) if p}
    for other in neighbours or set(ladders):
        if other in ladders:
            yield other, 0
