"""The section `[forecast]`: where the house stands, what its roofs are, and who is asked about the sun."""

import re
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator
from typing_extensions import TypedDict  # pydantic asks for this one below Python 3.12

from controller.settings.section import Section, is_safe_url

SourceName = Literal["open_meteo", "forecast_solar", "solcast", "none"]


class PlaneSettings(TypedDict):
    """One roof of `[forecast] planes`."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)  # type: ignore[misc]

    tilt_deg: Annotated[float, Field(ge=0, le=90, description="0 lies flat, 90 is a wall")]
    azimuth_deg: Annotated[float, Field(ge=-180, le=180, description="0 south, -90 east, 90 west")]
    peak_kw: Annotated[float, Field(gt=0, le=1000, description="power of the modules on it")]


class ForecastSettings(Section):
    """What the forecast of surplus stands on. Without a place it is the day before, and nothing is asked."""

    latitude_deg: float | None = Field(
        None, ge=-66, le=66, description="degrees north; two decimals are enough and no more are sent"
    )
    longitude_deg: float | None = Field(None, ge=-180, le=180, description="degrees east")
    source: SourceName = Field(
        "open_meteo", description="open_meteo, forecast_solar, solcast, or none: nothing is asked"
    )
    planes: list[PlaneSettings] = Field(
        default_factory=list,
        max_length=4,
        description="the roofs: { tilt_deg, azimuth_deg, peak_kw }; needed by forecast_solar only",
    )
    site_id: str | None = Field(None, description="rooftop site at Solcast")
    token_file: str | None = Field(
        None, min_length=1, description="file that holds Solcast's API key, mode 0600"
    )
    base_url: str | None = Field(
        None, description="another address of the source: https, or http on this machine"
    )

    @field_validator("site_id")
    @classmethod
    def _plain_id(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9A-Za-z-]{4,64}", value):
            raise ValueError("accepted: letters, digits and dashes, as Solcast shows it")
        return value

    @field_validator("base_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None or is_safe_url(value):
            return value
        raise ValueError("accepted: https://..., or http:// on this machine only")

    @model_validator(mode="after")
    def _complete(self) -> "ForecastSettings":
        if (self.latitude_deg is None) != (self.longitude_deg is None):
            raise ValueError("latitude_deg and longitude_deg belong together")
        if self.latitude_deg is None and (self.planes or self.source not in ("open_meteo", "none")):
            raise ValueError("a place is needed: latitude_deg and longitude_deg, two decimals are enough")
        if self.source == "forecast_solar" and not self.planes:
            raise ValueError(
                'source "forecast_solar" needs planes, e.g. planes = '
                "[{ tilt_deg = 30, azimuth_deg = 0, peak_kw = 8.0 }]"
            )
        if self.source == "solcast" and (self.site_id is None or self.token_file is None):
            raise ValueError('source "solcast" needs site_id and token_file')
        return self
