"""Is it worth a write now, and is one allowed? Owns what protects hardware, cloud and people's nerves.

Theory of operation. The gate takes the wish, the ceiling and the link, and lets through one write or none.
Authority, highest first:

1. a safety reduction the envelope demands: past every timer and budget, but 5 s after the last write;
2. the user's own app or button: while yielded nothing else is sent;
3. the strategy's wish, clipped to the ceiling and delayed by what protects the hardware: minimum on and off
   time, distance and number of phase changes, one open write at a time;
4. the write budget: writes for comfort leave a reserve that only safety may use. It is a sliding window, so
   the promise "never more than nine in any 15 minutes" holds to the letter.

A raise needs fresh meter, fresh charger, and no write still open; while the ledger cannot be written it also
needs 600 s since the last one. Lowering needs none of that.
"""

from math import exp

from controller.limits import Limits
from controller.line import budget
from controller.line.gate_memory import (
    GateState,
    raises,
    start_in_s,
    stop_holds_s,
    stop_in_s,
    unpausable,
    unrecorded_in_s,
)
from controller.line.link import LATE_S, Link
from controller.line.pending import GIVEN_UP_S
from controller.line.phases import Switching, change_in_s, changes_left, options, switching
from controller.model import (
    Action,
    Admissible,
    Ceiling,
    Charge,
    Command,
    Force,
    Hold,
    Off,
    PhaseMode,
    Quality,
    Send,
    Settings,
    SiteSnapshot,
    Wish,
    amps,
)
from controller.units import MIN_CURRENT_A


def admissible(state: GateState, link: Link, snap: SiteSnapshot, limits: Limits) -> Admissible:
    """Return what would be let through now, for the strategy to mask its choice with."""
    now_s, writes_s = snap.now_s, state.comfort_writes_s
    under_way = switching(link, now_s, limits) is not Switching.STABLE
    hardware_a = snap.charger.hardware_limit_a if snap.charger else None
    max_a = limits.max_current_a if hardware_a is None else min(limits.max_current_a, hardware_a)
    least_a = max(limits.min_current_a, snap.car.min_current_a or 0)
    max_a = min(max_a, snap.car.max_current_a or max_a)
    phase_in_s = change_in_s(state.phase, now_s, limits)
    if under_way:
        phase_in_s = max(phase_in_s, 1.0)
    return Admissible(
        start_in_s=max(start_in_s(state, now_s, limits), unrecorded_in_s(state, snap, limits)),
        stop_in_s=stop_in_s(state, link, snap, limits),
        phase_change_in_s=phase_in_s,
        min_current_a=max(min(least_a, max_a), limits.min_current_a),
        max_current_a=max(max_a, limits.min_current_a),
        phase_options=options(snap.charger, link.phases_set, limits, snap.car),
        only_stop=budget.left(writes_s, now_s, limits)
        == 0
        < budget.left(writes_s, now_s, limits, stopping=True),
        phase_changes_left=changes_left(state.phase, now_s, limits),
        phase_change_holds_s=limits.phase_change_min_s,
        stop_holds_s=stop_holds_s(state, limits),
        writes_left=budget.left(writes_s, now_s, limits),
        writes_left_today=budget.left_today(writes_s, now_s, limits),
    )


def phase_price_ct(state: GateState, now_s: float, base_ct: float, limits: Limits) -> float:
    """Return the price of a phase change: the more there were of late, the dearer, so that some are left.

    All used up within a wild hour, they would leave the car on one phase for the rest of the day.
    """
    used = state.phase.weight(now_s) / max(limits.phase_changes_per_day, 1)
    return base_ct * exp(limits.phase_price_slope * used)


