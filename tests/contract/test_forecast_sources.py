"""Each source of sunshine against a real HTTP server on loopback: its recorded shape, its known faults."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import (
    ForecastBusy,
    ForecastError,
    ForecastImplausible,
    ForecastRefused,
    ForecastUnreachable,
)
from controller.fetch import Answer as HttpAnswer
from controller.forecast import forecast_solar, open_meteo, solcast
from controller.forecast.answers import Answer, SunStep, checked, merged, quarters
from controller.forecast.forecast_solar import ForecastSolar
from controller.forecast.open_meteo import OpenMeteo
from controller.forecast.solcast import Solcast
from controller.forecast.sources import memory_name, open_source, place_of
from controller.forecast.sun import Place, Plane
from controller.forecast.wire import Source, document
from controller.settings.forecast import ForecastSettings
from tests.weather import Reply, WeatherServer, as_json

MUNICH = Place(48.14, 11.58)
NOW_S = datetime(2026, 6, 21, 4, 0, tzinfo=UTC).timestamp()
DAY_S = 86_400
KEY = "canary-solcast-77aa"


@pytest.fixture
async def server() -> AsyncIterator[WeatherServer]:
    async with WeatherServer() as started:
        yield started


# -- shapes ---------------------------------------------------------------------------------------


def open_meteo_body(name: str = "shortwave_radiation", **columns: list[float | None]) -> dict[str, Any]:
    """Two days of quarter-hours; stamps are the end of each, as Open-Meteo documents for radiation."""
    stamps = [int(NOW_S) + 900 * (n + 1) for n in range(192)]
    values = [float(n % 96) * 8 for n in range(192)]
    return {
        "latitude": 48.14,
        "longitude": 11.58,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "minutely_15_units": {"time": "unixtime", name: "W/m²"},
        "minutely_15": {"time": stamps, name: values, **columns},
    }


def ensemble_body() -> dict[str, Any]:
    stamps = [int(NOW_S) + 3600 * (n + 1) for n in range(48)]
    members = {f"shortwave_radiation_member{n:02}": [400.0 + 10 * n] * 48 for n in range(1, 11)}
    hourly = {"time": stamps, "shortwave_radiation": [400.0] * 48, **members}
    return {"hourly_units": {"time": "unixtime", "shortwave_radiation": "W/m²"}, "hourly": hourly}


def forecast_solar_body(*, utc: bool = True) -> dict[str, Any]:
    """Two days by the hour, sunrise first, as the public service answers."""
    periods: dict[str, float] = {}
    for day in ("2026-06-21", "2026-06-22"):
        rise, fall = f"{day} 03:14:10", f"{day} 19:17:00"
        periods[rise] = 0
        for hour in range(4, 20):
            periods[f"{day} {hour:02}:00:00"] = 100 * (hour - 3)
        periods[fall] = 20
    if utc:
        periods = {f"{stamp.replace(' ', 'T')}+00:00": wh for stamp, wh in periods.items()}
    return {
        "result": {"watts": {}, "watt_hours_period": periods, "watt_hours": {}, "watt_hours_day": {}},
        "message": {
            "code": 0,
            "type": "success",
            "text": "",
            "info": {"latitude": 48.14, "longitude": 11.58, "timezone": "Europe/Berlin"},
            "ratelimit": {"zone": "IP 192.0.2.1", "period": 3600, "limit": 12, "remaining": 10},
        },
    }


def solcast_body() -> dict[str, Any]:
    rows = []
    for n in range(96):
        end = datetime.fromtimestamp(NOW_S + 1800 * (n + 1), UTC)
        row = {"pv_estimate": 2.5, "pv_estimate10": 1.0, "pv_estimate90": 3.5, "period": "PT30M"}
        rows.append({**row, "period_end": f"{end:%Y-%m-%dT%H:%M:%S}.0000000Z"})
    return {"forecasts": rows}


def sources(url: str, timeout_s: float = 2.0) -> list[Source]:
    planes = [Plane(30, -90, 4.0), Plane(30, 90, 4.0)]
    return [
        OpenMeteo(MUNICH, base_url=url, timeout_s=timeout_s),
        ForecastSolar(MUNICH, planes, base_url=url, timeout_s=timeout_s),
        Solcast("ab12-cd34", lambda: KEY, base_url=url, timeout_s=timeout_s),
    ]


NAMES = ["open_meteo", "forecast_solar", "solcast"]
BODIES = [open_meteo_body, forecast_solar_body, solcast_body]
PATHS = ["/v1/forecast", "/estimate/", "/rooftop_sites/"]


# -- what they say --------------------------------------------------------------------------------


async def test_open_meteo_tells_the_quarter_before_its_stamp_and_the_ensemble_its_spread(
    server: WeatherServer,
) -> None:
    """The value stamped 04:15 is that from 04:00 on; percentiles are those of the members over their mean."""
    server.replies = {"/v1/forecast": as_json(open_meteo_body()), "/v1/ensemble": as_json(ensemble_body())}
    source = OpenMeteo(MUNICH, base_url=server.url)
    answer = await source.fetch(NOW_S, 31)
    await source.close()
    assert (answer.kind, answer.source, answer.fetched_s) == ("ghi", "open_meteo", NOW_S)
    first, second = answer.steps[0], answer.steps[1]
    assert (first.begin_s, first.end_s, first.value) == (NOW_S, NOW_S + 900, 0.0)
    assert second.value == 8.0
    # eleven members 400, 410 ... 500: mean 450, the tenth percentile 410, the ninetieth 490
    assert second.low == pytest.approx(8 * 410 / 450)
    assert second.high == pytest.approx(8 * 490 / 450)
    asked = server.asked[0]
    assert (asked.query["latitude"], asked.query["longitude"]) == ("48.14", "11.58")
    assert (asked.query["timeformat"], asked.query["past_days"]) == ("unixtime", "31")


async def test_open_meteo_with_roofs_tells_their_power(server: WeatherServer) -> None:
    """kWp times light, less the heat: at 1000 W/m2 and 20 degrees a module is at 50 and gives 90 percent."""
    count = 192
    body = open_meteo_body("global_tilted_irradiance", temperature_2m=[20.0] * count)
    body["minutely_15"]["global_tilted_irradiance"] = [1000.0] * count
    server.replies = {"/v1/forecast": as_json(body)}
    source = OpenMeteo(MUNICH, [Plane(30, -90, 4.0), Plane(25, 90, 2.0)], base_url=server.url)
    answer = await source.fetch(NOW_S, 2)
    await source.close()
    assert answer.kind == "power"
    assert answer.steps[10].value == pytest.approx(6000 * 0.9)
    assert answer.steps[10].low is None  # the ensemble had no answer, the rest counts
    roofs = [asked.query for asked in server.asked if asked.path == "/v1/forecast"]
    assert [(roof["tilt"], roof["azimuth"]) for roof in roofs] == [("30", "-90"), ("25", "90")]


async def test_nulls_of_open_meteo_are_absent_and_not_zero(server: WeatherServer) -> None:
    """The last hours of a model run are often null."""
    body = open_meteo_body()
    body["minutely_15"]["shortwave_radiation"][5] = None
    body["minutely_15"]["shortwave_radiation"][100:] = [None] * 92
    server.replies = {"/v1/forecast": as_json(body)}
    answer = await OpenMeteo(MUNICH, base_url=server.url).fetch(NOW_S, 2)
    found = quarters(answer, MUNICH)
    assert len(answer.steps) == 99
    assert int(NOW_S) + 5 * 900 not in found
    assert max(found) == int(NOW_S) + 99 * 900


@pytest.mark.parametrize("utc", [True, False], ids=["utc", "local"])
async def test_forecast_solar_tells_the_energy_before_its_stamp(server: WeatherServer, utc: bool) -> None:
    """200 Wh stamped 05:00 are 200 W from 04:00 to 05:00; two roofs are two requests and one sum.

    Stamps without an offset are local time of the zone in the answer: the same two hours earlier in UTC.
    """
    server.replies = {"/estimate/": as_json(forecast_solar_body(utc=utc))}
    source = ForecastSolar(MUNICH, [Plane(30, -90, 4.0), Plane(35.4, 90, 2.5)], base_url=server.url)
    answer = await source.fetch(NOW_S, 2)
    await source.close()
    shift_s = 0 if utc else -7200
    hour_s = datetime(2026, 6, 21, 11, tzinfo=UTC).timestamp() + shift_s
    inside = [step for step in answer.steps if hour_s <= step.begin_s < hour_s + 3600]
    assert len(inside) == 4
    assert sum(step.value for step in inside) / 4 == pytest.approx(2 * 900)  # 12:00 says 900 Wh
    night = [step for step in answer.steps if 21 <= datetime.fromtimestamp(step.begin_s, UTC).hour < 24]
    assert night
    assert all(step.value == 0 for step in night)
    assert [asked.path for asked in server.asked] == [
        "/estimate/48.14/11.58/30/-90/4",
        "/estimate/48.14/11.58/35/90/2.5",
    ]
    assert all(asked.query == {"time": "utc"} for asked in server.asked)


async def test_hours_are_cut_by_the_course_of_the_sun_and_keep_their_energy(server: WeatherServer) -> None:
    """Within the first hours of the day the later quarters get more; the sum of the day stays."""
    server.replies = {"/estimate/": as_json(forecast_solar_body())}
    answer = await ForecastSolar(MUNICH, [Plane(30, 0, 8.0)], base_url=server.url).fetch(NOW_S, 2)
    early_s = datetime(2026, 6, 21, 5, tzinfo=UTC).timestamp()
    early = [step.value for step in answer.steps if early_s <= step.begin_s < early_s + 3600]
    assert all(a < b for a, b in pairwise(early))
    day = [s for s in answer.steps if datetime.fromtimestamp(s.begin_s, UTC).day == 21]
    told_wh = sum(100 * (hour - 3) for hour in range(4, 20)) + 20
    assert sum(step.value for step in day) / 4 == pytest.approx(told_wh, rel=0.01)


async def test_solcast_stamps_the_end_and_keeps_its_token_in_the_header(server: WeatherServer) -> None:
    """The half-hour that ends at 04:30 is that from 04:00; kW become W; the URL has no token."""
    server.replies = {"/rooftop_sites/ab12-cd34/forecasts": as_json(solcast_body())}
    source = Solcast("ab12-cd34", lambda: KEY, base_url=server.url)
    answer = await source.fetch(NOW_S, 2)
    await source.close()
    first = answer.steps[0]
    assert (first.begin_s, first.end_s) == (NOW_S, NOW_S + 1800)
    assert (first.value, first.low, first.high) == (2500.0, 1000.0, 3500.0)
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in asked.path + str(asked.query)


# -- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(3), ids=NAMES)
@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (Reply(b"<html>Bad gateway</html>", 502), ForecastUnreachable),
        (Reply(b"<html>Welcome to the hotel</html>"), ForecastImplausible),
        (Reply(b""), ForecastImplausible),
        (Reply(b"[]"), ForecastImplausible),
        (Reply(b"null"), ForecastImplausible),
        (Reply(b"{}"), ForecastImplausible),
        (Reply(b'{"result":{"watt_hours_period":[]},"forecasts":[],"minutely_15":[]}'), ForecastImplausible),
        (Reply(b"\xff\xfe\x00"), ForecastImplausible),
        (Reply(b"[" * 5000), ForecastImplausible),
        (Reply(b"x", 401), ForecastRefused),
        (Reply(b"x", 404), ForecastRefused),
        (Reply(b"", 301, {"Location": "http://192.0.2.1/"}), ForecastUnreachable),
        (Reply(b"x", 429), ForecastBusy),
        (Reply(b"{" + b" " * 3_000_000 + b"}"), ForecastUnreachable),
        (Reply(b'{"forecasts": 1234567890}', cut=True), ForecastUnreachable),
    ],
    ids=[
        "502",
        "html",
        "empty",
        "list",
        "null",
        "no keys",
        "empty tables",
        "no utf-8",
        "deep",
        "401",
        "404",
        "redirect",
        "429",
        "huge",
        "cut",
    ],
)
async def test_every_fault_has_its_error(
    server: WeatherServer, which: int, reply: Reply, failure: type[ForecastError]
) -> None:
    """Whatever comes, the only errors are ours, and none names the address or the token."""
    server.replies = {PATHS[which]: reply}
    source = sources(server.url)[which]
    with pytest.raises(failure) as caught:
        await source.fetch(NOW_S, 2)
    await source.close()
    assert server.url not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("which", range(3), ids=NAMES)
@pytest.mark.parametrize("kind", ["slow", "drip", "gone"])
async def test_a_silent_service_is_left_in_time(server: WeatherServer, which: int, kind: str) -> None:
    """No answer, one byte at a time, no server: each ends by the deadline of the whole request."""
    reply = as_json(BODIES[which]())
    reply.wait_s, reply.drip_s = (30.0, 0.0) if kind == "slow" else (0.0, 0.2)
    server.replies = {PATHS[which]: reply}
    url = "http://127.0.0.1:1" if kind == "gone" else server.url
    source = sources(url, timeout_s=0.3)[which]
    with pytest.raises(ForecastUnreachable):
        await asyncio.wait_for(source.fetch(NOW_S, 2), 20)
    await source.close()


@pytest.mark.parametrize(
    ("headers", "body", "wait_s"),
    [
        ({"X-Ratelimit-Retry-At": "2026-06-21T06:30:00+02:00"}, b"", 1800.0),
        ({"X-Ratelimit-Retry-At": "2026-06-21T04:30:00"}, b"", 1800.0),
        ({"Retry-After": "120"}, b"", 120.0),
        ({}, b'{"message":{"code":429,"ratelimit":{"retry-at":"2026-06-21T06:30:00+02:00"}}}', 1800.0),
        ({"X-Ratelimit-Retry-At": "2031-01-01T00:00:00+00:00"}, b"", DAY_S),
        ({"X-Ratelimit-Retry-At": "2001-01-01T00:00:00+00:00"}, b"", 0.0),
        ({"Retry-After": "soon"}, b"", None),
        ({}, b"busy", None),
    ],
)
async def test_429_says_when_to_come_back(
    server: WeatherServer, headers: dict[str, str], body: bytes, wait_s: float | None
) -> None:
    """In a header or the body, as a time or in seconds, a day at most; what cannot be read is unknown."""
    server.replies = {"/estimate/": Reply(body, 429, headers)}
    source = ForecastSolar(MUNICH, [Plane(30, 0, 8.0)], base_url=server.url)
    with pytest.raises(ForecastBusy) as caught:
        await source.fetch(NOW_S, 2)
    await source.close()
    expected = None if wait_s is None else NOW_S + wait_s
    assert caught.value.retry_at_s == (None if expected is None else pytest.approx(expected))


async def test_a_refusal_says_why_in_plain_letters(server: WeatherServer) -> None:
    """The source's own words are shown, short and without anything a terminal would act on."""
    said = {"error": True, "reason": "Latitude must be in range of -90 to 90\x1b[31m" + "!" * 500}
    server.replies = {"/v1/forecast": as_json(said, 400)}
    with pytest.raises(ForecastRefused) as caught:
        await OpenMeteo(MUNICH, base_url=server.url).fetch(NOW_S, 2)
    assert "Latitude must be in range of -90 to 90" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 220


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b["minutely_15_units"].update(shortwave_radiation="MJ/m²"), "MJ/m"),
        (lambda b: b["minutely_15"]["shortwave_radiation"].__setitem__(40, 5000.0), "5000"),
        (lambda b: b["minutely_15"]["shortwave_radiation"].__setitem__(40, "dark"), "dark"),
        (lambda b: b["minutely_15"]["shortwave_radiation"].__setitem__(40, True), "True"),
        (lambda b: b["minutely_15"]["shortwave_radiation"].pop(), "each time"),
        (lambda b: b["minutely_15"]["time"].__setitem__(3, None), "time"),
        (lambda b: b["minutely_15"]["time"].__setitem__(3, b["minutely_15"]["time"][2]), "overlap"),
        (lambda b: b.pop("minutely_15"), "minutely_15"),
        (lambda b: b["minutely_15"].update(shortwave_radiation=[None] * 192), "no forecast"),
    ],
)
async def test_open_meteo_with_absurd_values_is_refused_whole(
    server: WeatherServer, change: Any, said: str
) -> None:
    """Another unit, a value no sun has, text, a column that is too short, times twice or missing."""
    body = open_meteo_body()
    change(body)
    server.replies = {"/v1/forecast": as_json(body)}
    with pytest.raises(ForecastImplausible, match=said):
        await OpenMeteo(MUNICH, base_url=server.url).fetch(NOW_S, 2)


