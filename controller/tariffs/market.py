"""The market price of one place: a first source, and a second one that stands in and is compared with."""

import logging
from datetime import datetime, time, timedelta

from controller.clock import Clock
from controller.tariffs.feed import Feed, Note
from controller.tariffs.quotes import Quote, mean_price, merged

log = logging.getLogger(__name__)
PATIENCE = 2
"""Failures in a row of the first source before the second one is asked."""

LATE_S = 5400.0
"""So long after publication the second source is asked for a tomorrow the first does not have."""

ALIKE_CT = 0.5
ALIKE_SHARE = 0.05
"""Means of a day further apart than both are no rounding: one of the sources is wrong, or another zone."""

ENOUGH = 0.8
"""Share of a day both must know for their means to be compared."""


class Market:
    """Quotes of the first source, and of the second where the first has none."""

    def __init__(self, primary: Feed, secondary: Feed | None, clock: Clock, note: Note) -> None:
        self.primary, self.secondary = primary, secondary
        self._clock, self._note = clock, note
        self._merged: tuple[tuple[Quote, ...], tuple[Quote, ...], tuple[Quote, ...]] = ((), (), ())

    @property
    def feeds(self) -> list[Feed]:
        """Return its sources, the first one first."""
        return [self.primary] if self.secondary is None else [self.primary, self.secondary]

    def quotes(self) -> tuple[Quote, ...]:
        """Return the best of both, in order of time."""
        if self.secondary is None:
            return self.primary.quotes
        first, second = self.primary.quotes, self.secondary.quotes
        if self._merged[0] is not first or self._merged[1] is not second:
            self._merged = (first, second, merged(second, first, 0.0))
        return self._merged[2]

    async def step(self) -> None:
        """Ask whom it is time to ask, and compare tomorrow's mean once."""
        await self.primary.step()
        if self.secondary is None:
            return
        now_s = self._clock.wall().timestamp()
        if self._first_fails(now_s) or self._to_compare(now_s):
            await self.secondary.step()
            await self._compare(now_s)

    def _first_fails(self, now_s: float) -> bool:
        if self.primary.failures >= PATIENCE:
            return True
        rhythm = self.primary.rhythm
        if rhythm.published is None or self.primary.has_tomorrow(now_s):
            return False
        today = datetime.fromtimestamp(now_s, rhythm.zone).date()
        return now_s > datetime.combine(today, rhythm.published, rhythm.zone).timestamp() + LATE_S

    def _tomorrow(self, now_s: float) -> tuple[str, float, float]:
        zone = self.primary.rhythm.zone
        day = datetime.fromtimestamp(now_s, zone).date() + timedelta(days=1)
        begin = datetime.combine(day, time(), zone)
        end = datetime.combine(day + timedelta(days=1), time(), zone)
        return day.isoformat(), begin.timestamp(), end.timestamp()

    def _to_compare(self, now_s: float) -> bool:
        day = self._tomorrow(now_s)[0]
        return self.primary.has_tomorrow(now_s) and self.primary.stored.notes.get("compared") != day

    async def _compare(self, now_s: float) -> None:
        """Compare the means of tomorrow, once for each day; the first source stays the one that counts."""
        if self.secondary is None or not self._to_compare(now_s):
            return
        day, begin_s, end_s = self._tomorrow(now_s)
        (ours, ours_s), (theirs, theirs_s) = (mean_price(feed.quotes, begin_s, end_s) for feed in self.feeds)
        if min(ours_s, theirs_s) < ENOUGH * (end_s - begin_s):
            return
        await self.primary.remember("compared", day)
        names = f"{self.primary.name} {ours:.2f}, {self.secondary.name} {theirs:.2f} ct/kWh"
        if abs(ours - theirs) > max(ALIKE_CT, ALIKE_SHARE * abs(ours)):
            log.warning("event=prices_differ day=%s %s", day, names)
            self._note("tariff", "warning", f"the means of {day} differ: {names}; the first one counts")
        else:
            log.info("event=prices_agree day=%s %s", day, names)
