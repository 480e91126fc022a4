"""The shell around the core: decides, writes, records. One tick is `decide`; `senses` reads what it sees.

A write is on disk as an intent before it leaves; its outcome only says what was answered, and a later read
says whether it was applied.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from controller.cars.car import KnownCar, describe
from controller.clock import Clock
from controller.ledger import gate_store
from controller.ledger.car_store import CarStore
from controller.ledger.intent_store import IntentStore
from controller.ledger.latch_store import LatchStore
from controller.ledger.leash_store import LeashStore
from controller.ledger.ledger import Ledger
from controller.ledger.session_store import SessionStore
from controller.ledger.soc_store import CarSoc
from controller.ledger.tick_store import ReadingRow, TickStore
from controller.limits import Limits
from controller.line import accounting, energy_counter, guard, latches, pipeline, snapshot
from controller.line.gate_memory import GateState
from controller.model import (
    LIMIT_LABEL,
    Charge,
    Decision,
    Force,
    Off,
    OutcomeKind,
    Prices,
    Send,
    Settings,
    SiteSnapshot,
    Strategy,
    WriteOutcome,
    amps,
    limit_label,
)
from controller.planning import Planning
from controller.senses import Devices, Senses
from controller.supervised import Supervised
from controller.units import MAX_CURRENT_A
from controller.wanted import sight
from controller.watchdog import Notifier, Progress

log = logging.getLogger(__name__)

UNAPPLIED = "not been applied"
WARNINGS = ("outside", "not arrive", UNAPPLIED)
"""A note of the charger's side with one of these is a warning."""
HISTORY = 120
LATE_S = 30.0
"""A decision that begins later than this after the one before has slept: what came before is not averaged."""
COUNTER = "charger_counter_wh"
"""The kept state that says where the charger's energy counter stood."""

