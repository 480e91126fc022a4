"""`ampilot plan`: when the car will charge and why, as words, rows and a picture."""

from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from controller.cli.terminal import DEFAULT_CONFIG, Config, err, escaped, out
from controller.errors import ConfigError, LedgerError

if TYPE_CHECKING:
    from controller.clock import Clock
    from controller.departures import Habit
    from controller.forecast.forecaster import Forecaster
    from controller.planner.plan import Plan
    from controller.planner.task import Task
    from controller.settings import Settings
    from controller.wanted import Sight

commands = typer.Typer()
FRESH_S = 300.0
"""A decision older than this is no word on what hangs at the cable now."""


@commands.command()
def plan(
    config: Config = DEFAULT_CONFIG,
    need_kwh: Annotated[
        float | None,
        typer.Option(min=0.1, max=200, help="what if it had to take this much, counted since plug-in"),
    ] = None,
    by: Annotated[str | None, typer.Option(help="until this time, e.g. 07:00; with --need-kwh")] = None,
    quarters: Annotated[bool, typer.Option("--quarters", help="a row for each quarter of an hour")] = False,
    plot: Annotated[Path | None, typer.Option(help="draw into this .png or .svg")] = None,
) -> None:
    """Say when the car will charge, why, and what it costs; with --need-kwh and --by, what if.

    Plans anew from what the service has kept: prices, forecast, the car at the cable. Asks nobody.
    """
    from controller.clock import SystemClock
    from controller.daemon import planning_of
    from controller.forecast.forecaster import Forecaster
    from controller.ledger import opening
    from controller.load_settings import load_settings
    from controller.planner import plan as planner
    from controller.tariffs.assembly import open_tariffs

    settings, clock = load_settings(config), SystemClock()
    zone = ZoneInfo(settings.site.timezone)

    def say(_kind: str, severity: str, text: str) -> None:
        if severity != "info":
            err.print(f"[yellow]{escaped(text)}[/]")

    opening.exists(Path(settings.ledger.path))  # or says whose it is: no plan is made of nothing then
    forecaster = Forecaster(settings.forecast, settings.site.timezone, Path(settings.ledger.path), clock)
    sun_known = _learn(forecaster)
    wants = settings.wants()
    if need_kwh is not None or by is not None:
        wants = replace(wants, habits=(_what_if(need_kwh, by),))
    planning = planning_of(settings, wants, open_tariffs(settings, clock, say), forecaster, say, clock)
    sight = _sight(settings, clock)
    planning.observe(replace(sight, connected=True))
    task = planning.task()
    made = planner.make_plan(task)
    _print_head(settings, sight, sun_known=sun_known)
    _print_plan(made, task, zone, planning.wanted.charged_wh)
    _print_rows(made, zone, quarters=quarters)
    if plot is not None:
        from controller.plots.plan import plot_plan

        plot_plan(made, plot, zone)


def _learn(forecaster: "Forecaster") -> bool:
    """Let the forecast learn from the ledger; return whether it knows anything."""
    try:
        forecaster.start()
    except LedgerError:
        return False
    return forecaster.outlook.quarters > 0


def _what_if(need_kwh: float | None, by: str | None) -> "Habit":
    from controller.departures import Habit

    if need_kwh is None or by is None:
        raise ConfigError("--need-kwh and --by belong together: --need-kwh 10 --by 07:00")
    try:
        at = time.fromisoformat(by)
    except ValueError:
        raise ConfigError(f"--by: found {by!r}, accepted: a time such as 07:00") from None
    return Habit(at, frozenset(range(7)), None, need_kwh * 1000)


def _sight(settings: "Settings", clock: "Clock") -> "Sight":
    """Return what the service saw last; without it, a car that takes what the config allows."""
    from controller.ledger.report import Report
    from controller.ledger.soc_store import on_record
    from controller.planner.task import CarPower
    from controller.wanted import Sight

    charger, path = settings.charger, Path(settings.ledger.path)
    options = (1, 3) if charger.allow_phase_switch else (3,)
    sight = Sight(power=CarPower(charger.min_current_a, charger.max_current_a, options))
    try:
        decision = Report(path).last_decision()
        _, soc = on_record(path, settings.known_cars(), clock.wall())
    except LedgerError:
        return sight
    if decision is None or clock.wall().timestamp() - decision.wall_ms / 1000 > FRESH_S:
        return sight
    facts = decision.facts
    charged_wh = float(facts.get("charged_wh", 0.0))
    if facts.get("car_phases"):
        used = tuple(int(phases) for phases in str(facts["car_phases"]).split())
        sight = replace(sight, power=CarPower(int(facts["car_min_a"]), int(facts["car_max_a"]), used))
    return replace(
        sight,
        connected=bool(facts.get("car_connected")),
        charging=decision.in_force.startswith(tuple("123456789")),
        phases_set=max(sight.power.phases),
        counter_wh=charged_wh,
        session_wh=charged_wh,
        stranger=facts.get("car_seen") == "never",
        car=str(facts.get("car_name", "")),
        soc=soc,
    )


def _print_head(settings: "Settings", sight: "Sight", *, sun_known: bool) -> None:
    from controller.cli import plan_words
    from controller.plugins import follows_plan

    choice = settings.strategy
    if not follows_plan(choice.name, choice.options):
        out.print(
            f"[yellow]Strategy {escaped(choice.name)} does not follow this plan.[/] "
            + escaped('Remedy: in [strategy] name = "ready_by"')
        )
    for line in plan_words.caveats(sight, sun_known=sun_known):
        out.print(line)


def _print_plan(made: "Plan", task: "Task", zone: ZoneInfo, charged_wh: float) -> None:
    from controller.cli import plan_words
    from controller.planner import plan as planner

    for line in plan_words.headline(made, task, zone, charged_wh):
        out.print(escaped(line))
    out.print("\n[bold]It will charge[/]")
    for line in plan_words.stretches(made, zone):
        out.print(f"  {escaped(line)}")
    out.print("\n[bold]What it costs[/]")
    need_wh = max([departure.need_wh for departure in task.departures], default=0.0)
    for line in plan_words.ways(
        made, planner.bounds_ct(task), planner.full_power_now(task), planner.sun_only(task), need_wh
    ):
        out.print(f"  {escaped(line)}")


def _print_rows(made: "Plan", zone: ZoneInfo, *, quarters: bool) -> None:
    from controller.cli import plan_words

    table = plan_words.rows(made, zone, quarters=quarters)
    if not table:
        return
    out.print("\n[bold]  from    to     price    sun W   worth   car kWh[/]   why [dim](prices in ct/kWh)[/]")
    day = None
    for row in table:
        begin, end = (datetime.fromtimestamp(at_s, zone) for at_s in (row.begin_s, row.end_s))
        if begin.date() != day:
            day = begin.date()
            out.print(f"[dim]{begin:%A %d %B}[/]")
        energy = f"{row.expected_wh / 1000:8.2f}" if row.expected_wh > plan_words.HARDLY_WH else " " * 8
        text = f"  {begin:%H:%M}  {end:%H:%M}  {'~' if row.estimated else ' '}{row.import_ct_per_kwh:6.1f}  "
        text += f"{row.surplus_w:7.0f}  {row.value_ct_per_kwh:6.1f}  {energy}   "
        colour = "green" if energy.strip() else "dim"
        out.print(f"{text}[{colour}]{escaped(row.why)}[/]")
    if known := plan_words.prices_known(made, zone):
        out.print(escaped(known))
