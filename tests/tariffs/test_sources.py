"""Every source of prices against a real HTTP server that speaks its shape, on good days and bad ones."""

import contextlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import (
    TariffBusy,
    TariffError,
    TariffImplausible,
    TariffRefused,
    TariffUnreachable,
)
from controller.tariffs import (
    awattar,
    energi_data,
    energy_charts,
    entsoe,
    nord_pool,
    octopus,
    stromligning,
    tibber,
)
from controller.tariffs.quotes import Quote
from controller.tariffs.web import Haul, Web
from tests.tariffs import speakers
from tests.tariffs.server import Asked, PriceServer, Reply
from tests.tariffs.speakers import SPEAKERS, TOKEN, Slot, Speaker, day_slots

every_source = pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda s: s.name)
FIXTURES = Path(__file__).parents[1] / "fixtures" / "tariffs"


async def fetched(
    speaker: Speaker, answer: Callable[[Asked], Reply], slots: Sequence[Slot], timeout_s: float = 5.0
) -> tuple[Haul, list[Asked]]:
    """Return what the client of a service makes of an answer, asked during the first slot."""
    async with PriceServer(answer) as server:
        client = speaker.client(Web(server.url, timeout_s=timeout_s, token=lambda: TOKEN))
        try:
            return await client.fetch(slots[0].begin_s, slots[0].begin_s + 60.0), server.asked
        finally:
            await client.close()


async def failing(speaker: Speaker, reply: Reply, timeout_s: float = 5.0) -> TariffError:
    """Return the error an answer leads to; nothing but ours may come."""
    with pytest.raises(TariffError) as caught:
        await fetched(speaker, lambda asked: reply, day_slots("2026-01-14"), timeout_s)
    assert TOKEN not in str(caught.value)
    return caught.value


def close_to(quotes: Sequence[Quote], expected: Sequence[Quote]) -> None:
    """Assert that both say the same, prices to a millionth."""
    assert [(q.begin_s, q.end_s) for q in quotes] == [(q.begin_s, q.end_s) for q in expected]
    for found, wanted in zip(quotes, expected, strict=True):
        assert [v is None for v in found.values()] == [v is None for v in wanted.values()]
        assert [v for v in found.values() if v is not None] == pytest.approx(
            [v for v in wanted.values() if v is not None], abs=1e-6
        )


@every_source
@pytest.mark.parametrize(
    ("day", "quarters"), [("2026-01-14", 96), ("2026-03-29", 92), ("2025-10-26", 100)], ids=lambda v: str(v)
)
async def test_a_day_is_as_long_as_it_is(speaker: Speaker, day: str, quarters: int) -> None:
    """A usual day, the day of 23 and the day of 25 hours: each instant has its price, none twice."""
    slots = day_slots(day, speaker.step_s, speaker.zone)
    assert len(slots) * speaker.step_s == quarters * 900
    haul, _ = await fetched(speaker, lambda asked: speaker.speak(asked, slots), slots)
    close_to(haul.quotes, speaker.expected(slots))


@every_source
async def test_tomorrow_joins_today(speaker: Speaker) -> None:
    """Two days, over the change of the clocks, follow each other without a seam."""
    slots = [s for day in ("2026-03-28", "2026-03-29") for s in day_slots(day, speaker.step_s, speaker.zone)]
    haul, _ = await fetched(speaker, lambda asked: speaker.speak(asked, slots), slots)
    close_to(haul.quotes, speaker.expected(slots))


@every_source
async def test_what_is_not_published_is_absent(speaker: Speaker) -> None:
    """Null prices are gaps, not zeros; their neighbours keep their length."""
    slots = day_slots("2026-01-14", speaker.step_s, speaker.zone)
    holes = [replace(s, ct=None) if i in (5, 6, len(slots) - 1) else s for i, s in enumerate(slots)]
    if speaker.name == "entsoe":  # has no null: a position left out repeats the price before it
        return
    haul, _ = await fetched(speaker, lambda asked: speaker.speak(asked, holes), slots)
    close_to(haul.quotes, speaker.expected(holes))


@every_source
async def test_nothing_published_yet_is_no_error(speaker: Speaker) -> None:
    """An empty list, an empty tomorrow or 204 is an answer without prices."""
    slots = day_slots("2026-01-14", speaker.step_s, speaker.zone)
    if speaker.name == "entsoe":
        reply = Reply(speakers.acknowledgement("999", "No matching data found for Data item"))
        haul, _ = await fetched(speaker, lambda asked: reply, slots)
    else:
        haul, _ = await fetched(speaker, lambda asked: speaker.speak(asked, []), slots)
    assert haul.quotes == ()


