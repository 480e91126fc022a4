"""Opening the ledger's file: lock, check, migrate; a damaged file is moved aside, a newer one refused.

What the disk cannot do now (full, read-only, failing) is told apart from what a person must mend: the first
is `LedgerError` and control goes on without a file, the second ends the start.
"""

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Literal

from controller.clock import Clock
from controller.errors import LedgerCorrupt, LedgerError, LedgerFull

Step = tuple[int, str]
"""One migration: its number and its SQL."""

BUSY_S = 2.0
"""How long another program may hold the file before it counts as a fault (chosen; a backup takes less)."""

SMALL_CACHE = "PRAGMA cache_size = -512"
"""512 kB of pages in memory, not 2 MB: a year's writes grow it by 0.8 MB instead of 2.1 (measured)."""

DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO))
"""What a disk does by itself. Anything else about a path is a mistake in the config."""

BEFORE_RECORD = frozenset((1, 2, 3, 4, 8))
"""The steps there were before ledgers kept a record of theirs: for an older file its version says which."""

NOT_YOURS = "belongs to the service, and you are another user. Remedy: put sudo in front of the command"
"""The installed service keeps ledger and folder to itself: both tell when somebody is at home."""

SALVAGED = ("energy", "sessions", "cars", "verdicts", "latches", "leash")
"""Small tables whose rows are carried over from a damaged file as far as they can be read."""


class LedgerLocked(LedgerError):
    """Another ampilot uses this ledger. Exit code 75."""


class LedgerNewer(LedgerCorrupt):
    """The ledger was written by a newer version: a person must decide. Exit code 78."""


class Lock:
    """The right to be the only controller on a ledger; freed by `release` and by the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take it. Raises LedgerLocked, or LedgerError if the path is a mistake."""
        self._fd = _lock_fd(path)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise LedgerLocked(f"{path}: another ampilot uses this ledger. Remedy: stop it first") from None

    def release(self) -> None:
        """Give it back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def _lock_fd(path: Path) -> int:
    """Return what to lock: a file beside the ledger, or its folder where the disk takes no new file."""
    if path.is_dir():
        raise LedgerError(f"{path}: is a folder. Remedy: name a file in it as [ledger] path")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            for place in (path.with_name(path.name + ".lock"), *path.parents):
                with contextlib.suppress(OSError):
                    return os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        raise LedgerError(
            f"{path}: cannot be created ({error.strerror}). Remedy: check [ledger] path"
        ) from None


def open_database(path: Path, clock: Clock) -> tuple[sqlite3.Connection, list[str]]:
    """Return a checked and migrated connection, and notes on what had to be done for it.

    A damaged file is moved aside and a new one begun; what can still be read of the totals is carried over.
    Raises LedgerNewer, or LedgerError while the disk refuses.
    """
    try:
        return connect(path), []
    except LedgerNewer:
        raise
    except LedgerCorrupt:
        aside = path.with_name(f"{path.name}.corrupt-{clock.wall():%Y%m%dT%H%M%SZ}")
        try:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        except OSError as error:
            raise LedgerError(f"{path}: damaged, and cannot be moved aside ({error.strerror})") from None
    connection = connect(path)
    saved = _salvage(connection, aside)
    note = f"the ledger was damaged; it is kept as {aside.name} and a new one was begun"
    return connection, [note + (f", with {saved} rows of its totals" if saved else ", empty")]


def connect(path: Path) -> sqlite3.Connection:
    """Open, check and migrate. Raises LedgerNewer, LedgerCorrupt or LedgerError."""
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
        steps = sorted(_steps())
        _refuse_newer(path, connection, steps)  # before anything is changed
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(SMALL_CACHE)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise LedgerCorrupt(f"{path}: the database is damaged")
        migrate(path, connection, steps)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise translated(error, path) from error
    except LedgerError:
        if connection is not None:
            connection.close()
        raise
    return connection


def migrate(path: Path, connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Bring the schema up to date: each step once, by number, in a transaction; numbers may be left out.

    A step with a number below the file's version, because it was made beside a later one, is not left out.
    """
    version = _refuse_newer(path, connection, steps)
    done = _done(connection, version)
    for number, sql in sorted(steps):
        if number not in done:
            done, version = done | {number}, max(version, number)
            rows = ", ".join(f"({each})" for each in sorted(done))
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{sql}\n{_RECORD}\nINSERT OR IGNORE INTO migrations VALUES {rows};\n"
                f"PRAGMA user_version = {version};\nCOMMIT;"
            )