@pytest.mark.parametrize(
    ("parse", "body", "said"),
    [
        (forecast_solar.steps_of, {"result": {"watt_hours_period": {"2026-06-21 05:00:00": 1}}}, "offset"),
        (forecast_solar.steps_of, {"result": {"watt_hours_period": {"yesterday": 1}}}, "yesterday"),
        (forecast_solar.steps_of, {"result": {}}, "watt_hours_period"),
        (solcast.steps_of, {"forecasts": [{"pv_estimate": 1, "period_end": "x", "period": "PT30M"}]}, "'x'"),
        (
            solcast.steps_of,
            {"forecasts": [{"pv_estimate": 1, "period_end": "2026-06-21T05:00:00Z", "period": "P1D"}]},
            "P1D",
        ),
        (solcast.steps_of, {"forecasts": [{"pv_estimate": 1, "period": "PT30M"}]}, "period_end"),
        (solcast.steps_of, {"forecasts": [7]}, "object"),
        (open_meteo.ratios_of, {"hourly": {"time": [], "shortwave_radiation": []}}, "members"),
    ],
)
def test_parsers_say_what_is_wrong(parse: Any, body: dict[str, Any], said: str) -> None:
    """Each names what it found or missed."""
    with pytest.raises(ForecastImplausible, match=said):
        parse(body)


