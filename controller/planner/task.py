"""What the planner is asked: slots with prices and sun, departures with needs, and what the car can take.

Instants are UTC seconds since 1970, energy is Wh into the car's cable, money is ct. Nothing here decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from controller.horizon import PriceSlot, SurplusSlot, slot_at
from controller.units import MAX_CURRENT_A, MIN_CURRENT_A, NOMINAL_VOLTAGE_V

SLOT_S = 900.0
"""A quarter of an hour: the market's own time unit since October 2025."""

WEIGHTS = (0.3, 0.4, 0.3)
"""How much the tenth, the middle and the ninetieth percentile of the sun count (planning.md 3.5)."""


FULL_KWH = 0.35
"""What a plan may go beyond a full battery: a quarter-hour at the least power. The car stops by itself."""

LATE_S = 3 * 3600.0
"""How long before the departure the late part may begin, at least; twice what full power takes (chosen)."""


@dataclass(frozen=True, slots=True)
class PlanSlot:
    """One stretch of time. `surplus_w` has one value per scenario; `cap_w` bounds the car where one does.

    `estimated` where the price is not published yet.
    """

    begin_s: float
    end_s: float
    import_ct_per_kwh: float
    export_ct_per_kwh: float
    surplus_w: tuple[float, ...]
    cap_w: float | None = None
    estimated: bool = False

    @property
    def hours(self) -> float:
        """Return its length in h."""
        return (self.end_s - self.begin_s) / 3600


@dataclass(frozen=True, slots=True)
class Departure:
    """Until `at_s` the car wants `need_wh` more than it has now."""

    at_s: float
    need_wh: float


@dataclass(frozen=True, slots=True)
class CarPower:
    """What the car takes: whole ampere on one or three phases."""

    min_a: int = MIN_CURRENT_A
    max_a: int = 16
    phases: tuple[int, ...] = (1, 3)
    voltage_v: float = NOMINAL_VOLTAGE_V

    def __post_init__(self) -> None:
        if not MIN_CURRENT_A <= self.min_a <= self.max_a <= MAX_CURRENT_A or not self.phases:
            raise ValueError(f"no such car: {self}")

    @property
    def max_w(self) -> float:
        """Return the most it takes."""
        return self.max_a * max(self.phases) * self.voltage_v


@dataclass(frozen=True, slots=True)
class Mark:
    """How much there should be after so many slots, and what each kWh less or more costs, in ct."""

    before: int
    kwh: float
    short_ct: float
    over_ct: float


@dataclass(frozen=True)
class Task:
    """Everything a plan depends on.

    `later_value_ct` is what a kWh beyond all needs is worth; `room_wh` what the battery still takes, None
    where that is not known. `ceiling_ct` is the dearest kWh to buy unless a departure would be missed.
    `later_is_better_ct` is what an hour of one price is dearer at the beginning than right before the
    departure: sun may still come. `late_wh` of the largest need come in the last hours, so that the battery
    does not stand full for long, where that costs at most `late_ct` per kWh more.
    """

    slots: tuple[PlanSlot, ...]
    departures: tuple[Departure, ...] = ()
    weights: tuple[float, ...] = WEIGHTS
    car: CarPower = CarPower()
    later_value_ct: float = 10.0
    room_wh: float | None = None
    ceiling_ct: float | None = None
    phases_now: int = 3
    charging_now: bool = False
    start_ct: float = 1.0
    phase_change_ct: float = 1.5
    miss_ct_per_kwh: float = 200.0
    later_is_better_ct: float = 0.25
    late_wh: float = 0.0
    late_ct: float = 2.0

    def expected(self, values: Sequence[float]) -> float:
        """Return the mean of a value per scenario."""
        return sum(weight * value for weight, value in zip(self.weights, values, strict=True))

    @cached_property
    def needs(self) -> tuple[tuple[int, float], ...]:
        """Return for each departure, by time, how many slots end before it, and the need in Wh.

        What the battery cannot take is not needed; what an earlier departure needs, a later one has; two that
        no slot parts are one.
        """
        found: list[tuple[int, float]] = []
        most_wh = float("inf") if self.room_wh is None else max(self.room_wh, 0.0)
        for departure in sorted(self.departures, key=lambda d: d.at_s):
            before = sum(slot.end_s <= departure.at_s + 1e-6 for slot in self.slots)
            need_wh = min(max(departure.need_wh, found[-1][1] if found else 0.0), most_wh)
            if found and found[-1][0] == before:
                found[-1] = (before, need_wh)
            else:
                found.append((before, need_wh))
        return tuple(found)

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """Return all that energy is held against: needs first, then the late part, then the battery's room.

        What is beyond the room is worth nothing later; beyond what is tolerated it costs as much as a miss.
        """
        found = [Mark(before, need_wh / 1000, self.miss_ct_per_kwh, 0.0) for before, need_wh in self.needs]
        if self.late_wh > 0 and found:
            largest = next(mark for mark in found if mark.kwh == found[-1].kwh)
            late_s = max(LATE_S, 2 * self.late_wh / self.car.max_w * 3600)
            begin_s = self.slots[largest.before - 1].end_s - late_s if largest.before else float("-inf")
            before = sum(slot.end_s <= begin_s + 1e-6 for slot in self.slots)
            early_kwh = max(largest.kwh - self.late_wh / 1000, 0.0)
            found.append(Mark(before, early_kwh, 0.0, self.late_ct))
        if self.room_wh is not None:
            room_kwh, count = max(self.room_wh, 0.0) / 1000, len(self.slots)
            found.append(Mark(count, room_kwh, 0.0, max(self.later_value_ct, 0.0)))
            found.append(Mark(count, room_kwh + FULL_KWH, 0.0, self.miss_ct_per_kwh))
        return tuple(found)


def make_slots(
    now_s: float,
    until_s: float,
    prices: Sequence[PriceSlot],
    surplus: Sequence[SurplusSlot],
    departures: Sequence[Departure] = (),
    cap_w: float | None = None,
) -> tuple[PlanSlot, ...]:
    """Return quarter-hours from now on, the first one partial, cut at departures too.

    Where no price is known the mean of the known ones stands in, flagged as estimated; where no surplus is
    known there is none. Returns nothing where no price is known at all.
    """
    if not prices:
        return ()
    mean_import = sum(p.import_ct_per_kwh for p in prices) / len(prices)
    mean_export = sum(p.export_ct_per_kwh for p in prices) / len(prices)
    first = (now_s // SLOT_S + 1) * SLOT_S
    count = max(int((until_s - first) // SLOT_S) + 1, 0)
    edges = {first + SLOT_S * place for place in range(count)} | {d.at_s for d in departures} | {until_s}
    cuts = [now_s, *sorted(edge for edge in edges if now_s < edge <= until_s)]
    slots = []
    for begin_s, end_s in pairwise(cuts):
        price, sun = slot_at(prices, begin_s), slot_at(surplus, begin_s)
        slots.append(
            PlanSlot(
                begin_s,
                end_s,
                mean_import if price is None else price.import_ct_per_kwh,
                mean_export if price is None else price.export_ct_per_kwh,
                (0.0, 0.0, 0.0) if sun is None else (sun.p10_w, sun.p50_w, sun.p90_w),
                cap_w,
                price is None or price.estimated,
            )
        )
    return tuple(slots)
