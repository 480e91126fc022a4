"""The forecaster on a real ledger file and a real HTTP server, on a clock moved by hand."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.clock import SimClock
from controller.errors import LedgerError
from controller.forecast import cache
from controller.forecast.answers import Answer, SunStep
from controller.forecast.forecaster import Forecaster
from controller.forecast.past import Past
from controller.ledger.ledger import Ledger
from controller.ledger.tick_store import ReadingRow, TickStore
from controller.ledger.upkeep import maintain
from controller.settings.forecast import ForecastSettings
from controller.simulation.sun import clear_sky_w_per_m2
from tests.weather import Asked, Reply, WeatherServer, as_json

START = datetime(2026, 6, 14, 22, tzinfo=UTC)
"""Midnight in Berlin, a Monday in June."""
DAY_S = 86_400
LATITUDE, LONGITUDE = 48.14, 11.58


def light_w_per_m2(at_s: float) -> float:
    at = datetime.fromtimestamp(at_s, UTC)
    second = at.hour * 3600 + at.minute * 60 + at.second
    return clear_sky_w_per_m2(at.timetuple().tm_yday, second, LATITUDE, LONGITUDE)


def surplus_w(at_s: float, share: float = 1.0) -> float:
    """Return the surplus of a made-up house: 6 kW of sun at its best, 400 W of load."""
    return 6.0 * light_w_per_m2(at_s) * share - 400.0


class Home:
    """A ledger, a clock, and a forecaster of the house on it."""

    def __init__(self, folder: Path, url: str | None = None, **settings: Any) -> None:
        self.path = folder / "ledger.db"
        self.clock = SimClock(START)
        self.ledger = Ledger.open(self.path, self.clock)
        self.ticks = TickStore(self.ledger)
        place = {"latitude_deg": LATITUDE, "longitude_deg": LONGITUDE}
        self.settings = ForecastSettings(**{**place, "base_url": url, **settings})
        self.forecaster = self.made()

    def made(self, *, writes: bool = True) -> Forecaster:
        return Forecaster(
            self.settings,
            "Europe/Berlin",
            self.path,
            self.clock,
            ledger=self.ledger if writes else None,
            rng=random.Random(1),
        )

    @property
    def now_s(self) -> float:
        return self.clock.wall().timestamp()

    def measure(self, hours: float, share: float = 1.0, *, pace_s: int = 60) -> None:
        """Let time pass and write what the meter says, stamped at the end of each row."""
        for _ in range(int(hours * 3600 / pace_s)):
            base_w = -surplus_w(self.now_s, share)
            self.clock.advance(pace_s)
            row = ReadingRow(int(self.now_s * 1000), base_w, base_w, None, None, 0.0, 0, 1)
            self.ticks.record_reading(row)
        self.ledger.flush()

    async def live(self, hours: float, share: float = 1.0) -> None:
        """Let time pass as the daemon does: a quarter at a time, the forecaster called in between."""
        for _ in range(int(hours * 4)):
            self.measure(0.25, share)
            await self.forecaster.tick()
            await self.forecaster.fetch_if_due()

    def weather(self) -> Callable[[Asked], Reply]:
        """Return what answers with a clear sky, always of the days around the present one."""
        return lambda asked: as_json(sky(self.now_s, int(asked.query["past_days"])))

    def rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql).fetchall()

    def events(self) -> list[str]:
        return [text for (text,) in self.rows("SELECT text FROM events WHERE kind = 'forecast' ORDER BY id")]


@contextmanager
def home(folder: Path, url: str | None = None, **settings: Any) -> Iterator[Home]:
    made = Home(folder, url, **settings)
    try:
        yield made
    finally:
        made.ledger.close()


@pytest.fixture
async def server() -> AsyncIterator[WeatherServer]:
    async with WeatherServer() as started:
        yield started


def sky(now_s: float, days_back: int = 31, share: float = 1.0) -> dict[str, Any]:
    """Return Open-Meteo's answer for these days; level ground stands for the roof, times a constant."""
    first = int(now_s // DAY_S) * DAY_S - days_back * DAY_S
    stamps = list(range(first + 900, first + (days_back + 3) * DAY_S + 1, 900))
    values = [light_w_per_m2(stamp - 450) * 0.8 * share for stamp in stamps]
    return {"minutely_15": {"time": stamps, "shortwave_radiation": values}}


# -- the ledger -----------------------------------------------------------------------------------


def test_quarters_are_the_means_of_their_readings_at_every_age(tmp_path: Path) -> None:
    """Rows of 10 s, of minutes and of quarters, as the ledger thins them out, tell the same surplus."""
    with home(tmp_path) as house:
        house.measure(26, pace_s=10)
        begin_s, end_s = int(START.timestamp()), int(house.now_s)
        fine = Past(house.path).surplus(begin_s, end_s)
        house.clock.advance(8 * DAY_S)
        maintain(house.ledger, keep_10s_days=7, keep_60s_days=90)
        minutes = Past(house.path).surplus(begin_s, end_s)
        house.clock.advance(120 * DAY_S)
        maintain(house.ledger, keep_10s_days=7, keep_60s_days=90)
        coarse = Past(house.path).surplus(begin_s, end_s)
    assert len(fine) == 104
    assert fine[48][1] == pytest.approx(surplus_w(fine[48][0] + 450), abs=30)
    for other in (minutes, coarse):
        assert [at for at, _ in other][1:-1] == [at for at, _ in fine][1:-1]
        for (_, a), (_, b) in zip(other[1:-1], fine[1:-1], strict=True):
            assert a == pytest.approx(
                b, abs=40
            )  # a row of 10 s bears its end, so its minute begins 10 s later


def test_a_quarter_that_was_hardly_measured_does_not_count(tmp_path: Path) -> None:
    """Seven minutes of readings are not a quarter of an hour; unknown readings are none."""
    with home(tmp_path) as house:
        house.measure(0.5)
        house.clock.advance(8 * 60)
        house.measure(7 / 60)
        for _ in range(15):
            house.clock.advance(60)
            row = ReadingRow(int(house.now_s * 1000), 100.0, None, None, None, None, None, None)
            house.ticks.record_reading(row)
        house.ledger.flush()
        found = Past(house.path).surplus(int(START.timestamp()), int(house.now_s) + 900)
    assert [at for at, _ in found] == [int(START.timestamp()), int(START.timestamp()) + 900]


def test_no_ledger_and_an_older_ledger_are_an_empty_past(tmp_path: Path) -> None:
    """Neither is an error: there is just nothing to learn from; a file that is no ledger is one."""
    past = Past(tmp_path / "none.db")
    assert (past.surplus(0, 10**10), past.highest_w(), past.sunlight("x", 0), past.issued(0)) == (
        [],
        0.0,
        {},
        [],
    )
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as db:
        db.execute("CREATE TABLE readings (wall_ms, step_s, base_import_w)")
    assert (Past(old).sunlight("x", 0), Past(old).issued(0)) == ({}, [])
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError):
        Past(broken).surplus(0, 1)


