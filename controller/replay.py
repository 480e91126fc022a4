"""Recorded days through other strategies: what would each have brought with the sun that really shone?

Grid import without the car does not depend on the controller, so any strategy can be run on it afterwards,
through the plant and the line of the backtest. What is assumed, and said wherever a number is shown: a car
is connected all day and never full.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from controller.backtest import BACKTEST_LIMITS, DayResult, run_day
from controller.errors import ConfigError, LedgerError
from controller.ledger import SITE, Verdict
from controller.limits import Limits
from controller.load_settings import load_settings
from controller.model import Prices, Strategy
from controller.plugins import load_strategy, money_options
from controller.recorded import RecordedDay, day_span_ms, read_day, recorded_dates
from controller.report import Report
from controller.traces import Day

BASELINE = "timers"
DEFAULT_DAYS = 7
MINUTE_S = 60
NOT_A_NUMBER = float("nan")


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger and what is known of its house: days follow `zone`, money `prices`, moves `limits`."""

    report: Report
    zone: ZoneInfo
    prices: Prices
    strategy: str
    options: Mapping[str, object]
    limits: Limits = BACKTEST_LIMITS


@dataclass(frozen=True, slots=True)
class Plan:
    """Which strategies are compared, and what a kWh in the car is worth to all of them, in ct."""

    strategies: Mapping[str, Strategy]
    value_ct: float
    value_from: str


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


def source_of(config: Path | None, ledger: Path | None, default_config: Path) -> Source:
    """Return the ledger of a config, or a ledger file with the house it says it is from.

    With both, the house of the config and the rows of the file. Raises ConfigError or LedgerError.
    """
    if config is None and ledger is not None:
        report = Report(ledger)
        return _as_recorded(report, ledger)
    settings = load_settings(config or default_config)
    return Source(
        Report(ledger or Path(settings.ledger.path)),
        ZoneInfo(settings.site.timezone),
        settings.prices.prices(),
        settings.strategy.name,
        settings.strategy.options,
        replace(settings.limits(), fuse_a=None),  # the ledger keeps no currents of phases
    )


def _as_recorded(report: Report, path: Path) -> Source:
    """Return a source from what the controller left in the ledger; defaults where it left nothing."""
    known = report.state(SITE) or {}
    try:
        prices, options = Prices(**known.get("prices", {})), dict(known.get("options", {}))
        return Source(
            report, ZoneInfo(known.get("timezone", "UTC")), prices, known.get("strategy", "surplus"), options
        )
    except (AttributeError, TypeError, ValueError, KeyError, OSError) as error:
        raise LedgerError(
            f"{path}: what it says of its house is no use ({error}). Remedy: add --config"
        ) from None


def plan_of(source: Source, names: Sequence[str], value_ct: float | None, solar_share: float | None) -> Plan:
    """Return the strategies by name, the baseline always among them, and one value for all.

    The configured strategy keeps its options. Raises StrategyError for one that is not installed.
    """
    prices = source.prices
    value_from = "as asked for"
    if value_ct is None:
        configured = source.options.get("value_ct_per_kwh")
        value_from = f"as configured for {source.strategy}"
        if not isinstance(configured, int | float):
            configured = (prices.import_ct_per_kwh + prices.export_ct_per_kwh) / 2
            value_from = "midway between feed-in and import price"
        value_ct = float(configured)
    strategies = {}
    for name in dict.fromkeys([*(names or (source.strategy,)), BASELINE]):
        options = dict(source.options) if name == source.strategy else {}
        money = money_options(name, value_ct, solar_share)
        options |= {key: option for key, option in money.items() if option is not None}
        strategies[name] = load_strategy(name, options)
    return Plan(strategies, value_ct, value_from)


