"""Pictures of a day and of a backtest; matplotlib is loaded only here and only when asked for."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.errors import ConfigError

BLUE, ORANGE, GREEN, RED, GREY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC3311", "#777777", "#E69F00"
"""Okabe-Ito colours: distinguishable with any colour vision."""


@dataclass(slots=True)
class DaySeries:
    """A day to draw: time in h of the day, powers in W, offer in A with its phases, events as (h, kind)."""

    hours: list[float] = field(default_factory=list)
    pv_w: list[float] = field(default_factory=list)
    base_import_w: list[float] = field(default_factory=list)
    car_w: list[float] = field(default_factory=list)
    grid_import_w: list[float] = field(default_factory=list)
    offered_a: list[int] = field(default_factory=list)
    phases: list[int] = field(default_factory=list)
    writes_h: list[float] = field(default_factory=list)


def _canvas(width: float, height: float) -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            f"plots need matplotlib. Remedy: {sys.executable} -m pip install matplotlib, with sudo for the "
            "installed service, and again after each update"
        ) from None
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    return figure, FigureCanvasAgg(figure)


def plot_day(series: DaySeries, path: Path, title: str, subtitle: str) -> None:
    """Draw a day: the sun, the car and the grid above, the offer and the commands below.

    Raises ConfigError without matplotlib or for an unknown kind of file.
    """
    figure, _ = _canvas(11, 6.5)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.3])
    hours = series.hours
    kw = [[value / 1000 for value in values] for values in (series.pv_w, series.car_w, series.grid_import_w)]
    if any(series.pv_w):
        top.fill_between(hours, kw[0], color=YELLOW, alpha=0.35, lw=0, label="sun")
    top.plot(hours, kw[1], color=BLUE, lw=1.3, label="car")
    top.plot(hours, kw[2], color=GREY, lw=0.7, label="grid (below zero: feed-in)")
    top.axhline(0, color="black", lw=0.6)
    top.set_ylabel("power in kW")
    top.set_title(f"{title}\n", loc="left", fontweight="bold")
    top.text(0, 1.02, subtitle, transform=top.transAxes, color=GREY, fontsize=9)
    top.legend(loc="upper right", ncols=3, frameon=False)
    top.margins(x=0, y=0.15)
    for phases, colour, label in ((1, GREEN, "one phase"), (3, ORANGE, "three phases")):
        offer = [a if p == phases else 0 for a, p in zip(series.offered_a, series.phases, strict=True)]
        bottom.fill_between(hours, offer, step="post", color=colour, alpha=0.6, lw=0, label=label)
    if series.writes_h:
        bottom.plot(series.writes_h, [-1.0] * len(series.writes_h), "|", color="black", ms=5, label="command")
    bottom.set_ylabel("offered in A")
    bottom.set_xlabel("hour of the day")
    bottom.legend(loc="upper right", ncols=3, frameon=False, fontsize=9)
    bottom.set_ylim(-2.5, max([*series.offered_a, 6]) * 1.35)
    bottom.set_xticks(range(0, 25, 2))
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
    _save(figure, path)


@dataclass(slots=True)
class ReplayPanel:
    """One strategy in a replay; `series` holds hours, base_import_w and car_w, not a number where unknown."""

    title: str
    subtitle: str
    series: DaySeries


def plot_replay(panels: Sequence[ReplayPanel], days: Sequence[tuple[float, str]], path: Path) -> None:
    """Draw one panel a strategy, the surplus as an area and the car as a line; `days` are (begin in h, name).

    Raises ConfigError without matplotlib or for an unknown kind of file.
    """
    figure, _ = _canvas(11, 1.0 + 2.6 * len(panels))
    rows = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, panel in zip(rows, panels, strict=True):
        hours = panel.series.hours
        surplus_kw = [max(-watt, 0.0) / 1000 if watt == watt else watt for watt in panel.series.base_import_w]
        axes.fill_between(hours, surplus_kw, color=YELLOW, alpha=0.35, lw=0, label="surplus without the car")
        axes.plot(hours, [watt / 1000 for watt in panel.series.car_w], color=BLUE, lw=1.1, label="car")
        axes.set_ylabel("power in kW")
        axes.set_title(f"{panel.title}\n", loc="left", fontweight="bold")
        axes.text(0, 1.03, panel.subtitle, transform=axes.transAxes, color=GREY, fontsize=9)
        axes.margins(x=0, y=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
    rows[0].legend(loc="upper right", ncols=2, frameon=False)
    if len(days) == 1:
        rows[-1].set_xticks(range(0, 26, 2))
        rows[-1].set_xlabel(f"hour of {days[0][1]}")
    else:
        rows[-1].set_xticks([begin_h for begin_h, _ in days], [name for _, name in days], ha="left")
    _save(figure, path)


def plot_backtest(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw one bar a day: cost above perfect foresight where it is known, else the cost itself, in ct."""
    figure, _ = _canvas(max(7.0, 0.22 * len(results) + 3), 4.2)
    axes = figure.subplots()
    known = all(row["oracle_cost_ct"] is not None for row in results)
    heights = [row["cost_ct"] - (row["oracle_cost_ct"] if known else 0) for row in results]
    axes.bar(range(len(results)), heights, color=BLUE, width=0.8)
    mean = sum(heights) / max(len(heights), 1)
    axes.axhline(mean, color=ORANGE, lw=1.2, label=f"mean {mean:.1f} ct")
    axes.set_ylabel("regret in ct per day" if known else "cost in ct per day")
    axes.set_xticks(range(len(results)), [row["date"] for row in results], rotation=90, fontsize=7)
    names = ", ".join(sorted({f"{row['strategy']} at {row['value_ct']:g} ct" for row in results}))
    axes.set_title(names, loc="left", fontweight="bold")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: the plot cannot be written ({error}). Remedy: .png or .svg") from None
