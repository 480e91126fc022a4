"""What happened, on disk: intents before writes, outcomes, decisions, readings, sessions, energy, events.

Theory of operation. One writer, SQLite in WAL mode. What must survive a power cut (intents, outcomes, events)
is committed with `synchronous=FULL` before the call returns; readings are buffered and committed once a
minute, which writes 9 MB a day instead of 144. When the disk fails, or takes seconds, control goes on: rows
wait in memory, `degraded` is set, and once all of them are written it is over. `ledger_writer` does the
writing, `ledger_open` the opening.
"""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any, Literal

from controller.cars.state_of_charge import SocReport
from controller.clock import Clock
from controller.errors import LedgerError
from controller.events import Event, Turn
from controller.ledger.opening import SMALL_CACHE, Lock, open_database, translated
from controller.ledger.opening import LedgerLocked as LedgerLocked
from controller.ledger.opening import LedgerNewer as LedgerNewer
from controller.ledger.writer import Job, Statement, Writer
from controller.model import LIMIT_LABEL, Prices

FLUSH_S = 60.0
MAX_BUFFER = 1000
MOST_WRITES = 500
"""More than a day may hold."""

BOOT = "boot"
"""The kept state that says since which intent monotonic times are of this life of the machine."""

CLOSED = Literal["applied", "not_applied", "superseded"]
SITE = "site"
"""The kept state that says whose ledger it is: time zone, prices, strategy; see `describe_site`."""


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

    def __init__(
        self, path: Path, clock: Clock, connection: sqlite3.Connection | None, lock: Lock, notes: list[str]
    ) -> None:
        self.path = path
        self.refused = ""  # what the database said to the last row it would not take
        self.notes = notes
        self._damage = _of_damage(notes)
        self._clock, self._lock = clock, lock
        self._writer = Writer(connection, self._reopen)
        self._reader: sqlite3.Connection | None = None
        self._buffer: list[ReadingRow] = []
        self._flushed_s = clock.monotonic()
        self._run = uuid.uuid4().hex[:12]
        self._unfiled: dict[int, float] = {}  # intents in memory: our handle, their time
        self._lost_told = 0
        self._hear: Callable[[Event], None] = lambda event: None
        self._boot_row = self._first_of_boot()

    @classmethod
    def open(cls, path: Path, clock: Clock) -> "Ledger":
        """Open or create the ledger, bring its schema up to date, take the lock.

        Raises LedgerLocked if another instance runs, LedgerNewer if it is from a newer version, LedgerError
        if its path is a mistake. A damaged file is moved aside and a new one begun; a disk that refuses
        leaves the ledger in memory until it does not: `notes` says so.
        """
        lock = Lock(path)
        try:
            connection, notes = open_database(path, clock)
        except LedgerNewer:
            lock.release()
            raise
        except LedgerError as error:
            return cls(path, clock, None, lock, [f"the ledger cannot be opened ({error})"])
        ledger = cls(path, clock, connection, lock, notes)
        for note in notes:
            ledger.record_event("ledger", "error", note)
        return ledger

    @property
    def degraded(self) -> bool:
        """Return whether rows wait in memory because the disk refuses or is slow."""
        return self._writer.degraded

    def damage(self) -> str:
        """Return, once, what was said of a damaged file that was moved aside; nothing if none was."""
        found, self._damage = self._damage, ""
        return found

    @property
    def ring(self) -> Sequence[Job]:
        """Return what waits to be written."""
        return self._writer.ring

    # -- commands -------------------------------------------------------------------------------

    def record_intent(
        self, command: str, keys: Mapping[str, float | None], *, safety: bool, reason: str
    ) -> int | None:
        """Commit an intent and return its id: negative while it waits in memory, None if it is refused."""
        sql = (
            "INSERT INTO intents (wall_ms, mono_s, run, command, keys, safety, reason) VALUES (?,?,?,?,?,?,?)"
        )
        mono_s = float(self._clock.monotonic())
        row = (self._now_ms(), mono_s, self._run, command, json.dumps(dict(keys)), int(safety), reason)
        job = self._submit(Job([(sql, row)]))
        if job.written or job.refused:
            return job.row_id
        handle = -len(self._unfiled) - 1
        self._unfiled[handle] = mono_s
        return handle

    def record_outcome(self, intent: int | None, outcome: str, detail: str) -> None:
        """Write what the charger's side answered, once."""
        if intent is None:
            return
        which, values = ("id = ?", (intent,)) if intent > 0 else self._in_memory(intent)
        sql = f"UPDATE intents SET outcome = ?, detail = ? WHERE {which} AND outcome = 'pending'"  # noqa: S608
        self._write(sql, (outcome, detail, *values))

    def _in_memory(self, handle: int) -> tuple[str, tuple[Any, ...]]:
        """Return how to find an intent that had no number yet when it was made."""
        return "run = ? AND mono_s = ?", (self._run, self._unfiled[handle])

    def close_intents(self, state: CLOSED, *, up_to: int | None = None, limits: bool = False) -> None:
        """Close every open intent (up to an id): what a read showed, or what a newer one replaced.

        Commands, or with `limits` those that set nothing but the energy limit: each is seen by itself.
        """
        sql = (
            "UPDATE intents SET state = ?, closed_ms = ? "
            "WHERE state = 'open' AND id <= ? AND (command LIKE ?) = ?"
        )
        last = 2**62 if up_to is None or up_to < 0 else up_to
        self._write(sql, (state, self._now_ms(), last, f"{LIMIT_LABEL}%", int(limits)))

    def open_intents(self) -> list[tuple[int, str, str]]:
        """Return (id, command, outcome) of intents no read has closed."""
        return self._rows("SELECT id, command, outcome FROM intents WHERE state = 'open' ORDER BY id")

    def recent_writes(self, window_s: float) -> list[tuple[float, bool, str]]:
        """Return (age in s, safety, command) of writes in the window, oldest first.

        By the monotonic clock where it has run on since, so that no step of the wall clock forgives a write;
        from before the machine's last start by wall time. A clock that stepped back makes ages 0, which
        spends the budget rather than doubling it.
        """
        now_ms, now_s, since_row = self._now_ms(), float(self._clock.monotonic()), self._boot_row
        sql = "SELECT id, wall_ms, mono_s, safety, command FROM intents ORDER BY id DESC LIMIT ?"
        found = []
        for row, at_ms, at_s, safety, command in self._rows(sql, (MOST_WRITES,)):
            comparable = row > since_row and at_s <= now_s
            age_s = now_s - at_s if comparable else max(now_ms - at_ms, 0) / 1000
            if age_s < window_s:
                found.append((age_s, bool(safety), str(command)))
        return found[::-1]

    def _first_of_boot(self) -> int:
        """Return the number of the last intent before this life of the machine; keeps it over restarts."""
        boot, kept = self._clock.boot(), self.load_state(BOOT)
        if isinstance(kept, dict) and kept.get("boot") == boot:
            return int(kept.get("row", 0))
        last = self._rows("SELECT coalesce(max(id), 0) FROM intents")
        row = int(last[0][0]) if last else 0
        self.save_state(BOOT, {"boot": boot, "row": row})
        return row

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
        return self._write(sql, row, durable=False)

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
        return self._write_all([(sql, _values(row)) for row in rows], durable=False)

    def listen(self, hear: Callable[[Event], None]) -> None:
        """Have every event told to `hear` too, from any thread; it must not wait or raise."""
        self._hear = hear

    def tell(self, event: Event) -> None:
        """Tell who listens, without a row: for what is too short to be kept."""
        self._hear(event)

    def record_event(self, kind: str, severity: str, text: str, turn: Turn = Turn.MOMENT) -> None:
        """Commit one event, and tell who listens."""
        self._hear(Event(kind, severity, text, turn))
        sql = "INSERT INTO events (wall_ms, kind, severity, text) VALUES (?,?,?,?)"
        self._write(sql, (self._now_ms(), kind, severity, text))

    def unclean_starts(self, window_s: float) -> int:
        """Return how many starts of the last while did not end in a stop, newest first until one did."""
        sql = "SELECT kind FROM events WHERE wall_ms > ? AND kind IN ('start', 'stop') ORDER BY id DESC"
        kinds = [kind for (kind,) in self._rows(sql, (self._now_ms() - int(window_s * 1000),))]
        return kinds.index("stop") if "stop" in kinds else len(kinds)

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
        rows = [(add, (day, grid_wh, pv_wh, cost_ct)), (session, (grid_wh, pv_wh, cost_ct))]
        self._write_all(rows, durable=False)

    # -- cars -----------------------------------------------------------------------------------

    def save_car(self, columns: Mapping[str, str | int | float]) -> None:
        """Keep what was learned of a car; the columns are those of the table `cars`, its time aside."""
        names = (*columns, "changed_ms")
        sql = f"INSERT OR REPLACE INTO cars ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        self._write(sql, (*columns.values(), self._now_ms()), durable=False)

    def cars(self) -> list[dict[str, Any]]:
        """Return every car on record as columns."""
        reader = self._open_reader()
        return [] if reader is None else rows_of_cars(reader)

    def soc_reports(self, after_row: int) -> list[SocReport]:
        """Return what was said of how full cars are after this row, the newest hundred, oldest first."""
        columns = "id, wall_ms, car, soc_pct, source"
        sql = f"SELECT {columns} FROM soc_reports WHERE id > ? ORDER BY id DESC LIMIT 100"  # noqa: S608
        return [SocReport(*row) for row in self._rows(sql, (after_row,))][::-1]

    def record_soc(self, wall_ms: int, car: str, soc_pct: float) -> bool:
        """Write down what a program pushed, from any thread; return whether it is on disk."""
        sql = "INSERT INTO soc_reports (wall_ms, car, soc_pct, source) VALUES (?,?,?,'pushed')"
        return self._write(sql, (wall_ms, car, soc_pct))

    def count_soc_report(self, row: int, counter_wh: float | None) -> None:
        """Keep where the charger's counter stood when a report was taken up."""
        sql = "UPDATE soc_reports SET counter_wh = ? WHERE id = ?"
        self._write(sql, (counter_wh, row), durable=False)

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

    # -- the charger's energy limit -------------------------------------------------------------

    def record_limit(self, theirs_wh: float | None, ours_wh: float, *, released: bool) -> None:
        """Commit a limit of ours before it leaves, and what the user had (None: no limit), in Wh.

        `released`: the user has set theirs with ours in force, so the leash rests.
        """
        sql = "INSERT INTO leash (wall_ms, theirs_wh, ours_wh, released) VALUES (?,?,?,?)"
        self._write(sql, (self._now_ms(), theirs_wh, ours_wh, int(released)))

    def end_limits(self) -> None:
        """Commit that the user's limit is back, or that they have set another."""
        self._write("UPDATE leash SET ended_ms = ? WHERE ended_ms IS NULL", (self._now_ms(),))

    def open_limits(self, most: int) -> list[tuple[float | None, float, int]]:
        """Return (theirs, ours, released) in Wh of the limits that may be at the charger, oldest first."""
        sql = "SELECT theirs_wh, ours_wh, released FROM leash WHERE ended_ms IS NULL ORDER BY id DESC LIMIT ?"
        return self._rows(sql, (most,))[::-1]

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

    def put(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> bool:
        """Run one statement for each row, as one commit that a power cut may lose; return if it is done."""
        return self._write_all([(sql, tuple(row)) for row in rows], durable=False)

    def maintain(self, *, keep_10s_days: int, keep_60s_days: int) -> None:
        """Thin old readings out to minutes and quarters of an hour; means keep the energy."""
        day_ms = 86_400_000
        now_ms = self._now_ms()
        for step_s, wider_s, days in ((10, 60, keep_10s_days), (60, 900, keep_60s_days)):
            before_ms = (now_ms - days * day_ms) // (wider_s * 1000) * (wider_s * 1000)
            thin: Statement = (_THIN, (wider_s, wider_s, wider_s, step_s, before_ms))
            drop: Statement = ("DELETE FROM readings WHERE step_s = ? AND wall_ms < ?", (step_s, before_ms))
            self._write_all([thin, drop], durable=False)
        for table in ("decisions", "soc_reports"):
            sql = f"DELETE FROM {table} WHERE wall_ms < ?"  # noqa: S608 - of a fixed list
            self._write(sql, (now_ms - 90 * day_ms,), durable=False)

    def backup(self, target: Path) -> None:
        """Write a consistent copy while running. Raises LedgerError."""
        reader = self._open_reader()
        if reader is None:
            raise LedgerError(f"{self.path}: cannot be read now; there is nothing to copy")
        copy_database(reader, target)

    def close(self) -> None:
        """Commit what is buffered and release the file."""
        self.flush()
        self._forget_reader()  # first, so that the writer is the last and tidies up
        self._writer.close()
        self._lock.release()

    # -- inside ---------------------------------------------------------------------------------

    @property
    def _db(self) -> Any:
        """Return the connection that writes: for tests that make it ill."""
        return self._writer.connection

    def _now_ms(self) -> int:
        return int(self._clock.wall().timestamp() * 1000)

    def _reopen(self) -> sqlite3.Connection:
        """Open the file anew, called by the writer's thread when it has none."""
        connection, notes = open_database(self.path, self._clock)
        self.notes += notes
        self._damage = _of_damage(notes) or self._damage
        self._forget_reader()
        sql = "INSERT INTO events (wall_ms, kind, severity, text) VALUES (?, 'ledger', 'error', ?)"
        for note in notes:
            connection.execute(sql, (self._now_ms(), note))
            self._hear(Event("ledger", "error", note))
        return connection

    def _submit(self, job: Job) -> Job:
        self._writer.submit(job)
        if job.refused:
            self.refused = job.refused
        lost = self._writer.dropped
        if lost > self._lost_told and not self._writer.degraded:
            self._lost_told, text = lost, f"{lost - self._lost_told} rows were lost while the disk refused"
            self.record_event("ledger", "error", text)
        return job

    def _write(self, sql: str, values: tuple[Any, ...], *, durable: bool = True) -> bool:
        """Return whether the row is on disk; if not it waits in memory, or `refused` says why not."""
        return self._write_all([(sql, values)], durable=durable)

    def _write_all(self, statements: list[Statement], *, durable: bool = True) -> bool:
        """Write statements as one commit; as `_write`."""
        return not statements or self._submit(Job(statements, durable)).written

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return what is on disk, nothing if it cannot be read."""
        reader = self._open_reader()
        try:
            return [] if reader is None else reader.execute(sql, values).fetchall()
        except sqlite3.Error:
            self._forget_reader()
            return []

    def _open_reader(self) -> sqlite3.Connection | None:
        """Return a connection of its own for reading: it never waits for the writer."""
        if self._reader is None and self._writer.connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._reader = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, check_same_thread=False)
                self._reader.execute(SMALL_CACHE)
        return self._reader

    def _forget_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with contextlib.suppress(sqlite3.Error):
                reader.close()


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Write a consistent copy of an open database through SQLite itself. Raises LedgerError."""
    try:
        with contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        raise translated(error, target) from error


def _of_damage(notes: list[str]) -> str:
    return next((note for note in notes if "damaged" in note), "")


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
SELECT wall_ms / (? * 1000) * (? * 1000), ?,
       sum(grid_import_w * samples) / sum(CASE WHEN grid_import_w IS NULL THEN 0 ELSE samples END),
       sum(base_import_w * samples) / sum(CASE WHEN base_import_w IS NULL THEN 0 ELSE samples END),
       sum(pv_yield_w * samples) / sum(CASE WHEN pv_yield_w IS NULL THEN 0 ELSE samples END),
       sum(battery_charge_w * samples) / sum(CASE WHEN battery_charge_w IS NULL THEN 0 ELSE samples END),
       sum(car_w * samples) / sum(CASE WHEN car_w IS NULL THEN 0 ELSE samples END),
       max(offered_a), max(phases), sum(samples)
FROM readings WHERE step_s = ? AND wall_ms < ? GROUP BY 1
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
