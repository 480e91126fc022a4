"""The runs of the benchmark, spread over processes."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from benchmarks import floor, foresight, lifted, split
from benchmarks.baselines import BASELINES
from benchmarks.cache import Cache
from benchmarks.contest import rescored, run_baseline
from benchmarks.days import moving, whole
from benchmarks.entries import (
    HORIZON_VALUES_CT,
    HORIZONS_S,
    PRICES,
    VALUES_CT,
    Entry,
    Row,
    Task,
    labels,
    tasks,
)
from controller.days.backtest import DayResult, run_day, scaled
from controller.days.traces import Day
from controller.plugins import load_strategy, money_options

OracleKey = tuple[str, str, float, float]
"""Trace, date, scale of PV and value."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task; the oracle's costs in ct."""

    scale: float
    results: list[tuple[Entry, DayResult]]
    oracle: dict[OracleKey, float]


def lived(day: Day, scale: float = 1.0) -> Day:
    """Return a recorded day as everybody meets it: 24 h, PV of this size, a sun that moves steadily."""
    return moving(whole(scaled(day, scale)))


def run_entry(day: Day, entry: Entry) -> DayResult:
    """Return what one controller makes of one day."""
    if entry.name in BASELINES:
        return run_baseline(day, BASELINES[entry.name], entry.label, PRICES, entry.value_ct)
    limits = lifted.limits(entry.lifted)
    if entry.writes_per_day is not None:
        limits = replace(limits, writes_per_day=entry.writes_per_day)
    strategy = load_strategy(entry.name, money_options(entry.name, entry.value_ct, entry.solar_share))
    return run_day(day, strategy, entry.label, PRICES, entry.value_ct, limits=limits)


def do(task: Task) -> Answer:
    """Do one task, in whatever process."""
    days = [lived(day, task.scale) for day in task.days]
    if task.foresight == "oracle":
        costs = foresight.day_costs_ct(days, VALUES_CT, PRICES).tolist()
        oracle = {
            (day.trace, day.date, task.scale, value_ct): cost
            for day, row in zip(days, costs, strict=True)
            for value_ct, cost in zip(VALUES_CT, row, strict=True)
        }
        return Answer(task.scale, [], oracle)
    if task.foresight:
        results = _floors(days) if task.foresight == "floor" else _horizons(days)
        return Answer(task.scale, [(Entry("floor", found.strategy, ""), found) for found in results], {})
    return Answer(task.scale, [(entry, run_entry(days[0], entry)) for entry in task.entries], {})


def _floors(days: list[Day]) -> list[DayResult]:
    plans = floor.plans(days, VALUES_CT, PRICES)
    cases = [(day, value_ct) for day in days for value_ct in VALUES_CT]
    return [
        floor.run_plan(day, plans[:, row], "floor", PRICES, value_ct)
        for row, (day, value_ct) in enumerate(cases)
    ]


def _horizons(days: list[Day]) -> list[DayResult]:
    found = []
    for day, horizon_s, value_ct in product(days, HORIZONS_S, HORIZON_VALUES_CT):
        plan = floor.horizon_plan(day, value_ct, PRICES, horizon_s)
        found.append(floor.run_plan(day, plan, f"sees {horizon_s // 60} min", PRICES, value_ct))
    return found


def run(
    days: Sequence[Day],
    scales: Sequence[float],
    processes: int,
    cache: Cache,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Row]:
    """Run everything and return every score with the cost of perfect foresight in it."""
    answers: list[Answer] = []
    todo: list[Task] = []
    for task in tasks(days, scales):
        known, rest = cache.divide(task.days[0], task.scale, task.entries)
        answers.append(Answer(task.scale, known, {}))
        if rest or task.foresight:
            todo.append(replace(task, entries=tuple(rest)))
    done, total = 0, sum(task.weight for task in todo) or 1
    for task, answer in _spread(todo, processes):
        answers.append(answer)
        if task.entries:
            cache.keep(task.days[0], task.scale, answer.results)
        done += task.weight
        progress(done / total)
    oracle = {key: cost for answer in answers for key, cost in answer.oracle.items()}
    kinds = {(day.trace, day.date): split.kind(day) for day in days}
    rows = [row for answer in answers for row in _rows(answer, kinds, oracle)]
    order = {label: place for place, label in enumerate(labels())}
    return sorted(rows, key=lambda row: (order.get(row.label, len(order)), row.result.trace, row.result.date))


def _spread(todo: Sequence[Task], processes: int) -> Iterator[tuple[Task, Answer]]:
    """Yield tasks with their answers as they are done; spawned processes, so that it runs everywhere."""
    if processes == 1:
        yield from ((task, do(task)) for task in todo)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for number, answer in pool.imap_unordered(_numbered, enumerate(todo)):
            yield todo[number], answer


def _numbered(job: tuple[int, Task]) -> tuple[int, Answer]:
    return job[0], do(job[1])


def _rows(answer: Answer, kinds: dict[tuple[str, str], str], oracle: dict[OracleKey, float]) -> Iterator[Row]:
    for entry, first in answer.results:
        for value_ct in VALUES_CT if entry.every_value else (first.value_ct,):
            scored = first if value_ct == first.value_ct else rescored(first, value_ct)
            cost_ct = oracle[scored.trace, scored.date, answer.scale, value_ct]
            kind = kinds[scored.trace, scored.date]
            yield Row(
                entry.question, entry.label, kind, answer.scale, replace(scored, oracle_cost_ct=cost_ct)
            )
