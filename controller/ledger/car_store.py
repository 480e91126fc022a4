"""What was learned of cars, kept in the ledger over restarts."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from controller.cars import learning as car_learning
from controller.cars.car import CarRecord, KnownCar
from controller.cars.learning import Garage
from controller.ledger.ledger import Ledger

SAVE_S = 60.0
"""A record that changes with every report is written this often."""


class CarStore:
    """The cars of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._saved: dict[str, CarRecord] = {}
        self._last: CarRecord | None = None
        self._saved_s: float | None = None

    def load(self, known: Sequence[KnownCar]) -> Garage:
        """Return the garage with everything on record, and what the config names."""
        reader = self._ledger.reader()
        records = records_of([] if reader is None else rows_of_cars(reader))
        self._saved = {record.key: record for record in records}
        return car_learning.garage(records, tuple(known))

    def keep(self, cars: Garage, now_s: float, *, at_once: bool = False) -> None:
        """Write what changed, at most once a minute unless it is the last chance."""
        if cars.record is self._last:
            return
        early = self._saved_s is not None and now_s - self._saved_s < SAVE_S
        if early and not at_once:
            return
        for record in (cars.record, *cars.others):
            if record != self._saved.get(record.key, CarRecord(record.key)):
                self._save(record)
        self._last, self._saved_s = cars.record, now_s

    def _save(self, record: CarRecord) -> None:
        columns = {**record.columns(), "changed_ms": self._ledger.now_ms()}
        places = ", ".join("?" * len(columns))
        sql = f"INSERT OR REPLACE INTO cars ({', '.join(columns)}) VALUES ({places})"  # noqa: S608
        self._ledger.write(sql, tuple(columns.values()), durable=False)
        self._saved[record.key] = record


def records_of(rows: Sequence[Mapping[str, Any]]) -> tuple[CarRecord, ...]:
    """Return the records of rows of the ledger."""
    return tuple(CarRecord.of(row) for row in rows)


def rows_of_cars(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return the table of cars, a row each by column; nothing if the disk refuses or the table is older."""
    try:
        cursor = connection.execute("SELECT * FROM cars ORDER BY key")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except sqlite3.Error:
        return []
