"""What happened, on disk: intents before writes, outcomes, decisions, readings, sessions, energy, events.

Theory of operation. One writer, SQLite in WAL mode. What must survive a power cut (intents, outcomes, events)
is committed with `synchronous=FULL` before the call returns; readings are buffered and committed once a
minute, which writes 9 MB a day instead of 144. When the disk fails, control goes on: rows go to a ring in
memory, `degraded` is set, and the next successful write says that it is over.
"""

import contextlib
import fcntl
import json
import sqlite3
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Any, Literal

from controller.clock import Clock
from controller.errors import LedgerCorrupt, LedgerError, LedgerFull
from controller.model import Prices

_ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
    UnicodeError,
    OverflowError,
)
"""What says that a row is wrong; everything else says that the disk is."""

FLUSH_S = 60.0
RING = 1000
CLOSED = Literal["applied", "not_applied", "superseded"]
SITE = "site"
"""The kept state that says whose ledger it is: time zone, prices, strategy; see `describe_site`."""
Step = tuple[int, str]
"""One migration: its number and its SQL."""


class LedgerRefusedRow(LedgerError):
    """The database is well and refused this row: a bug of ours. The row is dropped, not kept for later."""


class LedgerLocked(LedgerError):
    """Another ampilot uses this ledger. Exit code 75."""


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One 10-s row; None where unknown."""

    wall_ms: int
    grid_import_w: float | None
    base_import_w: float | None
    pv_yield_w: float | None
    battery_charge_w: float | None
    car_w: float | None
    offered_a: int | None
    phases: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One day (local date) as replayed: what the strategy saved against `timers`, negative when it lost."""

    day: str
    strategy: str
    saved_ct: float
    known_h: float
    connected_h: float
    gaps: int
    text: str


