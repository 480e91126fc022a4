"""The ledger: intents first, one road for states, survival of kills, torn files and full disks."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.backup import copy_ledger
from controller.clock import SimClock
from controller.errors import LedgerCorrupt, LedgerError
from controller.ledger.intent_store import IntentStore
from controller.ledger.ledger import Ledger
from controller.ledger.opening import LedgerLocked, migrate
from controller.ledger.report import Report
from controller.ledger.session_store import SessionStore
from controller.ledger.tick_store import ReadingRow, TickStore
from controller.ledger.upkeep import maintain
from controller.ledger.verdict_store import Verdict, VerdictStore
from controller.ledger.writer import Job

START = datetime(2026, 3, 1, tzinfo=UTC)


def clock() -> SimClock:
    return SimClock(START)


def row(at_ms: int, grid_w: float = 100.0) -> ReadingRow:
    return ReadingRow(at_ms, grid_w, grid_w, None, None, 50.0, 6, 1)


def test_an_intent_is_on_disk_before_its_outcome(tmp_path: Path) -> None:
    """After `record` returns, another connection sees the row, its outcome pending."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    intents = IntentStore(ledger, clock())
    intent = intents.record("6 A x1", {"amp": 6, "frc": 2}, safety=False, reason="sun")
    with sqlite3.connect(tmp_path / "l.db") as other:
        assert other.execute("SELECT outcome, state FROM intents").fetchall() == [("pending", "open")]
    intents.answered(intent, "unknown", "timeout")
    intents.close("applied")
    assert Report(tmp_path / "l.db").intents(0, 2**60)[0][3:] == ("unknown", "applied")
    ledger.close()


