"""openWB's PV mode (core 2.x as shipped), from its described behaviour, in own words.

Modelled: a cycle of 10 s on single samples; the control range of 0 to 230 W import with its centre of 115 W;
current at most 5 A from the measured one per cycle and never below the least while on; the correction by what
the car leaves unused; start at 1500 W for 30 s; on three phases at once if that fits; stop at up to 7 A with
any import for 60 s, also inside the control range, which does not count for a stop; phase changes after 30 s
up and 60 s down, or the rest of 7 min since the last. On a steady surplus just below 7 A this stops and
starts again and again. Not modelled: battery, load management, several charge points.

Chosen where the description is silent: amperes are cut to whole ones for a box that takes no less (the centre
of the range then weighs out the rounding); start at the least current; the 40 s it tolerates a car that does
not draw after a start or a phase change are also 40 s without a change of current.
"""

from collections.abc import Sequence

from benchmarks.baselines.delay import Delay
from benchmarks.contest import Order, View

RANGE_W = 230.0
CENTRE_W = 115.0
START_W = 1500.0
START_DELAY_S, STOP_DELAY_S = 30, 60
PHASE_PAUSE_S = 420
SETTLE_S = 40
STEP_A = 5.0
NEAR_A = 1.0
"""Nominal difference: the stop and the phase rules count a current this near to a bound as being there."""
UNUSED_A = 2.0


class OpenWb:
    """One charge point in PV mode with automatic phases."""

    interval_s = 10

    def __init__(self) -> None:
        self.start, self.stop, self.phase = Delay(), Delay(), Delay()
        self.phase_wait_s = 0
        self.switched_s: int | None = None
        self.settled_s = 0

    def decide(self, view: View) -> Sequence[Order]:
        """Run one cycle."""
        return self._charging(view) if view.enabled else self._idle(view)

    def _idle(self, view: View) -> list[Order]:
        raw_w = CENTRE_W + view.car_w - view.grid_import_w
        if self.start.lasted_s(raw_w >= START_W * view.phases, view.now_s) < START_DELAY_S:
            return []
        self.start.clear()
        self.settled_s = view.now_s + SETTLE_S
        orders = []
        phases = 3 if -view.grid_import_w > _three_w(view) else 1
        if phases != view.phases:
            orders.append(Order(phases=phases))
            self.switched_s = view.now_s
        return [*orders, Order(current_a=view.min_a), Order(enabled=True)]

    def _charging(self, view: View) -> list[Order]:
        if not view.charging or view.now_s < self.settled_s:
            return []
        low = view.offered_a <= view.min_a + NEAR_A and view.phases == 1
        if self.stop.lasted_s(low and view.grid_import_w > 0, view.now_s) >= STOP_DELAY_S:
            self.stop.clear()
            self.phase.clear()
            return [Order(enabled=False)]
        phases = self._phases(view)
        if phases != view.phases:
            self.switched_s, self.settled_s = view.now_s, view.now_s + SETTLE_S
            self.phase.clear()
            return [Order(phases=phases), *([Order(current_a=view.min_a)] if phases == 3 else [])]
        current_a = self._current_a(view)
        return [] if current_a == view.offered_a else [Order(current_a=current_a)]

    def _current_a(self, view: View) -> int:
        """Return the current that puts the grid on the centre of the range."""
        measured_a = max(view.car_current_a)
        change_a = (CENTRE_W - view.grid_import_w) / (view.voltage_v * view.phases)
        unused_a = min(max(view.offered_a - measured_a, -UNUSED_A), UNUSED_A)
        wanted_a = measured_a + min(max(change_a + unused_a, -STEP_A), STEP_A)
        inside = 0.0 <= view.grid_import_w <= RANGE_W
        if inside and abs(wanted_a - view.offered_a) <= RANGE_W / view.voltage_v:
            return view.offered_a
        return int(min(max(wanted_a, view.min_a), view.max_a))

    def _phases(self, view: View) -> int:
        """Return the phases to charge on, after the wait for a change."""
        measured_a, usable_w = max(view.car_current_a), -view.grid_import_w
        if view.phases == 1:
            wish = measured_a > view.max_a - NEAR_A and usable_w > _three_w(view) - view.car_w
            delay_s = START_DELAY_S
        else:
            wish, delay_s = measured_a < view.min_a + NEAR_A and usable_w <= 0, STOP_DELAY_S
        lasted_s = self.phase.lasted_s(wish, view.now_s)
        if lasted_s == 0:
            past_s = PHASE_PAUSE_S if self.switched_s is None else view.now_s - self.switched_s
            self.phase_wait_s = delay_s if past_s >= PHASE_PAUSE_S else PHASE_PAUSE_S - past_s
        return view.phases if lasted_s < 0 or lasted_s < self.phase_wait_s else 4 - view.phases


def _three_w(view: View) -> float:
    """Return the least power on three phases."""
    return view.min_a * 3 * view.voltage_v
