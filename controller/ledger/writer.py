"""One thread that writes: whoever hands it rows waits a moment at most, whatever the disk does.

Theory of operation. Every change of the ledger is a job in a ring of bounded length. The thread commits all
jobs that wait as one transaction and, where that fails, keeps them and tries again later. The caller waits
for its own job: as long as a sound disk needs, and hardly at all once the disk is known to be ill. So an
intent is on disk before its command leaves, as long as there is a disk; and a card that takes seconds for an
fsync, or a file that cannot grow, delays neither a reading nor a reduction.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller.errors import LedgerCorrupt, LedgerError
from controller.ledger.opening import translated

log = logging.getLogger(__name__)

RING = 1000
"""Jobs kept in memory while the disk refuses (faults.md H7): half a day of an idle house."""

PATIENCE_S = 2.0
"""What a caller waits for a disk that was well so far (chosen; an SD card's bad fsync takes 1 s)."""

ILL_PATIENCE_S = 0.1
"""What it waits for a disk that refuses, which it does at once; for one that is slow nobody waits."""

WELL_S = 1.0
"""A disk is well again when everything is written and the last commit took less than this."""

RETRY_S = 5.0
"""How often the thread tries by itself while the disk refuses."""

ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
    UnicodeError,
    OverflowError,
)
"""What says that a row is wrong; everything else says that the disk is."""

Statement = tuple[str, tuple[Any, ...]]


@dataclass(slots=True, eq=False)
class Job:
    """Statements committed together. `written` once they are on disk, `refused` if a row is wrong."""

    statements: list[Statement]
    durable: bool = True
    written: bool = False
    refused: str = ""
    row_id: int | None = None
    changed: int = 0
    tried: threading.Event = field(default_factory=threading.Event)


class Writer:
    """The only one that changes the database. `reopen` returns a connection or raises LedgerError."""

    def __init__(
        self, connection: sqlite3.Connection | None, reopen: Callable[[], sqlite3.Connection]
    ) -> None:
        self.connection = connection
        self.degraded = connection is None
        self.dropped = 0
        self.ring: deque[Job] = deque()
        self._reopen = reopen
        self._changed = threading.Condition()
        self._ending = False
        self._ill = connection is None  # the last attempt failed; `degraded` is also set by a slow one
        self._thread = threading.Thread(target=self._live, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Job:
        """Hand over a job and wait for it, within patience; a job that waits in the ring is written later."""
        with self._changed:
            if len(self.ring) >= RING:
                self.ring.popleft()
                self.dropped += 1
            self.ring.append(job)
            self._changed.notify_all()
        patience_s = PATIENCE_S
        if self.degraded:
            patience_s = ILL_PATIENCE_S if self._ill else 0.0
        if not job.tried.wait(patience_s):
            self.degraded = True
        return job

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Write what can be written, end the thread, close the file."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(patience_s)
        if self.connection is not None and not self._thread.is_alive():
            with contextlib.suppress(sqlite3.Error):
                self.connection.close()

    # -- the thread -----------------------------------------------------------------------------

    def _live(self) -> None:
        retry_at = 0.0
        while True:
            with self._changed:
                if not self.ring and not self._ending:
                    self._changed.wait(RETRY_S if self._ill else None)
                elif self._ill and not self._ending and time.monotonic() < retry_at and not self._untried():
                    self._changed.wait(max(retry_at - time.monotonic(), 0.01))
                jobs, ending = list(self.ring), self._ending
            if jobs or self._ill:
                self._attempt(jobs)
                retry_at = time.monotonic() + RETRY_S
            if ending:
                return

    def _untried(self) -> bool:
        return bool(self.ring) and not self.ring[-1].tried.is_set()

    def _attempt(self, jobs: list[Job]) -> None:
        """Write these jobs as one commit, singly where one of them is refused; tell who waits."""
        began = time.monotonic()
        try:
            if self.connection is None:
                self.connection = self._reopen()
            try:
                self._commit(jobs)
            except ROW_ERRORS:
                for job in jobs:
                    self._commit_one(job)
        except (sqlite3.Error, LedgerError) as error:
            self._failed(error)
            for job in jobs:
                job.tried.set()
            return
        with self._changed:
            for job in jobs:
                if self.ring and self.ring[0] is job:
                    self.ring.popleft()
            self._ill = False
            if not self.ring and time.monotonic() - began < WELL_S:
                self.degraded = False
        for job in jobs:
            job.tried.set()

    def _failed(self, error: Exception) -> None:
        again = self._ill
        if not again:
            log.warning("event=ledger_write_failed why=%s", error)
        self._ill = self.degraded = True
        ours = translated(error) if isinstance(error, sqlite3.Error) else error
        # SQLite keeps a file it had to open read-only so, also when the disk is mended.
        hopeless = isinstance(ours, LedgerCorrupt) or (again and "readonly" in str(ours))
        if hopeless and self.connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self.connection.close()
            self.connection = None  # the next attempt opens anew, which moves a damaged file aside

    def _commit(self, jobs: list[Job]) -> None:
        """Write jobs as one commit; raises what SQLite raises, with nothing written."""
        connection = self.connection
        assert connection is not None
        if not jobs:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return
        durable = any(job.durable for job in jobs)
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")  # one that failed before
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._execute(connection, job)
            connection.execute("COMMIT")
        except (sqlite3.Error, *ROW_ERRORS) as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
                raise sqlite3.ProgrammingError(str(error)) from error  # our SQL is wrong, not the disk
            raise
        for job in jobs:
            job.written = True

    def _commit_one(self, job: Job) -> None:
        if job.written:
            return
        try:
            self._commit([job])
        except ROW_ERRORS as error:
            job.refused = str(error) or type(error).__name__

    def _execute(self, connection: sqlite3.Connection, job: Job) -> None:
        for sql, values in job.statements:
            cursor = connection.execute(sql, values)
            job.row_id, job.changed = cursor.lastrowid, cursor.rowcount