# -- a life ---------------------------------------------------------------------------------------


async def test_an_empty_ledger_and_a_house_without_a_place_break_nothing(tmp_path: Path) -> None:
    """The first day of a house that configured nothing: gaps, then the day before."""
    with home(tmp_path, latitude_deg=None, longitude_deg=None) as house:
        await house.forecaster.tick()
        assert house.forecaster.slots(house.now_s, house.now_s + DAY_S) == ()
        await house.live(25)
        slots = house.forecaster.slots(house.now_s, house.now_s + 12 * 3600)
        assert len(slots) == 48
        noon = max(slots, key=lambda slot: slot.p50_w)
        assert noon.p50_w == pytest.approx(surplus_w(noon.begin_s + 450), rel=0.1)


async def test_days_without_any_source_give_a_forecast_and_its_skill(tmp_path: Path) -> None:
    """Days of a clear sky: the next is known without any network, and what was said is on record."""
    with home(tmp_path, source="none") as house:
        house.measure(60)
        await house.live(36)
        slots = house.forecaster.slots(house.now_s, house.now_s + DAY_S)
        errors = [abs(slot.p50_w - surplus_w(slot.begin_s + 450)) for slot in slots]
        assert len(slots) == 96
        assert sum(errors) / 96 < 350
        skills = house.forecaster.skill()
        assert [one.lead_h for one in skills] == [1, 6, 24]
        assert skills[0].error_w < skills[0].held_error_w
        assert house.rows("SELECT count(*) FROM forecasts WHERE lead_h = 24")[0][0] > 140


