"""The state of charge over the real ledger: restarts, words beside a running controller, the command."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cars.car import KnownCar
from controller.cli.main import app
from controller.clock import SimClock
from controller.errors import LedgerError
from controller.ledger.ledger import Ledger
from controller.ledger.soc_store import CarSoc, tell_by_hand
from controller.ledger.upkeep import maintain

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CARS = (KnownCar("Zoe", battery_kwh=50.0), KnownCar("Leaf", 2, battery_kwh=25.0, assumed_soc_pct=20.0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def run(path: Path) -> Iterator[Callable[[], CarSoc]]:
    """Start the store of a new run on the same file, the one before closed."""
    opened: list[Ledger] = []

    def start() -> CarSoc:
        for ledger in opened:
            ledger.close()
        opened[:] = [Ledger.open(path, SimClock(NOON))]
        return CarSoc(opened[0], CARS)

    yield start
    for ledger in opened:
        ledger.close()


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def pct(store: CarSoc) -> float | None:
    soc = store.now()
    return None if soc is None else soc.pct


def reports(path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as db:
        return db.execute("SELECT car, soc_pct, source, counter_wh FROM soc_reports ORDER BY id").fetchall()


def test_what_flows_while_the_cloud_is_silent_is_counted(run: Callable[[], CarSoc], path: Path) -> None:
    """The old report is looked at for an hour and a half; then the box has counted 9 kWh more."""
    store = run()
    store.observe(1000.0, True, "Zoe", at(0), 0.0, data_s=5.0)
    tell_by_hand(path, "Zoe", 40.0, at(1))
    for minute in range(1, 91):
        store.observe(1000.0, True, "Zoe", at(minute), 0.0, data_s=5.0)
    assert pct(store) == pytest.approx(40.0)
    store.observe(10_000.0, True, "Zoe", at(91), 9000.0, data_s=5465.0)
    assert pct(store) == pytest.approx(40.0 + 9.0 * 0.9 / 50.0 * 100)


def test_what_is_said_beside_it_is_taken_up_with_the_counter(run: Callable[[], CarSoc], path: Path) -> None:
    """Another connection writes, the next look knows it; the row then says where the counter stood."""
    store = run()
    store.observe(1000.0, True, "Zoe", at(0))
    assert pct(store) is None
    tell_by_hand(path, "", 62.0, at(1))
    assert reports(path) == [("", 62.0, "hand", None)]
    store.observe(1500.0, True, "Zoe", at(2))
    assert pct(store) == 62.0
    assert reports(path) == [("", 62.0, "hand", 1500.0)]
    store.observe(4000.0, True, "Zoe", at(20))
    assert pct(store) == pytest.approx(62.0 + 2500 * 0.9 / 500)


def test_a_car_that_came_while_the_service_was_down_is_not_the_one_that_left(
    run: Callable[[], CarSoc],
) -> None:
    """The next run finds the box at another session, told nothing: what the first car had been is no word."""
    store = run()
    store.observe(1000.0, True, "Leaf", at(0), 0.0)
    store.observe(6000.0, True, "Leaf", at(60), 5000.0)
    assert pct(store) == pytest.approx(20.0 + 5000 * 0.9 / 250)
    store = run()
    store.observe(6100.0, True, "Leaf", at(300), 100.0, neutral=True)
    assert pct(store) == pytest.approx(20.0)
    store = run()  # that it is another one is on disk at once
    store.observe(6600.0, True, "Leaf", at(301), 600.0)
    assert pct(store) == pytest.approx(20.0 + 500 * 0.9 / 250)


def test_a_count_that_begins_anew_alone_is_no_other_car(run: Callable[[], CarSoc]) -> None:
    """The box forgot what the session has taken (go-e #68), and does as it was told."""
    store = run()
    store.observe(1000.0, True, "Leaf", at(0), 0.0)
    store.observe(6000.0, True, "Leaf", at(60), 5000.0)
    store.observe(6000.0, True, "Leaf", at(61), 0.0)
    assert pct(store) == pytest.approx(20.0 + 5000 * 0.9 / 250)


def test_a_restart_goes_on_where_it_was(run: Callable[[], CarSoc], path: Path) -> None:
    """2.5 kWh before, 5 kWh while nobody looked: all of it is in the battery; so is what was assumed."""
    store = run()
    store.observe(1000.0, True, "Zoe", at(0))
    tell_by_hand(path, "Zoe", 50.0, at(1))
    store.observe(1000.0, True, "Zoe", at(2))
    store.observe(3500.0, True, "Zoe", at(20))
    store = run()
    store.observe(None, None, "", at(60))  # the charger was not read yet: that is no unplugging
    store.observe(8500.0, True, "Zoe", at(61))
    soc = store.now()
    assert soc is not None
    assert (soc.pct, soc.age_s) == (pytest.approx(50.0 + 7500 * 0.9 / 500), 3600.0)


def test_an_unplugging_ends_it_and_the_next_car_has_its_own(run: Callable[[], CarSoc], path: Path) -> None:
    """Zoe leaves, Leaf comes with what is assumed of it; over a restart between, too."""
    store = run()
    store.observe(1000.0, True, "Zoe", at(0))
    tell_by_hand(path, "", 62.0, at(1))
    store.observe(1000.0, True, "Zoe", at(2))
    store.observe(1000.0, False, "Zoe", at(3))
    assert store.now() is None
    store = run()
    store.observe(1000.0, False, "", at(4))
    store.observe(1000.0, True, "Leaf", at(5))
    assert pct(store) == 20.0
    tell_by_hand(path, "Zoe", 33.0, at(6))
    store.observe(1000.0, True, "Leaf", at(7))
    assert pct(store) == 20.0
    assert reports(path)[-1] == ("Zoe", 33.0, "hand", None)


def test_said_while_nothing_ran(run: Callable[[], CarSoc], path: Path) -> None:
    """The newest word from before the plug-in counts, though thirty came after it for another car."""
    run().observe(1000.0, False, "", at(0))
    tell_by_hand(path, "Zoe", 70.0, at(10))
    tell_by_hand(path, "Zoe", 60.0, at(20))
    for minute in range(30):
        tell_by_hand(path, "Leaf", 10.0, at(21 + minute / 10))
    store = run()
    store.observe(1000.0, True, "Zoe", at(40))
    assert pct(store) == 60.0


def test_it_is_kept_once_a_minute_and_at_once_when_said(run: Callable[[], CarSoc], path: Path) -> None:
    """Ten seconds of charging are no write; a word is."""

    def kept() -> str:
        with sqlite3.connect(path) as db:
            return str(db.execute("SELECT value FROM state WHERE key = 'soc_plug_in'").fetchone()[0])

    store = run()
    store.observe(1000.0, True, "Zoe", at(0))
    first = kept()
    store.observe(1030.0, True, "Zoe", at(0.5))
    assert kept() == first
    store.observe(1060.0, True, "Zoe", at(1))
    second = kept()
    assert second != first
    tell_by_hand(path, "", 62.0, at(1))
    store.observe(1070.0, True, "Zoe", at(1.2))
    assert kept() != second


def test_an_ill_disk_costs_nothing_but_the_words(run: Callable[[], CarSoc], path: Path) -> None:
    """While it refuses, what is known goes on."""
    store = run()
    store.observe(1000.0, True, "Leaf", at(0))
    store._ledger._writer.connection.execute("PRAGMA query_only = 1")
    store.observe(2000.0, True, "Leaf", at(10))
    assert pct(store) == pytest.approx(20.0 + 1000 * 0.9 / 250)


def test_old_words_are_dropped_with_the_decisions(path: Path) -> None:
    clock = SimClock(NOON)
    ledger = Ledger.open(path, clock)
    tell_by_hand(path, "Zoe", 50.0, NOON - timedelta(days=91))
    tell_by_hand(path, "Zoe", 60.0, NOON)
    maintain(ledger, keep_10s_days=7, keep_60s_days=90)
    ledger.close()
    assert [row[1] for row in reports(path)] == [60.0]


# -- the command ------------------------------------------------------------------------------------------

ONE = '[[car]]\nname = "Zoe"\nbattery_kwh = 50.0\n'
TWO = ONE + '[[car]]\nname = "Leaf"\ncard = 2\n'


def command(folder: Path, *words: str, cars: str = ONE) -> tuple[int, str]:
    config = folder / "ampilot.toml"
    config.write_text(
        '[grid]\nprofile = "eastron-sdm630"\nhost = "127.0.0.1"\n[charger]\nserial = "000001"\n'
        f'[ledger]\npath = "{folder / "ledger.db"}"\n{cars}'
    )
    done = CliRunner().invoke(app, ["soc", *words, "--config", str(config)])
    return done.exit_code, " ".join((done.output + str(done.exception or "")).split())


def test_the_command_says_what_it_understood_and_what_follows(
    run: Callable[[], CarSoc], tmp_path: Path, path: Path
) -> None:
    """38 % of 50 kWh at 90 % are 21.1 kWh; then it shows what the controller made of it."""
    store = run()
    store.observe(1000.0, False, "", datetime.now(UTC))
    assert command(tmp_path) == (0, "No car is connected.")
    code, text = command(tmp_path, "62")
    assert code == 0
    assert "Understood: Zoe is 62 % full now. 21.1 kWh at the cable make it full" in text
    store.observe(1000.0, True, "Zoe", datetime.now(UTC))
    code, text = command(tmp_path)
    assert (code, "Zoe is 62 % full (told by hand 0 min ago" in text) == (0, True)
    assert "until full: 21.1 kWh" in text


@pytest.mark.parametrize("percent", ["101", "-1", "nan", "inf", "much"])
def test_the_command_refuses_what_is_no_percent(
    run: Callable[[], CarSoc], tmp_path: Path, percent: str
) -> None:
    run()
    code, _ = command(tmp_path, "--", percent)
    assert code != 0
    assert reports(tmp_path / "ledger.db") == []


def test_the_command_asks_which_car_only_where_it_matters(
    run: Callable[[], CarSoc], tmp_path: Path, path: Path
) -> None:
    """One car is meant; of two the one at the cable, unless named; a stranger is refused with the names."""
    run()
    assert "the car at the cable is 62 % full" in command(tmp_path, "62", cars=TWO)[1]
    code, text = command(tmp_path, "50", "--car", "Leaf", cars=TWO)
    assert (code, "Percent of Leaf need battery_kwh" in text) == (0, True)
    code, text = command(tmp_path, "50", "--car", "Tesla", cars=TWO)
    assert code != 0
    assert "'Tesla'" in text
    assert "Zoe, Leaf" in text
    assert "need a [[car]] with battery_kwh" in command(tmp_path, "50", cars="")[1]
    assert [row[:2] for row in reports(path)] == [("", 62.0), ("Leaf", 50.0), ("", 50.0)]


def test_the_command_needs_a_ledger_of_this_version(tmp_path: Path, path: Path) -> None:
    """None yet, and one from before: an error with a remedy, nothing is made."""
    with pytest.raises(LedgerError, match="no ledger yet"):
        tell_by_hand(path, "", 62.0, NOON)
    assert not path.exists()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    with pytest.raises(LedgerError, match="restart ampilot"):
        tell_by_hand(path, "", 62.0, NOON)
    assert command(tmp_path) == (0, "No car is connected.")
