"""Two clocks: monotonic seconds for every age and duration, aware UTC for calendars and display."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from controller.units import MonoSeconds


class Clock(Protocol):
    """What the shell knows of time. The core knows none: it gets `now_s` as an argument."""

    def monotonic(self) -> MonoSeconds:
        """Return seconds that never step."""
        ...

    def wall(self) -> datetime:
        """Return the aware UTC time, which may step."""
        ...

    def boot(self) -> str:
        """Return what names the life of the monotonic clock: a restart of the machine begins another."""
        ...


class SystemClock:
    """The machine's clocks."""

    def boot(self) -> str:
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            return uuid.uuid4().hex  # not known: nothing of before is comparable

    def monotonic(self) -> MonoSeconds:
        return MonoSeconds(time.monotonic())

    def wall(self) -> datetime:
        return datetime.now(UTC)


class SimClock:
    """A clock that is moved by hand: both faces advance together unless `step_wall` is called."""

    def __init__(self, start: datetime, monotonic_s: float = 1000.0) -> None:
        self._wall = start.astimezone(UTC)
        self._mono_s = monotonic_s
        self._boot = uuid.uuid4().hex

    def boot(self) -> str:
        return self._boot

    def monotonic(self) -> MonoSeconds:
        return MonoSeconds(self._mono_s)

    def wall(self) -> datetime:
        return self._wall

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds` (never backward)."""
        if seconds < 0:
            raise ValueError("a monotonic clock does not go back")
        self._mono_s += seconds
        self._wall += timedelta(seconds=seconds)

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP does."""
        self._wall += timedelta(seconds=seconds)
