"""`ampilot forecast`: how much sun will be left over, by the hour, its ground and skill."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from controller.cli.terminal import DEFAULT_CONFIG, Config, escaped, out, show, write_json
from controller.errors import ConfigError

if TYPE_CHECKING:
    from controller.clock import Clock
    from controller.forecast.forecaster import Forecaster, Standing
    from controller.forecast.outlook import Estimate
    from controller.forecast.skill import Skill

commands = typer.Typer()
BAR = 30
HOUR_S = 3600


@commands.command()
def forecast(
    config: Config = DEFAULT_CONFIG,
    day: Annotated[
        str | None, typer.Option(help="today, tomorrow or a date within a week; default: tomorrow")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="draw into this .png or .svg")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write everything here")] = None,
) -> None:
    """Say how much sun will be left over, on what that stands, and how good it was. Asks nobody."""
    from controller.clock import SystemClock
    from controller.days.recorded import day_span_ms
    from controller.forecast.forecaster import Forecaster
    from controller.load_settings import load_settings

    settings = load_settings(config)
    clock = SystemClock()
    zone = ZoneInfo(settings.site.timezone)
    which = _day(day, clock.wall().astimezone(zone).date())
    forecaster = Forecaster(settings.forecast, settings.site.timezone, Path(settings.ledger.path), clock)
    forecaster.start()
    begin_s, end_s = (ms // 1000 for ms in day_span_ms(which, zone))
    estimates = forecaster.outlook.estimates(begin_s, end_s, clock.wall().timestamp())
    skills = forecaster.skill()
    _print_head(forecaster.standing(), settings.forecast.latitude_deg is not None, clock, zone)
    if estimates:
        _print_day(estimates, which, zone)
    else:
        out.print(escaped(_nothing(forecaster)))
    _print_skill(skills)
    if json_file is not None:
        write_json(json_file, _document(which, estimates, forecaster, skills))
    if plot is not None:
        from controller.plots.forecast import plot_forecast

        measured = [
            ((b - begin_s) / HOUR_S, w)
            for b, w in sorted(forecaster.outlook.recent_w.items())
            if begin_s <= b < end_s
        ]
        plot_forecast(estimates, begin_s, measured, f"Surplus on {which:%A, %d %B %Y}", plot)


def _day(text: str | None, today: date) -> date:
    if text in (None, "tomorrow"):
        return today + timedelta(days=1)
    if text == "today":
        return today
    try:
        found = datetime.strptime(text or "", "%Y-%m-%d").date()  # noqa: DTZ007 - a day, no moment
    except ValueError:
        raise ConfigError(
            f"--day: found {text!r}, accepted: today, tomorrow, or a day such as 2026-05-01"
        ) from None
    if not 0 <= (found - today).days <= 6:
        raise ConfigError(f"--day: found {text!r}, accepted: a day from today to {today + timedelta(days=6)}")
    return found


def _nothing(forecaster: "Forecaster") -> str:
    if forecaster.outlook.recent_w:
        return "Nothing can be said of that day yet: two days of readings are needed."
    return "Nothing has been measured yet: two days of readings are needed. Is ampilot running?"


def _print_head(standing: "Standing", placed: bool, clock: "Clock", zone: ZoneInfo) -> None:
    days = standing.quarters / 96
    learned = f"Learned from {days:.1f} days of the grid meter" if days else "Nothing learned yet"
    if standing.quarters:
        learned += f", most surplus in a quarter of an hour: {standing.highest_w / 1000:.1f} kW"
    out.print(f"{learned}.")
    if not placed:
        out.print(
            escaped(
                "No place is configured: what is shown is the day before. Remedy: latitude_deg and "
                "longitude_deg in [forecast], two decimals are enough."
            )
        )
    elif standing.fetched_s is None:
        asked = "" if standing.source == "none" else f" {standing.source} has not answered yet."
        out.print(f"Source: own clear sky, dimmed as in the last three days.{asked}")
    else:
        age_h = max((clock.wall().timestamp() - standing.fetched_s) / HOUR_S, 0.0)
        until = datetime.fromtimestamp(standing.until_s or 0.0, UTC).astimezone(zone)
        out.print(
            f"Source: {standing.source}, {age_h:.1f} h old, known until {until:%a %d %b %H:%M}; "
            f"{standing.told_quarters / 96:.1f} days were learned with it."
        )


def _print_day(estimates: "Sequence[Estimate]", which: date, zone: ZoneInfo) -> None:
    from rich.table import Table

    hours = _hours(estimates, zone)
    total_kwh = sum(max(one.p50_w, 0.0) for one in estimates) / 4000
    basis = sorted({one.basis for one in estimates})
    out.print(
        f"\n{which:%A, %d %B}: about [bold]{total_kwh:.1f} kWh[/] will be left over "
        f"(from {', '.join(basis)}). In kW, below zero: the house imports."
    )
    scale_w = max(*(p90 for _, _, _, p90 in hours), 1000.0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("hour", no_wrap=True)
    for name in ("expected", "P10", "P90"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("█ sure (P10)  ▓ expected  ░ possible (P90)", no_wrap=True)
    for name, p50, p10, p90 in hours:
        table.add_row(name, *(f"{w / 1000:.2f}" for w in (p50, p10, p90)), _bar(p10, p50, p90, scale_w))
    show(table)


def _hours(estimates: "Sequence[Estimate]", zone: ZoneInfo) -> list[tuple[str, float, float, float]]:
    """Return name and means of expected, P10 and P90 in W of each hour; a doubled one has two lines."""
    groups: dict[int, list[Estimate]] = {}
    for one in estimates:
        groups.setdefault(one.begin_s // HOUR_S, []).append(one)
    result = []
    for hour, members in sorted(groups.items()):
        name = datetime.fromtimestamp(hour * HOUR_S, UTC).astimezone(zone).strftime("%H:%M")
        sums = [sum(values) for values in zip(*((m.p50_w, m.p10_w, m.p90_w) for m in members), strict=True)]
        p50, p10, p90 = (value / len(members) for value in sums)
        result.append((name, p50, p10, p90))
    return result


def _bar(p10_w: float, p50_w: float, p90_w: float, scale_w: float) -> str:
    ends = [max(round(BAR * max(watt, 0.0) / scale_w), 0) for watt in (p10_w, p50_w, p90_w)]
    return "█" * ends[0] + "▓" * (ends[1] - ends[0]) + "░" * (ends[2] - ends[1])


def _print_skill(skills: "Sequence[Skill]") -> None:
    from rich.table import Table

    if not skills:
        out.print("\nHow good it is cannot be said yet: forecasts are judged by what came, a day later.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    for name in ("ahead", "error", "bias", "if held", "if as yesterday", "within P10-P90", "quarters"):
        table.add_column(name, justify="left" if name == "ahead" else "right", no_wrap=True)
    for one in skills:
        table.add_row(
            f"{one.lead_h} h",
            *(f"{w:.0f} W" for w in (one.error_w,)),
            f"{one.bias_w:+.0f} W",
            *(f"{w:.0f} W" for w in (one.held_error_w, one.yesterday_error_w)),
            f"{100 * one.inside:.0f} %",
            str(one.quarters),
        )
    out.print(
        "\nHow good it was, mean error of a quarter of an hour in the last 30 days (80 % within is right):"
    )
    show(table)


def _document(
    which: date, estimates: "Sequence[Estimate]", forecaster: "Forecaster", skills: "Sequence[Skill]"
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "day": which.isoformat(),
        "standing": asdict(forecaster.standing()),
        "quarters": [asdict(one) for one in estimates],
        "skill": [asdict(one) for one in skills],
    }
