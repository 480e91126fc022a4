"""Prices of the past as they were known, forecasts made of what came, stays cut out of days, the command."""

import dataclasses
import gzip
import json
from datetime import UTC, datetime, time, timedelta
from math import exp
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from controller.cli.main import app
from controller.days.recorded_prices import RecordedPrices, added_to_spot, read_quotes
from controller.days.recorded_sessions import Habit, joined, stays
from controller.days.staged_forecast import Nowcast, staged
from controller.days.traces import Day
from controller.errors import ConfigError
from controller.tariffs.quotes import Quote

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def hourly(begin: str, count: int) -> list[Quote]:
    """Return hours whose price is 5 ct at noon UTC and 15 at midnight."""
    begin_s = at(begin)
    prices = [5.0 + abs(12 - hour % 24) * 10 / 12 for hour in range(count)]
    return [Quote(begin_s + n * 3600, begin_s + (n + 1) * 3600, price) for n, price in enumerate(prices)]


def book(quotes: list[Quote]) -> RecordedPrices:
    return RecordedPrices(quotes, added_to_spot(BERLIN, 10.0, 0.19, 8.0), BERLIN)


def test_a_bill_has_fees_and_tax() -> None:
    """(5 + 10) * 1.19 = 17.85 ct at noon, 8 ct for what is fed in."""
    (slot,) = book(hourly("2026-01-14", 24)).paid(at("2026-01-14T12:00"), at("2026-01-14T13:00"))
    assert slot.import_ct_per_kwh == pytest.approx(17.85)
    assert slot.export_ct_per_kwh == 8.0


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-14T12:59", "2026-01-14T23:00"),  # 13:59 in Berlin: today's
        ("2026-01-14T13:00", "2026-01-15T23:00"),  # 14:00: tomorrow's
        ("2026-01-14T23:30", "2026-01-15T23:00"),  # 00:30 of the next day: only that one
        ("2026-03-28T14:00", "2026-03-29T22:00"),  # tomorrow has 23 hours
    ],
)
def test_tomorrow_is_known_from_the_afternoon_on(now: str, until: str) -> None:
    """Beyond what is published every price is an estimate."""
    prices = book(hourly("2026-01-01", 24 * 100))
    slots = prices.known(at(now), at(now) + 48 * 3600)
    assert all(slot.estimated == (slot.begin_s >= at(until)) for slot in slots)
    assert any(slot.estimated for slot in slots)
    assert min(slot.begin_s for slot in slots if slot.estimated) == at(until)


def test_what_is_not_published_changes_no_plan() -> None:
    """Two futures, one past: at noon both look the same."""
    quotes = hourly("2026-01-01", 24 * 20)
    other = [q if q.begin_s < at("2026-01-14T23:00") else Quote(q.begin_s, q.end_s, 99.0) for q in quotes]
    span = at("2026-01-14T11:00"), at("2026-01-16T06:00")
    assert book(quotes).known(*span) == book(other).known(*span)


def test_a_hole_in_what_is_paid_is_explained() -> None:
    """A missing hour is named."""
    quotes = hourly("2026-01-14", 24)
    del quotes[13]
    with pytest.raises(ConfigError, match=r"2026-01-14T13:00:00Z.*Remedy"):
        book(quotes).paid(at("2026-01-14T12:00"), at("2026-01-14T15:00"))


HEADER = "time,slot_s,eur_per_mwh\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,price\n1,2\n", "column eur_per_mwh, slot_s is missing"),
        ("time,slot_s,eur_per_mwh\n2026-06-21T12:00:00Z,900,81,5\n", "line 2: more values than columns"),
        ("time;slot_s;eur_per_mwh\n2026-06-21T12:00:00Z;900;81,5\n", "has semicolons between its columns"),
        (HEADER, "no price"),
        (HEADER + "2026-01-14T00:00:00Z,3600,nan\n", "line 2"),
        (HEADER + "2026-01-14T00:00:00Z,0,50\n", "line 2"),
        (HEADER + "2026-01-14T00:00:00Z,3600,\n", "line 2"),
        (HEADER + "noon,3600,50\n", "line 2"),
        (HEADER + "2026-01-14T00:00:00Z,3600,1\n2026-01-14T00:30:00Z,3600,1\n", "line 3: overlaps"),
    ],
)
def test_a_bad_file_of_prices_is_explained(tmp_path: Path, text: str, says: str) -> None:
    """File, line and remedy."""
    path = tmp_path / "prices.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"prices\.csv.*{says}"):
        read_quotes(path)
    with pytest.raises(ConfigError, match="not a readable CSV"):
        read_quotes(tmp_path / "none.csv")


