"""H1, H2, H3, H12: clocks that step, years that change their hours, a process that slept."""

import asyncio
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.clock import SimClock, SystemClock
from controller.ledger.ledger import Ledger
from controller.ledger.report import Report
from controller.limits import Limits
from controller.line import pipeline
from controller.loop import Loop
from controller.model import (
    CarState,
    Charge,
    ChargerStatus,
    Force,
    GridReading,
    OutcomeKind,
    PhaseMode,
    Prices,
    Settings,
    WriteOutcome,
)
from controller.schedule import Schedule
from controller.senses import Devices
from controller.watchdog import Notifier
from strategies.surplus import Surplus
from tests.faults.host_rig import SLACK_S, HostRig, with_compiler
from tests.faults.rig import raised
from tests.faults.test_full_disk import AT_ONCE
from tests.faults.test_real_timings import cpu_s, resident_mb
from tests.unit.test_loop import Rig as LoopRig
from tests.unit.test_loop import Told

Bound = Callable[[str, str, float, float, str], None]
YEAR_S = 365 * 86_400


async def step_the_clock(tmp_path: Path, shift_s: float) -> tuple[float, "HostRig"]:
    """Step the clock of a charging controller; return how long no meter was read, and the stopped rig."""
    async with HostRig(tmp_path, shim=True, strategy="timers", strategy_options=AT_ONCE) as rig:
        assert rig.computer is not None
        await rig.charging()
        memory_mb, spent_s = resident_mb(rig.pid), cpu_s(rig.pid)
        reads, writes = rig.meter_reads, len(rig.writes())
        rig.computer.shift_clock(shift_s)
        began = time.monotonic()
        await rig.until(lambda: rig.meter_reads > reads + 3, 30, "the meter is read on")
        took_s = time.monotonic() - began
        await rig.until(lambda: rig.said("event=clock_step"), 5, "the step is noticed")
        pats = rig.systemd.count("WATCHDOG=1")
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > pats + 3, 10, "decisions go on")
        assert cpu_s(rig.pid) - spent_s < 5
        assert resident_mb(rig.pid) - memory_mb < 15
        assert len(rig.writes()) - writes <= 4
        assert rig.box.frc == 2, "a step of the clock stopped the car"
        rig.served.house.shade = 0.0
        await rig.until(lambda: rig.box.frc == 1, 20, "it still controls")
        ids = [row[0] for row in rig.rows("SELECT id FROM events ORDER BY id")]
        assert ids == sorted(ids)
    return took_s, rig


@with_compiler
async def test_h1_the_clock_jumps_ahead(tmp_path: Path, bound: Bound) -> None:
    """Five years ahead, as the first NTP answer after a boot: read on at once, no flood, no memory."""
    took_s, rig = await step_the_clock(tmp_path, 5 * YEAR_S)
    newest = Report(rig.ledger).last_decision()
    assert newest is not None
    assert datetime.fromtimestamp(newest.wall_ms / 1000, UTC).year >= datetime.now(UTC).year + 4
    assert "clock" in {kind for (kind,) in rig.rows("SELECT kind FROM events")}
    bound("H1", "clock five years ahead: the meter is read on", 1.0 + SLACK_S, took_s, "s")


@with_compiler
@pytest.mark.slow
async def test_h1_a_month_ahead(tmp_path: Path, bound: Bound) -> None:
    took_s, _ = await step_the_clock(tmp_path, 30 * 86_400)
    bound("H1", "clock a month ahead: the meter is read on", 1.0 + SLACK_S, took_s, "s")


@with_compiler
@pytest.mark.slow
@pytest.mark.parametrize("shift_s", [-1, -3600, -10 * YEAR_S], ids=["-1s", "-1h", "-10y"])
async def test_h2_the_clock_steps_back(tmp_path: Path, bound: Bound, shift_s: int) -> None:
    """Back by a second, an hour, ten years: no silence; what came last has the highest number."""
    if shift_s == -1:  # below what counts as a step, so nothing is said of it
        async with HostRig(tmp_path, shim=True) as rig:
            assert rig.computer is not None
            await rig.charging()
            reads, began = rig.meter_reads, time.monotonic()
            rig.computer.shift_clock(shift_s)
            await rig.until(lambda: rig.meter_reads > reads + 3, 30, "the meter is read on")
            took_s = time.monotonic() - began
            assert rig.box.frc == 2
        bound("H2", "clock a second back: the meter is read on", 1.0 + SLACK_S + 1.0, took_s, "s")
        return
    took_s, rig = await step_the_clock(tmp_path, shift_s)
    newest = Report(rig.ledger).last_decision()
    assert newest is not None
    assert newest.wall_ms < (time.time() - 3000) * 1000, "the newest decision is not the last one made"
    bound("H2", f"clock {-shift_s} s back: the meter is read on", 1.0 + SLACK_S, took_s, "s")


