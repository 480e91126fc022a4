"""`ampilot replay`: recorded days through other strategies, as a table, a picture, a verdict."""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.cli.terminal import DEFAULT_CONFIG, bar, escaped, out, show, write_json
from controller.errors import ConfigError

if TYPE_CHECKING:
    from controller.days.replay import Really, ReplayedDay
    from controller.days.replay_plan import Plan, Source

commands = typer.Typer()
LOW_PRIORITY = 15


@commands.command()
def replay(
    first: Annotated[str | None, typer.Option("--from", help="first day, e.g. 2026-05-01")] = None,
    last: Annotated[str | None, typer.Option("--to", help="last day, included")] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(help="may be repeated; default: the configured one and timers")
    ] = None,
    value_ct: Annotated[
        float | None, typer.Option(help="what a kWh in the car is worth, ct; default: the strategy's")
    ] = None,
    solar_share: Annotated[
        float | None, typer.Option(help="least share of sun; default: the strategy's")
    ] = None,
    as_plugged: Annotated[
        bool, typer.Option("--as-plugged", help="a car only while one was really connected")
    ] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help=f"default: {DEFAULT_CONFIG}")] = None,
    ledger: Annotated[Path | None, typer.Option(help="a ledger file, without its config")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write everything here")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw into this .png or .svg")] = None,
    verdict: Annotated[
        bool, typer.Option("--verdict", hidden=True, help="one line of JSON on the day --to")
    ] = False,
) -> None:
    """Run recorded days through other strategies: what would each have cost with that sun?"""
    from controller.days import replay as engine
    from controller.days.replay_plan import days_of, plan_of, source_of

    begin, end = _date("--from", first), _date("--to", last)
    source = source_of(config, ledger, DEFAULT_CONFIG)
    plan = plan_of(source, strategy or (), value_ct, solar_share)
    if verdict:
        _print_verdict(source, plan, end)
        return
    plan = replace(plan, as_plugged=as_plugged)
    dates = days_of(source, begin, end)
    with bar(f"{len(dates)} days" if len(dates) > 1 else "1 day") as progress:
        task = progress.add_task("replay", total=1.0)
        days = list(engine.replay(source, dates, plan, lambda share: progress.update(task, completed=share)))
    really = engine.what_happened(source, days)
    _print_head(source, plan, days)
    _print_table(plan, days, really)
    if json_file is not None:
        write_json(json_file, _document(source, plan, days, really))
    if plot is not None:
        _draw(plan, days, plot)


