"""Energi Data Service (Energinet): the day-ahead price of Danish and some neighbouring zones, net. No token.

Records carry UTC without saying so, and no end. The data set with hours ended in October 2025; this is its
heir.
"""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import NaiveDatetime

from controller.errors import TariffImplausible
from controller.tariffs.quotes import Quote, checked, ends_of
from controller.tariffs.web import Haul, Shape, Web, day_after, shaped

DANISH = ZoneInfo("Europe/Copenhagen")


class _Record(Shape):
    TimeUTC: NaiveDatetime
    PriceArea: str | None = None
    DayAheadPriceDKK: float | None = None
    DayAheadPriceEUR: float | None = None


class _Answer(Shape):
    records: list[_Record]


def parse(body: bytes, area: str, currency: str, most_ct: float, now_s: float) -> tuple[Quote, ...]:
    """Return the quotes of an answer (DKK or EUR per MWh), in any order. Raises TariffImplausible."""
    prices: dict[float, float | None] = {}
    for record in shaped(_Answer, body).records:
        if record.PriceArea is not None and record.PriceArea != area:
            raise TariffImplausible(f"prices of another area than {area}")
        at_s = record.TimeUTC.replace(tzinfo=UTC).timestamp()
        price = record.DayAheadPriceDKK if currency == "DKK" else record.DayAheadPriceEUR
        if prices.get(at_s, price) != price:
            raise TariffImplausible("two prices for the same time")
        prices[at_s] = price
    starts = sorted(prices)
    quotes = []
    for begin_s, end_s in zip(starts, ends_of(starts), strict=True):
        price = prices[begin_s]
        if price is not None:
            quotes.append(Quote(begin_s, end_s, price / 10))
    return checked(quotes, most_ct, now_s)


class EnergiData:
    """The day-ahead price of a price area."""

    name = "energi_data"

    def __init__(self, area: str, currency: str, most_ct: float, web: Web) -> None:
        self.identity = f"energi_data {area} {currency}"
        self._area, self._currency, self._most_ct, self._web = area, currency, most_ct, web

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return what is published from `begin_s` on. Raises TariffError."""
        end = day_after(now_s, DANISH, 2)
        params = {
            "start": datetime.fromtimestamp(begin_s, DANISH).strftime("%Y-%m-%dT%H:%M"),
            "end": end.strftime("%Y-%m-%dT%H:%M"),
            "filter": json.dumps({"PriceArea": [self._area]}),
            "sort": "TimeUTC asc",
            "limit": "0",
        }
        body = await self._web.get("/dataset/DayAheadPrices", params)
        return Haul(parse(body, self._area, self._currency, self._most_ct, now_s), (body,))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()
