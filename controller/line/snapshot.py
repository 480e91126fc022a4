"""What do we know, how old is it, how far do we trust it? Builds the one frozen input of a decision.

The decision needs the grid power that would flow without the car. Meter (about 1 s old) and charger (2 to
40 s old) speak of different moments, so the car's power is taken from each meter reading *at that reading's
time*: between two charger reports it is interpolated, after the last one it is held. Readings are not used at
all where it cannot be known: after the last report while a command of ours may still be moving the car, and
between two reports far apart if the car moved from one to the other.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from controller.limits import Limits
from controller.model import (
    BatteryReading,
    CarState,
    ChargerStatus,
    GridReading,
    Need,
    PerPhase,
    Prices,
    PvReading,
    Quality,
    SiteSnapshot,
    Worth,
)
from controller.units import NOMINAL_VOLTAGE_V

SETTLE_S = 15.0
"""How long a write may still be moving the car: delivery, 5 s of IEC 61851-1, slow cars (chosen)."""

LATEST_S = 3.0
"""How much of an interval's end counts as its last seconds (chosen; half of what a car needs to follow)."""

APART_S = 12.0
"""Between two reports further apart nobody knows when the car moved: an idle charger is read every 30 s, and
a car that starts by itself in between would look like sun (chosen; a charging one is read every 5 s)."""

MOVED_W = 200.0
"""A car that changed by more has moved, less is noise (chosen: an ampere on one phase is 230 W)."""

TELLING_REGISTERS = 6
"""Power, currents, voltages: so many registers do not stand still together while the meter lives."""

DOUBTFUL_READINGS = 3
"""One sum that is wrong may be two moments of a reading; three in a row are a fault."""

UNTOLD_S = 120.0
"""So long without a word of what a charging car draws, and it counts as a load of the house (chosen)."""

PLAUSIBLE_VOLTAGE_V = (180.0, 270.0)
"""Outside of it the nominal voltage is the better guess for power per ampere."""


@dataclass(frozen=True, slots=True)
class Observations:
    """What the loop collected since it started; sequences are oldest first and may be short or empty.

    `since_s` is when the previous decision was made, `started_s` when the loop began: a meter that never
    answered ages from there. `grid_changed_s` is when the meter's raw block last differed from the one
    before, `heartbeat_changed_s` the same of its own count of updates, `grid_invalid` whether its latest
    answer could not be true, `car_told_s` of when the last report is that said what the car draws, `worth`
    and `needs` what plan and departures say, `ledger_degraded` whether the disk refuses what is written down,
    `dark` whether nothing here can feed in now.
    """

    now_s: float
    since_s: float
    started_s: float
    grid: Sequence[GridReading] = ()
    charger: Sequence[ChargerStatus] = ()
    pv: PvReading | None = None
    battery: BatteryReading | None = None
    grid_changed_s: float | None = None
    heartbeat_changed_s: float | None = None
    grid_invalid: bool = False
    car_told_s: float | None = None
    dark: bool = False
    prices: Prices = Prices()  # noqa: RUF009 - frozen
    worth: Worth | None = None
    needs: tuple[Need, ...] = ()
    ledger_degraded: bool = False


def build(seen: Observations, limits: Limits, last_write_s: float | None) -> SiteSnapshot:
    """Return the snapshot of this moment; never raises, whatever is missing."""
    status = seen.charger[-1] if seen.charger else None
    latest = seen.grid[-1] if seen.grid else None
    grid_age_s = max(seen.now_s - (latest.taken_s if latest else seen.started_s), 0.0)
    charger_age_s = max(seen.now_s - (status.data_s if status else seen.started_s), 0.0)
    car_w = car_power_w(status) if status else None
    pv = seen.pv if seen.pv and seen.now_s - seen.pv.taken_s <= limits.meter_stale_s else None
    battery = seen.battery
    if battery and seen.now_s - battery.taken_s > limits.meter_stale_s:
        battery = None
    base_import_w, latest_base_import_w = _base_import_w(seen, battery, last_write_s, limits)
    return SiteSnapshot(
        now_s=seen.now_s,
        interval_s=max(seen.now_s - seen.since_s, 0.0),
        grid_quality=_grid_quality(seen, latest, status, grid_age_s, limits),
        charger_quality=_charger_quality(seen, status, charger_age_s, limits),
        grid_age_s=grid_age_s,
        charger_age_s=charger_age_s,
        grid_import_w=latest.grid_import_w if latest else None,
        base_import_w=base_import_w,
        latest_base_import_w=latest_base_import_w,
        pv_yield_w=pv.pv_yield_w if pv else None,
        battery_charge_w=battery.battery_charge_w if battery else None,
        battery_soc_pct=battery.soc_pct if battery else None,
        phase_import_a=_phases_a(seen.grid),
        charger=status,
        car_connected=status.connected if status else False,
        car_power_w=car_w or 0.0,
        voltage_v=_voltage_v(latest, status),
        prices=seen.prices,
        worth=seen.worth if seen.worth is not None and seen.now_s < seen.worth.until_s else None,
        needs=tuple([need for need in seen.needs if need.at_s > seen.now_s]),
        ledger_degraded=seen.ledger_degraded,
        dark=seen.dark,
    )


