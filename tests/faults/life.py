"""A controller's life at full speed: the real loop, ledger and Modbus on loopback, on a simulated clock.

Limits are the product's defaults, so what is measured here are the promised seconds and watt-hours. The box
is the simulated go-e, spoken to in its own keys with the delays of its cloud; the process and HTTP have their
own tests. What is true in here comes from the house, never from the code under test.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import pytest

from controller.cars.car import KnownCar
from controller.chargers.goe import parse_status
from controller.clock import SimClock
from controller.errors import ChargerUnreachable
from controller.ledger.latch_store import LatchStore, acknowledge
from controller.ledger.ledger import Ledger
from controller.limits import Limits
from controller.loop import Loop
from controller.meters import ModbusMeter, load_profile, open_meters
from controller.model import ChargerStatus, OutcomeKind, Prices, Settings, Strategy, WriteOutcome
from controller.planning import Planning
from controller.plugins import load_strategy
from controller.senses import Devices
from controller.settings import MeterSettings
from controller.simulation.box import Box
from controller.simulation.car import PROFILES, Car, CarProfile
from controller.simulation.house import House, Weather
from controller.simulation.modbus_meter import ModbusMeterServer
from controller.units import DAY_S
from controller.watchdog import Notifier

LIMITS = Limits(response_s=60.0)
OFF_WITHIN_S = 82.0
"""60 s until a reading is stale, two ticks of 10 s, and 2 s to the box: the promise of M1."""

Keys = dict[str, int]


class BoxCharger:
    """The box behind a cloud: writes arrive after `delay_s`; it may lose them, or be silent altogether."""

    def __init__(self, box: Box, clock: SimClock) -> None:
        self.box, self.clock = box, clock
        self.delay_s = 2.0
        self.lose = self.down = False
        self.sent: list[tuple[float, Keys]] = []
        self.under_way: list[tuple[float, Keys]] = []

    async def read(self) -> ChargerStatus:
        now_s = float(self.clock.monotonic())
        if self.down or self.box.dark_s > 0:
            raise ChargerUnreachable("no answer")
        return parse_status(self.box.status(), data_s=now_s, received_s=now_s)

    async def write(self, settings: Settings) -> WriteOutcome:
        now_s = float(self.clock.monotonic())
        self.sent.append((now_s, settings.keys()))
        if self.down:
            return WriteOutcome(OutcomeKind.UNKNOWN)
        if not self.lose:
            self.under_way.append((now_s + self.delay_s, settings.keys()))
        return WriteOutcome(OutcomeKind.ACCEPTED)

    def deliver(self) -> None:
        now_s = float(self.clock.monotonic())
        for item in [item for item in self.under_way if item[0] <= now_s]:
            self.under_way.remove(item)
            for key, value in item[1].items():
                assert self.box.set(key, value) is None

    async def close(self) -> None:
        return None


class Life:
    """One house, one box, one controller; `run` lets simulated seconds pass."""

    def __init__(
        self,
        folder: Path,
        *,
        strategy: Strategy | str = "surplus",
        sun_w: float = 7000.0,
        load_w: tuple[float, float, float] = (300.0, 200.0, 100.0),
        car: str | CarProfile = "ideal",
        profile: str = "eastron-sdm630",
        limits: Limits = LIMITS,
        dark: bool = False,
        meter_timeout_s: float = 0.3,
        planning_of: Callable[["Life"], Planning] | None = None,
        cars: Sequence[KnownCar] = (),
    ) -> None:
        self.cars = cars
        self.planning_of, self.meter_timeout_s = planning_of, meter_timeout_s
        self.prices: Callable[[], Prices] = Prices
        self.folder, self.limits, self.profile, self.dark = folder, limits, load_profile(profile), dark
        self.clock = SimClock(datetime(2026, 6, 21, 9, tzinfo=UTC))
        one, two, three = ([watts] * DAY_S for watts in load_w)
        weather = Weather([sun_w] * DAY_S, (one, two, three))
        self.house = House(weather, Box(amp=6, psm=1, frc=1), arrives_s=DAY_S - 1)
        self.car = Car(car if isinstance(car, CarProfile) else PROFILES[car])
        self.charger = self.charger_of()
        self.strategy = load_strategy(strategy, {}) if isinstance(strategy, str) else strategy
        self.server = ModbusMeterServer(self.profile, self.house.quantities)
        self.path = folder / "ledger.db"

    def charger_of(self) -> "BoxCharger":
        """Return what the controller takes for the charger."""
        return BoxCharger(self.house.box, self.clock)

    @property
    def box(self) -> Box:
        return self.house.box

    @property
    def now_s(self) -> float:
        return float(self.clock.monotonic())

    @property
    def car_w(self) -> float:
        """Return what the car draws, in W."""
        return sum(self.box.phase_power_w)

    @property
    def sent(self) -> list[tuple[float, Keys]]:
        """Return every write that left: when, and its keys."""
        return self.charger.sent

    async def __aenter__(self) -> "Life":
        await self.server.start()
        self.box.plug(self.car)
        self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.meter.close()
        self.ledger.close()
        await self.server.stop()

    def begin(self) -> None:
        """Start the controller on the ledger there is."""
        settings = MeterSettings(
            profile=self.profile.id,
            host="127.0.0.1",
            port=self.server.port,
            timeout_s=self.meter_timeout_s,
            min_gap_s=0.0,
        )
        self.meter: ModbusMeter = open_meters({"grid": settings}, self.clock)["grid"]
        self.ledger = Ledger.open(self.path, self.clock)
        self.planning: Planning | None = self.planning_of(self) if self.planning_of is not None else None
        self.loop = Loop(
            Devices(self.meter, self.charger),
            self.strategy,
            self.limits,
            prices=self.prices,
            ledger=self.ledger,
            clock=self.clock,
            notifier=Notifier(None),
            cars=self.cars,
            dark=lambda: self.dark,
            planning=self.planning,
        )

    async def restart(self) -> None:
        """End the controller as a kill does, and start another."""
        await self.meter.close()
        self.ledger.close()
        self.begin()

    async def run(self, seconds: float, until: Callable[[], bool] | None = None) -> float:
        """Let seconds pass, or less if something comes true; return how many did."""
        began_s = self.now_s
        while self.now_s - began_s < seconds:
            if until is not None and until():
                break
            await self._second()
        return self.now_s - began_s

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait for something and return how many seconds it took; fail after `seconds`."""
        took_s = await self.run(seconds, condition)
        assert condition(), f"not within {seconds} s: {what}; {self.loop.last}"
        return took_s

    async def charging(self) -> None:
        """Wait until the car draws because we asked for it, and the set-point stands for a minute."""
        await self.until(lambda: self.car_w > 1000 and self.box.frc == 2, 2400, "the car charges")
        for _ in range(30):
            count = len(self.sent)
            await self.run(60)
            if len(self.sent) == count and self.car_w > 1000:
                return
        raise AssertionError("no set-point was found")

    async def off(self, seconds: float = 300.0) -> float:
        """Wait for a stop at the box and return how many seconds it took."""
        return await self.until(lambda: self.box.frc == 1, seconds, "off")

    async def _second(self) -> None:
        self.clock.advance(1.0)
        self.charger.deliver()
        self.house.advance(self.house.now_s + 1.0)
        now = int(self.now_s)
        await self.loop.senses.poll_meter()
        if now % 5 == 0:
            await self.loop.senses.poll_charger()
        if self.planning is not None and now % 5 == 0:
            await self.planning.tick()
        if now % 10 == 0:
            await self.loop.decide()

    # -- what was said and latched ----------------------------------------------------------------

    def events(self, kind: str = "%") -> list[str]:
        """Return the texts of the events of a kind, oldest first."""
        sql = "SELECT text FROM events WHERE kind LIKE ? ORDER BY id"
        return [text for (text,) in self.ledger.rows(sql, (kind,))]

    def latched(self) -> list[str]:
        """Return the kinds that wait for a person, as the database has them."""
        return [latch.kind for latch in LatchStore(self.ledger).load()]

    def ack(self, kind: str) -> None:
        """Acknowledge, over a second connection as the command does."""
        acknowledge(self.path, [kind], 1)

    def booked_wh(self) -> float:
        """Return the energy on record."""
        return float(self.ledger.rows("SELECT total(grid_wh) + total(pv_wh) FROM energy")[0][0])

    def raises_since(self, count: int) -> list[Keys]:
        """Return the writes after the first `count` that start, raise or add phases."""
        found, amp, psm = [], self.amp_at(count), self.psm_at(count)
        for _, keys in self.sent[count:]:
            if keys.get("frc") == 2 or keys.get("amp", 0) > amp or keys.get("psm", 0) > psm:
                found.append(keys)
            amp, psm = keys.get("amp", amp), keys.get("psm", psm)
        return found

    def amp_at(self, count: int) -> int:
        return next((keys["amp"] for _, keys in reversed(self.sent[:count]) if "amp" in keys), 6)

    def psm_at(self, count: int) -> int:
        return next((keys["psm"] for _, keys in reversed(self.sent[:count]) if "psm" in keys), 1)


def limits(**changes: float | int | None) -> Limits:
    """Return the default limits with changes."""
    return replace(LIMITS, **changes)  # type: ignore[arg-type]


def more(*cases: object) -> list[object]:
    """Return what only the long run tries: further faces of a row the default run has."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for case in cases
    ]