class Ledger:
    """The open ledger of one running controller."""

    def __init__(self, path: Path, clock: Clock, connection: sqlite3.Connection, lock: IO[str]) -> None:
        self.path = path
        self.degraded = False
        self.refused = ""  # what the database said to the last row it would not take
        self.ring: deque[tuple[str, tuple[Any, ...]]] = deque(maxlen=RING)
        self._clock, self._db, self._lock = clock, connection, lock
        self._buffer: list[ReadingRow] = []
        self._flushed_s = clock.monotonic()
        self._run = uuid.uuid4().hex[:12]
        self.notes: list[str] = []

    @classmethod
    def open(cls, path: Path, clock: Clock) -> "Ledger":
        """Open or create the ledger, bring its schema up to date, take the lock.

        Raises LedgerLocked if another instance runs, LedgerCorrupt if it is from a newer version, LedgerError
        if it cannot be opened at all. A damaged file is moved aside and a new one begun; `notes` says so.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = (path.parent / (path.name + ".lock")).open("a")
        except OSError as error:
            raise LedgerError(
                f"{path}: cannot be created ({error.strerror}). Remedy: check [ledger] path"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise LedgerLocked(f"{path}: another ampilot uses this ledger. Remedy: stop it first") from None
        notes = []
        try:
            connection = _connect(path)
        except LedgerCorrupt as error:
            if "newer" in str(error):
                lock.close()
                raise
            aside = path.with_name(f"{path.name}.corrupt-{clock.wall():%Y%m%dT%H%M%SZ}")
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
            notes.append(f"the ledger was damaged; it is kept as {aside.name} and a new one was begun")
            connection = _connect(path)
        except LedgerError:
            lock.close()
            raise
        ledger = cls(path, clock, connection, lock)
        ledger.notes += notes
        for note in notes:
            ledger.record_event("ledger", "error", note)
        return ledger

    # -- commands -------------------------------------------------------------------------------

    def record_intent(
        self, command: str, keys: Mapping[str, int], *, safety: bool, reason: str
    ) -> int | None:
        """Commit an intent and return its id; None while the disk refuses (the ring keeps it)."""
        sql = (
            "INSERT INTO intents (wall_ms, mono_s, run, command, keys, safety, reason) VALUES (?,?,?,?,?,?,?)"
        )
        row = (self._now_ms(), self._clock.monotonic(), self._run, command, json.dumps(dict(keys)))
        cursor = self._write(sql, (*row, int(safety), reason))
        return None if cursor is None else cursor.lastrowid

    def record_outcome(self, intent: int | None, outcome: str, detail: str) -> None:
        """Write what the charger's side answered, once."""
        if intent is not None:
            sql = "UPDATE intents SET outcome = ?, detail = ? WHERE id = ? AND outcome = 'pending'"
            self._write(sql, (outcome, detail, intent))

    def close_intents(self, state: CLOSED, *, up_to: int | None = None) -> None:
        """Close every open intent (up to an id): what a read showed, or what a newer one replaced."""
        sql = "UPDATE intents SET state = ?, closed_ms = ? WHERE state = 'open' AND id <= ?"
        self._write(sql, (state, self._now_ms(), up_to if up_to is not None else 2**62))

    def open_intents(self) -> list[tuple[int, str, str]]:
        """Return (id, command, outcome) of intents no read has closed."""
        return self._rows("SELECT id, command, outcome FROM intents WHERE state = 'open' ORDER BY id")

    def recent_writes(self, window_s: float) -> list[tuple[float, bool, str]]:
        """Return (age in s, safety, command) of writes in the window, oldest first.

        By wall time, the only one that survives a restart; a clock that stepped back makes ages 0, which
        spends the budget rather than doubling it.
        """
        now_ms = self._now_ms()
        sql = "SELECT wall_ms, safety, command FROM intents WHERE wall_ms > ? ORDER BY id"
        rows = self._rows(sql, (now_ms - int(window_s * 1000),))
        return [(max(now_ms - at_ms, 0) / 1000, bool(safety), command) for at_ms, safety, command in rows]

    # -- what was seen and decided --------------------------------------------------------------

    def record_decision(
        self, *, in_force: str, wish: str, action: str, reason: str, ceiling: str, facts: Mapping[str, Any]
    ) -> bool:
        """Write one decision; return whether it is on record."""
        sql = (
            "INSERT INTO decisions (wall_ms, in_force, wish, action, reason, ceiling, facts) "
            "VALUES (?,?,?,?,?,?,?)"
        )
        text = json.dumps(dict(facts), default=str, allow_nan=False)
        row = (self._now_ms(), in_force, wish, action, reason, ceiling, text)
        return self._write(sql, row, durable=False) is not None

    def record_reading(self, row: ReadingRow) -> bool:
        """Buffer one 10-s row, committed once a minute; return whether nothing was refused."""
        self._buffer.append(row)
        if self._clock.monotonic() - self._flushed_s >= FLUSH_S:
            return self.flush()
        return True

    def flush(self) -> bool:
        """Commit the buffered readings; return whether they are on disk."""
        self._flushed_s = self._clock.monotonic()
        rows, self._buffer = self._buffer, []
        sql = "INSERT OR REPLACE INTO readings VALUES (?,10,?,?,?,?,?,?,?,1)"
        try:
            with self._transaction(durable=False):
                self._db.executemany(sql, [_values(row) for row in rows])
        except LedgerRefusedRow as error:
            self.refused = str(error)
            return False
        except LedgerError:
            self._buffer = (rows + self._buffer)[-RING:]
            return False
        self._recovered()
        return True

    def record_event(self, kind: str, severity: str, text: str) -> None:
        """Commit one event."""
        sql = "INSERT INTO events (wall_ms, kind, severity, text) VALUES (?,?,?,?)"
        self._write(sql, (self._now_ms(), kind, severity, text))

    def record_verdict(self, verdict: Verdict) -> None:
        """Commit what the replay said of yesterday, and the event that tells it; a later one replaces it."""
        sql = "INSERT OR REPLACE INTO verdicts VALUES (?,?,?,?,?,?,?,?)"
        day, *rest = astuple(verdict)
        self._write(sql, (day, self._now_ms(), *rest))
        self.record_event("verdict", "info", f"yesterday: {verdict.text}")

    def has_verdict(self, day: str) -> bool:
        """Return whether the day (local date) was judged."""
        return bool(self._rows("SELECT 1 FROM verdicts WHERE day = ?", (day,)))

    # -- sessions and energy --------------------------------------------------------------------

    def open_session(self) -> None:
        """Begin a session, unless one is open."""
        sql = (
            "INSERT INTO sessions (plugged_ms) SELECT ? WHERE NOT EXISTS "
            "(SELECT 1 FROM sessions WHERE unplugged_ms IS NULL)"
        )
        self._write(sql, (self._now_ms(),))

    def close_session(self) -> None:
        """End the open session."""
        self._write("UPDATE sessions SET unplugged_ms = ? WHERE unplugged_ms IS NULL", (self._now_ms(),))

    def count(self, *, writes: int = 0, starts: int = 0, phase_changes: int = 0) -> None:
        """Add to the counters of the open session."""
        sql = (
            "UPDATE sessions SET writes = writes + ?, starts = starts + ?, phase_changes = phase_changes + ? "
            "WHERE unplugged_ms IS NULL"
        )
        self._write(sql, (writes, starts, phase_changes), durable=False)

    def add_energy(self, day: str, grid_wh: float, pv_wh: float, cost_ct: float) -> None:
        """Add energy by source to the day (local date) and to the open session."""
        add = (
            "INSERT INTO energy VALUES (?,?,?,?) ON CONFLICT (day) DO UPDATE SET grid_wh = grid_wh + "
            "excluded.grid_wh, pv_wh = pv_wh + excluded.pv_wh, cost_ct = cost_ct + excluded.cost_ct"
        )
        session = (
            "UPDATE sessions SET grid_wh = grid_wh + ?, pv_wh = pv_wh + ?, cost_ct = cost_ct + ? "
            "WHERE unplugged_ms IS NULL"
        )
        try:
            with self._transaction(durable=False):
                self._db.execute(add, (day, grid_wh, pv_wh, cost_ct))
                self._db.execute(session, (grid_wh, pv_wh, cost_ct))
        except LedgerRefusedRow as error:
            self.refused = str(error)
            return
        except LedgerError:
            self.ring.append((add, (day, grid_wh, pv_wh, cost_ct)))
            return
        self._recovered()

    # -- cars -----------------------------------------------------------------------------------

    def save_car(self, columns: Mapping[str, str | int | float]) -> None:
        """Keep what was learned of a car; the columns are those of the table `cars`, its time aside."""
        names = (*columns, "changed_ms")
        sql = f"INSERT OR REPLACE INTO cars ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        self._write(sql, (*columns.values(), self._now_ms()), durable=False)

    def cars(self) -> list[dict[str, Any]]:
        """Return every car on record as columns."""
        return rows_of_cars(self._db)

    # -- latched faults -------------------------------------------------------------------------

    def record_latch(self, kind: str, text: str) -> None:
        """Commit a fault that waits for a person; one of its kind is enough."""
        sql = "INSERT INTO latches (wall_ms, kind, text) VALUES (?,?,?) ON CONFLICT DO NOTHING"
        self._write(sql, (self._now_ms(), kind, text))

    def end_latch(self, kind: str, why: str) -> None:
        """Commit that a latched fault has ended without a person."""
        sql = "UPDATE latches SET acked_ms = ?, acked_by = ? WHERE kind = ? AND acked_ms IS NULL"
        self._write(sql, (self._now_ms(), why, kind))

    def open_latches(self) -> list[tuple[int, str, str]]:
        """Return (row, kind, text) of what nobody has acknowledged, oldest first."""
        return self._rows("SELECT id, kind, text FROM latches WHERE acked_ms IS NULL ORDER BY id")

    def acked_latches(self, rows: Iterable[int]) -> frozenset[int]:
        """Return which of these rows were acknowledged."""
        sql = "SELECT 1 FROM latches WHERE id = ? AND acked_ms IS NOT NULL"
        return frozenset(row for row in rows if self._rows(sql, (row,)))

    # -- state, upkeep --------------------------------------------------------------------------

    def save_state(self, key: str, value: Any) -> None:
        """Keep a small value over restarts."""
        sql = "INSERT INTO state VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        self._write(sql, (key, json.dumps(value)))

    def describe_site(self, timezone: str, prices: Prices, strategy: str, options: Mapping[str, Any]) -> None:
        """Keep what a reader of the file must know of the house, so that it stands for itself."""
        site = {
            "timezone": timezone,
            "prices": asdict(prices),
            "strategy": strategy,
            "options": dict(options),
        }
        self.save_state(SITE, site)

    def load_state(self, key: str) -> Any:
        """Return a kept value, None if there is none."""
        rows = self._rows("SELECT value FROM state WHERE key = ?", (key,))
        return json.loads(rows[0][0]) if rows else None

    def maintain(self, *, keep_10s_days: int, keep_60s_days: int) -> None:
        """Thin old readings out to minutes and quarters of an hour; means keep the energy."""
        day_ms = 86_400_000
        for step_s, wider_s, days in ((10, 60, keep_10s_days), (60, 900, keep_60s_days)):
            before_ms = (self._now_ms() - days * day_ms) // (wider_s * 1000) * (wider_s * 1000)
            with contextlib.suppress(LedgerError), self._transaction(durable=False):
                self._db.execute(_THIN, {"wide": wider_s, "step": step_s, "before": before_ms})
                self._db.execute("DELETE FROM readings WHERE step_s = ? AND wall_ms < ?", (step_s, before_ms))
                self._db.execute("DELETE FROM decisions WHERE wall_ms < ?", (self._now_ms() - 90 * day_ms,))
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA incremental_vacuum")

    def backup(self, target: Path) -> None:
        """Write a consistent copy while running. Raises LedgerError."""
        try:
            with contextlib.closing(sqlite3.connect(target)) as copy:
                self._db.backup(copy)
        except sqlite3.Error as error:
            raise _translated(error) from error

    def close(self) -> None:
        """Commit what is buffered and release the file."""
        self.flush()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._lock.close()

    # -- inside ---------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(self._clock.wall().timestamp() * 1000)

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[None]:
        """Run statements as one commit. Raises LedgerRefusedRow, or LedgerError and sets `degraded`."""
        try:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except (sqlite3.Error, *_ROW_ERRORS) as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, _ROW_ERRORS):
                raise LedgerRefusedRow(f"{self.path}: {error}") from error
            self.degraded = True
            raise _translated(error) from error

    def _write(self, sql: str, values: tuple[Any, ...], *, durable: bool = True) -> sqlite3.Cursor | None:
        try:
            with self._transaction(durable=durable):
                cursor = self._db.execute(sql, values)
        except LedgerRefusedRow as error:
            self.refused = str(error)
            return None
        except LedgerError:
            self.ring.append((sql, values))
            return None
        self._recovered()
        return cursor

    def _recovered(self) -> None:
        """After a good write, bring in what the ring kept while the disk refused."""
        if not self.degraded:
            return
        self.degraded = False
        while self.ring and not self.degraded:
            sql, values = self.ring.popleft()
            try:
                with self._transaction(durable=False):
                    self._db.execute(sql, values)
            except LedgerRefusedRow as error:
                self.refused = str(error)
            except LedgerError:
                self.ring.appendleft((sql, values))

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error:
            self.degraded = True
            return []


