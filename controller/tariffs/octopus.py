"""Octopus Energy (Great Britain): unit rates of a product and region, in pence with VAT. No token.

Newest first, in pages. A rate without an end holds until further notice. Some products have one rate for each
way of paying; the next day of Agile comes at about 16:00.
"""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from controller.errors import TariffImplausible
from controller.tariffs.quotes import Quote, checked
from controller.tariffs.web import Haul, Shape, Web, day_after, shaped

LONDON = ZoneInfo("Europe/London")
MOST_PAGES = 6


class _Rate(Shape):
    value_inc_vat: float | None
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None = None
    payment_method: str | None = None


class _Page(Shape):
    next: str | None = None
    results: list[_Rate]


def parse(
    bodies: list[bytes], payment: str | None, begin_s: float, end_s: float, most_ct: float, now_s: float
) -> tuple[Quote, ...]:
    """Return the quotes of all pages, cut to a span. Raises TariffImplausible."""
    quotes = []
    for body in bodies:
        for rate in shaped(_Page, body).results:
            if payment is not None and rate.payment_method not in (None, payment):
                continue
            from_s = max(rate.valid_from.timestamp(), begin_s)
            to_s = end_s if rate.valid_to is None else min(rate.valid_to.timestamp(), end_s)
            if rate.value_inc_vat is not None and from_s < to_s:
                quotes.append(Quote(from_s, to_s, all_in_ct_per_kwh=rate.value_inc_vat))
    try:
        return checked(quotes, most_ct, now_s)
    except TariffImplausible as error:
        hint = ". Remedy: set payment" if payment is None and "same time" in str(error) else ""
        raise TariffImplausible(f"{error}{hint}") from None


class Octopus:
    """The unit rates of a product in a region."""

    name = "octopus"

    def __init__(self, product: str, region: str, payment: str | None, most_ct: float, web: Web) -> None:
        self.identity = f"octopus {product} {region} {payment or ''}".strip()
        self._path = (
            f"/v1/products/{product}/electricity-tariffs/E-1R-{product}-{region}/standard-unit-rates/"
        )
        self._payment, self._most_ct, self._web = payment, most_ct, web

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return the rates from `begin_s` on. Raises TariffError."""
        end = day_after(now_s, LONDON, 3)
        span = {"period_from": _utc(begin_s), "period_to": _utc(end.timestamp()), "page_size": "1500"}
        bodies: list[bytes] = []
        params: dict[str, str] | None = span
        while params is not None:
            if len(bodies) == MOST_PAGES:
                raise TariffImplausible(f"more than {MOST_PAGES} pages")
            bodies.append(await self._web.get(self._path, params))
            following = shaped(_Page, bodies[-1]).next
            # Only the query of the next page is followed: never to another host or path.
            params = dict(parse_qsl(urlsplit(following).query)) if following else None
        quotes = parse(bodies, self._payment, begin_s, end.timestamp(), self._most_ct, now_s)
        return Haul(quotes, tuple(bodies))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%MZ")