def test_outcomes_and_states_only_move_forward(tmp_path: Path) -> None:
    """A written outcome stays, a closed intent stays closed, whoever asks."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    intents = IntentStore(ledger, clock())
    intent = intents.record("off", {"frc": 1}, safety=True, reason="blind")
    intents.answered(intent, "accepted", "")
    intents.answered(intent, "refused", "")
    intents.close("superseded")
    intents.close("applied")
    assert Report(tmp_path / "l.db").intents(0, 2**60)[0][3:] == ("accepted", "superseded")
    with sqlite3.connect(tmp_path / "l.db") as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("UPDATE intents SET outcome = 'pending'")
    ledger.close()


def test_a_second_instance_is_refused_and_the_lock_is_freed(tmp_path: Path) -> None:
    """One controller per ledger; closing frees it."""
    first = Ledger.open(tmp_path / "l.db", clock())
    with pytest.raises(LedgerLocked):
        Ledger.open(tmp_path / "l.db", clock())
    first.close()
    Ledger.open(tmp_path / "l.db", clock()).close()


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    """A mistake in the config is refused at the start; a disk that is full is not to blame."""
    with pytest.raises(LedgerError, match="is a folder"):
        Ledger.open(tmp_path, clock())


def test_budget_survives_a_restart_and_a_clock_that_stepped_back(tmp_path: Path) -> None:
    """Writes of the last minutes are still counted; a step back spends the budget, it does not double it."""
    watch = clock()
    ledger = Ledger.open(tmp_path / "l.db", watch)
    intents = IntentStore(ledger, watch)
    for _ in range(3):
        intents.record("6 A x1", {"amp": 6}, safety=False, reason="sun")
        watch.advance(60)
    ledger.close()
    again = Ledger.open(tmp_path / "l.db", watch)
    intents = IntentStore(again, watch)
    assert [round(write.age_s) for write in intents.recent(900)] == [180, 120, 60]
    for step_s in (-7200, 5 * 365 * 86_400):  # the monotonic clock has run on
        watch.step_wall(step_s)
        assert [round(write.age_s) for write in intents.recent(900)] == [180, 120, 60]
    watch.step_wall(7200 - 5 * 365 * 86_400)
    again.close()
    rebooted = SimClock(watch.wall(), 5.0)
    last = Ledger.open(tmp_path / "l.db", rebooted)
    intents = IntentStore(last, rebooted)
    assert [round(write.age_s) for write in intents.recent(900)] == [180, 120, 60]
    rebooted.step_wall(-7200)
    assert [write.age_s for write in intents.recent(900)] == [0, 0, 0]
    last.close()


@pytest.mark.parametrize("where", ["header", "middle"])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, where: str) -> None:
    """Damage is noticed at start; the old file is kept, a new one begun, an event says so."""
    path = tmp_path / "l.db"
    ledger = Ledger.open(path, clock())
    for number in range(300):
        ledger.record_event("test", "info", f"event {number} " + "x" * 100)
    ledger.close()
    data = bytearray(path.read_bytes())
    begin = 0 if where == "header" else 4096 + 100
    data[begin : begin + 2000] = os.urandom(2000)
    path.write_bytes(data)
    ledger = Ledger.open(path, clock())
    assert ledger.notes
    assert list(tmp_path.glob("l.db.corrupt-*"))
    assert IntentStore(ledger, clock()).record("off", {"frc": 1}, safety=True, reason="x") is not None
    ledger.close()


def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path) -> None:
    """A ledger of a newer version is not touched; the message says what to do."""
    path = tmp_path / "l.db"
    Ledger.open(path, clock()).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 999")
    with pytest.raises(LedgerCorrupt, match="newer"):
        Ledger.open(path, clock())
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (999,)


def test_migrations_go_by_number_each_once_and_a_number_may_be_left_out(tmp_path: Path) -> None:
    """1 and 3 without 2: applied in order whatever the order they are found in, never twice, then 4."""
    path = tmp_path / "l.db"
    steps = [
        (3, "INSERT INTO seen VALUES ('three');"),
        (1, "CREATE TABLE seen (what TEXT) STRICT; INSERT INTO seen VALUES ('one');"),
    ]
    with sqlite3.connect(path, isolation_level=None) as db:
        migrate(path, db, steps)
        migrate(path, db, steps)
        assert db.execute("SELECT what FROM seen ORDER BY rowid").fetchall() == [("one",), ("three",)]
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        migrate(path, db, [*steps, (4, "INSERT INTO seen VALUES ('four');")])
        assert db.execute("SELECT count(*) FROM seen").fetchone() == (3,)
        with pytest.raises(sqlite3.Error):
            migrate(
                path, db, [*steps, (5, "INSERT INTO seen VALUES ('five'); INSERT INTO nowhere VALUES (1);")]
            )
        db.execute("ROLLBACK")
        assert db.execute("SELECT count(*) FROM seen").fetchone() == (3,)


def test_a_step_made_beside_a_later_one_is_not_left_out(tmp_path: Path) -> None:
    """3 arrives when 4 is there: it runs once, and the version stays the highest number."""
    path = tmp_path / "l.db"
    one = (1, "CREATE TABLE seen (what TEXT) STRICT;")
    three, four = (3, "INSERT INTO seen VALUES ('three');"), (4, "INSERT INTO seen VALUES ('four');")
    with sqlite3.connect(path, isolation_level=None) as db:
        migrate(path, db, [one, four])
        for _ in range(2):
            migrate(path, db, [one, three, four])
            assert db.execute("SELECT what FROM seen ORDER BY rowid").fetchall() == [("four",), ("three",)]
            assert db.execute("PRAGMA user_version").fetchone() == (4,)


def test_a_ledger_from_before_steps_were_recorded_gets_what_it_lacks(tmp_path: Path) -> None:
    """Schema 8 as it was without 5 to 7: the table of 7 is made, what was there stays."""
    path = tmp_path / "l.db"
    folder = Path(__file__).parents[2] / "controller/ledger/migrations"
    with sqlite3.connect(path) as other:
        for name in ("0001_first", "0002_cars", "0003_verdicts", "0004_latches", "0008_forecast"):
            other.executescript((folder / f"{name}.sql").read_text("utf-8"))
        other.execute("INSERT INTO energy VALUES ('2026-01-01', 1, 2, 3)")
        other.execute("PRAGMA user_version = 8")
    for _ in range(2):
        ledger = Ledger.open(path, clock())
        assert ledger.notes == []
        assert ledger.rows("SELECT * FROM soc_reports") == []
        ledger.close()
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM soc_reports").fetchone() == (0,)
        assert other.execute("SELECT grid_wh FROM energy").fetchone() == (1.0,)


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its rows stay, `explain` finds no verdict in it, and after opening one can be kept."""
    path = tmp_path / "l.db"
    first = Path(__file__).parents[2] / "controller/ledger/migrations/0001_first.sql"
    with sqlite3.connect(path) as other:
        other.executescript(first.read_text() + "PRAGMA user_version = 1;")
        other.execute("INSERT INTO events (wall_ms, kind, severity, text) VALUES (1, 'x', 'info', 'old')")
    assert Report(path).last_verdict() is None
    ledger = Ledger.open(path, clock())
    verdicts = VerdictStore(ledger)
    for day, text in (("2026-02-27", "lost 0.10 EUR"), ("2026-02-28", "saved 1.10 EUR")):
        assert not verdicts.has(day)
        verdicts.record(Verdict(day, "surplus", 110.0, 24.0, 5.5, 0, text))
        assert verdicts.has(day)
    ledger.close()
    report = Report(path)
    assert report.last_verdict() == ("2026-02-28", "saved 1.10 EUR")
    assert [text for *_, text in report.events()] == [
        "yesterday: saved 1.10 EUR",
        "yesterday: lost 0.10 EUR",
        "old",
    ]


