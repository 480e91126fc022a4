"""Numbers of the report against sums by hand, and the whole command on two days."""

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import frontier, goals, intervals, tables
from benchmarks.entries import Row
from benchmarks.frontier import interpolated
from benchmarks.scores import Case, Scores, Summary
from benchmarks.sky import describe
from controller.days.backtest import DayResult
from controller.days.traces import Day

ROOT = Path(__file__).parents[2]


def result(label: str, date: str, value_ct: float, regret_ct: float, writes: int = 100) -> DayResult:
    """Return a day's score with these numbers; 40 kWh for the car, 2 of them from the grid."""
    return DayResult(
        *("t.csv", date, label, value_ct, 40.0, 10.0, 2.0, 5.0, 55.0, 8.0, writes, 3, 4),
        bill_ct=-80.0,
        cost_ct=regret_ct - 900.0,
        oracle_cost_ct=-900.0,
    )


def rows(label: str, regrets: list[float], writes: int = 100, value_ct: float = 20.0) -> list[Row]:
    """Return a controller's scores on consecutive days."""
    return [
        Row("main", label, "1 s", 1.0, result(label, f"2026-06-{day:02d}", value_ct, regret_ct, writes))
        for day, regret_ct in enumerate(regrets, start=1)
    ]


def test_means_and_pairs_are_sums_by_hand() -> None:
    """Means over days, the better interval of evcc, and the difference day by day."""
    scores = Scores(
        rows("surplus", [10, 20, 30], 50)
        + rows("evcc_30s", [40, 50, 60])
        + rows("evcc_10s", [40, 50, 57], 200)
    )
    summary = scores.summary(Case("surplus", "1 s"))
    assert summary is not None
    assert (summary.regret_ct, summary.ev_sun_kwh, summary.most_writes) == (20.0, 38.0, 50)
    assert summary.regret_low_ct >= 10
    assert summary.regret_high_ct <= 30
    assert scores.better_evcc("1 s", 20.0) == "evcc_10s"
    apart = scores.difference(Case("surplus", "1 s"), Case("evcc_10s", "1 s"))
    assert apart is not None
    assert apart.value == pytest.approx(-29)
    assert -30 <= apart.low <= apart.high <= -27


def test_the_table_of_limits_does_not_depend_on_who_was_ready_first() -> None:
    """Two processes end in any order: the same scores are the same table."""
    names = ("surplus", "no write budget", "no least times", "no phase limits", "none of them")
    parts = [row for number, name in enumerate(names) for row in rows(name, [number, number])]
    lines = tables.limits_table(Scores(parts), "1 s")
    assert len(lines) == 2 + len(names)
    assert tables.limits_table(Scores(parts[::-1]), "1 s") == lines


def test_goals_say_by_how_much_they_are_missed() -> None:
    """20 of 50 ct is 0.40: reached at 0.45; 100 of 200 commands is 0.50: missed by 0.10."""
    parts = []
    for value_ct in (12.0, 16.0, 20.0, 26.0):
        parts += rows("surplus", [20, 20], 100, value_ct)
        parts += rows("evcc_30s", [60, 60], 300, value_ct) + rows("evcc_10s", [50, 50], 200, value_ct)
    found = {goal.what: goal for goal in goals.goals(Scores(parts), "1 s")}
    assert found["regret at 20 ct/kWh"].verdict == "reached"
    assert found["regret at 26 ct/kWh"].verdict == "**missed by 0.15**"
    assert found["commands at 20 ct/kWh"].verdict == "**missed by 0.10**"


def test_intervals_cover_the_mean_of_a_known_law() -> None:
    """Of means over 40 dice, about 95 of 100 intervals hold 3.5; equal days have no width."""
    import random

    dice, held = random.Random(11), 0
    for _ in range(100):
        found = intervals.mean([dice.randint(1, 6) for _ in range(40)])
        held += found.low <= 3.5 <= found.high
    assert 88 <= held <= 99
    same = intervals.mean([7.0] * 5)
    assert (same.low, same.value, same.high) == (7.0, 7.0, 7.0)


def test_the_frontier_is_read_between_its_points() -> None:
    """Half way in grid energy is half way in everything; beyond the ends nothing is said."""

    def point(grid_kwh: float, car_kwh: float, writes: float) -> Summary:
        return Summary(
            "share", "x", "1 s", 1.0, 20.0, 1, 0, 0, 0, 0, car_kwh, grid_kwh, 0, writes, 0, 2.0, 1.0
        )

    points = [point(0.5, 38.0, 200.0), point(1.5, 42.0, 160.0)]
    found = interpolated(points, 1.0)
    assert found == {"ev_kwh": 40.0, "writes": 180.0, "starts": 2.0, "phase_changes": 1.0}
    assert interpolated(points, 1.6) is None