def admit(
    state: GateState, link: Link, snap: SiteSnapshot, wish: Wish, top: Ceiling, limits: Limits
) -> Action:
    """Return the one write of this tick, or why there is none."""
    now_s = snap.now_s
    present = link.in_force
    gap_s = None if link.last_write_s is None else link.last_write_s + limits.write_gap_s
    if link.connected and isinstance(present, Charge) and top.reduce_to_a < present.current_a:
        if gap_s is not None and now_s < gap_s:
            return Hold(
                f"{top.reduce_source}; the last write is less than {limits.write_gap_s:.0f} s old", gap_s
            )
        stays = stop_in_s(state, link, snap, limits) > 0
        wished_a = amps(present) if link.yielded or (stays and wish.target == Off()) else amps(wish.target)
        return _patiently(link, _reduction(link, present, wished_a, top), now_s)
    if link.too_much and link.connected:
        reason = "the start arrived without its current: more is offered than was decided"
        if gap_s is not None and now_s < gap_s:
            return Hold(f"{reason}; the last write is less than {limits.write_gap_s:.0f} s old", gap_s)
        return _patiently(link, Send(Off(), settings_for(Off(), link), True, reason), now_s)
    if not link.known:
        return Hold("the charger has not been read yet")
    if link.yielded:
        return Hold(
            "somebody changed the charger by app or button; it stays theirs until the car is unplugged"
        )
    if gap_s is not None and now_s < gap_s:
        return Hold("the last write is too recent", gap_s)
    if not link.connected:
        return _park(state, link, snap, limits)
    return _comfort(state, link, snap, wish, top, limits)


def _reduction(link: Link, present: Charge, wished_a: int, top: Ceiling) -> Send:
    """Return the safety reduction; a wish that may go lower still saves a second write."""
    to_a = min(top.reduce_to_a, wished_a, link.least_a)
    command: Command = Charge(to_a, present.phases) if to_a >= MIN_CURRENT_A else Off()
    return Send(command, settings_for(command, link), True, top.reduce_source)


def _patiently(link: Link, reduction: Send, now_s: float) -> Action:
    """Return the reduction, or a pause where the same one was sent often and nobody took it."""
    due_s = now_s if link.pending is None else link.pending.urgent_s(reduction.command)
    return reduction if now_s >= due_s else Hold(f"{reduction.reason}; asked in vain, and again soon", due_s)


def _open(link: Link, target: Command, now_s: float, limits: Limits) -> Hold | None:
    """Return why the open write of this very command is not sent again now, None if it is due."""
    pending = link.pending
    if pending is None or pending.command != target:
        return None
    due_s = pending.retry_s()
    untold = not link.tells_of(pending)
    if not pending.raising and untold:  # it may well have arrived: the news is old
        due_s = max(due_s, pending.sent_s + limits.charger_fresh_s)
    if now_s >= due_s:
        return None
    if pending.refused:
        return Hold("the charger refused this; it is tried again after ten minutes", due_s)
    if pending.failed and due_s - pending.sent_s >= GIVEN_UP_S:
        return Hold("this did not arrive after four tries; tried again after a quarter of an hour", due_s)
    return Hold("waiting to see the last write at the charger", due_s)


def _comfort(
    state: GateState, link: Link, snap: SiteSnapshot, wish: Wish, top: Ceiling, limits: Limits
) -> Action:
    """Return the strategy's move, clipped and checked, or what stands against it."""
    present, now_s = link.in_force, snap.now_s
    wish = _instead_of_a_pause(state, link, snap, wish, limits)
    target, clipped = _clip(present, wish, top, limits)
    again = link.pending is not None and link.pending.command == target
    if target == present and not again:
        return Hold(f"limited by {top.source}" if clipped else wish.reason)
    why_not = (
        _open(link, target, now_s, limits)
        or _against_stop(state, link, snap, target, limits)
        or _against_phases(state, link, snap, target, limits)
        or _against_raise(state, link, snap, present, target, limits)
    )
    if why_not is not None:
        return why_not
    if budget.left(state.comfort_writes_s, now_s, limits, stopping=isinstance(target, Off)) == 0:
        return Hold(
            "the write budget is spent; what is kept in reserve is for safety",
            budget.next_s(state.comfort_writes_s, limits),
        )
    reason = f"{wish.reason}, limited by {top.source}" if clipped else wish.reason
    return Send(target, settings_for(target, link), False, reason)


