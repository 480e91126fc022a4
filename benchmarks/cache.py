"""Results of runs, kept between calls as JSON lines: a run is made again when code, day or entry changed.

Who does not go through the pipeline (the baselines) does not depend on it, so changing the engine keeps them.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.baselines import BASELINES
from benchmarks.entries import Entry
from controller.days.backtest import DayResult
from controller.days.traces import Day

ROOT = Path(__file__).parent.parent
_RING = (
    "benchmarks/contest.py",
    "benchmarks/baselines/*.py",
    "controller/days/backtest.py",
    "controller/days/plant.py",
)
ENGINE = (
    *(f"controller/{name}.py" for name in ("model", "horizon", "units", "limits")),
    *(f"controller/{room}/*.py" for room in ("line", "cars", "days", "planner")),
    "strategies/*.py",
)
"""All that a decision and its score come from."""


def code_digest(patterns: Sequence[str]) -> str:
    """Return what changes when one of these sources does."""
    digest = sha256()
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Cache:
    """Known results by key; `path` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, dict[str, Any]] = {}
        self._days: dict[tuple[str, str], str] = {}
        self._ring, self._engine = code_digest(_RING), code_digest(ENGINE)
        if path is not None and path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    self._known[entry["key"]] = entry["result"]
                except (ValueError, KeyError, TypeError):
                    continue  # a line cut short by an interruption: that run is made again

    def _key(self, day: Day, scale: float, entry: Entry) -> str:
        code = self._ring if entry.name in BASELINES else self._engine
        what = json.dumps([code, self._day(day), scale, asdict(entry)], sort_keys=True)
        return sha256(what.encode()).hexdigest()[:24]

    def _day(self, day: Day) -> str:
        name = (day.trace, day.date)
        if name not in self._days:
            body = f"{name} {day.step_s} {day.pv_w} {day.load_w}"
            self._days[name] = sha256(body.encode()).hexdigest()[:16]
        return self._days[name]

    def divide(
        self, day: Day, scale: float, entries: Iterable[Entry]
    ) -> tuple[list[tuple[Entry, DayResult]], list[Entry]]:
        """Return the entries whose result is known with it, and the others."""
        known: list[tuple[Entry, DayResult]] = []
        rest: list[Entry] = []
        for entry in entries:
            found = self._known.get(self._key(day, scale, entry))
            if found is None:
                rest.append(entry)
            else:
                known.append((entry, DayResult(**found)))
        return known, rest

    def keep(self, day: Day, scale: float, results: Iterable[tuple[Entry, DayResult]]) -> None:
        """Remember results, on disk at once."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            for entry, result in results:
                line = {"key": self._key(day, scale, entry), "result": asdict(result)}
                file.write(json.dumps(line) + "\n")


def engine_digest() -> str:
    """Return what changes with any line that a decision or its score comes from."""
    return code_digest(ENGINE)