def rows_of_cars(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return the table of cars, a row each by column; nothing if the disk refuses or the table is older."""
    try:
        cursor = connection.execute("SELECT * FROM cars ORDER BY key")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except sqlite3.Error:
        return []


_THIN = """
INSERT OR REPLACE INTO readings
SELECT wall_ms / (:wide * 1000) * (:wide * 1000), :wide,
       sum(grid_import_w * samples) / sum(CASE WHEN grid_import_w IS NULL THEN 0 ELSE samples END),
       sum(base_import_w * samples) / sum(CASE WHEN base_import_w IS NULL THEN 0 ELSE samples END),
       sum(pv_yield_w * samples) / sum(CASE WHEN pv_yield_w IS NULL THEN 0 ELSE samples END),
       sum(battery_charge_w * samples) / sum(CASE WHEN battery_charge_w IS NULL THEN 0 ELSE samples END),
       sum(car_w * samples) / sum(CASE WHEN car_w IS NULL THEN 0 ELSE samples END),
       max(offered_a), max(phases), sum(samples)
FROM readings WHERE step_s = :step AND wall_ms < :before GROUP BY 1
"""


def _values(row: ReadingRow) -> tuple[Any, ...]:
    return (
        row.wall_ms,
        row.grid_import_w,
        row.base_import_w,
        row.pv_yield_w,
        row.battery_charge_w,
        row.car_w,
        row.offered_a,
        row.phases,
    )


def _connect(path: Path) -> sqlite3.Connection:
    """Open, check and migrate. Raises LedgerCorrupt or LedgerError."""
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=2.0)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise LedgerCorrupt(f"{path}: the database is damaged")
        _migrate(path, connection)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise _translated(error, path) from error
    except LedgerError:
        if connection is not None:
            connection.close()
        raise
    return connection


def _migrate(path: Path, connection: sqlite3.Connection, steps: Sequence[Step] | None = None) -> None:
    """Bring the schema up to date: each step once, by number, in a transaction; numbers may be left out."""
    steps = sorted(_steps() if steps is None else steps)
    version, newest = connection.execute("PRAGMA user_version").fetchone()[0], steps[-1][0]
    if version > newest:
        raise LedgerCorrupt(
            f"{path}: written by a newer ampilot (schema {version}, this one knows {newest}). "
            "Remedy: install that version again, or move the file away"
        )
    for number, sql in steps:
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")


def _steps() -> list[Step]:
    """Return the shipped migrations."""
    folder = resources.files("controller.migrations")
    files = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return [(int(item.name[:4]), item.read_text("utf-8")) for item in files]


def _translated(error: sqlite3.Error, path: Path | str = "ledger") -> LedgerError:
    """Return ours: full, damaged, or anything else of the disk."""
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return LedgerFull(f"{path}: {text}")
    if "malformed" in text or "not a database" in text:
        return LedgerCorrupt(f"{path}: {text}")
    return LedgerError(f"{path}: {text}")