@every_source
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(b"slow down", 429), TariffBusy),
        (Reply(b"", 500), TariffUnreachable),
        (Reply(b"<html>Bad gateway</html>", 502), TariffUnreachable),
        (Reply(b"", 503, {"Retry-After": "120"}), TariffBusy),
        (Reply(f"bad token {TOKEN}".encode(), 401), TariffRefused),
        (Reply(b"", 403), TariffRefused),
        (Reply(b"no such path", 404), TariffRefused),
        (Reply(b"", 302, {"Location": "http://127.0.0.1:9/"}), TariffRefused),
        (Reply(b"<!doctype html><html><body>Maintenance</body></html>"), TariffImplausible),
        (Reply(b"{"), TariffImplausible),
        (Reply(b"[]"), TariffImplausible),
        (Reply(b"\xff\xfe\x00garbage"), TariffImplausible),
        (Reply(b"{" + b"[" * 100_000), TariffImplausible),
        (Reply(b'{"data":', cut=500), TariffUnreachable),
        (Reply(b" " * 1_100_000), TariffUnreachable),
    ],
    ids=[
        "429",
        "500",
        "502",
        "503-wait",
        "401",
        "403",
        "404",
        "redirect",
        "html",
        "half-json",
        "wrong-shape",
        "bytes",
        "deep",
        "truncated",
        "large",
    ],
)
async def test_every_fault_is_one_of_our_errors(
    speaker: Speaker, reply: Reply, kind: type[TariffError]
) -> None:
    """Whatever comes, the error is of the kind that says what to do, and never holds the token."""
    assert isinstance(await failing(speaker, reply), kind)


@every_source
async def test_a_server_that_does_not_answer_is_given_up(speaker: Speaker) -> None:
    """A silent server costs the configured wait and no more."""
    error = await failing(speaker, Reply(delay_s=30.0), timeout_s=0.2)
    assert isinstance(error, TariffUnreachable)
    assert "0.2 s" in str(error)


@every_source
async def test_nobody_there_is_an_error_of_ours(speaker: Speaker) -> None:
    """A port nobody listens on."""
    async with PriceServer(lambda asked: Reply()) as server:
        url = server.url
    client = speaker.client(Web(url, timeout_s=2.0, token=lambda: TOKEN))
    with pytest.raises(TariffUnreachable):
        await client.fetch(1.7e9, 1.7e9)
    await client.close()


@every_source
async def test_absurd_prices_are_not_believed(speaker: Speaker) -> None:
    """One price a thousand times too high, and nothing of the answer is taken."""
    slots = day_slots("2026-01-14", speaker.step_s, speaker.zone)
    wrong = [replace(s, ct=51_000.0) if i == 9 else s for i, s in enumerate(slots)]
    with pytest.raises(TariffImplausible, match="at most"):
        await fetched(speaker, lambda asked: speaker.speak(asked, wrong), slots)


@every_source
async def test_times_of_another_unit_are_not_believed(speaker: Speaker) -> None:
    """Times decades away (seconds for milliseconds, or the other way) are refused."""
    slots = day_slots("2026-01-14", speaker.step_s, speaker.zone)
    now_s = slots[0].begin_s + 3 * 365 * 86_400.0
    answered: Callable[[Asked], Reply] = lambda asked: speaker.speak(asked, slots)  # noqa: E731
    if speaker.name == "nord_pool":  # which is asked by the date
        answered = lambda asked: Reply(speakers.nord_pool(slots))  # noqa: E731
    async with PriceServer(answered) as server:
        client = speaker.client(Web(server.url, timeout_s=5.0, token=lambda: TOKEN))
        if speaker.name == "octopus":  # cuts what it gets to the span that was asked for
            assert (await client.fetch(now_s, now_s)).quotes == ()
        else:
            with pytest.raises(TariffImplausible):
                await client.fetch(now_s, now_s)
        await client.close()


