"""Every tick on disk: what was seen, a row each ten seconds, and what was decided."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from controller.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One 10-s row; None where unknown. In the order of the table's columns."""

    wall_ms: int
    grid_import_w: float | None
    base_import_w: float | None
    pv_yield_w: float | None
    battery_charge_w: float | None
    car_w: float | None
    offered_a: int | None
    phases: int | None


class TickStore:
    """Readings and decisions of the ledger of one running controller."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record_decision(
        self, *, in_force: str, wish: str, action: str, reason: str, ceiling: str, facts: Mapping[str, Any]
    ) -> bool:
        """Write one decision; return whether it is on record."""
        sql = (
            "INSERT INTO decisions (wall_ms, in_force, wish, action, reason, ceiling, facts) "
            "VALUES (?,?,?,?,?,?,?)"
        )
        text = json.dumps(dict(facts), default=str, allow_nan=False)
        row = (self._ledger.now_ms(), in_force, wish, action, reason, ceiling, text)
        return self._ledger.write(sql, row, durable=False)

    def record_reading(self, row: ReadingRow) -> bool:
        """Buffer one 10-s row, committed once a minute; return whether nothing was refused."""
        sql = "INSERT OR REPLACE INTO readings VALUES (?,10,?,?,?,?,?,?,?,1)"
        return self._ledger.write_later(sql, tuple(getattr(row, column.name) for column in fields(row)))