def test_prices_are_read_compressed_and_in_ct(tmp_path: Path) -> None:
    """81.4 EUR/MWh are 8.14 ct/kWh; hours and quarters may follow each other."""
    path = tmp_path / "prices.csv.gz"
    rows = "2026-01-14T00:00:00Z,3600,81.4\n2026-01-14T01:00:00Z,900,-5\n"
    path.write_bytes(gzip.compress((HEADER + rows).encode()))
    first, second = read_quotes(path)
    assert (first.spot_ct_per_kwh, first.end_s - first.begin_s) == (pytest.approx(8.14), 3600)
    assert (second.spot_ct_per_kwh, second.end_s - second.begin_s) == (-0.5, 900)


# -- forecasts ---------------------------------------------------------------------------------------------


def box_day(date: str = "2026-01-14", step_s: int = 60) -> Day:
    """Return a day with 4 kW from 10 to 14 h and a house of 400 W."""
    slots = range(0, 86_400, step_s)
    return Day(
        "box", date, step_s, [4000.0 if 36_000 <= s < 50_400 else 0.0 for s in slots], [400.0] * len(slots)
    )


def test_an_exact_forecast_is_what_comes() -> None:
    """Quarter by quarter, without a spread."""
    slots = staged(box_day(), 0.0, smoothed_s=0.0, spread=(1.0, 1.0, 1.0))
    assert len(slots) == 96
    assert {(s.p10_w, s.p50_w, s.p90_w) for s in slots[40:56]} == {(3600.0, 3600.0, 3600.0)}
    assert {s.p50_w for s in slots[:40]} == {-400.0}


def test_a_smoothed_forecast_keeps_the_energy_and_loses_the_edges() -> None:
    """The day's energy is the same; an hour before the sun there is some already; the spread is the sun's."""
    slots = staged(box_day(), 0.0)
    assert sum(s.p50_w + 400 for s in slots) / 4 == pytest.approx(16_000, rel=1e-6)
    assert 0 < slots[38].p50_w + 400 < 4000
    noon = slots[48]
    assert (noon.p10_w, noon.p50_w, noon.p90_w) == pytest.approx((2000.0, 3600.0, 4800.0))


def test_an_error_of_a_day_is_of_its_sun_alone() -> None:
    """Half the sun on the second day of two; the house as it is."""
    two = Day("box", "2026-01-14", 60, box_day().pv_w * 2, box_day().load_w * 2)
    slots = staged(two, 0.0, factors={1: 0.5})
    assert (slots[48].p50_w, slots[48 + 96].p50_w) == pytest.approx((3600.0, 1600.0))
    assert slots[100].p50_w == pytest.approx(-400.0)


def test_what_came_corrects_the_hours_ahead() -> None:
    """Half the sun was foreseen: a quarter later nine tenths of the error are told, less after two hours.

    Before the sun was seen, and of the night after it, the forecast is told as it was.
    """
    half = Nowcast.of(box_day(), 0.0, {0: 0.5})
    plain = staged(box_day(), 0.0, factors={0: 0.5})
    assert half.known(0.0, 86_400.0) == plain
    told = half.known(12.25 * 3600, 86_400.0)
    assert (told[0].begin_s, len(told)) == (12.25 * 3600, 47)
    assert plain[49].p50_w == pytest.approx(1600.0)
    assert told[0].p50_w == pytest.approx(1600.0 + 2000.0 * exp(-1 / 12))
    assert told[0].p90_w - told[0].p10_w == pytest.approx(plain[49].p90_w - plain[49].p10_w)
    assert 100.0 < told[8].p50_w - plain[57].p50_w < 0.6 * 2000.0
    assert told[40].p50_w == pytest.approx(plain[89].p50_w, abs=100.0)


def test_a_nowcast_knows_nothing_of_what_comes() -> None:
    """Whatever is recorded from now on, the same is told."""
    seen = Nowcast.of(box_day(), 0.0, {0: 0.5})
    other = dataclasses.replace(seen, came_w=[*seen.came_w[:49], *[9e9] * 47])
    assert other.known(12.25 * 3600, 86_400.0) == seen.known(12.25 * 3600, 86_400.0)
    assert other.known(12.5 * 3600, 86_400.0) != seen.known(12.5 * 3600, 86_400.0)


# -- stays -------------------------------------------------------------------------------------------------


def test_days_that_follow_each_other_are_one() -> None:
    """A missing date and another trace each begin anew."""
    days = [box_day("2026-01-14"), box_day("2026-01-15"), box_day("2026-01-17")]
    found = list(joined(days))
    assert [(begin_s, day.duration_s) for begin_s, day in found] == [
        (at("2026-01-14"), 2 * 86_400),
        (at("2026-01-17"), 86_400),
    ]


def test_stays_follow_the_clock_on_the_wall() -> None:
    """17:30 to 07:00 in Berlin, over the night of the change to summer time: 12.5 h instead of 13.5 h."""
    days = [box_day(f"2026-03-{day}") for day in (27, 28, 29, 30)]
    habit = Habit(BERLIN, time(17, 30), time(7), 10_000.0, 30_000.0)
    found = [session for session, _ in stays(days, habit, book(hourly("2026-03-20", 24 * 14)))]
    assert [session.begin_s for session in found] == [
        at("2026-03-27T16:30"),
        at("2026-03-28T16:30"),
        at("2026-03-29T15:30"),
    ]
    assert [session.duration_s for session in found] == [48_600, 45_000, 48_600]
    assert all(session.departures[0].at_s == session.begin_s + session.duration_s for session in found)
    assert found[0].surplus_w[0] == -400.0


