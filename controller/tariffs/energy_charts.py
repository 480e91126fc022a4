"""energy-charts (Fraunhofer ISE): day-ahead prices of many zones, net, and the CO2 intensity. No token; slow.

Quarters that are not published yet are null. An answer may take most of a minute.
"""

from itertools import pairwise

from controller.errors import TariffImplausible
from controller.tariffs.quotes import Quote, checked, ends_of
from controller.tariffs.web import CET, Haul, Shape, Stamp, Web, day_after, shaped

ANSWER_S = 60.0
UNITS = ("eur/mwh", "nounit")
"""The second was in real answers of 2024; prices were EUR/MWh all the same."""


class _Prices(Shape):
    unix_seconds: list[Stamp]
    price: list[float | None]
    unit: str


class _Intensity(Shape):
    unix_seconds: list[Stamp]
    co2eq: tuple[float | None, ...] = ()
    co2eq_forecast: tuple[float | None, ...] = ()


def parse(body: bytes, most_ct: float, now_s: float) -> tuple[Quote, ...]:
    """Return the quotes of an answer (EUR/MWh, s). Raises TariffImplausible."""
    answer = shaped(_Prices, body)
    if answer.unit.replace(" ", "").lower() not in UNITS:
        raise TariffImplausible(f"the unit is {answer.unit[:20]!r}, not EUR / MWh")
    slots = _in_time(answer.unix_seconds, answer.price)
    quotes = [Quote(begin_s, end_s, price / 10) for begin_s, end_s, price in slots]
    return checked(quotes, most_ct, now_s)


def parse_co2(body: bytes, now_s: float) -> tuple[Quote, ...]:
    """Return the CO2 intensity (g/kWh), as measured, else as forecast. Raises TariffImplausible."""
    answer = shaped(_Intensity, body)
    stamps = answer.unix_seconds
    if not answer.co2eq and not answer.co2eq_forecast:
        raise TariffImplausible("neither measured nor forecast intensity in the answer")
    none: tuple[float | None, ...] = (None,) * len(stamps)
    measured, forecast = answer.co2eq or none, answer.co2eq_forecast or none
    if len(measured) != len(forecast):
        raise TariffImplausible("as many times as values are expected")
    best = [then if now is None else now for now, then in zip(measured, forecast, strict=True)]
    quotes = [Quote(begin, end, co2_g_per_kwh=value) for begin, end, value in _in_time(stamps, best)]
    return checked(quotes, 0.0, now_s)


def _in_time(stamps: list[int], values: list[float | None]) -> list[tuple[float, float, float]]:
    """Return begin, end and value of what is not null; nulls still tell where their neighbours end."""
    if len(stamps) != len(values):
        raise TariffImplausible("as many times as values are expected")
    if any(after <= before for before, after in pairwise(stamps)):
        raise TariffImplausible("the times are not in order")
    ends = ends_of([float(stamp) for stamp in stamps])
    rows = zip(stamps, ends, values, strict=True)
    return [(float(begin), end, value) for begin, end, value in rows if value is not None]


class EnergyCharts:
    """The day-ahead price of a bidding zone."""

    name = "energy_charts"

    def __init__(self, zone: str, most_ct: float, web: Web) -> None:
        self.identity = f"energy_charts {zone}"
        self._zone, self._most_ct, self._web = zone, most_ct, web

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return what is published from `begin_s` on. Raises TariffError."""
        end_s = day_after(now_s, CET, 2).timestamp()
        params = {"bzn": self._zone, "start": str(int(begin_s)), "end": str(int(end_s) - 1)}
        body = await self._web.get("/price", params)
        return Haul(parse(body, self._most_ct, now_s), (body,))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()


class Intensity:
    """The CO2 intensity of a country's electricity, with its forecast."""

    name = "co2"

    def __init__(self, country: str, web: Web) -> None:
        self.identity = f"co2 {country}"
        self._country, self._web = country, web

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return what is known of today and forecast. Raises TariffError."""
        body = await self._web.get("/co2eq", {"country": self._country})
        return Haul(parse_co2(body, now_s), (body,))

    async def close(self) -> None:
        """Drop the connection."""
        await self._web.close()
