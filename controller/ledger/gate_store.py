"""The gate's memory over restarts: nothing is kept for it, the writes on record say all it must know."""

from controller.ledger.intent_store import IntentStore
from controller.limits import Limits
from controller.line.gate_memory import GateState
from controller.line.phases import PhaseHistory


def restored(intents: IntentStore, now_s: float, limits: Limits) -> GateState:
    """Return the gate's memory after a restart, from the writes on record.

    What was switched lately counts as just switched, so that neither budget nor minimum times start anew;
    while the records cannot be read, everything does.
    """
    if intents.degraded:
        return GateState(off_since_s=now_s, phase=PhaseHistory(now_s), last_raise_s=now_s)
    comfort: list[float] = []
    safety: list[float] = []
    changes_s: list[float] = []
    off_s: float | None = None
    raise_s: float | None = None
    phases = ""
    for age_s, is_safety, command in intents.recent(86_400.0):
        (safety if is_safety else comfort).append(now_s - age_s)
        if command == "off":
            off_s = now_s - age_s
        elif " x" in command:
            raise_s = now_s - age_s  # or a reduction: too careful is fine here
            if phases and command[-1] != phases:
                changes_s.append(now_s - age_s)
            phases = command[-1]
    kept = sorted(comfort)[-limits.writes_per_day :]
    return GateState(
        off_since_s=off_s,
        phase=PhaseHistory(changes_s[-1] if changes_s else None, tuple(changes_s)),
        comfort_writes_s=tuple(kept),
        safety_writes_s=tuple(safety),
        last_raise_s=raise_s,
    )
