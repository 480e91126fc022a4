"""APScheduler behind a trigger that no clock step can stop or flood.

Its own interval trigger lives on the wall clock: a step back of an hour silences it for an hour, a step ahead
of years makes it list every missed run. Ours computes the next run from *now*, and a guard compares wall and
monotonic clock twice a second and re-arms every job when they drift apart.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from controller.clock import Clock

GUARD_S = 0.5
DRIFT_S = 2.0

Work = Callable[[], Awaitable[None]]
log = logging.getLogger(__name__)


class FromNow(BaseTrigger):  # type: ignore[misc]
    """Fires a while after now; `interval_s` is asked anew each time."""

    def __init__(self, interval_s: Callable[[], float]) -> None:
        self._interval_s = interval_s

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return the next run in wall time, counted from now and never listing missed ones."""
        wait = timedelta(seconds=self._interval_s())
        if previous is not None and previous <= now < previous + wait:
            return previous + wait  # keeps the beat while the clock runs evenly
        return now + wait


class OnceFromNow(BaseTrigger):  # type: ignore[misc]
    """Fires once, a while after now; a clock step begins the wait anew."""

    def __init__(self, delay_s: float) -> None:
        self._delay = timedelta(seconds=delay_s)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the only run, None after it."""
        return now + self._delay if previous is None else None


class Daily(BaseTrigger):  # type: ignore[misc]
    """Fires once on each local date, up to `jitter_s` later.

    APScheduler's own cron trigger leaves out the day after the hours change in spring and runs twice in the
    hour that autumn repeats. Here the moment of each date is computed by itself, as UTC: a time that a date
    does not have is the one an hour later, of two the first.
    """

    def __init__(self, hour: int, minute: int, zone: ZoneInfo, jitter_s: int) -> None:
        self._time, self._zone, self._jitter_s = time(hour, minute), zone, jitter_s

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return the next run after now, on a later date than the previous one."""
        day = now.astimezone(self._zone).date() - timedelta(days=1)
        while not self._after(day, previous, now):
            day += timedelta(days=1)
        return self._moment(day) + timedelta(seconds=random.uniform(0, self._jitter_s))  # noqa: S311

    def _after(self, day: date, previous: datetime | None, now: datetime) -> bool:
        done = previous is not None and previous <= now and day <= previous.astimezone(self._zone).date()
        return not done and self._moment(day) > now

    def _moment(self, day: date) -> datetime:
        return datetime.combine(day, self._time, self._zone).astimezone(UTC)


class Schedule:
    """The jobs of one controller. Runs of a job never overlap; an error in one goes to `on_error`."""

    def __init__(self, clock: Clock, on_error: Callable[[str, Exception], None]) -> None:
        self._clock, self._on_error = clock, on_error
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._ticks: dict[str, FromNow] = {}
        self._guard: asyncio.Task[None] | None = None
        self._busy: set[str] = set()
        self.skipped = 0
        self.on_step: Callable[[float], None] = lambda by_s: None

    def every(self, interval_s: Callable[[], float], work: Work, name: str) -> None:
        """Run `work` again and again, the first time at once."""
        trigger = FromNow(interval_s)
        self._ticks[name] = trigger
        self._scheduler.add_job(self._run, trigger, (name, work), id=name, next_run_time=datetime.now(UTC))

    def once(self, delay_s: float, work: Work, name: str) -> None:
        """Run `work` a single time, a while after the start."""
        self._scheduler.add_job(self._run, OnceFromNow(delay_s), (name, work), id=name)

    def daily(
        self, hour: int, minute: int, timezone: str, work: Work, name: str, *, jitter_s: int = 0
    ) -> None:
        """Run `work` once a local day, up to `jitter_s` later; one missed by a clock step is made up for."""
        trigger = Daily(hour, minute, ZoneInfo(timezone), jitter_s)
        self._scheduler.add_job(self._run, trigger, (name, work), id=name)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler.start()
        self._guard = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End all jobs and wait for the guard."""
        if self._guard is not None:
            self._guard.cancel()
            await asyncio.gather(self._guard, return_exceptions=True)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)

    async def _run(self, name: str, work: Work) -> None:
        if name in self._busy:
            self.skipped += 1
            return
        self._busy.add(name)
        try:
            await work()
        except asyncio.CancelledError:
            return  # the end of this task is all that was asked for; APScheduler would log it as an error
        except Exception as error:
            self._on_error(name, error)
        finally:
            self._busy.discard(name)

    async def _watch(self) -> None:
        """Re-arm every job when the wall clock steps against the monotonic one."""
        offset_s = self._offset_s()
        while True:
            await asyncio.sleep(GUARD_S)
            now_offset_s = self._offset_s()
            if abs(now_offset_s - offset_s) > DRIFT_S:
                log.warning("event=clock_step by=%.0fs", now_offset_s - offset_s)
                self._rearm()
                self.on_step(now_offset_s - offset_s)
            offset_s = now_offset_s

    def _rearm(self) -> None:
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            trigger: Any = job.trigger
            # A daily job that a step ahead has passed over is made up for, once; one that waits begins anew.
            missed = isinstance(trigger, Daily) and job.next_run_time <= now
            at_once = missed or job.id in self._ticks
            job.modify(next_run_time=now if at_once else trigger.get_next_fire_time(None, now))

    def _offset_s(self) -> float:
        return self._clock.wall().timestamp() - self._clock.monotonic()
