"""What a meter profile is: registers, their meaning and their traps, as a TOML file that people can write.

A quantity is one term or a list of terms that are summed; each term is one value in the device, with its own
type, factor and sign. An import/export pair is two terms with opposite `positive`. docs/meters.md explains
the format with examples.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from controller.errors import ConfigError
from controller.resources import config_dir

WordType = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "acc32", "float32", "float64"]
WIDTH = {
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "acc32": 2,
    "float32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
}
"""Registers per type."""

NEGATIVE = frozenset({"export", "consumption", "discharge"})
MAX_COUNT = 125
"""Most registers in one request (Modbus application protocol, section 6)."""

Role = Literal["grid", "pv", "battery"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Condition(_Table):
    """A register that must hold one of these values, or lie in a range."""

    at: int = Field(ge=0, le=65535)
    type: WordType = "uint16"
    function: Literal[3, 4] | None = None
    equals: list[int] = Field(default_factory=list)
    low: float | None = None
    high: float | None = None
    says: str = "a condition of the profile does not hold"


class Direction(_Table):
    """A register that gives an unsigned magnitude its sign: negative for these values."""

    at: int = Field(ge=0, le=65535)
    negative: list[int]


class Term(_Table):
    """One value in the device: `value = (raw + add) * scale * 10^sf * ratios`, signed by `positive`."""

    at: int = Field(ge=0, le=65535)
    type: WordType
    function: Literal[3, 4] | None = None
    scale: float = 1.0
    add: float = 0.0
    positive: Literal["import", "export", "production", "consumption", "charge", "discharge"] | None = None
    word_order: Literal["high_first", "low_first"] | None = None
    byte_order: Literal["big", "little"] | None = None
    high_word_at: int | None = Field(None, ge=0, le=65535)
    sf_at: int | None = Field(None, ge=0, le=65535)
    ratio: list["Term"] = Field(default_factory=list)
    direction: Direction | None = None
    invalid: list[str] = Field(default_factory=list)
    zero_is_missing: bool = False

    @property
    def sign(self) -> int:
        """Return -1 where a positive raw value means feed-in, consumption or discharging."""
        return -1 if self.positive in NEGATIVE else 1

    @field_validator("invalid")
    @classmethod
    def _hexadecimal(cls, value: list[str]) -> list[str]:
        for text in value:
            if not text.lower().startswith("0x"):
                raise ValueError('invalid values are raw words in hexadecimal, e.g. "0x8000"')
            int(text, 16)
        return value


Quantity = list[Term]


class _Quantities(_Table):
    @model_validator(mode="before")
    @classmethod
    def _terms_as_lists(cls, data: Any) -> Any:
        """Let a file write one term where a list of terms is meant."""
        if not isinstance(data, dict):
            return data
        return {k: [v] if isinstance(v, dict) and "at" in v else v for k, v in data.items()}


class GridMap(_Quantities):
    """The role grid. Phase lists hold L1, L2, L3, each again one term or several."""

    power: Quantity = Field(default_factory=list)
    phase_power: list[Quantity] = Field(default_factory=list)
    phase_current: list[Quantity] = Field(default_factory=list)
    voltage: list[Quantity] = Field(default_factory=list)
    frequency: Quantity = Field(default_factory=list)
    import_energy: Quantity = Field(default_factory=list)
    export_energy: Quantity = Field(default_factory=list)
    currents_signed: bool = False
    valid_when: list[Condition] = Field(default_factory=list)

    @field_validator("phase_power", "phase_current", "voltage", mode="before")
    @classmethod
    def _phases(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [[item] if isinstance(item, dict) else item for item in value]

    @field_validator("phase_power", "phase_current", "voltage")
    @classmethod
    def _one_or_three(cls, value: list[Quantity]) -> list[Quantity]:
        if len(value) not in (0, 1, 3):
            raise ValueError("one entry per phase: L1, or L1, L2 and L3")
        return value


class PvMap(_Quantities):
    """The role pv. `asleep_is_zero`: at night the device says "not available" and means 0 W."""

    power: Quantity
    energy: Quantity = Field(default_factory=list)
    asleep_is_zero: bool = False
    valid_when: list[Condition] = Field(default_factory=list)


class BatteryMap(_Quantities):
    """The role battery: power positive while charging after the sign is applied."""

    charge_power: Quantity
    soc: Quantity = Field(default_factory=list)
    valid_when: list[Condition] = Field(default_factory=list)


class SerialDefaults(_Table):
    """Factory settings of the serial line."""

    baudrate: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class ReadLimits(_Table):
    """What one request may ask, and how fast. `bridge`: registers between values that may be read along."""

    max_registers: int = Field(MAX_COUNT, ge=1, le=MAX_COUNT)
    even: bool = False
    bridge: int = Field(0, ge=0, le=MAX_COUNT)
    gap_s: float = Field(0.0, ge=0, le=10)
    connect_delay_s: float = Field(0.0, ge=0, le=10)
    timeout_s: float | None = Field(None, gt=0, le=10)
    single_client: bool = False


class SunSpec(_Table):
    """A device that describes itself: look for "SunS" at these addresses, then for one of these models."""

    bases: list[int] = Field(default_factory=lambda: [40000, 0, 50000])
    models: list[int]
    positive: Literal["import", "export", "production"] = "import"


class Profile(_Table):
    """One kind of device."""

    id: str
    name: str
    roles: list[Role] = Field(min_length=1)
    transports: list[Literal["tcp", "rtu", "rtu_over_tcp"]] = Field(min_length=1)
    port: int = Field(502, ge=1, le=65535)
    unit_id: int = Field(1, ge=0, le=255)
    function: Literal[3, 4] = 3
    word_order: Literal["high_first", "low_first"] = "high_first"
    byte_order: Literal["big", "little"] = "big"
    aliases: list[str] = Field(default_factory=list)
    hints: list[str] = Field(default_factory=list)
    slow: bool = Field(False, description="new values come less often than every 5 s: not for grid control")
    serial: SerialDefaults = SerialDefaults()
    limits: ReadLimits = ReadLimits()
    blocks: list[tuple[int, int]] = Field(default_factory=list)
    invalid: dict[WordType, list[str]] = Field(default_factory=dict)
    identity: list[Condition] = Field(default_factory=list)
    heartbeat: Term | None = None
    sunspec: SunSpec | None = None
    grid: GridMap | None = None
    pv: PvMap | None = None
    battery: BatteryMap | None = None

    @field_validator("blocks", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        return [tuple(item) if isinstance(item, list) else item for item in value]

    @model_validator(mode="after")
    def _roles_are_described(self) -> "Profile":
        for role in self.roles:
            if getattr(self, role) is None and self.sunspec is None:
                raise ValueError(f"role {role} is named but there is no [{role}] table")
        if self.grid is not None and not self.grid.power and not self.grid.phase_power:
            raise ValueError("[grid] needs power or phase_power")
        return self


def profile_names() -> list[str]:
    """Return the names of the shipped profiles."""
    return sorted(path.stem for path in (config_dir() / "meters").glob("*.toml"))


@cache
def load_profile(name_or_path: str) -> Profile:
    """Return a shipped profile by name, or one of the user's by path.

    Raises ConfigError that names the file, the key and what is accepted.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = config_dir() / "meters" / f"{name_or_path}.toml"
        if not path.is_file():
            raise ConfigError(
                f"meter profile {name_or_path!r} is unknown. Remedy: ampilot check --profiles lists the "
                "shipped ones; a profile of your own is given by its path, ending in .toml"
            )
    try:
        return Profile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()]
        raise ConfigError("\n".join(lines)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not a readable profile: {error}") from None
