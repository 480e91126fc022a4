"""SmartEVSE 3.5 in Solar mode, from its described behaviour, in own words.

Modelled: a step per meter reading (2 s) on the sum of the phase currents; start below 4 A of export in sum
for 60 s, 40 s at the least current, then the integral rule that is slow up and fast down; stop after 10 min
of import at the least current, but only where stopping would not fulfil the start condition again; three
phases at a start with 21 A to spare, from one to three at its maximum with 5 A to spare for 60 s, back after
30 s or 10 min by the size of the shortfall. Not modelled: fuse, other boxes, capacity tariffs.

Chosen where the description is silent: half the import is shared by the phases in use; a phase change begins
at the least current like a start. It sits in the box and sets a duty cycle in steps of 0.1 A; the box of the
comparison takes whole amperes, so an ampere is passed on once the set-point has moved by it. Its writes cost
it no command in reality. The 2 s a command takes here are not its own either: its fast fall is repeated until
the effect shows, and it swings by 1 to 2 A where a direct wire would swing less.
"""

from collections.abc import Sequence

from benchmarks.baselines.amperes import followed
from benchmarks.baselines.delay import Delay
from benchmarks.contest import Order, View

START_EXPORT_A = 4.0
START_DELAY_S = 60
HOLD_S = 40
STOP_DELAY_S = 600
SHORT_DELAY_S = 30
UP_DELAY_S = 60
NEAR_MAX_A = 0.8


class SmartEvse:
    """One box with an automatic contactor for the phases."""

    interval_s = 2

    def __init__(self) -> None:
        self.set_a = 0.0
        self.hold_until_s = 0
        self.start, self.stop, self.up, self.short, self.far = Delay(), Delay(), Delay(), Delay(), Delay()

    def decide(self, view: View) -> Sequence[Order]:
        """Take one reading of the meter."""
        sum_a = view.grid_import_w / view.voltage_v
        if not view.enabled:
            return self._idle(view, sum_a)
        if view.now_s < self.hold_until_s:
            return []
        if self._stops(view, sum_a):
            return [Order(enabled=False)]
        phases = self._phases(view, sum_a)
        if phases != view.phases:
            self._begin(view)
            return [Order(phases=phases), *self._offer(view)]
        self.set_a = min(max(self.set_a + _step_a(sum_a, view.phases), view.min_a), view.max_a)
        return self._offer(view)

    def _idle(self, view: View, sum_a: float) -> list[Order]:
        if self.start.lasted_s(sum_a < -START_EXPORT_A, view.now_s) < START_DELAY_S:
            return []
        phases = 3 if -sum_a >= 3 * view.min_a + 3 else 1
        self._begin(view)
        change = [] if phases == view.phases else [Order(phases=phases)]
        return [*change, Order(current_a=view.min_a), Order(enabled=True)]

    def _begin(self, view: View) -> None:
        """Start at the least current with all timers at zero."""
        self.set_a, self.hold_until_s = float(view.min_a), view.now_s + HOLD_S
        for delay in (self.start, self.stop, self.up, self.short, self.far):
            delay.clear()

    def _offer(self, view: View) -> list[Order]:
        """Return the write of a set-point that has moved by a whole ampere, none otherwise."""
        current_a = followed(self.set_a, view.offered_a)
        return [] if current_a == view.offered_a else [Order(current_a=current_a)]

    def _stops(self, view: View, sum_a: float) -> bool:
        least = self.set_a <= view.min_a and view.phases == 1
        restarts = sum_a <= view.phases * view.min_a - START_EXPORT_A
        return self.stop.lasted_s(least and sum_a > 0 and not restarts, view.now_s) >= STOP_DELAY_S

    def _phases(self, view: View, sum_a: float) -> int:
        """Return the phases to charge on, after the delays of a change."""
        if view.phases == 1:
            spare_a = max(3 * (view.min_a + 1) - view.max_a, 3)
            full = self.set_a >= view.max_a - NEAR_MAX_A and -sum_a > spare_a
            return 3 if self.up.lasted_s(full, view.now_s) >= UP_DELAY_S else 1
        short = self.set_a <= view.min_a and sum_a > 0
        lasted_s = self.short.lasted_s(short, view.now_s)
        far_s = self.far.lasted_s(short and sum_a >= view.min_a, view.now_s)
        return 1 if lasted_s >= STOP_DELAY_S or far_s >= SHORT_DELAY_S else 3


def _step_a(sum_a: float, phases: int) -> float:
    """Return how far one reading moves the set-point."""
    if sum_a < -1.0:
        return 0.5
    if sum_a < 0.0:
        return 0.1
    if sum_a <= 0.3:
        return 0.0
    if sum_a <= 1.0:
        return -0.1
    return -0.5 if sum_a <= 2.0 else -sum_a / 2 / phases
