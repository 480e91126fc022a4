"""What was learned, in the ledger: kept over restarts, written seldom, shown to people."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from controller import checkup
from controller.cars.car import CarRecord, Estimate, KnownCar
from controller.cars.learning import garage
from controller.clock import SimClock
from controller.ledger.car_store import CarStore, records_of
from controller.ledger.ledger import Ledger
from controller.ledger.report import Report
from controller.settings import Settings

START = datetime(2026, 3, 1, tzinfo=UTC)
LEAF = CarRecord("default", Estimate(1.0, 9.0), ramp_s=Estimate(4.25, 3.0), resumed=12, proven_w=3600.0)
ZOE = CarRecord("card 2", Estimate(3.0, 15.0), Estimate(7.0, 2.0), failed=2, failing=1.8)


def phases_on_disk(path: Path) -> list[tuple[str, float]]:
    """Return what another reader of the file sees."""
    with sqlite3.connect(path) as other:
        return other.execute("SELECT key, phases_n FROM cars ORDER BY key").fetchall()


def test_cars_are_back_after_a_restart(tmp_path: Path) -> None:
    """Two cars are saved; a new run finds both, the one without a card at the cable, with its config."""
    path = tmp_path / "l.db"
    ledger = Ledger.open(path, SimClock(START))
    CarStore(ledger).keep(garage((LEAF, ZOE)), 0.0)
    ledger.close()
    ledger = Ledger.open(path, SimClock(START))
    cars = CarStore(ledger).load([KnownCar("Leaf", min_current_a=7)])
    ledger.close()
    assert (cars.record, cars.others) == (LEAF, (ZOE,))
    assert (cars.traits.name, cars.traits.phases_used, cars.traits.min_current_a) == ("Leaf", 1, 7)


def test_a_record_is_written_once_a_minute_and_at_the_end(tmp_path: Path) -> None:
    """The first change at once, the next not before a minute has passed, unless it is the last chance."""
    path = tmp_path / "l.db"
    ledger = Ledger.open(path, SimClock(START))
    store = CarStore(ledger)
    cars = store.load([])
    for second, weight, at_once, on_disk in (
        (0.0, None, False, []),
        (100.0, 1.0, False, [("default", 1.0)]),
        (159.0, 2.0, False, [("default", 1.0)]),
        (160.0, 3.0, False, [("default", 3.0)]),
        (170.0, 4.0, True, [("default", 4.0)]),
    ):
        if weight is not None:
            cars = garage((CarRecord(phases=Estimate(1.0, weight)),))
        store.keep(cars, second, at_once=at_once)
        assert phases_on_disk(path) == on_disk
    ledger.close()


def test_a_ledger_of_the_first_version_gets_its_table_and_keeps_its_rows(tmp_path: Path) -> None:
    """Schema 1 with an event in it opens, and what was in it is there."""
    path = tmp_path / "l.db"
    first = (resources.files("controller.ledger.migrations") / "0001_first.sql").read_text("utf-8")
    with sqlite3.connect(path) as old:
        old.executescript(f"{first} PRAGMA user_version = 1;")
        old.execute("INSERT INTO events (wall_ms, kind, severity, text) VALUES (1, 'test', 'info', 'old')")
    assert Report(path).cars() == []
    ledger = Ledger.open(path, SimClock(START))
    CarStore(ledger).keep(garage((ZOE,)), 0.0)
    ledger.close()
    assert phases_on_disk(path) == [("card 2", 15.0)]
    assert Report(path).events()[0][2] == "old"


def test_cars_of_a_ledger_that_knows_no_power_yet_can_be_read(tmp_path: Path) -> None:
    """Who only reads does not bring it up to date: what is not in it is not known."""
    path, migrations = tmp_path / "l.db", resources.files("controller.ledger.migrations")
    with sqlite3.connect(path) as old:
        for file in ("0001_first.sql", "0002_cars.sql"):
            old.executescript((migrations / file).read_text("utf-8"))
        columns = LEAF.columns()
        del columns["proven_w"]
        names, places = ", ".join(columns), ", ".join("?" * len(columns))
        old.execute(f"INSERT INTO cars ({names}, changed_ms) VALUES ({places}, 0)", tuple(columns.values()))
    assert records_of(Report(path).cars()) == (replace(LEAF, proven_w=0.0),)


def test_check_says_what_is_known_of_each_car(tmp_path: Path) -> None:
    """Cars on record and cars of the config, a line each, in plain words; no ledger yet is no fault."""
    path = tmp_path / "l.db"
    settings = Settings.model_validate(
        {
            "grid": {"profile": "eastron-sdm630", "host": "192.0.2.1"},
            "charger": {"serial": "1"},
            "ledger": {"path": str(path)},
            "car": [{"name": "Zoe", "card": 2}, {"name": "Tesla", "card": 1, "phases": 3}],
        }
    )
    assert checkup.describe_cars(settings) == ["Zoe: nothing learned yet", "Tesla: three phases"]
    ledger = Ledger.open(path, SimClock(START))
    CarStore(ledger).keep(garage((LEAF, ZOE)), 0.0)
    ledger.close()
    assert checkup.describe_cars(settings) == [
        "Zoe: three phases, at least 8 A, does not resume after pauses (0 of 2)",
        "without a card: one phase, seen to take 3.6 kW, follows within 4 s, resumes after pauses (12 of 12)",
        "Tesla: three phases",
    ]
