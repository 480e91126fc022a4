"""The config file as models: one TOML, strict, every option with a default or a clear error."""

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from controller.cars.car import CHARGE_EFFICIENCY, KnownCar
from controller.departures import Wants
from controller.limits import Limits
from controller.model import Prices
from controller.settings.forecast import ForecastSettings
from controller.settings.interface import InterfaceSettings
from controller.settings.notify import NotifySettings
from controller.settings.plan import DepartureSettings, PlanSettings
from controller.settings.safety import GateSettings, SiteSettings, TimingSettings
from controller.settings.section import Section, checked_host, is_safe_url
from controller.settings.tariffs import TariffSettings


class StrategyChoice(Section):
    """What decides. Options depend on the strategy; `ampilot check --strategy NAME` lists them."""

    name: str = Field(
        "surplus",
        description="off, fixed, fast, timers, surplus, min_surplus, tariff, ready_by or a plug-in",
    )
    options: dict[str, bool | int | float | str] = Field(
        default_factory=dict,
        description="passed to the strategy, e.g. value_ct_per_kwh and solar_share for surplus",
    )


class PriceSettings(Section):
    """What things cost. The switching prices are taste: what a start or a phase change is worth avoiding."""

    import_ct_per_kwh: float = Field(32.0, ge=-100, le=500, description="what a kWh from the grid costs")
    feed_in_ct_per_kwh: float = Field(8.0, ge=-100, le=500, description="what a kWh fed in brings")
    write_ct: float = Field(0.02, ge=0, le=10, description="price of one command to the charger")
    start_ct: float = Field(1.0, ge=0, le=100, description="price of one start of charging")
    phase_change_ct: float = Field(1.5, ge=0, le=100, description="price of one change of phases")

    def prices(self) -> Prices:
        """Return them in the core's vocabulary."""
        return Prices(
            self.import_ct_per_kwh,
            self.feed_in_ct_per_kwh,
            self.write_ct,
            self.start_ct,
            self.phase_change_ct,
        )


class MeterSettings(Section):
    """One meter: which profile, how to reach it, and what differs at this site."""

    profile: str = Field(description="name of a shipped profile (ampilot check --profiles) or path of a TOML")
    transport: Literal["tcp", "rtu", "rtu_over_tcp"] = Field(
        "tcp", description="tcp: Modbus TCP; rtu: serial line; rtu_over_tcp: serial frames in a TCP stream"
    )
    host: str | None = Field(None, min_length=1, description="address of the meter or gateway (tcp)")
    port: int | None = Field(None, ge=1, le=65535, description="TCP port; default: the profile's")
    device: str | None = Field(None, min_length=1, description="serial device, e.g. /dev/ttyUSB0 (rtu)")
    baudrate: int | None = Field(
        None, ge=300, le=1_000_000, description="serial speed; default: the profile's"
    )
    parity: Literal["N", "E", "O"] | None = Field(None, description="serial parity; default: the profile's")
    stopbits: Literal[1, 2] | None = Field(None, description="serial stop bits; default: the profile's")
    unit_id: int | None = Field(None, ge=0, le=255, description="Modbus unit; default: the profile's")
    reverse: bool = Field(False, description="turn the sign of all powers and currents round")
    word_order: Literal["high_first", "low_first"] | None = Field(
        None, description="order of words in long values, if this unit was configured differently"
    )
    byte_order: Literal["big", "little"] | None = Field(
        None, description="order of bytes in a register, if this unit was configured differently"
    )
    timeout_s: float = Field(1.0, ge=0.05, le=10, description="longest wait for one answer")
    min_gap_s: float | None = Field(
        None, ge=0, le=10, description="pause between requests; default: profile's"
    )
    max_power_w: float = Field(60_000.0, gt=0, le=1e6, description="readings beyond are implausible")

    @field_validator("host")
    @classmethod
    def _plain_host(cls, value: str | None) -> str | None:
        if value is not None and value.count(":") == 1 and "/" not in value:
            raise ValueError("accepted: the address alone; the port is an option of its own")
        return checked_host(value)

    @model_validator(mode="after")
    def _reachable(self) -> "MeterSettings":
        if self.transport == "rtu" and self.device is None:
            raise ValueError('transport "rtu" needs device, e.g. device = "/dev/ttyUSB0"')
        if self.transport != "rtu" and self.host is None:
            raise ValueError(f'transport "{self.transport}" needs host, e.g. host = "192.168.1.20"')
        return self


