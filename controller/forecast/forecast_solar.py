"""forecast.solar: the energy of a roof by the hour; one request a roof, twelve an hour and address.

Without a key: it would stand in the URL. Stamps are local unless `time=utc` is asked for; the energy
belongs to the time *before* its stamp, the first of a day is sunrise.
https://doc.forecast.solar/doku.php?id=api:estimate
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from controller.errors import ForecastImplausible, ForecastUnreachable
from controller.fetch import Fetcher
from controller.forecast.answers import LONGEST_S, Answer, SunStep, checked, quarters
from controller.forecast.sun import Place, Plane
from controller.forecast.wire import MAX_BYTES, TIMEOUT_S, document, number, section

URL = "https://api.forecast.solar"
MOST_PLANES = 4


class ForecastSolar:
    """The power of the roofs."""

    name = "forecast_solar"
    pause_s = 3600.0

    def __init__(
        self,
        place: Place,
        planes: Sequence[Plane],
        *,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._place, self._planes = place, planes
        self._fetcher = Fetcher(
            base_url or URL, timeout_s=timeout_s, failure=ForecastUnreachable, max_bytes=MAX_BYTES
        )

    async def fetch(self, now_s: float, days_back: int) -> Answer:
        """Return one answer: today and tomorrow. Raises ForecastError."""
        sums: dict[float, list[float]] = {}
        for plane in self._planes:
            path = (
                f"/estimate/{self._place.latitude_deg:.2f}/{self._place.longitude_deg:.2f}"
                f"/{plane.tilt_deg:.0f}/{plane.azimuth_deg:.0f}/{plane.peak_kw:g}"
            )
            answer = await self._fetcher.get(path, {"time": "utc"}, {"Accept": "application/json"})
            one = Answer(self.name, "power", now_s, checked("power", steps_of(document(answer, now_s))))
            for begin_s, light in quarters(one, self._place).items():
                sums.setdefault(begin_s, []).append(light.value)
        # Sunrise differs a little from roof to roof: there one of them gives nothing yet.
        steps = [SunStep(begin_s, begin_s + 900.0, sum(values)) for begin_s, values in sums.items()]
        return Answer(self.name, "power", now_s, checked("power", steps))

    async def close(self) -> None:
        """Drop the connections."""
        await self._fetcher.close()


def steps_of(found: Mapping[str, Any]) -> list[SunStep]:
    """Return the mean power between stamps; nights, of which nothing is said, are dark."""
    message = found.get("message")
    info = message.get("info") if isinstance(message, dict) else None
    zone_name = info.get("timezone") if isinstance(info, dict) else None
    periods = section(section(found, "result"), "watt_hours_period")
    points = sorted((_stamp_s(stamp, zone_name), number(wh)) for stamp, wh in periods.items())
    result = []
    for (before_s, _), (stamp_s, energy_wh) in pairwise(points):
        if energy_wh is None or stamp_s <= before_s:
            continue
        span_s = stamp_s - before_s
        if span_s <= LONGEST_S:
            result.append(SunStep(before_s, stamp_s, energy_wh * 3600 / span_s))
        else:  # from sunset to sunrise
            result += _dark(before_s, stamp_s)
    return result


def _dark(begin_s: float, end_s: float) -> list[SunStep]:
    count = int(-(-(end_s - begin_s) // LONGEST_S))
    edges = [begin_s + (end_s - begin_s) * n / count for n in range(count + 1)]
    return [SunStep(a, b, 0.0) for a, b in pairwise(edges)]


def _stamp_s(stamp: str, zone_name: Any) -> float:
    """Return a stamp as UTC seconds; one without an offset is local time of the zone the answer names."""
    try:
        moment = datetime.fromisoformat(stamp)
        if moment.tzinfo is None:
            if not isinstance(zone_name, str):
                raise ForecastImplausible("a time without its offset, and no time zone in the answer")
            moment = moment.replace(tzinfo=ZoneInfo(zone_name))
        return moment.timestamp()
    except (ValueError, OverflowError, KeyError, OSError):
        raise ForecastImplausible(f"found {stamp[:30]!r} where a time belongs") from None
