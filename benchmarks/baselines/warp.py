"""WARP Charger with its Energy Manager (Tinkerforge), medium cloud filter, from its described behaviour.

Modelled: the adaptive gain from allocated power and grid error; minimum and maximum of the available power
over 240 s, where a start and three phases need the minimum, a stop and one phase the maximum; the current
between from the raw value; allocation every 10 s; 210 s between switching on and off; a phase change 210 s
after the last change of phases or of the charging state. Not modelled: battery, several chargers, the charge
of 210 s that welcomes a car (it would be one more start, at midnight), learning of the car's request.

Chosen where the description is silent: readings every 2 s instead of 0.5 s. The manager allocates
milliamperes; the box of the comparison takes whole amperes, so an ampere is passed on once the allocation has
moved by it. Its writes go over its own wire in reality.
"""

from collections import deque
from collections.abc import Sequence

from benchmarks.baselines.amperes import followed
from benchmarks.contest import Order, View

ALLOCATE_S = 10
FILTER_S = 240
HYSTERESIS_S = 210
GAINS = ((1000.0, 0.5), (1500.0, 0.75))
GAIN_ABOVE = 0.875


class Window:
    """Minimum and maximum of the last readings, each reading handled once on average."""

    def __init__(self, length_s: int) -> None:
        self.length_s = length_s
        self.first_s: int | None = None
        self._lows: deque[tuple[int, float]] = deque()
        self._highs: deque[tuple[int, float]] = deque()

    def add(self, now_s: int, value: float) -> None:
        """Take a reading."""
        self.first_s = now_s if self.first_s is None else self.first_s
        lows, highs = self._lows, self._highs
        while lows and lows[-1][1] >= value:
            lows.pop()
        while highs and highs[-1][1] <= value:
            highs.pop()
        lows.append((now_s, value))
        highs.append((now_s, value))
        for readings in (lows, highs):
            while readings[0][0] <= now_s - self.length_s:
                readings.popleft()

    def full(self, now_s: int) -> bool:
        """Return whether it has seen its whole length."""
        return self.first_s is not None and now_s - self.first_s >= self.length_s

    @property
    def low(self) -> float:
        """Return the least reading."""
        return self._lows[0][1]

    @property
    def high(self) -> float:
        """Return the greatest reading."""
        return self._highs[0][1]


class Warp:
    """One charger behind the manager, in mode PV."""

    interval_s = 2

    def __init__(self) -> None:
        self.allocated_a = 0.0
        self.window = Window(FILTER_S)
        self.power_changed_s = self.phases_changed_s = -HYSTERESIS_S
        self.was_charging = False

    def decide(self, view: View) -> Sequence[Order]:
        """Take one reading, and allocate when it is time."""
        if view.charging != self.was_charging:
            self.was_charging, self.phases_changed_s = view.charging, view.now_s
        available_w = self._available_w(view)
        self.window.add(view.now_s, available_w)
        if view.now_s % ALLOCATE_S or not self.window.full(view.now_s):
            return []
        return self._charging(view, available_w) if view.enabled else self._idle(view)

    def _available_w(self, view: View) -> float:
        """Return what may be allocated: what is, and a share of the error on the grid."""
        error_w, allocated_w = -view.grid_import_w, self.allocated_a * view.phases * view.voltage_v
        if not view.enabled:
            return error_w
        gain = next((gain for below_w, gain in GAINS if abs(error_w) < below_w), GAIN_ABOVE)
        return allocated_w + gain * error_w

    def _idle(self, view: View) -> list[Order]:
        least_w = view.min_a * view.voltage_v
        if self.window.low < least_w or view.now_s - self.power_changed_s < HYSTERESIS_S:
            return []
        self.power_changed_s, self.allocated_a = view.now_s, float(view.min_a)
        phases = 3 if self.window.low >= 3 * least_w else 1
        change = [] if phases == view.phases else [Order(phases=phases)]
        return [*change, Order(current_a=view.min_a), Order(enabled=True)]

    def _charging(self, view: View, available_w: float) -> list[Order]:
        least_w, settled = view.min_a * view.voltage_v, view.now_s - self.phases_changed_s >= HYSTERESIS_S
        if self.window.high < least_w and view.now_s - self.power_changed_s >= HYSTERESIS_S:
            self.power_changed_s, self.allocated_a = view.now_s, 0.0
            return [Order(enabled=False)]
        up = view.phases == 1 and self.window.low >= 3 * least_w
        down = view.phases == 3 and self.window.high < 3 * least_w
        orders, phases = [], view.phases
        if settled and (up or down):
            phases, self.phases_changed_s = (3 if up else 1), view.now_s
            orders.append(Order(phases=phases))
        self.allocated_a = min(max(available_w / (phases * view.voltage_v), view.min_a), view.max_a)
        current_a = int(self.allocated_a) if orders else followed(self.allocated_a, view.offered_a)
        if current_a != view.offered_a:
            orders.append(Order(current_a=current_a))
        return orders
