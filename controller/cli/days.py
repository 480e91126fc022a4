"""Commands about whole days, simulated or recorded: house, demo, backtest."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.cli.terminal import bar, escaped, show, write_json
from controller.errors import ConfigError

if TYPE_CHECKING:
    from controller.limits import Limits
    from controller.simulation.demo import DemoResult

commands = typer.Typer()


@commands.command()
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
    asyncio.run(serve_house(options, lambda text: print(text, flush=True)))  # noqa: T201


def _known_sky(sky: str) -> str:
    from controller.simulation.sun import SKIES

    if sky not in SKIES:
        raise ConfigError(f"--sky: found {sky!r}, accepted: {', '.join(SKIES)}")
    return sky


@commands.command()
def demo(
    strategy: Annotated[str, typer.Option(help="which strategy decides")] = "surplus",
    seed: Annotated[int, typer.Option(help="another seed, another day")] = 7,
    sky: Annotated[str, typer.Option(help="clear, broken, mixed or overcast")] = "broken",
    car: Annotated[str, typer.Option(help="which kind of car comes")] = "ideal",
    trace: Annotated[Path | None, typer.Option(help="a recorded day: CSV time,pv_w,load_w")] = None,
    folder: Annotated[Path, typer.Option("--out", help="where ledger and plot go")] = Path("out"),
) -> None:
    """Charge a simulated car for a whole day, through real Modbus and HTTP, in about a minute."""
    from rich.table import Table

    from controller.limits import Limits
    from controller.plugins import load_strategy
    from controller.simulation.demo import run_demo
    from controller.simulation.serve import HouseOptions

    options = HouseOptions(modbus_port=0, http_port=0, seed=seed, sky=_known_sky(sky), car=car, trace=trace)
    limits = Limits()
    chosen = load_strategy(strategy, {})
    with bar("a simulated day") as progress:
        task = progress.add_task("day", total=1.0)
        result = asyncio.run(
            run_demo(
                chosen,
                options,
                folder,
                limits,
                lambda share: progress.update(task, completed=share),
                name=strategy,
            )
        )
    rows = _demo_rows(result, limits)
    rows.append(("plot", _drawn(result, folder / "demo.png", f"{strategy}, {sky} sky, seed {seed}")))
    table = Table(box=None, show_header=False)
    for name, value in rows:
        table.add_row(name, escaped(value))
    show(table)


def _demo_rows(result: "DemoResult", limits: "Limits") -> list[tuple[str, str]]:
    """Return what the day brought, a name and a text a row."""
    totals = result.totals
    return [
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
        ("ledger", f"{result.ledger}, for: ampilot replay --ledger {result.ledger}"),
    ]


def _drawn(result: "DemoResult", plot: Path, title: str) -> str:
    """Draw the day and return where it is, or why it could not be drawn."""
    from controller.simulation.demo import draw

    try:
        draw(result, plot, title)
    except ConfigError as error:
        return str(error)
    return str(plot)


@commands.command()
def backtest(
    context: typer.Context,
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
    price_file: Annotated[
        Path | None, typer.Option("--prices", help="prices at the exchange: CSV time,slot_s,eur_per_mwh")
    ] = None,
    added_ct: Annotated[float, typer.Option(help="with --prices: net ct/kWh on top of the exchange")] = 0.0,
    vat: Annotated[float, typer.Option(min=0, max=1, help="with --prices: 0.19 for 19 %")] = 0.0,
    plug_in: Annotated[str, typer.Option(help="with --prices: when the car comes")] = "00:00",
    depart: Annotated[str, typer.Option(help="with --prices: when it leaves")] = "00:00",
    need_kwh: Annotated[float, typer.Option(min=0, help="with --prices: what it must have by then")] = 0.0,
    room_kwh: Annotated[
        float | None, typer.Option(min=0, help="with --prices: what it can take; default: no end")
    ] = None,
    timezone: Annotated[str, typer.Option(help="with --prices: whose clock")] = "UTC",
    exact_forecast: Annotated[
        bool, typer.Option("--exact-forecast", help="with --prices: plan with the sun that really comes")
    ] = False,
) -> None:
    """Score a strategy on recorded days: energy, money, switching, and regret against perfect foresight.

    With --prices the car comes and goes, and a plan is made every quarter of an hour (docs/backtest.md).
    """
    _refuse_unused(context, with_prices=price_file is not None)
    if price_file is not None:
        from controller.cli.sessions import Asked, score_sessions

        asked = Asked(
            traces=traces,
            prices=price_file,
            strategy=strategy,
            value_ct=value_ct,
            solar_share=solar_share,
            export_ct=export_ct,
            added_ct=added_ct,
            vat=vat,
            scale_pv=scale_pv,
            plug_in=plug_in,
            depart=depart,
            need_kwh=need_kwh,
            room_kwh=room_kwh,
            timezone=timezone,
            exact=exact_forecast,
            json_file=json_file,
        )
        score_sessions(asked)
        return
    rows = _scored_days(
        traces, strategy, import_ct, export_ct, value_ct, solar_share, scale_pv, with_oracle=oracle
    )
    _print_backtest(rows)  # first: nothing of it is lost where the file cannot be written
    if json_file is not None:
        write_json(json_file, rows)
    if plot is not None:
        from controller.plots.days import plot_backtest

        plot_backtest(rows, plot)


def _refuse_unused(context: typer.Context, *, with_prices: bool) -> None:
    """Raise ConfigError for an option that would count for nothing with, or without, `--prices`."""
    without = ("oracle", "plot", "import_ct")
    only_with = ("added_ct", "vat", "plug_in", "depart", "need_kwh", "room_kwh", "timezone", "exact_forecast")
    options = {parameter.name: parameter for parameter in context.command.params}
    for name in without if with_prices else only_with:
        if context.params[name] != options[name].get_default(context):
            option = f"--{name.replace('_', '-')}"
            if with_prices:
                raise ConfigError(f"{option} knows one price only. Remedy: leave out {option} or --prices")
            raise ConfigError(f"{option} needs a file of prices. Remedy: add --prices, or leave it out")


def _scored_days(
    traces: list[Path],
    strategy: str,
    import_ct: float,
    export_ct: float,
    value_ct: float,
    solar_share: float | None,
    scale_pv: float,
    *,
    with_oracle: bool,
) -> list[dict[str, Any]]:
    """Return what came of every day, rounded; prices in ct/kWh. Raises ConfigError without a day."""
    from controller.days.backtest import run_day, scaled
    from controller.days.traces import read_days
    from controller.model import Prices
    from controller.plugins import load_strategy, money_options

    chosen = load_strategy(strategy, money_options(strategy, value_ct, solar_share))
    prices = Prices(import_ct, export_ct)
    rows: list[dict[str, Any]] = []
    with bar("days") as progress:
        days = [day for path in progress.track(traces, description="reading") for day in read_days(path)]
        if not days:
            raise ConfigError("the traces hold no day of at least 20 h")
        for day in progress.track(days, description="days"):
            result = run_day(
                scaled(day, scale_pv), chosen, strategy, prices, value_ct, with_oracle=with_oracle
            )
            rows.append({k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(result).items()})
    return rows


def _print_backtest(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

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
    show(table)


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over days; unknown where any day is."""
    mean: dict[str, Any] = {"trace": f"mean of {len(rows)} days", "date": ""}
    for key, value in rows[0].items():
        if key in mean or isinstance(value, str):
            continue
        values = [row[key] for row in rows]
        mean[key] = None if None in values else sum(values) / len(values)
    return mean