@pytest.mark.parametrize("name", ["awattar", "nord_pool", "octopus", "entsoe"])
async def test_overlaps_are_refused(name: str) -> None:
    """Two prices for the same time: neither is believed."""
    speaker = next(s for s in SPEAKERS if s.name == name)
    slots = day_slots("2026-01-14", speaker.step_s, speaker.zone)
    half = speaker.step_s // 2
    doubled = [*slots, Slot(slots[3].begin_s + half, slots[3].end_s + half, 5.0)]
    if name == "entsoe":
        body = speakers.publication([speakers.series(slots, 1)]).replace(
            b"<position>4</position>", b"<position>3</position>"
        )
        reply = Reply(body)
    elif name == "nord_pool":
        reply = Reply(speakers.nord_pool(doubled))
    else:
        reply = speaker.speak(Asked("GET", "/", {}, {}, b""), doubled)
    with pytest.raises(TariffImplausible):
        await fetched(speaker, lambda asked: reply, slots)


async def test_an_end_a_second_early_is_put_right() -> None:
    """12:59:59 means 13:00: no gap of a second, in which there would be no price."""
    speaker = SPEAKERS[0]
    slots = day_slots("2026-01-14", 3600)
    early = [replace(s, end_s=s.end_s - 1) for s in slots]
    haul, _ = await fetched(speaker, lambda asked: speaker.speak(asked, early), slots)
    close_to(haul.quotes, speaker.expected(slots))


async def test_hours_and_quarters_may_follow_each_other() -> None:
    """The night of the change to quarters: each stretch keeps its own length."""
    hours, quarters = day_slots("2025-09-30", 3600), day_slots("2025-10-01", 900)
    slots = [*hours, *quarters]
    haul, _ = await fetched(SPEAKERS[1], lambda asked: Reply(speakers.energy_charts(slots)), slots)
    close_to(haul.quotes, SPEAKERS[1].expected(slots))


async def test_a_missing_quarter_is_a_gap_not_a_longer_quarter() -> None:
    """Where a start is missing the one before it does not stretch over the hole."""
    slots = day_slots("2026-01-14")
    missing = [s for i, s in enumerate(slots) if i not in (8, 9)]
    haul, _ = await fetched(SPEAKERS[1], lambda asked: Reply(speakers.energy_charts(missing)), slots)
    close_to(haul.quotes, SPEAKERS[1].expected(missing))


# -- what only one of them does ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "parse"),
    [
        (speakers.awattar(day_slots("2026-01-14", 3600)).replace(b"Eur/MWh", b"Eur/kWh"), "awattar"),
        (speakers.energy_charts(day_slots("2026-01-14"), "EUR / kWh"), "energy_charts"),
        (speakers.entsoe(day_slots("2026-01-14"), currency="PLN"), "entsoe"),
        (speakers.nord_pool(day_slots("2026-01-14"), currency="NOK"), "nord_pool"),
        (speakers.tibber(day_slots("2026-01-14"), [], "SEK"), "tibber"),
        (speakers.stromligning(day_slots("2026-01-14"), unit="øre/kWh"), "stromligning"),
        (speakers.energi_data(day_slots("2026-01-14"), "DK2"), "energi_data"),
        (speakers.nord_pool(day_slots("2026-01-14"), "FR"), "nord_pool"),
        (speakers.stromligning(day_slots("2026-01-14"), "DK2"), "stromligning"),
    ],
)
async def test_another_unit_or_place_is_refused(body: bytes, parse: str) -> None:
    """Prices per kWh for MWh, of another currency or of another zone are not taken for ours."""
    speaker = next(s for s in SPEAKERS if s.name == parse)
    with pytest.raises(TariffImplausible):
        await fetched(speaker, lambda asked: Reply(body), day_slots("2026-01-14"))


def http_date(after_s: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=after_s), usegmt=True)


def iso_date(after_s: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=after_s)).isoformat()


@pytest.mark.parametrize(
    ("header", "said", "wait_s"),
    [
        ("Retry-After", lambda: "120", 120.0),
        ("Retry-After", lambda: http_date(300.0), 300.0),
        ("X-Ratelimit-Retry-At", lambda: iso_date(200.0), 200.0),
        ("Retry-After", lambda: http_date(-300.0), 0.0),
        ("Retry-After", lambda: "soon", None),
        ("Other", lambda: "120", None),
    ],
)
async def test_a_pause_is_understood(header: str, said: Callable[[], str], wait_s: float | None) -> None:
    """Seconds, a date, or the header of some services; the past is no pause, nonsense is none either."""
    error = await failing(SPEAKERS[0], Reply(status=429, headers={header: said()}))
    assert isinstance(error, TariffBusy)
    if wait_s is None:
        assert error.retry_after_s is None
    else:
        assert error.retry_after_s is not None
        assert wait_s - 60 < error.retry_after_s <= wait_s


