"""What the shell owns: learns every quarter of an hour, fetches when it is time, answers what to expect.

Theory of operation. Nothing learned is kept: at the start the outlook is built anew from the ledger's
readings and what the source said of their quarters, in a thread, and from then on grows by the quarter. So
a better model needs no migration, and a ledger that was moved aside costs two days. Kept are the sunlight
as told and the forecasts as given, without which neither gain nor skill can be known, and on disk the last
good answer. Everything that fails here leaves the controller alone: the outlook gets older, then simpler,
then empty.
"""

import asyncio
import logging
import random
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.clock import Clock
from controller.errors import (
    AmpilotError,
    ConfigError,
    ForecastBusy,
    ForecastError,
    ForecastRefused,
    LedgerError,
)
from controller.forecast import cache, past
from controller.forecast.answers import QUARTER_S, Answer, merged, quarters
from controller.forecast.outlook import Outlook, Source, learned
from controller.forecast.past import DAYS, Past
from controller.forecast.skill import Skill, skill
from controller.forecast.sources import kind_of, memory_name, open_source, place_of, planes_of
from controller.forecast.sun import sun_at
from controller.horizon import SurplusSlot
from controller.ledger.ledger import Ledger
from controller.settings.forecast import ForecastSettings
from controller.units import DAY_S

log = logging.getLogger(__name__)
SET_BACK_S = 3600.0
"""A clock that is set back by more was wrong: all is learned anew, up to now. For less is waited."""
LATE_S = 90.0
"""Readings are committed once a minute: a quarter is read this long after its end."""
FIRST_WAIT_S = (5.0, 60.0)
JITTER_S = 600.0
RETRY_S, RETRY_MOST_S, REFUSED_S = 300.0, 7200.0, 6 * 3600.0
DAYS_BACK, FIRST_DAYS_BACK = 2, 31
"""Of the past that is asked for: enough for an outage, and at first enough to learn from."""
ENOUGH_TOLD, ENOUGH_UNKNOWN = 3 * 96, 48
"""Far back is asked only while little is known with the source, and there are readings to learn it from."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the forecast stands on: for people."""

    source: str
    fetched_s: float | None
    until_s: float | None
    quarters: int
    told_quarters: int
    highest_w: float


