"""`ampilot replay` on ledgers filled by hand, against bills worked out by hand."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from controller.clock import SimClock
from controller.days.replay import replay, total, verdict_on, what_happened
from controller.days.replay_plan import days_of, plan_of, source_of
from controller.ledger.intent_store import IntentStore
from controller.ledger.ledger import Ledger
from controller.ledger.session_store import SessionStore
from controller.ledger.upkeep import describe_site
from controller.model import Prices
from tests.unit.recordings import BERLIN_DAY, BERLIN_MIDNIGHT, clear_day, config_for, fill

NOWHERE = Path("/nowhere")
OFF_BILL_CT = 0.5 * 12 * 32 - 3.0 * 12 * 8
"""A clear day without a car: 500 W bought for 12 h, 3000 W sold for 12 h."""

TIMERS_KWH = 13 * 0.23 * 12
"""The most whole amperes 3000 W carry are 13: 2990 W for 12 h."""

FAST_KWH = 16 * 3 * 0.23 * 24


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clear day of a house in Berlin, and the night before the next."""
    return fill(tmp_path_factory.mktemp("clear") / "l.db")


def with_visit(path: Path, came_h: int, left_h: int | None) -> Path:
    """Write a session from one hour of the day to another, or to this day."""
    clock = SimClock(BERLIN_MIDNIGHT + timedelta(hours=came_h))
    ledger = Ledger.open(path, clock)
    sessions = SessionStore(ledger)
    sessions.open()
    if left_h is not None:
        clock.advance((left_h - came_h) * 3600)
        sessions.close()
    ledger.close()
    return path


