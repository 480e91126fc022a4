"""The pictures of the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import frontier, sky, split
from benchmarks.baselines import BASELINES
from benchmarks.contest import Baseline, Order, View, run_baseline
from benchmarks.entries import EVCC, MAIN_VALUE_CT, OURS, PRICES
from benchmarks.runner import lived
from benchmarks.scores import Case, Scores, Summary
from benchmarks.tables import days_text
from controller.days.backtest import run_day
from controller.days.traces import Day
from controller.model import Memory, SiteSnapshot, Strategy, Wish
from controller.plots.days import BLUE, GREEN, GREY, ORANGE, RED, YELLOW
from controller.plugins import load_strategy, money_options

DRAWN_S = 30
"""Distance of the points of a day's picture: small files, and nothing is hidden at this width."""


def blank(width: float, height: float) -> Any:
    """Return an empty picture of this size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Any) -> None:
    """Take away the frame and draw a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _colour(name: str) -> str:
    return ORANGE if name.startswith("evcc") else GREY


def regret_against_commands(scores: Scores, path: Path) -> None:
    """Draw every controller as a point, and the strategy under rising budgets as a curve."""
    from matplotlib.ticker import LogLocator, NullFormatter

    kinds = [kind for kind in scores.kinds if scores.labels("writes", kind)]
    figure = blank(5.6 * len(kinds), 4.6)
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        labels = scores.labels("writes", kind)
        asked = list(scores.days(Case(labels[0], kind)))
        curve = [found for label in labels if (found := scores.summary(Case(label, kind), asked))]
        axes.plot([p.writes for p in curve], [p.regret_ct for p in curve], "o-", color=BLUE, ms=4, lw=1.2)
        for point in curve:
            _mark(axes, point.writes, point.regret_ct, point.label.split()[0])
        for name in (OURS, "timers", *BASELINES):
            found = scores.summary(Case(name, kind), asked)
            if found:
                _point(axes, found.writes, found.regret_ct, name)
        axes.set_yscale("log")
        axes.set_xscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("commands a day")
        axes.set_ylabel("regret in ct a day")
        axes.set_title(f"{days_text(len(asked), kind)}, at {MAIN_VALUE_CT:g} ct/kWh", loc="left", fontsize=10)
        tidy(axes)
    keep(figure, path)


def energy_frontier(scores: Scores, kind: str, path: Path) -> None:
    """Draw car energy against the grid energy in it."""
    figure = blank(7.0, 4.6)
    axes = figure.subplots()
    points = frontier.curve(scores, kind)
    axes.plot([p.ev_grid_kwh for p in points], [p.ev_kwh for p in points], "o-", color=BLUE, ms=4, lw=1.2)
    for point in points:
        _mark(axes, point.ev_grid_kwh, point.ev_kwh, point.label)
    peers = [found for name in BASELINES if (found := scores.summary(Case(name, kind)))]
    for peer in peers:
        _point(axes, peer.ev_grid_kwh, peer.ev_kwh, peer.label)
    axes.set_xlabel("of it from the grid, kWh a day")
    axes.set_ylabel("car, kWh a day")
    axes.set_title(
        f"{days_text(_count(points), kind)}; {OURS} at {MAIN_VALUE_CT:g} ct/kWh", loc="left", fontsize=10
    )
    tidy(axes)
    keep(figure, path)


def _count(points: Sequence[Summary]) -> int:
    return points[0].days if points else 0


def _point(axes: Any, x: float, y: float, name: str) -> None:
    ours = name == OURS
    axes.plot([x], [y], "s" if ours else "D", color=BLUE if ours else _colour(name), ms=6 if ours else 4)
    below = name == EVCC[1]  # both intervals of evcc are near each other
    axes.annotate(name, (x, y), xytext=(6, -10 if below else 3), textcoords="offset points", fontsize=8)


def _mark(axes: Any, x: float, y: float, text: str) -> None:
    axes.annotate(text, (x, y), xytext=(5, -9), textcoords="offset points", color=BLUE, fontsize=7)