def _date(option: str, text: str | None) -> date | None:
    """Return the day an option names. Raises ConfigError that says what is accepted."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no moment
    except ValueError:
        raise ConfigError(f"{option}: found {text!r}, accepted: a day such as 2026-05-01") from None


def _print_verdict(source: "Source", plan: "Plan", day: date | None) -> None:
    """Print the verdict on one day as JSON, `null` if nothing was recorded; what the service runs at night.

    At low priority, so that it never delays the controller; a sandbox may refuse that, to no harm.
    """
    from controller.days import replay as engine

    with contextlib.suppress(OSError):
        os.nice(LOW_PRIORITY)
    verdict = engine.verdict_on(source, day, plan) if day is not None else None
    typer.echo(json.dumps(None if verdict is None else asdict(verdict)))


def _print_head(source: "Source", plan: "Plan", days: Sequence["ReplayedDay"]) -> None:
    prices = source.prices
    out.print(
        f"A kWh in the car is worth {plan.value_ct:g} ct, {plan.value_from}; import "
        f"{prices.import_ct_per_kwh:g}, feed-in {prices.export_ct_per_kwh:g} ct/kWh"
        f"{', where the tariff is not known' if source.tariff is not None else ''}. Days of {source.zone}."
    )
    if source.without_plan:
        out.print(f"{escaped(source.strategy)} is replayed without its plan: neither departures nor values.")
    for day in days:
        seen = day.recorded
        gaps = (
            "no gap"
            if seen.gaps == 0
            else f"{seen.gaps} gap{'s' * (seen.gaps > 1)}, {_span(seen.gap_s)} in all"
        )
        text = f"{seen.day.date}: {seen.known_h:.1f} of {seen.day.duration_s / 3600:.0f} h known, {gaps}"
        out.print(escaped(text + (", part of it by the minute only" if seen.minutes else "")))


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _print_table(plan: "Plan", days: Sequence["ReplayedDay"], really: "Really") -> None:
    from rich.table import Table

    from controller.days.replay import total
    from controller.days.replay_plan import BASELINE

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("day", no_wrap=True)
    table.add_column("strategy", no_wrap=True)
    for name in ("car", "sun", "grid", "bill €", "starts", "phases", "writes", "saved €"):
        table.add_column(name, justify="right", no_wrap=True)
    spans = [(day.recorded.day.date, [day]) for day in days] if len(days) > 1 else []
    for label, members in [*spans, ("total" if spans else days[0].recorded.day.date, list(days))]:
        for name in plan.strategies:
            sums = total(members, name)
            saved = "" if name == BASELINE else f"{round(sums['saved_ct'] / 100, 2) + 0.0:+.2f}"
            table.add_row(label, name, *_cells(sums), saved)
            label = ""
    table.add_row("", "really", *_cells(_as_sums(really)), "", style="dim")
    show(table)
    there = "connected while one really was" if plan.as_plugged else "connected all day"
    out.print(
        "car: kWh, from sun and grid. saved: against timers, in bill - value x energy + price of starts, "
        f"phase changes and commands. Every strategy has a simulated car, {there} and never full."
    )
    out.print(
        f"really: as the ledger has it, a car was connected {really.connected_h:.1f} h; starts and phase "
        "changes of all sessions that touch these days. For orientation."
    )


def _as_sums(really: "Really") -> dict[str, Any]:
    return {
        "ev_kwh": really.ev_kwh,
        "import_ev_kwh": really.grid_kwh,
        "bill_ct": really.bill_ct,
        "starts": really.starts,
        "phase_changes": really.phase_changes,
        "writes": really.writes,
    }


def _cells(sums: dict[str, Any]) -> list[str]:
    """Return car, sun, grid, bill, starts, phase changes and commands as text."""
    energies_kwh = (sums["ev_kwh"], sums["ev_kwh"] - sums["import_ev_kwh"], sums["import_ev_kwh"])
    counts = (sums["starts"], sums["phase_changes"], sums["writes"])
    return [*(f"{kwh:.2f}" for kwh in energies_kwh), f"{sums['bill_ct'] / 100:.2f}", *map(str, counts)]


def _document(
    source: "Source", plan: "Plan", days: Sequence["ReplayedDay"], really: "Really"
) -> dict[str, Any]:
    from controller.days.replay import total

    def rounded(values: dict[str, Any]) -> dict[str, Any]:
        return {key: round(v, 4) if isinstance(v, float) else v for key, v in values.items()}

    return {
        "timezone": str(source.zone),
        "value_ct": plan.value_ct,
        "as_plugged": plan.as_plugged,
        "prices": asdict(source.prices),
        "days": [
            {
                "date": day.recorded.day.date,
                "hours": day.recorded.day.duration_s / 3600,
                "known_h": round(day.recorded.known_h, 4),
                "gaps": day.recorded.gaps,
                "gap_s": day.recorded.gap_s,
                "by_minute": day.recorded.minutes,
                "strategies": {name: rounded(total([day], name)) for name in plan.strategies},
            }
            for day in days
        ],
        "total": {name: rounded(total(days, name)) for name in plan.strategies},
        "really": rounded(asdict(really)),
    }


def _draw(plan: "Plan", days: Sequence["ReplayedDay"], path: Path) -> None:
    from controller.days.replay import MINUTE_S, total
    from controller.days.replay_plan import BASELINE
    from controller.plots.days import DaySeries, ReplayPanel, plot_replay

    names, begin_h = [], 0.0
    for day in days:
        names.append((begin_h, day.recorded.day.date))
        begin_h += day.recorded.day.duration_s / 3600
    panels = []
    for name in plan.strategies:
        series = DaySeries()
        for day, (begin_h, _) in zip(days, names, strict=True):
            count = len(day.course.surplus_w)
            series.hours += [begin_h + (n + 0.5) * MINUTE_S / 3600 for n in range(count)]
            series.base_import_w += [-surplus_w for surplus_w in day.course.surplus_w]
            series.car_w += day.course.car_w[name]
        sums = total(days, name)
        share = 100 * (1 - sums["import_ev_kwh"] / max(sums["ev_kwh"], 1e-9)) if sums["ev_kwh"] else 0
        text = (
            f"simulated car {sums['ev_kwh']:.1f} kWh, {share:.0f} % sun · "
            f"bill {sums['bill_ct'] / 100:.2f} € · {sums['starts']} starts, "
            f"{sums['phase_changes']} phase changes, {sums['writes']} commands"
        )
        if name != BASELINE:
            text += f" · saved {sums['saved_ct'] / 100:+.2f} € against {BASELINE}"
        panels.append(ReplayPanel(name, text, series))
    plot_replay(panels, names, path)