def _clip(present: Command, wish: Wish, top: Ceiling, limits: Limits) -> tuple[Command, bool]:
    """Return the wish under the ceiling: what cannot be raised to stays where it is or lower."""
    target = wish.target
    if isinstance(target, Off):
        return target, False
    same_phases = isinstance(present, Charge) and present.phases == target.phases
    if not raises(present, target) and (same_phases or target.current_a <= limits.unbalance_limit_a):
        return target, False  # the phase that is used alone is one of the three: none carries more
    most_a = top.raise_to_a(target.phases)
    if same_phases:
        most_a = max(most_a, amps(present))
    if target.current_a <= most_a:
        return target, False
    if most_a < limits.min_current_a:
        return present, True
    return Charge(most_a, target.phases), True


def _instead_of_a_pause(state: GateState, link: Link, snap: SiteSnapshot, wish: Wish, limits: Limits) -> Wish:
    """Return the wish, a stop turned into the least current for a car that would not come back from it."""
    if isinstance(wish.target, Charge) or not unpausable(state, link, snap, limits):
        return wish
    assert isinstance(link.in_force, Charge)
    least_a = min(snap.admissible.min_current_a, link.in_force.current_a)
    reason = "this car does not resume after pauses: the least current instead of a stop"
    return Wish(Charge(least_a, link.in_force.phases), reason, wish.facts)


def _against_stop(
    state: GateState, link: Link, snap: SiteSnapshot, target: Command, limits: Limits
) -> Hold | None:
    if isinstance(target, Charge) or isinstance(link.in_force, Off):
        return None
    left_s = stop_in_s(state, link, snap, limits)
    return Hold(f"minimum on time, {left_s:.0f} s left", snap.now_s + left_s) if left_s > 0 else None


def _against_phases(
    state: GateState, link: Link, snap: SiteSnapshot, target: Command, limits: Limits
) -> Hold | None:
    now_s = snap.now_s
    if isinstance(target, Off):
        return None
    if switching(link, now_s, limits) is not Switching.STABLE:
        return Hold("a phase change is under way; only a stop may pass")
    late = link.pending
    late_s = min(LATE_S, limits.phase_give_up_s)
    may_arrive = late is not None and not late.refused and now_s - late.sent_s < late_s
    # No read has shown it, but a slow cloud may still bring it: taken back, the box would change twice.
    if late is not None and may_arrive and late.settings.phase_mode not in (None, mode_of(target)):
        return Hold("a phase change of ours may still arrive", late.sent_s + late_s)
    if target.phases == link.phases_set:
        return None
    if target.phases not in options(snap.charger, link.phases_set, limits, snap.car):
        if snap.car.phases_used == 1:
            return Hold("this car uses one phase; no phases are changed for it")
        return Hold("this charger or config does not switch phases")
    left_s = change_in_s(state.phase, now_s, limits)
    if left_s == float("inf"):
        return Hold("no phase changes are allowed here")
    if left_s > limits.phase_change_min_s:
        most = limits.phase_changes_per_day
        return Hold(f"{most} phase changes are enough for 24 h, {left_s / 3600:.1f} h left", now_s + left_s)
    if left_s > 0:
        return Hold(f"the last phase change is too recent, {left_s:.0f} s left", now_s + left_s)
    return None


