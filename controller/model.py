"""The vocabulary of the house: what flows between the stages. Imports nothing of the project but units.

Signs are in names: `grid_import_w` is negative while power is fed in. Currents of phases carry the sign of
their power. A command is not a number: zero amperes cannot be written down.

Larger than a room should be, because it is one language: meters, charger, strategies and stages use each
other's words, and who reads one of them should find the next on the same page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from math import isinf
from typing import Any, Protocol

from controller.units import MAX_CURRENT_A, MIN_CURRENT_A, NOMINAL_VOLTAGE_V

PerPhase = tuple[float, float, float]
"""One value each for L1, L2, L3 of the grid."""


class Quality(IntEnum):
    """How far a value may be trusted; ordered, so that "not better than" is a comparison."""

    INVALID = 0
    STALE = 1
    AGING = 2
    FRESH = 3


# -- what meters say ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GridReading:
    """One reading of the meter at the grid connection; every number is finite and passed its range check.

    `taken_s` is monotonic, when the answer arrived. `fingerprint` is the raw live block: it stands still
    only when the device does. `heartbeat` is the raw register that counts the device's own updates, where it
    has one. `phases_doubtful`: the phases do not add up to the whole.
    """

    taken_s: float
    grid_import_w: float
    phase_import_w: PerPhase | None = None
    phase_current_a: PerPhase | None = None
    voltage_v: PerPhase | None = None
    frequency_hz: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    fingerprint: bytes = b""
    heartbeat: bytes = b""
    phases_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class PvReading:
    """One reading of the sun: AC power of the inverters, never negative."""

    taken_s: float
    pv_yield_w: float
    yield_wh: float | None = None
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True)
class BatteryReading:
    """One reading of a house battery: positive while it charges."""

    taken_s: float
    battery_charge_w: float
    soc_pct: float | None = None
    fingerprint: bytes = b""


Reading = GridReading | PvReading | BatteryReading


class Meter(Protocol):
    """A source of readings for one role. Owns its deadline; raises only `MeterError`."""

    async def read(self) -> Reading:
        """Read once. Raises MeterUnreachable, MeterRefused or MeterImplausible."""
        ...

    async def close(self) -> None:
        """Release the line."""
        ...


# -- what the charger says ---------------------------------------------------------------------------------


class CarState(StrEnum):
    """The charger's `car` key, by meaning."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    CHARGING = "charging"
    WAITING = "waiting"
    COMPLETE = "complete"
    ERROR = "error"
    INITIALIZING = "initializing"


class Force(IntEnum):
    """The charger's `frc` key."""

    NEUTRAL = 0
    OFF = 1
    ON = 2


class PhaseMode(IntEnum):
    """The charger's `psm` key."""

    AUTO = 0
    ONE = 1
    THREE = 2


@dataclass(frozen=True, slots=True)
class ChargerStatus:
    """What the charger reported, key by key; None where a key is missing or unusable.

    `data_s` is the monotonic time the *data* is from, `received_s` when the answer arrived.
    `hardware_limit_a` is the lowest of installation maximum, cable, adapter, temperature and variant.
    `current_a` and `power_w` are measured at the charger (`nrg`); `energy_wh` is the lifetime counter `eto`.
    """

    data_s: float
    received_s: float
    car: CarState = CarState.UNKNOWN
    requested_a: int | None = None
    offered_a: int | None = None
    force: Force | None = None
    phase_mode: PhaseMode | None = None
    allowed: bool | None = None
    power_w: float | None = None
    current_a: PerPhase | None = None
    voltage_v: PerPhase | None = None
    hardware_limit_a: int | None = None
    can_switch_phases: bool = True
    energy_wh: float | None = None
    session_wh: float | None = None
    model_status: int | None = None
    error: int | None = None
    uptime_ms: int | None = None
    reboot_count: int | None = None
    access_control: int | None = None
    transaction: int | None = None
    logic_mode: int | None = None
    use_pv_surplus: bool | None = None
    pause_allowed: bool | None = None
    firmware: str | None = None
    model: str | None = None
    serial: str | None = None
    energy_limit_wh: float | None = None
    """Its own limit of the session's energy (`dwo`), infinite where none is set."""

    @property
    def connected(self) -> bool:
        """Whether a car hangs on the cable."""
        return self.car in (CarState.CHARGING, CarState.WAITING, CarState.COMPLETE)