class ChargerSettings(Section):
    """The go-eCharger. The token is never in this file: token_file or the systemd credential goe_token."""

    serial: str = Field(
        description="serial number as printed on the box, up to six digits",
        json_schema_extra={"pattern": "^[0-9]{1,6}$"},
    )
    transport: Literal["cloud", "local", "cloud+local"] = Field("cloud", description="how to reach the box")
    host: str | None = Field(None, min_length=1, description="address of the box in your network (local)")
    token_file: str | None = Field(None, description="file that holds the cloud token, mode 0600")
    base_url: str | None = Field(None, description="another cloud address: https, or http on this machine")
    ca_file: str | None = Field(None, description="PEM file of the only authorities to trust")
    timeout_s: float = Field(5.0, ge=0.05, le=30, description="longest wait for one answer")
    max_current_a: int = Field(16, ge=6, le=32, description="most that may ever be offered, per phase")
    min_current_a: int = Field(6, ge=6, le=32, description="least the car accepts; 8 for a Renault Zoe")
    allow_phase_switch: bool = Field(True, description="change between one and three phases")
    l1_phase: int = Field(1, ge=1, le=3, description="grid phase that feeds the charger's L1")
    energy_leash_kwh: float | None = Field(
        None, ge=2, le=50, description="keep the charger's own energy limit so far ahead of the car"
    )

    @field_validator("serial")
    @classmethod
    def _six_digits(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9]{1,6}", value):
            raise ValueError("accepted: up to six digits as printed on the box, in quotes")
        return value.zfill(6)

    @field_validator("host")
    @classmethod
    def _plain_host(cls, value: str | None) -> str | None:
        return checked_host(value)

    @field_validator("base_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None or is_safe_url(value):
            return value
        raise ValueError("accepted: https://..., or http:// on this machine only; the token travels there")

    @model_validator(mode="after")
    def _complete(self) -> "ChargerSettings":
        if self.transport != "cloud" and self.host is None:
            raise ValueError(f'transport "{self.transport}" needs host, the address of the box')
        if self.min_current_a > self.max_current_a:
            raise ValueError("min_current_a is above max_current_a")
        return self


class CarSettings(Section):
    """A car, in a table `[[car]]` of its own. Everything but the name is learned when it is left out."""

    name: str = Field(min_length=1, max_length=32, description="how it is called in what people read")
    card: int | None = Field(
        None, ge=1, le=10, description="number of its card at the charger, 1 to 10; none: no card is used"
    )
    phases: int | None = Field(None, ge=1, le=3, description="phases it charges on")
    min_current_a: int | None = Field(None, ge=6, le=32, description="least current it takes anything at")
    max_current_a: int | None = Field(None, ge=6, le=32, description="most it is ever offered, per phase")
    survives_pauses: bool | None = Field(
        None, description="whether it resumes after a pause; false: it is lowered instead of stopped"
    )

    battery_kwh: float | None = Field(
        None, ge=1, le=300, description="usable size of its battery; with it targets may be in percent"
    )
    charge_efficiency: float = Field(
        CHARGE_EFFICIENCY,
        ge=0.5,
        le=1,
        description="share of the energy at the cable that reaches its battery",
    )
    assumed_soc_pct: float | None = Field(
        None, ge=0, le=100, description="how full it is taken to be at plug-in while nobody says"
    )

    @model_validator(mode="after")
    def _possible(self) -> "CarSettings":
        if self.assumed_soc_pct is not None and self.battery_kwh is None:
            raise ValueError("assumed_soc_pct needs battery_kwh, the usable size of the battery")
        if (self.min_current_a or 0) > (self.max_current_a or 32):
            raise ValueError("min_current_a is above max_current_a")
        return self

    def known(self) -> KnownCar:
        """Return it in the core's vocabulary."""
        return KnownCar(
            self.name,
            self.card,
            self.phases,
            self.min_current_a,
            self.max_current_a,
            self.survives_pauses,
            self.battery_kwh,
            self.charge_efficiency,
            self.assumed_soc_pct,
        )


class LedgerSettings(Section):
    """The database of what happened."""

    path: str = Field("/var/lib/ampilot/ledger.db", min_length=1, description="the SQLite file")
    keep_10s_days: int = Field(7, ge=1, le=3650, description="readings every 10 s")
    keep_60s_days: int = Field(90, ge=1, le=3650, description="readings every minute")


class LogSettings(Section):
    """What goes to the journal."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity shown")


class Settings(Section):
    """Everything ampilot needs to know about a house."""

    grid: MeterSettings = Field(description="the meter at the grid connection")
    charger: ChargerSettings = Field(description="the charger")
    pv: MeterSettings | None = Field(None, description="a meter or inverter that tells the sun's power")
    battery: MeterSettings | None = Field(None, description="a house battery")
    strategy: StrategyChoice = Field(default_factory=StrategyChoice, description="what decides")
    prices: PriceSettings = Field(default_factory=PriceSettings, description="what things cost")
    tariff: TariffSettings | None = Field(None, description="prices that change over the day")
    departure: list[DepartureSettings] = Field(
        default_factory=list, description="when the car leaves, a table [[departure]] for each"
    )
    plan: PlanSettings = Field(default_factory=PlanSettings, description="what the plan may do")
    car: list[CarSettings] = Field(default_factory=list, description="cars, a table [[car]] for each")
    site: SiteSettings = Field(default_factory=SiteSettings, description="the house connection")
    timing: TimingSettings = Field(default_factory=TimingSettings, description="how often, how old")
    gate: GateSettings = Field(default_factory=GateSettings, description="protection of hardware and cloud")
    ledger: LedgerSettings = Field(default_factory=LedgerSettings, description="the database")
    log: LogSettings = Field(default_factory=LogSettings, description="the journal")
    notify: NotifySettings = Field(default_factory=NotifySettings, description="who is told what went wrong")
    interface: InterfaceSettings = Field(
        default_factory=InterfaceSettings, description="what programs may ask and tell over HTTP"
    )
    forecast: ForecastSettings = Field(default_factory=ForecastSettings, description="the sun ahead")

    @field_validator("car")
    @classmethod
    def _told_apart(cls, value: list[CarSettings]) -> list[CarSettings]:
        cards = [car.card for car in value]
        if len(set(cards)) < len(cards):
            raise ValueError("each [[car]] needs a card of its own; at most one may be without")
        if len({car.name for car in value}) < len(value):
            raise ValueError("each [[car]] needs a name of its own")
        return value

    @model_validator(mode="after")
    def _departures_fit(self) -> "Settings":
        sizes = {car.name: car.battery_kwh for car in self.car}
        for number, departure in enumerate(self.departure, start=1):
            if departure.car is not None and departure.car not in sizes:
                known = ", ".join(sizes) or "none"
                raise ValueError(
                    f"[[departure]] {number} car: {departure.car!r} is no [[car]]; known: {known}"
                )
            named = sizes if departure.car is None else {departure.car: sizes[departure.car]}
            if departure.target_pct is not None and not any(named.values()):
                raise ValueError(
                    f"[[departure]] {number} target_pct needs battery_kwh in [[car]], the usable size of the "
                    "battery. Remedy: add it there, or say need_kwh"
                )
        return self

    @model_validator(mode="after")
    def _charging_is_possible(self) -> "Settings":
        left_a = self.site.fuse_a - self.site.fuse_margin_a
        if left_a < self.charger.min_current_a:
            raise ValueError(
                f"[site] fuse_a less fuse_margin_a leaves {left_a:g} A, below min_current_a of the charger: "
                "no car could ever charge"
            )
        return self

    def known_cars(self) -> tuple[KnownCar, ...]:
        """Return the cars the config names."""
        return tuple(car.known() for car in self.car)

    def wants(self) -> Wants:
        """Return what the planner is asked for."""
        plan = self.plan
        return Wants(
            tuple(departure.habit() for departure in self.departure),
            plan.ceiling_ct_per_kwh,
            plan.later_value_ct_per_kwh,
            plan.max_power_w,
            1000 * (plan.late_kwh or 0.0),
        )

    def limits(self) -> Limits:
        """Return what the safety stages obey."""
        site, timing, gate, charger = self.site, self.timing, self.gate, self.charger
        return Limits(
            max_current_a=charger.max_current_a,
            min_current_a=charger.min_current_a,
            fuse_a=site.fuse_a,
            fuse_margin_a=site.fuse_margin_a,
            strict_export=site.strict_export,
            unbalance_limit_a=site.unbalance_limit_a,
            blind_a=site.blind_a,
            leash_wh=None if charger.energy_leash_kwh is None else 1000 * charger.energy_leash_kwh,
            l1_phase=charger.l1_phase,
            allow_phase_switch=charger.allow_phase_switch,
            meter_fresh_s=timing.meter_fresh_s,
            meter_stale_s=timing.meter_stale_s,
            charger_fresh_s=timing.charger_fresh_s,
            charger_stale_s=timing.charger_stale_s,
            verify_after_s=timing.verify_after_s,
            response_s=timing.response_s if site.check_response else None,
            min_on_s=gate.min_on_s,
            min_off_s=gate.min_off_s,
            phase_change_min_s=gate.phase_change_min_s,
            phase_changes_per_day=gate.phase_changes_per_day,
            phase_dead_s=gate.phase_dead_s,
            phase_give_up_s=gate.phase_give_up_s,
            writes_per_window=gate.writes_per_15_min,
            reserved_for_safety=gate.reserved_for_safety,
            writes_per_day=gate.writes_per_day,
            write_gap_s=gate.write_gap_s,
        )


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the config file, for editors that check and complete TOML."""
    schema = Settings.model_json_schema()
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ampilot.toml"}
    return {**schema, **title}
