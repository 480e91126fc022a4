"""What is said of each tick: readings, the decision with its facts, what it noticed, the status line."""

import logging
from collections.abc import Mapping
from typing import Any

from controller.cars.car import describe
from controller.cars.state_of_charge import Soc
from controller.ledger.intent_store import label
from controller.ledger.ledger import Ledger
from controller.ledger.tick_store import ReadingRow, TickStore
from controller.limits import Limits
from controller.line import latches
from controller.line.gate_memory import GateState
from controller.line.link import Link
from controller.line.pipeline import LoopState
from controller.model import Decision, Quality, Send, SiteSnapshot, amps

log = logging.getLogger(__name__)

UNAPPLIED = "not been applied"
WARNINGS = ("outside", "not arrive", UNAPPLIED)
"""A note of the charger's side with one of these is a warning."""

QUIET_DECISION_S = 60.0
"""An unchanged decision is written to the ledger this often."""


class TickRecord:
    """Writes down what the ticks of one running controller saw, decided and noticed."""

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger, self._limits = ledger, limits
        self._ticks = TickStore(ledger)
        self._last_said: tuple[str, str, str, bool] | None = None
        self._last_row_s = 0.0

    def tell(self, decision: Decision) -> None:
        """Make events of what the decision noticed of the charger, the leash and the car."""
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

    def decided(
        self,
        snap: SiteSnapshot,
        decision: Decision,
        state: LoopState,
        plan: Mapping[str, Any],
        soc: Soc | None,
    ) -> bool:
        """Write the decision down, an unchanged one once a minute; return whether it was not refused.

        `plan` are the facts the planner adds, `soc` is how full the car is.
        """
        action = decision.action
        heard = snap.charger_quality >= Quality.AGING
        said = (str(decision.in_force), str(decision.wish.target), type(action).__name__, heard)
        quiet = said == self._last_said and snap.now_s - self._last_row_s < QUIET_DECISION_S
        if quiet and not isinstance(action, Send):
            return True
        self._last_said, self._last_row_s = said, snap.now_s
        return self._ticks.record_decision(
            in_force=str(decision.in_force),
            wish=f"{decision.wish.target}: {decision.wish.reason}",
            action=f"send {label(action)}" if isinstance(action, Send) else "hold",
            reason=action.reason,
            ceiling=_ceiling_text(decision),
            facts=_facts(snap, decision, state, plan, soc, self._limits),
        )

    def seen(self, snap: SiteSnapshot, decision: Decision, phases_set: int) -> bool:
        """Keep the readings of the tick; return whether nothing was refused."""
        return self._ticks.record_reading(
            ReadingRow(
                wall_ms=self._ledger.now_ms(),
                grid_import_w=snap.grid_import_w,
                base_import_w=snap.base_import_w,
                pv_yield_w=snap.pv_yield_w,
                battery_charge_w=snap.battery_charge_w,
                car_w=snap.car_power_w,
                offered_a=amps(decision.in_force),
                phases=phases_set,
            )
        )


def offer_standing(snap: SiteSnapshot, link: Link) -> str:
    """Return how sure it is what is offered: `seen` at the charger, only `sent` to it, or `old`."""
    if link.pending is not None:
        return "sent"
    return "seen" if snap.charger_quality >= Quality.AGING else "old"


def status_line(snap: SiteSnapshot, decision: Decision, state: LoopState, limits: Limits) -> str:
    """Return one line for `systemctl status`."""
    offer = "charging " if amps(decision.in_force) else ""
    told = {"seen": "", "sent": "sent: ", "old": "last seen: "}[offer_standing(snap, state.link)]
    used = _recent(state.gate, snap.now_s, limits)
    return (
        f"{told}{offer}{decision.in_force}, car {snap.car_power_w:.0f} W, meter {snap.grid_age_s:.0f} s, "
        f"charger {snap.charger_age_s:.0f} s, writes {used}/{limits.comfort_writes_per_window}"
    )


def _facts(
    snap: SiteSnapshot,
    decision: Decision,
    state: LoopState,
    plan: Mapping[str, Any],
    soc: Soc | None,
    limits: Limits,
) -> dict[str, Any]:
    """Return the numbers and words that `explain` and the replay need of a decision."""
    facts: dict[str, Any] = dict(decision.wish.facts)
    until_s = getattr(decision.action, "until_s", None)
    if until_s is not None:
        facts["hold_left_s"] = max(until_s - snap.now_s, 0.0)
    facts |= plan
    facts |= {
        "car_connected": state.link.connected,
        "car_power_w": snap.car_power_w,
        "grid_import_w": snap.grid_import_w,
        "base_import_w": snap.base_import_w,
        "meter_age_s": snap.grid_age_s,
        "meter": snap.grid_quality.name.lower(),
        "charger_age_s": snap.charger_age_s,
        "charger": snap.charger_quality.name.lower(),
        "offer": offer_standing(snap, state.link),
        "writes_15_min": _recent(state.gate, snap.now_s, limits),
        "yielded": state.link.yielded or latches.yielding(state.latched) is not None,
        "latched": ", ".join(latch.kind for latch in state.latched),
        "this_car": describe(state.cars.record, state.cars.own),
        "this_soc": "" if soc is None else str(soc),
    }
    return {key: round(v, 3) if isinstance(v, float) else v for key, v in facts.items()}


def _recent(state: GateState, now_s: float, limits: Limits) -> int:
    return sum(1 for at in state.comfort_writes_s if now_s - at < limits.window_s)


def _ceiling_text(decision: Decision) -> str:
    top = decision.ceiling
    text = f"raise to {top.raise_one_a} A x1 or {top.raise_three_a} A x3 ({top.source})"
    return f"{text}; reduce: {top.reduce_source}" if top.reduce_source else text
