"""A house that lives for a year: the world of the properties, with weather, people, a ledger and restarts.

Physics run second by second while anything moves, and in steps of one decision while nothing does. What the
world injected is kept as facts of its own (`garbled`, `foreign`, when a device was last read since the last
restart); the promises are judged by these and never by what the code under test believes.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, pi
from pathlib import Path

from controller.cars.learning import garage
from controller.clock import SimClock
from controller.ledger.gate_store import restored, restored_link
from controller.ledger.intent_store import IntentStore, label
from controller.ledger.leash_store import LeashStore
from controller.ledger.ledger import Ledger
from controller.ledger.session_store import SessionStore
from controller.limits import Limits
from controller.line import accounting, pipeline, snapshot
from controller.line.latches import with_new
from controller.line.pipeline import LoopState
from controller.model import Keys, OutcomeKind, Prices, Send, Strategy, WriteOutcome
from tests.properties.world import TICK_S, World

DAY_S = 86_400
START = datetime(2026, 1, 1, tzinfo=UTC)
NEVER_S = float("-inf")
IDLE_S = 60
"""Between two decisions while no car is there: saves half of a year's work."""


@dataclass(frozen=True, slots=True)
class Written:
    """One write as it left, with what was true then."""

    at_s: float
    keys: Keys
    safety: bool
    before_a: int
    before_phases: int
    meter_a: tuple[float, float, float] | None
    meter_age_s: float
    charger_age_s: float
    foreign: bool
    on_since_s: float | None
    lives: int


