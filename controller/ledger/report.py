"""Questions to the ledger while the controller runs: a second connection that can only read."""

import json
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.ledger.car_store import rows_of_cars
from controller.ledger.opening import beside, must_exist

Recorded = tuple[int, int, float | None, float | None, float | None]
"""One row: when it begins (wall ms), how long it holds (s), base_import_w, pv_yield_w, grid_import_w."""


@dataclass(frozen=True, slots=True)
class LastDecision:
    """The newest decision, as it was written."""

    wall_ms: int
    in_force: str
    wish: str
    action: str
    reason: str
    ceiling: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Totals:
    """Energy into the car by source in Wh, its cost in ct, and what was switched."""

    grid_wh: float
    pv_wh: float
    cost_ct: float
    writes: int
    starts: int
    phase_changes: int


class Report:
    """Read-only answers; raises LedgerError if there is no ledger."""

    def __init__(self, path: Path) -> None:
        must_exist(path)
        self._path = path

    def _db(self) -> AbstractContextManager[sqlite3.Connection]:
        return beside(self._path, "ro")

    def last_decision(self) -> LastDecision | None:
        """Return the newest decision."""
        sql = "SELECT wall_ms, in_force, wish, action, reason, ceiling, facts FROM decisions ORDER BY id DESC"
        with self._db() as db:
            row = db.execute(sql + " LIMIT 1").fetchone()
        if row is None:
            return None
        wall_ms, in_force, wish, action, reason, ceiling, facts = row
        return LastDecision(wall_ms, in_force, wish, action, reason, ceiling, json.loads(facts))

    def readings(self, from_ms: int, to_ms: int) -> list[tuple[Any, ...]]:
        """Return the 10-s rows between two times, without the step and the count."""
        sql = (
            "SELECT wall_ms, grid_import_w, base_import_w, pv_yield_w, battery_charge_w, car_w, offered_a, "
            "phases FROM readings WHERE step_s = 10 AND wall_ms BETWEEN ? AND ? ORDER BY wall_ms"
        )
        with self._db() as db:
            return db.execute(sql, (from_ms, to_ms)).fetchall()

    def totals(self, from_ms: int, to_ms: int) -> Totals:
        """Return the sums of the sessions that began in the span."""
        sql = (
            "SELECT total(grid_wh), total(pv_wh), total(cost_ct), sum(starts), sum(phase_changes) "
            "FROM sessions WHERE plugged_ms BETWEEN ? AND ?"
        )
        with self._db() as db:
            grid, pv, cost, starts, changes = db.execute(sql, (from_ms, to_ms)).fetchone()
            writes = db.execute(
                "SELECT count(*) FROM intents WHERE wall_ms BETWEEN ? AND ?", (from_ms, to_ms)
            ).fetchone()[0]
        return Totals(grid, pv, cost, writes, starts or 0, changes or 0)

    def recorded(self, from_ms: int, to_ms: int) -> list[Recorded]:
        """Return the rows of 10 s, and of 60 s where the ledger was thinned out, that begin in the span.

        A row of 10 s is written when its time is over, a thinned one bears the time it begins.
        """
        sql = (
            "SELECT wall_ms - (step_s = 10) * 10000 AS begin_ms, step_s, base_import_w, pv_yield_w, "
            "grid_import_w FROM readings WHERE step_s IN (10, 60) AND wall_ms BETWEEN ?1 AND ?2 + 10000 "
            "AND begin_ms >= ?1 AND begin_ms < ?2 ORDER BY begin_ms"
        )
        with self._db() as db:
            return db.execute(sql, (from_ms, to_ms)).fetchall()

    def recorded_quarters_ms(self) -> list[int]:
        """Return the begin of every quarter of an hour with rows that can be replayed."""
        sql = (
            "SELECT DISTINCT (wall_ms - (step_s = 10) * 10000) / 900000 * 900000 FROM readings "
            "WHERE step_s IN (10, 60) AND base_import_w IS NOT NULL ORDER BY 1"
        )
        with self._db() as db:
            return [begin_ms for (begin_ms,) in db.execute(sql)]

    def energy(self, first_day: str, last_day: str) -> tuple[float, float]:
        """Return what the car took on these local days, from the grid and from the sun, in Wh."""
        sql = "SELECT total(grid_wh), total(pv_wh) FROM energy WHERE day BETWEEN ? AND ?"
        with self._db() as db:
            grid_wh, pv_wh = db.execute(sql, (first_day, last_day)).fetchone()
        return grid_wh, pv_wh

    def switched(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """Return the starts and phase changes of the sessions that touch the span."""
        sql = (
            "SELECT total(starts), total(phase_changes) FROM sessions "
            "WHERE plugged_ms < ? AND coalesce(unplugged_ms, ?) > ?"
        )
        with self._db() as db:
            starts, changes = db.execute(sql, (to_ms, to_ms, from_ms)).fetchone()
        return int(starts), int(changes)

    def visits_ms(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """Return when a car was connected, cut to the span: (came, left), oldest first.

        One that has not left was there until the last reading: nobody knows the rest of a day that goes on.
        """
        sql = (
            "WITH seen AS (SELECT plugged_ms, coalesce(unplugged_ms, (SELECT max(wall_ms) FROM readings), ?2)"
            " AS left_ms FROM sessions) SELECT max(plugged_ms, ?1), min(left_ms, ?2) FROM seen "
            "WHERE plugged_ms < ?2 AND left_ms > max(plugged_ms, ?1) ORDER BY plugged_ms"
        )
        with self._db() as db:
            return db.execute(sql, (from_ms, to_ms)).fetchall()

    def state(self, key: str) -> Any:
        """Return a value the controller kept, None if there is none."""
        with self._db() as db:
            row = db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def last_verdict(self) -> tuple[str, str] | None:
        """Return the newest judged day and what was said of it; a ledger from before has none."""
        with self._db() as db:
            if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'verdicts'").fetchone():
                return None
            sql = "SELECT day, text FROM verdicts ORDER BY day DESC LIMIT 1"
            found: tuple[str, str] | None = db.execute(sql).fetchone()
        return found

    def events(self, most: int = 10) -> list[tuple[int, str, str]]:
        """Return the newest events: time, severity, text."""
        with self._db() as db:
            return db.execute(
                "SELECT wall_ms, severity, text FROM events ORDER BY id DESC LIMIT ?", (most,)
            ).fetchall()

    def cars(self) -> list[dict[str, Any]]:
        """Return what was learned of each car, by column; empty before the first."""
        with self._db() as db:
            return rows_of_cars(db)

    def intents(self, from_ms: int, to_ms: int) -> list[tuple[int, str, int, str, str]]:
        """Return writes: time, command, safety, outcome, state."""
        sql = "SELECT wall_ms, command, safety, outcome, state FROM intents WHERE wall_ms BETWEEN ? AND ?"
        with self._db() as db:
            return db.execute(sql + " ORDER BY id", (from_ms, to_ms)).fetchall()