_RECORD = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY) STRICT;"


def _done(connection: sqlite3.Connection, version: int) -> frozenset[int]:
    """Return the steps the file has been through: by its own record, or from before there was one."""
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchone():
        return frozenset(number for number in BEFORE_RECORD if number <= version)
    return frozenset(number for (number,) in connection.execute("SELECT number FROM migrations"))


def _refuse_newer(path: Path, connection: sqlite3.Connection, steps: Sequence[Step]) -> int:
    """Return the number of the schema. Raises LedgerNewer for one that these steps do not lead to."""
    version, newest = int(connection.execute("PRAGMA user_version").fetchone()[0]), max(steps)[0]
    if version > newest:
        raise LedgerNewer(
            f"{path}: written by a newer ampilot (schema {version}, this one knows {newest}). "
            "Remedy: install that version again, or move the file away"
        )
    return version


def _steps() -> list[Step]:
    """Return the shipped migrations."""
    folder = resources.files("controller.ledger.migrations")
    files = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return [(int(item.name[:4]), item.read_text("utf-8")) for item in files]


def translated(error: sqlite3.Error, path: Path | str = "ledger") -> LedgerError:
    """Return ours: full, damaged, or anything else of the disk."""
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return LedgerFull(f"{path}: {text}")
    if "malformed" in text or "not a database" in text:
        return LedgerCorrupt(f"{path}: {text}")
    return LedgerError(f"{path}: {text}")


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Write a consistent copy of an open database through SQLite itself. Raises LedgerError."""
    try:
        with contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        raise translated(error, target) from error


def exists(path: Path) -> bool:
    """Return whether there is a ledger. Raises LedgerError where this user may not look."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        raise LedgerError(f"{path}: {NOT_YOURS}") from None
    except OSError:
        return False


def must_exist(path: Path) -> None:
    """Raise LedgerError, with a remedy, where there is no ledger to ask."""
    if not exists(path):
        raise LedgerError(f"{path}: there is no ledger yet. Remedy: has ampilot run with this config?")


@contextlib.contextmanager
def beside(path: Path, mode: Literal["ro", "rw"]) -> Iterator[sqlite3.Connection]:
    """Open a ledger that exists, for a command beside the controller. Raises LedgerError, with a remedy."""
    must_exist(path)
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode={mode}", uri=True, timeout=5.0)) as db:
            yield db
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: {_advice(str(error))}") from None


def _advice(error: str) -> str:
    """Return what SQLite said, and what a person can do about it."""
    if "unable to open" in error or "readonly" in error:
        return NOT_YOURS
    if "not a database" in error or "malformed" in error:
        return f"{error}. Remedy: sudo systemctl restart ampilot, which keeps it aside and begins a new one"
    if "no such" in error:
        return f"{error}: of another version. Remedy: sudo systemctl restart ampilot, which renews it"
    return f"{error}. Remedy: try again in a moment"


def _salvage(into: sqlite3.Connection, aside: Path) -> int:
    """Carry over what can still be read of the totals; return how many rows. Never raises."""
    saved = 0
    # `immutable`: the damaged file is only looked at, its log is neither replayed nor truncated.
    with contextlib.suppress(sqlite3.Error), _closing(f"file:{aside}?mode=ro&immutable=1") as old:
        for table in SALVAGED:
            with contextlib.suppress(sqlite3.Error):
                into.execute("BEGIN IMMEDIATE")
                saved += _copy(old, into, table)
                into.execute("COMMIT")
            if into.in_transaction:
                into.execute("ROLLBACK")
    return saved


@contextlib.contextmanager
def _closing(uri: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(uri, uri=True)
    try:
        yield connection
    finally:
        connection.close()


def _copy(old: sqlite3.Connection, into: sqlite3.Connection, table: str) -> int:
    """Copy rows until one cannot be read; the new table's rules keep nonsense out."""
    copied = 0
    cursor = old.execute(f"SELECT * FROM {table}")  # noqa: S608 - of a fixed list
    names = [column[0] for column in cursor.description]
    places = ", ".join("?" * len(names))
    sql = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608
    with contextlib.suppress(sqlite3.DatabaseError):
        for row in cursor:
            with contextlib.suppress(sqlite3.IntegrityError):
                copied += into.execute(sql, row).rowcount
    return copied
