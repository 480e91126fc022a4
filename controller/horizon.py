"""The hours ahead as steps: prices and expected surplus by the slot; what tariffs, forecast and planner say.

Instants are UTC seconds since 1970, so a day of 23 or 25 hours is just a number of slots. Slots may differ in
length (an hour here, a quarter there), never overlap, and a gap means "not known", never "as before".
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Slot(Protocol):
    """Anything that holds from `begin_s` until `end_s`."""

    @property
    def begin_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


S = TypeVar("S", bound=Slot)


@dataclass(frozen=True, slots=True)
class PriceSlot:
    """What a kWh costs and brings; all-in, ct/kWh. `estimated` where no market has published it yet."""

    begin_s: float
    end_s: float
    import_ct_per_kwh: float
    export_ct_per_kwh: float
    co2_g_per_kwh: float | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class SurplusSlot:
    """Mean surplus without the car in W (negative: the house imports), as three quantiles."""

    begin_s: float
    end_s: float
    p10_w: float
    p50_w: float
    p90_w: float


def slot_at(slots: Sequence[S], at_s: float) -> S | None:
    """Return the slot that holds at an instant, None in a gap; `slots` are in order of time."""
    index = bisect_right(slots, at_s, key=lambda slot: slot.begin_s) - 1
    if index < 0 or at_s >= slots[index].end_s:
        return None
    return slots[index]