def ampilot(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


TARIFF = """
[tariff]
import_price = "zones"
[[tariff.zones]]
ct_per_kwh = 10.0
hours = ["00:00-06:00"]
[[tariff.zones]]
ct_per_kwh = 40.0
hours = ["18:00-24:00"]
"""
OFF_TARIFF_CT = 0.5 * 6 * 10 + 0.5 * 6 * 40 - 3.0 * 12 * 8


def with_tariff(ledger: Path, strategy: str) -> Path:
    config = config_for(ledger, strategy)
    config.write_text(config.read_text("utf-8") + TARIFF, "utf-8")
    return config


def test_prices_that_follow_the_day_make_the_bill_also_the_real_one(clear: Path, tmp_path: Path) -> None:
    """500 W at 10 ct for six hours, at 40 ct for six, 3 kW sold at 8 ct: with `off`, and as it really was."""
    target = tmp_path / "r.json"
    words = ("--from", BERLIN_DAY, "--to", BERLIN_DAY, "--json", target)
    result = ampilot("replay", "--config", with_tariff(clear, "off"), *words)
    assert result.returncode == 0, result.stderr
    document = json.loads(target.read_text())
    assert document["total"]["off"]["bill_ct"] == pytest.approx(OFF_TARIFF_CT, abs=0.02)
    assert document["really"]["bill_ct"] == pytest.approx(OFF_TARIFF_CT, abs=0.02)
    assert "where the tariff is not known" in result.stdout


def test_a_strategy_that_follows_a_plan_is_said_to_be_replayed_without(tmp_path: Path) -> None:
    """In the table's head and in the verdict of the night."""
    config = with_tariff(fill(tmp_path / "l.db", hours=3), "ready_by")
    shown = ampilot("replay", "--config", config, "--from", BERLIN_DAY, "--to", BERLIN_DAY)
    assert "ready_by is replayed without its plan" in shown.stdout
    source = source_of(config, None, NOWHERE)
    verdict = verdict_on(source, date.fromisoformat(BERLIN_DAY), plan_of(source, (), None, None))
    assert verdict is not None
    assert verdict.text.endswith("without its plan)")


def test_the_command_gives_the_bill_worked_out_by_hand(clear: Path, tmp_path: Path) -> None:
    """The real command on a real ledger: table, JSON and picture; `off` loses what 12 h of sun were worth."""
    target, plot = tmp_path / "r.json", tmp_path / "r.svg"
    config = config_for(clear, "off")
    words = ("--from", BERLIN_DAY, "--to", BERLIN_DAY, "--strategy", "off", "--strategy", "fast")
    result = ampilot("replay", "--config", config, *words, "--json", target, "--plot", plot)
    assert result.returncode == 0, result.stderr
    document = json.loads(target.read_text())
    (day,) = document["days"]
    assert (day["date"], day["hours"], day["known_h"], day["gaps"]) == (BERLIN_DAY, 24, 24, 0)
    assert (document["value_ct"], document["timezone"]) == (20.0, "Europe/Berlin")
    off, fast, timers = (document["total"][name] for name in ("off", "fast", "timers"))
    assert off["bill_ct"] == off["cost_ct"] == pytest.approx(OFF_BILL_CT, abs=0.001)
    assert (off["ev_kwh"], off["starts"], off["writes"]) == (0, 0, 0)
    assert timers["ev_kwh"] == pytest.approx(TIMERS_KWH, abs=0.2)
    assert timers["starts"] == 1
    # A kWh of sun in the car is worth 20 ct instead of the 8 ct it would have brought.
    assert off["saved_ct"] == pytest.approx(-(20 - 8) * TIMERS_KWH, abs=6)
    fast_bill_ct = (FAST_KWH + 0.5 * 12 - 3.0 * 12) * 32
    assert fast["ev_kwh"] == pytest.approx(FAST_KWH, abs=0.2)
    assert fast["bill_ct"] == pytest.approx(fast_bill_ct, abs=6)
    assert timers["saved_ct"] == 0
    assert "24.0 of 24 h known, no gap" in result.stdout
    off_row = next(line for line in result.stdout.splitlines() if line.startswith(f"{BERLIN_DAY} off"))
    assert off_row.split()[2:] == [
        "0.00",
        "0.00",
        "0.00",
        "-0.96",
        "0",
        "0",
        "0",
        f"{off['saved_ct'] / 100:.2f}",
    ]
    assert "connected all day and never full" in " ".join(result.stdout.split())
    assert plot.read_text().count("surplus without the car") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "2026-06-01"), "Recorded: 2026-05-05"),
        (("--from", "2026-05-32"), "--from: found '2026-05-32', accepted: a day such as"),
        (("--from", "2026-05-06", "--to", "2026-05-05"), "--from 2026-05-06 is after --to 2026-05-05"),
        (("--strategy", "genius"), "'genius' is not installed; known: "),
        (("--ledger", "nothing.db"), "nothing.db: there is no ledger"),
    ],
)
def test_what_is_wrong_is_said(clear: Path, words: tuple[str, ...], message: str) -> None:
    """A span without readings, a bad date, an unknown strategy: one message, no traceback, exit by kind."""
    result = ampilot("replay", "--config", config_for(clear), *words)
    assert result.returncode in (69, 78)
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_in_a_gap_the_meter_is_silent_and_nothing_counts(tmp_path: Path) -> None:
    """An hour without rows: 23 h on the bill, and a car on full power stops for it and starts again."""
    path = fill(tmp_path / "l.db", skip=lambda second: 10 * 3600 <= second < 11 * 3600)
    source = source_of(config_for(path, "fast"), None, NOWHERE)
    plan = plan_of(source, ["off", "fast"], None, None)
    (day,) = replay(source, days_of(source, None, None), plan, lambda share: None)
    assert total([day], "off")["bill_ct"] == pytest.approx(0.5 * 12 * 32 - 3.0 * 11 * 8)
    fast = total([day], "fast")
    assert fast["ev_kwh"] == pytest.approx(FAST_KWH * 23 / 24, abs=0.4)
    assert fast["starts"] == 2
    slot = 10 * 60
    assert all(watt != watt for watt in day.course.car_w["fast"][slot : slot + 60])
    assert day.course.car_w["fast"][slot - 1] == pytest.approx(11_040)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_of_23_or_25_hours_has_their_bill(tmp_path: Path, day: date, hours: int) -> None:
    """1 kW for as many hours as the day has, at 32 ct; one panel of the day ends where it does."""
    begin = BERLIN_MIDNIGHT.replace(month=day.month, day=day.day - 1, hour=23 if hours == 23 else 22)
    path = fill(tmp_path / "l.db", begin, hours, lambda second: 1000.0)
    source = source_of(config_for(path), None, NOWHERE)
    plan = plan_of(source, ["off"], None, None)
    shares: list[float] = []
    (replayed,) = replay(source, days_of(source, None, None), plan, shares.append)
    assert total([replayed], "off")["bill_ct"] == pytest.approx(32 * hours)
    assert len(replayed.course.surplus_w) == hours * 60
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("strategy", ["off", "fast"])
def test_the_verdict_has_the_honest_sign(tmp_path: Path, strategy: str) -> None:
    """A car from 16:00 to 20:00: two hours of sun, two without. Timers win, so it says lost, by hand."""
    path = with_visit(fill(tmp_path / "l.db"), 16, 20)
    source = source_of(config_for(path, strategy), None, NOWHERE)
    verdict = verdict_on(source, date(2026, 5, 5), plan_of(source, (), None, None))
    assert verdict is not None
    timers_ct = -(20 - 8) * 13 * 0.23 * 2  # beside what the house costs without a car
    fast_kw = 16 * 3 * 0.23
    fast_ct = (fast_kw - 3) * 2 * 32 + 3 * 2 * 8 + fast_kw * 2 * 32 - 20 * fast_kw * 4
    lost_ct = (fast_ct if strategy == "fast" else 0) - timers_ct
    assert verdict.saved_ct == pytest.approx(-lost_ct, abs=6)
    assert verdict.connected_h == 4.0
    amount = f"lost {-verdict.saved_ct / 100:.2f} EUR against simple timers"
    assert verdict.text == f"{amount} (replay of 4.0 h with a car, as if never full)"