@pytest.mark.parametrize("step_s", [-3600.0, 5.0 * YEAR_S], ids=["H2_back", "H1_ahead"])
async def test_h1_h2_a_step_changes_no_decision(tmp_path: Path, step_s: float) -> None:
    """The same hour with and without a step of the wall clock: the same commands at the same moments."""
    sent = []
    for number, step in enumerate((0.0, step_s)):
        folder = tmp_path / str(number)
        folder.mkdir()
        rig = LoopRig(folder, None)
        rig.loop._strategy = Surplus(20.0, None)
        rig.loop.state = pipeline.initial(rig.loop._strategy)
        rig.plug()
        await rig.run(900)
        rig.clock.step_wall(step)
        rig.house.shade = 0.4
        await rig.run(900)
        rig.house.shade = 1.0
        await rig.run(1800)
        sent.append(rig.charger.sent)
        rig.ledger.close()
    assert len(sent[0]) >= 3
    assert sent[0] == sent[1]


# -- H3 ------------------------------------------------------------------------------------------------------


def last_sunday(year: int, month: int) -> date:
    """Return the last Sunday of March or October."""
    day = date(year, month, 31)
    return day - timedelta(days=(day.weekday() + 1) % 7)


def offset_h(at: datetime) -> int:
    """Return Vienna's hours ahead of UTC by the rule of the European Union, not by any library."""
    begins, ends = (
        datetime(d.year, d.month, d.day, 1, tzinfo=UTC)
        for d in (last_sunday(at.year, 3), last_sunday(at.year, 10))
    )
    return 2 if begins <= at < ends else 1


CHANGES = [last_sunday(year, month) for year in range(2024, 2031) for month in (3, 10)]


@pytest.mark.parametrize("day", CHANGES, ids=str)
def test_h3_daily_jobs_run_once_a_day(day: date, bound: Bound) -> None:
    """Verdict (00:07), maintenance (03:17) and a job in the odd hour (02:30): once on each local day."""
    schedule = Schedule(SystemClock(), lambda name, error: None)

    async def nothing() -> None:
        return None

    wrong = 0
    for name, hour, minute in (("verdict", 0, 7), ("maintain", 3, 17), ("odd", 2, 30)):
        schedule.daily(hour, minute, "Europe/Vienna", nothing, name)
        trigger = schedule._scheduler.get_job(name).trigger
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2)
        end = at + timedelta(days=5)
        runs: list[datetime] = []
        previous = None
        while (run := trigger.get_next_fire_time(previous, at).astimezone(UTC)) < end:
            runs.append(run)
            previous, at = run, run + timedelta(seconds=1)
        local = [run + timedelta(hours=offset_h(run)) for run in runs]
        dates = [moment.date() for moment in local]
        assert len(set(dates)) >= 4, f"{name}: {[str(m) for m in local]}"
        wrong += sum((later - earlier).days != 1 for earlier, later in pairwise(dates))
        if name != "odd":  # which has no 02:30 in spring
            assert {(moment.hour, moment.minute) for moment in local} == {(hour, minute)}
    bound("H3", f"daily jobs around {day}: runs doubled or left out", 0, wrong, "runs")


class SteadyMeter:
    """Shows 1 kW of import, whoever asks."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock

    async def read(self) -> GridReading:
        now_s = float(self.clock.monotonic())
        return GridReading(now_s, 1000.0, phase_current_a=(4.3, 0.0, 0.0), fingerprint=repr(now_s).encode())

    async def close(self) -> None:
        return None


class SteadyCharger:
    """Charges with 1 kW and takes no order."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock

    async def read(self) -> ChargerStatus:
        now_s = float(self.clock.monotonic())
        return ChargerStatus(
            now_s,
            now_s,
            car=CarState.CHARGING,
            requested_a=6,
            force=Force.ON,
            phase_mode=PhaseMode.ONE,
            power_w=1000.0,
        )

    async def write(self, settings: Settings) -> WriteOutcome:
        return WriteOutcome(OutcomeKind.ACCEPTED)

    async def close(self) -> None:
        return None


