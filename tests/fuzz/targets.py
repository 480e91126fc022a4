"""Every parser of what others wrote, with good samples to bend and what may come out.

A target takes one input and returns; it raises only if the parser broke its word: an undocumented exception,
or a value that is not finite or out of range. The ranges stand here, not in the code under test.
"""

import asyncio
import contextlib
import dataclasses
import json
import math
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from controller.chargers.cloud import CloudTransport
from controller.chargers.goe import parse_body, parse_status
from controller.chargers.local import LocalTransport
from controller.cli.backup import copy_ledger
from controller.clock import SystemClock
from controller.credentials import TokenSource
from controller.days.traces import read_days
from controller.errors import ChargerError, ConfigError, ForecastError, LedgerError, MeterError, TariffError
from controller.fetch import Answer as HttpAnswer
from controller.forecast import cache, forecast_solar, open_meteo, solcast
from controller.forecast.answers import checked
from controller.forecast.wire import document
from controller.ledger.intent_store import IntentStore
from controller.ledger.latch_store import LatchStore, waiting
from controller.ledger.ledger import Ledger
from controller.ledger.report import Report
from controller.line.latches import Latch
from controller.load_settings import load_notify, load_settings
from controller.meters.decode import Decoder, Site
from controller.meters.profile import load_profile, profile_names
from controller.meters.sunspec import resolve
from controller.resources import config_dir
from controller.settings import ChargerSettings
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
from controller.tariffs.store import PriceFile
from controller.tariffs.web import pause_s
from tests.contract.test_forecast_sources import (
    ensemble_body,
    forecast_solar_body,
    open_meteo_body,
    solcast_body,
)
from tests.fuzz.bend import any_body, bent, odd
from tests.fuzz.soc_targets import SOC_TARGETS
from tests.tariffs import speakers

NOW_S = 1_781_000_000.0
MOST_CT = 500.0
FIXTURES = Path(__file__).parents[1] / "fixtures"
HEADERS = {"date": "Sun, 21 Jun 2026 08:10:00 GMT", "last-modified": "Sun, 21 Jun 2026 08:09:58 GMT"}


@dataclasses.dataclass(frozen=True)
class Target:
    """One parser: inputs, and what is done with one of them."""

    name: str
    inputs: st.SearchStrategy[Any]
    feed: Callable[[Any], None]