def entsoe_of(*parts: str) -> tuple[Quote, ...]:
    begin_s = day_slots("2026-01-14")[0].begin_s
    return entsoe.parse(speakers.publication(parts), "EUR", 500.0, begin_s)


def test_entsoe_repeats_what_is_left_out() -> None:
    """A position that is left out has the price before it; the day stays whole, the last quarters too."""
    slots = [
        replace(s, ct=7.5) if 10 <= i < 20 or i > 90 else s for i, s in enumerate(day_slots("2026-01-14"))
    ]
    text = speakers.series(slots, 1)
    assert text.count("<Point>") == 83  # 9 and 4 repeats left out
    close_to(entsoe_of(text), SPEAKERS[2].expected(slots))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_entsoe_takes_the_first_auction_wherever_it_stands(order: tuple[int, int]) -> None:
    """Of two auctions for the same day the lower number counts, not the order in the document."""
    first, second = day_slots("2026-01-14"), day_slots("2026-01-14", base_ct=20.0)
    parts = [speakers.series(first, 1), speakers.series(second, 2)]
    close_to(entsoe_of(*(parts[i] for i in order)), SPEAKERS[2].expected(first))


def test_entsoe_takes_quarters_where_the_same_auction_has_hours_too() -> None:
    """Hours and quarters of the same number: the quarters count, and hours only where there are none."""
    quarters, hours = day_slots("2026-01-14")[:48], day_slots("2026-01-14", 3600)
    found = entsoe_of(speakers.series(hours, 1), speakers.series(quarters, 1))
    close_to(found, SPEAKERS[2].expected([*quarters, *hours[12:]]))


def test_entsoe_says_why_it_refuses() -> None:
    """A refusal in a document is passed on; no data is no refusal."""
    with pytest.raises(TariffRefused, match="too many"):
        entsoe.parse(speakers.acknowledgement("100", "too many requests of you"), "EUR", 500.0, 0.0)
    assert entsoe.parse(speakers.acknowledgement("999", "No matching data"), "EUR", 500.0, 0.0) == ()


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x"><a/>',
        b"<a>" * 5000,
        b"<a>" * 40 + b"</a>" * 40,
        b"<Publication_MarketDocument><TimeSeries/></Publication_MarketDocument>",
        b"<x/>",
        b"",
    ],
    ids=["entity", "outside", "open", "deep", "no-unit", "other", "empty"],
)
def test_xml_has_no_traps(body: bytes) -> None:
    """Document types, entities, depth and emptiness are refused, quickly."""
    with pytest.raises(TariffImplausible):
        entsoe.parse(body, "EUR", 500.0, 0.0)


def test_a_document_type_is_refused_whatever_follows() -> None:
    """A price list that is good but for a document type before it is refused as such."""
    good = speakers.entsoe(day_slots("2026-01-14"))
    head, _, rest = good.partition(b"?>")
    now_s = day_slots("2026-01-14")[0].begin_s
    assert entsoe.parse(good, "EUR", 500.0, now_s)
    for kind in (b"<!DOCTYPE Publication_MarketDocument>", b'<!DOCTYPE x [<!ENTITY b "c">]>'):
        with pytest.raises(TariffImplausible, match="document type"):
            entsoe.parse(head + b"?>" + kind + rest, "EUR", 500.0, now_s)


async def test_entsoe_shows_its_token_to_the_platform_only(caplog: pytest.LogCaptureFixture) -> None:
    """It must travel as a query parameter; it is in no log line and no error, even if repeated to us."""
    caplog.set_level(logging.DEBUG)
    slots = day_slots("2026-01-14")
    speaker = next(s for s in SPEAKERS if s.name == "entsoe")
    _, asked = await fetched(speaker, lambda asked: speaker.speak(asked, slots), slots)
    assert asked[0].params["securityToken"] == TOKEN
    assert (asked[0].params["periodStart"], asked[0].params["periodEnd"]) == ("202601132300", "202601152300")
    for status in (200, 400):
        reply = Reply(speakers.acknowledgement("100", f"wrong token {TOKEN}"), status)
        assert "***" in str(await failing(speaker, reply))
    assert "refused (418): key ***" in str(await failing(speaker, Reply(f"key {TOKEN}".encode(), 418)))
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("httpcore")]
    assert not any(TOKEN in line for line in ours)


