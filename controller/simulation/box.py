"""A go-eCharger in software: the keys, the rules of its logic, once per simulated second.

It models what go-e documents and users saw: `frc` falls to 0 at unplug, `amp` outside 6 to 32 is refused,
one `psm` write runs the whole sequence of ramping down, pilot break and restart, read-only keys refuse, `tcl`
lapses upwards, settings survive a reboot. Driven by explicit time; deterministic for a seed.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from controller.simulation.car import Car

PILOT_BREAK_S = 10
RAMP_DOWN_S = 3
REBOOT_S = 30
TCL_S = 600
IDLE, CHARGING, WAITING, COMPLETE = 1, 2, 3, 4
CORE_ABSENT = ("cbl", "cus", "ust")

READ_ONLY = frozenset(
    ("car", "alw", "acu", "eto", "wh", "nrg", "fsp", "rbt", "rbc", "err", "modelStatus", "fwv", "typ", "sse")
)
_RANGES = {
    "amp": (6, 32),
    "frc": (0, 2),
    "psm": (0, 2),
    "acs": (0, 2),
    "lmo": (3, 5),
    "ama": (6, 32),
    "tcl": (6, 32),
    "trx": (0, 20),
}
_BOOLEANS = frozenset(("fup", "acp", "cae", "su", "sua"))
KNOWN = READ_ONLY | _RANGES.keys() | _BOOLEANS | {"dwo"}
"""What the cloud knows; it forwards read-only keys too, and only the device refuses them."""


@dataclass(slots=True)
class Box:
    """The charger. Settings are attributes named as the keys; `step` lets one second pass."""

    serial: str = "000001"
    firmware: str = "59.4"
    model: str = "go-eCharger_V4"
    seed: int = 1
    amp: int = 16
    frc: int = 0
    psm: int = 0
    ama: int = 16
    acs: int = 0
    trx: int | None = None
    lmo: int = 3
    fup: bool = False
    acp: bool = True
    cae: bool = True
    su: bool = False
    sua: bool = False
    tcl: int | None = None
    dwo: float | None = None
    cbl: int | None = None
    amt: int = 32
    err: int = 0
    now_s: float = 0.0
    eto_wh: float = 4_821_933.0
    wh: float = 0.0
    rbc: int = 12
    rbt_ms: float = 88_000_000.0
    dark_s: float = 0.0
    pause_refused: bool = False
    limit_beats_force: bool = False
    """Whether `dwo` stops a charge that `frc` forces. Nobody has documented it; go-e's order of checks as far
    as it is known puts force first."""
    voltage_v: tuple[float, float, float] = (230.0, 230.0, 230.0)
    starts: int = 0
    phase_switches: int = 0
    contactor_cycles: int = 0
    writes: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    car: Car | None = None
    _closed: bool = False
    _switch_s: float = 0.0
    _phases: int = 3
    _tcl_until_s: float = 0.0
    _waiting_s: float = 0.0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random.seed(self.seed)
        self._phases = self._wanted_phases()

    # -- people and the world -------------------------------------------------------------------

    def plug(self, car: Car) -> None:
        """Plug a car in; with open access it may start at once."""
        self.car, self.wh, self._waiting_s = car, 0.0, 0.0
        self.cbl = self.cbl or 20

    def unplug(self) -> Car | None:
        """Take the car away: force and transaction are forgotten, settings stay."""
        car, self.car = self.car, None
        self.frc, self.trx, self._switch_s, self._closed = 0, None, 0.0, False
        return car

    def press_button(self) -> None:
        """Press the button: the next current preset."""
        presets = (6, 10, 12, 14, 16)
        self.amp = next((preset for preset in presets if preset > self.amp), presets[0])

    def reboot(self) -> None:
        """Restart: dark for half a minute, settings kept, the running time anew."""
        self.dark_s, self.rbc, self.rbt_ms, self._closed = float(REBOOT_S), self.rbc + 1, 0.0, False

    def lose_session(self) -> None:
        """Begin the session counter anew with the car still there, as users saw (go-e #68); `dwo` stays."""
        self.wh = 0.0

    # -- keys -----------------------------------------------------------------------------------

    def set(self, key: str, value: Any) -> str | None:
        """Take one key as the device does; return its refusal, None if it was taken."""
        if key in READ_ONLY:
            return f"{key}: tried to set api key without setter ({value})"
        if key in _BOOLEANS:
            if not isinstance(value, bool):
                return f"{key}: failed: value must be bool"
            setattr(self, key, value)
            return None
        if key == "dwo" and (
            value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        ):
            self.dwo = value
            return None
        if key not in _RANGES:
            return f"{key}: unknown api key"
        if value is None and key in ("tcl", "trx"):
            setattr(self, key, None)
            return None
        low, high = _RANGES[key]
        if type(value) is not int:
            return f"{key}: failed: value must be integer"
        if not low <= value <= high:
            return f"{key}: failed: Value {value} exceeds range {low} to {high} ({value})"
        setattr(self, key, value)
        if key == "psm" and self.car is None:
            self._phases = self._wanted_phases()
        if key == "tcl":
            self._tcl_until_s = self.now_s + TCL_S
        return None

    def status(self) -> dict[str, Any]:
        """Return every key, as the device would report it now."""
        drawing = [round(current, 2) for current in self.phase_current_a]
        powers = [round(p, 1) for p in self.phase_power_w]
        total = round(sum(powers), 1)
        document = {
            "car": self.car_state,
            "err": self.err,
            "alw": self.allowed,
            "acu": self.offered_a if self.car is not None else None,
            "amp": self.amp,
            "frc": self.frc,
            "psm": self.psm,
            "fsp": self._phases == 1,
            "pnp": self._phases,
            "modelStatus": self.model_status,
            "trx": self.trx,
            "acs": self.acs,
            "lmo": self.lmo,
            "fup": self.fup,
            "acp": self.acp,
            "ama": self.ama,
            "cbl": self.cbl if self.car is not None else None,
            "var": 11,
            "adi": False,
            "amt": self.amt,
            "tcl": self.tcl,
            "dwo": self.dwo,
            "nrg": [*(round(v, 2) for v in self.voltage_v), 0.0, *drawing, *powers, 0.0, total, 0, 0, 0, 0],
            "wh": round(self.wh, 1),
            "eto": int(self.eto_wh),
            "rbt": int(self.rbt_ms),
            "rbc": self.rbc,
            "fwv": self.firmware,
            "typ": self.model,
            "sse": self.serial,
        }
        if self.model.endswith("_Phoenix"):
            document["adi"] = True
            for key in CORE_ABSENT:
                document.pop(key, None)
        return document

    # -- what it does ---------------------------------------------------------------------------

    @property
    def switching(self) -> bool:
        """Return whether a phase switch is under way."""
        return self._switch_s > 0

    @property
    def allowed(self) -> bool:
        """Return `alw`: whether charging is permitted now."""
        if self.car is None or self.err or self.dark_s > 0 or self.switching:
            return False
        if self.acs == 1 and self.trx is None:
            return False
        if self._limit_reached:
            return False
        if self.frc != 0:
            return self.frc == 2 or self.pause_refused
        return self.lmo == 3 or not self.acp

    @property
    def model_status(self) -> int:
        """Return why it charges or not, in go-e's numbering."""
        if self.err:
            return 26
        if self.acs == 1 and self.trx is None:
            return 2
        if self.switching:
            return 23
        if self.frc == 1 and self.pause_refused:
            return 20
        if self.frc == 1:
            return 4
        if self._limit_reached:
            return 6
        if self.frc == 2:
            return 3
        if self.lmo == 3:
            return 15
        return 16 if self.acp else 20

    @property
    def _limit_reached(self) -> bool:
        """Return whether the energy limit ends the session now."""
        heard = self.frc == 0 or (self.frc == 2 and self.limit_beats_force)
        return heard and self.dwo is not None and self.wh >= self.dwo

    @property
    def offered_a(self) -> int:
        """Return `acu`: the least of all limits while permitted, else 0."""
        if not self.allowed:
            return 0
        limits = [self.amp, self.ama, self.amt, 16]
        if self.tcl is not None:
            limits.append(self.tcl)
        if self.cbl:
            limits.append(self.cbl)
        return min(limits) if min(limits) >= 6 else 0

    @property
    def car_state(self) -> int:
        """Return `car`."""
        if self.car is None:
            return IDLE
        if self.car.current_a > 1.0:
            return CHARGING
        if self.car.full or self.car.asleep or (self.wh > 0 and not self.switching):
            return COMPLETE  # whoever has drawn and opens its contact is called so (go-e.md 3.4)
        return WAITING

    @property
    def phase_current_a(self) -> tuple[float, float, float]:
        """Return what the car draws on L1..L3 of the box, in A."""
        if self.car is None:
            return (0.0, 0.0, 0.0)
        used, current = self.car.used(self._phases), self.car.current_a
        return (current, current if used > 1 else 0.0, current if used > 2 else 0.0)

    @property
    def phase_power_w(self) -> tuple[float, float, float]:
        """Return what the car draws on L1..L3 of the box, in W."""
        one, two, three = (u * i for u, i in zip(self.voltage_v, self.phase_current_a, strict=True))
        return (one, two, three)

    def step(self, seconds: float = 1.0) -> None:
        """Let time pass; whole seconds, as the device's logic runs."""
        self.now_s += seconds
        self.rbt_ms += seconds * 1000
        if self.dark_s > 0:
            self.dark_s = max(self.dark_s - seconds, 0.0)
        if self.tcl is not None and self.now_s >= self._tcl_until_s:
            self.tcl = None  # lapses upwards, back to amp
        self._phase_logic(seconds)
        if self.car is None:
            return
        offered = self.offered_a
        if offered and not self._closed:
            self._closed, self.starts = True, self.starts + 1
            self.contactor_cycles += 1
        elif not offered and not self.switching:
            self._closed = False
        used = self.car.step(seconds, offered, self._phases, self.voltage_v[0])
        energy_wh = used * self.car.used(self._phases) * self.voltage_v[0] * seconds / 3600
        self.wh += energy_wh
        self.eto_wh += energy_wh

    def _wanted_phases(self) -> int:
        return 1 if self.psm == 1 else 3

    def _phase_logic(self, seconds: float) -> None:
        """Run the switch sequence: ramp down, contactor, pilot break, contactor, wait for the car."""
        if self._switch_s > 0:
            self._switch_s = max(self._switch_s - seconds, 0.0)
            if self._switch_s <= PILOT_BREAK_S and self._phases != self._wanted_phases():
                self._phases = self._wanted_phases()
                if self.car is not None:
                    self.car.pilot_break()
            return
        if self._wanted_phases() == self._phases:
            return
        if self.car is not None and self.allowed:
            self._switch_s = float(RAMP_DOWN_S + PILOT_BREAK_S)
            self.phase_switches += 1
            self.contactor_cycles += 1
        else:
            self._phases = self._wanted_phases()
            self.phase_switches += self.car is not None
