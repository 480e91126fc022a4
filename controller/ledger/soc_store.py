"""How full the car is, kept in the ledger: what was said of it, and where the counter stood."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from controller.cars.car import KnownCar
from controller.cars.state_of_charge import (
    PlugIn,
    Soc,
    SocReport,
    counts,
    followed,
    of_record,
    present,
    told,
)
from controller.errors import LedgerError
from controller.ledger.ledger import Ledger
from controller.ledger.opening import beside

SAVE_S = 60.0
"""What flowed is kept this often; a car that comes, goes or is spoken of, at once."""

PLUG_IN = "soc_plug_in"
"""The kept state that says what is remembered of the present plug-in."""


class CarSoc:
    """How full the car at the charger of one running controller is."""

    def __init__(self, ledger: Ledger, cars: Sequence[KnownCar]) -> None:
        self._ledger, self._cars = ledger, tuple(cars)
        self._plug = self._saved = of_record(ledger.load_state(PLUG_IN))
        self._now_ms = self._saved_ms = 0
        self._data_s: float | None = None

    def observe(
        self,
        counter_wh: float | None,
        connected: bool | None,
        car_name: str,
        at: datetime,
        session_wh: float | None = None,
        *,
        neutral: bool = False,
        data_s: float | None = None,
    ) -> None:
        """Take in one look at the charger: its lifetime counter, whether a car is there, and which.

        `connected` is None while the charger was not read yet; the name is the config's, empty for none.
        `session_wh` and `neutral` tell of a car that left and one that came unseen. `data_s` says when the
        report is from: one that was taken in before counts nothing, or what flows until the next would look
        like a jump.
        """
        if connected is None:
            return
        if data_s is not None and data_s == self._data_s:
            counter_wh = session_wh = None
        self._data_s = data_s
        self._now_ms = now_ms = _ms(at)
        before = self._plug
        plug = followed(before, connected, car_name, counter_wh, now_ms, session_wh, neutral=neutral)
        if plug.connected:
            for report in self._reports(plug.row):
                if counts(plug, report):
                    sql = "UPDATE soc_reports SET counter_wh = ? WHERE id = ?"
                    self._ledger.write(sql, (plug.counter_wh, report.row), durable=False)
                plug = told(plug, report, now_ms)
        self._plug = plug
        moved = _marks(plug) != _marks(before)
        due = abs(now_ms - self._saved_ms) >= SAVE_S * 1000
        if moved or (due and plug.counter_wh != self._saved.counter_wh):
            self._saved, self._saved_ms = plug, now_ms
            self._ledger.save_state(PLUG_IN, asdict(plug))

    def now(self) -> Soc | None:
        """Return how full the car is; None without a car, its battery's size, or anything to begin from."""
        return present(self._plug, self._cars, self._now_ms)

    def _reports(self, after_row: int) -> list[SocReport]:
        """Return what was said of how full cars are after this row, the newest hundred, oldest first."""
        columns = "id, wall_ms, car, soc_pct, source"
        sql = f"SELECT {columns} FROM soc_reports WHERE id > ? ORDER BY id DESC LIMIT 100"  # noqa: S608
        return [SocReport(*row) for row in self._ledger.rows(sql, (after_row,))][::-1]


def record_pushed(ledger: Ledger, wall_ms: int, car: str, soc_pct: float) -> bool:
    """Write down what a program pushed, from any thread; return whether it is on disk."""
    sql = "INSERT INTO soc_reports (wall_ms, car, soc_pct, source) VALUES (?,?,?,'pushed')"
    return ledger.write(sql, (wall_ms, car, soc_pct))


def tell_by_hand(path: Path, car: str, soc_pct: float, at: datetime) -> None:
    """Write down what a person said, beside a controller that may be running. Raises LedgerError."""
    with beside(path, "rw") as db, db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'soc_reports'").fetchone():
            raise LedgerError(
                f"{path}: is of an older version. Remedy: sudo systemctl restart ampilot, which renews it"
            )
        sql = "INSERT INTO soc_reports (wall_ms, car, soc_pct, source) VALUES (?,?,?,'hand')"
        db.execute(sql, (_ms(at), car, soc_pct))


def on_record(path: Path, cars: Sequence[KnownCar], at: datetime) -> tuple[PlugIn, Soc | None]:
    """Return what the controller has kept of the present plug-in. Raises LedgerError."""
    with beside(path, "ro") as db:
        row = db.execute("SELECT value FROM state WHERE key = ?", (PLUG_IN,)).fetchone()
    try:
        plug = of_record(None if row is None else json.loads(row[0]))
    except ValueError:
        plug = PlugIn()
    return plug, present(plug, cars, _ms(at))


def _marks(plug: PlugIn) -> tuple[object, ...]:
    """Return what is kept at once when it changes."""
    return plug.connected, plug.car, plug.row, plug.since_ms


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
