"""The config sections [[departure]] and [plan]: when the car leaves, and what the plan may do until then."""

from datetime import date, time

from pydantic import Field, field_validator, model_validator

from controller.departures import Habit
from controller.settings.section import Section
from controller.settings.tariffs import DAYS, span


class DepartureSettings(Section):
    """When the car leaves, in a table `[[departure]]` of its own; the strategy ready_by keeps it."""

    time: str = Field(description='when it leaves, by the clock on the wall, e.g. "07:00"')
    days: list[str] = Field(
        default_factory=list, description='e.g. ["Mon-Fri"] or ["Sat", "Sun"]; none: every day'
    )
    date: str | None = Field(None, description='one day instead of days, e.g. "2027-08-14"')
    need_kwh: float | None = Field(
        None, gt=0, le=200, description="what the car shall have taken since it was plugged in"
    )
    target_pct: float | None = Field(
        None, gt=0, le=100, description="how full its battery shall be; needs battery_kwh in [[car]]"
    )
    car: str | None = Field(None, min_length=1, description="name of a [[car]]; none: any car")

    @field_validator("time")
    @classmethod
    def _clock_time(cls, value: str) -> str:
        try:
            known = time.fromisoformat(value)
        except ValueError:
            known = None
        if known is None or len(value) != 5:
            raise ValueError('accepted: hours and minutes such as "07:00" or "17:30"')
        return value

    @field_validator("days")
    @classmethod
    def _known_days(cls, value: list[str]) -> list[str]:
        for text in value:
            span(text, DAYS)
        return value

    @field_validator("date")
    @classmethod
    def _real_date(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                date.fromisoformat(value)
            except ValueError:
                raise ValueError('accepted: a day such as "2027-08-14"') from None
        return value

    @model_validator(mode="after")
    def _complete(self) -> "DepartureSettings":
        if self.date is not None and self.days:
            raise ValueError("days and date exclude each other: a habit, or a single day")
        if self.need_kwh is None and self.target_pct is None:
            raise ValueError("need_kwh or target_pct is missing: how much does the car need?")
        return self

    def habit(self) -> Habit:
        """Return it in the core's vocabulary."""
        named = {day for text in self.days for day in span(text, DAYS)}
        days = frozenset() if self.date is not None else frozenset(named or range(7))
        on = None if self.date is None else date.fromisoformat(self.date)
        need_wh = None if self.need_kwh is None else self.need_kwh * 1000
        return Habit(time.fromisoformat(self.time), days, on, need_wh, self.target_pct, self.car or "")


class PlanSettings(Section):
    """What the plan may do. It says what a kWh is worth; ready_by, tariff and value_from_prices follow it."""

    ceiling_ct_per_kwh: float | None = Field(
        None, ge=-100, le=500, description="dearer kWh are bought only where a departure would be missed"
    )
    later_value_ct_per_kwh: float | None = Field(
        None,
        ge=-100,
        le=200,
        description="what a kWh beyond all needs is worth; default: midway between feed-in and the cheapest "
        "hours ahead",
    )
    max_power_w: float | None = Field(
        None, ge=1000, le=50_000, description="most power that is planned with, e.g. 4200; default: the car's"
    )
    late_kwh: float | None = Field(
        None,
        gt=0,
        le=100,
        description="so much of the need comes in the last hours before the departure, so that the battery "
        "does not stand full; given up where it costs more than 2 ct/kWh; default: none",
    )
