"""What leaves for the charger: on disk as an intent before it goes, and followed until a read shows it.

An answer only says whether the cloud took a write. That it was applied, a later read of the charger says; an
intent is closed by what that read shows, also one that an earlier run left open.
"""

import logging

from controller.ledger.intent_store import LIMIT_LABEL, IntentStore, label, limit_label
from controller.ledger.ledger import Ledger
from controller.limits import Limits
from controller.line import guard
from controller.line.pipeline import LoopState
from controller.model import (
    Charge,
    Charger,
    Force,
    Off,
    Send,
    Settings,
    SiteSnapshot,
    WriteOutcome,
    amps,
)
from controller.units import MAX_CURRENT_A

log = logging.getLogger(__name__)

STOPS = "the controller stops"


class Writes:
    """The way from an action to the charger; keeps which intents no read has closed yet."""

    def __init__(self, charger: Charger, intents: IntentStore, ledger: Ledger) -> None:
        self._charger, self._intents, self._ledger = charger, intents, ledger
        self._open: int | None = None
        self._open_limit_wh: float | None = None  # the energy limit that the open command carries
        self._limit: int | None = None  # the open intent that sets nothing but the limit

    async def send(self, action: Send) -> WriteOutcome:
        """Record the intent, send, record the answer."""
        keys, name = action.settings.keys(), label(action)
        alone = action.settings.limit_only
        if (self._limit if alone else self._open) is not None:
            self._intents.close("superseded", limits=alone)
        intent = self._intents.record(name, keys, safety=action.safety, reason=action.reason)
        if alone:
            self._limit = intent
        else:
            self._open, self._open_limit_wh = intent, action.settings.energy_limit_wh
        outcome = await self._charger.write(action.settings)
        self._intents.answered(intent, outcome.kind, outcome.detail)
        text = " ".join(f"{key}={value}" for key, value in keys.items())
        log.info(
            "event=write_%s %s command=%r safety=%s reason=%r",
            outcome.kind,
            text,
            name,
            action.safety,
            action.reason,
        )
        return outcome

    def follow(self, before: LoopState, after: LoopState) -> None:
        """Close the intents that the newest read, between these two states, has shown or ended."""
        pending = before.link.pending
        if pending is not None and self._open is not None:
            # A restart, an unplug or a foreign hand ends a write too: only what a read shows was applied.
            applied = after.link.shows(pending)
            if self._open_limit_wh is not None and before.leash.asked_wh is not None:
                applied = applied and after.leash.asked_wh is None
            if applied or after.link.pending is None:
                self._intents.close("applied" if applied else "not_applied", up_to=self._open)
                self._open = None
        if self._limit is not None and after.leash.asked_wh is None:
            shown = before.leash.asks(after.leash.limit_wh)
            self._intents.close("applied" if shown else "not_applied", limits=True)
            self._limit = None
        if after.link.known and not before.link.known:
            self._close_old(before, after)

    def _close_old(self, before: LoopState, seen: LoopState) -> None:
        """Close what an earlier run left open by what the first read shows, if it is new enough to tell."""
        rows = self._intents.open()
        commands = [row for row in rows if not row[1].startswith(LIMIT_LABEL)]
        limits = [row for row in rows if row not in commands]
        waiting = before.link.pending
        if commands and seen.link.pending is not None:
            self._open = commands[-1][0]  # a later read will tell
            rows = limits
        elif commands:
            asked = commands[-1][1]
            applied = asked == str(seen.link.reported) if waiting is None else seen.link.shows(waiting)
            self._intents.close("applied" if applied else "not_applied")
        if limits:
            shown = limits[-1][1] == limit_label(seen.leash.limit_wh)
            self._intents.close("applied" if shown else "not_applied", limits=True)
        if rows:
            self._ledger.record_event("restart", "info", f"{len(rows)} open writes of an earlier run closed")


def objection(
    action: Send, before: LoopState, after: LoopState, snap: SiteSnapshot, limits: Limits
) -> str | None:
    """Return why the guard does not let a write leave, None if it does; it was decided between the states."""
    link, knobs = before.link, after.link.knobs
    sight = guard.Sight(
        meter_age_s=snap.grid_age_s if snap.grid_import_w is not None else None,
        charger_age_s=snap.charger_age_s if snap.charger is not None else None,
        reported={"amp": knobs.current_a, "frc": knobs.force, "psm": knobs.phase_mode},
        since_last_send_s=None if link.last_write_s is None else snap.now_s - link.last_write_s,
        session_wh=snap.charger.session_wh if snap.charger is not None else None,
        leash_wh=limits.leash_wh,
        theirs_wh=after.leash.theirs_wh,
    )
    return guard.objection(action.settings.keys(), sight, limits.max_current_a, limits.write_gap_s)


def last_writes(state: LoopState, limits: Limits) -> list[Send]:
    """Return what leaves when the controller stops: the blind level, and the user's energy limit put back."""
    link, tied = state.link, state.leash
    found = []
    blind_a = 0 if tied.held else limits.blind_a  # put back, the limit would start what it holds
    offered_a = MAX_CURRENT_A if tied.held else amps(link.in_force)
    if link.connected and blind_a < offered_a:
        if blind_a == 0:
            found.append(Send(Off(), Settings(force=Force.OFF), True, STOPS))
        else:
            command = Charge(blind_a, link.phases_set)
            found.append(Send(command, Settings(current_a=blind_a), True, STOPS))
    if tied.theirs_wh is not None and (tied.asked_wh is not None or tied.is_ours(tied.limit_wh)):
        settings = Settings(energy_limit_wh=tied.theirs_wh)  # after the stop, which is sent alone
        found.append(Send(link.in_force, settings, False, STOPS))
    return found