async def test_tibber_shows_its_token_in_a_header() -> None:
    """The token is in no address and in no body; the question asks for quarters."""
    slots = day_slots("2026-01-14")
    speaker = next(s for s in SPEAKERS if s.name == "tibber")
    _, asked = await fetched(speaker, lambda asked: speaker.speak(asked, slots), slots)
    assert asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert (asked[0].method, asked[0].path, asked[0].params) == ("POST", "/v1-beta/gql", {})
    assert TOKEN.encode() not in asked[0].body
    assert b"QUARTER_HOURLY" in asked[0].body


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([{"message": "invalid token", "extensions": {"code": "UNAUTHENTICATED"}}], TariffRefused),
        ([{"message": "Internal error"}], TariffUnreachable),
        ([{"message": f"odd {TOKEN}"}], TariffUnreachable),
    ],
)
async def test_tibber_errors_come_with_200(errors: list[dict[str, object]], kind: type[TariffError]) -> None:
    """A list of errors is an error, whatever the status and the data beside it."""
    speaker = next(s for s in SPEAKERS if s.name == "tibber")
    body = json.dumps({"errors": errors, "data": None}).encode()
    assert isinstance(await failing(speaker, Reply(body)), kind)


@pytest.mark.parametrize("status", [200, 400])
async def test_tibber_falls_back_to_hours(status: int) -> None:
    """A service that does not know the word for quarters is asked for hours, and then always."""
    speaker = next(s for s in SPEAKERS if s.name == "tibber")
    hours = day_slots("2026-01-14", 3600)
    wrong = json.dumps(
        {"errors": [{"message": 'Unknown argument "resolution" on field "priceInfo"'}]}
    ).encode()

    def answer(asked: Asked) -> Reply:
        return Reply(wrong, status) if b"resolution" in asked.body else Reply(speakers.tibber(hours, []))

    haul, asked = await fetched(speaker, answer, hours)
    close_to(haul.quotes, speaker.expected(hours))
    assert len(asked) == 2


async def test_tibber_without_a_contract_says_what_to_do() -> None:
    """An account without a running contract is for a person to mend."""
    speaker = next(s for s in SPEAKERS if s.name == "tibber")
    error = await failing(speaker, Reply(b'{"data":{"viewer":{"homes":[{"currentSubscription":null}]}}}'))
    assert isinstance(error, TariffRefused)
    assert "home_id" in str(error)


async def test_octopus_pages_are_followed_but_not_to_elsewhere() -> None:
    """Pages are joined; the address of the next one gives its query only, never a host."""
    speaker = next(s for s in SPEAKERS if s.name == "octopus")
    slots = day_slots("2026-01-14", 1800, speaker.zone)

    def answer(asked: Asked) -> Reply:
        if asked.params.get("page") == "2":
            return Reply(speakers.octopus(slots[:20]))
        return Reply(speakers.octopus(slots[20:], "http://127.0.0.1:9/elsewhere?page=2&page_size=1500"))

    haul, asked = await fetched(speaker, answer, slots)
    close_to(haul.quotes, speaker.expected(slots))
    assert len({request.path for request in asked}) == 1
    assert asked[0].path.endswith("/E-1R-AGILE-24-10-01-C/standard-unit-rates/")
    endless = Reply(speakers.octopus(slots, "http://x/?page=2"))
    with pytest.raises(TariffImplausible, match="pages"):
        await fetched(speaker, lambda asked: endless, slots)


def test_octopus_open_ends_and_ways_of_paying() -> None:
    """A rate without an end holds to the end of the span; of two ways of paying the configured one counts."""
    begin_s = day_slots("2026-01-14")[0].begin_s
    span = (float(begin_s), begin_s + 12 * 86_400.0)  # as long as the first visit asks for

    def page(*rates: tuple[float, str, str | None, str | None]) -> bytes:
        rows = [
            {"value_inc_vat": p, "valid_from": a, "valid_to": z, "payment_method": m} for p, a, z, m in rates
        ]
        return json.dumps({"next": None, "results": rows}).encode()

    both = page(
        (30.0, "2025-12-01T00:00:00Z", None, "DIRECT_DEBIT"),
        (33.0, "2025-12-01T00:00:00Z", None, "NON_DIRECT_DEBIT"),
    )
    found = octopus.parse([both], "DIRECT_DEBIT", *span, 500.0, begin_s)
    assert found == (Quote(*span, None, 30.0),)
    with pytest.raises(TariffImplausible, match="payment"):
        octopus.parse([both], None, *span, 500.0, begin_s)


