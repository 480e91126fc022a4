"""Stromligning (Denmark): what a customer of a grid company and product pays, all-in. No token for private
use.

Prices hold grid fee, taxes and VAT; nothing may be added. Items have a begin and mostly no end; what is
marked as a forecast is no published price and left out.
"""

from datetime import UTC, datetime
from itertools import pairwise

from pydantic import AwareDatetime

from controller.errors import TariffImplausible
from controller.tariffs.energi_data import DANISH
from controller.tariffs.quotes import Quote, checked, ends_of
from controller.tariffs.web import Haul, Shape, Web, day_after, shaped


class _Price(Shape):
    total: float | None
    unit: str


class _Item(Shape):
    date: AwareDatetime
    price: _Price
    forecast: bool = False


class _Answer(Shape):
    priceArea: str | None = None
    prices: list[_Item]


def parse(body: bytes, area: str, most_ct: float, now_s: float) -> tuple[Quote, ...]:
    """Return the quotes of an answer (kr/kWh). Raises TariffImplausible."""
    answer = shaped(_Answer, body)
    if answer.priceArea is not None and answer.priceArea != area:
        raise TariffImplausible(f"prices of another area than {area}")
    items = sorted(answer.prices, key=lambda item: item.date)
    starts = [item.date.timestamp() for item in items]
    if any(after <= before for before, after in pairwise(starts)):
        raise TariffImplausible("two prices for the same time")
    quotes = []
    for item, begin_s, end_s in zip(items, starts, ends_of(starts), strict=True):
        if item.price.unit.replace(" ", "").lower() not in ("kr/kwh", "dkk/kwh"):
            raise TariffImplausible(f"the unit is {item.price.unit[:20]!r}, not kr/kWh")
        if item.price.total is not None and not item.forecast:
            quotes.append(Quote(begin_s, end_s, all_in_ct_per_kwh=item.price.total * 100))
    return checked(quotes, most_ct, now_s)


class Stromligning:
    """The prices of a product at a grid company."""

    name = "stromligning"

    def __init__(self, area: str, supplier: str, product: str, most_ct: float, web: Web) -> None:
        self.identity = f"stromligning {area} {supplier} {product}"
        self._area, self._most_ct, self._web = area, most_ct, web
        self._which = {"priceArea": area, "supplierId": supplier, "productId": product}

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return what is published from `begin_s` on. Raises TariffError."""
        end = day_after(now_s, DANISH, 2).astimezone(UTC)
        begin = datetime.fromtimestamp(begin_s, UTC)
        span = {"from": begin.strftime("%Y-%m-%dT%H:%MZ"), "to": end.strftime("%Y-%m-%dT%H:%MZ")}
        body = await self._web.get("/api/prices", {**self._which, **span, "aggregation": "15m"})
        return Haul(parse(body, self._area, self._most_ct, now_s), (body,))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()
