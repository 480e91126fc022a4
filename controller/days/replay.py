"""Recorded days through other strategies: what would each have brought with the sun that really shone?

Grid import without the car does not depend on the controller, so any strategy can be run on it afterwards,
through the plant and the line of the backtest. What is assumed, and said wherever a number is shown: the car
is connected all day, or while one really was, and it is never full.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

from controller.days.backtest import DayResult, run_day
from controller.days.plant import Plant
from controller.days.recorded import SLOT_S, RecordedDay, day_span_ms, read_day
from controller.days.replay_plan import BASELINE, Plan, Source
from controller.days.traces import Day
from controller.days.visits import VisitedPlant
from controller.ledger.verdict_store import Verdict

MINUTE_S = 60
NOT_A_NUMBER = float("nan")


@dataclass(slots=True)
class Course:
    """Powers of one day by the minute, in W; not a number where nobody measured."""

    surplus_w: list[float] = field(default_factory=list)
    car_w: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplayedDay:
    """One day: what was recorded, and what each strategy makes of it. `course` is for pictures."""

    recorded: RecordedDay
    results: Mapping[str, DayResult]
    course: Course

    def saved_ct(self, name: str) -> float:
        """Return what a strategy saved against the baseline; negative when it lost."""
        return self.results[BASELINE].cost_ct - self.results[name].cost_ct


def replay(
    source: Source, days: Sequence[date], plan: Plan, progress: Callable[[float], None]
) -> Iterator[ReplayedDay]:
    """Yield each day with the result of every strategy; `progress` gets the share that is done."""
    runs, done = len(days) * len(plan.strategies), 0
    for date_ in days:
        recorded = read_day(source.report, date_, source.zone)
        if recorded is None:
            done += len(plan.strategies)
            continue
        day, results = recorded.day, {}
        visits_s = _visits_s(source, recorded) if plan.as_plugged else [(0.0, float(day.duration_s))]
        course = Course(_by_minute(day, [pv - load for pv, load in zip(day.pv_w, day.load_w, strict=True)]))
        for name in plan.strategies:
            told = partial(_tell, progress, done, runs)
            plant = VisitedPlant(visits_s=visits_s)
            results[name], car_w = _run(source, plan, day, name, plant, told)
            course.car_w[name] = _by_minute(day, car_w)
            done += 1
        progress(done / runs)
        yield ReplayedDay(recorded, results, course)


def _tell(progress: Callable[[float], None], done: int, runs: int, share: float) -> None:
    progress((done + share) / runs)


def _visits_s(source: Source, recorded: RecordedDay) -> list[tuple[float, float]]:
    """Return when a car was connected, in s of the day."""
    begin_ms, end_ms = recorded.begin_ms, recorded.begin_ms + recorded.day.duration_s * 1000
    visits = source.report.visits_ms(begin_ms, end_ms)
    return [((came_ms - begin_ms) / 1000, (left_ms - begin_ms) / 1000) for came_ms, left_ms in visits]


def _run(
    source: Source, plan: Plan, day: Day, name: str, plant: Plant, progress: Callable[[float], None]
) -> tuple[DayResult, list[float]]:
    """Return what a strategy makes of a day, and what its car draws every 10 s in W."""
    car_w: list[float] = []

    def seen(now_s: int, power_w: float) -> None:
        car_w.append(power_w)
        if now_s % 3600 == 0:
            progress(now_s / day.duration_s)

    begin_s = day_span_ms(date.fromisoformat(day.date), source.zone)[0] / 1000
    result = run_day(
        day,
        plan.strategies[name],
        name,
        source.prices,
        plan.value_ct,
        limits=source.limits,
        recorder=seen,
        plant=plant,
        prices_at=source.prices_of(begin_s, begin_s + day.duration_s),
    )
    return result, car_w


def _by_minute(day: Day, powers_w: Sequence[float]) -> list[float]:
    """Return means over minutes of powers by slot; not a number where a slot of the minute is lost."""
    width = MINUTE_S // day.step_s
    result = []
    for begin in range(0, len(powers_w), width):
        slots = range(begin, min(begin + width, len(powers_w)))
        lost = not day.lost.isdisjoint(slots)
        result.append(NOT_A_NUMBER if lost else sum(powers_w[begin : slots.stop]) / len(slots))
    return result


@dataclass(frozen=True, slots=True)
class Really:
    """What happened in the span with the real car, from sessions, energy and meter, for orientation."""

    grid_kwh: float
    sun_kwh: float
    bill_ct: float
    starts: int
    phase_changes: int
    writes: int
    connected_h: float

    @property
    def ev_kwh(self) -> float:
        """Return what the car took."""
        return self.grid_kwh + self.sun_kwh


def what_happened(source: Source, days: Sequence[ReplayedDay]) -> Really:
    """Return the real outcome of the replayed days; the bill covers the hours the replay counts."""
    dates = [date.fromisoformat(day.recorded.day.date) for day in days]
    grid_wh = sun_wh = connected_s = 0.0
    writes = 0
    for day in dates:
        begin_ms, end_ms = day_span_ms(day, source.zone)
        of_grid_wh, of_sun_wh = source.report.energy(day.isoformat(), day.isoformat())
        grid_wh, sun_wh = grid_wh + of_grid_wh, sun_wh + of_sun_wh
        connected_s += sum(left - came for came, left in source.report.visits_ms(begin_ms, end_ms)) / 1000
        writes += len(source.report.intents(begin_ms, end_ms - 1))
    span_ms = day_span_ms(dates[0], source.zone)[0], day_span_ms(dates[-1], source.zone)[1]
    starts, phase_changes = source.report.switched(*span_ms)
    return Really(
        grid_wh / 1000,
        sun_wh / 1000,
        sum(_really_paid_ct(source, day.recorded) for day in days),
        starts,
        phase_changes,
        writes,
        connected_s / 3600,
    )


def _really_paid_ct(source: Source, recorded: RecordedDay) -> float:
    """Return what the day really cost at the meter, at the prices that held."""
    begin_s, paid_ct = recorded.begin_ms / 1000, 0.0
    prices_at = source.prices_of(begin_s, begin_s + recorded.day.duration_s)
    for place, grid_w in enumerate(recorded.grid_w):
        prices = source.prices if prices_at is None else prices_at(place * SLOT_S)
        price_ct = prices.import_ct_per_kwh if grid_w > 0 else prices.export_ct_per_kwh
        paid_ct += grid_w * SLOT_S / 3.6e6 * price_ct
    return paid_ct


def total(days: Sequence[ReplayedDay], name: str) -> dict[str, Any]:
    """Return the sums of a strategy over the days: energies in kWh, counts, money in ct."""
    results = [day.results[name] for day in days]
    keys = ("ev_kwh", "import_ev_kwh", "bill_ct", "cost_ct", "starts", "phase_changes", "writes")
    sums = {key: sum(getattr(result, key) for result in results) for key in keys}
    return sums | {"saved_ct": sum(day.saved_ct(name) for day in days)}


def verdict_on(source: Source, day: date, plan: Plan) -> Verdict | None:
    """Return what to say of a day, None if nothing was recorded on it.

    Amount and sign are as they are, for the hours in which a car was connected. If none came, it says what
    would have been with one that is there all day.
    """
    begin_ms, end_ms = day_span_ms(day, source.zone)
    connected_h = sum(left - came for came, left in source.report.visits_ms(begin_ms, end_ms)) / 3.6e6
    plan = replace(plan, as_plugged=connected_h > 0)
    days = list(replay(source, [day], plan, lambda _: None))
    if not days:
        return None
    recorded, saved_ct = days[0].recorded, days[0].saved_ct(source.strategy)
    if connected_h > 0:
        said = ("saved", "lost", "was")
        terms = f"replay of {connected_h:.1f} h with a car, as if never full"
    else:
        said = ("would have saved", "would have lost", "would have been")
        terms = f"no car came; replay with one for {recorded.known_h:.0f} h"
    if source.without_plan:
        terms += ", without its plan"
    amount = f"{said[saved_ct < 0]} {abs(saved_ct) / 100:.2f} EUR against simple timers"
    if round(abs(saved_ct)) == 0:
        amount = f"{said[2]} as good as simple timers"
    return Verdict(
        day=recorded.day.date,
        strategy=source.strategy,
        saved_ct=round(saved_ct, 3),
        known_h=round(recorded.known_h, 3),
        connected_h=round(connected_h, 3),
        gaps=recorded.gaps,
        text=f"{amount} ({terms})",
    )
