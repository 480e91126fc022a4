"""The command line. Each command loads only what it needs."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller import __version__
from controller.errors import AmpilotError, ConfigError, StrategyError

EX_CONFIG, EX_TEMPFAIL, EX_UNAVAILABLE = 78, 75, 69
DEFAULT_CONFIG = Path("/etc/ampilot/ampilot.toml")

app = typer.Typer(
    help="ampilot charges an electric car from your own sun, deciding in cents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out, err = Console(highlight=False), Console(stderr=True, highlight=False)

Config = Annotated[Path, typer.Option("--config", "-c", help="the config file", show_default=True)]


def main() -> None:
    """Run the command line; errors become one message and an exit code, never a traceback."""
    try:
        app(standalone_mode=False)
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except (ConfigError, StrategyError) as error:
        _fail(str(error), EX_CONFIG)
    except AmpilotError as error:
        _fail(str(error), EX_TEMPFAIL if type(error).__name__ == "LedgerLocked" else EX_UNAVAILABLE)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        show: Callable[[], None] | None = getattr(error, "show", None)
        if show is None:
            raise
        show()
        sys.exit(2)


def _fail(text: str, code: int) -> None:
    err.print(f"[bold red]ampilot:[/] {_escaped(text)}")
    sys.exit(code)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@app.command()
def run(config: Config = DEFAULT_CONFIG) -> None:
    """Control the charger until stopped: what the service runs."""
    from controller import daemon

    asyncio.run(daemon.run(config))


@app.command()
def check(
    config: Config = DEFAULT_CONFIG,
    strategy: Annotated[str | None, typer.Option(help="run the conformance suite on this strategy")] = None,
    profiles: Annotated[bool, typer.Option("--profiles", help="list the shipped meter profiles")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON schema of the config")] = False,
) -> None:
    """Reach meter and charger, show what they say, and what to do where they do not. Changes nothing."""
    if schema:
        from controller.settings import json_schema

        typer.echo(json.dumps(json_schema(), indent=1))
        return
    from controller import checkup

    def say(text: str, good: bool) -> None:
        out.print(("[green]ok[/]    " if good else "[red]wrong[/] ") + _escaped(text))

    if profiles:
        _list_profiles()
        return
    if strategy is not None:
        failures = checkup.check_strategy(strategy, say)
    else:
        failures = asyncio.run(checkup.check_site(config, say))
    if failures:
        raise typer.Exit(1)


def _list_profiles() -> None:
    from controller.meters.profile import load_profile, profile_names

    table = Table("profile", "device", "roles", "reached by", box=None)
    for name in profile_names():
        profile = load_profile(name)
        table.add_row(name, profile.name, ", ".join(profile.roles), ", ".join(profile.transports))
    out.print(table)


@app.command()
def explain(config: Config = DEFAULT_CONFIG) -> None:
    """Say why it is doing what it does now, with amounts and time left."""
    from controller import explain as words
    from controller.load_settings import load_settings
    from controller.report import Report

    report = Report(Path(load_settings(config).ledger.path))
    decision = report.last_decision()
    if decision is None:
        out.print("Nothing has been decided yet.")
        return
    for line in words.explain(decision, report.events(5), datetime.now(UTC)):
        out.print(_escaped(line))


@app.command()
def house(
    modbus_port: Annotated[int, typer.Option(min=0, max=65535, help="port of the simulated meter")] = 5020,
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="port of the simulated cloud")] = 8080,
    local_port: Annotated[int | None, typer.Option(min=0, max=65535, help="port of the local API")] = None,
    trace: Annotated[Path | None, typer.Option(help="a recorded day: CSV time,pv_w,load_w")] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=600, help="simulated seconds per second")] = 1.0,
    seed: Annotated[int, typer.Option(help="makes the generated day repeatable")] = 1,
    sky: Annotated[str, typer.Option(help="clear, broken, mixed or overcast")] = "broken",
    profile: Annotated[str, typer.Option(help="which meter to be")] = "shelly-pro3em",
    car: Annotated[str, typer.Option(help="which kind of car comes")] = "ideal",
) -> None:
    """Serve the simulated house alone: a Modbus meter and a go-e with its cloud, on this machine."""
    from controller.simulation.serve import HouseOptions, serve_house

    options = HouseOptions(
        modbus_port=modbus_port,
        http_port=http_port,
        local_port=local_port,
        trace=trace,
        speed=speed,
        seed=seed,
        sky=_known_sky(sky),
        profile=profile,
        car=car,
    )
    try:
        asyncio.run(serve_house(options, lambda text: print(text, flush=True)))  # noqa: T201
    except OSError as error:
        raise ConfigError(f"a port cannot be opened: {error.strerror}. Remedy: choose other ports") from None


def _known_sky(sky: str) -> str:
    from controller.simulation.sun import SKIES

    if sky not in SKIES:
        raise ConfigError(f"--sky: found {sky!r}, accepted: {', '.join(SKIES)}")
    return sky


@app.command()
def demo(
    strategy: Annotated[str, typer.Option(help="which strategy decides")] = "surplus",
    seed: Annotated[int, typer.Option(help="another seed, another day")] = 7,
    sky: Annotated[str, typer.Option(help="clear, broken, mixed or overcast")] = "broken",
    car: Annotated[str, typer.Option(help="which kind of car comes")] = "ideal",
    trace: Annotated[Path | None, typer.Option(help="a recorded day: CSV time,pv_w,load_w")] = None,
    folder: Annotated[Path, typer.Option("--out", help="where ledger and plot go")] = Path("out"),
) -> None:
    """Charge a simulated car for a whole day, through real Modbus and HTTP, in about a minute."""
    from controller.limits import Limits
    from controller.plugins import load_strategy
    from controller.simulation.demo import draw, run_demo
    from controller.simulation.serve import HouseOptions

    folder.mkdir(parents=True, exist_ok=True)
    options = HouseOptions(modbus_port=0, http_port=0, seed=seed, sky=_known_sky(sky), car=car, trace=trace)
    limits = Limits()
    chosen = load_strategy(strategy, {})
    with _bar("a simulated day") as progress:
        task = progress.add_task("day", total=1.0)
        result = asyncio.run(
            run_demo(chosen, options, folder, limits, lambda share: progress.update(task, completed=share))
        )
    totals = result.totals
    table = Table(box=None, show_header=False)
    rows = [
        ("car", f"{result.car_wh / 1000:.1f} kWh"),
        ("  from the sun", f"{totals.pv_wh / 1000:.1f} kWh"),
        ("  from the grid", f"{totals.grid_wh / 1000:.1f} kWh"),
        ("  cost", f"{totals.cost_ct / 100:.2f} € (import paid, feed-in lost)"),
        ("sun", f"{result.yield_wh / 1000:.1f} kWh"),
        ("house", f"{result.load_wh / 1000:.1f} kWh"),
        ("import", f"{result.import_wh / 1000:.1f} kWh"),
        ("feed-in", f"{result.export_wh / 1000:.1f} kWh"),
        ("starts", str(totals.starts)),
        ("phase changes", str(totals.phase_changes)),
        (
            "writes",
            f"{totals.writes} of {limits.writes_per_day} a day, at most {result.most_writes_15_min} of "
            f"{limits.writes_per_window} in 15 min",
        ),
        ("over the wire", f"{result.meter_reads} Modbus and {result.http_requests} HTTP requests"),
        ("ledger", str(result.ledger)),
    ]
    try:
        plot = folder / "demo.png"
        draw(result, plot, f"{strategy}, {sky} sky, seed {seed}")
        rows.append(("plot", str(plot)))
    except ConfigError as error:
        rows.append(("plot", str(error)))
    for name, value in rows:
        table.add_row(name, _escaped(value))
    out.print(table)


@app.command()
def backtest(
    traces: Annotated[list[Path], typer.Argument(help="recorded days: CSV time,pv_w,load_w; gz allowed")],
    strategy: Annotated[str, typer.Option(help="which strategy decides")] = "surplus",
    import_ct: Annotated[float, typer.Option(help="import price in ct/kWh")] = 32.0,
    export_ct: Annotated[float, typer.Option(help="feed-in price in ct/kWh")] = 8.0,
    value_ct: Annotated[float, typer.Option(help="what a kWh in the car is worth, ct")] = 20.0,
    solar_share: Annotated[
        float | None, typer.Option(help="least share of sun; default: real prices")
    ] = None,
    scale_pv: Annotated[float, typer.Option(min=0.0, max=100.0, help="size of the PV")] = 1.0,
    oracle: Annotated[bool, typer.Option("--oracle", help="also the cost of perfect foresight")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write one object a day here")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw the days into this file")] = None,
) -> None:
    """Score a strategy on recorded days: energy, money, switching, and regret against perfect foresight."""
    from controller.backtest import run_day, scaled
    from controller.model import Prices
    from controller.plots import plot_backtest
    from controller.plugins import load_strategy, money_options
    from controller.traces import read_days

    chosen = load_strategy(strategy, money_options(strategy, value_ct, solar_share))
    prices = Prices(import_ct, export_ct)
    rows: list[dict[str, Any]] = []
    with _bar("days") as progress:
        days = [day for path in progress.track(traces, description="reading") for day in read_days(path)]
        if not days:
            raise ConfigError("the traces hold no day of at least 20 h")
        for day in progress.track(days, description="days"):
            result = run_day(scaled(day, scale_pv), chosen, strategy, prices, value_ct, with_oracle=oracle)
            rows.append({k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(result).items()})
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{json_file}: cannot be written: {error.strerror}") from None
    _print_backtest(rows)
    if plot is not None:
        plot_backtest(rows, plot)


def _print_backtest(rows: list[dict[str, Any]]) -> None:
    names = [
        "trace",
        "date",
        "car kWh",
        "import",
        "of it car",
        "writes",
        "starts",
        "phases",
        "cost ct",
        "regret",
    ]
    table = Table(*names, box=None)
    keys = ("ev_kwh", "import_kwh", "import_ev_kwh", "writes", "starts", "phase_changes", "cost_ct")
    for row in [*rows, _mean(rows)] if len(rows) > 1 else rows:
        oracle_ct = row["oracle_cost_ct"]
        regret = "" if oracle_ct is None else f"{row['cost_ct'] - oracle_ct:.1f}"
        table.add_row(row["trace"][:34], row["date"], *(f"{row[key]:.4g}" for key in keys), regret)
    out.print(table)


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over days; unknown where any day is."""
    mean: dict[str, Any] = {"trace": f"mean of {len(rows)} days", "date": ""}
    for key, value in rows[0].items():
        if key in mean or isinstance(value, str):
            continue
        values = [row[key] for row in rows]
        mean[key] = None if None in values else sum(values) / len(values)
    return mean


def _bar(name: str) -> Progress:
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)