async def test_the_first_answer_teaches_the_whole_past_at_once(tmp_path: Path, server: WeatherServer) -> None:
    """A ledger of a fortnight meets its first irradiance: the gain is known minutes later, not days."""
    with home(tmp_path, server.url) as house:
        rng = random.Random(2)
        cloudy = [rng.uniform(0.2, 1.0) for _ in range(17)]
        for share in cloudy[:14]:
            house.measure(24, share)
        stamps, values = [], []
        for day, share in enumerate(cloudy):
            for quarter in range(96):
                at_s = START.timestamp() + day * DAY_S + quarter * 900
                stamps.append(int(at_s) + 900)
                values.append(light_w_per_m2(at_s + 450) * 0.8 * share)
        body = {"minutely_15": {"time": stamps, "shortwave_radiation": values}}
        server.replies = {"/v1/forecast": as_json(body)}
        await house.forecaster.tick()
        assert house.forecaster.outlook.told_quarters == 0
        house.clock.advance(120)
        await house.forecaster.fetch_if_due()  # sets the time
        house.clock.advance(120)
        await house.forecaster.fetch_if_due()
        assert house.forecaster.outlook.told_quarters > 13 * 96
        slots = house.forecaster.slots(house.now_s, house.now_s + DAY_S)
        errors = [abs(s.p50_w - surplus_w(s.begin_s + 450, cloudy[14])) for s in slots]
        assert sum(errors) / len(errors) < 350
        assert {
            one.basis for one in house.forecaster.outlook.estimates(house.now_s, house.now_s + 1, house.now_s)
        } == {"open_meteo"}
        assert server.asked[0].query["past_days"] == "31"
        await house.forecaster.close()


async def test_a_restart_knows_what_was_known(tmp_path: Path, server: WeatherServer) -> None:
    """Another process on the same files says the same: for the service after a restart, and for people."""
    with home(tmp_path, server.url) as house:
        server.replies = {"/v1/forecast": house.weather()}
        house.measure(72)
        await house.live(6)
        again = house.made(writes=False)
        again.start()
        span = (house.now_s, house.now_s + DAY_S)
        before, after = house.forecaster.slots(*span), again.slots(*span)
        assert len(before) == 96
        for a, b in zip(before, after, strict=True):
            assert a.p50_w == pytest.approx(b.p50_w, abs=1.0)
            assert a.p10_w == pytest.approx(b.p10_w, abs=1.0)
        assert again.standing() == house.forecaster.standing()
        await house.forecaster.close()


