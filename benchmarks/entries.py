"""Who runs on which day, at which value, size of PV and limits.

A controller that decides by the value of a kWh runs once a value; others run once and are scored at each.
Questions beside the main one (smaller PV, fewer commands, this project's other strategies) are asked on every
day with seconds in it and on every third of the 60-s days: they take as long and are answered well enough.
Other strategies that decide by the value run at one value only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import split
from benchmarks.baselines import BASELINES
from benchmarks.days import whole
from benchmarks.lifted import ALL, LIFTED
from controller.days.backtest import DayResult
from controller.days.traces import Day
from controller.model import Prices
from controller.plugins import money_options, strategy_names

PRICES = Prices()
VALUES_CT = (12.0, 16.0, 20.0, 26.0)
MAIN_VALUE_CT = 20.0
SCALES = (1.0, 0.6, 0.4)
WRITES_PER_DAY = (20, 40, 80, 120, 200, 400)
WRITES_PER_DAY_60_S = (40, 80)
SHARES = (0.5, 0.6, 0.75, 0.85, 0.9, 0.95, 0.98)
HORIZONS_S = (300, 900)
HORIZON_VALUES_CT = (16.0, 20.0)
OURS, TIMERS = "surplus", "timers"
EVCC = ("evcc_30s", "evcc_10s")

_RUNS_PER_TASK = 4
_DAYS_PER_BATCH = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One controller as it enters. `question` is what its results answer: main, others, writes, share,
    limits, free share or floor.

    `value_ct` is what it decides by; `every_value` says that it does not and is scored at all of them.
    """

    question: str
    label: str
    name: str
    value_ct: float = MAIN_VALUE_CT
    every_value: bool = False
    solar_share: float | None = None
    writes_per_day: int | None = None
    lifted: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One controller on one day at one value; `result` knows the cost of perfect foresight."""

    question: str
    label: str
    kind: str
    scale: float
    result: DayResult


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one process: some entries on one day, or foresight on several days of one length."""

    days: tuple[Day, ...]
    scale: float
    entries: tuple[Entry, ...] = ()
    foresight: str = ""

    @property
    def weight(self) -> int:
        """Return about how long it takes, in runs."""
        return len(self.entries) or 2


def entries(kind: str, scale: float, beside: bool) -> list[Entry]:
    """Return who enters on a day of this kind; `beside` asks the side questions too."""
    if scale != 1.0 and not beside:
        return []
    found = [Entry("main", name, name, every_value=True) for name in BASELINES]
    found += [Entry("main", OURS, OURS, value) for value in VALUES_CT]
    if scale == 1.0:
        found.append(Entry("main", TIMERS, TIMERS, every_value=True))
    if scale == 1.0 and beside:
        found += [_other(name) for name in strategy_names() if name not in (OURS, TIMERS)]
        budgets = WRITES_PER_DAY if kind == "1 s" else WRITES_PER_DAY_60_S
        found += [Entry("writes", f"{n} commands", OURS, writes_per_day=n) for n in budgets]
    if scale == 1.0 and kind == "1 s":
        found += [Entry("limits", name, OURS, lifted=name) for name in LIFTED]
        for share in SHARES:
            found.append(Entry("share", f"share {share:g}", OURS, solar_share=share))
            found.append(Entry("free share", f"share {share:g}, {ALL}", OURS, solar_share=share, lifted=ALL))
    return found


def _other(name: str) -> Entry:
    """Return the entry of another strategy of this project."""
    return Entry("others", name, name, every_value=not money_options(name, MAIN_VALUE_CT, None))


def tasks(days: Sequence[Day], scales: Sequence[float]) -> list[Task]:
    """Return all work, the longest first."""
    result: list[Task] = []
    for scale in scales:
        for day, beside in _marked(days):
            found = entries(split.kind(day), scale, beside)
            for start in range(0, len(found), _RUNS_PER_TASK):
                result.append(Task((day,), scale, tuple(found[start : start + _RUNS_PER_TASK])))
        result += [Task(batch, scale, foresight="oracle") for batch in _batches(days)]
    result += [Task(batch, 1.0, foresight="floor") for batch in _batches(days) if 1.0 in scales]
    fine = [day for day in days if split.kind(day) == "1 s" and 1.0 in scales]
    result += [Task(batch, 1.0, foresight="horizon") for batch in _batches(fine, 1)]
    return sorted(result, key=lambda task: task.foresight == "")


def _marked(days: Sequence[Day]) -> Iterator[tuple[Day, bool]]:
    """Yield each day and whether the side questions are asked on it."""
    minutes = 0
    for day in days:
        third = split.kind(day) == "1 s" or minutes % 3 == 0
        minutes += split.kind(day) != "1 s"
        yield day, third


def _batches(days: Sequence[Day], most: int = _DAYS_PER_BATCH) -> Iterator[tuple[Day, ...]]:
    """Yield days of the same length together."""
    by_length: dict[int, list[Day]] = {}
    for day in days:
        by_length.setdefault(whole(day).duration_s, []).append(day)
    for group in by_length.values():
        for start in range(0, len(group), most):
            yield tuple(group[start : start + most])


def labels() -> list[str]:
    """Return who enters in the order of the tables: this project first."""
    return [OURS, *(name for name in strategy_names() if name != OURS), *BASELINES]
