"""What the ledger knows for the forecast: surplus by the quarter, sunlight as told, forecasts as given.

Reads with a connection of its own that can only read; writes go through the ledger, the only writer.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from pathlib import Path

from controller.forecast.answers import QUARTER_S
from controller.forecast.spread import Issued
from controller.ledger.ledger import Ledger
from controller.ledger.opening import beside, exists

DAYS = 60
"""How far back is learned from; by then a day counts one part in fifty."""
HIGHEST = "forecast_highest_w"
_SURPLUS = """
SELECT begin_ms / 900000 * 900 AS quarter, -sum(base_import_w * weight) / sum(weight)
FROM (
    SELECT wall_ms - (step_s = 10) * 10000 AS begin_ms, base_import_w, step_s AS weight, step_s
    FROM readings
    WHERE step_s IN (10, 60, 900) AND wall_ms BETWEEN ?1 AND ?2 + 10000 AND base_import_w IS NOT NULL
)
WHERE begin_ms >= ?1 AND begin_ms < ?2
GROUP BY quarter
HAVING max(step_s) = 900 OR (count(*) >= 8 AND max(begin_ms) - min(begin_ms) >= 600000)
ORDER BY quarter
"""
"""A quarter-hour counts if at least ten minutes lie between its first and its last reading."""


class Past:
    """Questions to one ledger file. What is not there (no file, an older schema) is empty, never an error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _db(self) -> AbstractContextManager[sqlite3.Connection]:
        return beside(self._path, "ro")

    def surplus(self, from_s: int, to_s: int) -> list[tuple[int, float]]:
        """Return begin and mean surplus in W of the quarter-hours in the span. Raises LedgerError."""
        if not exists(self._path):
            return []
        with self._db() as db:
            return db.execute(_SURPLUS, (from_s * 1000, to_s * 1000)).fetchall()

    def highest_w(self) -> float:
        """Return the most surplus a quarter-hour ever had, of those that are kept as quarters."""
        if not exists(self._path):
            return 0.0
        with self._db() as db:
            (lowest_w,) = db.execute("SELECT min(base_import_w) FROM readings WHERE step_s = 900").fetchone()
            kept = db.execute("SELECT value FROM state WHERE key = ?", (HIGHEST,)).fetchone()
        return max(-(lowest_w or 0.0), float(kept[0]) if kept else 0.0, 0.0)

    def sunlight(self, source: str, from_s: int) -> dict[int, float]:
        """Return what a source said of the past, by the begin of the quarter-hour."""
        with self._db_with("sunlight") as db:
            if db is None:
                return {}
            sql = "SELECT begin_s, value FROM sunlight WHERE source = ? AND begin_s >= ?"
            return dict(db.execute(sql, (source, from_s)).fetchall())

    def issued(self, from_s: int) -> list[Issued]:
        """Return the forecasts on record of quarters from this one on, in order of time."""
        with self._db_with("forecasts") as db:
            if db is None:
                return []
            sql = "SELECT * FROM forecasts WHERE begin_s >= ? ORDER BY begin_s, lead_h"
            return [Issued(*row) for row in db.execute(sql, (from_s,))]

    @contextlib.contextmanager
    def _db_with(self, table: str) -> Iterator[sqlite3.Connection | None]:
        if not exists(self._path):
            yield None
            return
        with self._db() as db:
            there = db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
            yield db if there else None


def keep_sunlight(ledger: Ledger, source: str, told: Sequence[tuple[int, float]]) -> None:
    """Write what a source said of the past; a later word replaces an earlier one."""
    sql = "INSERT OR REPLACE INTO sunlight VALUES (?,?,?)"
    ledger.write_all([(sql, (source, begin, value)) for begin, value in told], durable=False)


def keep_issued(ledger: Ledger, issued: Sequence[Issued]) -> None:
    """Write forecasts; the first one for a quarter and a lead time stays."""
    sql = "INSERT OR IGNORE INTO forecasts VALUES (?,?,?,?,?,?,?,?,?)"
    ledger.write_all([(sql, astuple(row)) for row in issued], durable=False)


def keep_highest(ledger: Ledger, highest_w: float) -> None:
    """Write the most surplus a quarter-hour ever had."""
    ledger.save_state(HIGHEST, round(highest_w, 1))


def forget(ledger: Ledger, now_s: int) -> None:
    """Drop what is too old to be learned from."""
    before_s = now_s - DAYS * 96 * QUARTER_S
    for table in ("sunlight", "forecasts"):
        ledger.write(f"DELETE FROM {table} WHERE begin_s < ?", (before_s,), durable=False)  # noqa: S608