class Year(World):
    """A world whose controller has a ledger and can be killed. `make` builds its strategy anew."""

    def __init__(self, make: Callable[[], Strategy], limits: Limits, folder: Path, seed: int) -> None:
        super().__init__(make(), limits)
        self.make, self.rng, self.folder = make, random.Random(seed), folder
        self.clock = SimClock(START, self.now_s)
        self.begun_s = self.now_s
        self.decisions = deque(maxlen=8)  # type: ignore[assignment]
        self.sent = deque(maxlen=8)  # type: ignore[assignment]
        self.written: deque[Written] = deque(maxlen=300)
        self.writes = self.lives = 0
        self.garbled = False
        self.on_since_s: float | None = None
        self.overloads = 0
        self.charged_wh = self.booked_wh = 0.0
        self.ledger = Ledger.open(folder / "ledger.db", self.clock)
        self.intents, self.sessions = IntentStore(self.ledger, self.clock), SessionStore(self.ledger)
        self.leash = LeashStore(self.ledger)
        self.theirs_wh: float | None = None
        self.rests = False
        """Somebody set the energy limit themselves since the car came."""

    # -- the controller's life ------------------------------------------------------------------

    def kill_and_restart(self) -> None:
        """End the controller between two decisions and begin a new one on what the ledger kept."""
        self.ledger.close()
        self.ledger = Ledger.open(self.folder / "ledger.db", self.clock)
        self.strategy = self.make()
        latched, cars = self.state.latched, self.state.cars.record
        first = pipeline.initial(self.strategy, garage((cars,)))
        self.intents, self.sessions = IntentStore(self.ledger, self.clock), SessionStore(self.ledger)
        gate = restored(self.intents, self.now_s, self.limits)
        self.leash = LeashStore(self.ledger)
        left = self.leash.load(self.now_s)
        link = restored_link(self.intents, self.now_s, gate)
        latches = with_new((), *latched)
        self.state: LoopState = pipeline.replace(first, gate=gate, link=link, latched=latches, leash=left)
        self.grid.clear()
        self.reports.clear()
        self.started_s = self.last_tick_s = self.now_s
        self.changed_s = None
        self.meter_ok_s = self.charger_ok_s = NEVER_S
        self.lives += 1

    def acknowledge(self) -> None:
        """Somebody looks at what is latched, and says that it is cured."""
        kinds = frozenset(latch.kind for latch in self.state.latched)
        if kinds:
            self.state = pipeline.acknowledged(self.state, kinds)
            if "app" in kinds or "two_controllers" in kinds:
                self.foreign = False

    # -- time -----------------------------------------------------------------------------------

    def second(self) -> None:
        """One second, on both clocks; the energy of the car is counted by the world itself."""
        before_wh = self.box.session_wh
        self.clock.advance(1.0)
        super().second()
        if self.box.session_wh > before_wh:
            self.charged_wh += self.box.session_wh - before_wh
        on = self.box.plugged and self.box.frc != 1 and not self.box.at_limit
        self.on_since_s = (self.on_since_s or self.now_s) if on else None

    @property
    def still(self) -> bool:
        """Return whether nothing moves: no car draws or is about to, nothing is on its way."""
        box = self.box
        offered = box.plugged and box.frc != 1 and not box.at_limit
        return not (self.under_way or box.dead_s or box.drawn_a > 0 or (offered and box.willing))

    def live(self, seconds: int) -> None:
        """Let time pass, in steps of a decision while nothing moves."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            # On the beat of the charger's reports, so that a step shows as much as its seconds would.
            step_s = TICK_S if self.box.plugged else IDLE_S
            if self.still and self.now_s % step_s == 0 and end_s - self.now_s >= step_s:
                self.clock.advance(step_s - 1)
                self.now_s += step_s - 1
            self.second()

    def stop(self, seconds: int) -> None:
        """Let time pass without a controller, on both clocks."""
        for _ in range(seconds):
            self.clock.advance(1.0)
            before_wh = self.box.taken_wh
            super().stop(1)
            self.charged_wh += self.box.taken_wh - before_wh

    def unplug(self) -> None:
        """Take the car away; the next one is under the leash again."""
        super().unplug()
        self.rests = False

    # -- what the controller sees and does ------------------------------------------------------

    def _read_meter(self) -> None:
        if not self.garbled:
            super()._read_meter()

    def _tick(self) -> None:
        seen = snapshot.Observations(
            now_s=self.now_s,
            since_s=self.last_tick_s,
            started_s=self.started_s,
            grid=tuple(self.grid),
            charger=tuple(self.reports),
            grid_changed_s=self.changed_s,
            grid_invalid=self.garbled,
            prices=Prices(),
            ledger_degraded=self.ledger.degraded,
        )
        snap = snapshot.build(seen, self.limits, self.state.link.last_write_s)
        known, leash = self.state.link.known, self.state.leash
        self.state, decision = pipeline.step(self.state, snap, self.strategy, self.limits)
        share = accounting.attribute(snap, self.limits.max_current_a)
        if share.total_wh > 0:
            self.booked_wh += share.total_wh
            day = f"{self.clock.wall():%Y-%m-%d}"
            self.sessions.add_energy(day, share.grid_wh, share.pv_wh, share.cost_ct)
        if self.state.link.known and not known:
            self.intents.close("applied")
            self.intents.close("applied", limits=True)
        self.leash.keep(leash, self.state.leash)
        self.last_tick_s = self.now_s
        self.decisions.append(decision)
        self._watch_overload(decision)
        if isinstance(decision.action, Send):
            self._write(decision.action)
            self._send(decision, decision.action)

    def _write(self, send: Send) -> None:
        """Keep what was true as this write left, and put it into the ledger as the loop does."""
        before_a, before_phases = self.true_offer()
        keys = send.settings.keys()
        self.writes += 1
        self.written.append(
            Written(
                self.now_s,
                keys,
                send.safety,
                before_a if self.box.plugged else 0,
                before_phases,
                self.grid[-1].phase_current_a if self.grid else None,
                self.now_s - self.meter_ok_s,
                self.now_s - self.charger_ok_s,
                self.foreign,
                self.on_since_s,
                self.lives,
            )
        )
        self.intents.close("superseded", limits=send.settings.limit_only)
        intent = self.intents.record(label(send), keys, safety=send.safety, reason=send.reason[:80])
        kind = OutcomeKind.UNKNOWN if self.cloud_down else OutcomeKind.ACCEPTED
        self.intents.answered(intent, WriteOutcome(kind).kind, "")


def sun_w(day: int, second: int, peak_w: float) -> float:
    """Return what a clear sky gives at a second of a day of the year, in W: a bow, long in June."""
    light_h = 12.0 + 4.0 * cos(2 * pi * (day - 172) / 365)
    hour = second / 3600 - 12.5
    if abs(hour) >= light_h / 2:
        return 0.0
    return peak_w * (0.6 + 0.4 * (light_h - 8) / 8) * cos(pi * hour / light_h)