def test_a_full_disk_degrades_and_recovers(tmp_path: Path) -> None:
    """When the file may not grow, rows go to the ring and control goes on; afterwards they are on disk."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    pages = ledger._writer.connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._writer.connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(50):
        ledger.record_event("test", "info", f"{number} " + "x" * 3000)
    assert ledger.degraded
    kept = len(ledger._writer.ring)
    assert kept > 0
    ledger._writer.connection.execute("PRAGMA max_page_count = 100000")
    ledger.record_event("test", "info", "space again")
    assert not ledger.degraded
    assert not ledger._writer.ring
    assert len(Report(tmp_path / "l.db").events(100)) == 51
    ledger.close()


def test_a_row_the_database_refuses_is_dropped_and_said(tmp_path: Path) -> None:
    """Broken text or a broken rule: not on record, not kept, the disk is not blamed, the rest goes on."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    ledger.record_event("test", "loud", "no such severity")
    assert "CHECK" in ledger.refused
    ledger.record_event("test", "info", "half a pair \ud83d")
    assert "surrogates" in ledger.refused
    said = {"in_force": "off", "wish": "off", "action": "hold", "ceiling": ""}
    ticks = TickStore(ledger)
    assert not ticks.record_decision(**said, reason="\ud83d", facts={})
    assert ticks.record_decision(**said, reason="night", facts={})
    assert (ledger.degraded, len(ledger._writer.ring)) == (False, 0)
    assert [text for _, _, text in Report(tmp_path / "l.db").events()] == []
    ledger.close()


def test_one_bad_row_in_memory_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    """After a full disk the rows kept in memory are filed in order; what is refused then is left out."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    pages = ledger._writer.connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._writer.connection.execute(f"PRAGMA max_page_count = {pages}")
    while not ledger.degraded:
        ledger.record_event("test", "info", "x" * 3000)
    begun = len(Report(tmp_path / "l.db").events(1000))
    ledger._writer.ring.clear()
    sql = "INSERT INTO events (wall_ms, kind, severity, text) VALUES (?,?,?,?)"
    for number, severity in enumerate(("info", "loud", "info")):
        ledger._writer.ring.append(Job([(sql, (number, "test", severity, str(number)))]))
    ledger._writer.connection.execute("PRAGMA max_page_count = 100000")
    ledger.record_event("test", "info", "space again")
    assert (ledger.degraded, len(ledger._writer.ring)) == (False, 0)
    texts = [text for _, _, text in Report(tmp_path / "l.db").events(1000)]
    assert texts[: len(texts) - begun] == ["space again", "2", "0"]
    ledger.close()


def test_thinning_keeps_the_energy(tmp_path: Path) -> None:
    """Ten-second rows become minutes and quarter-hours with the same mean."""
    watch = clock()
    ledger = Ledger.open(tmp_path / "l.db", watch)
    ticks = TickStore(ledger)
    start_ms = int(START.timestamp() * 1000)
    values = [random.Random(1).uniform(-5000, 5000) for _ in range(1)] + [float(n) for n in range(1, 720)]
    for number, value in enumerate(values):
        ticks.record_reading(row(start_ms + number * 10_000, value))
    ledger.flush()
    watch.advance(100 * 86_400)
    maintain(ledger, keep_10s_days=7, keep_60s_days=365)
    with sqlite3.connect(tmp_path / "l.db") as other:
        rows = other.execute("SELECT step_s, grid_import_w, samples FROM readings").fetchall()
    assert {step for step, _, _ in rows} == {60}
    assert sum(mean * count for _, mean, count in rows) == pytest.approx(sum(values))
    maintain(ledger, keep_10s_days=7, keep_60s_days=90)
    with sqlite3.connect(tmp_path / "l.db") as other:
        rows = other.execute("SELECT step_s, grid_import_w, samples FROM readings").fetchall()
    assert {step for step, _, _ in rows} == {900}
    assert sum(mean * count for _, mean, count in rows) == pytest.approx(sum(values))
    ledger.close()


def test_energy_adds_up_by_day_and_session(tmp_path: Path) -> None:
    """Energy by source is summed over the session that is open."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    sessions = SessionStore(ledger)
    sessions.open()
    sessions.add_energy("2026-03-01", 10.0, 30.0, 0.5)
    sessions.add_energy("2026-03-01", 5.0, 5.0, 0.25)
    sessions.count(writes=1, starts=1, phase_changes=1)
    sessions.close()
    sessions.add_energy("2026-03-01", 1.0, 0.0, 0.0)
    totals = Report(tmp_path / "l.db").totals(0, 2**60)
    assert (totals.grid_wh, totals.pv_wh, totals.cost_ct) == (15.0, 35.0, 0.75)
    assert (totals.starts, totals.phase_changes) == (1, 1)
    ledger.close()


