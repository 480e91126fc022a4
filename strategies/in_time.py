"""Is there time? What a car takes at most until a departure, and the moves after which it is still met.

All of it is reckoned from needs and power alone: it holds without plan, prices and network.
"""

from controller.model import NEUTRAL_CAR, Charge, Command, Need, Off, SiteSnapshot
from controller.units import FULL_POWER_SHARE, LATEST_START_MARGIN_S

UNSEEN_W = 2300.0
"""So much is counted on of a car nobody has seen charge: 10 A on one phase (chosen; few cars take less)."""

PHASE_DEAD_S = 60.0
"""Charging that a change of phases costs (chosen: twice the default of [gate] phase_dead_s)."""


def late(snap: SiteSnapshot, margin_s: float) -> Need | None:
    """Return the first need that full power from now on would not meet `margin_s` before its departure."""
    if not snap.car_connected:
        return None
    for need in snap.needs:
        if need.need_wh > 0 and need.need_wh >= most_wh(snap, need.at_s - snap.now_s - margin_s):
            return need
    return None


def most_wh(snap: SiteSnapshot, left_s: float) -> float:
    """Return the most this car takes within `left_s` s from now, in Wh."""
    return max((_most_on_wh(snap, phases, left_s) for phases in snap.admissible.phase_options), default=0.0)


def _most_on_wh(snap: SiteSnapshot, phases: int, left_s: float) -> float:
    """Return the most it takes on so many phases."""
    wait_s = snap.admissible.start_in_s if isinstance(snap.in_force, Off) else 0.0
    if phases != snap.phases_set:
        wait_s = max(wait_s, snap.admissible.phase_change_in_s) + PHASE_DEAD_S
    return _power_w(snap, phases) * max(left_s - wait_s, 0.0) / 3600


def _power_w(snap: SiteSnapshot, phases: int) -> float:
    """Return what is counted on of the most this car takes on so many phases."""
    most = Charge(snap.admissible.max_current_a, phases)
    power_w = snap.car.draw_w(most, snap.voltage_v)
    if power_w <= 0:  # it takes nothing of this, or nobody knows the car: what it is offered counts
        power_w = NEUTRAL_CAR.draw_w(most, snap.voltage_v)
    if snap.car.proven_w is not None:
        power_w = min(power_w, max(snap.car.proven_w, UNSEEN_W))
    return power_w * FULL_POWER_SHARE


def in_time_after(snap: SiteSnapshot, target: Command) -> bool:
    """Return whether all needs can still be met after a move; one that can be undone at once is fine."""
    holds = isinstance(snap.in_force, Charge) if isinstance(target, Off) else target.phases != snap.phases_set
    if not holds:
        return True
    needs = [(need.need_wh, need.at_s - snap.now_s - LATEST_START_MARGIN_S) for need in snap.needs]
    return all(need_wh < _most_after_wh(snap, target, left_s) for need_wh, left_s in needs if need_wh > 0)


def _most_after_wh(snap: SiteSnapshot, target: Command, left_s: float) -> float:
    """Return the most the car takes within `left_s` s if this is done now, and undone as soon as can be."""
    if isinstance(target, Off):
        left_s -= snap.admissible.stop_holds_s
        return most_wh(snap, left_s)
    here_wh = _most_on_wh(snap, target.phases, left_s)
    left, holds_s = snap.admissible.phase_changes_left, snap.admissible.phase_change_holds_s
    others = [other for other in snap.admissible.phase_options if other != target.phases]
    if not others or (left is not None and left <= 1) or left_s <= holds_s:
        return here_wh
    held_wh = _most_on_wh(snap, target.phases, holds_s)
    back_wh = max(_power_w(snap, other) for other in others) * (left_s - holds_s - PHASE_DEAD_S) / 3600
    return max(here_wh, held_wh + back_wh)


def best_phases(snap: SiteSnapshot) -> int:
    """Return the phases that bring most, or those set where they cannot be changed now."""
    most_a = snap.admissible.max_current_a
    # On what is set rather than waiting for more.
    return max(snap.phases_within(0.0), key=lambda p: snap.car.draw_w(Charge(most_a, p), snap.voltage_v))


def fullest(snap: SiteSnapshot) -> Charge:
    """Return the largest set-point there is now."""
    return Charge(snap.admissible.max_current_a, best_phases(snap))