def test_without_a_car_the_verdict_is_an_if(clear: Path) -> None:
    """No car came: it says so, and what one would have lost or saved that was there all day."""
    source = source_of(config_for(clear, "off"), None, NOWHERE)
    verdict = verdict_on(source, date(2026, 5, 5), plan_of(source, (), None, None))
    assert verdict is not None
    assert verdict.saved_ct == pytest.approx(-(20 - 8) * TIMERS_KWH, abs=6)
    amount = f"would have lost {-verdict.saved_ct / 100:.2f} EUR against simple timers"
    assert verdict.text == f"{amount} (no car came; replay with one for 24 h)"
    assert verdict_on(source, date(2026, 5, 4), plan_of(source, (), None, None)) is None


def test_as_plugged_the_car_is_there_when_it_was(tmp_path: Path) -> None:
    """From 10:00 to 11:00 and from 15:00 on: full power in these hours, none in the others."""
    path = with_visit(fill(tmp_path / "l.db"), 10, 11)
    with_visit(path, 15, None)
    source = source_of(config_for(path), None, NOWHERE)
    plan = replace(plan_of(source, ["fast"], None, None), as_plugged=True)
    (day,) = replay(source, days_of(source, None, None), plan, lambda share: None)
    fast = total([day], "fast")
    assert fast["ev_kwh"] == pytest.approx(16 * 3 * 0.23 * (1 + 9), abs=0.5)
    assert fast["starts"] == 2
    car_w = day.course.car_w["fast"]
    assert [round(car_w[60 * hour + 30]) for hour in (9, 10, 11, 14, 15, 23)] == [
        0,
        11_040,
        0,
        0,
        11_040,
        11_040,
    ]


def test_money_options_and_value(clear: Path) -> None:
    """The value is the one asked for, configured, or midway; the configured strategy keeps its options."""
    config = config_for(clear, "surplus")
    text = config.read_text()
    source = source_of(config, None, NOWHERE)
    assert (plan_of(source, (), None, None).value_ct, list(plan_of(source, (), None, None).strategies)) == (
        20.0,
        ["surplus", "timers"],
    )
    options = "options = { value_ct_per_kwh = 14, solar_share = 0.9 }\n[ledger]"
    config.write_text(text.replace("[ledger]", options))
    source = source_of(config, None, NOWHERE)
    plan = plan_of(source, ("surplus", "min_surplus"), None, None)
    kept, other = plan.strategies["surplus"], plan.strategies["min_surplus"]
    assert (kept.value_ct_per_kwh, kept.solar_share) == (14, 0.9)
    assert (other.value_ct_per_kwh, other.solar_share) == (14, 0.75)
    assert "configured" in plan.value_from
    asked = plan_of(source, ("surplus",), 25.0, 0.6).strategies["surplus"]
    assert (asked.value_ct_per_kwh, asked.solar_share) == (25.0, 0.6)


def test_a_ledger_file_stands_for_itself(tmp_path: Path) -> None:
    """Time zone, prices and strategy come with the file; without them it is UTC and the defaults."""
    path = fill(tmp_path / "l.db")
    assert len(days_of(source_of(None, path, NOWHERE), None, None)) == 2  # Berlin's day in UTC
    ledger = Ledger.open(path, SimClock(BERLIN_MIDNIGHT))
    describe_site(ledger, "Europe/Berlin", Prices(import_ct_per_kwh=40.0), "fast", {})
    ledger.close()
    source = source_of(None, path, NOWHERE)
    assert days_of(source, None, None) == [date(2026, 5, 5)]
    assert (source.prices.import_ct_per_kwh, source.strategy) == (40.0, "fast")