def test_a_backup_is_complete(tmp_path: Path) -> None:
    """A copy made while running opens with every committed row."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    ledger.record_event("test", "info", "hello")
    copy_ledger(tmp_path / "l.db", tmp_path / "copy.db")
    ledger.close()
    assert Report(tmp_path / "copy.db").events()[0][2] == "hello"


WRITER = """
import sys
from pathlib import Path
from controller.clock import SystemClock
from controller.ledger.intent_store import IntentStore
from controller.ledger.ledger import Ledger
clock = SystemClock()
intents = IntentStore(Ledger.open(Path(sys.argv[1]), clock), clock)
while True:
    intent = intents.record("6 A x1", {"amp": 6}, safety=False, reason="sun")
    print(intent, flush=True)
"""


def test_kill_9_loses_no_acknowledged_row(tmp_path: Path) -> None:
    """Killed at random moments, every intent that was acknowledged is there afterwards."""
    path, rng = tmp_path / "l.db", random.Random(7)
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.02, 0.2))
            process.send_signal(signal.SIGKILL)
            acknowledged = [int(line) for line in process.stdout.read().split() if line]
        with sqlite3.connect(path) as other:
            stored = {number for (number,) in other.execute("SELECT id FROM intents")}
        assert set(acknowledged[:-1]) <= stored  # the last line may be cut


def test_a_torn_wal_is_a_prefix(tmp_path: Path) -> None:
    """Cut anywhere, as by a power loss, the file opens and holds the first rows without a hole."""
    path = tmp_path / "l.db"
    ledger = Ledger.open(path, clock())
    for number in range(60):
        ledger.record_event("test", "info", str(number))
    rng = random.Random(3)
    for turn in range(12):
        copy = tmp_path / f"copy{turn}" / "l.db"
        copy.parent.mkdir()
        shutil.copy(path, copy)
        wal = (tmp_path / "l.db-wal").read_bytes()
        (copy.parent / "l.db-wal").write_bytes(wal[: rng.randrange(len(wal))])
        torn = Ledger.open(copy, clock())
        texts = [text for _, _, text in reversed(Report(copy).events(100))]
        torn.close()
        assert texts == [str(number) for number in range(len(texts))]
    ledger.close()


async def test_the_report_reads_while_the_controller_writes(tmp_path: Path) -> None:
    """`explain` works beside a running controller."""
    ledger = Ledger.open(tmp_path / "l.db", clock())
    TickStore(ledger).record_decision(
        in_force="off", wish="off: night", action="hold", reason="night", ceiling="", facts={"a": 1.5}
    )
    decision = await asyncio.to_thread(Report(tmp_path / "l.db").last_decision)
    assert decision is not None
    assert decision.facts == {"a": 1.5}
    ledger.close()
