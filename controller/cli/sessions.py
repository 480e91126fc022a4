"""`ampilot backtest --prices`: stays of a car at recorded days and prices, as a table and as JSON."""

from dataclasses import asdict, dataclass
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from controller.cli.terminal import bar, escaped, show, write_json
from controller.days.backtest import scaled
from controller.days.backtest_session import SessionResult, run_session
from controller.days.recorded_prices import RecordedPrices, added_to_spot, read_quotes
from controller.days.recorded_sessions import Habit, stays
from controller.days.traces import read_days
from controller.errors import ConfigError
from controller.plugins import load_strategy, money_options


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said; prices in ct/kWh, times as HH:MM of `timezone`."""

    traces: list[Path]
    prices: Path
    strategy: str
    value_ct: float
    solar_share: float | None
    export_ct: float
    added_ct: float
    vat: float
    scale_pv: float
    plug_in: str
    depart: str
    need_kwh: float
    room_kwh: float | None
    timezone: str
    exact: bool
    json_file: Path | None


def score_sessions(asked: Asked) -> None:
    """Run every stay and print what came of it. Raises ConfigError for what cannot be used."""
    zone = _zone(asked.timezone)
    habit = Habit(
        zone,
        _clock("--plug-in", asked.plug_in),
        _clock("--depart", asked.depart),
        asked.need_kwh * 1000,
        None if asked.room_kwh is None else asked.room_kwh * 1000,
        asked.value_ct,
    )
    rules = added_to_spot(zone, asked.added_ct, asked.vat, asked.export_ct)
    prices = RecordedPrices(read_quotes(asked.prices), rules, zone)
    options = money_options(asked.strategy, asked.value_ct, asked.solar_share)
    strategy = load_strategy(asked.strategy, options)
    results: list[SessionResult] = []
    with bar("stays") as progress:
        read = progress.track(asked.traces, description="reading")
        days = [scaled(day, asked.scale_pv) for path in read for day in read_days(path)]
        found = stays(days, habit, prices, exact=asked.exact)
        for session, known in progress.track(found, total=len(days), description="stays"):
            results.append(run_session(session, strategy, asked.strategy, known))
    if not results:
        raise ConfigError(
            f"no stay from {asked.plug_in} to {asked.depart} lies within the traces. "
            "Remedy: traces of whole days that follow each other, or other times"
        )
    _print(results)  # first: nothing of it is lost where the file cannot be written
    if asked.json_file is not None:
        write_json(asked.json_file, [_rounded(result) for result in results])


def _clock(option: str, text: str) -> time:
    try:
        found = time.fromisoformat(text)
        if found.tzinfo is not None or found.second or found.microsecond:
            raise ValueError
    except ValueError:
        raise ConfigError(f"{option}: found {text!r}, accepted: a time like 07:00") from None
    return found


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ConfigError(f"--timezone: found {name!r}, accepted: a name like Europe/Berlin") from None


def _rounded(result: SessionResult) -> dict[str, Any]:
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in asdict(result).items()}


def _print(results: list[SessionResult]) -> None:
    from rich.table import Table

    names = (
        "trace",
        "plug-in",
        "h",
        "car kWh",
        "of it grid",
        "missed",
        "extra",
        "writes",
        "starts",
        "bill ct",
    )
    keys = ("hours", "ev_kwh", "import_ev_kwh", "missed_kwh", "extra_kwh", "writes", "starts", "bill_ct")
    table = Table(*names, box=None)
    for result in results:
        numbers = [f"{getattr(result, key):.4g}" for key in keys]
        table.add_row(escaped(result.trace[:34]), result.begin[:16], *numbers)
    if len(results) > 1:
        means = [f"{sum(getattr(r, key) for r in results) / len(results):.4g}" for key in keys]
        table.add_row(f"mean of {len(results)} stays", "", *means)
    show(table)
