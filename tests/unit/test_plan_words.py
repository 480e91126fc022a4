"""`ampilot plan`, as people read it: by hand on small plans, and the real command on the example site."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.cli import plan_words
from controller.planner.plan import Alternative, Plan, PlannedSlot
from controller.planner.task import Departure, Task
from controller.planner.values import Reason
from controller.resources import config_dir
from controller.wanted import Sight

BERLIN = ZoneInfo("Europe/Berlin")
SIX_S = datetime(2026, 11, 26, 17, 0, tzinfo=UTC).timestamp()  # 18:00 in Berlin
QUARTER_S = 900.0


def slot(place: int, wh: float = 0.0, cost_ct: float = 0.0, **other: object) -> PlannedSlot:
    """Return a quarter-hour, counted from six in the evening; import 30 ct, feed-in 8 ct."""
    values: dict[str, object] = {
        "begin_s": SIX_S + QUARTER_S * place,
        "end_s": SIX_S + QUARTER_S * (place + 1),
        "value_ct_per_kwh": 25.0,
        "reason": Reason.TARGET,
        "phases": 3 if wh else 0,
        "expected_wh": wh,
        "p10_wh": wh,
        "p90_wh": wh,
        "cost_ct": cost_ct,
        "import_ct_per_kwh": 30.0,
        "export_ct_per_kwh": 8.0,
        "surplus_w": 0.0,
        "estimated": False,
    }
    return PlannedSlot(**{**values, **other})  # type: ignore[arg-type]


def plan(*slots: PlannedSlot, missing_wh: float = 0.0, latest_start_s: float | None = None) -> Plan:
    energy, cost = sum(s.expected_wh for s in slots), sum(s.cost_ct for s in slots)
    return Plan(SIX_S, slots, energy, cost, missing_wh, latest_start_s)


def test_what_is_needed_by_when_comes_first() -> None:
    """A departure that needs no more than an earlier one is not named."""
    needs = (
        Departure(SIX_S + 13 * 3600, 9_000.0),
        Departure(SIX_S + 37 * 3600, 9_000.0),
        Departure(SIX_S + 40 * 3600, 12_500.0),
    )
    lines = plan_words.headline(
        plan(slot(0), latest_start_s=SIX_S + 11.5 * 3600), Task((), needs), BERLIN, 3_200.0
    )
    assert lines[0] == (
        "The car needs 9.0 kWh until 07:00 tomorrow, 12.5 kWh until Sat 10:00. "
        "It took 3.2 kWh since it was plugged in."
    )
    assert lines[1].startswith("From 05:30 tomorrow on only full power is in time")


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ((), "No departure is ahead, so it charges where that is cheap."),
        ((Departure(SIX_S + 3600, 0.0),), "The car has what it needs for 19:00."),
    ],
)
def test_nothing_missing_is_said_too(needs: tuple[Departure, ...], said: str) -> None:
    assert plan_words.headline(plan(slot(0)), Task((), needs), BERLIN, 0.0) == [said]


def test_what_cannot_be_met_is_said() -> None:
    lines = plan_words.headline(plan(slot(0), missing_wh=3_100.0), Task((), ()), BERLIN, 0.0)
    assert lines[-1] == "3.1 kWh will be missing: there is no time for more."


def test_stretches_are_joined_and_say_from_what_and_for_how_much() -> None:
    """Two quarters of grid at 30 ct; a pause; two of which half is sun: 19 ct."""
    made = plan(
        slot(0, 2_760, 82.8),
        slot(1, 2_760, 82.8),
        slot(2),
        slot(3, 1_000, 19.0, p10_wh=500, p90_wh=1_500),
        slot(4, 1_000, 19.0),
    )
    assert plan_words.stretches(made, BERLIN) == [
        "Thu 18:00 to 18:30: 5.5 kWh, grid, 1.66 €, 30.0 ct/kWh",
        "Thu 18:45 to 19:15: 2.0 kWh (1.5 to 2.5), 50% sun, 0.38 €, 19.0 ct/kWh",
    ]
    assert plan_words.stretches(plan(slot(0)), BERLIN) == ["not at all"]


def test_the_ways_not_taken_stand_beside_it() -> None:
    made = plan(slot(0, 5_000, 110.0))
    ways = plan_words.ways(
        made, (90.0, 125.0), Alternative(150.0, 5_000.0), Alternative(16.0, 2_000.0), 5_000.0
    )
    assert ways == [
        "Expected: 5.0 kWh for 1.10 €, 22.0 ct/kWh; 0.90 € under a bright sky, 1.25 € under a dark one.",
        "Now at full power: 5.0 kWh for 1.50 €, 30.0 ct/kWh.",
        "Sun only: 2.0 kWh for 0.16 € of feed-in not sold; 3.0 kWh would be missing.",
    ]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (slot(0, value_ct_per_kwh=22.0), "too dear"),
        (slot(0, value_ct_per_kwh=28.0), "as cheap later"),
        (slot(0, reason=Reason.FULL), "full by then"),
        (slot(0, 2_000, 60.0), "grid, for the departure"),
        (slot(0, 2_000, 60.0, reason=Reason.LATER), "grid, cheap enough"),
        (slot(0, 2_000, 38.0), "sun and grid, for the departure"),
        (slot(0, 2_000, 16.0), "sun"),
    ],
)
def test_every_row_says_why(said: PlannedSlot, why: str) -> None:
    [row] = plan_words.rows(plan(said), BERLIN, quarters=True)
    assert row.why == why


def test_rows_are_hours_unless_something_changes_within() -> None:
    """Five quarters from six on, the third charges: 18:00-18:30, 18:30-18:45, 18:45-19:00, 19:00-19:15."""
    made = plan(
        slot(0), slot(1, import_ct_per_kwh=20.0), slot(2, 2_000, 60.0), slot(3), slot(4, estimated=True)
    )
    table = plan_words.rows(made, BERLIN, quarters=False)
    assert [round((row.end_s - row.begin_s) / 60) for row in table] == [30, 15, 15, 15]
    assert table[0].import_ct_per_kwh == 25.0
    assert len(plan_words.rows(made, BERLIN, quarters=True)) == 5
    assert plan_words.prices_known(made, BERLIN) == "Prices are published until 19:00; then estimated (~)."


# -- the command ------------------------------------------------------------------------------------------


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    site = (config_dir() / "sites" / "departure-tariff.toml").read_text("utf-8")
    config = folder / "ampilot.toml"
    config.write_text(site + f'\n[ledger]\npath = "{folder}/ledger.db"\n', "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "controller", "plan", "--config", str(config), *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "100", "PATH": "/usr/bin"},
    )


def test_the_example_site_says_when_it_charges_and_why(tmp_path: Path) -> None:
    """Whatever time it is: 9 kWh within ten hours, not dearer than at once, each line with its reason."""
    by = datetime.now(BERLIN) + timedelta(hours=10)
    done = run(tmp_path, "--need-kwh", "9", "--by", f"{by:%H:%M}", "--plot", str(tmp_path / "plan.png"))
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "this is the plan if one came now" in text
    assert "The car needs 9.0 kWh until" in text
    stretches = re.findall(r"\d\d:\d\d to .*: (\d+\.\d) kWh", text)
    assert 8.9 <= sum(float(kwh) for kwh in stretches) <= 9.6, text
    expected = re.search(r"Expected: \d+\.\d kWh for (\d+\.\d\d) €", text)
    at_once = re.search(r"Now at full power: 9\.0 kWh for (\d+\.\d\d) €", text)
    assert expected is not None
    assert at_once is not None
    assert float(expected[1]) <= float(at_once[1]) + 0.15  # up to half a kWh more than asked for
    assert "Sun only: 0.0 kWh" in text
    assert "grid, for the departure" in text
    assert (tmp_path / "plan.png").stat().st_size > 10_000


def test_a_strategy_that_does_not_follow_is_told(tmp_path: Path) -> None:
    """The default one does not; half a what-if is refused with what is accepted."""
    done = run(tmp_path, "--need-kwh", "9")
    assert done.returncode == 78
    assert "--need-kwh 10 --by 07:00" in done.stderr
    config = tmp_path / "ampilot.toml"
    config.write_text(config.read_text("utf-8").replace('name = "ready_by"', 'name = "surplus"'), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "controller", "plan", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "does not follow this plan" in done.stdout


@pytest.mark.parametrize(
    ("sight", "words"),
    [
        (Sight(), "No car is known"),
        (Sight(connected=True, stranger=True), "Nobody has seen what this car takes: it is tried"),
        (Sight(connected=True), ""),
    ],
)
def test_what_a_plan_does_not_know_is_said_first(sight: Sight, words: str) -> None:
    """No car, a car nobody saw charge, no sun; nothing where all is known."""
    assert plan_words.caveats(sight, sun_known=False)[-1].startswith("Nothing is known of the sun")
    said = plan_words.caveats(sight, sun_known=True)
    assert [line.startswith(words) for line in said] == ([True] if words else [])
