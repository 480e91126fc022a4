"""evcc's plan for a departure with its timers in between, from its described behaviour, in own words.

Modelled: what is missing, at full power, takes so long; the cheapest quarters before the departure are chosen
for it, the later of two that cost the same; the last one chosen is cut so that it joins its neighbour. All of
it is done anew in every cycle. In a chosen quarter the car gets three phases and all the current whatever the
sun does; between them the PV mode of `Evcc` rules, its stop delay taken as over when a quarter ends. A chosen
stretch of less than 14 min does not begin; a quarter that runs is finished; no stop for a pause of less than
15 min. Without prices ahead the mean of the known ones stands in.

In its favour: prices that are not published are estimated as this project does; 60 s are added to the time it
takes, or every start's delay would be missing at the departure; the quarter that is cut may be a short one; a
car that is full is left in peace.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.baselines.evcc import Evcc
from benchmarks.contest import Order, View
from controller.horizon import PriceSlot
from controller.planner.task import SLOT_S, PlanSlot, make_slots

MARGIN_S = 60.0
SHORT_S = 14 * 60
PAUSE_S = 15 * 60


@dataclass(frozen=True, slots=True)
class Chosen:
    """A stretch of full power, with the end of the slot it is of; `cut`: not all of it is needed."""

    begin_s: float
    end_s: float
    slot_end_s: float
    cut: bool


class CheapestSlots:
    """One loadpoint with a plan; instants are UTC s, `prices` gives what is known now until an instant."""

    def __init__(
        self,
        prices: Callable[[float, float], Sequence[PriceSlot]],
        departure_s: float,
        need_wh: float,
        max_w: float = 11_040.0,
        interval_s: int = 30,
    ) -> None:
        self.interval_s = interval_s
        self.pv = Evcc(interval_s)
        self._prices, self._departure_s, self._need_wh, self._max_w = prices, departure_s, need_wh, max_w
        self._slots: tuple[PlanSlot, ...] = ()
        self._next_s = float("-inf")
        self._until_s: float | None = None  # while a chosen slot runs, when it ends

    def decide(self, view: View, at_s: float, taken_wh: float) -> Sequence[Order]:
        """Run one control cycle; `taken_wh` is what the car has had since plug-in."""
        if self._planned(at_s, self._need_wh - taken_wh):
            return self._full_power(view)
        return self.pv.decide(view)

    def _planned(self, at_s: float, missing_wh: float) -> bool:
        """Return whether it is time for full power."""
        if missing_wh <= 0:
            self._until_s = None
            return False
        plan = self.plan(at_s, missing_wh)
        now = next((chosen for chosen in plan if chosen.begin_s <= at_s < chosen.end_s), None)
        if now is not None:
            short = not now.cut and _joined_end(plan, now) - at_s < SHORT_S and now is not plan[-1]
            if self._until_s is None and short:
                return False
            self._until_s = now.slot_end_s
            return True
        if self._until_s is None:
            return False
        soon = any(at_s < chosen.begin_s < at_s + PAUSE_S for chosen in plan)
        if at_s < self._until_s or soon:
            return True
        self._until_s = None
        return False

    def plan(self, at_s: float, missing_wh: float) -> list[Chosen]:
        """Return the stretches of full power from now on, in order of time."""
        if at_s >= self._next_s:
            known = self._prices(at_s, self._departure_s)
            self._slots = make_slots(at_s, self._departure_s, known, ())
            self._next_s = (at_s // SLOT_S + 1) * SLOT_S
        left_s = missing_wh / self._max_w * 3600 + MARGIN_S
        ahead = [slot for slot in self._slots if slot.end_s > at_s]
        chosen: list[Chosen] = []
        for slot in sorted(ahead, key=lambda slot: (slot.import_ct_per_kwh, -slot.begin_s)):
            begin_s, end_s = max(slot.begin_s, at_s), slot.end_s
            over_s, cut = end_s - begin_s - left_s, slot.end_s - slot.begin_s > left_s
            if over_s > 0:
                follows = any(other.begin_s == end_s for other in chosen)
                precedes = any(other.end_s == begin_s for other in chosen)
                if precedes and not follows:
                    end_s -= over_s
                else:
                    begin_s += over_s
            chosen.append(Chosen(begin_s, end_s, slot.end_s, cut))
            left_s -= end_s - begin_s
            if left_s <= 0:
                break
        return sorted(chosen, key=lambda one: one.begin_s)

    def _full_power(self, view: View) -> Sequence[Order]:
        orders = []
        if view.phases != 3 or self.pv.phases != 3:
            orders.append(Order(phases=3))
        if view.offered_a != view.max_a:
            orders.append(Order(current_a=view.max_a))
        if not view.enabled:
            orders.append(Order(enabled=True))
        self.pv.first, self.pv.offered_a, self.pv.phases = False, float(view.max_a), 3
        self.pv.power_since_s, self.pv.phase_since_s = float("-inf"), None
        return orders


def _joined_end(plan: Sequence[Chosen], now: Chosen) -> float:
    """Return when the stretch ends that a chosen slot is part of."""
    end_s = now.end_s
    for chosen in plan:
        if chosen.begin_s == end_s:
            end_s = chosen.end_s
    return end_s