def test_the_forecast_of_a_stay_covers_it() -> None:
    """From any instant until the end, quarter by quarter, and nothing from before."""
    days = [box_day("2026-01-14"), box_day("2026-01-15")]
    habit = Habit(BERLIN, time(17, 30), time(7), 10_000.0)
    ((session, known),) = stays(days, habit, book(hourly("2026-01-01", 24 * 20)))
    end_s = session.begin_s + session.duration_s
    for now_s in (session.begin_s, session.begin_s + 610, end_s - 900):
        slots = known.surplus(now_s, end_s)
        assert slots[0].begin_s <= now_s < slots[0].end_s
        assert slots[-1].end_s == end_s


# -- the command -------------------------------------------------------------------------------------------


def write_days(path: Path, first: str, count: int) -> Path:
    """Write days with 4 kW from 10 to 14 h, in steps of 5 min."""
    lines, begin = ["time,pv_w,load_w"], datetime.fromisoformat(first)
    for slot in range(count * 288):
        moment = begin + timedelta(minutes=5 * slot)
        sun_w = 4000 if 10 <= moment.hour < 14 else 0
        lines.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{sun_w},400")
    path.write_text("\n".join(lines))
    return path


def write_prices(path: Path, first: str, days: int) -> Path:
    quotes = hourly(first, 24 * days)
    rows = [
        f"{datetime.fromtimestamp(q.begin_s, UTC):%Y-%m-%dT%H:%M:%SZ},3600,{(q.spot_ct_per_kwh or 0) * 10:g}"
        for q in quotes
    ]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def backtest(tmp_path: Path, *args: str, days: int = 3) -> list[dict[str, float]]:
    trace = write_days(tmp_path / "t.csv", "2026-01-14", days)
    prices = write_prices(tmp_path / "p.csv", "2026-01-10", 8)
    target = tmp_path / "out.json"
    command = ["backtest", str(trace), "--prices", str(prices), "--json", str(target), *args]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: list[dict[str, float]] = json.loads(target.read_text())
    return found


def test_the_command_scores_nights_with_a_departure(tmp_path: Path) -> None:
    """Two nights lie within three days; both departures are met; the keys are the promised ones."""
    args = ("--strategy", "ready_by", "--plug-in", "17:30", "--depart", "07:00", "--need-kwh", "6")
    rows = backtest(tmp_path, *args, "--added-ct", "10", "--vat", "0.19", "--room-kwh", "20")
    assert [row["begin"] for row in rows] == ["2026-01-14T17:30:00Z", "2026-01-15T17:30:00Z"]
    assert [row["missed_kwh"] for row in rows] == [0, 0]
    assert set(rows[0]) == {
        *("trace", "begin", "hours", "strategy", "need_kwh", "ev_kwh", "missed_kwh", "extra_kwh"),
        *("import_kwh", "import_ev_kwh", "export_kwh", "writes", "starts", "phase_changes"),
        *("bill_ct", "switching_ct", "cost_ct"),
    }


def test_the_command_scores_days_without_one(tmp_path: Path) -> None:
    """From midnight to midnight two stays, charged by the sun."""
    rows = backtest(tmp_path, "--strategy", "tariff", "--value-ct", "12", days=2)
    assert len(rows) == 2
    assert all(row["need_kwh"] == 0 and row["ev_kwh"] > 8 for row in rows)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--oracle",), "one price only"),
        (("--import-ct", "40"), "--import-ct knows one price only"),
        (("--plug-in", "25:00"), "--plug-in.*07:00"),
        (("--depart", "noon"), "--depart"),
        (("--timezone", "Mars/Base"), "--timezone"),
    ],
)
def test_the_command_explains_what_it_cannot_use(tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    """One sentence with the option and what is accepted."""
    with pytest.raises(ConfigError, match=says):
        backtest(tmp_path, *args)


def test_prices_of_other_days_are_refused(tmp_path: Path) -> None:
    """The instant without a price is named; so is a stay that no trace holds."""
    trace = write_days(tmp_path / "t.csv", "2026-01-14", 2)
    prices = write_prices(tmp_path / "p.csv", "2025-01-10", 8)
    command = ["backtest", str(trace), "--prices", str(prices)]
    with pytest.raises(ConfigError, match="2026-01-14T00:00:00Z"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    short = write_days(tmp_path / "s.csv", "2026-01-14", 1)
    command = ["backtest", str(short), "--prices", str(prices), "--plug-in", "17:30", "--depart", "07:00"]
    with pytest.raises(ConfigError, match="lies within the traces"):
        CliRunner().invoke(app, command, catch_exceptions=False)
