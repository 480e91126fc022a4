"""evcc's PV mode with a go-e box, from its described behaviour (state of 2026), in own words.

Modelled: one control cycle per interval on single samples; target current from site power; timers that one
disagreeing sample resets; start and stop delays; automatic phases with their timers and 60 s of silence after
a switch; whole amperes rounded down; writes only on change; a phase command before the first decision; the
measured current that is taken over where it exceeds the offer by more than 1 A; a phase command at once while
the box is off. The box says "charging" from when it is enabled, also before the car draws and through phase
changes: so did the reference of `benchmarks.validate_evcc`, with which this model agrees day by day.
Not modelled: house battery, circuits, other modes, vehicles, wake-up (no sleeping car here).

Defaults: thresholds 0 W, start delay 60 s, stop delay 180 s, residual power 0 W, 230 V, interval 30 s.
"""

from collections.abc import Sequence

from benchmarks.contest import Order, View

START_DELAY_S = 60
STOP_DELAY_S = 180
PHASE_SILENCE_S = 60
CURRENT_RESERVE_A = 2.0
"""A car may draw less than it is offered by this much before the measurement counts instead."""
ADOPT_ABOVE_A = 1.0
PHASE_COUNTS_ABOVE_A = 1.0


class Evcc:
    """PV mode of one loadpoint that can switch phases."""

    def __init__(self, interval_s: int = 30) -> None:
        self.interval_s = interval_s
        self.offered_a = 0.0
        self.phases = 0  # unknown until the first command
        self.measured_phases = 0
        self.switched_s: float | None = None
        self.power_since_s: float | None = None
        self.phase_since_s: float | None = None
        self.first = True

    def decide(self, view: View) -> Sequence[Order]:
        """Run one control cycle."""
        if self.first:  # a car that has just been plugged in waits for nothing
            self.first, self.power_since_s = False, float("-inf")
        self._observe(view)
        orders: list[Order] = []
        target_a = self._target_a(view, orders)
        whole_a = int(target_a)
        wanted = whole_a >= view.min_a
        if wanted and whole_a != self.offered_a:
            orders.append(Order(current_a=whole_a))
            self.offered_a = whole_a
        if wanted != view.enabled:
            orders.append(Order(enabled=wanted))
        if not wanted:
            self.offered_a = 0.0
        return orders

    def _observe(self, view: View) -> None:
        """Take over what box and car show."""
        most_a = max(view.car_current_a)
        if view.enabled and most_a > self.offered_a + ADOPT_ABOVE_A:
            self.offered_a = most_a
        if view.enabled and not self._silent(view):
            drawn = sum(current_a > PHASE_COUNTS_ABOVE_A for current_a in view.car_current_a)
            self.measured_phases = drawn
            if drawn > self.phases > 0:
                self.phases = drawn

    def _silent(self, view: View) -> bool:
        """Return whether a phase switch is too recent for decisions and measurements."""
        return self.switched_s is not None and view.now_s - self.switched_s <= PHASE_SILENCE_S

    def _active_phases(self) -> int:
        return min(self.phases or 3, self.measured_phases or 3)

    def _most_phases(self) -> int:
        """Return how many phases there could be; a measurement on one phase says nothing."""
        return 3 if self.phases == 1 else self.measured_phases or 3

    def _target_a(self, view: View, orders: list[Order]) -> float:
        """Return the current to offer, 0 for off; adds a phase command to the orders."""
        site_w, low_a = view.grid_import_w, float(view.min_a)
        switched_to = 0 if self._silent(view) else self._scale_phases(view, orders)
        phases, drawn_a = self._active_phases(), 0.0
        if view.enabled:
            drawn_a = min(max(view.car_current_a) + CURRENT_RESERVE_A, self.offered_a)
        if switched_to == 3:
            drawn_a /= self._most_phases()
        target_a = max(0.0, drawn_a - site_w / (view.voltage_v * phases))
        if view.enabled and target_a < low_a:
            projected_w = site_w
            if self.phase_since_s is not None:
                projected_w -= view.voltage_v * low_a * (phases - 1)
            if projected_w >= 0.0:
                return 0.0 if self._power_timer(view, STOP_DELAY_S) else low_a
            self.power_since_s = None
            return low_a
        if not view.enabled:
            if target_a >= low_a:
                return low_a if self._power_timer(view, START_DELAY_S) else 0.0
            self.power_since_s = None
            return 0.0
        self.power_since_s = None
        return min(target_a, float(view.max_a))

    def _power_timer(self, view: View, delay_s: float) -> bool:
        """Start or keep the start/stop timer; return whether it ran out."""
        if self.power_since_s is None:
            self.power_since_s = view.now_s
        if view.now_s - self.power_since_s < delay_s:
            return False
        self.power_since_s = None
        return True

    def _scale_phases(self, view: View, orders: list[Order]) -> int:
        """Return the number of phases switched to, 0 if none; adds the command."""
        phases, most = self._active_phases(), self._most_phases()
        available_w, low_a = view.car_w - view.grid_import_w, view.min_a
        short = available_w / (view.voltage_v * phases) < low_a
        if phases > 1 and (view.grid_import_w > 0 or not view.enabled) and short:
            if self._phase_timer(view, STOP_DELAY_S):
                return self._switch(view, 1, orders)
            return 0
        enough = available_w / (view.voltage_v * most) >= low_a
        if most > 1 and self.phases < most and available_w / view.voltage_v > view.max_a and enough:
            if self._phase_timer(view, START_DELAY_S):
                return self._switch(view, 3, orders)
            return 0
        self.phase_since_s = None
        return 0

    def _phase_timer(self, view: View, delay_s: float) -> bool:
        """Start or keep the phase timer; return whether it ran out or the box is off."""
        if self.phase_since_s is None:
            self.phase_since_s = view.now_s
        return not view.enabled or view.now_s - self.phase_since_s >= delay_s

    def _switch(self, view: View, phases: int, orders: list[Order]) -> int:
        orders.append(Order(phases=phases))
        self.phases, self.measured_phases = phases, 0
        self.switched_s, self.phase_since_s = view.now_s, None
        return phases
