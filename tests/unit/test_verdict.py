"""The nightly verdict: a real process reads a real ledger, and the controller goes on meanwhile."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.clock import SimClock, SystemClock
from controller.daemon import _judge_days
from controller.days.verdict import NightlyVerdict
from controller.explain import explain
from controller.ledger.ledger import Ledger
from controller.ledger.report import LastDecision, Report
from controller.ledger.verdict_store import Verdict, VerdictStore
from controller.load_settings import load_settings
from controller.schedule import Schedule
from tests.faults.rig import Rig
from tests.unit.recordings import BERLIN_DAY, BERLIN_MIDNIGHT, config_for, fill

NEXT_NIGHT = BERLIN_MIDNIGHT + timedelta(hours=24, minutes=9)


def children() -> list[str]:
    """Return the processes this one has started and that still are."""
    return [pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The open ledger of a controller, nine minutes after a clear day in Berlin."""
    opened = Ledger.open(fill(tmp_path / "l.db"), SimClock(NEXT_NIGHT))
    yield opened
    opened.close()


def nightly(ledger: Ledger, strategy: str = "off") -> NightlyVerdict:
    return NightlyVerdict(config_for(ledger.path, strategy), ledger, SimClock(NEXT_NIGHT), "Europe/Berlin")


async def test_yesterday_is_judged_once_and_the_ticks_go_on(ledger: Ledger) -> None:
    """Off against timers on 12 h of 3 kW: lost, in the ledger as event and row, without a tick held up."""
    judge, ticks, late_s = nightly(ledger), 0, 0.0
    running = asyncio.get_running_loop()

    async def tick() -> None:
        nonlocal ticks, late_s
        while True:
            due = running.time() + 0.02
            await asyncio.sleep(0.02)
            ticks, late_s = ticks + 1, max(late_s, running.time() - due)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(judge.judge_yesterday(), judge.judge_yesterday())
    ticking.cancel()
    assert ticks > 20
    assert late_s < 1.0
    day, text = Report(ledger.path).last_verdict() or ("", "")
    assert day == BERLIN_DAY
    assert text.startswith("would have lost 4.2")  # 12 ct for each of 35.9 kWh, less a start
    assert text.endswith("EUR against simple timers (no car came; replay with one for 24 h)")
    await judge.judge_yesterday()
    assert [said for _, _, said in Report(ledger.path).events()] == [f"yesterday: {text}"]


async def test_a_day_without_readings_has_no_verdict(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """The day before the first recorded one: nothing is claimed, nothing is wrong."""
    caplog.set_level(logging.INFO)
    clock = SimClock(BERLIN_MIDNIGHT + timedelta(minutes=9))
    judge = NightlyVerdict(config_for(ledger.path), ledger, clock, "Europe/Berlin")
    await judge.judge_yesterday()
    assert Report(ledger.path).last_verdict() is None
    assert [record.message for record in caplog.records] == [
        "event=verdict day=2026-05-04 nothing was recorded"
    ]


async def test_a_replay_that_hangs_or_is_interrupted_leaves_no_process(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Past its time, or when the controller stops, it is killed, and nothing is claimed.

    It hangs for real: its config is a pipe nobody writes to.
    """
    pipe = ledger.path.with_name("pipe.toml")
    os.mkfifo(pipe)
    clock = SimClock(NEXT_NIGHT)
    before = set(children())  # another test's helper process may still be there
    await NightlyVerdict(pipe, ledger, clock, "Europe/Berlin", longest_s=1.0).judge_yesterday()
    assert set(children()) <= before
    assert "took more than 1 s" in caplog.text
    task = asyncio.create_task(NightlyVerdict(pipe, ledger, clock, "Europe/Berlin").judge_yesterday())
    for _ in range(500):
        await asyncio.sleep(0.01)
        if begun := set(children()) - before:
            break
    assert begun
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert set(children()) <= before
    assert Report(ledger.path).last_verdict() is None


async def test_a_replay_that_fails_says_why_and_can_be_tried_again(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """A strategy that is not installed: its message is in the log; mended, the verdict comes."""
    judge = nightly(ledger, "genius")
    await judge.judge_yesterday()
    assert "'genius' is not installed" in caplog.text
    config_for(ledger.path, "timers")
    await judge.judge_yesterday()
    assert (Report(ledger.path).last_verdict() or "")[1].startswith(
        "would have been as good as simple timers"
    )


async def test_it_is_asked_after_midnight_and_five_minutes_after_a_start(ledger: Ledger) -> None:
    """Two jobs of the controller: between 00:07 and 00:27 in Berlin, and once, 300 s from now."""
    schedule = Schedule(SystemClock(), lambda name, error: None)
    settings = load_settings(config_for(ledger.path))
    _judge_days(schedule, nightly(ledger), settings)
    schedule.start()
    begun = datetime.now(UTC)
    jobs = {job.id: job.next_run_time for job in schedule._scheduler.get_jobs()}
    await schedule.stop()
    at_night = jobs["verdict"].astimezone(ZoneInfo("Europe/Berlin"))
    assert (
        timedelta(minutes=7)
        <= timedelta(hours=at_night.hour, minutes=at_night.minute)
        < timedelta(minutes=28)
    )
    assert (jobs["verdict-late"] - begun).total_seconds() == pytest.approx(300, abs=5)


def test_explain_ends_with_the_verdict() -> None:
    """The sentence names the day, since "yesterday" gets old."""
    decision = LastDecision(0, "off", "off: night", "hold", "night", "nothing", {"car_connected": False})
    now = datetime(1970, 1, 1, tzinfo=UTC)
    verdict = ("2026-05-05", "saved 1.10 EUR against simple timers")
    said = explain(decision, [], now, verdict)
    assert said[-1] == "On 2026-05-05 it saved 1.10 EUR against simple timers."
    assert said[:-1] == explain(decision, [], now)


async def test_the_running_controller_describes_its_site(tmp_path: Path) -> None:
    """The real process leaves zone, prices and strategy in its ledger, so that the file can be replayed."""
    async with Rig(tmp_path) as rig:
        for _ in range(300):
            with contextlib.suppress(Exception):
                if site := Report(rig.ledger).state("site"):
                    break
            await asyncio.sleep(0.05)
        assert (site["timezone"], site["strategy"]) == ("Europe/Berlin", "surplus")
        assert (site["prices"]["import_ct_per_kwh"], site["prices"]["start_ct"]) == (32.0, 0.04)


def test_a_verdict_replaces_that_of_the_same_day(tmp_path: Path) -> None:
    """One row a day, the newest."""
    ledger = Ledger.open(tmp_path / "l.db", SimClock(NEXT_NIGHT))
    for text in ("saved 1.00 EUR", "lost 2.00 EUR"):
        VerdictStore(ledger).record(Verdict(BERLIN_DAY, "surplus", 100.0, 24.0, 1.0, 0, text))
    ledger.close()
    assert Report(tmp_path / "l.db").last_verdict() == (BERLIN_DAY, "lost 2.00 EUR")
