"""Sources with their memory, over real HTTP and a clock moved by hand: days of use, days without network."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from controller.tariffs.quotes import known_until_s
from tests.tariffs.server import Asked, PriceServer, Reply
from tests.tariffs.speakers import Slot, awattar, day_slots, energy_charts
from tests.tariffs.world import BERLIN, World, local, midnight, published

MARKET = {"import_price": "market", "market": {"source": "energy_charts"}}
BOTH = {"import_price": "market", "market": {"source": "energy_charts", "secondary": "awattar"}}


def known(world: World) -> str:
    """Return until when the house knows prices."""
    quotes = world.tariffs.market.quotes()  # type: ignore[union-attr]
    until = datetime.fromtimestamp(known_until_s(quotes, world.now_s), BERLIN)
    return f"{until:%d %H:%M}"


async def test_a_day_of_use(tmp_path: Path) -> None:
    """Asked at the start and a few times a day; tomorrow is known within half an hour of publication."""
    async with World(tmp_path, "2026-01-14T08:00", MARKET) as world:
        before = world.tariffs.stamp()
        await world.live(0.1)
        assert known(world) == "15 00:00"
        morning = world.tariffs.stamp()
        await world.live(0.1)
        assert before != morning == world.tariffs.stamp()
        await world.live(5.3)
        assert world.tariffs.stamp() != morning
        assert f"{world.now:%H:%M}" == "13:30"
        assert known(world) == "16 00:00"
        await world.live(18)
        assert len(world.server.asked) <= 8
        assert not world.said("warning")


async def test_until_tomorrow_is_there_it_is_asked_for(tmp_path: Path) -> None:
    """A late publication: every quarter of an hour until 18:00, hourly after, and once it is there rest."""
    async with World(tmp_path, "2026-01-14T12:00", MARKET) as world:
        world.slots = lambda now: day_slots("2026-01-14")
        await world.live(6)
        in_the_afternoon = len(world.server.asked)
        assert 17 <= in_the_afternoon <= 22
        await world.live(4)
        assert 3 <= len(world.server.asked) - in_the_afternoon <= 6
        world.slots = published
        await world.live(1.2)
        assert known(world) == "16 00:00"


async def test_two_days_without_network(tmp_path: Path) -> None:
    """What was known stays usable to its end; after it the same hours of the days before are the estimate."""
    async with World(tmp_path, "2026-01-14T13:40", MARKET) as world:
        await world.tariffs.step()
        world.fault = lambda asked: Reply(b"", 503)
        slot = published(world.clock.wall())[40]
        prices = []
        for _ in range(48):
            await world.live(1.0)
            prices.append(world.tariffs.now().import_ct_per_kwh)
            if len(prices) % 8 == 0:
                world.start()  # a restart must lose nothing
        assert known(world) == f"{world.now:%d %H:%M}"
        assert all(price != 32.0 for price in prices)
        assert prices[36:] == pytest.approx(prices[12:24])  # a day later at the level of the last known day
        assert {text for text in world.said("warning") if text.startswith("no price")} == {
            "no price is known for now; an estimate from the days before counts"
        }
        assert slot.ct is not None
        world.fault = None
        await world.live(1.1)
        assert world.tariffs.now().import_ct_per_kwh != 32.0


async def test_a_gap_is_said_once(tmp_path: Path) -> None:
    """When no price is known for now the fixed one counts: one event at the beginning, one at the end."""
    async with World(tmp_path, "2026-01-14T10:00", MARKET) as world:
        world.fault = lambda asked: Reply(b"", 500)
        for _ in range(5):
            assert world.tariffs.now().import_ct_per_kwh == 32.0
            await world.live(0.1)
        assert [t for t in world.said("warning") if "32 ct/kWh" in t] == [
            "no price is known for now; the 32 ct/kWh of [prices] counts"
        ]
        assert any(t.endswith("(500); no price is known for now") for t in world.said("warning"))
        world.fault = None
        await world.live(1.1)
        world.tariffs.now()
        assert "prices are known again" in world.said("info")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>maintenance</html>"),
        Reply(b'{"unix_seconds":[1768345200,1768346100],"price":[1e7,5],"unit":"EUR / MWh"}'),
        Reply(b'{"unix_seconds":[],"price":[],"unit":"EUR / MWh"}'),
        Reply(energy_charts([replace(s, ct=None) for s in day_slots("2026-01-14")])),
        Reply(b'{"unix_seconds":[1', cut=100),
    ],
    ids=["html", "absurd", "empty", "nulls", "truncated"],
)
async def test_a_bad_answer_never_replaces_a_good_one(tmp_path: Path, reply: Reply) -> None:
    """Whatever comes later, what was known and still holds is known, in memory and on disk."""
    async with World(tmp_path, "2026-01-14T13:40", MARKET) as world:
        await world.tariffs.step()
        before = world.tariffs.market.quotes()  # type: ignore[union-attr]
        world.fault = lambda asked: reply
        await world.live(8)
        assert world.server.asked[-1].path == "/price"
        assert len(world.server.asked) >= 2
        assert world.tariffs.market.quotes() == before  # type: ignore[union-attr]
        world.start()
        assert world.tariffs.market.quotes() == before  # type: ignore[union-attr]


async def test_a_partial_answer_is_merged(tmp_path: Path) -> None:
    """New prices win where there are some; the hours they do not cover keep theirs."""
    async with World(tmp_path, "2026-01-14T13:40", MARKET) as world:
        await world.tariffs.step()
        morning = [replace(s, ct=77.0) for s in day_slots("2026-01-15")[:8]]
        world.fault = lambda asked: Reply(energy_charts(morning))
        await world.live(8)
        begin_s = midnight("2026-01-15")
        slots = world.tariffs.book.slots(begin_s, begin_s + 86_400)
        assert [s.import_ct_per_kwh for s in slots[:8]] == pytest.approx([77.0] * 8)
        assert len(slots) == 96
        assert all(s.import_ct_per_kwh < 60 for s in slots[8:])


async def test_a_refusal_is_for_a_person(tmp_path: Path) -> None:
    """401 is an error event at once, and the service is left alone for an hour."""
    async with World(tmp_path, "2026-01-14T10:00", MARKET) as world:
        world.fault = lambda asked: Reply(b"", 401)
        await world.live(0.8)
        assert len(world.server.asked) == 1
        (said,) = world.said("error")
        assert "Remedy" in said
        await world.live(0.5)
        assert len(world.server.asked) == 2
        world.fault = None
        world.start()  # with a new token: no hour of waiting
        await world.live(0.1)
        assert known(world) == "15 00:00"


async def test_a_disk_that_refuses_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    """Prices that cannot be written are known all the same, and an event says where the trouble is."""
    (tmp_path / "prices").write_text("in the way")
    async with World(tmp_path, "2026-01-14T13:40", MARKET) as world:
        await world.live(4)
        assert known(world) == "16 00:00"
        assert len([t for t in world.said("warning") if "cannot be written" in t]) == 1


async def test_the_intensity_of_the_grid_rides_along(tmp_path: Path) -> None:
    """CO2 is asked every three hours from a service of its own; when it fails prices are untouched."""
    async with World(tmp_path, "2026-01-14T10:00", {**MARKET, "co2_country": "de"}) as world:
        day = day_slots("2026-01-14")
        body = {
            "unix_seconds": [s.begin_s for s in day],
            "co2eq": [200.0 + i if i < 44 else None for i in range(96)],
            "co2eq_forecast": [300.0 + i for i in range(96)],
        }

        def answer(asked: Asked) -> Reply:
            if asked.path == "/co2eq":
                assert asked.params == {"country": "de"}
                return Reply(json.dumps(body).encode())
            return Reply(energy_charts(published(world.clock.wall())))

        world.fault = answer
        await world.live(8)
        slots = world.tariffs.book.slots(day[0].begin_s, day[-1].end_s)
        assert [s.co2_g_per_kwh for s in slots] == [200.0 + i if i < 44 else 300.0 + i for i in range(96)]
        questions = [asked for asked in world.server.asked if asked.path == "/co2eq"]
        assert 3 <= len(questions) <= 4
        world.fault = lambda asked: Reply(b"", 500) if asked.path == "/co2eq" else answer(asked)
        await world.live(8)
        assert known(world) == "16 00:00"


async def test_a_mistake_of_ours_does_not_hammer_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parser that raises what it must not counts as a failure, with growing pauses."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("controller.tariffs.energy_charts.parse", broken)
    async with World(tmp_path, "2026-01-14T10:00", MARKET) as world:
        await world.live(1.0, step_s=30)
        assert 4 <= len(world.server.asked) <= 7
        assert any("ZeroDivisionError" in text for text in world.said("warning"))


async def test_a_pause_is_obeyed(tmp_path: Path) -> None:
    """429 with two hours: not one request in them, also over a restart, and one soon after."""
    async with World(tmp_path, "2026-01-14T10:00", MARKET) as world:
        world.fault = lambda asked: Reply(b"", 429, {"Retry-After": "7200"})
        await world.live(0.5)
        world.start()
        await world.live(1.4)
        assert len(world.server.asked) == 1
        world.fault = None
        await world.live(0.3)
        assert len(world.server.asked) == 2
        assert known(world) == "15 00:00"


async def test_failures_are_not_hammered(tmp_path: Path) -> None:
    """A service that is down for a day is asked about 30 times, and the log says it a few times."""
    async with World(tmp_path, "2026-01-14T00:00", MARKET) as world:
        world.fault = lambda asked: Reply(b"", 500)
        await world.live(24)
        assert 24 <= len(world.server.asked) <= 34
        assert len(world.said("warning")) <= 28
        world.fault = None
        await world.live(1.2)
        assert any("answers again" in text for text in world.said("info"))


async def test_a_clock_that_was_wrong_is_no_reason_to_wait(tmp_path: Path) -> None:
    """A Pi that wakes in 1970 gets nothing; once the time is set it asks at once."""
    async with World(tmp_path, "1970-01-02T00:00", MARKET) as world:
        world.slots = lambda now: day_slots("2026-01-14")
        await world.live(2)
        world.clock.step_wall(local("2026-01-14T09:00").timestamp() - world.now_s)
        await world.live(0.01, step_s=30)
        assert known(world) == "15 00:00"


async def test_a_clock_that_was_ahead_leaves_no_pause_behind(tmp_path: Path) -> None:
    """A pause that was noted in 2030 does not hold for years once the time is set back."""
    async with World(tmp_path, "2030-01-02T00:00", MARKET) as world:
        world.fault = lambda asked: Reply(b"", 429, {"Retry-After": "86400"})
        await world.live(0.2)
        world.fault = None
        world.clock.step_wall(local("2026-01-14T09:00").timestamp() - world.now_s)
        await world.live(0.01, step_s=30)
        assert known(world) == "15 00:00"


async def test_a_damaged_file_is_said_and_healed(tmp_path: Path) -> None:
    """The cache is moved aside, an event says so, and the prices are fetched again."""
    async with World(tmp_path, "2026-01-14T10:00", MARKET) as world:
        await world.tariffs.step()
        path = tmp_path / "prices" / "energy_charts.json"
        path.write_bytes(path.read_bytes()[:500])
        world.start()
        assert any("damaged" in text for text in world.said("warning"))
        await world.tariffs.step()
        assert known(world) == "15 00:00"
        assert json.loads(path.read_bytes())["of"] == "energy_charts DE-LU"
        assert (tmp_path / "prices" / "energy_charts.damaged").exists()


async def test_the_past_is_dropped_but_for_the_estimate(tmp_path: Path) -> None:
    """After two weeks the file holds nine days of past; the first visit fetches the days before."""
    async with World(tmp_path, "2026-01-14T10:00", MARKET) as world:
        world.slots = lambda now: published(now, 20)
        await world.tariffs.step()
        quotes = world.tariffs.market.quotes()  # type: ignore[union-attr]
        assert quotes[0].begin_s == midnight("2026-01-06")
        world.slots = published
        await world.live(24 * 13, step_s=3600)
        quotes = world.tariffs.market.quotes()  # type: ignore[union-attr]
        assert quotes[0].begin_s == midnight("2026-01-18")
        assert 10 * 96 <= len(quotes) <= 11 * 96


# -- the second source ------------------------------------------------------------------------------------


class TwoMarkets(World):
    """The same with a second service of aWATTar's shape."""

    async def __aenter__(self) -> "TwoMarkets":
        self.other: Sequence[Slot] | None = None
        self.second = PriceServer(self._second)
        await self.second.__aenter__()
        await super().__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)  # type: ignore[arg-type]
        assert self.second is not None
        await self.second.__aexit__(*error)

    def _second(self, _asked: Asked) -> Reply:
        return Reply(awattar(published(self.clock.wall()) if self.other is None else self.other))