def _against_raise(
    state: GateState, link: Link, snap: SiteSnapshot, present: Command, target: Command, limits: Limits
) -> Hold | None:
    # After a while an unseen reduction of ours counts as in force no more, but it may be: see "retry_s".
    unseen = link.pending is not None and link.pending.open and raises(link.pending.command, target)
    if link.unseen is not None and link.unseen.command == target:
        return Hold("no read has come since the last write", link.unseen.retry_s())
    if isinstance(target, Off):
        return None
    if not (raises(present, target) or unseen):
        starts = settings_for(target, link).force is Force.ON
        if starts and snap.charger_quality is not Quality.FRESH:
            return Hold("nothing is started on data that is not fresh")  # it may have been stopped by then
        return None
    if snap.grid_quality is not Quality.FRESH or snap.charger_quality is not Quality.FRESH:
        return Hold("nothing is raised on data that is not fresh")
    unrecorded_s = unrecorded_in_s(state, snap, limits)
    if unrecorded_s > 0:
        return Hold("the ledger cannot be written; raises are rare until it can", snap.now_s + unrecorded_s)
    if link.pending is not None and link.pending.command != target and link.pending.open:
        return Hold("nothing is raised while a write is open", link.pending.retry_s())
    if link.pending is not None and link.pending.command == target:
        return None  # the second try of a start has waited its time already
    if isinstance(present, Off):
        left_s = start_in_s(state, snap.now_s, limits)
        return Hold(f"minimum off time, {left_s:.0f} s left", snap.now_s + left_s) if left_s > 0 else None
    if state.unanswered and not snap.car.try_higher:
        return Hold("the car takes nothing of what is offered; nothing is raised until it does")
    return None


def mode_of(command: Charge) -> PhaseMode:
    """Return the phase setting of a command."""
    return PhaseMode.THREE if command.phases == 3 else PhaseMode.ONE


def settings_for(command: Command, link: Link) -> Settings:
    """Return the keys of a command: a stop is `frc` alone, a start always carries its `amp`."""
    if isinstance(command, Off):
        return Settings(force=Force.OFF)
    knobs = link.knobs
    mode = mode_of(command)
    moving = link.pending is not None and link.pending.settings.force is not None
    starting = knobs.force is not Force.ON or (moving and not link.seen_on)
    other_phases = knobs.phase_mode is not None and knobs.phase_mode is not mode
    if link.pending is not None and link.pending.settings.phase_mode not in (None, mode):
        other_phases = True
    return Settings(
        current_a=command.current_a,
        force=Force.ON if starting else None,
        phase_mode=mode if other_phases else None,
    )


def _park(state: GateState, link: Link, snap: SiteSnapshot, limits: Limits) -> Action:
    """Leave an idle charger at the least current on one phase: the next car may start by itself there."""
    if snap.charger is None or snap.charger_quality is not Quality.FRESH or not link.gone:
        return Hold("no car is connected")
    wanted = _parking(link, can_switch=len(options(snap.charger, link.phases_set, limits)) == 2)
    if wanted is None:
        return Hold("no car is connected")
    due_s = link.pending.retry_s() if link.pending is not None else 0.0
    # An idle charger is read seldom: what no read could show yet has not failed.
    unseen = link.last_write_s is not None and snap.charger.data_s <= link.last_write_s
    if snap.now_s < due_s or unseen:
        return Hold("no car is connected; waiting to see the charger parked", due_s)
    if budget.left(state.comfort_writes_s, snap.now_s, limits) == 0:
        return Hold("no car is connected; the write budget is spent")
    return Send(Off(), wanted, False, "no car: parked at the least current on one phase")


def _parking(link: Link, *, can_switch: bool) -> Settings | None:
    """Return the keys that park an idle charger, None if it stands so as far as it reports."""
    current_a = MIN_CURRENT_A if link.knobs.current_a not in (None, MIN_CURRENT_A) else None
    phase_mode = PhaseMode.ONE if can_switch and link.knobs.phase_mode not in (None, PhaseMode.ONE) else None
    if current_a is None and phase_mode is None:
        return None
    return Settings(current_a=current_a, phase_mode=phase_mode)
