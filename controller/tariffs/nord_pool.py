"""Nord Pool data portal: the day-ahead price of a delivery area, net. No token; one call a day of delivery.

A day that is not published yet is an empty answer (204). The portal makes no promise to programs.
"""

from datetime import datetime

from pydantic import AwareDatetime

from controller.errors import TariffImplausible
from controller.tariffs.quotes import Quote, checked
from controller.tariffs.web import CET, Haul, Shape, Web, shaped


class _Entry(Shape):
    deliveryStart: AwareDatetime
    deliveryEnd: AwareDatetime
    entryPerArea: dict[str, float | None]


class _Day(Shape):
    currency: str | None = None
    multiAreaEntries: list[_Entry]


def parse(body: bytes, area: str, currency: str, most_ct: float, now_s: float) -> tuple[Quote, ...]:
    """Return the quotes of one day (currency per MWh), none of an empty answer. Raises TariffImplausible."""
    if not body.strip():
        return ()
    day = shaped(_Day, body)
    if day.currency is not None and day.currency != currency:
        raise TariffImplausible(f"prices in {day.currency[:3]!r}, not {currency}")
    quotes = []
    for entry in day.multiAreaEntries:
        if area not in entry.entryPerArea:
            raise TariffImplausible(f"no prices of {area} in the answer")
        price = entry.entryPerArea[area]
        if price is not None:
            quotes.append(Quote(entry.deliveryStart.timestamp(), entry.deliveryEnd.timestamp(), price / 10))
    return checked(quotes, most_ct, now_s)


class NordPool:
    """The day-ahead price of a delivery area."""

    name = "nord_pool"

    def __init__(self, area: str, currency: str, most_ct: float, web: Web) -> None:
        self.identity = f"nord_pool {area} {currency}"
        self._area, self._currency, self._most_ct, self._web = area, currency, most_ct, web

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return today's prices, and tomorrow's if they are published. Raises TariffError."""
        today = datetime.fromtimestamp(now_s, CET).date().toordinal()
        bodies = []
        for ordinal in (today, today + 1):
            params = {
                "market": "DayAhead",
                "date": datetime.fromordinal(ordinal).strftime("%Y-%m-%d"),
                "deliveryArea": self._area,
                "currency": self._currency,
            }
            bodies.append(await self._web.get("/api/DayAheadPrices", params))
        days = [parse(body, self._area, self._currency, self._most_ct, now_s) for body in bodies]
        return Haul(checked([*days[0], *days[1]], self._most_ct, now_s), tuple(bodies))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()