@dataclass(slots=True)
class _Trail:
    """A day as one controller lived it: hours and the car's power in kW."""

    name: str
    hours: list[float] = field(default_factory=list)
    car_kw: list[float] = field(default_factory=list)
    summary: str = ""

    def add(self, now_s: float, car_w: float) -> None:
        self.hours.append(now_s / 3600)
        self.car_kw.append(car_w / 1000)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A strategy with somebody watching: notes what it sees, changes nothing."""

    inner: Strategy
    trail: _Trail

    def initial(self) -> Memory:
        return self.inner.initial()

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        self.trail.add(snap.now_s, snap.car_power_w)
        return self.inner.decide(snap, memory)


class _WatchedBaseline:
    """A baseline with somebody watching."""

    def __init__(self, inner: Baseline, trail: _Trail) -> None:
        self.inner, self.trail, self.interval_s = inner, trail, inner.interval_s

    def decide(self, view: View) -> Sequence[Order]:
        self.trail.add(view.now_s, view.car_w)
        return self.inner.decide(view)


def _strategy_trail(day: Day, name: str) -> _Trail:
    trail = _Trail(name)
    strategy = load_strategy(name, money_options(name, MAIN_VALUE_CT, None))
    found = run_day(day, _Watched(strategy, trail), name, PRICES, MAIN_VALUE_CT)
    trail.summary = f"{found.ev_kwh:.1f} kWh, {found.import_ev_kwh:.2f} from grid, {found.writes} commands"
    return trail


def _baseline_trail(day: Day, name: str, make: Callable[[], Baseline]) -> _Trail:
    trail = _Trail(name)
    found = run_baseline(day, lambda: _WatchedBaseline(make(), trail), name, PRICES, MAIN_VALUE_CT)
    trail.summary = f"{found.ev_kwh:.1f} kWh, {found.import_ev_kwh:.2f} from grid, {found.writes} commands"
    return trail


def broken_day(days: Sequence[Day], path: Path) -> Day:
    """Draw the day with the most ramps, everybody above each other, and return it."""
    finest = min(split.kind(day) for day in days)
    chosen = max(
        (day for day in days if split.kind(day) == finest),
        key=lambda day: (sky.describe(day).ramps, day.date),
    )
    day = lived(chosen)
    trails = [_strategy_trail(day, name) for name in (OURS, "timers")]
    trails += [_baseline_trail(day, name, make) for name, make in BASELINES.items()]
    every = max(DRAWN_S // day.step_s, 1)
    slots = zip(day.pv_w[::every], day.load_w[::every], strict=True)
    sun_kw = [max(pv_w - load_w, 0.0) / 1000 for pv_w, load_w in slots]
    hours = [at * every * day.step_s / 3600 for at in range(len(sun_kw))]
    figure = blank(9.5, 1.15 * len(trails) + 0.6)
    for axes, trail in zip(figure.subplots(len(trails), 1, sharex=True, sharey=True), trails, strict=True):
        axes.fill_between(hours, sun_kw, color=YELLOW, alpha=0.45, lw=0)
        step = max(round(DRAWN_S / 3600 / max(trail.hours[1] - trail.hours[0], 1e-9)), 1)
        colour = BLUE if trail.name == OURS else GREEN if trail.name == "timers" else RED
        axes.plot(trail.hours[::step], trail.car_kw[::step], color=colour, lw=0.9)
        axes.text(0.005, 0.86, trail.name, transform=axes.transAxes, fontsize=8, fontweight="bold")
        axes.text(0.005, 0.66, trail.summary, transform=axes.transAxes, fontsize=7, color=GREY)
        axes.set_xlim(4, 21)
        axes.set_ylim(0, 11.5)
        axes.set_ylabel("kW", fontsize=7)
        axes.tick_params(labelsize=7)
        tidy(axes)
    axes.set_xlabel("hour of the day (UTC)", fontsize=8)
    keep(figure, path)
    return chosen


def keep(figure: Any, path: Path) -> None:
    """Write the picture into a file, the same bytes for the same picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