def car_power_w(status: ChargerStatus) -> float | None:
    """Return what the car draws in W as measured at the charger, None if it may charge and cannot be known.

    A report without a usable `car` key may be of a car that charges.
    """
    if status.car in (CarState.IDLE, CarState.ERROR, CarState.INITIALIZING):
        return 0.0
    if status.power_w is not None:
        return max(status.power_w, 0.0)
    if status.current_a is not None:
        voltage_v = status.voltage_v or (NOMINAL_VOLTAGE_V,) * 3
        return sum(u * i for u, i in zip(voltage_v, status.current_a, strict=True))
    return None if status.car in (CarState.CHARGING, CarState.UNKNOWN) else 0.0


def _grid_quality(
    seen: Observations,
    latest: GridReading | None,
    status: ChargerStatus | None,
    age_s: float,
    limits: Limits,
) -> Quality:
    """Rate the meter by the ladder: age first, then what only looks alive."""
    if age_s > limits.meter_stale_s or (latest and latest.taken_s > seen.now_s + 1.0):
        return Quality.STALE
    if latest and _still_s(seen, latest, status) >= limits.meter_stale_s:
        return Quality.STALE
    if seen.grid_invalid:
        return Quality.INVALID
    if latest is None or age_s > limits.meter_fresh_s:
        return Quality.AGING
    return Quality.FRESH


def _still_s(seen: Observations, latest: GridReading, status: ChargerStatus | None) -> float:
    """Return for how long the meter only looks alive, in s.

    A live meter's last digits move nearly every second; all of them standing still while a car draws is a
    freeze. A few registers may truly be constant: a power that a house battery holds at zero, say. For them
    only the response to the car's own steps tells. A count of its own updates must move whatever happens.
    """
    still_s = 0.0
    if latest.heartbeat and seen.heartbeat_changed_s is not None:
        still_s = latest.taken_s - seen.heartbeat_changed_s
    drawing = status is not None and car_power_w(status) != 0.0  # None: it may, and nobody says
    telling = len(latest.fingerprint) >= 2 * TELLING_REGISTERS
    if drawing and telling and seen.grid_changed_s is not None:
        still_s = max(still_s, latest.taken_s - seen.grid_changed_s)
    return still_s


def _phases_a(readings: Sequence[GridReading]) -> PerPhase | None:
    """Return the signed import current of each phase, None where it is not known or not believed.

    For one doubtful reading or two, each phase counts as the worse of now and the last time it added up.
    """
    if not readings or phases_distrusted(readings):
        return None
    now = _phase_import_a(readings[-1])
    if now is None or not readings[-1].phases_doubtful:
        return now
    good = next((reading for reading in reversed(readings) if not reading.phases_doubtful), None)
    before = _phase_import_a(good) if good is not None else None
    if before is None:
        return None
    return max(now[0], before[0]), max(now[1], before[1]), max(now[2], before[2])


def phases_distrusted(readings: Sequence[GridReading]) -> bool:
    """Return whether the phases have not added up to the whole in the last three readings."""
    latest = readings[-DOUBTFUL_READINGS:]
    return len(latest) == DOUBTFUL_READINGS and all(reading.phases_doubtful for reading in latest)


def _charger_quality(
    seen: Observations, status: ChargerStatus | None, age_s: float, limits: Limits
) -> Quality:
    if age_s > limits.charger_stale_s or (status and status.data_s > seen.now_s + 1.0):
        return Quality.STALE
    if status is None or age_s > limits.charger_fresh_s:
        return Quality.AGING
    return Quality.FRESH


