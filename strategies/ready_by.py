"""Ready by the departure, as cheaply as prices and sun allow."""

from dataclasses import dataclass, replace

from controller.model import NEUTRAL_CAR, Charge, Command, Memory, Need, Off, SiteSnapshot, Wish
from controller.units import DAY_S, FULL_POWER_SHARE, LATEST_RAISE_MARGIN_S, LATEST_START_MARGIN_S
from strategies import work_function
from strategies.economics import Economics
from strategies.options import check_number, planned_economics

SAME_S = 120.0
"""Two departures nearer to each other than this are the same one, seen through a clock that was set."""

DRAWING_W = 200.0
"""A car that takes more than this is awake (chosen; the least offer is 1380 W)."""

WAKING_S = 60.0
"""A car that takes nothing of the least current for so long is offered all there is (chosen; a start takes
half a minute at most)."""

KEPT_WRITES = 3
"""So many commands are kept for the last minutes: a start, full power, and one that is lost (chosen)."""

KEPT_TODAY = 4
"""The same of the day's commands, with the stop that may come before."""

WINDOW_S = 900.0
"""A spent write budget is whole again after this long without a command."""

PHASE_DEAD_S = 60.0
"""Charging that a change of phases costs (chosen: twice the default of [gate] phase_dead_s)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The memory: the engine's past, the departure (monotonic) that full power has begun for.

    `called_s` is since when the car is to be awake.
    """

    past: work_function.Past | None = None
    urgent_at_s: float | None = None
    called_s: float | None = None


@dataclass(frozen=True, slots=True)
class ReadyBy:
    """Follow the plan's value of a kWh; from the latest start on charge, in the end with all that is allowed.

    At the latest start the car has to charge at all, on the phases that bring most: it is awake then, and to
    raise a current takes seconds. So it may follow the sun until only full power is left.

    The latest start is computed here, from needs and power alone: it holds without plan, prices and network.
    `value_ct_per_kwh`: what a kWh is worth while nothing is planned (default: midway between feed-in and
    import price).
    """

    value_ct_per_kwh: float | None = None

    def __post_init__(self) -> None:
        if self.value_ct_per_kwh is not None:
            check_number("ready_by", "value_ct_per_kwh", self.value_ct_per_kwh, -100, 200)

    def initial(self) -> Memory:
        """Return a memory without past: it begins with the first car."""
        return Standing()

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return what the engine wants at the plan's value, or full power when time has come."""
        economics = planned_economics(snap, self.value_ct_per_kwh)
        wish, past = work_function.decide(spared(snap), memory.past, economics)
        wish = explained(snap, sparing(snap, kept(snap, wish, economics)), economics)
        urgent = overdue(snap, memory.urgent_at_s)
        if urgent is not None:
            return full_power(snap, urgent, wish), Standing(past, urgent.at_s, memory.called_s)
        need = _late(snap, LATEST_START_MARGIN_S)
        if need is None:
            return wish, Standing(past)
        called_s = snap.now_s if memory.called_s is None else memory.called_s
        return awake(snap, need, wish, called_s), Standing(past, None, called_s)


def overdue(snap: SiteSnapshot, begun_at_s: float | None = None) -> Need | None:
    """Return the first need that only full power from now on still meets, None while there is time.

    What has begun for a departure (`begun_at_s`) goes on until its need is met: the last minutes are no time
    for pauses.
    """
    if begun_at_s is not None and snap.car_connected:
        for need in snap.needs:
            if need.need_wh > 0 and abs(need.at_s - begun_at_s) < SAME_S:
                return need
    return _late(snap, LATEST_RAISE_MARGIN_S)


def _late(snap: SiteSnapshot, margin_s: float) -> Need | None:
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
    return power_w * FULL_POWER_SHARE


