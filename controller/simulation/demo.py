"""`ampilot demo`: a whole simulated day through real sockets, in lock-step with a simulated clock.

The house and the controller share one clock that is moved by hand: every second of the day is lived, every
reading goes over Modbus TCP and every status and command over HTTP, and nothing depends on this machine's
speed. What is simulated is the house; the controller is the one that `ampilot run` starts.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.chargers import CloudTransport
from controller.clock import SimClock
from controller.errors import ConfigError
from controller.ledger.ledger import Ledger
from controller.ledger.report import Report, Totals
from controller.ledger.upkeep import describe_site
from controller.limits import Limits
from controller.loop import Loop
from controller.meters import open_meters
from controller.model import Prices, Strategy
from controller.plots.days import DaySeries, plot_day
from controller.senses import Devices
from controller.settings import MeterSettings
from controller.simulation.serve import HouseOptions, ServedHouse
from controller.units import DAY_S
from controller.watchdog import Notifier

METER_POLL_S, CHARGER_POLL_S, IDLE_POLL_S, DECIDE_S = 2, 5, 30, 10
MONDAY = datetime(2026, 6, 22, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the day brought, as the ledger has it and as the house's own counters have it."""

    totals: Totals
    car_wh: float
    import_wh: float
    export_wh: float
    yield_wh: float
    load_wh: float
    most_writes_15_min: int
    meter_reads: int
    http_requests: int
    ledger: Path


async def run_demo(
    strategy: Strategy,
    options: HouseOptions,
    folder: Path,
    limits: Limits,
    progress: Callable[[float], None],
    hours: float = 24.0,
    name: str = "surplus",
) -> DemoResult:
    """Live one day and return its result; the ledger stays in `folder` and bears the strategy's `name`.

    Raises ConfigError where the folder cannot be written.
    """
    served = ServedHouse(options)
    path = _make_room(folder)  # after what may be misspelt: an earlier day is not lost for a typing error
    clock = SimClock(MONDAY, 0.0)
    await served.start()
    ledger = Ledger.open(path, clock)
    describe_site(ledger, "UTC", Prices(), name, {})
    house = served.house
    before = (house.import_wh, house.export_wh, house.yield_wh)
    meter = MeterSettings(profile=options.profile, host=options.host, port=served.meter.port, min_gap_s=0.0)
    devices = Devices(
        grid=open_meters({"grid": meter}, clock)["grid"],
        charger=CloudTransport(options.serial, lambda: options.token, clock=clock, base_url=served.cloud.url),
    )
    loop = Loop(
        devices,
        strategy,
        limits,
        prices=Prices,
        ledger=ledger,
        clock=clock,
        notifier=Notifier(None),
    )
    try:
        await _live(served, clock, loop, int(hours * 3600), progress)
    finally:
        await loop.stop()
        ledger.close()
        await served.stop()
    start_ms = int(MONDAY.timestamp() * 1000)
    report = Report(path)
    writes = [at for at, *_ in report.intents(start_ms, start_ms + DAY_S * 1000)]
    return DemoResult(
        totals=report.totals(start_ms, start_ms + DAY_S * 1000),
        car_wh=house.ev_wh,
        import_wh=house.import_wh - before[0],
        export_wh=house.export_wh - before[1],
        yield_wh=house.yield_wh - before[2],
        load_wh=house.load_wh,
        most_writes_15_min=_most_within(writes, 900_000),
        meter_reads=len(served.meter.requests),
        http_requests=len(served.cloud.requests),
        ledger=path,
    )


def _make_room(folder: Path) -> Path:
    """Return where the ledger goes, with nothing of an earlier day there."""
    path = folder / "demo-ledger.db"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.touch()
    except OSError as error:
        raise ConfigError(
            f"--out: {folder} cannot be written: {error.strerror}. Remedy: choose another folder"
        ) from None
    return path


async def _live(
    served: ServedHouse, clock: SimClock, loop: Loop, seconds: int, progress: Callable[[float], None]
) -> None:
    """Let the day pass; the loop's jobs run when they are due."""
    task = asyncio.current_task()
    assert task is not None
    for second in range(METER_POLL_S, seconds + 1, METER_POLL_S):
        served.advance(second)
        clock.advance(METER_POLL_S)
        await loop.senses.poll_meter()
        pace_s = CHARGER_POLL_S if loop.car_connected else IDLE_POLL_S
        if second % pace_s < METER_POLL_S:
            await loop.senses.poll_charger()
        if second % DECIDE_S == 0:
            await loop.decide()
        if task.cancelling():  # Ctrl-C: wait_for of Python 3.11 swallows it when an answer comes with it
            raise asyncio.CancelledError
        if second % 600 == 0:
            progress(second / seconds)


def _most_within(times_ms: list[int], span_ms: int) -> int:
    return max((sum(1 for t in times_ms if at <= t < at + span_ms) for at in times_ms), default=0)


def draw(result: DemoResult, path: Path, title: str) -> None:
    """Draw the day from its ledger. Raises ConfigError without matplotlib."""
    start_ms = int(MONDAY.timestamp() * 1000)
    report = Report(result.ledger)
    series = DaySeries()
    for wall_ms, grid_w, base_w, pv_w, _, car_w, offered_a, phases in report.readings(
        start_ms, start_ms + DAY_S * 1000
    ):
        series.hours.append((wall_ms - start_ms) / 3.6e6)
        series.grid_import_w.append(grid_w or 0.0)
        series.base_import_w.append(base_w or 0.0)
        series.pv_w.append(pv_w if pv_w is not None else max(-(base_w or 0.0), 0.0))
        series.car_w.append(car_w or 0.0)
        series.offered_a.append(offered_a or 0)
        series.phases.append(phases or 3)
    intents = report.intents(start_ms, start_ms + DAY_S * 1000)
    series.writes_h = [(wall_ms - start_ms) / 3.6e6 for wall_ms, *_ in intents]
    totals = result.totals
    share = 100 * totals.pv_wh / max(totals.pv_wh + totals.grid_wh, 1.0)
    subtitle = (
        f"simulated house · car {result.car_wh / 1000:.1f} kWh, {share:.0f} % sun · {totals.starts} starts, "
        f"{totals.phase_changes} phase changes, {totals.writes} commands"
    )
    plot_day(series, path, title, subtitle)
