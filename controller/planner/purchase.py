"""When to buy: what the sun does not bring comes at full power, in the cheapest quarters, as late as can be.

The track may as well spread a purchase over hours at little power, or take the first of two equal hours: by
its reckoning that costs the same. A value of a kWh cannot say so, who follows it buys all that goes or
nothing. And what is bought later may still come from the sun. So what the track buys between two marks is
laid out anew there: what the values bring while they wait for the sun comes first, the rest is bought.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from controller.planner.ladder import felt_import_ct, ladders, most_w
from controller.planner.shadow import Solution
from controller.planner.task import PlanSlot, Task
from controller.planner.track import OFF, Choice, Slots, track_of
from controller.units import FULL_POWER_SHARE

CLEAR_CT = 2.0
"""By how much the value of a slot stands off its price where the plan is decided about it, in ct/kWh.

Wide enough for the fast loop to see within minutes and to stop what it has begun; what lies between is a
blend of sun and grid that hardly pays. Chosen on half of the sessions of `benchmarks.sessions`.
"""

TIE_CT = 1.0
"""A shadow price this near to the price of a slot is that price: a start and a change of phases are worth
about as much to a quarter at full power (chosen)."""

SUN_CT = 2.0
"""By how much the value stands off the feed-in price where the sun is to be taken (chosen so too)."""

SPARE_S = 60.0
"""So much longer is bought than it takes: a start takes half a minute, and who buys as late as can be buys
the rest at the next price (chosen)."""

PAUSE_S = 300.0
"""Who charges is not stopped for less than this: what was bought to spare would become a stop and a start."""

HARDLY_KWH = 0.02
"""Less than this is not bought by itself: seven seconds at full power."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A solved task with its purchases laid out; a slot that is bought in part has been cut in two.

    `bought` says where to buy whatever the sun does: not where what is laid out is only bought under a dark
    sky, and waiting costs no more. `shares` is how much of its choice a slot is expected to bring: what is
    bought begins a little earlier than it would have to.
    """

    task: Task
    found: Solution
    bought: tuple[bool, ...]
    shares: tuple[float, ...]


class Priced(Protocol):
    """A slot with its prices, ct/kWh."""

    @property
    def import_ct_per_kwh(self) -> float: ...
    @property
    def export_ct_per_kwh(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _Offer:
    """What one slot sells at full power beyond what it brings anyway, in kWh, and its felt price in ct."""

    place: int
    price_ct: float
    more_kwh: float


@dataclass(frozen=True, slots=True)
class _Bought:
    """Which part of a slot is bought, how much of that is expected; and where the grid is cheap anyhow."""

    parts: dict[int, float]
    shares: dict[int, float]
    cheap: set[int]


def laid_out(task: Task, found: Solution) -> Layout:
    """Return the same plan with what it buys at full power, between each mark and the next."""
    waiting = [waiting_ct(task, found, place) for place in range(len(task.slots))]
    idle = [_choice_at(found.slots, place, value_ct) for place, value_ct in enumerate(waiting)]
    parts, shares, laid = dict[int, float](), dict[int, float](), set[int]()
    choices, through, there_kwh = list(found.track.choices), found.track.through_kwh, 0.0
    for begin, end in pairwise(sorted({0, len(task.slots), *(mark.before for mark in task.marks)})):
        brought_kwh = sum(_energy_kwh(found.slots, place, idle[place]) for place in range(begin, end))
        wanted_kwh = _wanted_kwh(task, found, end) - there_kwh
        missing_kwh = wanted_kwh - brought_kwh
        if not found.is_wanted(task, begin) or missing_kwh <= HARDLY_KWH:
            there_kwh += through[end] - through[begin]
            continue
        choices[begin:end] = idle[begin:end]
        laid |= set(range(begin, end))
        wide_kwh = missing_kwh / FULL_POWER_SHARE + task.car.max_w * SPARE_S / 3.6e6
        filled, bought_kwh = _filled(task, found, range(begin, end), idle, wide_kwh)
        parts |= filled
        shares |= dict.fromkeys(filled, min(missing_kwh / bought_kwh, 1.0) if bought_kwh else 1.0)
        there_kwh += brought_kwh + min(missing_kwh, bought_kwh)
    if task.charging_now and 0 in parts and (1 - parts[0]) * task.slots[0].hours * 3600 < PAUSE_S:
        parts[0] = 1.0
    cheap = {place for place in range(len(task.slots)) if place not in laid and _is_cheap(task, found, place)}
    return _cut(task, found, choices, _Bought(parts, shares, cheap))


def waiting_ct(task: Task, found: Solution, place: int) -> float:
    """Return the value of a slot in which nothing is bought: the shadow price, off the price of the grid."""
    slot, shadow_ct = task.slots[place], found.worth_ct(place)
    if shadow_ct < felt_import_ct(slot, task) - TIE_CT:
        shadow_ct = below_ceiling_ct(shadow_ct, slot, task.ceiling_ct)
    price_ct = slot.import_ct_per_kwh
    if shadow_ct > price_ct - TIE_CT:
        shadow_ct = price_ct - CLEAR_CT
    return max(shadow_ct, sun_ct(task, found, place))


def below_ceiling_ct(value_ct: float, slot: Priced, ceiling_ct: float | None) -> float:
    """Return a value that buys hardly any grid, beside the sun either, where that is above the ceiling."""
    if ceiling_ct is None or slot.import_ct_per_kwh <= ceiling_ct:
        return value_ct
    return min(value_ct, slot.export_ct_per_kwh + SUN_CT)


def sun_ct(task: Task, found: Solution, place: int) -> float:
    """Return the least value in a slot so that the sun is taken that really shines, in ct.

    While more is wanted and nothing cheaper than the sun is ahead, sun now is as cheap as sun later and
    surer: it may not be left for a forecast. Where there is more of it than the car can take, the shadow
    price is the feed-in price itself and says nothing.
    """
    export_ct, shadow_ct = task.slots[place].export_ct_per_kwh, found.values_ct[place]
    if shadow_ct < export_ct - TIE_CT:
        return float("-inf")
    return min(export_ct + SUN_CT, max(shadow_ct, task.later_value_ct))


def _wanted_kwh(task: Task, found: Solution, end: int) -> float:
    """Return what is to be there at the end of a stretch: what the track brings, but no more than is needed.

    The track goes by whole ampere and brings a little more.
    """
    there_kwh = found.track.through_kwh[end]
    return min([there_kwh, *(need_wh / 1000 for before, need_wh in task.needs if before == end)])


def _filled(
    task: Task, found: Solution, places: range, idle: Sequence[Choice], wanted_kwh: float
) -> tuple[dict[int, float], float]:
    """Return which part of each slot is bought, cheapest first, of equal ones the later, and how much."""
    offers = [
        offer
        for place in places
        if found.slots[place] and (offer := _offer(task, found, place, idle[place])).more_kwh > 0
    ]
    parts, left_kwh = dict[int, float](), wanted_kwh
    for offer in sorted(offers, key=lambda offer: (offer.price_ct, -offer.place)):
        if left_kwh <= HARDLY_KWH:
            break
        parts[offer.place] = min(left_kwh / offer.more_kwh, 1.0)
        left_kwh -= offer.more_kwh * parts[offer.place]
    return parts, wanted_kwh - left_kwh


def _offer(task: Task, found: Solution, place: int, idle: Choice) -> _Offer:
    slot = task.slots[place]
    full_kwh = most_w(task.car, slot.cap_w) * slot.hours / 1000
    return _Offer(
        place,
        felt_import_ct(slot, task) + found.prefer_ct[place],
        full_kwh - _energy_kwh(found.slots, place, idle),
    )


def _is_cheap(task: Task, found: Solution, place: int) -> bool:
    """Return whether the grid is bought at any rate: it costs less than a kWh is worth."""
    price_ct = felt_import_ct(task.slots[place], task)
    return found.worth_ct(place) > price_ct + TIE_CT


def _cut(task: Task, found: Solution, choices: Sequence[Choice], buys: _Bought) -> Layout:
    """Return the plan with each slot that is bought in part cut in two: nearer to its neighbour, or late."""
    pieces = list[tuple[PlanSlot, int, bool]]()
    for place, slot in enumerate(task.slots):
        part = buys.parts.get(place, 0.0)
        length_s = (slot.end_s - slot.begin_s) * part
        if part in (0.0, 1.0):
            pieces.append((slot, place, part > 0))
        elif place - 1 in buys.parts and place + 1 not in buys.parts:
            at_s = slot.begin_s + length_s
            pieces += [(replace(slot, end_s=at_s), place, True), (replace(slot, begin_s=at_s), place, False)]
        else:
            at_s = slot.end_s - length_s
            pieces += [(replace(slot, end_s=at_s), place, False), (replace(slot, begin_s=at_s), place, True)]
    cut = replace(task, slots=tuple([slot for slot, _, _ in pieces]))
    rungs = ladders(cut)
    prefer = tuple([found.prefer_ct[place] for _, place, _ in pieces])
    laid = [_top(found.slots, place) if full else choices[place] for _, place, full in pieces]
    expected = tuple([buys.shares[place] if full else 1.0 for _, place, full in pieces])
    track = track_of(cut, rungs, laid, prefer, expected)
    values = tuple([found.values_ct[place] for _, place, _ in pieces])
    bought = tuple(
        [
            found.values_ct[place] >= felt_import_ct(slot, task) - TIE_CT if full else place in buys.cheap
            for slot, place, full in pieces
        ]
    )
    return Layout(cut, Solution(track, values, prefer, found.gap_ct, rungs), bought, expected)


def _top(slots: Slots, place: int) -> Choice:
    """Return full power."""
    ladder = max(slots[place].values(), key=lambda ladder: ladder.energy_kwh[-1])
    return ladder.phases, len(ladder.slopes)


def _choice_at(slots: Slots, place: int, value_ct: float) -> Choice:
    """Return what a slot brings to who follows this value, switching apart."""
    best, best_ct = (OFF, 0), 0.0
    for ladder in slots[place].values():
        height = ladder.height(value_ct)
        gain_ct = value_ct * ladder.energy_kwh[height] - ladder.cost_ct[height]
        if gain_ct > best_ct:
            best, best_ct = (ladder.phases, height), gain_ct
    return best


def _energy_kwh(slots: Slots, place: int, choice: Choice) -> float:
    phases, height = choice
    return slots[place][phases].energy_kwh[height] if phases else 0.0
