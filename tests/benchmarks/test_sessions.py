"""The sessions of the comparison: which they are, that all meet the same, what the page says."""

import gzip
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks import session_report, session_runs
from benchmarks.session_cases import Case, Visit, cases, price_date, read_visits
from benchmarks.session_runs import BLIND, DYNAMIC, FIXED, OURS, PERFECT, Known, Market, Row, run_entry
from controller.days.backtest_session import SessionResult
from controller.days.traces import Day
from controller.errors import ConfigError
from controller.tariffs.quotes import Quote


def day(number: int, step_s: int = 300, sun_w: float = 6_000.0) -> Day:
    """Return a day of June 2012 with sun from 8 to 16 h and a house of 400 W."""
    slots = range(0, 86_400, step_s)
    pv_w = [sun_w if 8 * 3600 <= s < 16 * 3600 else 0.0 for s in slots]
    return Day("made", f"2012-06-{number:02d}", step_s, pv_w, [400.0] * len(slots))


WEEK = [day(number) for number in range(18, 25)]
VISITS = [Visit(weekday, 61_200 + 600 * n, 50_400, 9_000.0 + n) for weekday in range(7) for n in range(4)]


def quotes(begin: date, days: int) -> tuple[Quote, ...]:
    """Return hours at 3 ct in the night until 6 UTC and 12 ct else."""
    begin_s = datetime(begin.year, begin.month, begin.day, tzinfo=UTC).timestamp()
    return tuple(
        Quote(begin_s + hour * 3600, begin_s + (hour + 1) * 3600, 3.0 if hour % 24 < 6 else 12.0)
        for hour in range(days * 24)
    )


QUOTES = quotes(date(2025, 6, 1), 40)


@pytest.fixture(scope="module")
def case() -> Case:
    """Return one evening's session until the morning, 9 kWh."""
    return next(one for one in cases(WEEK, VISITS) if one.date == "2012-06-19")


def test_a_day_gets_the_prices_of_its_season_and_weekday() -> None:
    """All weeks of the recorded years: weekday kept, about the same time of year, and there are prices."""
    for year in (2012, 2014, 2016, 2019):
        for ordinal in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()):
            recorded = date.fromordinal(ordinal)
            priced = price_date(recorded)
            apart = abs(recorded.timetuple().tm_yday - priced.timetuple().tm_yday)
            assert priced.weekday() == recorded.weekday()
            assert min(apart, 365 - apart) <= 10
            first, second = (date(2024, 1, 1), date(2025, 6, 28)), (date(2025, 10, 2), date(2026, 3, 29))
            assert first[0] <= priced <= first[1] or second[0] <= priced <= second[1]


def test_the_draw_is_the_same_whatever_other_days_there_are() -> None:
    """A day's first session hangs on the day and the visits alone; needs are visits' energies."""
    of_week = {one.date: one for one in cases(WEEK, VISITS) if one.number == 0}
    (alone,) = (one for one in cases([WEEK[3]], VISITS) if one.number == 0)
    same = of_week[alone.date]
    assert (same.second, same.stay_s, same.need_wh, same.room_wh, same.factors) == (
        alone.second,
        alone.stay_s,
        alone.need_wh,
        alone.room_wh,
        alone.factors,
    )
    assert all(one.need_wh <= one.room_wh <= one.need_wh + 20_000 for one in of_week.values())
    assert {one.tuning for one in of_week.values()} == {True, False}


def test_a_stay_over_midnight_has_the_next_day_or_the_same_again() -> None:
    """The week's Tuesday is followed by its Wednesday; behind its Sunday there is nothing."""
    by_date = {one.date: one for one in cases(WEEK, VISITS) if one.number == 0}
    assert [d.date for d in by_date["2012-06-19"].days] == ["2012-06-19", "2012-06-20"]
    assert [d.date for d in by_date["2012-06-24"].days] == ["2012-06-24", "2012-06-24"]
    assert by_date["2012-06-19"].recording().duration_s == 2 * 86_400


def test_stays_are_read_and_odd_ones_left_out(tmp_path: Path) -> None:
    """8 to 36 h and 4 to 40 kWh; another file is refused with its name."""
    path = tmp_path / "visits.csv.gz"
    rows = [
        "2019-08-23T16:10:00Z,2019-08-24T07:22:00Z,24.5",
        "2019-08-23T16:10:00Z,2019-08-23T20:22:00Z,24.5",
        "2019-08-23T16:10:00Z,2019-08-24T07:22:00Z,2.5",
    ]
    path.write_bytes(gzip.compress("\n".join(["plugin,plugout,energy_kwh", *rows]).encode()))
    assert read_visits(path) == [Visit(4, 58_200, 54_720, 24_500.0)]
    with pytest.raises(ConfigError, match=r"none\.csv"):
        read_visits(tmp_path / "none.csv")


