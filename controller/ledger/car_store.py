"""What was learned of cars, kept in the ledger over restarts."""

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
        records = records_of(self._ledger.cars())
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
                self._ledger.save_car(record.columns())
                self._saved[record.key] = record
        self._last, self._saved_s = cars.record, now_s


def records_of(rows: Sequence[Mapping[str, Any]]) -> tuple[CarRecord, ...]:
    """Return the records of rows of the ledger."""
    return tuple(CarRecord.of(row) for row in rows)