def finite(value: Any) -> None:
    """Fail if any number in a value, however deep, is not finite."""
    if isinstance(value, float):
        assert math.isfinite(value), "a number that is not finite came out"
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            finite(getattr(value, field.name))
    elif isinstance(value, dict):
        finite(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            finite(item)


@contextlib.contextmanager
def a_file(name: str, content: bytes, mode: int = 0o600) -> Any:
    """Yield a file of that content in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="ampilot-fuzz-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        path.chmod(mode)
        yield path


# -- config --------------------------------------------------------------------------------------------------


def _config(body: bytes) -> None:
    with a_file("ampilot.toml", body) as path:
        for load in (load_settings, load_notify):
            try:
                settings = load(path)
            except ConfigError as error:
                assert str(path) in str(error)
                assert len(str(error)) < 20_000
            else:
                finite(settings.model_dump())


def _profile(body: bytes) -> None:
    with a_file("profile.toml", body) as path, contextlib.suppress(ConfigError):
        load_profile(str(path))


def _credential(body: bytes) -> None:
    with a_file("token", body) as path:
        try:
            token = TokenSource(ChargerSettings(serial="1", token_file=str(path)), {})()
        except ConfigError as error:
            shown = body.decode("latin-1").strip()
            assert len(shown) < 4 or shown not in str(error)
        else:
            assert 4 <= len(token) <= 256
            assert token.isascii()
            assert token.isprintable()
            assert " " not in token


# -- meters --------------------------------------------------------------------------------------------------


def _grid_in_range(reading: Any) -> None:
    finite(reading)
    watts = [getattr(reading, name, None) for name in ("grid_import_w", "pv_yield_w", "battery_charge_w")]
    assert all(w is None or abs(w) <= 60_000 for w in watts)
    soc = getattr(reading, "soc_pct", None)
    assert soc is None or 0 <= soc <= 100


WORDS = st.sampled_from((0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FC0, 0x7F80, 0xFF80)) | st.integers(0, 0xFFFF)


@st.composite
def _registers(draw: st.DrawFn, name: str) -> tuple[str, dict[tuple[int, int], int]]:
    data = json.loads((FIXTURES / "meters" / f"{name}.json").read_text("utf-8"))
    words = {(int(f), int(at)): w for f, table in data["registers"].items() for at, w in table.items()}
    if words:
        for place in draw(st.lists(st.sampled_from(sorted(words)), max_size=12)):
            words[place] = draw(WORDS)
    return name, words


def _decoded(given: tuple[str, dict[tuple[int, int], int]]) -> None:
    name, words = given
    profile = load_profile(name)
    if profile.sunspec is not None:
        profile = asyncio.run(resolve(profile, _reader(words)))
    decoder = Decoder(profile, Site())
    for role in profile.roles:
        with contextlib.suppress(MeterError):
            _grid_in_range(getattr(decoder, role)(_Lenient(words), 0.0))


class _Lenient(dict[tuple[int, int], int]):
    """Registers; what was never set reads 0, as a device answers a whole block."""

    def __missing__(self, key: tuple[int, int]) -> int:
        return 0


def _reader(words: dict[tuple[int, int], int]) -> Any:
    async def read(start: int, count: int) -> list[int]:
        return [words.get((3, start + index), 0) for index in range(count)]

    return read


def _meter(given: tuple[str, dict[tuple[int, int], int]]) -> None:
    with contextlib.suppress(MeterError):
        _decoded(given)


# -- charger -------------------------------------------------------------------------------------------------

GOOD_STATUS = {
    "car": 2, "amp": 9, "frc": 2, "psm": 2, "alw": True, "acu": 9, "err": 0, "ama": 16, "cbl": 20, "amt": 32,
    "nrg": [230, 231, 229, 0, 9, 9, 9, 2070, 2079, 2061, 0, 6210, 0, 0, 0, 0], "adi": False, "var": 11,
    "modelStatus": 3, "eto": 123456, "wh": 4200.5, "rbt": 10**9, "rbc": 5, "acs": 0, "trx": None, "lmo": 3,
    "fup": False, "acp": True, "fwv": "60.0", "typ": "go-eCharger_V4", "sse": "000001",
}  # fmt: skip


def _status_in_range(status: Any) -> None:
    finite(status)
    assert status.requested_a is None or 6 <= status.requested_a <= 32
    assert status.offered_a is None or 0 <= status.offered_a <= 32
    assert status.hardware_limit_a is None or 0 <= status.hardware_limit_a <= 32
    assert status.power_w is None or abs(status.power_w) <= 1e6
    for text in (status.firmware, status.model, status.serial):
        assert text is None or (len(text) <= 64 and text.isprintable())


def _charger_body(body: bytes) -> None:
    with contextlib.suppress(ChargerError):
        _status_in_range(parse_status(parse_body(body), data_s=0.0, received_s=0.0))


ANSWERS = st.builds(
    HttpAnswer,
    st.sampled_from((200, 200, 200, 202, 400, 401, 403, 404, 422, 429, 500, 302, 999)),
    st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(
                (HEADERS["date"], HEADERS["last-modified"], "Thu, 01 Jan 1970 00:00:00 GMT")
            )
            | st.sampled_from(("", "0", "-1", "1e999", "nan", "Sun, 99 Foo 99999 99:99:99 +9999"))
            | bent(HEADERS["date"].encode()).map(lambda raw: raw.decode("latin-1"))
            for name in ("date", "last-modified", "retry-after")
        },
    ),
    any_body(json.dumps(GOOD_STATUS).encode()),
)


class _Answering:
    """Stands in for the wire of a transport: the bodies are fuzzed here, the wire itself in tests/faults."""

    def __init__(self, answer: HttpAnswer) -> None:
        self.answer = answer

    async def get(self, path: str, params: object, headers: object) -> HttpAnswer:
        return self.answer


def _transport(answer: HttpAnswer) -> None:
    from controller.model import Force, Settings

    async def ask() -> None:
        clock = SystemClock()
        cloud = CloudTransport("1", lambda: "canary-token", clock=clock)
        local = LocalTransport("1", "192.0.2.1", clock=clock)
        for transport in (cloud, local):
            transport._fetcher = _Answering(answer)  # type: ignore[assignment]
            with contextlib.suppress(ChargerError):
                status = await transport.read()
                _status_in_range(status)
                assert status.data_s <= status.received_s
            outcome = await transport.write(Settings(force=Force.OFF))
            assert len(outcome.detail) < 5000
            assert outcome.detail.isprintable()

    asyncio.run(ask())


# -- prices --------------------------------------------------------------------------------------------------

SLOTS = speakers.day_slots("2026-06-10")
TARIFFS: Sequence[tuple[str, bytes, Callable[[bytes], Any]]] = (
    ("awattar", speakers.awattar(SLOTS[:12]), lambda b: awattar.parse(b, MOST_CT, NOW_S)),
    ("energy_charts", speakers.energy_charts(SLOTS[:12]), lambda b: energy_charts.parse(b, MOST_CT, NOW_S)),
    ("co2", b'{"unix_seconds": [1781000100, 1781001000], "co2eq": [300.5, 290]}',
     lambda b: energy_charts.parse_co2(b, NOW_S)),
    ("entsoe", speakers.entsoe(SLOTS[:12]), lambda b: entsoe.parse(b, "EUR", MOST_CT, NOW_S)),
    ("nord_pool", speakers.nord_pool(SLOTS[:12]), lambda b: nord_pool.parse(b, "GER", "EUR", MOST_CT, NOW_S)),
    ("energi_data", speakers.energi_data(SLOTS[:12]),
     lambda b: energi_data.parse(b, "DK1", "EUR", MOST_CT, NOW_S)),
    ("octopus", speakers.octopus(SLOTS[:12]),
     lambda b: octopus.parse([b], None, SLOTS[0].begin_s, SLOTS[11].end_s, MOST_CT, NOW_S)),
    ("tibber", speakers.tibber(SLOTS[:6], SLOTS[6:12]), lambda b: tibber.parse(b, "EUR", MOST_CT, NOW_S)),
    ("stromligning", speakers.stromligning(SLOTS[:12]),
     lambda b: stromligning.parse(b, "DK1", MOST_CT, NOW_S)),
)  # fmt: skip


def _prices(parse: Callable[[bytes], Any]) -> Callable[[bytes], None]:
    def feed(body: bytes) -> None:
        try:
            quotes = parse(body)
        except TariffError as error:
            assert len(str(error)) < 1000
            return
        except tibber._UnknownWord:  # said within the module, and caught there
            return
        finite(quotes)
        for before, after in pairwise(quotes):
            assert before.end_s <= after.begin_s
        for quote in quotes:
            assert quote.begin_s < quote.end_s
            assert abs(quote.begin_s - NOW_S) < 60 * 86_400
            for ct in (quote.spot_ct_per_kwh, quote.all_in_ct_per_kwh):
                assert ct is None or abs(ct) <= MOST_CT

    return feed


def _price_file(body: bytes) -> None:
    with a_file("prices.json", body) as path:
        finite(PriceFile(path, "a tariff").load())


STORED = {
    "format": 1, "of": "a tariff", "fetched_s": NOW_S, "tried_s": NOW_S, "due_s": NOW_S, "not_before_s": 0.0,
    "failure": "", "notes": {}, "quotes": [[NOW_S, NOW_S + 900, 8.5, None, None]],
}  # fmt: skip


def _pause(text: str) -> None:
    found = pause_s({"retry-after": text, "x-ratelimit-retry-at": text})
    assert found is None or (math.isfinite(found) and found >= 0)


# -- forecast ------------------------------------------------------------------------------------------------

STEPS = len(open_meteo_body()["minutely_15"]["time"])
FORECASTS: Sequence[tuple[str, Any, str, Callable[[Any], Any]]] = (
    ("open_meteo", open_meteo_body(), "ghi", lambda d: open_meteo.steps_of(d, open_meteo.GHI)),
    ("open_meteo_roof",
     open_meteo_body("global_tilted_irradiance", temperature_2m=[20.0] * STEPS),
     "power", lambda d: open_meteo.powers_of(d, 8.0)),
    ("forecast_solar", forecast_solar_body(), "power", forecast_solar.steps_of),
    ("solcast", solcast_body(), "power", solcast.steps_of),
)  # fmt: skip


def _forecast(kind: str, parse: Callable[[Any], Any]) -> Callable[[bytes], None]:
    def feed(body: bytes) -> None:
        with contextlib.suppress(ForecastError):
            steps = checked(kind, parse(document(HttpAnswer(200, {}, body), NOW_S)))  # type: ignore[arg-type]
            finite(steps)
            for step in steps:
                assert step.begin_s < step.end_s
                assert 0 <= step.value <= 1e6

    return feed


def _ensemble(body: bytes) -> None:
    with contextlib.suppress(ForecastError):
        ratios = open_meteo.ratios_of(document(HttpAnswer(200, {}, body), NOW_S))
        finite(ratios)
        assert all(0 <= low <= 1 <= high for low, high in ratios.values())


def _forecast_refusal(answer: HttpAnswer) -> None:
    try:
        document(answer, NOW_S)
    except ForecastError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 300
        finite(getattr(error, "retry_at_s", None))


def _forecast_file(body: bytes) -> None:
    with a_file("forecast.json", body) as path:
        finite(cache.load(path))


KEPT = {"format": 1, "source": "open_meteo", "kind": "ghi", "fetched_s": NOW_S,
        "steps": [[NOW_S, NOW_S + 900, 250.0, None, None]]}  # fmt: skip

# -- files of our own, as others may have left them ----------------------------------------------------------


def _trace(body: bytes) -> None:
    for name in ("day.csv", "day.csv.gz"):
        with a_file(name, body) as path, contextlib.suppress(ConfigError):
            for day in read_days(path):
                finite((day.pv_w, day.load_w))
                assert min(day.pv_w) >= 0
                assert 0 < len(day.pv_w) <= 86_400
                assert len(day.pv_w) == len(day.load_w)


TRACE = "time,pv_w,load_w\n" + "\n".join(
    f"2026-06-10T{hour:02}:{minute:02}:00Z,{hour * 100},{300 + minute}"
    for hour in range(24)
    for minute in (0, 30)
)


def _good_ledger() -> bytes:
    with tempfile.TemporaryDirectory(prefix="ampilot-fuzz-") as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.open(path, SystemClock())
        ledger.record_event("start", "info", "started")
        IntentStore(ledger, SystemClock()).record("6 A x1", {"amp": 6}, safety=False, reason="sun")
        LatchStore(ledger).keep((), (Latch("guard", "the guard refused"),))
        ledger.close()
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("VACUUM")
        return path.read_bytes()


def _ledger_file(body: bytes) -> None:
    with a_file("ledger.db", body) as path:
        with contextlib.suppress(LedgerError):
            waiting(path)
        with contextlib.suppress(LedgerError):
            copy_ledger(path, path.with_name("copy.db"))
        for look in (Report.last_decision, Report.events, Report.cars, Report.last_verdict):
            with contextlib.suppress(LedgerError):
                look(Report(path))
        with contextlib.suppress(LedgerError):
            ledger = Ledger.open(path, SystemClock())
            intents = IntentStore(ledger, SystemClock())
            intents.recent(86_400)
            intents.open()
            ledger.record_event("test", "info", "still writes")
            ledger.close()


def _ledger_row(given: tuple[Any, ...]) -> None:
    """Rows of strange values: the ledger takes or refuses them, and goes on."""
    kind, text, number = given
    with tempfile.TemporaryDirectory(prefix="ampilot-fuzz-") as folder:
        ledger = Ledger.open(Path(folder) / "ledger.db", SystemClock())
        ledger.record_event(kind, "info", text)
        ledger.save_state("charger_counter_wh", number)
        ledger.record_event("test", "info", "still writes")
        assert not ledger.degraded
        assert "still writes" in [row[2] for row in Report(ledger.path).events(3)]
        ledger.close()


EXAMPLE = (config_dir() / "ampilot.example.toml").read_bytes()
UNCOMMENTED = b"\n".join(
    line.removeprefix(b"# ") if b" = " in line or line.startswith(b"# [[") else line
    for line in EXAMPLE.splitlines()
)
PROFILE = (config_dir() / "meters" / "eastron-sdm630.toml").read_bytes()


def targets() -> list[Target]:
    """Return every target; `python -m tests.fuzz` takes them in turn."""
    ledger = _good_ledger()
    return [
        Target("config", bent(UNCOMMENTED) | st.binary(max_size=100), _config),
        Target("meter profile", bent(PROFILE), _profile),
        Target("credential", st.binary(max_size=300) | bent(b"abcd1234\n"), _credential),
        *(Target(f"meter {name}", _registers(name), _meter) for name in profile_names()),
        Target("charger body", any_body(json.dumps(GOOD_STATUS).encode()), _charger_body),
        Target("charger transports", ANSWERS, _transport),
        *(Target(f"tariff {name}", any_body(good), _prices(parse)) for name, good, parse in TARIFFS),
        Target("tariff file", any_body(json.dumps(STORED).encode()), _price_file),
        Target(
            "tariff pause",
            bent(HEADERS["date"].encode()).map(lambda raw: raw.decode("latin-1")) | st.text(),
            _pause,
        ),
        *(
            Target(f"forecast {name}", any_body(json.dumps(good).encode()), _forecast(kind, parse))
            for name, good, kind, parse in FORECASTS
        ),
        Target("forecast ensemble", any_body(json.dumps(ensemble_body()).encode()), _ensemble),
        Target("forecast refusal", ANSWERS, _forecast_refusal),
        Target("forecast file", any_body(json.dumps(KEPT).encode()), _forecast_file),
        *(Target(*each) for each in SOC_TARGETS),
        Target("trace", bent(TRACE.encode()), _trace),
        Target("ledger file", bent(ledger), _ledger_file),
        Target("ledger row", st.tuples(st.text(max_size=9), st.text(), odd), _ledger_row),
    ]
