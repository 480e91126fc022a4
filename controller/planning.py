"""The planner's shell: knows the car on the cable, plans when something changed, says what holds now.

Planning is never waited for. It runs in a thread; the loop reads the last plan, and one that is older than
half an hour is none. What is still missing at the departures needs no plan: it is reckoned anew for every
decision from the config and the charger's counter, so the strategy's latest start holds whatever fails here.
"""

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from zoneinfo import ZoneInfo

from controller.clock import Clock
from controller.departures import Wants
from controller.horizon import PriceSlot, SurplusSlot, slot_at
from controller.model import Need, Prices, Worth
from controller.planner.plan import Plan, PlannedSlot, make_plan
from controller.planner.purchase import below_ceiling_ct
from controller.planner.task import SLOT_S, Departure, Task, make_slots
from controller.planner.values import Reason
from controller.wanted import Sight, Wanted

HORIZON_S = 36 * 3600.0
"""How far a plan reaches: what is published of prices at most, and a night and a day of sun."""

VALID_S = 1800.0
"""A plan older than this says nothing any more (planning.md 3.4)."""

DEBOUNCE_S = 60.0
"""Between two plans, but for one after a car was plugged in."""

DEAD_BAND_CT = 0.3
"""A new plan's value this near to the old one's is taken for the same: nobody moves for it."""

BAND_WH = 300.0
"""So far beside what its darkest and its brightest sky let expect, a plan is made anew; so far from what is
missing by its own reckoning too: somebody has said how full the car is."""

CHEAP_S = 4 * 3600.0
"""A kWh beyond all needs is compared with the cheapest hours ahead, so many of them."""

MISSED_WH = 200.0
"""What is missing at a departure is told from this on."""

LATER = "what a later kWh costs"
"""Why a kWh is worth what it is where no departure needs it."""


DEAR = "the grid is dearer than the ceiling"
"""Why only the sun is wanted while no plan holds."""


def later_value_ct(prices: Sequence[PriceSlot], wants: Wants) -> float:
    """Return what a kWh beyond all needs is worth: it will cost half sun, half the cheapest hours ahead."""
    if wants.later_value_ct is not None:
        return wants.later_value_ct
    cheapest, left_s, cost = sorted(prices, key=lambda slot: slot.import_ct_per_kwh), CHEAP_S, 0.0
    for slot in cheapest:
        part_s = min(slot.end_s - slot.begin_s, left_s)
        cost, left_s = cost + part_s * slot.import_ct_per_kwh, left_s - part_s
    whole_s = sum(slot.end_s - slot.begin_s for slot in prices)
    export_ct = sum((slot.end_s - slot.begin_s) * slot.export_ct_per_kwh for slot in prices) / whole_s
    return (cost / (CHEAP_S - left_s) + export_ct) / 2


