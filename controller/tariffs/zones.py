"""Prices by the clock on the wall: windows of months, days and hours in local time. Pure.

Every instant has one local time, so every instant has exactly one price, also in the hour that exists twice
or not at all. Windows that come later in the list win.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

QUARTER_S = 900
HOLIDAY = 7
"""The eighth kind of day. Monday is 0; a public holiday is none of Monday to Friday, whatever its name."""


@dataclass(frozen=True, slots=True)
class Window:
    """A price, and when it holds: quarters of the day from `begin` (0..95) to `end` (1..96).

    Hours that cross midnight (`end` not after `begin`) belong to the day and month in which they begin.
    """

    ct_per_kwh: float
    months: frozenset[int]
    days: frozenset[int]
    hours: tuple[tuple[int, int], ...]


class Zones:
    """A price for every instant: that of the last window that matches, else `outside_ct`."""

    def __init__(
        self,
        windows: Sequence[Window],
        outside_ct: float,
        zone: ZoneInfo,
        is_holiday: Callable[[date], bool],
    ) -> None:
        self._windows, self._outside_ct = tuple(windows), outside_ct
        self._zone, self._is_holiday = zone, is_holiday

    def at(self, at_s: float) -> float:
        """Return the price that holds at an instant, in ct/kWh."""
        local = datetime.fromtimestamp(at_s, self._zone)
        quarter, today = (local.hour * 60 + local.minute) // 15, local.date()
        for window in reversed(self._windows):
            if self._holds(window, today, quarter):
                return window.ct_per_kwh
        return self._outside_ct

    def borders(self, begin_s: float, end_s: float) -> list[float]:
        """Return the instants inside a span at which the price changes."""
        if not self._windows:
            return []
        found, before = [], self.at(begin_s)
        at_s = (begin_s // QUARTER_S + 1) * QUARTER_S
        while at_s < end_s:
            now = self.at(at_s)
            if now != before:
                found.append(at_s)
            before = now
            at_s += QUARTER_S
        return found

    def _holds(self, window: Window, today: date, quarter: int) -> bool:
        for begin, end in window.hours:
            if begin < end:
                if begin <= quarter < end and self._on(window, today):
                    return True
                continue
            begun = today if quarter >= begin else today - timedelta(days=1)
            if (quarter >= begin or quarter < end) and self._on(window, begun):
                return True
        return False

    def _on(self, window: Window, day: date) -> bool:
        if day.month not in window.months:
            return False
        if self._is_holiday(day):
            return HOLIDAY in window.days or (day.weekday() >= 5 and day.weekday() in window.days)
        return day.weekday() in window.days
