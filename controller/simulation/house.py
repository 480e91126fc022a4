"""The simulated house: sun, load and car on three phases, and what its meter shows."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.days.traces import read_days
from controller.errors import ConfigError
from controller.simulation.box import Box
from controller.simulation.car import PROFILES, Car
from controller.simulation.load import household_day
from controller.simulation.sun import sunny_day
from controller.units import DAY_S


@dataclass(slots=True)
class Weather:
    """A day's PV and per-phase load, per second."""

    pv_w: list[float]
    load_w: tuple[list[float], list[float], list[float]]


def generated(seed: int, sky: str) -> Weather:
    """Return a generated day."""
    return Weather(sunny_day(seed, sky), household_day(seed))


def recorded(path: Path) -> Weather:
    """Return the first day of a trace; its load is spread over the phases. Raises ConfigError."""
    days = read_days(path)
    if not days:
        raise ConfigError(f"{path}: holds no day of at least 20 h")
    day = days[0]
    pv = [value for value in day.pv_w for _ in range(day.step_s)]
    load = [value for value in day.load_w for _ in range(day.step_s)]
    pv += [0.0] * (DAY_S - len(pv))
    load += [load[-1]] * (DAY_S - len(load))
    shares = (0.5, 0.3, 0.2)
    one, two, three = ([value * share for value in load[:DAY_S]] for share in shares)
    return Weather(pv[:DAY_S], (one, two, three))


@dataclass(slots=True)
class House:
    """One house on simulated time: `advance` lets seconds pass, `grid` is what the meter shows.

    Energy counters are in Wh and netted over the phases. The day repeats after 24 h.
    """

    weather: Weather
    box: Box = field(default_factory=Box)
    seed: int = 1
    arrives_s: int = 7 * 3600 + 1800
    leaves_s: int = 20 * 3600
    need_wh: float = 45_000.0
    car: str = "ideal"
    now_s: float = 0.0
    pv_w: float = 0.0
    load_w: float = 0.0
    extra_w: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    shade: float = 1.0
    import_wh: float = 1_000_000.0
    export_wh: float = 2_000_000.0
    yield_wh: float = 3_000_000.0
    ev_wh: float = 0.0
    load_wh: float = 0.0
    phase_w: tuple[float, float, float] = (0.0, 0.0, 0.0)
    voltage_v: tuple[float, float, float] = (230.0, 230.0, 230.0)
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        if self.car not in PROFILES:
            raise ConfigError(f"car {self.car!r} is unknown, known: {', '.join(PROFILES)}")
        self._random.seed(self.seed)

    @property
    def grid_import_w(self) -> float:
        """Return the power at the grid connection, positive for import."""
        return sum(self.phase_w)

    def advance(self, to_s: float) -> None:
        """Let time pass second by second until `to_s`."""
        while self.now_s + 1.0 <= to_s + 1e-6:
            self._second()

    def quantities(self) -> dict[str, Any]:
        """Return what meters of this house show now, by canonical names."""
        currents = tuple(w / u for w, u in zip(self.phase_w, self.voltage_v, strict=True))
        return {
            "grid_import_w": self.grid_import_w,
            "phase_import_w": self.phase_w,
            "phase_current_a": currents,
            "voltage_v": self.voltage_v,
            "frequency_hz": 50.0 + 0.01 * (self.now_s % 3),
            "import_wh": self.import_wh,
            "export_wh": self.export_wh,
            "pv_yield_w": self.pv_w,
            "yield_wh": self.yield_wh,
            "heartbeat": int(self.now_s),
        }

    def kettle(self, power_w: float, phase: int = 0) -> None:
        """Switch something on (or off, with 0) on a phase."""
        self.extra_w[phase] = power_w

    def _second(self) -> None:
        second = int(self.now_s) % DAY_S
        if second == self.arrives_s and self.box.car is None:
            self.box.plug(Car(PROFILES[self.car], self.need_wh))
        if second == self.leaves_s and self.box.car is not None:
            self.box.unplug()
        self.box.voltage_v = self.voltage_v
        self.box.step(1.0)
        self.now_s += 1.0
        self.pv_w = self.weather.pv_w[second] * self.shade
        car = self.box.phase_power_w
        one, two, three = (
            self.weather.load_w[phase][second] + self.extra_w[phase] - self.pv_w / 3 + car[phase]
            for phase in range(3)
        )
        self.phase_w = (one, two, three)
        noise = self._random.random
        u1, u2, u3 = (round(231.0 - watts / 2500 + noise() - 0.5, 2) for watts in self.phase_w)
        self.voltage_v = (u1, u2, u3)
        self._count(sum(car), second)

    def _count(self, car_w: float, second: int) -> None:
        """Count the energies of one second."""
        self.load_w = sum(phase[second] for phase in self.weather.load_w) + sum(self.extra_w)
        net_w = self.grid_import_w
        if net_w > 0:
            self.import_wh += net_w / 3600
        else:
            self.export_wh -= net_w / 3600
        self.yield_wh += self.pv_w / 3600
        self.ev_wh += car_w / 3600
        self.load_wh += self.load_w / 3600
