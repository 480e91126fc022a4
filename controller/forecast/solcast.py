"""Solcast's rooftop sites: half-hourly power with its percentiles; ten requests a day for hobbyists.

Stamps are the *end* of a period, UTC; powers are kW. The token travels in the header.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from controller.errors import ForecastImplausible, ForecastUnreachable
from controller.fetch import Fetcher
from controller.forecast.answers import Answer, SunStep, checked
from controller.forecast.wire import MAX_BYTES, TIMEOUT_S, document, number

URL = "https://api.solcast.com.au"
HOURS_AHEAD = 72


class Solcast:
    """The power of a rooftop site."""

    name = "solcast"
    pause_s = 3 * 3600.0
    """Eight a day, two left for restarts."""

    def __init__(
        self,
        site_id: str,
        token: Callable[[], str],
        *,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._site_id, self._token = site_id, token
        self._fetcher = Fetcher(
            base_url or URL, timeout_s=timeout_s, failure=ForecastUnreachable, max_bytes=MAX_BYTES
        )

    async def fetch(self, now_s: float, days_back: int) -> Answer:
        """Return one answer. Raises ForecastError, or ConfigError if the token cannot be read."""
        answer = await self._fetcher.get(
            f"/rooftop_sites/{self._site_id}/forecasts",
            {"format": "json", "hours": str(HOURS_AHEAD)},
            {"Authorization": f"Bearer {self._token()}"},
        )
        return Answer(self.name, "power", now_s, checked("power", steps_of(document(answer, now_s))))

    async def close(self) -> None:
        """Drop the connections."""
        await self._fetcher.close()


def steps_of(found: Mapping[str, Any]) -> list[SunStep]:
    """Return the periods in W, those without an estimate left out."""
    rows = found.get("forecasts")
    if not isinstance(rows, list):
        raise ForecastImplausible("the answer has no forecasts")
    result = []
    for row in rows:
        if not isinstance(row, dict):
            raise ForecastImplausible("a forecast is no object")
        value_kw, low_kw, high_kw = (
            number(row.get(name)) for name in ("pv_estimate", "pv_estimate10", "pv_estimate90")
        )
        if value_kw is None:
            continue
        end_s = _end_s(row.get("period_end"))
        low = None if low_kw is None else 1000 * min(low_kw, value_kw)
        high = None if high_kw is None else 1000 * max(high_kw, value_kw)
        result.append(SunStep(end_s - _period_s(row.get("period")), end_s, 1000 * value_kw, low, high))
    return result


def _end_s(stamp: Any) -> float:
    if not isinstance(stamp, str):
        raise ForecastImplausible("a forecast without period_end")
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", stamp))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ForecastImplausible(f"found {stamp[:30]!r} where a time belongs") from None


def _period_s(period: Any) -> float:
    found = re.fullmatch(r"PT(\d{1,3})M", period) if isinstance(period, str) else None
    if found is None:
        raise ForecastImplausible(f"found {str(period)[:20]!r} where a period such as PT30M belongs")
    return 60.0 * int(found[1])