Keys = dict[str, int | float | None]
"""What one write asks for, in go-e's own keys; None only for `dwo`: no limit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of one write; None means "not in this request". An empty write cannot be built.

    The only keys this project ever sends: `amp`, `frc`, `psm`, and `dwo` where the energy leash is on.
    `energy_limit_wh` is infinite where no limit shall be set; a stop never carries it.
    """

    current_a: int | None = None
    force: Force | None = None
    phase_mode: PhaseMode | None = None
    energy_limit_wh: float | None = None

    def __post_init__(self) -> None:
        knobs = (self.current_a, self.force, self.phase_mode)
        if knobs == (None, None, None) and self.energy_limit_wh is None:
            raise ValueError("a write carries at least one key")
        if self.energy_limit_wh is not None and not self.energy_limit_wh >= 0:
            raise ValueError(f"an energy limit is zero or more, got {self.energy_limit_wh!r}")
        if self.energy_limit_wh is not None and self.force is Force.OFF:
            raise ValueError("a stop is sent alone")
        if self.current_a is not None:
            _check_current(self.current_a)
        if self.phase_mode is PhaseMode.AUTO:
            raise ValueError("phase mode auto hands control to the charger; it is never written")

    @property
    def limit_only(self) -> bool:
        """Return whether it changes nothing but the charger's energy limit."""
        return self.current_a is None and self.force is None and self.phase_mode is None

    def keys(self) -> Keys:
        """Return the go-e keys and values, `amp` first."""
        pairs = (("amp", self.current_a), ("frc", self.force), ("psm", self.phase_mode))
        keys: Keys = {key: int(value) for key, value in pairs if value is not None}
        limit_wh = self.energy_limit_wh
        if limit_wh is not None:
            keys["dwo"] = (
                None if isinf(limit_wh) else int(limit_wh) if limit_wh == int(limit_wh) else limit_wh
            )
        return keys


class OutcomeKind(StrEnum):
    """What is known right after a write left. Only a later read can say that it was applied."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """The answer to one write; `detail` is safe to log and to show."""

    kind: OutcomeKind
    detail: str = ""


class Charger(Protocol):
    """A go-e box behind one transport or two. Owns its deadlines; `read` raises only `ChargerError`."""

    async def read(self) -> ChargerStatus:
        """Read once. Raises ChargerUnreachable, ChargerOffline, ChargerRefused or AuthRejected."""
        ...

    async def write(self, settings: Settings) -> WriteOutcome:
        """Send one request, never twice; never raises for what the network does."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


# -- commands ----------------------------------------------------------------------------------------------


def _check_current(current_a: int) -> None:
    if type(current_a) is not int or not MIN_CURRENT_A <= current_a <= MAX_CURRENT_A:
        raise ValueError(f"current must be whole, {MIN_CURRENT_A} to {MAX_CURRENT_A} A, got {current_a!r}")


@dataclass(frozen=True, slots=True)
class Off:
    """Offer nothing."""

    def __str__(self) -> str:
        return "off"


@dataclass(frozen=True, slots=True)
class Charge:
    """Offer `current_a` on `phases` phases."""

    current_a: int
    phases: int

    def __post_init__(self) -> None:
        _check_current(self.current_a)
        if type(self.phases) is not int or self.phases not in (1, 3):
            raise ValueError(f"phases must be 1 or 3, got {self.phases!r}")

    def power_w(self, voltage_v: float = NOMINAL_VOLTAGE_V) -> float:
        """Return what a car that takes all of it draws."""
        return self.current_a * self.phases * voltage_v

    def __str__(self) -> str:
        return f"{self.current_a} A x{self.phases}"


Command = Off | Charge


def amps(command: Command | None) -> int:
    """Return the offered current of a command in A, 0 for off or unknown."""
    return command.current_a if isinstance(command, Charge) else 0


# -- what the strategy sees and says -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost now. `import` and `export` in ct/kWh, the switching prices in ct each."""

    import_ct_per_kwh: float = 32.0
    export_ct_per_kwh: float = 8.0
    write_ct: float = 0.02
    start_ct: float = 1.0
    phase_change_ct: float = 1.5


@dataclass(frozen=True, slots=True)
class Worth:
    """What the plan says a kWh in the car is worth now, in ct, and why; holds until `until_s` (monotonic)."""

    value_ct_per_kwh: float
    reason: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Need:
    """The car wants `need_wh` more than it has now, by `at_s` (monotonic)."""

    at_s: float
    need_wh: float


@dataclass(frozen=True, slots=True)
class Admissible:
    """What the stages behind the strategy would let pass now; the strategy masks its choice with it.

    Times are seconds until the move is possible, 0 if it is now; `stop_in_s` is infinite while a car that
    does not come back from pauses charges.
    """

    start_in_s: float = 0.0
    stop_in_s: float = 0.0
    phase_change_in_s: float = 0.0
    min_current_a: int = MIN_CURRENT_A
    max_current_a: int = 16
    phase_options: tuple[int, ...] = (1, 3)
    only_stop: bool = False
    """The write budget has nothing left but what is kept for stops."""
    phase_changes_left: int | None = None
    """How many are left of the day's, None: no end."""
    phase_change_holds_s: float = 0.0
    """How long a change of phases made now bars the next one."""
    stop_holds_s: float = 0.0
    """How long a stop made now bars the next start."""
    writes_left: int | None = None
    """How many writes for comfort may leave at once, None: no end."""
    writes_left_today: int | None = None
    """How many are left of the day's; they come back a day after they were used."""