def kept(snap: SiteSnapshot, wish: Wish, economics: Economics) -> Wish:
    """Return the wish, or the best there is without a move after which a need could not be met.

    A stop holds for a while. So does a change of phases, and the last one of a plug-in until its end: who
    goes to one phase soon before the departure stays there.
    """
    target = wish.target
    if _in_time_after(snap, target):
        return wish
    here = Charge(snap.admissible.min_current_a, snap.phases_set)
    if isinstance(target, Off):
        return Wish(here, "no stop: a pause now could cost what is needed in time", wish.facts)
    powers_w: dict[Command, float] = {here: snap.car.draw_w(here, snap.voltage_v), Off(): 0.0}
    surplus_w = snap.surplus_w or 0.0
    best = min(powers_w, key=lambda point: economics.running_ct(powers_w[point], surplus_w, 1.0))
    if isinstance(snap.in_force, Off) and snap.admissible.start_in_s > 0:
        best = Off()
    if not _in_time_after(snap, best):
        best = here
    reason = f"the phases are not changed: {target.phases} could not bring what is needed in time"
    return Wish(best, reason, wish.facts)


def spared(snap: SiteSnapshot) -> SiteSnapshot:
    """Return the snapshot, only a stop allowed where a departure needs what is left of the day's commands.

    They come back a day later only: who follows the sun to the last one cannot start for the departure.
    """
    left = snap.admissible.writes_left_today
    if left is None or left > KEPT_TODAY:
        return snap
    if not any(need.need_wh > 0 and need.at_s - snap.now_s < DAY_S for need in snap.needs):
        return snap
    return replace(snap, admissible=replace(snap.admissible, only_stop=True))


def sparing(snap: SiteSnapshot, wish: Wish) -> Wish:
    """Return the wish, or what is in force where the sun would use up the commands that the end needs."""
    left = snap.admissible.writes_left
    if left is None or left > KEPT_WRITES or wish.target == snap.in_force:
        return wish
    if _late(snap, LATEST_START_MARGIN_S + WINDOW_S) is None:
        return wish
    return Wish(snap.in_force, "no move: the commands that are left are kept for full power", wish.facts)


def _in_time_after(snap: SiteSnapshot, target: Command) -> bool:
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


def awake(snap: SiteSnapshot, need: Need, wish: Wish, called_s: float) -> Wish:
    """Return the wish, or the least charging on the phases that bring most: full power is minutes away.

    A car that does not wake up at the least current within a minute from `called_s` on is offered all.
    """
    phases, drawing = _best_phases(snap), snap.car_power_w > DRAWING_W
    if not drawing and snap.now_s - called_s >= WAKING_S:
        return full_power(snap, need, wish)
    on = isinstance(wish.target, Charge) and wish.target.phases == phases
    if on and wish.facts.get("next") != str(Off()):
        return wish
    reason = (
        f"{need.need_wh / 1000:.1f} kWh are missing, in minutes all that is allowed: the car is to be awake"
    )
    if on:  # it would be stopped next, and is not
        return Wish(wish.target, reason, wish.facts)
    return Wish(Charge(snap.admissible.min_current_a, phases), reason, wish.facts)


def _best_phases(snap: SiteSnapshot) -> int:
    """Return the phases that bring most, or those set where they cannot be changed now."""
    now, options = snap.admissible, snap.admissible.phase_options
    if now.phase_change_in_s > 0 and snap.phases_set in options:
        return snap.phases_set  # charge on what is set rather than wait for more
    return max(options, key=lambda p: snap.car.draw_w(Charge(now.max_current_a, p), snap.voltage_v))


def full_power(snap: SiteSnapshot, need: Need, wish: Wish) -> Wish:
    """Return the largest set-point there is, with the reason; `wish` is what the engine had said."""
    charging = isinstance(snap.in_force, Charge)
    target = Charge(snap.admissible.max_current_a, _best_phases(snap))
    left_h = max(need.at_s - snap.now_s, 0.0) / 3600
    reason = f"{need.need_wh / 1000:.1f} kWh are missing with {left_h:.1f} h left: "
    reason += f"{'all' if charging else 'from now on all'} that is allowed until the departure"
    return Wish(target, reason, wish.facts)


def explained(snap: SiteSnapshot, wish: Wish, economics: Economics) -> Wish:
    """Return the wish with what the plan said, for those who ask why."""
    if not snap.car_connected:
        return wish
    facts: dict[str, float | str] = dict(wish.facts)
    facts["value_ct_per_kwh"] = economics.value_ct
    if snap.worth is not None:
        facts["worth"] = snap.worth.reason
    if snap.needs:
        facts["need_wh"] = snap.needs[0].need_wh
        facts["need_left_s"] = snap.needs[0].at_s - snap.now_s
    return Wish(wish.target, wish.reason, facts)
