"""Where the car's energy came from, and what it cost. Pure; the ledger keeps the sums."""

from dataclasses import dataclass

from controller.model import SiteSnapshot
from controller.units import ct_for

MAX_INTERVAL_S = 300.0
"""A longer silence is not attributed to a source: nobody measured it."""


@dataclass(frozen=True, slots=True)
class Share:
    """The car's energy of one interval by source in Wh, and its cost in ct (import paid, feed-in lost)."""

    grid_wh: float = 0.0
    pv_wh: float = 0.0
    cost_ct: float = 0.0

    @property
    def total_wh(self) -> float:
        """Return all of it in Wh."""
        return self.grid_wh + self.pv_wh


def attribute(snap: SiteSnapshot, max_current_a: int) -> Share:
    """Return what the car took since the last decision and from where.

    The house is served by the sun first, the car by what remains; the rest is grid. Energy is bounded by what
    `max_current_a` can carry on three phases, so that one absurd reading cannot enter the books.
    """
    duration_s = snap.interval_s
    if not 0 < duration_s <= MAX_INTERVAL_S or snap.base_import_w is None:
        return Share()
    most_w = max_current_a * 3 * snap.voltage_v * 1.1
    car_w = min(max(snap.car_power_w, 0.0), most_w)
    sun_w = min(max(-snap.base_import_w, 0.0), car_w)
    grid_w = car_w - sun_w
    prices = snap.prices
    cost_ct = ct_for(grid_w, duration_s, prices.import_ct_per_kwh)
    cost_ct += ct_for(sun_w, duration_s, prices.export_ct_per_kwh)
    return Share(grid_w * duration_s / 3600, sun_w * duration_s / 3600, cost_ct)
