"""Ledgers filled by hand: a house whose every row is known."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from controller.clock import SimClock
from controller.ledger.ledger import Ledger
from controller.ledger.tick_store import ReadingRow, TickStore

BERLIN_DAY = "2026-05-05"
BERLIN_MIDNIGHT = datetime(2026, 5, 4, 22, tzinfo=UTC)
"""00:00 in Berlin, two hours ahead of UTC in May."""

CONFIG = """
[grid]
profile = "eastron-sdm630"
host = "127.0.0.1"
[charger]
serial = "000001"
token_file = "/nowhere"
[strategy]
name = "{strategy}"
[ledger]
path = "{ledger}"
"""


def clear_day(second: int) -> float:
    """Return the grid import in W: 500 W of house, from 06:00 to 18:00 a surplus of 3000 W."""
    return -3000.0 if 6 * 3600 <= second < 18 * 3600 else 500.0


def fill(
    path: Path,
    begin: datetime = BERLIN_MIDNIGHT,
    hours: float = 24,
    base_import_w: Callable[[int], float | None] = clear_day,
    *,
    pace_s: int = 10,
    car_w: float = 0.0,
    skip: Callable[[int], bool] = lambda second: False,
) -> Path:
    """Write one row every `pace_s`, stamped when its time is over; `skip` leaves rows out by their begin."""
    clock = SimClock(begin)
    ledger = Ledger.open(path, clock)
    ticks = TickStore(ledger)
    for second in range(0, int(hours * 3600), pace_s):
        if not skip(second):
            base_w = base_import_w(second)
            grid_w = None if base_w is None else base_w + car_w
            wall_ms = int(begin.timestamp() + second + pace_s) * 1000
            ticks.record_reading(ReadingRow(wall_ms, grid_w, base_w, None, None, car_w, 0, 1))
    ledger.close()
    return path


def config_for(ledger: Path, strategy: str = "off") -> Path:
    """Write the config of a house in Berlin beside its ledger."""
    path = ledger.with_suffix(".toml")
    path.write_text(CONFIG.format(ledger=ledger, strategy=strategy))
    return path
