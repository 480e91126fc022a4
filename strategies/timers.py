"""Thresholds and delays, the way most controllers do it: the baseline, and the choice for who wants it.

The rules are those evcc documents for its PV mode: start at the least current after a surplus for the whole
start delay, track by whole amperes rounded down, change phases when the other number fits, stop after a
deficit at the least current for the whole stop delay. One sample that disagrees starts a delay anew. While
the phase changes of the day are used up it does all that on the phases there are.
"""

from dataclasses import dataclass, replace

from controller.model import Charge, Command, Memory, Off, SiteSnapshot, Wish
from strategies.options import check_number


@dataclass(frozen=True, slots=True)
class Waiting:
    """The delays that run: since when each condition has held (monotonic s), None where it does not.

    `tracked_s` is when the current last followed the sun.
    """

    switch_since_s: float | None = None
    phases_since_s: float | None = None
    tracked_s: float | None = None


@dataclass(frozen=True, slots=True)
class Timers:
    """Switch on watts and seconds.

    `start_delay_s`: surplus for the least current must last this long (60). `stop_delay_s`: so must a deficit
    (180). `up_delay_s`, `down_delay_s`: the same for one to three phases and back (60, 180). `interval_s`:
    the current follows the sun this often (30), so that a day's commands last.
    """

    start_delay_s: float = 60.0
    stop_delay_s: float = 180.0
    up_delay_s: float = 60.0
    down_delay_s: float = 180.0
    interval_s: float = 30.0

    def __post_init__(self) -> None:
        for key in ("start_delay_s", "stop_delay_s", "up_delay_s", "down_delay_s", "interval_s"):
            check_number("timers", key, getattr(self, key), 0, 86_400)

    def initial(self) -> Memory:
        """Return no running delay."""
        return Waiting()

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return what the delays that have run out ask for."""
        surplus_w = snap.surplus_w
        if not snap.car_connected:
            return Wish(Off(), "no car is connected"), Waiting()
        if surplus_w is None:
            return Wish(snap.in_force, "the base load is unknown"), Waiting()
        if isinstance(snap.in_force, Off):
            return self._idle(snap, surplus_w, memory)
        return self._charging(snap, snap.in_force, surplus_w, memory)

    def _idle(self, snap: SiteSnapshot, surplus_w: float, memory: Waiting) -> tuple[Wish, Waiting]:
        options = _phase_options(snap)
        least = Charge(snap.admissible.min_current_a, min(options))
        if surplus_w < least.power_w(snap.voltage_v):
            return Wish(Off(), f"surplus {surplus_w:.0f} W is too little for {least}"), Waiting()
        since_s = snap.now_s if memory.switch_since_s is None else memory.switch_since_s
        left_s = self.start_delay_s - (snap.now_s - since_s)
        if left_s > 0:
            reason = f"surplus {surplus_w:.0f} W must last {left_s:.0f} s more"
            return Wish(Off(), reason, {"time_left_s": left_s}), Waiting(since_s)
        phases = min(options)
        three_w = Charge(snap.admissible.min_current_a, 3).power_w(snap.voltage_v)
        if 3 in options and surplus_w >= max(three_w, self._most_one_phase_w(snap)):
            phases = 3
        target = Charge(snap.admissible.min_current_a, phases)
        return Wish(target, f"surplus lasted {self.start_delay_s:.0f} s"), Waiting()

    def _charging(
        self, snap: SiteSnapshot, present: Charge, surplus_w: float, memory: Waiting
    ) -> tuple[Wish, Waiting]:
        low, high = snap.admissible.min_current_a, snap.admissible.max_current_a
        phases, memory = self._phases(snap, present, surplus_w, memory)
        tracked: Command = snap.in_force
        due = memory.tracked_s is None or snap.now_s - memory.tracked_s >= self.interval_s
        if due or phases != present.phases:
            current_a = int(surplus_w // (phases * snap.voltage_v))
            tracked = Charge(min(max(current_a, low), high), phases)
            memory = replace(memory, tracked_s=snap.now_s)
        deficit = surplus_w < Charge(low, min(_phase_options(snap))).power_w(snap.voltage_v)
        if not deficit:
            return Wish(tracked, f"surplus {surplus_w:.0f} W"), replace(memory, switch_since_s=None)
        since_s = snap.now_s if memory.switch_since_s is None else memory.switch_since_s
        left_s = self.stop_delay_s - (snap.now_s - since_s)
        if left_s > 0:
            reason = f"surplus {surplus_w:.0f} W is too little, off in {left_s:.0f} s"
            return Wish(tracked, reason, {"time_left_s": left_s}), replace(memory, switch_since_s=since_s)
        return Wish(Off(), f"too little surplus for {self.stop_delay_s:.0f} s"), Waiting()

    def _phases(
        self, snap: SiteSnapshot, present: Charge, surplus_w: float, memory: Waiting
    ) -> tuple[int, Waiting]:
        """Return the phases to charge on now, after the delay of a change."""
        three_w = Charge(snap.admissible.min_current_a, 3).power_w(snap.voltage_v)
        up = present.phases == 1 and surplus_w >= three_w and surplus_w > self._most_one_phase_w(snap)
        down = present.phases == 3 and surplus_w < three_w
        if _phase_options(snap) != (1, 3) or not (up or down):
            return present.phases, replace(memory, phases_since_s=None)
        since_s = snap.now_s if memory.phases_since_s is None else memory.phases_since_s
        if snap.now_s - since_s >= (self.up_delay_s if up else self.down_delay_s):
            return (3 if up else 1), replace(memory, phases_since_s=None)
        return present.phases, replace(memory, phases_since_s=since_s)

    @staticmethod
    def _most_one_phase_w(snap: SiteSnapshot) -> float:
        return Charge(snap.admissible.max_current_a, 1).power_w(snap.voltage_v)


def _phase_options(snap: SiteSnapshot) -> tuple[int, ...]:
    """Return the phases to choose from: the last change is waited for, not the next day."""
    return snap.phases_within(snap.admissible.phase_change_holds_s)