class Forecaster:
    """The forecast of one house. Without a ledger to write to it only reads: for the command line."""

    def __init__(
        self,
        settings: ForecastSettings,
        timezone: str,
        ledger_path: Path,
        clock: Clock,
        *,
        ledger: Ledger | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._settings, self._clock, self._ledger = settings, clock, ledger
        self._zone, self._place = ZoneInfo(timezone), place_of(settings)
        self._past, self._name = Past(ledger_path), memory_name(settings)
        self._cache_path = ledger_path.with_name(ledger_path.name + ".forecast.json")
        self._source = open_source(settings) if ledger is not None else None
        self._rng = rng or random.Random()  # noqa: S311 - spreads requests, no secret
        self._outlook = self._empty()
        self._answer: Answer | None = None
        self._learned_to_s: int | None = None
        self._fetch_at_s: float | None = None
        self._failures, self._trouble = 0, ""
        self._busy = asyncio.Lock()

    # -- what is asked --------------------------------------------------------------------------

    def slots(self, begin_s: float, end_s: float) -> tuple[SurplusSlot, ...]:
        """Return the surplus to expect, UTC seconds, in quarters cut to the span; unknown is a gap."""
        return self._outlook.slots(begin_s, end_s, self._now_s())

    @property
    def outlook(self) -> Outlook:
        """Return what is learned, for a closer look."""
        return self._outlook

    def standing(self) -> Standing:
        """Return what the forecast stands on."""
        answer = self._answer
        return Standing(
            self._settings.source if self._place is not None else "none",
            answer.fetched_s if answer else None,
            answer.steps[-1].end_s if answer else None,
            self._outlook.quarters,
            self._outlook.told_quarters,
            self._outlook.highest_w,
        )

    def skill(self, days: int = 30, *, day: bool = False) -> list[Skill]:
        """Return how good the forecasts of the last days were. Raises LedgerError."""
        now_s = int(self._now_s())
        came_w = dict(self._past.surplus(now_s - (days + 2) * DAY_S, now_s))
        return skill(self._past.issued(now_s - days * DAY_S), came_w, day=day)

    # -- what is done ---------------------------------------------------------------------------

    def start(self) -> None:
        """Learn the whole past and load the last good answer; takes a second or two. Raises LedgerError."""
        now_s = self._now_s()
        end_s = int((now_s - LATE_S) // QUARTER_S) * QUARTER_S
        from_s = end_s - DAYS * DAY_S
        outlook = self._empty()
        outlook.highest_w = self._past.highest_w()
        told = self._past.sunlight(self._name, from_s)
        learned(outlook, self._past.surplus(from_s, end_s), told, self._past.issued(from_s))
        kept = cache.load(self._cache_path)
        if kept is not None and kept.source == self._settings.source and kept.kind == kind_of(self._settings):
            self._answer = kept
        self._outlook, self._learned_to_s = outlook, end_s
        self._show_answer()

    async def tick(self) -> None:
        """Learn the quarters that are over and put forecasts on record; call every minute or so."""
        async with self._busy:
            try:
                await self._catch_up()
            except LedgerError as error:  # the ledger has said so itself
                log.warning("event=forecast_ledger reason=%s", error)

    async def fetch_if_due(self) -> None:
        """Ask the source when it is time; call every half minute or so. Only a bug raises."""
        if self._source is None or self._learned_to_s is None:
            return
        now_mono_s, now_s = self._clock.monotonic(), self._now_s()
        if self._fetch_at_s is None:
            age_s = now_s - self._answer.fetched_s if self._answer is not None else None
            wait_s = self._rng.uniform(*FIRST_WAIT_S)
            if age_s is not None and 0 <= age_s < self._source.pause_s:
                wait_s += self._source.pause_s - age_s
            self._fetch_at_s = now_mono_s + wait_s
        if now_mono_s < self._fetch_at_s:
            return
        self._fetch_at_s = now_mono_s + RETRY_MOST_S  # whatever happens, not at once again
        unknown = self._outlook.quarters - self._outlook.told_quarters
        first = self._outlook.told_quarters < ENOUGH_TOLD and unknown > ENOUGH_UNKNOWN
        try:
            answer = await self._source.fetch(now_s, FIRST_DAYS_BACK if first else DAYS_BACK)
        except (ForecastError, ConfigError) as error:
            self._fetch_at_s = now_mono_s + self._wait_after(error, now_s)
            self._say_trouble(error)
            return
        await self._take(answer, relearn=first)
        self._failures = 0
        self._fetch_at_s = now_mono_s + self._wait_s(now_s)
        if self._trouble:
            self._trouble = ""
            self._event("info", f"{self._source.name} gives forecasts again")

    async def close(self) -> None:
        """Drop the connections of the source."""
        if self._source is not None:
            await self._source.close()

    # -- inside ---------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        end_s = int((self._now_s() - LATE_S) // QUARTER_S) * QUARTER_S
        if self._learned_to_s is None or end_s < self._learned_to_s - SET_BACK_S:
            await asyncio.to_thread(self.start)
            self._record()
            return
        if end_s <= self._learned_to_s:
            return
        begin_s = max(self._learned_to_s, end_s - DAYS * DAY_S)
        highest_w = self._outlook.highest_w
        rows = await asyncio.to_thread(self._past.surplus, begin_s, end_s)
        issued = await asyncio.to_thread(self._past.issued, begin_s)
        self._keep_told(begin_s, end_s)
        light = self._light()
        came_w = dict(rows)
        for quarter_s, surplus_w in rows:
            self._outlook.learn(quarter_s, surplus_w, light.get(quarter_s))
        for row in issued:
            if row.begin_s in came_w:
                self._outlook.settle(row, came_w[row.begin_s])
        self._learned_to_s = end_s
        self._record()
        if self._ledger is not None and self._outlook.highest_w > highest_w:
            past.keep_highest(self._ledger, self._outlook.highest_w)

    def _now_s(self) -> float:
        return self._clock.wall().timestamp()

    def _empty(self) -> Outlook:
        peak_kw = sum(plane.peak_kw for plane in planes_of(self._settings))
        return Outlook(self._zone, self._place, kind_of(self._settings), peak_kw)

    def _light(self) -> dict[int, float]:
        source = self._outlook.source
        return {} if source is None else {begin: light.value for begin, light in source.light.items()}

    def _show_answer(self) -> None:
        if self._answer is not None and self._place is not None:
            light = quarters(self._answer, self._place)
            self._outlook.source = Source(
                self._answer.source, self._answer.kind, self._answer.fetched_s, light
            )

    async def _take(self, answer: Answer, *, relearn: bool) -> None:
        """Keep a good answer, on disk too; where it tells much of the past, learn that anew."""
        async with self._busy:
            kept = merged(self._answer, answer)
            self._answer = kept
            self._show_answer()
            await asyncio.to_thread(cache.save, self._cache_path, kept)
            now_s = int(self._now_s())
            known = self._keep_told(now_s - FIRST_DAYS_BACK * DAY_S, now_s // QUARTER_S * QUARTER_S)
            if relearn and known > self._outlook.told_quarters:
                await asyncio.to_thread(self.start)
                self._answer = kept
                self._show_answer()

    def _keep_told(self, begin_s: int, end_s: int) -> int:
        told = [(b, value) for b, value in self._light().items() if begin_s <= b < end_s]
        if self._ledger is not None and told:
            past.keep_sunlight(self._ledger, self._name, told)
        return len(told)

    def _record(self) -> None:
        """Put on record what is expected now, at the begin of this quarter."""
        if self._ledger is None:
            return
        now_s = int(self._now_s())
        past.keep_issued(self._ledger, self._outlook.issued(now_s // QUARTER_S * QUARTER_S))
        if now_s % DAY_S < QUARTER_S:
            past.forget(self._ledger, now_s)

    def _wait_s(self, now_s: float) -> float:
        """Return the pause after a success: longer in the dark, never the same for two houses."""
        assert self._source is not None
        dark = self._place is not None and sun_at(self._place, now_s).up < 0
        return self._source.pause_s * (2.0 if dark else 1.0) + self._rng.uniform(0.0, JITTER_S)

    def _wait_after(self, error: AmpilotError, now_s: float) -> float:
        """Return the pause after a failure."""
        self._failures += 1
        jitter_s = self._rng.uniform(0.0, 60.0)
        if isinstance(error, ForecastBusy) and error.retry_at_s is not None:
            return max(error.retry_at_s - now_s, RETRY_S) + jitter_s
        if isinstance(error, ForecastRefused | ConfigError):
            return REFUSED_S + jitter_s
        return min(RETRY_S * 2.0 ** min(self._failures - 1, 10), RETRY_MOST_S) + jitter_s

    def _say_trouble(self, error: AmpilotError) -> None:
        """Say it once, and again only if it is another trouble."""
        assert self._source is not None
        text = f"no forecast from {self._source.name}: {error}"
        if self._answer is not None:
            text += f"; the last one is {ceil((self._now_s() - self._answer.fetched_s) / 3600)} h old"
        log.info("event=forecast_failed source=%s reason=%s", self._source.name, error)
        if type(error).__name__ != self._trouble:
            self._trouble = type(error).__name__
            self._event("warning", text)

    def _event(self, severity: str, text: str) -> None:
        if self._ledger is not None:
            self._ledger.record_event("forecast", severity, text)
