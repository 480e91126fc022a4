"""Who runs on which day, and the runs themselves: spread over processes, kept between calls.

A controller that decides by the value of a kWh runs once a value; every other runs once and is scored at each.
Questions beside the main one (smaller PV, fewer commands) are asked on every day with seconds in it and on
every third of the 60-s days: they cost as much time and are answered well enough.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from benchmarks import floor, foresight, split
from benchmarks.baselines import BASELINES
from benchmarks.cache import Cache
from benchmarks.contest import rescored, run_baseline
from controller.backtest import BACKTEST_LIMITS, DayResult, run_day, scaled
from controller.model import Prices
from controller.plugins import load_strategy, money_options, strategy_names
from controller.traces import Day

PRICES = Prices()
VALUES_CT = (12.0, 16.0, 20.0, 26.0)
MAIN_VALUE_CT = 20.0
SCALES = (1.0, 0.6, 0.4)
WRITES_PER_DAY = (20, 40, 80, 120, 200, 400)
WRITES_PER_DAY_60_S = (40, 80)
SHARES = (0.5, 0.6, 0.75, 0.85, 0.9, 0.95, 0.98)
HORIZONS_S = (300, 900)
HORIZON_VALUES_CT = (16.0, 20.0)
OURS = "surplus"
EVCC = ("evcc_30s", "evcc_10s")

_RUNS_PER_TASK = 4
_DAYS_PER_BATCH = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One controller as it enters. `question` is what its results answer: main, writes, share or floor.

    `value_ct` is what it decides by; `every_value` says that it does not and is scored at all of them.
    """

    question: str
    label: str
    name: str
    value_ct: float = MAIN_VALUE_CT
    every_value: bool = False
    solar_share: float | None = None
    writes_per_day: int | None = None


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


def entries(kind: str, scale: float, beside: bool) -> list[Entry]:
    """Return who enters on a day of this kind; `beside` asks the side questions too."""
    if scale != 1.0 and not beside:
        return []
    found = [Entry("main", name, name, every_value=True) for name in BASELINES]
    for name in strategy_names() if scale == 1.0 else [OURS]:
        if not money_options(name, MAIN_VALUE_CT, None):
            found.append(Entry("main", name, name, every_value=True))
            continue
        values = VALUES_CT if name == OURS or beside else (MAIN_VALUE_CT,)
        found += [Entry("main", name, name, value) for value in values]
    if scale == 1.0 and beside:
        budgets = WRITES_PER_DAY if kind == "1 s" else WRITES_PER_DAY_60_S
        found += [Entry("writes", f"{n} commands", OURS, writes_per_day=n) for n in budgets]
    if scale == 1.0 and kind == "1 s":
        found += [Entry("share", f"share {share:g}", OURS, solar_share=share) for share in SHARES]
    return found


def tasks(days: Sequence[Day], scales: Sequence[float]) -> list[Task]:
    """Return all work, the longest first."""
    result: list[Task] = []
    for scale in scales:
        for day, beside in _marked(days):
            found = entries(split.kind(day), scale, beside)
            for start in range(0, len(found), _RUNS_PER_TASK):
                result.append(Task((day,), scale, tuple(found[start : start + _RUNS_PER_TASK])))
        kinds = ("oracle", "floor", "horizon") if scale == 1.0 else ("oracle",)
        result += [Task(batch, scale, foresight=kind) for batch in _batches(days) for kind in kinds]
    return sorted(result, key=lambda task: task.foresight == "")


def _marked(days: Sequence[Day]) -> Iterator[tuple[Day, bool]]:
    """Yield each day and whether the side questions are asked on it."""
    minutes = 0
    for day in days:
        third = split.kind(day) == "1 s" or minutes % 3 == 0
        minutes += split.kind(day) != "1 s"
        yield day, third


def _batches(days: Sequence[Day]) -> Iterator[tuple[Day, ...]]:
    by_length: dict[tuple[int, int], list[Day]] = {}
    for day in days:
        by_length.setdefault((day.step_s, day.duration_s), []).append(day)
    for group in by_length.values():
        for start in range(0, len(group), _DAYS_PER_BATCH):
            yield tuple(group[start : start + _DAYS_PER_BATCH])


def run_entry(day: Day, entry: Entry) -> DayResult:
    """Return what one controller makes of one day."""
    if entry.name in BASELINES:
        return run_baseline(day, BASELINES[entry.name], entry.label, PRICES, entry.value_ct)
    limits = BACKTEST_LIMITS
    if entry.writes_per_day is not None:
        limits = replace(limits, writes_per_day=entry.writes_per_day)
    strategy = load_strategy(entry.name, money_options(entry.name, entry.value_ct, entry.solar_share))
    return run_day(day, strategy, entry.label, PRICES, entry.value_ct, limits=limits)


def do(task: Task) -> tuple[Task, list[DayResult] | list[list[float]]]:
    """Do one task, in whatever process: results in the order of the entries, or foresight's."""
    days = [scaled(day, task.scale) for day in task.days]
    if task.foresight == "oracle":
        costs: list[list[float]] = foresight.day_costs_ct(days, VALUES_CT, PRICES).tolist()
        return replace(task, days=()), costs
    if task.foresight == "floor":
        return replace(task, days=()), _floors(days)
    if task.foresight == "horizon":
        return replace(task, days=()), _horizons(days)
    return task, [run_entry(days[0], entry) for entry in task.entries]


def _floors(days: list[Day]) -> list[DayResult]:
    plans = floor.plans(days, VALUES_CT, PRICES)
    cases = [(day, value_ct) for day in days for value_ct in VALUES_CT]
    return [
        floor.run_plan(day, plans[:, row], "floor", PRICES, value_ct)
        for row, (day, value_ct) in enumerate(cases)
    ]


def _horizons(days: list[Day]) -> list[DayResult]:
    return [
        floor.run_plan(
            day,
            floor.horizon_plan(day, value_ct, PRICES, horizon_s),
            f"sees {horizon_s // 60} min",
            PRICES,
            value_ct,
        )
        for day in days
        if split.kind(day) == "1 s"
        for horizon_s in HORIZONS_S
        for value_ct in HORIZON_VALUES_CT
    ]


def run(
    days: Sequence[Day],
    scales: Sequence[float],
    processes: int,
    cache: Cache,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Row]:
    """Run everything and return every score with the cost of perfect foresight in it."""
    kinds = {(day.trace, day.date): split.kind(day) for day in days}
    oracle: dict[tuple[str, str, float, float], float] = {}
    raw: list[tuple[Entry, float, DayResult]] = []
    todo: list[Task] = []
    for task in tasks(days, scales):
        known, rest = cache.divide(task.days[0], task.scale, task.entries)
        raw += [(entry, task.scale, result) for entry, result in known]
        if rest or task.foresight:
            todo.append(replace(task, entries=tuple(rest)))
    by_batch = {(task.foresight, task.scale, _names(task)): task.days for task in todo if task.foresight}
    del by_batch
    weights = [max(len(task.entries), 1) for task in todo]
    done, total = 0, sum(weights) or 1
    for task, answer in _spread(todo, processes):
        raise NotImplementedError
    return []
