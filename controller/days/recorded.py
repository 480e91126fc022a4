"""Days out of the ledger: what the grid showed without the car, by the site's own midnight.

A day has 23, 24 or 25 h. Rows fall into slots of 10 s. Up to three missing samples hold the last value; a
longer gap is a silent meter. Power that a house battery gave counts as import, as it does when deciding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, pairwise
from statistics import median
from zoneinfo import ZoneInfo

from controller.days.traces import Day
from controller.ledger.report import Recorded, Report

SLOT_S = 10
HELD_SAMPLES = 3
SLOWEST_S = 60
"""Decisions, and so rows, are at most this far apart."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Means over one slot in W; None where unknown."""

    base_import_w: float
    pv_yield_w: float | None
    grid_import_w: float | None


@dataclass(frozen=True, slots=True)
class RecordedDay:
    """One local day. `grid_w` is what the meter said, by the slot of 10 s with the real car; 0 where lost."""

    day: Day
    begin_ms: int
    known_s: int
    gaps: int
    gap_s: int
    minutes: bool
    """Whether part of it is only known by the minute."""
    grid_w: tuple[float, ...]

    @property
    def known_h(self) -> float:
        """Return how many hours count."""
        return self.known_s / 3600


def day_span_ms(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return begin and end of a local day as wall time in ms."""
    begin, end = (
        datetime.combine(day + timedelta(days=n), time(), zone).astimezone(UTC).timestamp() for n in (0, 1)
    )
    return int(begin * 1000), int(end * 1000)


def recorded_dates(report: Report, zone: ZoneInfo) -> list[date]:
    """Return the local days the ledger has rows of, oldest first."""
    moments = (datetime.fromtimestamp(ms / 1000, zone) for ms in report.recorded_quarters_ms())
    return sorted({moment.date() for moment in moments})


def read_day(report: Report, day: date, zone: ZoneInfo) -> RecordedDay | None:
    """Return one local day, None if nothing was recorded on it."""
    begin_ms, end_ms = day_span_ms(day, zone)
    rows = report.recorded(begin_ms, end_ms)
    slots: list[Sample | None] = [None] * ((end_ms - begin_ms) // (SLOT_S * 1000))
    pace = _pace(rows)
    for slot, held, sample in _samples(rows, begin_ms, pace):
        for place in range(slot, min(slot + held, len(slots))):
            slots[place] = sample
    gaps = _fill(slots, HELD_SAMPLES * pace)
    known = [sample for sample in slots if sample is not None]
    if not known:
        return None
    return RecordedDay(
        day=Day(
            trace=str(zone),
            date=day.isoformat(),
            step_s=SLOT_S,
            pv_w=[_pv_w(sample) for sample in slots],
            load_w=[sample.base_import_w + _pv_w(sample) if sample else 0.0 for sample in slots],
            lost=frozenset(place for place, sample in enumerate(slots) if sample is None),
        ),
        begin_ms=begin_ms,
        known_s=len(known) * SLOT_S,
        gaps=len(gaps),
        gap_s=sum(gaps) * SLOT_S,
        minutes=any(step_s > SLOT_S for _, step_s, *_ in rows),
        grid_w=tuple([(sample.grid_import_w or 0.0) if sample is not None else 0.0 for sample in slots]),
    )


def _pace(rows: Sequence[Recorded]) -> int:
    """Return how many slots lie between two rows of 10 s, as the controller decided at this house."""
    begins = [begin_ms for begin_ms, step_s, *_ in rows if step_s == SLOT_S]
    if len(begins) < 2:
        return 1
    usual_s = median(b - a for a, b in pairwise(begins)) / 1000
    return max(round(min(usual_s, SLOWEST_S) / SLOT_S), 1)


def _samples(rows: Sequence[Recorded], begin_ms: int, pace: int) -> list[tuple[int, int, Sample]]:
    """Return slot, number of slots it holds, and the mean of the rows that begin in it."""
    result = []
    for slot, group in groupby(rows, lambda row: (row[0] - begin_ms) // (SLOT_S * 1000)):
        members = [row for row in group if row[2] is not None]
        if members:
            held = max(pace if step_s == SLOT_S else step_s // SLOT_S for _, step_s, *_ in members)
            base, pv, grid = (_mean([row[part] for row in members]) for part in (2, 3, 4))
            assert base is not None
            result.append((slot, held, Sample(base, pv, grid)))
    return result


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _fill(slots: list[Sample | None], most: int) -> list[int]:
    """Hold the last value over short gaps; return the lengths of the longer ones between known slots."""
    gaps: list[int] = []
    known = [place for place, sample in enumerate(slots) if sample is not None]
    for before, after in pairwise(known):
        missing = after - before - 1
        if missing > most:
            gaps.append(missing)
        elif missing:
            slots[before + 1 : after] = [slots[before]] * missing
    return gaps


def _pv_w(sample: Sample | None) -> float:
    """Return the sun's power; without a meter of its own what exceeds the house's load."""
    if sample is None:
        return 0.0
    return max(-sample.base_import_w if sample.pv_yield_w is None else sample.pv_yield_w, 0.0)