def test_stromligning_forecasts_are_no_prices() -> None:
    """What the service itself calls a forecast is left out."""
    slots = day_slots("2026-01-14")
    answer = json.loads(speakers.stromligning(slots))
    for item in answer["prices"][60:]:
        item["forecast"] = True
    found = stromligning.parse(json.dumps(answer).encode(), "DK1", 5000.0, slots[0].begin_s)
    assert len(found) == 60


def test_co2_is_measured_where_it_is_and_forecast_where_not() -> None:
    """Measured values win; nulls in both are absent; impossible ones refuse the answer."""
    slots = day_slots("2026-01-14")[:4]
    answer = {
        "unix_seconds": [s.begin_s for s in slots],
        "co2eq": [310.5, None, None, None],
        "co2eq_forecast": [300.0, 290.0, None, 280.0],
        "deprecated": False,
    }
    found = energy_charts.parse_co2(json.dumps(answer).encode(), slots[0].begin_s)
    assert [(q.begin_s, q.end_s, q.co2_g_per_kwh) for q in found] == [
        (slots[i].begin_s, slots[i].end_s, gram) for i, gram in ((0, 310.5), (1, 290.0), (3, 280.0))
    ]
    for wrong in ({"co2eq": [9e9, None, None, None]}, {"co2eq": [1.0]}, {"co2eq": [], "co2eq_forecast": []}):
        with pytest.raises(TariffImplausible):
            energy_charts.parse_co2(json.dumps({**answer, **wrong}).encode(), slots[0].begin_s)


PARSERS: dict[str, Callable[[bytes], object]] = {
    "awattar": lambda body: awattar.parse(body, 500.0, 1.77e9),
    "energy_charts": lambda body: energy_charts.parse(body, 500.0, 1.77e9),
    "co2": lambda body: energy_charts.parse_co2(body, 1.77e9),
    "entsoe": lambda body: entsoe.parse(body, "EUR", 500.0, 1.77e9),
    "nord_pool": lambda body: nord_pool.parse(body, "GER", "EUR", 500.0, 1.77e9),
    "energi_data": lambda body: energi_data.parse(body, "DK1", "DKK", 500.0, 1.77e9),
    "tibber": lambda body: tibber.parse(body, "EUR", 500.0, 1.77e9),
    "octopus": lambda body: octopus.parse([body], None, 1.76e9, 1.78e9, 500.0, 1.77e9),
    "stromligning": lambda body: stromligning.parse(body, "DK1", 500.0, 1.77e9),
}
SAMPLES = {path.stem: path.read_bytes() for path in sorted(FIXTURES.iterdir()) if path.suffix != ".md"}


def test_every_source_has_a_sample() -> None:
    """Each sample is read by its parser, from the same midnight on, in slots of the source's length."""
    assert set(SAMPLES) == set(PARSERS)
    found = {name: PARSERS[name](SAMPLES[name]) for name in PARSERS}
    for name, quotes in found.items():
        assert isinstance(quotes, tuple), name
        assert [(q.begin_s, q.end_s) for q in quotes[:1]] == [
            (
                1_770_159_600,
                1_770_159_600 + (3600 if name == "awattar" else 1800 if name == "octopus" else 900),
            )
        ], name


@pytest.mark.parametrize("name", ["awattar", "energy_charts", "co2"])
def test_an_instant_of_four_hundred_digits_is_refused(name: str) -> None:
    """No float holds it; the fuzzer found that dividing it by 1000 was no error of ours."""
    body = re.sub(rb"\b17\d{8,11}\b", b"9" * 400, SAMPLES[name], count=1)
    assert body != SAMPLES[name]
    with pytest.raises(TariffImplausible):
        PARSERS[name](body)


@pytest.mark.parametrize("name", sorted(PARSERS))
@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_answer_raises_nothing_but_ours(name: str, data: st.DataObject) -> None:
    """Bytes cut, doubled or replaced anywhere in a sample: quotes or one of our errors, never another."""
    body = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 12))
        junk = data.draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [b"null", b"NaN", b"1e999", b"-1", b'""', b"[]", b"{}", b"9" * 30, b"\x00", b"&x;"]
                ),
            )
        )
        body[at : at + length] = junk
    with contextlib.suppress(TariffError, tibber._UnknownWord):  # the latter means: ask again for hours
        PARSERS[name](bytes(body))
