"""Ready by the departure, as cheaply as prices and sun allow."""

from dataclasses import dataclass, replace

from controller.model import Charge, Command, Memory, Need, Off, SiteSnapshot, Wish
from controller.units import DAY_S, FULL_POWER_SHARE, LATEST_RAISE_MARGIN_S, LATEST_START_MARGIN_S
from strategies import work_function
from strategies.economics import Economics
from strategies.explanation import planned
from strategies.in_time import best_phases, fullest, in_time_after, late
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

TRIAL_S = 180.0
"""So long a car nobody knows is offered all there is: it starts, is seen by the meter, settles (chosen)."""


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
        wish = planned(snap, sparing(snap, kept(snap, wish, economics)), economics)
        trial = on_trial(snap, memory)
        if trial is not None:
            return tried(snap, trial, wish), Standing(past, None, _called_s(snap, memory))
        urgent = overdue(snap, memory.urgent_at_s)
        if urgent is not None:
            return full_power(snap, urgent, wish), Standing(past, urgent.at_s, memory.called_s)
        need = late(snap, LATEST_START_MARGIN_S)
        if need is None:
            return wish, Standing(past)
        called_s = _called_s(snap, memory)
        return awake(snap, need, wish, called_s), Standing(past, None, called_s)


def _called_s(snap: SiteSnapshot, memory: Standing) -> float:
    return snap.now_s if memory.called_s is None else memory.called_s


def on_trial(snap: SiteSnapshot, memory: Standing) -> Need | None:
    """Return the first need where time has come by the little that is known of what this car takes.

    By what it takes then there may be time again. A trial goes on for a while, or until the car takes
    anything: two would be two starts.
    """
    seen = bool(snap.car.proven_w) and snap.now_s - _called_s(snap, memory) >= TRIAL_S
    if seen or memory.urgent_at_s is not None or not snap.car_connected or not _untried(snap):
        return None
    if memory.called_s is None:
        return late(snap, LATEST_START_MARGIN_S)
    return next((need for need in snap.needs if need.need_wh > 0), None)


def _untried(snap: SiteSnapshot) -> bool:
    """Return whether the car was never seen to take what is counted on where so much is offered."""
    proven_w = snap.car.proven_w
    return proven_w is not None and proven_w < FULL_POWER_SHARE * snap.car.draw_w(fullest(snap))


def tried(snap: SiteSnapshot, need: Need, wish: Wish) -> Wish:
    """Return the largest set-point there is, to see what the car takes of it."""
    reason = f"{_missing(need)}: it is tried what this car takes"
    return Wish(fullest(snap), reason, wish.facts)


def overdue(snap: SiteSnapshot, begun_at_s: float | None = None) -> Need | None:
    """Return the first need that only full power from now on still meets, None while there is time.

    What has begun for a departure (`begun_at_s`) goes on until its need is met: the last minutes are no time
    for pauses.
    """
    if begun_at_s is not None and snap.car_connected:
        for need in snap.needs:
            if need.need_wh > 0 and abs(need.at_s - begun_at_s) < SAME_S:
                return need
    return late(snap, LATEST_RAISE_MARGIN_S)


def kept(snap: SiteSnapshot, wish: Wish, economics: Economics) -> Wish:
    """Return the wish, or the best there is without a move after which a need could not be met.

    A stop holds for a while. So does a change of phases, and the last one of a plug-in until its end: who
    goes to one phase soon before the departure stays there.
    """
    target = wish.target
    if in_time_after(snap, target):
        return wish
    here = Charge(snap.admissible.min_current_a, snap.phases_set)
    if isinstance(target, Off):
        return Wish(here, "no stop: a pause now could cost what is needed in time", wish.facts)
    powers_w: dict[Command, float] = {here: snap.car.draw_w(here, snap.voltage_v), Off(): 0.0}
    surplus_w = snap.surplus_w or 0.0
    best = min(powers_w, key=lambda point: economics.running_ct(powers_w[point], surplus_w, 1.0))
    if isinstance(snap.in_force, Off) and snap.admissible.start_in_s > 0:
        best = Off()
    if not in_time_after(snap, best):
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
    if late(snap, LATEST_START_MARGIN_S + WINDOW_S) is None:
        return wish
    return Wish(snap.in_force, "no move: the commands that are left are kept for full power", wish.facts)


def awake(snap: SiteSnapshot, need: Need, wish: Wish, called_s: float) -> Wish:
    """Return the wish, or the least charging on the phases that bring most: full power is minutes away.

    A car that does not wake up at the least current within a minute from `called_s` on is offered all.
    """
    phases, drawing = best_phases(snap), snap.car_power_w > DRAWING_W
    if not drawing and snap.now_s - called_s >= WAKING_S:
        return full_power(snap, need, wish)
    on = isinstance(wish.target, Charge) and wish.target.phases == phases
    if on and wish.facts.get("next") != str(Off()):
        return wish
    reason = f"{_missing(need)}, in minutes all that is allowed: the car is to be awake"
    if on:  # it would be stopped next, and is not
        return Wish(wish.target, reason, wish.facts)
    return Wish(Charge(snap.admissible.min_current_a, phases), reason, wish.facts)


def full_power(snap: SiteSnapshot, need: Need, wish: Wish) -> Wish:
    """Return the largest set-point there is, with the reason; `wish` is what the engine had said."""
    charging = isinstance(snap.in_force, Charge)
    left_h = max(need.at_s - snap.now_s, 0.0) / 3600
    reason = f"{_missing(need)} with {left_h:.1f} h left: "
    reason += f"{'all' if charging else 'from now on all'} that is allowed until the departure"
    return Wish(fullest(snap), reason, wish.facts)


def _missing(need: Need) -> str:
    return f"{need.need_wh / 1000:.1f} kWh are missing"