def make_task(
    now_s: float,
    sight: Sight,
    departures: Sequence[Departure],
    until_s: float,
    prices: Sequence[PriceSlot],
    surplus: Sequence[SurplusSlot],
    wants: Wants,
    switching: Prices,
) -> Task:
    """Return what the planner is asked now, until `until_s` (UTC s); `departures` want what is missing."""
    until_s = (until_s // SLOT_S) * SLOT_S if not departures else until_s
    slots = make_slots(now_s, until_s, prices, surplus, departures, wants.max_power_w)
    car = sight.power
    return Task(
        slots,
        tuple(departures),
        car=car,
        later_value_ct=later_value_ct(prices, wants),
        room_wh=None if sight.soc is None else sight.soc.room_wh,
        ceiling_ct=wants.ceiling_ct,
        phases_now=sight.phases_set if sight.phases_set in car.phases else max(car.phases),
        charging_now=sight.charging and sight.phases_set in car.phases,
        start_ct=switching.start_ct,
        phase_change_ct=switching.phase_change_ct,
        late_wh=wants.late_wh,
    )


class Planning:
    """The plan of one house. `prices` and `surplus` answer for a span of UTC s; `stamp` is their age."""

    def __init__(
        self,
        wants: Wants,
        prices: Callable[[float, float], Sequence[PriceSlot]],
        surplus: Callable[[float, float], Sequence[SurplusSlot]],
        stamp: Callable[[], object],
        fixed: Prices,
        clock: Clock,
        zone: ZoneInfo,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._wants, self._prices, self._surplus, self._stamp = wants, prices, surplus, stamp
        self._fixed, self._clock, self._note = fixed, clock, note
        self.wanted = Wanted(wants.habits, zone, clock)
        self._key: tuple[object, ...] = ()
        self._made_s: float | None = None
        self._begun_plan_wh = self._later_ct = 0.0
        self._planned_for: dict[float, float] = {}
        self._stay = 0
        self._said: tuple[Reason, float] | None = None
        self._told: set[int] = set()
        self.plan: Plan | None = None

    # -- what the loop says and asks ------------------------------------------------------------

    def observe(self, sight: Sight) -> None:
        """Take what is on the cable; a car that comes begins anew, one that goes takes its plan along."""
        if not self.wanted.observe(sight):
            self.plan, self._made_s, self._key, self._said = None, None, (), None
            self._stay += 1

    def needs(self, now_s: float) -> tuple[Need, ...]:
        """Return what is missing at the departures ahead (monotonic), nothing without a car or a full one."""
        if not self.wanted.sight.connected or self.wanted.sight.complete:
            return ()
        shift_s = now_s - self._now_s()
        return tuple([Need(d.at_s + shift_s, d.need_wh) for d in self.wanted.departures()])

    def worth(self, now_s: float) -> Worth | None:
        """Return what a kWh is worth now, None where no plan holds and the grid is not above the ceiling."""
        if not self.wanted.sight.connected:
            return None
        return self._planned(now_s) or self._above_ceiling(now_s)

    def _above_ceiling(self, now_s: float) -> Worth | None:
        """Return that the sun alone is wanted where the grid is above the ceiling; that needs no plan."""
        at_s, fixed = self._now_s(), self._fixed
        begin_s = at_s // SLOT_S * SLOT_S
        if self._wants.ceiling_ct is None:
            return None
        slot = slot_at(self._prices(begin_s, begin_s + SLOT_S), at_s)
        if slot is None:
            slot = PriceSlot(begin_s, begin_s + SLOT_S, fixed.import_ct_per_kwh, fixed.export_ct_per_kwh)
        value_ct = below_ceiling_ct(inf, slot, self._wants.ceiling_ct)
        return None if value_ct == inf else Worth(value_ct, DEAR, now_s + DEBOUNCE_S)

    def _planned(self, now_s: float) -> Worth | None:
        """Return what it is worth by the last plan, None where there is none that holds."""
        if self.plan is None or self._made_s is None:
            return None
        slot = self.plan.at(self._now_s())
        if slot is None or now_s >= self._made_s + VALID_S:
            return None
        missing = [departure for departure in self.wanted.departures() if departure.need_wh > 0]
        if slot.reason is Reason.TARGET and not missing:
            # All needs are met since the plan was made: what it wanted for them is not worth it any more.
            later_ct = below_ceiling_ct(self._later_ct, slot, self._wants.ceiling_ct)
            return Worth(later_ct, LATER, self._made_s + VALID_S)
        value_ct = slot.value_ct_per_kwh
        if self._said is not None and self._said[0] is slot.reason:
            value_ct = self._said[1] if abs(value_ct - self._said[1]) < DEAD_BAND_CT else value_ct
        self._said = (slot.reason, value_ct)
        return Worth(value_ct, self._in_words(slot, missing), self._made_s + VALID_S)

    def _in_words(self, slot: PlannedSlot, missing: Sequence[Departure]) -> str:
        """Return why a kWh is worth what it is in this slot; `missing` are departures that need more."""
        if slot.reason is Reason.FULL:
            return "the battery is full by then"
        ahead = next((departure for departure in missing if departure.at_s >= slot.end_s), None)
        if slot.reason is Reason.LATER or ahead is None:
            return LATER
        return f"{ahead.need_wh / 1000:.1f} kWh until {self.wanted.when(ahead.at_s)}"

    # -- planning -------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Plan anew if something changed; to be called every few seconds."""
        mono_s, sight = float(self._clock.monotonic()), self.wanted.sight
        if not sight.connected:
            return
        key = self._state_of_the_world()
        stale = key != self._key or self._beside_the_band() or self._told_otherwise()
        fresh = self._made_s is not None and mono_s - self._made_s < DEBOUNCE_S
        if not stale or fresh:
            return
        self._key = key  # what cannot be planned is not tried again and again
        task, begun_wh, missing = self.task(), self.wanted.charged_wh, self._missing()
        stay = self._stay
        plan = await asyncio.to_thread(make_plan, task)
        if stay != self._stay:  # it left while we were thinking, and may be another one by now
            return
        first = self.plan is None
        self.plan, self._made_s, self._begun_plan_wh = plan, mono_s, begun_wh
        self._planned_for = missing
        self._later_ct = task.later_value_ct
        self._tell(plan, first=first)
        if (asked := self.wanted.question()) is not None:
            self._note("plan", "warning", asked)

    def task(self) -> Task:
        """Return what would be planned now."""
        now_s = self._now_s()
        departures = list[Departure]()
        for departure in self.wanted.departures() if not self.wanted.sight.complete else ():
            if not departures or departure.need_wh > departures[-1].need_wh:
                departures.append(departure)  # what one departure needs, the next one has
        until_s = max([now_s + HORIZON_S, *(d.at_s for d in departures)])
        prices = self._prices(now_s // SLOT_S * SLOT_S, until_s)  # this quarter too may be an estimate
        if not prices:  # no market, no estimate: the fixed price stands in, and is called an estimate
            fixed = self._fixed
            slot = PriceSlot(
                now_s, until_s, fixed.import_ct_per_kwh, fixed.export_ct_per_kwh, None, estimated=True
            )
            prices = (slot,)
        surplus, sight = self._surplus(now_s, until_s), self.wanted.sight
        return make_task(now_s, sight, departures, until_s, prices, surplus, self._wants, self._fixed)

    def _state_of_the_world(self) -> tuple[object, ...]:
        """Return a value that is another one whenever a plan may have become wrong."""
        sight = self.wanted.sight
        return (
            self._now_s() // SLOT_S,
            self._stamp(),
            tuple([(departure.at_s, departure.need_wh > 0) for departure in self.wanted.departures()]),
            (sight.complete, sight.power, sight.car, sight.soc is None),
        )

    def _beside_the_band(self) -> bool:
        """Return whether the car took more or less than the plan's sky lets expect."""
        if self.plan is None:
            return False
        now_s, low_wh, high_wh = self._now_s(), 0.0, 0.0
        for slot in self.plan.slots:
            if slot.begin_s >= now_s:
                break
            share = (min(slot.end_s, now_s) - slot.begin_s) / (slot.end_s - slot.begin_s)
            low_wh, high_wh = low_wh + share * slot.p10_wh, high_wh + share * slot.p90_wh
        taken_wh = self.wanted.charged_wh - self._begun_plan_wh
        return not low_wh - BAND_WH <= taken_wh <= high_wh + BAND_WH

    def _missing(self) -> dict[float, float]:
        """Return what is missing by instant in Wh; under infinity until the battery is full."""
        missing = {departure.at_s: departure.need_wh for departure in self.wanted.departures()}
        soc = self.wanted.sight.soc
        return missing if soc is None else {**missing, inf: soc.room_wh}

    def _told_otherwise(self) -> bool:
        """Return whether another amount is missing than what was taken since explains: somebody said so."""
        if self.plan is None:
            return False
        taken_wh, before = self.wanted.charged_wh - self._begun_plan_wh, self._planned_for
        return any(
            abs(wh - max(before.get(at_s, wh + taken_wh) - taken_wh, 0.0)) > BAND_WH
            for at_s, wh in self._missing().items()
        )

    def _tell(self, plan: Plan, *, first: bool) -> None:
        ahead = next((d for d in self.wanted.departures() if d.need_wh > 0), None)
        if ahead is None:
            return
        when = self.wanted.when(ahead.at_s)
        if plan.missing_wh > MISSED_WH and int(ahead.at_s) not in self._told:
            self._told = {int(ahead.at_s)}
            text = f"{plan.missing_wh / 1000:.1f} kWh will be missing at {when}: there is no time for more. "
            text += "It charges with all that is allowed. Remedy: leave later, or need less"
            self._note("plan", "warning", text)
        elif first:
            charged = [slot for slot in plan.slots if slot.expected_wh > 0 and slot.begin_s < ahead.at_s]
            begin = self.wanted.when(charged[0].begin_s) if charged else when
            cost_ct = sum(slot.cost_ct for slot in charged)
            text = (
                f"{ahead.need_wh / 1000:.1f} kWh until {when}: from {begin} on, about {cost_ct / 100:.2f} €"
            )
            self._note("plan", "info", text)

    def _now_s(self) -> float:
        return self._clock.wall().timestamp()
