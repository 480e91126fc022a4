"""Recorded prices of the market; see tests/fixtures/prices/README.md."""

import lzma
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.tariffs.speakers import Slot

BERLIN = ZoneInfo("Europe/Berlin")
FOLDER = Path(__file__).parents[1] / "fixtures" / "prices"


def recorded(name: str, step_s: int) -> dict[date, list[Slot]]:
    """Return the days of a file with their slots."""
    days = {}
    for line in lzma.decompress((FOLDER / f"{name}.txt.xz").read_bytes()).decode().splitlines():
        text, *prices = line.split()
        day = date.fromisoformat(text)
        begin_s = int(datetime.combine(day, time(), BERLIN).timestamp())
        days[day] = [
            Slot(begin_s + i * step_s, begin_s + (i + 1) * step_s, int(price) / 1000)
            for i, price in enumerate(prices)
        ]
    return days


def hours_of_2024() -> dict[date, list[Slot]]:
    return recorded("de_lu_2024_hours", 3600)


def quarters() -> dict[date, list[Slot]]:
    return recorded("de_lu_2025_10_quarters", 900)
