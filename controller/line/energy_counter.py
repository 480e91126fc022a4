"""What the charger's own lifetime counter says against what was booked: no energy is lost in a gap.

Theory of operation. Energy is booked by source from powers, tick by tick. While the meter is lost, the cloud
silent or the controller down, nothing is booked though the car may charge. The counter `eto` knows. Its
differences are summed, what was booked is taken off, and what is owed beyond a tolerance is booked late: as
grid energy where nothing was seen, else like its neighbours. A counter that goes back, or jumps by more than
can flow, begins anew: it books nothing.
"""

from dataclasses import dataclass, replace

from controller.line.accounting import Share
from controller.model import ChargerStatus, Prices
from controller.units import NOMINAL_VOLTAGE_V

OWED_WH = 150.0
"""Reports are up to 40 s old: at 11 kW the two sums may differ by 120 Wh without anything missing."""

UNSEEN_S = 7 * 86_400.0
"""After a restart the time since the last report is not known; the longest absence that is made up for."""


@dataclass(frozen=True, slots=True)
class EnergyCounter:
    """Where the charger's counter stood (Wh) at which data time (monotonic s; None: in an earlier run).

    `owed_wh` is what flowed less what was booked; `grid_wh` and `pv_wh` were booked since it was last even.
    """

    eto_wh: float | None = None
    at_s: float | None = None
    owed_wh: float = 0.0
    grid_wh: float = 0.0
    pv_wh: float = 0.0


def follow(
    counter: EnergyCounter, status: ChargerStatus | None, booked: Share, prices: Prices, max_current_a: int
) -> tuple[EnergyCounter, Share, str]:
    """Return the counter after this tick, what is to be booked late, and a note ("" for none)."""
    counter = replace(
        counter,
        owed_wh=counter.owed_wh - booked.total_wh,
        grid_wh=counter.grid_wh + booked.grid_wh,
        pv_wh=counter.pv_wh + booked.pv_wh,
    )
    if status is None or status.energy_wh is None:
        return counter, Share(), ""
    if counter.at_s is not None and status.data_s <= counter.at_s:
        return counter, Share(), ""
    if counter.eto_wh is None:
        return _anew(status), Share(), ""
    flowed_wh = status.energy_wh - counter.eto_wh
    if flowed_wh < 0:
        return _anew(status), Share(), f"the charger's energy counter went back by {-flowed_wh:.0f} Wh"
    span_s = UNSEEN_S if counter.at_s is None else status.data_s - counter.at_s
    most_wh = max_current_a * 3 * NOMINAL_VOLTAGE_V * 1.1 * (span_s + 60.0) / 3600.0
    if flowed_wh > most_wh:
        note = f"the charger's energy counter jumped by {flowed_wh:.0f} Wh, more than can flow; not counted"
        return _anew(status), Share(), note
    counter = replace(
        counter, eto_wh=status.energy_wh, at_s=status.data_s, owed_wh=counter.owed_wh + flowed_wh
    )
    if counter.owed_wh < -OWED_WH:  # booked more than flowed: the powers are a little too high
        return _anew(status), Share(), ""
    if counter.owed_wh <= OWED_WH:
        return counter, Share(), ""
    late = _late(counter, prices)
    return _anew(status), late, f"{late.total_wh:.0f} Wh flowed unseen and were booked by the counter"


def _anew(status: ChargerStatus) -> EnergyCounter:
    return EnergyCounter(status.energy_wh, status.data_s)


def _late(counter: EnergyCounter, prices: Prices) -> Share:
    """Return what is owed by source: like what was booked meanwhile if that was more, else from the grid."""
    booked_wh = counter.grid_wh + counter.pv_wh
    grid_share = counter.grid_wh / booked_wh if booked_wh > counter.owed_wh else 1.0
    grid_wh = counter.owed_wh * grid_share
    pv_wh = counter.owed_wh - grid_wh
    cost_ct = (grid_wh * prices.import_ct_per_kwh + pv_wh * prices.export_ct_per_kwh) / 1000.0
    return Share(grid_wh, pv_wh, cost_ct)