def days_of(source: Source, first: date | None, last: date | None) -> list[date]:
    """Return the recorded days of a span, both ends included; the last seven without a span.

    Raises ConfigError if the span is upside down or nothing was recorded in it, and says what was.
    """
    if first is not None and last is not None and first > last:
        raise ConfigError(f"--from {first} is after --to {last}. Remedy: the earlier day is --from")
    recorded = recorded_dates(source.report, source.zone)
    wanted = [day for day in recorded if (not first or day >= first) and (not last or day <= last)]
    if not wanted:
        span = f"from {first or 'the first day'} to {last or 'the last day'}" if first or last else "at all"
        raise ConfigError(
            f"no readings {span}. Recorded: {_spans(recorded)}. "
            "Remedy: choose --from and --to among these days, or another --ledger"
        )
    return wanted if first is not None else wanted[-DEFAULT_DAYS:]


def _spans(days: Sequence[date]) -> str:
    """Return days as text, runs of them joined."""
    runs: list[list[date]] = []
    for day in days:
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return ", ".join(names) or "no day"


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
        course = Course(_by_minute(day, [pv - load for pv, load in zip(day.pv_w, day.load_w, strict=True)]))
        for name in plan.strategies:
            told = partial(_tell, progress, done, runs)
            results[name], car_w = _run(source, plan, day, name, told)
            course.car_w[name] = _by_minute(day, car_w)
            done += 1
        progress(done / runs)
        yield ReplayedDay(recorded, results, course)


def _tell(progress: Callable[[float], None], done: int, runs: int, share: float) -> None:
    progress((done + share) / runs)


def _run(
    source: Source, plan: Plan, day: Day, name: str, progress: Callable[[float], None]
) -> tuple[DayResult, list[float]]:
    """Return what a strategy makes of a day, and what its car draws every 10 s in W."""
    car_w: list[float] = []

    def seen(now_s: int, power_w: float) -> None:
        car_w.append(power_w)
        if now_s % 3600 == 0:
            progress(now_s / day.duration_s)

    strategy, prices = plan.strategies[name], source.prices
    result = run_day(day, strategy, name, prices, plan.value_ct, limits=source.limits, recorder=seen)
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
        connected_s += source.report.connected_s(begin_ms, end_ms)
        writes += len(source.report.intents(begin_ms, end_ms - 1))
    span_ms = day_span_ms(dates[0], source.zone)[0], day_span_ms(dates[-1], source.zone)[1]
    starts, phase_changes = source.report.switched(*span_ms)
    paid = sum(day.recorded.import_wh for day in days) * source.prices.import_ct_per_kwh
    earned = sum(day.recorded.export_wh for day in days) * source.prices.export_ct_per_kwh
    return Really(
        grid_wh / 1000,
        sun_wh / 1000,
        (paid - earned) / 1000,
        starts,
        phase_changes,
        writes,
        connected_s / 3600,
    )


def total(days: Sequence[ReplayedDay], name: str) -> dict[str, Any]:
    """Return the sums of a strategy over the days: energies in kWh, counts, money in ct."""
    results = [day.results[name] for day in days]
    keys = ("ev_kwh", "import_ev_kwh", "bill_ct", "cost_ct", "starts", "phase_changes", "writes")
    sums = {key: sum(getattr(result, key) for result in results) for key in keys}
    return sums | {"saved_ct": sum(day.saved_ct(name) for day in days)}


def verdict_on(source: Source, day: ReplayedDay) -> Verdict:
    """Return what to say of a day: amount and sign as they are, and what the amount supposes."""
    saved_ct, known_h = day.saved_ct(source.strategy), day.recorded.known_h
    connected_h = what_happened(source, [day]).connected_h
    verb = ("saved", "lost") if connected_h > 0 else ("would have saved", "would have lost")
    amount = f"{verb[saved_ct < 0]} {abs(saved_ct) / 100:.2f} EUR against simple timers"
    if round(abs(saved_ct)) == 0:
        amount = f"{'was' if connected_h > 0 else 'would have been'} as good as simple timers"
    terms = [f"replay of {known_h:.0f} h with a car connected all day"]
    if connected_h <= 0:
        terms.append("none came")
    return Verdict(
        day=day.recorded.day.date,
        strategy=source.strategy,
        saved_ct=round(saved_ct, 3),
        known_h=round(known_h, 3),
        connected_h=round(connected_h, 3),
        gaps=day.recorded.gaps,
        text=f"{amount} ({', '.join(terms)})",
    )
