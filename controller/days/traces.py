"""Recorded days: CSV with `time,pv_w,load_w` (gz allowed), cut into UTC days, gaps holding the last value."""

import csv
import gzip
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from controller.errors import ConfigError
from controller.units import DAY_S

MOST_W = 1e6
"""More than that is no house: another unit, or a number of another column."""

MIN_DAY_S = 20 * 3600
"""Shorter days are left out: a score needs the night before and after the sun."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a house without a car, from 00:00; a value holds for `step_s` from its slot on.

    A trace is cut into UTC days, a ledger into the site's own. `pv_w` is never negative; `load_w` is the
    house without PV and without car. In the slots of `lost` nobody measured: the meter is silent there, and
    neither energy nor money is counted.
    """

    trace: str
    date: str
    step_s: int
    pv_w: list[float]
    load_w: list[float]
    lost: frozenset[int] = frozenset()

    @property
    def duration_s(self) -> int:
        """Return the length of the day in seconds."""
        return len(self.pv_w) * self.step_s


@dataclass(slots=True)
class _Column:
    """Samples of one quantity in one day, by second of the day."""

    values: dict[int, float] = field(default_factory=dict)

    def filled(self, slots: range, initial: float) -> list[float]:
        """Return one value a slot: the last sample in it, else what was held before."""
        begin, step_s = slots.start, slots.step
        by_slot = {begin + (second - begin) // step_s * step_s: v for second, v in self.values.items()}
        held, out = initial, []
        for slot in slots:
            held = by_slot.get(slot, held)
            out.append(held)
        return out


def read_days(path: Path) -> list[Day]:
    """Read a trace and return its days of at least 20 h, in order.

    Raises ConfigError with file, line and remedy if the file is missing or not such a CSV.
    """
    days: dict[str, tuple[_Column, _Column, list[int]]] = {}
    newest = ("", -1)
    for line, day, second, pv_w, load_w in _rows(path):
        pv, load, seconds = days.setdefault(day, (_Column(), _Column(), []))
        if (day, second) <= newest:
            raise ConfigError(
                f"{path}, line {line}: time does not increase. Remedy: sort the file by time; local times "
                "need their offset, as in +02:00, or autumn repeats an hour"
            )
        newest = (day, second)
        seconds.append(second)
        if pv_w is not None:
            pv.values[second] = max(pv_w, 0.0)
        if load_w is not None:
            load.values[second] = load_w
    result = []
    held_pv_w = held_load_w = 0.0  # a gap over midnight holds the last value of the day before
    for date, (pv, load, seconds) in days.items():
        step_s = _step(seconds)
        slots = range(seconds[0] % step_s, seconds[-1] + 1, step_s)
        read = Day(path.name, date, step_s, pv.filled(slots, held_pv_w), load.filled(slots, held_load_w))
        held_pv_w, held_load_w = read.pv_w[-1], read.load_w[-1]
        if len(seconds) > 1 and seconds[-1] + step_s - seconds[0] >= MIN_DAY_S:
            result.append(read)
    return result


def _step(seconds: list[int]) -> int:
    """Return the most common distance between samples, in s."""
    gaps = [b - a for a, b in pairwise(seconds)]
    return max(set(gaps), key=gaps.count) if gaps else DAY_S


def _rows(path: Path) -> Iterator[tuple[int, str, int, float | None, float | None]]:
    """Yield line number, date, second of the UTC day, pv_w and load_w (None for a gap)."""
    try:
        with open_csv(path) as file:
            for number, row in read_rows(path, file, ("time", "pv_w", "load_w")):
                yield number, *_row(path, number, row)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{path}: not a readable CSV trace ({error}). Remedy: check the path; is it UTF-8?"
        ) from error


def open_csv(path: Path) -> io.TextIOBase:
    """Open a CSV, compressed or not, with or without a byte-order mark. Raises OSError."""
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def read_rows(path: Path, file: io.TextIOBase, names: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and values of a CSV with at least these columns.

    Raises ConfigError for another header, and for more values in a line than columns: a decimal comma.
    """
    reader = csv.DictReader(file, skipinitialspace=True, restkey="")
    header = reader.fieldnames or ()
    if any(";" in name for name in header):
        raise ConfigError(
            f"{path}: has semicolons between its columns. Remedy: commas between columns, points in numbers"
        )
    missing = set(names) - set(header)
    if missing:
        raise ConfigError(
            f"{path}: column {', '.join(sorted(missing))} is missing; needed are {','.join(names)}. "
            "Remedy: add a header line with these names"
        )
    for number, row in enumerate(reader, start=2):
        if "" in row and "" not in header:
            raise ConfigError(
                f"{path}, line {number}: more values than columns. Remedy: points in numbers, no commas"
            )
        yield number, row


def _row(path: Path, number: int, row: dict[str, str]) -> tuple[str, int, float | None, float | None]:
    stamp = row["time"] or ""
    try:
        if len(stamp) == 20 and stamp.endswith("Z"):  # the usual form, ten times faster than fromisoformat
            hour, minute, full_second = int(stamp[11:13]), int(stamp[14:16]), int(stamp[17:19])
            if hour > 23 or minute > 59 or full_second > 59:
                raise ValueError(f"found {stamp!r}, there is no such time of day")
            day, second = stamp[:10], hour * 3600 + minute * 60 + full_second
        else:
            moment = datetime.fromisoformat(stamp)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            day, second = moment.date().isoformat(), moment.hour * 3600 + moment.minute * 60 + moment.second
        return day, second, _number(row["pv_w"]), _number(row["load_w"])
    except ValueError as error:
        raise ConfigError(
            f"{path}, line {number}: {error}. Accepted: an ISO time and two numbers in W, empty for a gap."
        ) from error


def _number(text: str | None) -> float | None:
    if not text:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"found {text!r}, a power must be finite")
    if abs(value) > MOST_W:
        raise ValueError(f"found {text!r}, more than a house can have")
    return value
