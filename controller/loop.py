"""The shell around the core: one tick is `decide`, from what the devices said to what is on record.

`senses` reads the devices, `pipeline.step` decides, `writes` carries it out, `tick_record` and `session_book`
write it down, `kept` brings back what an earlier run knew.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from controller.cars.car import KnownCar
from controller.clock import Clock
from controller.kept import Kept
from controller.ledger.intent_store import IntentStore
from controller.ledger.ledger import Ledger
from controller.ledger.soc_store import CarSoc
from controller.limits import Limits
from controller.line import pipeline, snapshot
from controller.model import Decision, Force, OutcomeKind, Prices, Send, SiteSnapshot, Strategy, WriteOutcome
from controller.planning import Planning
from controller.senses import Devices, Senses
from controller.session_book import SessionBook
from controller.supervised import Supervised
from controller.tick_record import TickRecord, status_line
from controller.wanted import sight
from controller.watchdog import Notifier, Progress
from controller.writes import Writes, last_writes, objection

log = logging.getLogger(__name__)

LATE_S = 30.0
"""A decision that begins later than this after the one before has slept: what came before is not averaged."""


class Loop:
    """One controller: its devices, its strategy, its state."""

    def __init__(
        self,
        devices: Devices,
        strategy: Strategy,
        limits: Limits,
        *,
        prices: Callable[[], Prices],
        ledger: Ledger,
        clock: Clock,
        notifier: Notifier,
        timezone: str = "UTC",
        cars: Sequence[KnownCar] = (),
        late_s: float = LATE_S,
        dark: Callable[[], bool] = lambda: False,
        planning: Planning | None = None,
    ) -> None:
        self._strategy, self._limits, self._planning, self._late_s = strategy, limits, planning, late_s
        self._prices, self._ledger, self._clock = prices, ledger, clock
        self._progress = Progress(notifier)
        self.senses = Senses(devices, ledger, clock, dark)
        self._last_tick_s = self.senses.started_s
        intents = IntentStore(ledger, clock)
        self._writes = Writes(devices.charger, intents, ledger)
        self._record = TickRecord(ledger, limits)
        self._kept = Kept(ledger, intents)
        self.soc = CarSoc(ledger, cars)
        self.state = self._kept.restored(strategy, cars, limits, self.senses.started_s)
        self._book = SessionBook(ledger, clock, ZoneInfo(timezone), limits.max_current_a)
        self.ticks = 0
        self.guard_refusals = 0
        self.last: tuple[SiteSnapshot, Decision] | None = None

    @property
    def car_connected(self) -> bool:
        """Return whether a car hangs on the cable; sets the pace of the charger's polls."""
        return self.state.link.connected

    # -- one tick -------------------------------------------------------------------------------

    async def decide(self) -> None:
        """Decide once and carry it out."""
        now_s = float(self._clock.monotonic())
        snap = snapshot.build(self._seen(now_s), self._limits, self.state.link.last_write_s)
        self._take_acknowledged()
        while self.senses.alarms:
            self.latch(*self.senses.alarms.pop(0))
        before = self.state
        self.state, decision = pipeline.step(before, snap, self._strategy, self._limits)
        self._last_tick_s = now_s
        self._tell_planning(snap)
        if self.state.strategy_faults > before.strategy_faults:
            self._strategy_failed(now_s, decision)
        self._write_down(before, snap, decision)
        if isinstance(decision.action, Send):
            await self._send(decision.action, before, snap)
        recorded = self._record_tick(snap, decision)
        degraded = self._announce_ledger()
        self.last = (snap, decision)
        self.ticks += 1
        status = status_line(snap, decision, self.state, self._limits)
        if degraded:
            status += ", the ledger cannot be written"
        self._progress.decided(now_s, status, recorded=recorded or degraded)

    def _seen(self, now_s: float) -> snapshot.Observations:
        """Return what is known; after a late tick only what is of the last moments."""
        plan = self._planning
        worth, needs = (plan.worth(now_s), plan.needs(now_s)) if plan is not None else (None, ())
        seen = self.senses.observations(now_s, self._last_tick_s, self._prices(), worth, needs)
        gap_s = now_s - self._last_tick_s
        if gap_s <= self._late_s or self.ticks == 0:
            return seen
        log.warning("event=late_tick gap=%.0fs", gap_s)
        self._ledger.record_event("late", "warning", f"no decision for {gap_s:.0f} s; averages begin anew")
        recent = [reading for reading in seen.grid[:-1] if now_s - reading.taken_s <= self._late_s]
        return replace(seen, grid=(*recent, *seen.grid[-1:]))

    def _tell_planning(self, snap: SiteSnapshot) -> None:
        if self._planning is not None:
            self._planning.observe(sight(self.state, snap.charger, snap.now_s, self._limits, self.soc.now()))

    def _write_down(self, before: pipeline.LoopState, snap: SiteSnapshot, decision: Decision) -> None:
        """Write down what the tick saw of charger, faults, car and energy, before anything leaves."""
        self._writes.follow(before, self.state)
        self._book.follow_cable(before.link, self.state.link)
        self._record.tell(decision)
        self._keep_latched(before)
        self._kept.keep(before, self.state, self._last_tick_s)
        logic = pipeline.other_logic(snap)
        if logic is not None:
            self.senses.fault("other_logic", logic)
        else:
            self.senses.recovered("other_logic")
        self._follow_soc(snap)
        self._book.add(snap)

    def _follow_soc(self, snap: SiteSnapshot) -> None:
        """Tell the state of charge what the charger counted, once a report has said which car is there."""
        link, cars, status = self.state.link, self.state.cars, snap.charger
        unsure = not link.known or (link.connected and not cars.session.connected)
        self.soc.observe(
            None if status is None else status.energy_wh,
            None if unsure else link.connected,
            cars.traits.name,
            self._clock.wall(),
            None if status is None else status.session_wh,
            neutral=status is not None and status.force is Force.NEUTRAL,
            data_s=None if status is None else status.data_s,
        )

    async def _send(self, action: Send, before: pipeline.LoopState, snap: SiteSnapshot) -> None:
        """Ask the guard, send, take the answer."""
        refusal = objection(action, before, self.state, snap, self._limits)
        if refusal is not None:
            self._refused(action, refusal)
            return
        outcome = await self._writes.send(action)
        self.state = pipeline.answered(self.state, action.settings, outcome)
        self._book.count(action, before, self.state)

    def _refused(self, action: Send, refusal: str) -> None:
        """Say that the guard let nothing leave: a bug of ours, so it is latched."""
        self.guard_refusals += 1
        text = f"the guard refused {action.command}: {refusal}"
        self._ledger.record_event("guard", "error", text)
        log.error("event=guard_refusal command=%s objection=%s", action.command, refusal)
        refused = WriteOutcome(OutcomeKind.REFUSED, refusal)
        self.state = pipeline.answered(self.state, action.settings, refused)
        self.latch("guard", text)

    def _record_tick(self, snap: SiteSnapshot, decision: Decision) -> bool:
        """Record decision and readings; return whether nothing was refused."""
        plan = self._planning.wanted.facts() if self._planning is not None else {}
        written = self._record.decided(snap, decision, self.state, plan, self.soc.now())
        buffered = self._record.seen(snap, decision, self.state.link.phases_set)
        if not written and not self._ledger.degraded:
            self.senses.faults.report("ledger_row", self._ledger.refused)
        return written and buffered

    def _announce_ledger(self) -> bool:
        """Say that the ledger cannot be written, or can again; return whether it is degraded and said so."""
        if self._ledger.degraded:
            self.senses.fault(
                "ledger",
                "cannot be written; control goes on, raises are rare. Remedy: free the disk; the service may "
                "write in /var/lib/ampilot only",
            )
            return True
        self.senses.recovered("ledger")
        self.state = self._kept.read_late(self.state, self._limits, self._last_tick_s)
        if damage := self._ledger.damage():
            self.latch("ledger_corrupt", damage)
        return False

    # -- what waits for a person ----------------------------------------------------------------

    def latch(self, kind: str, text: str) -> None:
        """Latch a fault until `ampilot ack KIND`; what it does to the charger: `latches.KINDS`.

        Latching what is latched already does nothing.
        """
        before = self.state
        self.state = pipeline.latch(before, kind, text)
        self._keep_latched(before)

    def _keep_latched(self, before: pipeline.LoopState) -> None:
        """Write down what was latched or ended, and go on saying what waits for a person."""
        for gone in self._kept.keep_latched(before, self.state):
            self.senses.recovered(f"latched_{gone.kind}")
        for latch in self.state.latched:
            kind, text, remedy = latch.kind, latch.text, latch.remedy
            self.senses.fault(
                f"latched_{kind}", f"{text}; {latch.effect}. Remedy: {remedy}; then ampilot ack {kind}"
            )

    def _take_acknowledged(self) -> None:
        """Let go of what a person has acknowledged since the last decision."""
        kinds = self._kept.acknowledged(self.state)
        if not kinds:
            return
        self.state = pipeline.acknowledged(self.state, kinds)
        for kind in sorted(kinds):
            self.senses.recovered(f"latched_{kind}")
            self._ledger.record_event("latch", "info", f"{kind} was acknowledged")

    # -- a strategy that fails, and the end -----------------------------------------------------

    def _strategy_failed(self, now_s: float, decision: Decision) -> None:
        """Say that the strategy broke its contract; let the built-in one take over when it does so often."""
        self.senses.fault("strategy", decision.wish.reason)
        if isinstance(self._strategy, Supervised):
            failed = self._strategy.name
            if (stand_in := self._strategy.failed(now_s)) is not None:
                self.state = replace(self.state, memory=self._strategy.initial())
                self._say_replaced(failed, stand_in)

    def replace_strategy(self) -> None:
        """Begin with the stand-in: the strategy never lived long enough to stop in order."""
        assert isinstance(self._strategy, Supervised)
        failed = self._strategy.name
        if (stand_in := self._strategy.replace()) is not None:
            self.state = replace(self.state, memory=self._strategy.initial())
            self._say_replaced(failed, stand_in)

    def _say_replaced(self, failed: str, stand_in: str) -> None:
        what = f"strategy {failed} failed again and again; {stand_in} decides until the next start"
        text = f"{what}. Remedy: ampilot check --strategy {failed}"
        self._ledger.record_event("strategy", "error", text)
        log.error("event=strategy_replaced %s", text)
        self.latch("plugin", what)  # which says its own remedy

    async def stop(self) -> None:
        """Leave the charger at the blind level, best effort, then close everything."""
        self._kept.keep_at_end(self.state, float(self._clock.monotonic()))
        for action in last_writes(self.state, self._limits):
            await self._writes.send(action)
        await self.senses.close()
