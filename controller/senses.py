"""What the devices say: meter, charger, sun and battery, each read at its own pace.

The jobs run beside each other and share only what they read last: a slow cloud never delays the meter.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from controller.clock import Clock
from controller.errors import AuthRejected, ChargerError, MeterError, MeterImplausible, WrongDevice
from controller.events import Event, Turn
from controller.ledger.ledger import Ledger
from controller.line import snapshot
from controller.logging_setup import Faults
from controller.model import (
    BatteryReading,
    Charger,
    ChargerStatus,
    GridReading,
    Meter,
    Need,
    Prices,
    PvReading,
    Worth,
)

log = logging.getLogger(__name__)
HISTORY = 120
STRANGERS = 3
"""Another device at the meter's address on so many connections in a row is latched."""
MISSES = 3
"""So many reads of the charger fail in a row before it is said: single ones happen several times a day."""


@dataclass(slots=True)
class Devices:
    """What the loop talks to; everything but grid and charger is optional."""

    grid: Meter
    charger: Charger
    pv: Meter | None = None
    battery: Meter | None = None


@dataclass(slots=True)
class Seen:
    """What was read last."""

    grid: deque[GridReading] = field(default_factory=lambda: deque(maxlen=HISTORY))
    charger: deque[ChargerStatus] = field(default_factory=lambda: deque(maxlen=12))
    pv: PvReading | None = None
    battery: BatteryReading | None = None
    grid_changed_s: float | None = None
    heartbeat_changed_s: float | None = None
    grid_invalid: bool = False
    car_told_s: float | None = None
    strangers: int = 0
    misses: int = 0


class Senses:
    """Reads the devices, keeps the newest of each, and says what is wrong with them."""

    def __init__(
        self, devices: Devices, ledger: Ledger, clock: Clock, dark: Callable[[], bool] = lambda: False
    ) -> None:
        self._devices, self._ledger, self._dark = devices, ledger, dark
        self.alarms: list[tuple[str, str]] = []  # what must be latched, kind and text
        self._seen = Seen()
        self.faults = Faults(log, clock.monotonic)
        self.started_s = float(clock.monotonic())

    async def poll_meter(self) -> None:
        """Read the grid meter once."""
        try:
            reading = await self._devices.grid.read()
        except MeterImplausible as error:
            self._seen.grid_invalid = True
            self._seen.strangers += isinstance(error, WrongDevice)
            if self._seen.strangers == STRANGERS:
                self.alarms.append(("wrong_device", str(error)))
            self.fault("meter", str(error))
            return
        except MeterError as error:
            self.fault("meter", str(error))
            return
        assert isinstance(reading, GridReading)
        previous = self._seen.grid[-1] if self._seen.grid else None
        if previous is None or reading.fingerprint != previous.fingerprint:
            self._seen.grid_changed_s = reading.taken_s
        if previous is None or reading.heartbeat != previous.heartbeat:
            self._seen.heartbeat_changed_s = reading.taken_s
        self._seen.grid.append(reading)
        self._seen.grid_invalid, self._seen.strangers = False, 0
        if snapshot.phases_distrusted(tuple(self._seen.grid)[-snapshot.DOUBTFUL_READINGS :]):
            self.fault("phases", "the phases do not add up to the whole; all of it is taken for one phase")
        else:
            self.recovered("phases")
        self.recovered("meter")

    async def poll_others(self) -> None:
        """Read pv and battery once, where there are any."""
        for name, meter in (("pv", self._devices.pv), ("battery", self._devices.battery)):
            if meter is None:
                continue
            try:
                reading = await meter.read()
            except MeterError as error:
                self.fault(name, str(error))
                continue
            if isinstance(reading, PvReading):
                self._seen.pv = reading
            elif isinstance(reading, BatteryReading):
                self._seen.battery = reading
            self.recovered(name)

    async def poll_charger(self) -> None:
        """Read the charger once."""
        try:
            status = await self._devices.charger.read()
        except AuthRejected as error:
            self.fault("token", str(error))
            return
        except ChargerError as error:
            self._seen.misses += 1
            if self._seen.misses >= MISSES:
                self.fault("charger", str(error))
            return
        self._seen.misses = 0
        known = self._seen.charger
        if not known or status.data_s > known[-1].data_s:
            known.append(status)
            self._follow_car_power(status)
        self.recovered("charger")
        self.recovered("token")

    def _follow_car_power(self, status: ChargerStatus) -> None:
        """Note since when the charger has not said what the car draws."""
        if self._seen.car_told_s is None or snapshot.car_power_w(status) is not None:
            self._seen.car_told_s = status.data_s
            self.recovered("car_power")
        elif status.data_s - self._seen.car_told_s >= snapshot.UNTOLD_S:
            self.fault(
                "car_power",
                "the charger does not say what the car draws (nrg): it counts as a load of the house, so no "
                "sun is seen for it. Remedy: restart the charger, or look for a new firmware",
            )

    async def close(self) -> None:
        """Release the lines to all devices."""
        await self._devices.charger.close()
        for meter in (self._devices.grid, self._devices.pv, self._devices.battery):
            if meter is not None:
                await meter.close()

    def observations(
        self,
        now_s: float,
        since_s: float,
        prices: Prices,
        worth: Worth | None = None,
        needs: tuple[Need, ...] = (),
    ) -> snapshot.Observations:
        """Return all that is known for a decision now; the one before was made at `since_s`."""
        seen = self._seen
        return snapshot.Observations(
            now_s=now_s,
            since_s=since_s,
            started_s=self.started_s,
            grid=tuple(seen.grid),
            charger=tuple(seen.charger),
            pv=seen.pv,
            battery=seen.battery,
            grid_changed_s=seen.grid_changed_s,
            heartbeat_changed_s=seen.heartbeat_changed_s,
            grid_invalid=seen.grid_invalid,
            car_told_s=seen.car_told_s,
            dark=self._dark(),
            prices=prices,
            worth=worth,
            needs=needs,
            ledger_degraded=self._ledger.degraded,
        )

    def fault(self, kind: str, text: str) -> None:
        """Note a fault; said at once and then ever more seldom."""
        if self.faults.report(kind, text):
            self._ledger.record_event(kind, "warning", text, Turn.FAULT)

    def recovered(self, kind: str) -> None:
        """Note that a fault is over, if there was one."""
        lasted_s = self.faults.over(kind)
        if lasted_s is None:
            return
        text = f"{kind} is back after {lasted_s:.0f} s"
        if lasted_s >= 1.0:
            self._ledger.record_event(kind, "info", text, Turn.OVER)
        else:  # too short for a row, but who waits to tell people must know
            self._ledger.tell(Event(kind, "info", text, Turn.OVER))
