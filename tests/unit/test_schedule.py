"""Clock steps neither stop nor flood the jobs; errors and overlaps do not end them."""

import asyncio
import resource
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine

from controller.clock import SystemClock
from controller.schedule import FromNow, Schedule


async def until(condition: Callable[[], bool], seconds: float = 3.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("did not happen in time")


class Count:
    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self) -> None:
        self.runs += 1


@pytest.mark.parametrize("step_s", [-3600, 30 * 86_400, 5 * 365 * 86_400], ids=["-1h", "+30d", "+5y"])
async def test_a_clock_step_neither_stops_nor_floods(step_s: int) -> None:
    """After the wall clock stepped, runs go on at their pace: no silence, no catching up, no memory."""
    errors: list[str] = []
    schedule = Schedule(SystemClock(), lambda name, error: errors.append(name))
    count = Count()
    schedule.every(lambda: 0.1, count, "tick")
    schedule.start()
    await until(lambda: count.runs >= 3)
    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    target = datetime.now(UTC).timestamp() + step_s
    before = count.runs
    with time_machine.travel(target, tick=True):
        await asyncio.sleep(1.6)  # the guard looks twice a second
        during = count.runs - before
    assert 5 <= during <= 20
    await asyncio.sleep(1.0)
    assert count.runs - before - during <= 15
    await schedule.stop()
    assert not errors
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 20_000


async def test_an_error_is_told_and_the_job_goes_on() -> None:
    """A job that raises is reported each time and runs again."""
    errors: list[str] = []
    schedule = Schedule(SystemClock(), lambda name, error: errors.append(f"{name} {error}"))

    async def bad() -> None:
        raise RuntimeError("boom")

    schedule.every(lambda: 0.05, bad, "bad")
    schedule.start()
    await until(lambda: len(errors) >= 3)
    await schedule.stop()
    assert errors[0] == "bad boom"


async def test_a_slow_job_never_overlaps_itself() -> None:
    """While one run lasts no second one begins."""
    inside, most = 0, 0

    async def slow() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.2)
        inside -= 1

    schedule = Schedule(SystemClock(), lambda name, error: None)
    schedule.every(lambda: 0.05, slow, "slow")
    schedule.start()
    await asyncio.sleep(0.7)
    await schedule.stop()
    assert most == 1


def test_the_next_run_is_counted_from_now() -> None:
    """The trigger keeps the beat, and after a gap names one run, not the missed ones."""
    trigger = FromNow(lambda: 10.0)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert (trigger.get_next_fire_time(start, start) - start).total_seconds() == 10
    later = datetime(2031, 1, 1, tzinfo=UTC)
    assert (trigger.get_next_fire_time(start, later) - later).total_seconds() == 10
    earlier = datetime(2025, 1, 1, tzinfo=UTC)
    assert (trigger.get_next_fire_time(start, earlier) - earlier).total_seconds() == 10


async def test_daily_jobs_follow_local_time() -> None:
    """A daily job is planned at its local hour on both sides of a change of the clocks."""
    schedule = Schedule(SystemClock(), lambda name, error: None)
    schedule.daily(3, 17, "Europe/Vienna", Count(), "night")
    job = schedule._scheduler.get_job("night")
    for day, hour_utc in (
        (datetime(2026, 3, 27, 12, tzinfo=UTC), 2),
        (datetime(2026, 3, 30, 12, tzinfo=UTC), 1),
    ):
        run = job.trigger.get_next_fire_time(None, day).astimezone(UTC)
        assert (run.hour, run.minute) == (hour_utc, 17)


async def test_a_job_can_run_once_after_a_while() -> None:
    """It waits, runs, and never again; a step of the clock meanwhile begins the wait anew."""
    schedule = Schedule(SystemClock(), lambda name, error: None)
    count, stepped = Count(), Count()
    schedule.once(0.3, count, "once")
    schedule.once(1.5, stepped, "stepped")
    schedule.start()
    await asyncio.sleep(0.1)
    assert count.runs == 0
    await until(lambda: count.runs == 1)
    with time_machine.travel(datetime.now(UTC).timestamp() + 86_400, tick=True):
        await asyncio.sleep(0.9)
        assert stepped.runs == 0
        await until(lambda: stepped.runs == 1)
        await asyncio.sleep(0.5)
    await schedule.stop()
    assert (count.runs, stepped.runs) == (1, 1)


async def test_jitter_delays_and_never_hastens() -> None:
    """Planned for 00:07 local time with 20 min of jitter, a job runs from then on, not always at once."""
    schedule = Schedule(SystemClock(), lambda name, error: None)
    schedule.daily(0, 7, "Europe/Berlin", Count(), "night", jitter_s=1200)
    trigger = schedule._scheduler.get_job("night").trigger
    noon, planned = datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 1, 22, 7, tzinfo=UTC)
    delays_s = [(trigger.get_next_fire_time(None, noon) - planned).total_seconds() for _ in range(50)]
    assert 0 <= min(delays_s) <= max(delays_s) <= 1200
    assert max(delays_s) - min(delays_s) > 60


async def test_a_stop_in_the_middle_of_a_job_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """A job that waits for an answer when the end comes is ended, and the log shows no traceback."""
    errors: list[str] = []
    schedule = Schedule(SystemClock(), lambda name, error: errors.append(name))
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    schedule.every(lambda: 0.1, hang, "read")
    schedule.start()
    await asyncio.wait_for(begun.wait(), 5)
    await schedule.stop()
    await asyncio.wait_for(ended.wait(), 5)
    await asyncio.sleep(0)
    assert errors == []
    assert [record.message for record in caplog.records] == []
