"""Which source the config means, and the name under which what it says is remembered."""

from collections.abc import Sequence
from typing import Any, cast

from controller.credentials import TokenSource
from controller.forecast.answers import Kind
from controller.forecast.forecast_solar import ForecastSolar
from controller.forecast.open_meteo import OpenMeteo
from controller.forecast.solcast import Solcast
from controller.forecast.sun import Place, Plane
from controller.forecast.wire import Source
from controller.settings.forecast import ForecastSettings


def place_of(settings: ForecastSettings) -> Place | None:
    """Return where the house stands, rounded to about a kilometre; None if the config does not say."""
    if settings.latitude_deg is None or settings.longitude_deg is None:
        return None
    return Place(round(settings.latitude_deg, 2), round(settings.longitude_deg, 2))


def planes_of(settings: ForecastSettings) -> tuple[Plane, ...]:
    """Return the roofs the config describes."""
    return tuple(Plane(p["tilt_deg"], p["azimuth_deg"], p["peak_kw"]) for p in settings.planes)


def kind_of(settings: ForecastSettings) -> Kind:
    """Return what the source will tell: power where it knows the roofs, else irradiance."""
    return "power" if settings.source in ("forecast_solar", "solcast") or settings.planes else "ghi"


def memory_name(settings: ForecastSettings) -> str:
    """Return under what name its sunlight is kept: other roofs, another name, for their watts differ."""
    roofs: Sequence[str] = [f"{p.tilt_deg:g}/{p.azimuth_deg:g}/{p.peak_kw:g}" for p in planes_of(settings)]
    return " ".join([settings.source, kind_of(settings), settings.site_id or "", *roofs]).strip()


def open_source(settings: ForecastSettings) -> Source | None:
    """Return the source of the config; None without a place or if nothing shall be asked."""
    place = place_of(settings)
    if place is None or settings.source == "none":
        return None
    planes, base_url = planes_of(settings), settings.base_url
    if settings.source == "forecast_solar":
        return ForecastSolar(place, planes, base_url=base_url)
    if settings.source == "solcast":
        assert settings.site_id is not None
        token = TokenSource(cast(Any, settings), env={})  # the systemd credential is go-e's
        return Solcast(settings.site_id, token, base_url=base_url)
    return OpenMeteo(place, planes, base_url=base_url)
