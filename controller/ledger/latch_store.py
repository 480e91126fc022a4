"""Latched faults on disk: kept over restarts, acknowledged by people while the controller runs or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.ledger.ledger import Ledger
from controller.ledger.opening import beside
from controller.line.latches import Latch, Latched


class LatchStore:
    """The latched faults of the ledger of one running controller."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rows: dict[str, int] = {}

    def load(self) -> Latched:
        """Return what earlier runs latched and nobody has acknowledged."""
        rows = self._open()
        self._rows = {kind: row for row, kind, _ in rows}
        return tuple(Latch(kind, text) for _, kind, text in rows)

    def keep(self, before: Latched, after: Latched) -> tuple[Latched, Latched]:
        """Write down what was latched or ended by itself between two moments; return (new, ended)."""
        if before is after:
            return (), ()
        new = tuple(latch for latch in after if latch not in before)
        ended = tuple(latch for latch in before if latch not in after)
        for latch in ended:
            self._end(latch.kind)
            self._rows.pop(latch.kind, None)
        for latch in new:
            self._record(latch)
        self._find(latch.kind for latch in new)
        return new, ended

    def acknowledged(self, latched: Latched) -> frozenset[str]:
        """Return the kinds a person has acknowledged since; nothing while the disk refuses."""
        if not latched:
            return frozenset()
        # What was latched while the disk refused may be on record by now.
        self._find(latch.kind for latch in latched)
        sql = "SELECT 1 FROM latches WHERE id = ? AND acked_ms IS NOT NULL"
        done = [row for row in self._rows.values() if self._ledger.rows(sql, (row,))]
        kinds = frozenset(kind for kind, row in self._rows.items() if row in done)
        for kind in kinds:
            del self._rows[kind]
        return kinds

    def _find(self, kinds: Iterable[str]) -> None:
        """Look up the rows of those kinds whose row is not known."""
        missing = [kind for kind in kinds if kind not in self._rows]
        if missing:
            self._rows |= {kind: row for row, kind, _ in self._open() if kind in missing}

    def _record(self, latch: Latch) -> None:
        """Commit a fault that waits for a person; one of its kind is enough."""
        sql = "INSERT INTO latches (wall_ms, kind, text) VALUES (?,?,?) ON CONFLICT DO NOTHING"
        self._ledger.write(sql, (self._ledger.now_ms(), latch.kind, latch.text))

    def _end(self, kind: str) -> None:
        """Commit that a latched fault has ended without a person."""
        sql = "UPDATE latches SET acked_ms = ?, acked_by = 'itself' WHERE kind = ? AND acked_ms IS NULL"
        self._ledger.write(sql, (self._ledger.now_ms(), kind))

    def _open(self) -> list[tuple[int, str, str]]:
        """Return (row, kind, text) of what nobody has acknowledged, oldest first."""
        return self._ledger.rows("SELECT id, kind, text FROM latches WHERE acked_ms IS NULL ORDER BY id")


@dataclass(frozen=True, slots=True)
class OpenLatch:
    """One fault that waits for a person; `wall_ms` is when it was latched."""

    wall_ms: int
    latch: Latch


def waiting(path: Path) -> list[OpenLatch]:
    """Return what is latched, oldest first. Raises LedgerError."""
    with beside(path, "ro") as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'latches'").fetchone():
            return []
        rows = db.execute("SELECT wall_ms, kind, text FROM latches WHERE acked_ms IS NULL ORDER BY id")
        return [OpenLatch(wall_ms, Latch(kind, text)) for wall_ms, kind, text in rows]


def acknowledge(path: Path, kinds: list[str], now_ms: int) -> None:
    """Acknowledge these kinds, in one commit. Raises LedgerError."""
    with beside(path, "rw") as db, db:
        for kind in kinds:
            sql = "UPDATE latches SET acked_ms = ?, acked_by = 'person' WHERE kind = ? AND acked_ms IS NULL"
            db.execute(sql, (now_ms, kind))