KEYS = [
    *("minutely_15", "time", "shortwave_radiation", "result", "watt_hours_period", "forecasts", "hourly"),
    *("pv_estimate", "period_end", "period", "message", "info", "timezone"),
    *("2026-06-21T05:00:00", "2026-06-21T05:00:00+00:00"),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)


@given(anything, st.sampled_from([200, 400, 429, 503]))
def test_any_json_gives_steps_or_our_error(found: Any, status: int) -> None:
    """Whatever a service sends as JSON, nothing but ForecastError comes out."""
    body = json.dumps(found).encode()
    for parse in (
        lambda d: checked("ghi", open_meteo.steps_of(d, "shortwave_radiation")),
        lambda d: checked("power", open_meteo.powers_of(d, 5.0)),
        open_meteo.ratios_of,
        lambda d: checked("power", forecast_solar.steps_of(d)),
        lambda d: checked("power", solcast.steps_of(d)),
    ):
        try:
            parse(document(HttpAnswer(status, {}, body), NOW_S))
        except ForecastError:
            continue


# -- what is kept ---------------------------------------------------------------------------------


def test_a_new_answer_keeps_what_the_old_one_knew_of_the_past() -> None:
    """Services forget the morning; it is needed to learn from. Older than three days is dropped."""
    old_steps = tuple(SunStep(NOW_S + 900 * n, NOW_S + 900 * (n + 1), float(n)) for n in range(-400, 100))
    new_steps = tuple(SunStep(NOW_S + 900 * n, NOW_S + 900 * (n + 1), 7.0) for n in range(50, 90))
    old = Answer("x", "power", NOW_S, old_steps)
    kept = merged(old, Answer("x", "power", NOW_S + 45_000, new_steps))
    values = {step.begin_s: step.value for step in kept.steps}
    assert values[NOW_S + 900 * 49] == 49.0
    assert values[NOW_S + 900 * 50] == 7.0
    assert NOW_S + 900 * 95 not in values  # the end of the old answer is older news than none
    assert min(values) >= NOW_S + 45_000 - 3 * DAY_S
    assert merged(Answer("y", "power", NOW_S, old_steps), kept) is kept


