"""The plant of the comparison: a box and a car as a model, the seconds of a day, what flows and what is paid.

Its numbers are those of the public comparison: steps of 1 s, a command takes 2 s to arrive, a start 15 s, a
phase change leaves the car dead for 30 s, and the car follows with a first-order lag of 3 s.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import exp

from controller.horizon import PriceSlot
from controller.model import CarState, ChargerStatus, Force, GridReading, PhaseMode, Prices, Settings
from controller.units import NOMINAL_VOLTAGE_V

LATENCY_S = 2
START_S = 15
PHASE_DEAD_S = 30
LAG_S = 3.0
NEVER_S = 10**9
_KEEP = exp(-1.0 / LAG_S)


@dataclass(slots=True)
class Plant:
    """Box and car of the comparison. Powers in W; times in s of the day."""

    amp: int = 6
    force: Force = Force.OFF
    mode: PhaseMode = PhaseMode.ONE
    power_w: float = 0.0
    dead_until_s: int = 0
    starts: int = 0
    phase_changes: int = 0

    def apply(self, settings: Settings, at_s: int) -> None:
        """Take a write that arrives now."""
        was_on, old_mode = self.force is Force.ON, self.mode
        self.amp = settings.current_a if settings.current_a is not None else self.amp
        self.force = settings.force if settings.force is not None else self.force
        self.mode = settings.phase_mode if settings.phase_mode is not None else self.mode
        if self.mode is not old_mode:
            self.phase_changes += 1
        if self.force is Force.ON and not was_on:
            self.starts += 1
            self.dead_until_s = at_s + START_S
        elif self.force is Force.ON and self.mode is not old_mode:
            self.power_w = 0.0
            self.dead_until_s = at_s + PHASE_DEAD_S

    @property
    def phases(self) -> int:
        """Return how many phases are set."""
        return 3 if self.mode is PhaseMode.THREE else 1

    @property
    def drawing(self) -> bool:
        """Return whether the box sees the car charge."""
        return self.power_w > 50.0

    def steady_until_s(self, at_s: int) -> int:
        """Return until when `target_w` holds if no write arrives, in s of the day."""
        return self.dead_until_s if at_s < self.dead_until_s else NEVER_S

    def target_w(self, at_s: int) -> float:
        """Return what the car tends to, in W."""
        if self.force is not Force.ON or at_s < self.dead_until_s:
            return 0.0
        return self.amp * self.phases * NOMINAL_VOLTAGE_V

    def status(self, at_s: float) -> ChargerStatus:
        """Return what the box reports."""
        return ChargerStatus(
            data_s=at_s,
            received_s=at_s,
            car=CarState.CHARGING if self.drawing else CarState.WAITING,
            requested_a=self.amp,
            force=self.force,
            phase_mode=self.mode,
            allowed=self.force is Force.ON,
            power_w=self.power_w,
        )


@dataclass(slots=True)
class Meters:
    """Energy counted second by second, in Ws."""

    ev: float = 0.0
    imported: float = 0.0
    imported_ev: float = 0.0
    exported: float = 0.0


@dataclass(slots=True)
class Bill:
    """What is paid where prices follow the day, booked from meter to meter."""

    meters: Meters
    ct: float = 0.0
    imported: float = 0.0
    exported: float = 0.0

    def book(self, prices: Prices | PriceSlot) -> None:
        """Book what flowed since the last time at these prices."""
        bought, sold = self.meters.imported - self.imported, self.meters.exported - self.exported
        self.ct += (bought * prices.import_ct_per_kwh - sold * prices.export_ct_per_kwh) / 3.6e6
        self.imported, self.exported = self.meters.imported, self.meters.exported


@dataclass(slots=True)
class Run:
    """A day being lived: seconds pass, what was sent arrives, the car follows, energy is counted.

    `surplus_w` is PV minus house load per second, `grid_w` the grid import of every second that has passed.
    Seconds of the slots of `step_s` in `lost` pass without being counted or metered.
    """

    surplus_w: Sequence[float]
    plant: Plant = field(default_factory=Plant)
    meters: Meters = field(default_factory=Meters)
    grid_w: list[float] = field(default_factory=list)
    writes: int = 0
    under_way: deque[tuple[int, Settings]] = field(default_factory=deque)
    lost: Collection[int] = ()
    step_s: int = 1

    @property
    def now_s(self) -> int:
        """Return how many seconds have passed."""
        return len(self.grid_w)

    def send(self, settings: Settings) -> None:
        """Let one write leave now."""
        self.writes += 1
        self.under_way.append((self.now_s + LATENCY_S, settings))

    def advance(self, until_s: int) -> None:
        """Let the seconds up to this one pass."""
        plant = self.plant
        while (now := self.now_s) < until_s:
            while self.under_way and self.under_way[0][0] <= now:
                plant.apply(self.under_way.popleft()[1], now)
            end = min(until_s, self.under_way[0][0]) if self.under_way else until_s
            end = min(end, plant.steady_until_s(now))
            if self.lost:
                end = min(end, (now // self.step_s + 1) * self.step_s)
            self._span(now, end, plant.target_w(now), Meters() if self._is_lost(now) else self.meters)

    def readings(self, since_s: int) -> list[GridReading]:
        """Return what the meter said since then, one reading a second."""
        passed = enumerate(self.grid_w[since_s:], start=since_s)
        return [GridReading(at + 1.0, grid_w) for at, grid_w in passed if not self._is_lost(at)]

    def _is_lost(self, at_s: int) -> bool:
        return bool(self.lost) and at_s // self.step_s in self.lost

    def _span(self, now: int, end: int, target_w: float, meters: Meters) -> None:
        """Count seconds in which nothing changes but sun and house; the hot loop of every backtest."""
        car_w, passed = self.plant.power_w, self.grid_w.append
        ev, imported, imported_ev, exported = meters.ev, meters.imported, meters.imported_ev, meters.exported
        for surplus_w in self.surplus_w[now:end]:
            car_w = target_w + (car_w - target_w) * _KEEP
            if car_w < 1.0 and target_w == 0.0:
                car_w = 0.0
            grid_w = car_w - surplus_w
            ev += car_w
            if grid_w > 0:
                imported += grid_w
                imported_ev += grid_w if grid_w < car_w else car_w
            else:
                exported -= grid_w
            passed(grid_w)
        self.plant.power_w = car_w
        meters.ev, meters.imported, meters.imported_ev, meters.exported = ev, imported, imported_ev, exported
