"""ENTSO-E transparency platform: the day-ahead price of any European zone, net. Needs a token (by mail).

The platform takes the token as a query parameter only. It therefore appears in the address that leaves for
the platform, and nowhere else: addresses are never logged, and what the platform says is searched for it.
"""

from datetime import UTC, datetime

from controller.errors import TariffImplausible, TariffRefused
from controller.tariffs.market_xml import Element, tree
from controller.tariffs.quotes import Quote, checked, merged
from controller.tariffs.web import CET, Haul, Web, day_after

STEPS_S = {"PT15M": 900, "PT30M": 1800, "PT60M": 3600, "PT1H": 3600}
SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"
NO_DATA = "999"
"""Reason code of "no matching data": nothing published yet."""

MOST_POINTS = 4 * 24 * 40


def parse(body: bytes, currency: str, most_ct: float, now_s: float) -> tuple[Quote, ...]:
    """Return the quotes of an answer. Raises TariffError.

    Several auctions of the same time are told apart by their sequence, of which the lowest counts; within one
    the finer resolution. Positions that are left out repeat the price before them (curve type A03).
    """
    document = tree(body)
    if document.tag == "Acknowledgement_MarketDocument":
        if document.read("Reason", "code") == NO_DATA:
            return ()
        raise TariffRefused(f"refused: {document.read('Reason', 'text') or 'no reason given'}")
    if document.tag != "Publication_MarketDocument":
        raise TariffImplausible("not a price document")
    found: list[tuple[int, int, tuple[Quote, ...]]] = []
    for series in document.all("TimeSeries"):
        if series.read("currency_Unit.name") != currency or series.read("price_Measure_Unit.name") != "MWH":
            raise TariffImplausible(f"the unit is not {currency} per MWH")
        rank = int(_number(series.read(SEQUENCE) or "1"))
        for period in series.all("Period"):
            step_s, points = _period(period)
            found.append((rank, step_s, checked(points, most_ct, now_s)))
    quotes_of_all: tuple[Quote, ...] = ()
    for _rank, _step_s, quotes in sorted(found, key=lambda item: item[:2], reverse=True):
        quotes_of_all = merged(quotes_of_all, quotes, 0.0)  # the best comes last and wins
    return checked(quotes_of_all, most_ct, now_s)


def _period(period: Element) -> tuple[int, list[Quote]]:
    step_s = STEPS_S.get(period.read("resolution") or "")
    begin, end = period.read("timeInterval", "start"), period.read("timeInterval", "end")
    if step_s is None or begin is None or end is None:
        raise TariffImplausible("a period without known resolution and interval")
    begin_s, end_s = _instant(begin), _instant(end)
    count = int((end_s - begin_s) // step_s)
    if not 0 < count <= MOST_POINTS:
        raise TariffImplausible("a period of impossible length")
    prices: dict[int, float] = {}
    for point in period.all("Point"):
        position = int(_number(point.read("position")))
        if not 1 <= position <= count or position in prices:
            raise TariffImplausible("a position outside its period, or twice in it")
        prices[position] = _number(point.read("price.amount"))
    quotes, price = [], None
    for position in range(1, count + 1):
        price = prices.get(position, price)
        if price is not None:
            at_s = begin_s + (position - 1) * step_s
            quotes.append(Quote(at_s, at_s + step_s, price / 10))
    return step_s, quotes


def _number(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise TariffImplausible("not a number where one must be") from None
    if not -1e9 < value < 1e9:
        raise TariffImplausible("a number beyond all sense")
    return value


def _instant(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise TariffImplausible("a time that is none") from None


class Entsoe:
    """The day-ahead price of the zone with this EIC."""

    name = "entsoe"

    def __init__(self, eic: str, currency: str, most_ct: float, web: Web) -> None:
        self.identity = f"entsoe {eic} {currency}"
        self._eic, self._currency, self._most_ct, self._web = eic, currency, most_ct, web

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return what is published from `begin_s` on. Raises TariffError, ConfigError without a token."""
        assert self._web.token is not None
        end = day_after(now_s, CET, 2)
        params = {
            "documentType": "A44",
            "in_Domain": self._eic,
            "out_Domain": self._eic,
            "periodStart": datetime.fromtimestamp(begin_s, UTC).strftime("%Y%m%d%H%M"),
            "periodEnd": end.astimezone(UTC).strftime("%Y%m%d%H%M"),
            "securityToken": self._web.token(),
        }
        answer = await self._web.ask("/api", params, {"Accept": "application/xml"})
        body = answer.body if answer.status == 400 else self._web.good(answer)  # "no data" may come as 400
        try:
            return Haul(parse(body, self._currency, self._most_ct, now_s), (body,))
        except TariffRefused as error:
            raise TariffRefused(self._web.safe(str(error))) from None

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()
