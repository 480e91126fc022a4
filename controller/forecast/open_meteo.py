"""Open-Meteo: quarter-hourly irradiance, and the spread of an ensemble for the percentiles.

Without a key, for private use. Radiation is the mean of the time *before* the stamp. The weather service
gets the place rounded to two decimals. https://open-meteo.com/en/docs and /en/docs/ensemble-api
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from controller.errors import ForecastError, ForecastImplausible, ForecastUnreachable
from controller.fetch import Fetcher
from controller.forecast.answers import QUARTER_S, Answer, SunStep, checked
from controller.forecast.sun import Place, Plane
from controller.forecast.wire import MAX_BYTES, TIMEOUT_S, document, number, section

log = logging.getLogger(__name__)
FORECAST_URL, ENSEMBLE_URL = "https://api.open-meteo.com", "https://ensemble-api.open-meteo.com"
DAYS_AHEAD = 3
HEAT_PER_K = -0.004
"""Change of power per degree of the module, as data sheets of silicon modules give it."""
WARMING_K_M2_PER_W = 0.03
"""How much warmer than the air a module is; Ross, 12th IEEE Photovoltaic Specialists Conference, 1976."""
GHI, TILTED, AIR = "shortwave_radiation", "global_tilted_irradiance", "temperature_2m"


class OpenMeteo:
    """Irradiance on level ground, or with planes the power of the roofs."""

    name = "open_meteo"
    pause_s = 3600.0

    def __init__(
        self,
        place: Place,
        planes: Sequence[Plane] = (),
        *,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._place, self._planes = place, planes
        forecast, ensemble = (base_url or url for url in (FORECAST_URL, ENSEMBLE_URL))
        self._forecast, self._ensemble = (
            Fetcher(url, timeout_s=timeout_s, failure=ForecastUnreachable, max_bytes=MAX_BYTES)
            for url in (forecast, ensemble)
        )

    async def fetch(self, now_s: float, days_back: int) -> Answer:
        """Return one answer, without percentiles if the ensemble cannot be had. Raises ForecastError."""
        steps = await self._steps(now_s, days_back)
        try:
            ratios = await self._ratios(now_s)
        except ForecastError as error:
            log.info("event=forecast_without_ensemble reason=%s", error)
            ratios = {}
        with_spread = tuple(_spread(step, ratios) for step in steps)
        return Answer(self.name, "power" if self._planes else "ghi", now_s, with_spread)

    async def close(self) -> None:
        """Drop the connections."""
        await self._forecast.close()
        await self._ensemble.close()

    def _params(self, **more: str) -> dict[str, str]:
        return {
            "latitude": f"{self._place.latitude_deg:.2f}",
            "longitude": f"{self._place.longitude_deg:.2f}",
            "timeformat": "unixtime",
            "forecast_days": str(DAYS_AHEAD),
            **more,
        }

    async def _steps(self, now_s: float, days_back: int) -> tuple[SunStep, ...]:
        past = {"past_days": str(days_back)}
        if not self._planes:
            answer = await self._forecast.get("/v1/forecast", self._params(minutely_15=GHI, **past), {})
            return checked("ghi", steps_of(document(answer, now_s), GHI))
        sums: dict[float, float] = {}
        for plane in self._planes:
            params = self._params(
                minutely_15=f"{TILTED},{AIR}",
                tilt=f"{plane.tilt_deg:g}",
                azimuth=f"{plane.azimuth_deg:g}",
                **past,
            )
            answer = await self._forecast.get("/v1/forecast", params, {})
            powers = powers_of(document(answer, now_s), plane.peak_kw)
            known = {step.begin_s: step.value for step in checked("power", powers)}
            # A time counts only if every roof has it: half of the roofs would be taken for all of them.
            kept = known if plane is self._planes[0] else {b: w for b, w in known.items() if b in sums}
            sums = {begin: sums.get(begin, 0.0) + power_w for begin, power_w in kept.items()}
        return checked("power", [SunStep(begin, begin + QUARTER_S, w) for begin, w in sums.items()])

    async def _ratios(self, now_s: float) -> dict[int, tuple[float, float]]:
        params = self._params(hourly=GHI, models="icon_seamless")
        answer = await self._ensemble.get("/v1/ensemble", params, {})
        return ratios_of(document(answer, now_s))


def _columns(found: Mapping[str, Any], table: str, name: str) -> tuple[list[float], list[Any]]:
    """Return stamps and values of a column. Raises ForecastImplausible."""
    rows = section(found, table)
    units = found.get(f"{table}_units")
    unit = units.get(name) if isinstance(units, dict) else None
    if name != AIR and unit not in (None, "W/m²"):
        raise ForecastImplausible(f"{name} is in {str(unit)[:20]!r}, W/m² was expected")
    stamps, values = rows.get("time"), rows.get(name)
    if not isinstance(stamps, list) or not isinstance(values, list) or len(stamps) != len(values):
        raise ForecastImplausible(f"the answer has no {name} for each time")
    times = [number(stamp) for stamp in stamps]
    if any(stamp is None for stamp in times):
        raise ForecastImplausible("a time is missing")
    return [stamp for stamp in times if stamp is not None], values


def steps_of(found: Mapping[str, Any], name: str) -> list[SunStep]:
    """Return the quarter-hours of a column, those without a value left out."""
    stamps, values = _columns(found, "minutely_15", name)
    pairs = ((stamp, number(value)) for stamp, value in zip(stamps, values, strict=True))
    return [SunStep(stamp - QUARTER_S, stamp, max(v, 0.0)) for stamp, v in pairs if v is not None]


def powers_of(found: Mapping[str, Any], peak_kw: float) -> list[SunStep]:
    """Return the power of one roof in W: its peak, the light on it, less what the heat takes."""
    _, airs = _columns(found, "minutely_15", AIR)
    stamps, values = _columns(found, "minutely_15", TILTED)
    result = []
    for stamp, value, air in zip(stamps, values, airs, strict=True):
        light, air_c = number(value), number(air)
        if light is None:
            continue
        light = max(light, 0.0)
        warm_k = (20.0 if air_c is None else air_c) + WARMING_K_M2_PER_W * light - 25.0
        result.append(SunStep(stamp - QUARTER_S, stamp, peak_kw * light * max(1 + HEAT_PER_K * warm_k, 0.0)))
    return result


def ratios_of(found: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
    """Return the tenth and ninetieth percentile over the mean of the members, by the begin of the hour."""
    hourly = section(found, "hourly")
    names = [name for name in hourly if name == GHI or name.startswith(f"{GHI}_member")]
    columns = [_columns(found, "hourly", name) for name in names]
    if len(columns) < 5:
        raise ForecastImplausible(f"{len(columns)} members are too few")
    result = {}
    for n, stamp in enumerate(columns[0][0]):
        known = sorted(v for _, values in columns if (v := number(values[n])) is not None and v >= 0)
        mean = sum(known) / len(known) if known else 0.0
        if len(known) >= 5 and mean >= 10.0:
            low, high = (known[round(p * (len(known) - 1))] for p in (0.1, 0.9))
            result[int(stamp) - 3600] = (min(low / mean, 1.0), max(high / mean, 1.0))
    return result


def _spread(step: SunStep, ratios: Mapping[int, tuple[float, float]]) -> SunStep:
    """Return the step with percentiles, if the ensemble knows its hour."""
    found = ratios.get(int(step.begin_s // 3600) * 3600)
    if found is None:
        return step
    return SunStep(
        step.begin_s, step.end_s, step.value, step.value * found[0], step.value * min(found[1], 3.0)
    )