def settings_for(**more: Any) -> ForecastSettings:
    return ForecastSettings(latitude_deg=48.137154, longitude_deg=11.576124, **more)


def test_the_config_chooses_the_source(tmp_path: Path) -> None:
    """Each name opens its source; without a place or with none, nothing is ever asked."""
    plane = {"tilt_deg": 30.0, "azimuth_deg": 0.0, "peak_kw": 8.0}
    assert open_source(ForecastSettings()) is None
    assert open_source(settings_for(source="none")) is None
    assert isinstance(open_source(settings_for()), OpenMeteo)
    assert isinstance(open_source(settings_for(source="forecast_solar", planes=[plane])), ForecastSolar)
    token = tmp_path / "key"
    token.write_text(KEY)
    token.chmod(0o600)
    site = settings_for(source="solcast", site_id="ab12-cd34", token_file=str(token))
    assert isinstance(open_source(site), Solcast)
    assert place_of(settings_for()) == Place(48.14, 11.58)  # no more than a kilometre is told
    assert memory_name(settings_for()) != memory_name(settings_for(planes=[plane]))


async def test_no_address_and_no_token_reach_the_log(
    server: WeatherServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Even at DEBUG, where the HTTP library is talkative."""
    caplog.set_level(logging.DEBUG)
    server.replies = {"/rooftop_sites/": Reply(b"no", 403)}
    with pytest.raises(ForecastRefused):
        await Solcast("ab12-cd34", lambda: KEY, base_url=server.url).fetch(NOW_S, 2)
    assert KEY not in caplog.text
    assert "rooftop_sites" not in caplog.text
