"""One source with its memory: asked when there is need, merged into what is known, kept on disk."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from controller.clock import Clock
from controller.errors import TariffBusy, TariffError, TariffImplausible, TariffRefused
from controller.logging_setup import Faults
from controller.tariffs.pace import MOST_PAUSE_S, Rhythm, Tries, due_s, tomorrow_until_s
from controller.tariffs.quotes import Quote, known_until_s, merged
from controller.tariffs.store import PriceFile, Stored
from controller.tariffs.web import Source, day_after

log = logging.getLogger(__name__)
KEEP_DAYS = 9
"""Past days that are kept: the estimate looks for a day of the same kind in them."""

Note = Callable[[str, str, str], None]
"""Writes an event: kind, severity, text."""


class Feed:
    """A source, its file, and when it is asked. `Feed.quotes` are in order of time."""

    def __init__(
        self, source: Source, file: PriceFile, rhythm: Rhythm, clock: Clock, note: Note, rng: random.Random
    ) -> None:
        self.source, self.rhythm = source, rhythm
        self._file, self._clock, self._note, self._rng = file, clock, note, rng
        self.stored: Stored = file.load()
        if file.complaint:
            log.warning("event=price_file %s", file.complaint)
            note("tariff", "warning", file.complaint)
        self._faults = Faults(log, clock.monotonic)
        self._tries = Tries(last_s=self.stored.tried_s, draw=rng.random(), day_draw=rng.random())
        if self.stored.failure:  # a restart may be the cure: asked again soon, but never in a pause
            self._tries = replace(self._tries, failures=1, not_before_s=self.stored.not_before_s)
        self._busy = False

    @property
    def name(self) -> str:
        """Return what the source is called."""
        return self.source.name

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """Return all that is known."""
        return self.stored.quotes

    @property
    def failures(self) -> int:
        """Return how many tries in a row failed."""
        return self._tries.failures

    def until_s(self, now_s: float) -> float:
        """Return until when prices are known without a gap."""
        return known_until_s(self.quotes, now_s)

    def has_tomorrow(self, now_s: float) -> bool:
        """Return whether the next day is published and known."""
        return self.until_s(now_s) >= tomorrow_until_s(now_s, self.rhythm.zone)

    def next_s(self, now_s: float) -> float:
        """Return when the source is asked next, in UTC s; not after `now_s` if it is due."""
        return due_s(now_s, self._tries, self.until_s(now_s), self.rhythm)

    async def step(self) -> None:
        """Ask the source if it is time to. What fails is noted; what is known stays."""
        now_s = self._now_s()
        if not self._busy and now_s >= self.next_s(now_s):
            await self.ask()

    async def ask(self) -> bool:
        """Ask the source now; return whether it answered well."""
        self._busy = True
        try:
            haul = await self.source.fetch(self._begin_s(), self._now_s())
        except TariffError as error:
            self._failed(error)
            await self._keep(())
            return False
        except Exception as error:
            # A mistake of ours: it counts as a failure, or the source would be asked again without a pause.
            log.exception("event=bug source=%s", self.name)
            self._failed(TariffImplausible(f"its answer met a mistake of ampilot ({type(error).__name__})"))
            await self._keep(())
            return False
        finally:
            self._busy = False
        now_s = self._now_s()
        keep_from_s = day_after(now_s, self.rhythm.zone, -KEEP_DAYS).timestamp()
        quotes = merged(self.stored.quotes, haul.quotes, keep_from_s)
        self._tries = Tries(now_s, draw=self._rng.random(), day_draw=self._tries.day_draw)
        self.stored = replace(self.stored, quotes=quotes, fetched_s=now_s, tried_s=now_s, failure="")
        await self._keep(haul.raw)
        lasted_s = self._faults.over("tariff")
        if lasted_s is not None:
            self._note("tariff", "info", f"{self.name} answers again after {lasted_s / 60:.0f} min")
        log.info(
            "event=prices source=%s quotes=%d known_until=%s",
            self.name,
            len(haul.quotes),
            self._known() or "now",
        )
        return True

    async def close(self) -> None:
        """Drop the connection."""
        await self.source.close()

    async def remember(self, key: str, text: str) -> None:
        """Keep a note beside the prices, also over a restart."""
        self.stored.notes[key] = text
        await self._keep(())

    def _failed(self, error: TariffError) -> None:
        now_s, tries = self._now_s(), self._tries
        pause_s = error.retry_after_s if isinstance(error, TariffBusy) else None
        self._tries = replace(
            tries,
            last_s=now_s,
            failures=tries.failures + 1,
            refused=isinstance(error, TariffRefused),
            not_before_s=now_s + min(pause_s or 0.0, MOST_PAUSE_S),
            draw=self._rng.random(),
        )
        text = f"{self.name}: {error}"
        self.stored = replace(self.stored, tried_s=now_s, failure=str(error)[:300])
        if self._faults.report("tariff", text):
            severity = "error" if self._tries.refused else "warning"  # a refusal is for a person to mend
            known = self._known()
            until = f"prices are known until {known}" if known else "no price is known for now"
            self._note("tariff", severity, f"{text}; {until}")

    async def _keep(self, raw: tuple[bytes, ...]) -> None:
        due_s = self.next_s(self._now_s())
        self.stored = replace(self.stored, due_s=due_s, not_before_s=self._tries.not_before_s)
        try:
            await asyncio.to_thread(self._file.save, self.stored, raw)
        except OSError as error:
            text = f"{self._file.path}: cannot be written ({error.strerror}); prices are kept in memory only"
            if self._faults.report("price_file", text):
                self._note("tariff", "warning", text)
            return
        self._faults.over("price_file")

    def _begin_s(self) -> float:
        """Return from when on to ask: today, or the days before as well if nothing is known of them."""
        now_s = self._now_s()
        yesterday_s = day_after(now_s, self.rhythm.zone, -1).timestamp()
        known = bool(self.quotes) and self.quotes[0].begin_s <= yesterday_s
        return day_after(now_s, self.rhythm.zone, 0 if known else 1 - KEEP_DAYS).timestamp()

    def _known(self) -> str:
        """Return until when prices are known, nothing if none is for now."""
        now_s = self._now_s()
        until_s = self.until_s(now_s)
        if until_s <= now_s:
            return ""
        return f"{datetime.fromtimestamp(until_s, self.rhythm.zone):%a %d %b %H:%M}"

    def _now_s(self) -> float:
        return self._clock.wall().timestamp()
