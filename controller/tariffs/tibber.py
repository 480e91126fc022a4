"""Tibber: what a customer pays, quarter by quarter or by the hour, and the energy price in it. Needs a token.

Errors come with status 200 and a list `errors`. Tomorrow is an empty list until about 13:00. Quarters are
asked for, and hours if the service does not know the word for them.
"""

import json
from itertools import pairwise
from typing import Any

from pydantic import AwareDatetime, Field

from controller.errors import TariffImplausible, TariffRefused, TariffUnreachable
from controller.tariffs.quotes import Quote, checked, ends_of
from controller.tariffs.web import Haul, Shape, Web, shaped

QUERY = (
    "{viewer{%s{currentSubscription{priceInfo%s{"
    "today{total energy startsAt currency} tomorrow{total energy startsAt currency}}}}}}"
)
QUARTERS = "(resolution:QUARTER_HOURLY)"


class _Price(Shape):
    total: float | None
    energy: float | None = None
    startsAt: AwareDatetime
    currency: str | None = None


class _Days(Shape):
    today: list[_Price]
    tomorrow: tuple[_Price, ...] = ()


class _Subscription(Shape):
    priceInfo: _Days | None = None


class _Home(Shape):
    currentSubscription: _Subscription | None = None


class _Viewer(Shape):
    home: _Home | None = None
    homes: tuple[_Home, ...] = ()


class _Data(Shape):
    viewer: _Viewer | None = None


class _Error(Shape):
    message: str = ""
    extensions: dict[str, Any] = Field(default_factory=dict)


class _Answer(Shape):
    data: _Data | None = None
    errors: tuple[_Error, ...] = ()


class _UnknownWord(Exception):
    """The service does not know a word of the question."""


def parse(
    body: bytes, currency: str, most_ct: float, now_s: float, alone_s: float = 900.0
) -> tuple[Quote, ...]:
    """Return the quotes of an answer (currency per kWh), both all-in and net. Raises TariffError."""
    answer = shaped(_Answer, body)
    if answer.errors:
        _complain(answer.errors[0])
    viewer = answer.data.viewer if answer.data is not None else None
    homes = [viewer.home, *viewer.homes] if viewer is not None else []
    plans = [home.currentSubscription for home in homes if home is not None]
    days = next((plan.priceInfo for plan in plans if plan is not None and plan.priceInfo is not None), None)
    if days is None:
        raise TariffRefused("no home with a running contract. Remedy: check home_id and the account")
    prices = sorted([*days.today, *days.tomorrow], key=lambda price: price.startsAt)
    starts = [price.startsAt.timestamp() for price in prices]
    if any(after <= before for before, after in pairwise(starts)):
        raise TariffImplausible("two prices for the same time")
    quotes = []
    for price, begin_s, end_s in zip(prices, starts, ends_of(starts, alone_s), strict=True):
        if price.currency is not None and price.currency != currency:
            raise TariffImplausible(f"prices in {price.currency[:3]!r}, not {currency}")
        if price.total is not None:
            spot = None if price.energy is None else price.energy * 100
            quotes.append(Quote(begin_s, end_s, spot, price.total * 100))
    return checked(quotes, most_ct, now_s)


def _complain(error: _Error) -> None:
    """Raise what the first error of an answer means."""
    code, text = str(error.extensions.get("code", "")), error.message
    if "resolution" in text or "QUARTER" in text:
        raise _UnknownWord
    if "UNAUTH" in code or "uthent" in text or "token" in text.lower():
        raise TariffRefused("the token was not accepted. Remedy: make a new one and put it into token_file")
    raise TariffUnreachable(f"the service reports an error ({text[:80]})")


class Tibber:
    """The prices of one home."""

    name = "tibber"

    def __init__(self, home_id: str | None, currency: str, most_ct: float, web: Web) -> None:
        self.identity = f"tibber {home_id or 'first home'} {currency}"
        self._homes = f'home(id:"{home_id}")' if home_id else "homes"
        self._currency, self._most_ct, self._web = currency, most_ct, web
        self._quarters = True

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return the prices of today, and of tomorrow if they are published. Raises TariffError."""
        try:
            return await self._asked(QUARTERS if self._quarters else "", now_s)
        except _UnknownWord:
            if not self._quarters:
                raise TariffImplausible("the service does not know the question") from None
            self._quarters = False
            return await self.fetch(begin_s, now_s)
        except (TariffRefused, TariffUnreachable) as error:
            raise type(error)(self._web.safe(str(error))) from None

    async def _asked(self, resolution: str, now_s: float) -> Haul:
        assert self._web.token is not None
        question = json.dumps({"query": QUERY % (self._homes, resolution)}).encode()
        headers = {"Authorization": f"Bearer {self._web.token()}"}
        answer = await self._web.post("/v1-beta/gql", question, headers)
        body = answer.body if answer.status == 400 else self._web.good(answer)  # a wrong word may be a 400
        alone_s = 900.0 if resolution else 3600.0
        return Haul(parse(body, self._currency, self._most_ct, now_s, alone_s), (body,))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()
