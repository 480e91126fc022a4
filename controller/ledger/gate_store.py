"""The gate's memory over restarts: nothing is kept for it, the writes on record say all it must know."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from math import inf
from typing import Any

from controller.ledger.intent_store import LIMIT_LABEL, IntentStore, Written
from controller.limits import Limits
from controller.line.gate_memory import GateState, raises
from controller.line.link import LATE_S, Link
from controller.line.pending import Pending
from controller.line.phases import PhaseHistory
from controller.model import Charge, Command, Force, Off, PhaseMode, Settings
from controller.units import DAY_S


def restored(intents: IntentStore, now_s: float, limits: Limits) -> GateState:
    """Return the gate's memory after a restart, from the writes on record.

    What was switched lately counts as just switched, so that neither budget nor minimum times start anew;
    while the records cannot be read, everything does.
    """
    if intents.degraded:
        return GateState(off_since_s=now_s, phase=PhaseHistory(now_s), last_raise_s=now_s)
    comfort: list[float] = []
    safety: list[float] = []
    phase = PhaseHistory()
    off_s: float | None = None
    on_s: float | None = None
    raise_s: float | None = None
    asked: dict[str, Any] = {}
    for write in intents.recent(DAY_S):
        at_s = now_s - write.age_s
        (safety if write.safety else comfort).append(at_s)
        if write.command == "off" and "frc" not in write.keys:  # parked: the car had gone
            on_s = off_s = None
            phase = PhaseHistory()
        elif write.command == "off":  # the start is kept: this stop may not have arrived
            off_s = at_s
        elif " x" in write.command:
            again = write.keys.get("frc") == Force.ON  # nobody had seen it start: it began now, if ever
            on_s = at_s if again or on_s is None or (off_s is not None and off_s >= on_s) else on_s
            raise_s = at_s  # or a reduction: too careful is fine here
            if "psm" in write.keys:  # also where it stood so already, on record: that may never have left
                phase = phase.once_more(at_s) if _asked(write) == asked else phase.with_one(at_s)
        asked = _asked(write) or asked
    kept = sorted(comfort)[-limits.writes_per_day :]
    return GateState(
        on_since_s=on_s,
        off_since_s=off_s,
        own_start=on_s is not None,
        phase=phase,
        comfort_writes_s=tuple(kept),
        safety_writes_s=tuple(safety),
        last_raise_s=raise_s,
    )


def read_late(
    intents: IntentStore, state: GateState, now_s: float, limits: Limits, *, gone: bool
) -> GateState:
    """Return the gate's memory with all that is on record, once a disk that was ill at the start is well.

    What was spent before the start counts again; phase changes do unless the car has left (`gone`).
    """
    found = restored(intents, now_s, limits)
    return replace(
        state,
        phase=state.phase if gone else found.phase,
        comfort_writes_s=found.comfort_writes_s,
        safety_writes_s=found.safety_writes_s,
    )


def restored_link(intents: IntentStore, now_s: float, gate: GateState) -> Link:
    """Return what is known of the charger before its first read: what was sent and may only show by and by.

    Without it, a write that a slow cloud delivers after the restart would count as somebody else's, the pilot
    that a phase change breaks as a car that left, and an old report that does not show our last reduction yet
    as the offer there is.
    """
    writes = intents.recent(DAY_S)
    recent = [(now_s - write.age_s, _settings(write.keys)) for write in writes if write.age_s < LATE_S]
    pending = _pending(writes, now_s)
    return Link(
        recent=tuple(recent),
        last_write_s=recent[-1][0] if recent else None,
        phase_write_s=gate.phase.last_change_s,
        pending=pending,
        unseen=pending if pending is not None and pending.raising else None,
    )


def _pending(writes: Sequence[Written], now_s: float) -> Pending | None:
    """Return the last command on record while it may still arrive and no read has shown it."""
    commands = [(write, _command(write)) for write in writes if not write.command.startswith(LIMIT_LABEL)]
    if not commands:
        return None
    last, command = commands[-1]
    if command is None or not last.open or last.age_s >= LATE_S:
        return None
    again = list(takewhile(lambda item: item[0].keys == last.keys, reversed(commands)))
    before = commands[-len(again) - 1][1] if len(again) < len(commands) else None
    starts = last.keys.get("frc") == Force.ON
    raising = raises(before, command) if before is not None else starts
    first_s = now_s - again[-1][0].age_s
    return Pending(
        command,
        _settings(last.keys),
        now_s - last.age_s,
        raising,
        attempts=len(again),
        first_s=None if raising else first_s,
        asked_s=first_s,
    )


def _command(write: Written) -> Command | None:
    """Return the command of a write on record, None for parking and for what is none."""
    if write.command == str(Off()):
        return Off() if "frc" in write.keys else None
    current, _, phases = write.command.partition(" A x")
    return Charge(int(current), 3 if phases == "3" else 1) if current.isdigit() else None


def _asked(write: Written) -> dict[str, Any]:
    """Return the keys of a write but the energy limit, which goes along with any."""
    return {key: value for key, value in write.keys.items() if key != "dwo"}


def _settings(keys: Mapping[str, Any]) -> Settings:
    return Settings(
        keys.get("amp"),
        Force(keys["frc"]) if "frc" in keys else None,
        PhaseMode(keys["psm"]) if "psm" in keys else None,
        (inf if keys["dwo"] is None else keys["dwo"]) if "dwo" in keys else None,
    )
