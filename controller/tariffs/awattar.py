"""aWATTar: the day-ahead price of Germany or Austria, net, by the hour. No token; about 100 calls a day."""

from controller.errors import TariffImplausible
from controller.tariffs.quotes import Quote, checked
from controller.tariffs.web import CET, Haul, Shape, Stamp, Web, day_after, shaped


class _Item(Shape):
    start_timestamp: Stamp
    end_timestamp: Stamp
    marketprice: float | None
    unit: str


class _Answer(Shape):
    data: list[_Item]


def parse(body: bytes, most_ct: float, now_s: float) -> tuple[Quote, ...]:
    """Return the quotes of an answer (EUR/MWh, ms). Raises TariffImplausible."""
    quotes = []
    for item in shaped(_Answer, body).data:
        if item.unit.replace(" ", "").lower() != "eur/mwh":
            raise TariffImplausible(f"the unit is {item.unit[:20]!r}, not Eur/MWh")
        if item.marketprice is not None:
            quotes.append(
                Quote(item.start_timestamp / 1000, item.end_timestamp / 1000, item.marketprice / 10)
            )
    return checked(quotes, most_ct, now_s)


class Awattar:
    """The market data of `country`: de or at."""

    name = "awattar"

    def __init__(self, country: str, most_ct: float, web: Web) -> None:
        self.identity = f"awattar {country}"
        self._most_ct, self._web = most_ct, web

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return what is published from `begin_s` on. Raises TariffError."""
        end_s = day_after(now_s, CET, 2).timestamp()
        params = {"start": str(int(begin_s * 1000)), "end": str(int(end_s * 1000))}
        body = await self._web.get("/v1/marketdata", params)
        return Haul(parse(body, self._most_ct, now_s), (body,))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()
