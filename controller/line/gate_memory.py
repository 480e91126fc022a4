"""What the gate remembers: when it was on, off, written, raised; and the waiting times that follow."""

from dataclasses import dataclass, replace

from controller.limits import Limits
from controller.line.link import DRAWING_W, Link
from controller.line.phases import PhaseHistory
from controller.model import Charge, Command, Force, Off, Send, SiteSnapshot
from controller.units import DAY_S

UNANSWERED_S = 120.0
"""A car that takes nothing of an offer for this long does not want it now: no raises, no chasing the sun."""

UNANSWERED_OFF_FACTOR = 6
"""How much longer such a car is left in peace after a stop: a full car shall not cost writes all day."""


@dataclass(frozen=True, slots=True)
class GateState:
    """What the gate remembers: times of moves and writes, all monotonic seconds."""

    on_since_s: float | None = None
    off_since_s: float | None = None
    own_start: bool = False
    unanswered: bool = False
    phase: PhaseHistory = PhaseHistory()  # noqa: RUF009 - frozen
    comfort_writes_s: tuple[float, ...] = ()
    safety_writes_s: tuple[float, ...] = ()
    last_raise_s: float | None = None


def follow(state: GateState, link: Link, before: Link, now_s: float) -> GateState:
    """Return the gate's memory after what happened at the charger: starts and stops not ours, unplugs."""
    if not link.connected:
        if link.gone and not before.gone:  # perhaps while the service was down
            return replace(
                state,
                on_since_s=None,
                off_since_s=None,
                own_start=False,
                unanswered=False,
                phase=PhaseHistory(),
            )
        return state
    charging = isinstance(link.in_force, Charge)
    if link.rebooted_s != before.rebooted_s:  # whatever it was, it counts as just switched
        own = state.own_start and charging and isinstance(before.in_force, Charge)
        state = replace(state, own_start=own)
        return replace(state, on_since_s=now_s if charging else None, off_since_s=None if charging else now_s)
    if charging and state.on_since_s is None:
        late = any(settings.force is Force.ON for settings in before.under_way(now_s))
        return replace(state, on_since_s=now_s, off_since_s=None, own_start=late)
    if _stopping(state):
        if charging:  # the stop has not arrived: what we started goes on, and for as long as it should
            return replace(state, off_since_s=None)
        return state if link.pending is not None else replace(state, on_since_s=None, own_start=False)
    if not charging and state.on_since_s is not None:
        never_began = state.own_start and link.pending is not None and link.pending.failed
        off_since_s = state.off_since_s if never_began else now_s
        return replace(state, on_since_s=None, off_since_s=off_since_s, own_start=False)
    unanswered = _unanswered(link, now_s)
    if charging and unanswered != state.unanswered:
        return replace(state, unanswered=unanswered)
    return state


def _stopping(state: GateState) -> bool:
    """Return whether a stop of ours was sent and is not known to have arrived."""
    if state.on_since_s is None or state.off_since_s is None:
        return False
    return state.off_since_s >= state.on_since_s  # alike: found charging, and stopped at the first look


def raises(present: Command, target: Command) -> bool:
    """Return whether a phase could carry more after the move than before."""
    if isinstance(target, Off):
        return False
    if isinstance(present, Off):
        return True
    return target.current_a > present.current_a or target.phases > present.phases


def counted(state: GateState, now_s: float) -> GateState:
    """Return the memory with one more write for comfort on the budget."""
    comfort = (*[at for at in state.comfort_writes_s if now_s - at < DAY_S], now_s)
    return replace(state, comfort_writes_s=comfort)


def wrote(state: GateState, action: Send, link: Link, now_s: float) -> GateState:
    """Return the memory after a write left; `link` is the one before it."""
    if action.safety:
        safety = (*[at for at in state.safety_writes_s if now_s - at < DAY_S], now_s)
        state = replace(state, safety_writes_s=safety)
    else:
        state = counted(state, now_s)
    if raises(link.in_force, action.command):
        state = replace(state, last_raise_s=now_s)
    again = link.pending is not None and link.pending.settings == action.settings
    if not link.connected:
        return state
    if again and action.settings.phase_mode is not None:
        state = replace(state, phase=state.phase.once_more(now_s))
    elif isinstance(action.command, Charge) and not again and action.command.phases != link.phases_set:
        state = replace(state, phase=state.phase.with_one(now_s))
    if isinstance(action.command, Charge) and isinstance(link.in_force, Off):
        # The time of the last stop is kept: should this start not arrive, it has not ended the pause. Asked
        # for once more it begins now, and is ours as the first time.
        return replace(state, on_since_s=now_s, own_start=True, unanswered=False)
    if isinstance(action.command, Off) and isinstance(link.in_force, Charge):
        # A box that loses the current of a start is left in peace as long as a car that takes nothing.
        # The time of the start is kept: should this stop not arrive, it has not ended the charging.
        in_vain = state.unanswered or link.too_much
        return replace(state, off_since_s=now_s, unanswered=in_vain)
    return state


def _unanswered(link: Link, now_s: float) -> bool:
    return link.idle_since_s is not None and now_s - link.idle_since_s >= UNANSWERED_S


def start_in_s(state: GateState, now_s: float, limits: Limits) -> float:
    if state.off_since_s is None:
        return 0.0
    return max(state.off_since_s + stop_holds_s(state, limits) - now_s, 0.0)


def stop_holds_s(state: GateState, limits: Limits) -> float:
    """Return how long the charger stays off after a stop; longer where the car took nothing."""
    return limits.min_off_s * (UNANSWERED_OFF_FACTOR if state.unanswered else 1)


def unrecorded_in_s(state: GateState, snap: SiteSnapshot, limits: Limits) -> float:
    """Return the seconds until the next raise that may go on no record, 0 while the ledger is well."""
    if not snap.ledger_degraded or state.last_raise_s is None:
        return 0.0
    return max(state.last_raise_s + limits.unrecorded_raise_s - snap.now_s, 0.0)


def stop_in_s(state: GateState, link: Link, snap: SiteSnapshot, limits: Limits) -> float:
    """Return the rest of the minimum on time; a start that was not ours has none."""
    if unpausable(state, link, snap, limits):
        return float("inf")
    if state.on_since_s is None or not state.own_start:
        return 0.0
    return max(state.on_since_s + limits.min_on_s - snap.now_s, 0.0)


def unpausable(state: GateState, link: Link, snap: SiteSnapshot, limits: Limits) -> bool:
    """Return whether the car charges and would not come back from a stop for comfort.

    A start that was not ours may still be stopped until we have written, or let it be for the least on time.
    """
    if snap.car.survives_pauses is not False or snap.car_power_w <= DRAWING_W:
        return False
    adopted = state.on_since_s is not None and snap.now_s - state.on_since_s >= limits.min_on_s
    return isinstance(link.in_force, Charge) and (adopted or not link.unasked)