def test_the_distance_from_the_frontier_has_an_interval_over_days() -> None:
    """2 % more on each of four unlike days is 2 %, and sure; more on some, less on others is not."""

    def lived(label: str, question: str, grid: Sequence[float], car: Sequence[float]) -> list[Row]:
        found = []
        for day, (grid_kwh, car_kwh) in enumerate(zip(grid, car, strict=True)):
            scored = replace(result(label, f"d{day}", 20.0, 0.0, 100), import_ev_kwh=grid_kwh, ev_kwh=car_kwh)
            found.append(Row(question, label, "1 s", 1.0, scored))
        return found

    peer = [40.0, 20.0, 30.0, 10.0]
    sure = [1.02 * kwh for kwh in peer]
    for ours, sides in ((sure, (1.99, 2.01)), ([44.0, 17.0, 33.0, 9.0], (-20.0, 11.0))):
        parts = lived("evcc_30s", "main", [1.0] * 4, peer)
        parts += lived("share 0.9", "share", [0.5] * 4, ours) + lived("share 0.5", "share", [1.5] * 4, ours)
        (found,) = frontier.against_baselines(Scores(parts), "1 s")
        assert found.more_pct is not None
        assert sides[0] < found.more_pct.low <= found.more_pct.value <= found.more_pct.high < sides[1]
        assert (found.more_pct.low > 0) is (ours is sure)


def test_a_day_is_described_by_its_ramps() -> None:
    """Sun that jumps 3 kW every 5 min for 4 h: 48 ramps, half of the time enough for one phase."""
    pv_w = [3000.0 if second // 300 % 2 else 0.0 for second in range(4 * 3600)]
    seen = describe(Day("x", "2026-06-21", 1, pv_w, [500.0] * len(pv_w)))
    assert (seen.ramps, seen.word, seen.load_steps) == (47, "broken", 0)
    assert (seen.hours_one_phase, seen.hours_three_phases) == (2.0, 0.0)
    assert (seen.pv_kwh, seen.load_kwh) == (pytest.approx(6.0), pytest.approx(2.0))


def test_a_lost_day_says_what_it_lost_by() -> None:
    """2 kWh less sun are 2 x 12 ct, 1 kWh more grid 12 ct, 40 fewer commands and 2 more changes 2.2 ct."""
    ours = replace(result("surplus", "x", 20.0, 0.0, 60), phase_changes=6)
    theirs = replace(
        ours, ev_kwh=41.0, import_ev_kwh=1.0, writes=100, phase_changes=4, cost_ct=ours.cost_ct - 38.2
    )
    assert tables.why(ours, theirs) == (
        "2.0 kWh less sun +24 ct, 1.0 kWh more grid +12 ct, switching +2 ct, all phase changes used"
    )
    assert tables.why(replace(theirs, writes=195), ours).endswith("switching -2 ct, all commands used")


def test_a_crooked_table_is_an_error() -> None:
    """A row with another number of cells than heads never becomes a page."""
    with pytest.raises(ValueError, match="columns"):
        tables.table(["a", "b"], [["1"]])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_command_measures_a_folder_from_end_to_end(tmp_path: Path) -> None:
    """A folder of 60-s traces, two processes: report, numbers and pictures."""
    traces = tmp_path / "traces"
    traces.mkdir()
    lines = ["time,pv_w,load_w"]
    for minute in range(1440):
        sun_w = 4600 if 600 <= minute < 840 and minute // 20 % 3 else 0
        lines.append(f"2026-06-21T{minute // 60:02d}:{minute % 60:02d}:00Z,{sun_w},300")
    (traces / "one.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (traces / "turin_20190306_tuned.csv").write_text("\n".join(lines))
    out = tmp_path / "report"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--days", str(traces), "--report", str(out)]
    done = subprocess.run(
        [*command, "--processes", "2", "--no-cached"], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    page = (out / "report.md").read_text()
    assert "evcc_30s" in page
    assert "simulated" in page
    assert (out / "plots" / "broken_day.png").read_bytes().startswith(b"\x89PNG")
    body = json.loads((out / "report.json").read_text())
    assert [day["trace"] for day in body["days"]] == ["one.csv.gz"]  # the tuning trace is left out
    off = [case for case in body["summaries"] if case["label"] == "off"]
    assert {case["value_ct"] for case in off} == {12.0, 16.0, 20.0, 26.0}
    for case in off:  # off never charges: its cost is the bill of the house, whatever the value
        assert (case["ev_kwh"], case["writes"]) == (0, 0)
        assert case["cost_ct"] == pytest.approx(off[0]["cost_ct"])
        assert case["regret_ct"] >= 0
    fast = next(case for case in body["summaries"] if case["label"] == "fast" and case["value_ct"] == 20)
    assert fast["ev_kwh"] == pytest.approx(24 * 11.04, rel=0.01)


def test_an_unknown_part_is_explained(tmp_path: Path) -> None:
    """`--which` names what it accepts; a folder without days says so. No traceback."""
    command = [sys.executable, "-m", "benchmarks"]
    wrong = subprocess.run(
        [*command, "--which", "some"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    empty = subprocess.run(
        [*command, "--days", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (wrong.returncode, empty.returncode) == (2, 2)
    assert "held-out, tuning, all" in wrong.stderr
    assert "Remedy" in empty.stderr
    assert "Traceback" not in wrong.stderr + empty.stderr