def test_the_mean_of_the_dynamic_prices_is_thirty() -> None:
    """A quarter of the hours at 3 ct, the others at 12: 9.75 ct, and 15.5 net are added."""
    market = Market(DYNAMIC, QUOTES)
    begin_s, end_s = QUOTES[0].begin_s, QUOTES[-1].end_s
    paid, _ = market.of(begin_s, end_s)
    mean_ct = sum(slot.import_ct_per_kwh * (slot.end_s - slot.begin_s) for slot in paid) / (end_s - begin_s)
    assert mean_ct == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize("tariff", [FIXED, DYNAMIC])
def test_everybody_meets_the_same_house(case: Case, tariff: str) -> None:
    """The house alone needs and gives the same, whoever charges; nobody misses the departure."""
    found = {entry: run_entry(case, Market(tariff, QUOTES), entry) for entry in (BLIND, OURS)}
    house_kwh = {round(r.import_kwh - r.export_kwh - r.ev_kwh, 6) for r in found.values()}
    assert len(house_kwh) == 1
    assert {result.missed_kwh for result in found.values()} == {0.0}
    assert all(result.ev_kwh >= case.need_wh / 1000 - 0.001 for result in found.values())


def test_results_are_kept_and_a_cut_line_is_not_believed(case: Case, tmp_path: Path) -> None:
    """What was lived is known again for the same session, tariff and entry only."""
    path = tmp_path / "kept" / "sessions.jsonl"
    kept = Known(path)
    kept.keep(Row(case, FIXED, OURS, _result(400.0)))
    with path.open("a") as file:
        file.write('{"key": "half')
    again = Known(path)
    assert again.get(case, FIXED, OURS) == _result(400.0)
    assert again.get(case, DYNAMIC, OURS) is None
    assert again.get(case, FIXED, BLIND) is None
    assert again.get(replace(case, need_wh=1.0), FIXED, OURS) is None


def test_every_session_is_run_at_both_tariffs_and_known_ones_are_not(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two blind runs in a process of their own; the second time none is left to do."""
    known = tmp_path / "sessions.jsonl"
    rows = session_runs.run([case], QUOTES, 1, Known(known), entries=(BLIND,))
    assert [(row.tariff, row.entry) for row in rows] == [(DYNAMIC, BLIND), (FIXED, BLIND)]
    monkeypatch.setattr(session_runs, "multiprocessing", None)
    assert session_runs.run([case], QUOTES, 1, Known(known), entries=(BLIND,)) == rows


def _result(cost_ct: float, missed_kwh: float = 0.0) -> SessionResult:
    return SessionResult(
        trace="made",
        begin="2025-06-17T17:00:00Z",
        hours=14.0,
        strategy="it",
        need_kwh=9.0,
        ev_kwh=9.0,
        missed_kwh=missed_kwh,
        extra_kwh=0.0,
        import_kwh=12.0,
        import_ev_kwh=8.0,
        export_kwh=2.0,
        writes=20,
        starts=2,
        phase_changes=1,
        bill_ct=cost_ct,
        switching_ct=3.0,
        cost_ct=cost_ct,
    )


def test_the_page_says_what_was_reached(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sessions: 30 ct cheaper on the mean, two of three cheaper, one departure missed."""
    monkeypatch.setattr(session_report.session_picture, "draw", lambda rows, market, path: "No picture.")
    money = {"a": (400.0, 350.0), "b": (400.0, 340.0), "c": (400.0, 420.0)}
    rows = []
    for place, (name, (blind_ct, ours_ct)) in enumerate(money.items()):
        stay_s, need_wh = ((20 * 3600, 8000.0), (36 * 3600, 20_000.0), (37 * 3600, 12_000.0))[place]
        one = replace(case, trace=name, place=place, stay_s=stay_s, need_wh=need_wh)
        rows += [
            Row(one, FIXED, BLIND, _result(blind_ct)),
            Row(one, FIXED, OURS, _result(ours_ct, 0.1 * (name == "c"))),
        ]
    rows.append(Row(rows[0].case, FIXED, PERFECT, _result(347.0)))
    least = {(row.case.name, FIXED): 340.0 for row in rows}
    path = session_report.write(rows, Market(DYNAMIC, QUOTES), least, tmp_path, 7)
    text = path.read_text()
    assert "in **3 of 7** sessions" in text
    assert "| fixed: departures missed | 0 | 1 | 0 | **not reached** | 0 | 0 |" in text
    assert (
        "| fixed: cheaper by, ct a session | 25 | 30.0 (-20.0 to 60.0) | 60.0 (60.0 to 60.0) | reached |"
        in text
    )
    assert "| fixed: cheaper in a share of | 0.80 | 0.67" in text
    assert "| fixed: dearer than with a perfect forecast, ct | at most 5 | 3.0" in text
    assert "reached | 55.0 (50.0 to 60.0) | 60.0 (60.0 to 60.0) |" in text  # a and b: 14 to 36 h, 8 to 20 kWh
    assert "| 14 to 36 h, 8 to 20 kWh (the wanted numbers come from such stays) | 2 | 55.0" in text
    assert "the 1 asked with a perfect one" in text
    assert "| odd days (nothing was chosen on them) |" not in text  # a single one has no interval
    assert "| even days | 2 | 15.0 (-20.0 to 50.0) | 60.0 |" in text
    assert (tmp_path / "sessions.json").stat().st_size > 100
