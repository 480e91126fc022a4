"""What is booked: sessions from plug-in to unplug, their energy by source and its cost, what was switched."""

import logging
from zoneinfo import ZoneInfo

from controller.clock import Clock
from controller.ledger.ledger import Ledger
from controller.ledger.session_store import SessionStore
from controller.line import accounting, energy_counter
from controller.line.link import Link
from controller.line.pipeline import LoopState
from controller.model import Charge, Off, Send, SiteSnapshot

log = logging.getLogger(__name__)

COUNTER = "charger_counter_wh"
"""The kept state that says where the charger's energy counter stood."""

KEEP_S = 60.0
"""A counter that moves is kept this often."""


class SessionBook:
    """The book of one running controller; days are local ones of `zone`."""

    def __init__(self, ledger: Ledger, clock: Clock, zone: ZoneInfo, max_current_a: int) -> None:
        self._ledger, self._clock, self._zone = ledger, clock, zone
        self._max_current_a = max_current_a
        self._sessions = SessionStore(ledger)
        self._kept_eto_wh: float | None = ledger.load_state(COUNTER)
        self._kept_s = float(clock.monotonic())
        self._counter = energy_counter.EnergyCounter(self._kept_eto_wh)

    def follow_cable(self, before: Link, after: Link) -> None:
        """Begin and end sessions as cars come and go."""
        if after.connected and not before.connected:
            self._sessions.open()
        if before.connected and not after.connected:
            self._sessions.close()

    def count(self, action: Send, before: LoopState, after: LoopState) -> None:
        """Count a write that left between two states."""
        starts = isinstance(action.command, Charge) and isinstance(before.link.in_force, Off)
        changed = after.gate.phase.last_change_s != before.gate.phase.last_change_s
        self._sessions.count(writes=1, starts=int(starts), phase_changes=int(changed))

    def add(self, snap: SiteSnapshot) -> None:
        """Book what the car took since the last decision, and late what only the charger's counter knows."""
        share = accounting.attribute(snap, self._max_current_a)
        self._book(share)
        self._follow_counter(snap, share)

    def _book(self, share: accounting.Share) -> None:
        if share.total_wh > 0:
            day = self._clock.wall().astimezone(self._zone).date().isoformat()
            self._sessions.add_energy(day, share.grid_wh, share.pv_wh, share.cost_ct)

    def _follow_counter(self, snap: SiteSnapshot, booked: accounting.Share) -> None:
        """Book late what the charger's counter knows and nobody saw; keep the counter over restarts."""
        before = self._counter
        self._counter, late, note = energy_counter.follow(
            before, snap.charger, booked, snap.prices, self._max_current_a
        )
        self._book(late)
        if note:
            self._ledger.record_event("energy", "warning", note)
            log.warning("event=energy %s", note)
        moved = self._counter.eto_wh != self._kept_eto_wh
        if moved and (before.at_s is None or snap.now_s - self._kept_s >= KEEP_S):
            self._kept_eto_wh, self._kept_s = self._counter.eto_wh, snap.now_s
            self._ledger.save_state(COUNTER, self._counter.eto_wh)
