"""The sections [site], [timing] and [gate]: what the safety stages obey, made one by `Settings.limits`."""

from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from controller.settings.section import Section


class SiteSettings(Section):
    """The house connection."""

    name: str = Field("home", max_length=64, description="shown in reports")
    timezone: str = Field("Europe/Berlin", description="IANA name; days of the reports follow it")
    fuse_a: float = Field(35.0, ge=6, le=200, description="fuse per phase of the house connection")
    fuse_margin_a: float = Field(2.0, ge=0, le=50, description="kept free below the fuse")
    strict_export: bool = Field(False, description="count feed-in as zero when head-room is computed")
    unbalance_limit_a: int = Field(20, ge=6, le=32, description="most on one phase alone: 20 DE, 16 AT/CH")
    blind_a: int = Field(0, ge=0, le=32, description="offered when nothing is known: 0 (off) or 6 and more")
    worst_house_a: float = Field(30.0, ge=0, le=200, description="most the house takes without the car")
    check_response: bool = Field(
        True, description="doubt a meter that does not follow the car; false where a battery levels the grid"
    )
    latitude: float | None = Field(
        None, ge=-90, le=90, description="of the house, rounded; with it feed-in at night is doubted"
    )
    longitude: float | None = Field(None, ge=-180, le=180, description="of the house, rounded, east positive")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError("accepted: an IANA name such as Europe/Berlin") from error
        return value

    @model_validator(mode="after")
    def _whole_place(self) -> "SiteSettings":
        if (self.latitude is None) is not (self.longitude is None):
            raise ValueError("latitude and longitude are given together or not at all")
        return self

    @model_validator(mode="after")
    def _blind_is_safe(self) -> "SiteSettings":
        if 0 < self.blind_a < 6:
            raise ValueError("blind_a is 0 (off) or at least 6")
        if self.blind_a > 0 and self.blind_a > self.fuse_a - self.fuse_margin_a - self.worst_house_a:
            raise ValueError("blind_a must fit beside worst_house_a under fuse_a - fuse_margin_a")
        return self


class TimingSettings(Section):
    """How often things happen and how old data may be, in s."""

    meter_poll_s: float = Field(1.0, ge=0.02, le=30, description="between readings of the meter")
    charger_poll_s: float = Field(
        5.0, ge=0.05, le=60, description="between readings of the charger, car there"
    )
    charger_idle_poll_s: float = Field(30.0, ge=0.05, le=600, description="the same without a car")
    decide_s: float = Field(10.0, ge=0.05, le=60, description="between decisions")
    meter_fresh_s: float = Field(15.0, ge=0.1, le=20, description="older readings raise nothing")
    meter_stale_s: float = Field(60.0, ge=0.2, le=300, description="older readings mean blind")
    charger_fresh_s: float = Field(40.0, ge=0.1, le=60, description="older charger data raises nothing")
    charger_stale_s: float = Field(120.0, ge=0.2, le=600, description="older charger data means blind")
    verify_after_s: float = Field(15.0, ge=0.1, le=120, description="a command must show within this time")
    response_s: float = Field(60.0, ge=0.1, le=600, description="the meter must follow the car within it")

    @model_validator(mode="after")
    def _ordered(self) -> "TimingSettings":
        if not self.meter_fresh_s < self.meter_stale_s or not self.charger_fresh_s < self.charger_stale_s:
            raise ValueError("the fresh limits must be below the stale limits")
        if self.meter_poll_s >= self.meter_fresh_s or self.charger_poll_s >= self.charger_fresh_s:
            raise ValueError("readings must come more often than they grow old: poll_s below fresh_s")
        return self


class GateSettings(Section):
    """What protects hardware and cloud, whatever the strategy."""

    min_on_s: float = Field(
        300.0, ge=0, le=7200, description="least time of charging before a stop for comfort"
    )
    min_off_s: float = Field(300.0, ge=0, le=7200, description="least pause before the next start")
    phase_change_min_s: float = Field(600.0, ge=0, le=7200, description="between two phase changes")
    phase_changes_per_day: int = Field(
        6, ge=0, le=50, description="phase changes in any 24 hours of a plug-in"
    )
    phase_dead_s: float = Field(30.0, ge=0, le=300, description="after a phase change nothing but stops")
    phase_give_up_s: float = Field(600.0, ge=1, le=3600, description="an unconfirmed phase change ends here")
    writes_per_15_min: int = Field(12, ge=2, le=120, description="commands in any 15 minutes")
    reserved_for_safety: int = Field(3, ge=1, le=60, description="of these, kept for reductions")
    writes_per_day: int = Field(200, ge=10, le=2000, description="commands for comfort in any 24 hours")
    write_gap_s: float = Field(5.0, ge=0.05, le=60, description="between any two commands")

    @model_validator(mode="after")
    def _something_left(self) -> "GateSettings":
        if self.reserved_for_safety >= self.writes_per_15_min:
            raise ValueError("reserved_for_safety must be below writes_per_15_min")
        return self