def _base_import_w(
    seen: Observations, battery: BatteryReading | None, last_write_s: float | None, limits: Limits
) -> tuple[float | None, float | None]:
    """Return the grid import without the car, mean since the last decision and mean of its last seconds, W.

    A house battery that discharges would otherwise look like sun: what it gives counts as import. A car whose
    draw has long been a secret is a load of the house: nothing could be better than what is, for ever, else.
    """
    nothing = (None, None)
    if not seen.grid or not seen.charger:
        return nothing
    if seen.now_s - seen.grid[-1].taken_s > limits.meter_fresh_s:
        return nothing
    if seen.now_s - seen.charger[-1].data_s > limits.charger_stale_s:
        return nothing
    last = seen.charger[-1]
    moving = last_write_s is not None and last.data_s < last_write_s + SETTLE_S
    until_s = last.data_s + 1.0 if moving else seen.now_s
    times = [status.data_s for status in seen.charger]
    powers = [car_power_w(status) for status in seen.charger]
    if seen.car_told_s is not None and seen.now_s - seen.car_told_s >= UNTOLD_S:
        powers = [power or 0.0 for power in powers]
    said = _said_anew(seen.grid)
    window = [reading for reading in said if seen.since_s < reading.taken_s <= until_s]
    if not window:  # nothing new that can be paired: the newest reading that can
        window = [reading for reading in said if reading.taken_s <= until_s][-1:]
        if window and _moved_since(window[-1].taken_s, times, powers):
            return nothing
    bases_w, latest_w = [], []
    for reading in window:
        car_w = _interpolated(times, powers, reading.taken_s)
        if car_w is not None:
            bases_w.append(reading.grid_import_w - car_w)
            if reading.taken_s > window[-1].taken_s - LATEST_S:
                latest_w.append(bases_w[-1])
    if not bases_w or not latest_w:
        return nothing
    given_w = max(-battery.battery_charge_w, 0.0) if battery else 0.0
    return sum(bases_w) / len(bases_w) + given_w, sum(latest_w) / len(latest_w) + given_w


def _moved_since(at_s: float, times: list[float], powers: list[float | None]) -> bool:
    """Return whether the car changed its power since then: an import from before does not fit it any more."""
    then_w = _interpolated(times, powers, at_s)
    return then_w is None or powers[-1] is None or abs(powers[-1] - then_w) > MOVED_W


def _said_anew(readings: Sequence[GridReading]) -> Sequence[GridReading]:
    """Return the readings without those that only repeat the one before.

    A meter that stands still speaks of the moment it last moved. Paired with what the car draws now, its old
    import would look like a sun that grows with the car.
    """
    if not readings[-1].fingerprint:
        return readings
    return [
        reading
        for before, reading in pairwise((None, *readings))
        if reading
        and (before is None or not reading.fingerprint or reading.fingerprint != before.fingerprint)
    ]


def _interpolated(times: list[float], values: list[float | None], at_s: float) -> float | None:
    """Return the power at a moment: linear between two samples, held outside; None if nobody can know."""
    right = bisect_right(times, at_s)
    if right == 0:
        return values[0]
    if right == len(times):
        return values[-1]
    before, after = values[right - 1], values[right]
    if before is None or after is None:
        return None
    span_s = times[right] - times[right - 1]
    if span_s > APART_S and abs(after - before) > MOVED_W:
        return None
    return before + (after - before) * (at_s - times[right - 1]) / span_s


def _phase_import_a(reading: GridReading) -> PerPhase | None:
    """Return the signed import current of each phase, from currents or from powers."""
    if reading.phase_current_a is not None:
        return reading.phase_current_a
    if reading.phase_import_w is None:
        return None
    voltage_v = reading.voltage_v or (NOMINAL_VOLTAGE_V,) * 3
    low, high = PLAUSIBLE_VOLTAGE_V
    one, two, three = (
        w / (v if low <= v <= high else NOMINAL_VOLTAGE_V)
        for w, v in zip(reading.phase_import_w, voltage_v, strict=True)
    )
    return (one, two, three)


def _voltage_v(latest: GridReading | None, status: ChargerStatus | None) -> float:
    """Return the mean phase voltage in whole volts, nominal where nothing plausible is measured."""
    low, high = PLAUSIBLE_VOLTAGE_V
    for source in (status, latest):
        if source is not None and source.voltage_v is not None:
            fine = [volt for volt in source.voltage_v if low <= volt <= high]
            if fine:
                return float(round(sum(fine) / len(fine)))
    return NOMINAL_VOLTAGE_V
