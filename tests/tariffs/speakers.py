"""The services as speakers: each turns the same prices into its own kind of answer, and has its own client.

The shapes are those the services' users and documents describe; the numbers are made up. What a client must
find in an answer is known from what went in, never from the client.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from controller.tariffs.awattar import Awattar
from controller.tariffs.energi_data import EnergiData
from controller.tariffs.energy_charts import EnergyCharts
from controller.tariffs.entsoe import Entsoe
from controller.tariffs.nord_pool import NordPool
from controller.tariffs.octopus import Octopus
from controller.tariffs.quotes import Quote
from controller.tariffs.stromligning import Stromligning
from controller.tariffs.tibber import Tibber
from controller.tariffs.web import Source, Web
from tests.tariffs.server import Asked, Reply

CET = ZoneInfo("Europe/Berlin")
TOKEN = "canary-71b0ffe2"
EIC = "10Y1001A1001A82H"
NAMESPACE = "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"


@dataclass(frozen=True)
class Slot:
    """A stretch of time and its price in hundredths of the currency per kWh; None: nothing is published."""

    begin_s: int
    end_s: int
    ct: float | None

    @property
    def per_mwh(self) -> float | None:
        return None if self.ct is None else round(self.ct * 10, 6)


def day_slots(day: str, step_s: int = 900, zone: ZoneInfo = CET, base_ct: float = 8.0) -> list[Slot]:
    """Return a local day of made-up prices, as long as that day is."""
    today = date.fromisoformat(day)
    begin_s = int(datetime.combine(today, time(), zone).timestamp())
    end_s = int(datetime.combine(today + timedelta(days=1), time(), zone).timestamp())
    count = (end_s - begin_s) // step_s
    return [
        Slot(begin_s + i * step_s, begin_s + (i + 1) * step_s, round(base_ct + (i * 37 % 113) / 7 - 9, 3))
        for i in range(count)
    ]


def iso(at_s: float, zone: ZoneInfo | None = None) -> str:
    if zone is not None:
        return datetime.fromtimestamp(at_s, zone).isoformat(timespec="milliseconds")
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def awattar(slots: Sequence[Slot]) -> bytes:
    data = [
        {"start_timestamp": s.begin_s * 1000, "end_timestamp": s.end_s * 1000, "marketprice": s.per_mwh}
        | {"unit": "Eur/MWh"}
        for s in slots
    ]
    return json.dumps({"object": "list", "data": data, "url": "/at/v1/marketdata"}).encode()


def energy_charts(slots: Sequence[Slot], unit: str = "EUR / MWh") -> bytes:
    times, prices = [s.begin_s for s in slots], [s.per_mwh for s in slots]
    answer = {"license_info": "CC BY 4.0", "unix_seconds": times, "price": prices}
    return json.dumps({**answer, "unit": unit, "deprecated": False}).encode()


def entsoe(
    slots: Sequence[Slot], sequence: int | None = 1, *, repeat: bool = True, currency: str = "EUR"
) -> bytes:
    return publication([series(slots, sequence, repeat=repeat, currency=currency)])


def publication(parts: Sequence[str]) -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<Publication_MarketDocument xmlns="{NAMESPACE}">'
    return (head + "<mRID>1</mRID>" + "".join(parts) + "</Publication_MarketDocument>").encode()


def series(slots: Sequence[Slot], sequence: int | None, *, repeat: bool = True, currency: str = "EUR") -> str:
    """Return a TimeSeries; with `repeat` a price equal to the one before is left out, as A03 curves do."""
    if not slots:
        return ""
    step_s = slots[0].end_s - slots[0].begin_s
    points, before = [], None
    for slot in slots:
        position = (slot.begin_s - slots[0].begin_s) // step_s + 1
        if slot.ct is not None and not (repeat and slot.ct == before):
            points.append(
                f"<Point><position>{position}</position><price.amount>{slot.per_mwh}</price.amount></Point>"
            )
        before = slot.ct
    begin, end = (
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
        for at in (slots[0].begin_s, slots[-1].end_s)
    )
    name = "classificationSequence_AttributeInstanceComponent.position"
    order = "" if sequence is None else f"<{name}>{sequence}</{name}>"
    return (
        f"<TimeSeries><mRID>1</mRID><businessType>A62</businessType>{order}"
        f"<currency_Unit.name>{currency}</currency_Unit.name>"
        f"<price_Measure_Unit.name>MWH</price_Measure_Unit.name>"
        f"<curveType>A03</curveType><Period><timeInterval><start>{begin}</start><end>{end}</end></timeInterval>"
        f"<resolution>PT{step_s // 60}M</resolution>{''.join(points)}</Period></TimeSeries>"
    )


def acknowledgement(code: str, text: str) -> bytes:
    return (
        '<?xml version="1.0"?><Acknowledgement_MarketDocument xmlns="urn:a:b:7:0"><mRID>x</mRID>'
        f"<Reason><code>{code}</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
    ).encode()


def nord_pool(slots: Sequence[Slot], area: str = "GER", currency: str = "EUR") -> bytes:
    entries = [
        {
            "deliveryStart": iso(s.begin_s),
            "deliveryEnd": iso(s.end_s),
            "entryPerArea": {area: s.per_mwh},
        }
        for s in slots
    ]
    return json.dumps({"deliveryAreas": [area], "currency": currency, "multiAreaEntries": entries}).encode()


def energi_data(slots: Sequence[Slot], area: str = "DK1") -> bytes:
    records = [
        {
            "TimeUTC": iso(s.begin_s).removesuffix("Z"),
            "TimeDK": iso(s.begin_s, CET)[:19],
            "PriceArea": area,
            "DayAheadPriceEUR": None if s.per_mwh is None else s.per_mwh / 7.46,
            "DayAheadPriceDKK": s.per_mwh,
        }
        for s in reversed(slots)  # newest first is its default order
    ]
    return json.dumps({"total": len(records), "dataset": "DayAheadPrices", "records": records}).encode()


def tibber(today: Sequence[Slot], tomorrow: Sequence[Slot], currency: str = "EUR") -> bytes:
    def rows(slots: Sequence[Slot]) -> list[dict[str, object]]:
        return [
            {
                "total": None if s.ct is None else round(s.ct / 100 + 0.19, 6),
                "energy": None if s.ct is None else round(s.ct / 100, 6),
                "startsAt": iso(s.begin_s, CET),
                "currency": currency,
            }
            for s in slots
        ]

    info = {"today": rows(today), "tomorrow": rows(tomorrow)}
    homes = [{"currentSubscription": None}, {"currentSubscription": {"priceInfo": info}}]
    return json.dumps({"data": {"viewer": {"homes": homes}}}).encode()


def octopus(slots: Sequence[Slot], following: str | None = None, method: str | None = None) -> bytes:
    results = [
        {
            "value_exc_vat": None if s.ct is None else s.ct / 1.05,
            "value_inc_vat": s.ct,
            "valid_from": iso(s.begin_s),
            "valid_to": iso(s.end_s),
            "payment_method": method,
        }
        for s in reversed(slots)
    ]
    return json.dumps({"count": len(results), "next": following, "results": results}).encode()


def stromligning(slots: Sequence[Slot], area: str = "DK1", unit: str = "kr/kWh") -> bytes:
    prices = [
        {
            "date": iso(s.begin_s).replace("Z", ".000Z"),
            "price": {"value": 0.0, "vat": 0.0, "total": None if s.ct is None else s.ct / 100, "unit": unit},
            "forecast": False,
        }
        for s in slots
    ]
    return json.dumps({"priceArea": area, "supplier": {"id": "x_c"}, "prices": prices}).encode()


@dataclass(frozen=True)
class Speaker:
    """A service: how it speaks, the client for it, and what the client must make of a slot."""

    name: str
    speak: Callable[[Asked, Sequence[Slot]], Reply]
    client: Callable[[Web], Source]
    step_s: int
    quote: Callable[[Slot], Quote]
    zone: ZoneInfo = CET

    def expected(self, slots: Sequence[Slot]) -> list[Quote]:
        """Return what must be found, by what went in."""
        return [self.quote(slot) for slot in slots if slot.ct is not None]


def _spot(slot: Slot) -> Quote:
    return Quote(slot.begin_s, slot.end_s, slot.ct)


def _all_in(slot: Slot) -> Quote:
    return Quote(slot.begin_s, slot.end_s, None, slot.ct)


def _both(slot: Slot) -> Quote:
    assert slot.ct is not None
    return Quote(slot.begin_s, slot.end_s, slot.ct, slot.ct + 19)


def _by_day(asked: Asked, slots: Sequence[Slot]) -> Reply:
    day = [s for s in slots if iso(s.begin_s, CET)[:10] == asked.params["date"]]
    return Reply(nord_pool(day)) if day else Reply(status=204)


def _in_two_lists(_asked: Asked, slots: Sequence[Slot]) -> Reply:
    first = iso(slots[0].begin_s, CET)[:10] if slots else ""
    today = [s for s in slots if iso(s.begin_s, CET)[:10] == first]
    return Reply(tibber(today, [s for s in slots if s not in today]))


def _plain(speak: Callable[[Sequence[Slot]], bytes]) -> Callable[[Asked, Sequence[Slot]], Reply]:
    return lambda asked, slots: Reply(speak(slots))


_CHARTS: Callable[[Web], Source] = lambda web: EnergyCharts("DE-LU", 500.0, web)  # noqa: E731
_DANISH: Callable[[Web], Source] = lambda web: EnergiData("DK1", "DKK", 5000.0, web)  # noqa: E731
SPEAKERS = [
    Speaker("awattar", _plain(awattar), lambda web: Awattar("de", 500.0, web), 3600, _spot),
    Speaker("energy_charts", _plain(energy_charts), _CHARTS, 900, _spot),
    Speaker("entsoe", _plain(entsoe), lambda web: Entsoe(EIC, "EUR", 500.0, web), 900, _spot),
    Speaker("nord_pool", _by_day, lambda web: NordPool("GER", "EUR", 500.0, web), 900, _spot),
    Speaker("energi_data", _plain(energi_data), _DANISH, 900, _spot),
    Speaker("tibber", _in_two_lists, lambda web: Tibber(None, "EUR", 500.0, web), 900, _both),
    Speaker(
        "octopus",
        _plain(octopus),
        lambda web: Octopus("AGILE-24-10-01", "C", None, 500.0, web),
        1800,
        _all_in,
        ZoneInfo("Europe/London"),
    ),
    Speaker(
        "stromligning",
        _plain(stromligning),
        lambda web: Stromligning("DK1", "x_c", "spot", 5000.0, web),
        900,
        _all_in,
    ),
]