QUIET_DECISION_S = 60.0
"""An unchanged decision is written to the ledger this often."""


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
        self._planning = planning
        self._devices, self._strategy, self._limits = devices, strategy, limits
        self._late_s = late_s
        self._prices, self._ledger, self._clock = prices, ledger, clock
        self._zone = ZoneInfo(timezone)
        self._progress = Progress(notifier)
        self.senses = Senses(devices, ledger, clock, dark)
        self._last_tick_s = self.senses.started_s
        self._last_said: tuple[str, str, str] | None = None
        self._last_row_s = 0.0
        self._open_intent: int | None = None
        self._open_limit_wh: float | None = None
        self._limit_intent: int | None = None
        self._last_status = ""
        self._intents, self._ticks = IntentStore(ledger, clock), TickStore(ledger)
        self._sessions = SessionStore(ledger)
        self._cars = CarStore(ledger)
        self._latches = LatchStore(ledger)
        self._leash = LeashStore(ledger)
        self.soc = CarSoc(ledger, cars)
        first = pipeline.initial(strategy, self._cars.load(cars))
        gate_state = gate_store.restored(self._intents, self.senses.started_s, limits)
        left = self._leash.load(self.senses.started_s)
        self.state = replace(first, gate=gate_state, latched=self._latches.load(), leash=left)
        self._unread = ledger.degraded
        self._kept_eto_wh: float | None = ledger.load_state(COUNTER)
        self._kept_s = self.senses.started_s
        self._counter = energy_counter.EnergyCounter(self._kept_eto_wh)
        self.ticks = 0
        self.guard_refusals = 0
        self.last: tuple[SiteSnapshot, Decision] | None = None

    @property
    def car_connected(self) -> bool:
        """Return whether a car hangs on the cable; sets the pace of the charger's polls."""
        return self.state.link.connected

    def latch(self, kind: str, text: str) -> None:
        """Latch a fault until `ampilot ack KIND`; what it does to the charger: `latches.KINDS`.

        Latching what is latched already does nothing.
        """
        before = self.state
        self.state = pipeline.latch(before, kind, text)
        self._keep_latched(before)

    # -- deciding -------------------------------------------------------------------------------

    async def decide(self) -> None:
        """Decide once and carry it out."""
        now_s = float(self._clock.monotonic())
        seen = self._seen(now_s)
        snap = snapshot.build(seen, self._limits, self.state.link.last_write_s)
        self._take_acknowledged()
        while self.senses.alarms:
            self.latch(*self.senses.alarms.pop(0))
        before = self.state
        self.state, decision = pipeline.step(before, snap, self._strategy, self._limits)
        self._last_tick_s = now_s
        if self._planning is not None:
            self._planning.observe(sight(self.state, snap.charger, snap.now_s, self._limits, self.soc.now()))
        if self.state.strategy_faults > before.strategy_faults:
            self._strategy_failed(now_s, decision)
        self._follow_link(before, decision)
        self._keep_latched(before)
        self._leash.keep(before.leash, self.state.leash)
        logic = pipeline.other_logic(snap)
        if logic is not None:
            self.senses.fault("other_logic", logic)
        else:
            self.senses.recovered("other_logic")
        self._cars.keep(self.state.cars, now_s)
        self._follow_soc(snap)
        share = accounting.attribute(snap, self._limits.max_current_a)
        self._book(share)
        self._follow_counter(snap, share)
        if isinstance(decision.action, Send):
            await self._send(decision.action, before, snap)
        recorded = self._record(snap, decision)
        degraded = self._announce_ledger()
        self.last = (snap, decision)
        self.ticks += 1
        status = self._last_status + (", the ledger cannot be written" if degraded else "")
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
        text = (
            f"strategy {failed} failed again and again; {stand_in} decides until the next start. "
            f"Remedy: ampilot check --strategy {failed}"
        )
        self._ledger.record_event("strategy", "error", text)
        log.error("event=strategy_replaced %s", text)
        self.latch("plugin", text)

    async def stop(self) -> None:
        """Leave the charger at the blind level, best effort, then close everything."""
        self._cars.keep(self.state.cars, float(self._clock.monotonic()), at_once=True)
        link, tied = self.state.link, self.state.leash
        blind_a = 0 if tied.held else self._limits.blind_a  # put back, the limit would start what it holds
        offered_a = MAX_CURRENT_A if tied.held else amps(link.in_force)
        if link.connected and blind_a < offered_a:
            settings = Settings(force=Force.OFF) if blind_a == 0 else Settings(current_a=blind_a)
            command = Off() if blind_a == 0 else Charge(blind_a, link.phases_set)
            await self._write(Send(command, settings, True, "the controller stops"))
        if tied.theirs_wh is not None and (tied.asked_wh is not None or tied.is_ours(tied.limit_wh)):
            settings = Settings(energy_limit_wh=tied.theirs_wh)  # after the stop, which is sent alone
            await self._write(Send(link.in_force, settings, False, "the controller stops"))
        await self.senses.close()

    # -- writing --------------------------------------------------------------------------------

    async def _send(self, action: Send, before: pipeline.LoopState, snap: SiteSnapshot) -> None:
        """Ask the guard, record the intent, send, record the answer."""
        link = before.link
        knobs = self.state.link.knobs
        sight = guard.Sight(
            meter_age_s=snap.grid_age_s if snap.grid_import_w is not None else None,
            charger_age_s=snap.charger_age_s if snap.charger is not None else None,
            reported={"amp": knobs.current_a, "frc": knobs.force, "psm": knobs.phase_mode},
            since_last_send_s=None if link.last_write_s is None else snap.now_s - link.last_write_s,
            session_wh=snap.charger.session_wh if snap.charger is not None else None,
            leash_wh=self._limits.leash_wh,
            theirs_wh=self.state.leash.theirs_wh,
        )
        most_a = self._limits.max_current_a
        objection = guard.objection(action.settings.keys(), sight, most_a, self._limits.write_gap_s)
        if objection is not None:
            self.guard_refusals += 1
            self._ledger.record_event("guard", "error", f"the guard refused {action.command}: {objection}")
            log.error("event=guard_refusal command=%s objection=%s", action.command, objection)
            refused = WriteOutcome(OutcomeKind.REFUSED, objection)
            self.state = pipeline.answered(self.state, action.settings, refused)
            self.latch("guard", f"the guard refused {action.command}: {objection}")
            return
        outcome = await self._write(action)
        self.state = pipeline.answered(self.state, action.settings, outcome)
        self._count(action, before)

    async def _write(self, action: Send) -> WriteOutcome:
        keys, label = action.settings.keys(), action.label
        alone = action.settings.limit_only
        if (self._limit_intent if alone else self._open_intent) is not None:
            self._intents.close("superseded", limits=alone)
        intent = self._intents.record(label, keys, safety=action.safety, reason=action.reason)
        if alone:
            self._limit_intent = intent
        else:
            self._open_intent, self._open_limit_wh = intent, action.settings.energy_limit_wh
        outcome = await self._devices.charger.write(action.settings)
        self._intents.answered(intent, outcome.kind, outcome.detail)
        text = " ".join(f"{key}={value}" for key, value in keys.items())
        log.info(
            "event=write_%s %s command=%r safety=%s reason=%r",
            outcome.kind,
            text,
            label,
            action.safety,
            action.reason,
        )
        return outcome

    def _count(self, action: Send, before: pipeline.LoopState) -> None:
        starts = isinstance(action.command, Charge) and isinstance(before.link.in_force, Off)
        changed = self.state.gate.phase.last_change_s != before.gate.phase.last_change_s
        self._sessions.count(writes=1, starts=int(starts), phase_changes=int(changed))

    def _follow_link(self, before: pipeline.LoopState, decision: Decision) -> None:
        """Write down what the charger's side showed: applied writes, cars, foreign hands."""
        after, pending = self.state.link, before.link.pending
        if pending is not None and self._open_intent is not None:
            # A restart, an unplug or a foreign hand ends a write too: only what a read shows was applied.
            applied = after.shows(pending)
            if self._open_limit_wh is not None and before.leash.asked_wh is not None:
                applied = applied and self.state.leash.asked_wh is None
            if applied or after.pending is None:
                self._intents.close("applied" if applied else "not_applied", up_to=self._open_intent)
                self._open_intent = None
        if self._limit_intent is not None and self.state.leash.asked_wh is None:
            shown = before.leash.asks(self.state.leash.limit_wh)
            self._intents.close("applied" if shown else "not_applied", limits=True)
            self._limit_intent = None
        if after.known and not before.link.known:
            self._close_old_intents(str(after.in_force))
        if after.connected and not before.link.connected:
            self._sessions.open()
        if before.link.connected and not after.connected:
            self._sessions.close()
        for note in decision.notes:
            severity = "warning" if any(word in note for word in WARNINGS) else "info"
            kind = "reduction" if UNAPPLIED in note else "charger"
            self._ledger.record_event(kind, severity, note)
            log.info("event=charger %s", note)
        for note in decision.leash_notes:
            self._ledger.record_event("leash", "warning", note)
            log.warning("event=leash %s", note)
        for note in decision.car_notes:
            severity = "warning" if "not resume" in note or " offered: " in note else "info"
            self._ledger.record_event("car", severity, note)
            log.info("event=car %s", note)

    def _keep_latched(self, before: pipeline.LoopState) -> None:
        """Write down what was latched or ended, and go on saying what waits for a person."""
        _, ended = self._latches.keep(before.latched, self.state.latched)
        for gone in ended:
            self.senses.recovered(f"latched_{gone.kind}")
        for latch in self.state.latched:
            kind, text, remedy = latch.kind, latch.text, latch.remedy
            self.senses.fault(
                f"latched_{kind}", f"{text}; {latch.effect}. Remedy: {remedy}; then ampilot ack {kind}"
            )

    def _take_acknowledged(self) -> None:
        """Let go of what a person has acknowledged since the last decision."""
        kinds = self._latches.acknowledged(self.state.latched)
        if not kinds:
            return
        self.state = pipeline.acknowledged(self.state, kinds)
        for kind in sorted(kinds):
            self.senses.recovered(f"latched_{kind}")
            self._ledger.record_event("latch", "info", f"{kind} was acknowledged")

    def _close_old_intents(self, in_force: str) -> None:
        """Close what an earlier run left open by what the first read shows; nothing is sent again."""
        rows = self._intents.open()
        commands = [row for row in rows if not row[1].startswith(LIMIT_LABEL)]
        limits = [row for row in rows if row not in commands]
        if commands:
            applied = commands[-1][1] == in_force
            self._intents.close("applied" if applied else "not_applied")
        if limits:
            shown = limits[-1][1] == limit_label(self.state.leash.limit_wh)
            self._intents.close("applied" if shown else "not_applied", limits=True)
        if rows:
            self._ledger.record_event("restart", "info", f"{len(rows)} open writes of an earlier run closed")

    # -- energy ---------------------------------------------------------------------------------

    def _book(self, share: accounting.Share) -> None:
        if share.total_wh > 0:
            day = self._clock.wall().astimezone(self._zone).date().isoformat()
            self._sessions.add_energy(day, share.grid_wh, share.pv_wh, share.cost_ct)

    def _follow_counter(self, snap: SiteSnapshot, booked: accounting.Share) -> None:
        """Book late what the charger's counter knows and nobody saw; keep the counter over restarts."""
        before = self._counter
        self._counter, late, note = energy_counter.follow(
            before, snap.charger, booked, snap.prices, self._limits.max_current_a
        )
        self._book(late)
        if note:
            self._ledger.record_event("energy", "warning", note)
            log.warning("event=energy %s", note)
        moved = self._counter.eto_wh != self._kept_eto_wh
        if moved and (before.at_s is None or snap.now_s - self._kept_s >= QUIET_DECISION_S):
            self._kept_eto_wh, self._kept_s = self._counter.eto_wh, snap.now_s
            self._ledger.save_state(COUNTER, self._counter.eto_wh)

    def _follow_soc(self, snap: SiteSnapshot) -> None:
        """Tell the state of charge what the charger counted, once a report has said which car is there."""
        link, cars, status = self.state.link, self.state.cars, snap.charger
        unsure = not link.known or (link.connected and not cars.session.connected)
        self.soc.observe(
            None if status is None else status.energy_wh,
            None if unsure else link.connected,
            cars.traits.name,
            self._clock.wall(),
        )

    # -- recording ------------------------------------------------------------------------------

    def _record(self, snap: SiteSnapshot, decision: Decision) -> bool:
        """Write the decision down, an unchanged one once a minute; return whether nothing was refused."""
        action = decision.action
        said = (str(decision.in_force), str(decision.wish.target), type(action).__name__)
        self._last_status = _status_line(snap, decision, self.state.gate, self._limits)
        quiet = said == self._last_said and snap.now_s - self._last_row_s < QUIET_DECISION_S
        written = True
        if not quiet or isinstance(action, Send):
            self._last_said, self._last_row_s = said, snap.now_s
            written = self._ticks.record_decision(
                in_force=str(decision.in_force),
                wish=f"{decision.wish.target}: {decision.wish.reason}",
                action=f"send {action.label}" if isinstance(action, Send) else "hold",
                reason=action.reason,
                ceiling=_ceiling_text(decision),
                facts=self._facts(snap, decision),
            )
        buffered = self._ticks.record_reading(
            ReadingRow(
                wall_ms=int(self._clock.wall().timestamp() * 1000),
                grid_import_w=snap.grid_import_w,
                base_import_w=snap.base_import_w,
                pv_yield_w=snap.pv_yield_w,
                battery_charge_w=snap.battery_charge_w,
                car_w=snap.car_power_w,
                offered_a=decision.in_force.current_a if isinstance(decision.in_force, Charge) else 0,
                phases=self.state.link.phases_set,
            )
        )
        if not written and not self._ledger.degraded:
            self.senses.faults.report("ledger_row", self._ledger.refused)
        return written and buffered

    def _announce_ledger(self) -> bool:
        """Say that the ledger cannot be written, or can again; return whether it is degraded and said so."""
        if self._ledger.degraded:
            self.senses.fault(
                "ledger", "cannot be written; control goes on, raises are rare. Remedy: free the disk"
            )
            return True
        self.senses.recovered("ledger")
        if self._unread:  # a start on an ill disk: what waits for a person could not be read
            self._unread = False
            latched = latches.with_new(self.state.latched, *self._latches.load())
            tied = self.state.leash if self.state.leash.on else self._leash.load(self._last_tick_s)
            self.state = replace(self.state, latched=latched, leash=tied)
        if damage := self._ledger.damage():
            self.latch("ledger_corrupt", damage)
        return False

    def _facts(self, snap: SiteSnapshot, decision: Decision) -> dict[str, Any]:
        facts: dict[str, Any] = dict(decision.wish.facts)
        until_s = getattr(decision.action, "until_s", None)
        if until_s is not None:
            facts["hold_left_s"] = max(until_s - snap.now_s, 0.0)
        facts |= self._planning.wanted.facts() if self._planning is not None else {}
        facts |= {
            "car_connected": self.state.link.connected,
            "car_power_w": snap.car_power_w,
            "grid_import_w": snap.grid_import_w,
            "base_import_w": snap.base_import_w,
            "meter_age_s": snap.grid_age_s,
            "meter": snap.grid_quality.name.lower(),
            "charger_age_s": snap.charger_age_s,
            "charger": snap.charger_quality.name.lower(),
            "writes_15_min": _recent(self.state.gate, snap.now_s, self._limits),
            "yielded": self.state.link.yielded or latches.yielding(self.state.latched) is not None,
            "latched": ", ".join(latch.kind for latch in self.state.latched),
            "this_car": describe(self.state.cars.record, self.state.cars.own),
            "this_soc": "" if (soc := self.soc.now()) is None else str(soc),
        }
        return {key: round(v, 3) if isinstance(v, float) else v for key, v in facts.items()}


def _recent(state: GateState, now_s: float, limits: Limits) -> int:
    return sum(1 for at in state.comfort_writes_s if now_s - at < limits.window_s)


def _ceiling_text(decision: Decision) -> str:
    top = decision.ceiling
    text = f"raise to {top.raise_one_a} A x1 or {top.raise_three_a} A x3 ({top.source})"
    return f"{text}; reduce: {top.reduce_source}" if top.reduce_source else text


def _status_line(snap: SiteSnapshot, decision: Decision, state: GateState, limits: Limits) -> str:
    """Return one line for `systemctl status`."""
    offer = "charging " if isinstance(decision.in_force, Charge) else ""
    used = _recent(state, snap.now_s, limits)
    return (
        f"{offer}{decision.in_force}, car {snap.car_power_w:.0f} W, meter {snap.grid_age_s:.0f} s, "
        f"charger {snap.charger_age_s:.0f} s, writes {used}/{limits.comfort_writes_per_window}"
    )