def test_spans_take_the_days_there_are(tmp_path: Path) -> None:
    """Both ends are included; without a span it is the last seven recorded days, holes left out."""
    path = tmp_path / "l.db"
    for day in [*range(3, 9), *range(12, 15)]:
        fill(path, BERLIN_MIDNIGHT.replace(day=day - 1) + timedelta(hours=9), 0.5)
    source = source_of(config_for(path), None, NOWHERE)
    assert [day.day for day in days_of(source, None, None)] == [5, 6, 7, 8, 12, 13, 14]
    assert [day.day for day in days_of(source, date(2026, 5, 8), date(2026, 5, 13))] == [8, 12, 13]
    assert [day.day for day in days_of(source, date(2026, 5, 1), None)] == [*range(3, 9), 12, 13, 14]
    with pytest.raises(Exception, match="2026-05-03 to 2026-05-08, 2026-05-12 to 2026-05-14"):
        days_of(source, date(2026, 5, 9), date(2026, 5, 11))


def test_what_really_happened_comes_from_the_ledger(tmp_path: Path) -> None:
    """Energy of the day, sessions that touch it, its commands, and the meter's bill with the real car."""
    path = fill(tmp_path / "l.db", hours=23.5, base_import_w=clear_day, car_w=1000.0)
    clock = SimClock(BERLIN_MIDNIGHT - timedelta(hours=1))
    ledger = Ledger.open(path, clock)
    sessions = SessionStore(ledger)
    sessions.open()
    clock.advance(3 * 3600)
    IntentStore(ledger, clock).record("6 A x1", {"amp": 6}, safety=False, reason="sun")
    sessions.count(writes=1, starts=2, phase_changes=1)
    sessions.add_energy("2026-05-04", 9000.0, 9000.0, 9.0)
    sessions.add_energy(BERLIN_DAY, 400.0, 600.0, 9.0)
    sessions.close()
    ledger.close()
    source = source_of(config_for(path), None, NOWHERE)
    plan = plan_of(source, ["off"], None, None)
    days = list(replay(source, days_of(source, None, None), plan, lambda share: None))
    really = what_happened(source, days)
    assert (really.grid_kwh, really.sun_kwh, really.ev_kwh) == (0.4, 0.6, 1.0)
    assert (really.starts, really.phase_changes, really.writes) == (2, 1, 1)
    assert really.connected_h == 2.0  # it came an hour before midnight and stayed for three
    assert really.bill_ct == pytest.approx(1.5 * 11.5 * 32 - 2.0 * 12 * 8)


def test_a_car_that_is_still_there_was_there_until_now(tmp_path: Path) -> None:
    """The day goes on: five hours of readings, a car since the third of them, not the rest of the day."""
    path = with_visit(fill(tmp_path / "l.db", hours=5), 3, None)
    source = source_of(config_for(path), None, NOWHERE)
    days = list(
        replay(source, days_of(source, None, None), plan_of(source, ["off"], None, None), lambda share: None)
    )
    assert what_happened(source, days).connected_h == pytest.approx(2.0)


def test_the_help_names_every_option_people_need() -> None:
    """`ampilot` knows the command, and its inner switch is not shown."""
    result = ampilot("replay", "--help")
    for option in ("--from", "--to", "--strategy", "--ledger", "--json", "--plot"):
        assert option in result.stdout
    assert "--verdict" not in result.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_replay_of_the_demo_repeats_the_demo(tmp_path: Path) -> None:
    """The demo's day was lived through real sockets and another plant; its replay is much the same.

    Energy within 6 % (a replay knows 10-s means, the day had seconds), starts and phase changes within two on
    a wild day that spends all its commands: the oracle is what the house's own counters say.
    """
    command = [sys.executable, "-m", "controller", "demo", "--out", str(tmp_path)]
    demo = subprocess.run(command, capture_output=True, text=True, timeout=380)
    assert demo.returncode == 0, demo.stderr
    ledger, target, plot = tmp_path / "demo-ledger.db", tmp_path / "r.json", tmp_path / "r.png"
    result = ampilot("replay", "--ledger", ledger, "--as-plugged", "--json", target, "--plot", plot)
    assert result.returncode == 0, result.stderr
    document = json.loads(target.read_text())
    again, really = document["total"]["surplus"], document["really"]
    assert again["ev_kwh"] == pytest.approx(really["grid_kwh"] + really["sun_kwh"], rel=0.06)
    assert again["import_ev_kwh"] == pytest.approx(really["grid_kwh"], abs=1.3)
    assert again["bill_ct"] == pytest.approx(really["bill_ct"], abs=15)
    assert abs(again["starts"] - really["starts"]) <= 2
    assert abs(again["phase_changes"] - really["phase_changes"]) <= 2
    assert document["days"][0]["known_h"] == pytest.approx(24, abs=0.1)
    assert plot.read_bytes().startswith(b"\x89PNG")