async def test_it_asks_by_need_and_never_floods(tmp_path: Path, server: WeatherServer) -> None:
    """About once an hour by day, every two hours by night, never twice at the same minute of the hour."""
    with home(tmp_path, server.url) as house:
        server.replies = {"/v1/forecast": house.weather(), "/v1/ensemble": Reply(b"", 404)}
        times = []
        for _ in range(24 * 60):
            house.clock.advance(60)
            asked = len(server.asked)
            await house.forecaster.tick()
            await house.forecaster.fetch_if_due()
            if len(server.asked) > asked:
                times.append(house.now_s)
        await house.forecaster.close()
    assert 14 <= len(times) <= 22
    pauses = [b - a for a, b in pairwise(times)]
    assert min(pauses) >= 3600
    assert len({int(at % 3600 // 60) for at in times}) > 8


@pytest.mark.parametrize(
    ("reply", "least_s", "most_s", "said"),
    [
        (Reply(b"", 500), 300, 7300, "500"),
        (Reply(b"", 429, {"Retry-After": "5000"}), 5000, 5100, "429"),
        (Reply(b"", 429), 300, 7300, "429"),
        (Reply(b'{"reason":"no such place"}', 400), 21_600, 21_700, "no such place"),
        (Reply(b"<html>"), 300, 7300, "not JSON"),
    ],
    ids=["500", "429 with a time", "429", "400", "html"],
)
async def test_a_failing_source_is_asked_ever_less_and_said_once(
    tmp_path: Path, server: WeatherServer, reply: Reply, least_s: float, most_s: float, said: str
) -> None:
    """Waits grow to two hours, a refusal waits six, a told time is obeyed; one event at each end."""
    with home(tmp_path, server.url) as house:
        server.replies = {"/v1/forecast": reply}
        times: list[float] = []
        for _ in range(24 * 60):
            house.clock.advance(60)
            asked = len(server.asked)
            await house.forecaster.tick()
            await house.forecaster.fetch_if_due()
            if len(server.asked) > asked:
                times.append(house.now_s)
        pauses = [b - a for a, b in pairwise(times)]
        assert all(least_s <= pause <= most_s + 120 for pause in pauses)
        assert len(times) <= 20
        (event,) = house.events()
        assert event.startswith("no forecast from open_meteo: ")
        assert said in event
        server.replies = {"/v1/forecast": house.weather()}
        for _ in range(7 * 60):
            house.clock.advance(60)
            await house.forecaster.fetch_if_due()
        assert house.events()[1:] == ["open_meteo gives forecasts again"]
        await house.forecaster.close()


async def test_two_days_without_network_fade_into_the_clear_sky(
    tmp_path: Path, server: WeatherServer
) -> None:
    """The last answer counts in full for six hours and not at all after two days; slots never stop."""
    with home(tmp_path, server.url) as house:
        server.replies = {"/v1/forecast": house.weather()}
        house.measure(72)
        await house.live(6)
        server.replies = {"/v1/forecast": Reply(b"", 503)}
        bases = []
        for _ in range(26):
            house.measure(1.75)
            await house.live(0.25)
            slots = house.forecaster.slots(house.now_s, house.now_s + DAY_S)
            assert len(slots) in (96, 97)
            (now,) = house.forecaster.outlook.estimates(house.now_s, house.now_s + 1, house.now_s)
            bases.append(now.basis)
        await house.forecaster.close()
    assert bases[0] == "open_meteo"
    assert bases[-1] == "clear sky"


async def test_a_clock_that_steps_does_not_flood_the_source(tmp_path: Path, server: WeatherServer) -> None:
    """The pause is counted on the monotonic clock: a day back and a day ahead ask nothing more."""
    with home(tmp_path, server.url) as house:
        server.replies = {"/v1/forecast": house.weather()}
        await house.live(2)
        asked = len(server.asked)
        for step_s in (-DAY_S, 2 * DAY_S, -DAY_S):
            house.clock.step_wall(step_s)
            for _ in range(5):
                house.clock.advance(30)
                await house.forecaster.tick()
                await house.forecaster.fetch_if_due()
        assert len(server.asked) <= asked + 2
        await house.forecaster.close()


async def test_a_clock_that_was_ahead_does_not_end_the_learning(tmp_path: Path) -> None:
    """An hour in which it says next year; once it is right again what is measured is learned as before."""
    with home(tmp_path, source="none") as house:
        house.measure(60)
        await house.live(1)
        house.clock.step_wall(365 * DAY_S)
        await house.live(1)
        house.clock.step_wall(-365 * DAY_S)
        before_s = house.now_s
        await house.live(26)
        recent = house.forecaster.outlook.recent_w
        assert len([at_s for at_s in recent if at_s >= before_s]) >= 100
        assert max(recent) <= house.now_s
        [(count,)] = house.rows(f"SELECT count(*) FROM forecasts WHERE lead_h = 1 AND begin_s > {before_s}")
        assert count >= 100


async def test_a_ledger_that_cannot_be_read_leaves_the_forecast_as_it_is(tmp_path: Path) -> None:
    """The tick does not raise, what was known is still answered."""
    with home(tmp_path, source="none") as house:
        house.measure(60)
        await house.live(1)
        before = len(house.forecaster.slots(house.now_s, house.now_s + DAY_S))
        broken = tmp_path / "broken.db"
        broken.write_bytes(b"no database" * 1000)
        house.forecaster._past = Past(broken)
        house.clock.advance(1800)
        await house.forecaster.tick()
        assert len(house.forecaster.slots(house.now_s, house.now_s + DAY_S)) == before == 96


async def test_a_slow_source_does_not_hold_the_learning(tmp_path: Path, server: WeatherServer) -> None:
    """While a fetch waits, quarters are learned and slots answered."""
    with home(tmp_path, server.url) as house:
        reply = as_json(sky(house.now_s, 2))
        reply.wait_s = 2.0
        server.replies = {"/v1/forecast": reply}
        await house.forecaster.tick()
        await house.forecaster.fetch_if_due()
        house.clock.advance(120)
        fetching = asyncio.create_task(house.forecaster.fetch_if_due())
        await asyncio.sleep(0.1)
        house.measure(1)
        await asyncio.wait_for(house.forecaster.tick(), 1.5)
        assert not fetching.done()
        assert house.forecaster.outlook.quarters > 0
        await fetching
        await house.forecaster.close()


# -- the kept answer ------------------------------------------------------------------------------

ANSWER = Answer(
    "open_meteo", "ghi", 1000.0, (SunStep(0.0, 900.0, 5.0, 1.0, 9.0), SunStep(900.0, 1800.0, 6.0))
)


def test_the_last_good_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    """With its percentiles and its age."""
    assert cache.load(tmp_path / "x.json") is None
    assert cache.save(tmp_path / "x.json", ANSWER)
    assert cache.load(tmp_path / "x.json") == ANSWER


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'{"format":1}', b"[" * 9999])
def test_a_broken_cache_is_no_answer(tmp_path: Path, body: bytes) -> None:
    """It is replaced by the next fetch; nothing fails."""
    path = tmp_path / "x.json"
    path.write_bytes(body)
    assert cache.load(path) is None
    assert cache.save(path, ANSWER)
    assert cache.load(path) == ANSWER


def test_a_write_that_is_cut_off_loses_nothing(tmp_path: Path) -> None:
    """A power cut between write and rename leaves the half file aside and the old answer whole."""
    path = tmp_path / "x.json"
    cache.save(path, ANSWER)
    path.with_name("x.json.new").write_bytes(b'{"format":1,"sou')
    assert cache.load(path) == ANSWER
    assert not cache.save(tmp_path / "no folder" / "x.json", ANSWER)