async def test_the_second_source_stands_in(tmp_path: Path) -> None:
    """With the first one down prices come from the second within minutes; back, the first one counts."""
    async with TwoMarkets(tmp_path, "2026-01-14T13:40", BOTH) as world:
        world.fault = lambda asked: Reply(b"", 500)
        await world.live(0.3, step_s=60)
        assert known(world) == "16 00:00"
        world.fault = None
        world.slots = lambda now: [replace(s, ct=70.0) for s in published(now)]
        await world.live(1.2)
        assert world.tariffs.now().import_ct_per_kwh == pytest.approx(70.0)


async def test_a_tomorrow_the_first_does_not_have(tmp_path: Path) -> None:
    """The second one is asked for a day the first one publishes late."""
    async with TwoMarkets(tmp_path, "2026-01-14T12:00", BOTH) as world:
        world.slots = lambda now: day_slots("2026-01-14")
        await world.live(2.4)
        assert known(world) == "15 00:00"
        await world.live(0.6)
        assert known(world) == "16 00:00"


@pytest.mark.parametrize("shift_ct", [0.0, 0.3, 4.0])
async def test_means_of_tomorrow_are_compared_once(tmp_path: Path, shift_ct: float) -> None:
    """A difference is said once a day, small ones are rounding; the first source goes on counting."""
    async with TwoMarkets(tmp_path, "2026-01-14T13:40", BOTH) as world:
        world.other = [
            replace(s, ct=s.ct + shift_ct) for s in published(world.clock.wall()) if s.ct is not None
        ]
        await world.live(4)
        world.start()
        await world.live(4)
        assert world.second is not None
        assert 1 <= len(world.second.asked) <= 3
        assert len([t for t in world.said("warning") if "differ" in t]) == int(shift_ct > 1)
        slot = world.tariffs.book.at(midnight("2026-01-15"))
        assert slot is not None
        assert slot.import_ct_per_kwh == pytest.approx(day_slots("2026-01-15", base_ct=6.5)[0].ct)