@dataclass(frozen=True, slots=True)
class CarTraits:
    """What the car is known to do with an offer, by the config or by experience; neutral where nothing is.

    `phases_used` None: as many as are offered. `draw_offset_a` is what it draws beside the offer (negative:
    less), `max_draw_a` the most it draws whatever is offered, `max_current_a` the most it may be offered by
    the config, `min_current_a` the least it takes anything at. `ramp_s` is how long 90 % of a change takes.
    `try_higher`: it takes nothing of this offer, and a higher one may be all it needs. `proven_w` is the most
    power it was seen to take, for those who must not count on more; None: what is offered may be counted on.
    """

    name: str = ""
    phases_used: int | None = None
    min_current_a: int | None = None
    max_draw_a: float | None = None
    max_current_a: int | None = None
    draw_offset_a: float = 0.0
    ramp_s: float | None = None
    survives_pauses: bool | None = None
    try_higher: bool = False
    proven_w: float | None = None

    def draw_w(self, command: Command, voltage_v: float = NOMINAL_VOLTAGE_V) -> float:
        """Return what this car would draw of a command, in W."""
        if isinstance(command, Off) or command.current_a < (self.min_current_a or 0):
            return 0.0
        current_a = command.current_a + self.draw_offset_a
        if self.max_draw_a is not None:
            current_a = min(current_a, self.max_draw_a)
        return max(current_a, 0.0) * min(command.phases, self.phases_used or command.phases) * voltage_v


NEUTRAL_CAR = CarTraits()
"""A car that takes all that is offered."""


@dataclass(frozen=True, slots=True)
class SiteSnapshot:
    """Everything one decision may use, frozen. "No data" is a value in here, never an early return.

    `base_import_w` is the grid import that would flow without the car (negative: surplus), meaned over
    the time since the last decision; None when it cannot be known. `latest_base_import_w` is the mean of its
    last seconds, fresher and noisier. `in_force` is what the charger offers
    now as far as we know; `phases_set` the phase setting it keeps while off.
    """

    now_s: float
    interval_s: float
    grid_quality: Quality
    charger_quality: Quality
    grid_age_s: float = 0.0
    charger_age_s: float = 0.0
    grid_import_w: float | None = None
    base_import_w: float | None = None
    latest_base_import_w: float | None = None
    pv_yield_w: float | None = None
    battery_charge_w: float | None = None
    battery_soc_pct: float | None = None
    phase_import_a: PerPhase | None = None
    charger: ChargerStatus | None = None
    car_connected: bool = False
    car_power_w: float = 0.0
    voltage_v: float = NOMINAL_VOLTAGE_V
    in_force: Command = field(default_factory=Off)
    phases_set: int = 3
    prices: Prices = field(default_factory=Prices)
    worth: Worth | None = None
    """None where nothing is planned, or the plan is too old: the strategy's own value counts."""
    needs: tuple[Need, ...] = ()
    """What is still missing at the departures ahead, by time; known without any plan."""
    admissible: Admissible = field(default_factory=Admissible)
    car: CarTraits = NEUTRAL_CAR
    ledger_degraded: bool = False
    """The disk refuses: what is commanded now is on no record."""
    dark: bool = False
    """The sun is well below the horizon and nothing else here can feed in."""

    @property
    def surplus_w(self) -> float | None:
        """Return the power the car could take without import, negative when the house imports by itself."""
        return None if self.base_import_w is None else -self.base_import_w

    def phases_within(self, wait_s: float) -> tuple[int, ...]:
        """Return the phase counts that can be had within `wait_s` s: all, or what is set."""
        now = self.admissible
        return (self.phases_set,) if now.phase_change_in_s > wait_s else now.phase_options


@dataclass(frozen=True, slots=True)
class Wish:
    """What a strategy would like, and why. `facts` are numbers for `explain` (suffix with the unit)."""

    target: Command
    reason: str
    facts: Mapping[str, float | str] = field(default_factory=dict)


Memory = Any
"""A strategy's own state: an immutable value that goes in and comes out of `decide`."""


class Strategy(Protocol):
    """One pure method: no I/O, no clock, no randomness, never raises. See docs/strategies.md."""

    def initial(self) -> Memory:
        """Return the memory of a strategy that has seen nothing."""
        ...

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return what would be best now, and the memory for the next call."""
        ...


# -- what the safety stages say ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that is safe: a raise ends at most at `raise_one_a` or `raise_three_a` (by the phases it
    would use), and what is offered now goes down to `reduce_to_a` at once. 0 means off.

    `source` names the rule that binds a raise, `reduce_source` the one that demands a reduction.
    """

    raise_one_a: int
    raise_three_a: int
    reduce_to_a: int
    source: str
    reduce_source: str = ""

    def raise_to_a(self, phases: int) -> int:
        """Return the most a raise on this many phases may end at."""
        return self.raise_three_a if phases == 3 else self.raise_one_a


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is sent. `until_s` is the monotonic time the reason lapses by itself, if known."""

    reason: str
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """One write: the command it stands for, its keys, and whether it is a safety reduction."""

    command: Command
    settings: Settings
    safety: bool
    reason: str


Action = Send | Hold


@dataclass(frozen=True, slots=True)
class Decision:
    """One tick's result with everything needed to explain it."""

    now_s: float
    wish: Wish
    ceiling: Ceiling
    action: Action
    in_force: Command
    notes: tuple[str, ...] = ()
    car_notes: tuple[str, ...] = ()
    leash_notes: tuple[str, ...] = ()