LATER = [pytest.param(day, marks=pytest.mark.slow) for day in CHANGES[2:]]


@pytest.mark.parametrize("day", [*CHANGES[:2], *LATER], ids=str)
async def test_h3_energy_is_filed_under_the_local_date(tmp_path: Path, day: date) -> None:
    """Over a day of 23 or 25 hours the sums by day are those of the local dates, nothing lost or doubled."""
    clock = SimClock(datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=4))
    ledger = Ledger.open(tmp_path / "day.db", clock)
    strategy = Told()
    strategy.target = Charge(6, 1)
    loop = Loop(
        Devices(SteadyMeter(clock), SteadyCharger(clock)),
        strategy,
        Limits(),
        prices=Prices,
        ledger=ledger,
        clock=clock,
        notifier=Notifier(None),
        timezone="Europe/Vienna",
    )
    await loop.senses.poll_meter()
    await loop.senses.poll_charger()
    await loop.decide()
    hours: dict[str, float] = {}
    step_s = 120
    for _ in range(34 * 3600 // step_s):
        clock.advance(step_s)
        await loop.senses.poll_meter()
        await loop.senses.poll_charger()
        await loop.decide()
        key = (clock.wall() + timedelta(hours=offset_h(clock.wall()))).date().isoformat()
        hours[key] = hours.get(key, 0.0) + step_s / 3600
    ledger.close()
    with sqlite3.connect(tmp_path / "day.db") as db:
        stored = dict(db.execute("SELECT day, grid_wh + pv_wh FROM energy").fetchall())
    expected = 23 if day.month == 3 else 25
    assert hours[day.isoformat()] == pytest.approx(expected)
    assert stored == {key: pytest.approx(1000.0 * h, abs=1) for key, h in hours.items()}


def test_h3_the_zone_rule_used_here_is_the_right_one() -> None:
    """The oracle's rule and the system's zone data agree on every hour of these years."""
    zone, at = ZoneInfo("Europe/Vienna"), datetime(2024, 1, 1, tzinfo=UTC)
    while at.year < 2031:
        assert at.astimezone(zone).utcoffset() == timedelta(hours=offset_h(at))
        at += timedelta(hours=1)


# -- H12 -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_h12_a_process_that_slept(tmp_path: Path, bound: Bound) -> None:
    """Stopped for 6 s with ticks of 0.2 s (45 s with real ones): told, no raise on what was read before."""
    async with HostRig(tmp_path, strategy="timers", strategy_options=AT_ONCE) as rig:
        await rig.charging()
        await rig.settled()
        before, amp = len(rig.writes()), rig.box.amp
        assert rig.process is not None
        rig.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(2.0)
        rig.served.house.shade = 0.0  # the sun goes while nobody looks
        await asyncio.sleep(4.0)
        rig.process.send_signal(signal.SIGCONT)
        began = time.monotonic()
        await rig.until(lambda: rig.said("event=late_tick"), 10, "the gap is noticed")
        took_s = time.monotonic() - began
        await rig.until(lambda: rig.box.frc == 1, 20, "off for want of sun")
        assert not raised(rig.writes()[before:], amp)
    bound("H12", "after a sleep: the next decision says so", 0.2 + SLACK_S, took_s, "s")


async def test_h12_what_came_before_a_sleep_is_not_averaged(tmp_path: Path) -> None:
    """Half a minute of sun before the sleep says nothing about now: the mean begins anew."""
    rig = LoopRig(tmp_path, None)
    rig.plug()
    await rig.run(65)  # the last decision was 5 s ago, five readings of full sun since
    rig.house.shade = 0.0
    for _ in range(44):
        rig.clock.advance(1.0)
        rig.house.advance(rig.house.now_s + 1.0)
    rig.clock.advance(1.0)
    await rig.loop.senses.poll_meter()
    await rig.loop.senses.poll_charger()
    await rig.loop.decide()
    snap = rig.strategy.seen[-1]
    assert snap.interval_s > 40
    assert snap.base_import_w is not None
    assert snap.base_import_w > 0, "the sun of before the sleep is in the mean"
    rig.ledger.close()
