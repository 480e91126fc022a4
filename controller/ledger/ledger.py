"""What happened, on disk: one open file that all stores beside it write through and read from.

Theory of operation. One writer, SQLite in WAL mode. What must survive a power cut (intents, outcomes, events)
is committed with `synchronous=FULL` before the call returns; readings are buffered and committed once a
minute, which writes 9 MB a day instead of 144. When the disk fails, or takes seconds, control goes on: rows
wait in memory, `degraded` is set, and once all of them are written it is over. `writer` does the writing,
`opening` the opening; what is written, table by table, the stores know. Events and small kept values, which
everybody has, are here.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from controller.clock import Clock
from controller.errors import LedgerError
from controller.events import Event, Turn
from controller.ledger.opening import SMALL_CACHE, LedgerNewer, Lock, open_database
from controller.ledger.writer import Job, Statement, Writer

FLUSH_S = 60.0


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
        self._buffer: list[Statement] = []
        self._flushed_s = clock.monotonic()
        self._lost_told = 0
        self._hear: Callable[[Event], None] = lambda event: None

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

    def close(self) -> None:
        """Commit what is buffered and release the file."""
        self.flush()
        self._forget_reader()  # first, so that the writer is the last and tidies up
        self._writer.close()
        self._lock.release()

    @property
    def degraded(self) -> bool:
        """Return whether rows wait in memory because the disk refuses or is slow."""
        return self._writer.degraded

    def damage(self) -> str:
        """Return, once, what was said of a damaged file that was moved aside; nothing if none was."""
        found, self._damage = self._damage, ""
        return found

    def now_ms(self) -> int:
        """Return the wall time as rows bear it, in ms."""
        return int(self._clock.wall().timestamp() * 1000)

    # -- events ---------------------------------------------------------------------------------

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
        self.write(sql, (self.now_ms(), kind, severity, text))

    def unclean_starts(self, window_s: float) -> int:
        """Return how many starts of the last while did not end in a stop, newest first until one did."""
        sql = "SELECT kind FROM events WHERE wall_ms > ? AND kind IN ('start', 'stop') ORDER BY id DESC"
        kinds = [kind for (kind,) in self.rows(sql, (self.now_ms() - int(window_s * 1000),))]
        return kinds.index("stop") if "stop" in kinds else len(kinds)

    # -- small values ---------------------------------------------------------------------------

    def save_state(self, key: str, value: Any) -> None:
        """Keep a small value over restarts."""
        sql = "INSERT INTO state VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        self.write(sql, (key, json.dumps(value)))

    def load_state(self, key: str) -> Any:
        """Return a kept value, None if there is none."""
        rows = self.rows("SELECT value FROM state WHERE key = ?", (key,))
        return json.loads(rows[0][0]) if rows else None

    # -- writing --------------------------------------------------------------------------------

    def write(self, sql: str, values: tuple[Any, ...], *, durable: bool = True) -> bool:
        """Return whether the row is on disk; if not it waits in memory, or `refused` says why not.

        A power cut may lose it where it is not `durable`.
        """
        return self.write_all([(sql, values)], durable=durable)

    def write_all(self, statements: Sequence[Statement], *, durable: bool = True) -> bool:
        """Write statements as one commit; as `write`."""
        return not statements or self.submit(Job(list(statements), durable)).written

    def write_later(self, sql: str, values: tuple[Any, ...]) -> bool:
        """Buffer a row, committed once a minute with the others; return whether nothing was refused."""
        self._buffer.append((sql, values))
        if self._clock.monotonic() - self._flushed_s >= FLUSH_S:
            return self.flush()
        return True

    def flush(self) -> bool:
        """Commit what is buffered; return whether it is on disk."""
        self._flushed_s = self._clock.monotonic()
        statements, self._buffer = self._buffer, []
        return self.write_all(statements, durable=False)

    def submit(self, job: Job) -> Job:
        """Hand a job to the writer, for callers who must know what became of it."""
        self._writer.submit(job)
        if job.refused:
            self.refused = job.refused
        lost = self._writer.dropped
        if lost > self._lost_told and not self._writer.degraded:
            self._lost_told, text = lost, f"{lost - self._lost_told} rows were lost while the disk refused"
            self.record_event("ledger", "error", text)
        return job

    # -- reading --------------------------------------------------------------------------------

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return what is on disk, nothing if it cannot be read."""
        reader = self.reader()
        try:
            return [] if reader is None else reader.execute(sql, values).fetchall()
        except sqlite3.Error:
            self._forget_reader()
            return []

    def reader(self) -> sqlite3.Connection | None:
        """Return a connection of its own for reading, None without a file: it never waits for the writer."""
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

    def _reopen(self) -> sqlite3.Connection:
        """Open the file anew, called by the writer's thread when it has none."""
        connection, notes = open_database(self.path, self._clock)
        self.notes += notes
        self._damage = _of_damage(notes) or self._damage
        self._forget_reader()
        sql = "INSERT INTO events (wall_ms, kind, severity, text) VALUES (?, 'ledger', 'error', ?)"
        for note in notes:
            connection.execute(sql, (self.now_ms(), note))
            self._hear(Event("ledger", "error", note))
        return connection


def _of_damage(notes: list[str]) -> str:
    return next((note for note in notes if "damaged" in note), "")
