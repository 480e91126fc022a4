"""go-e's own PV surplus ("Eco" with PV), from published keys and reports of users; the firmware is closed.

Modelled: an update every 5 s with smoothed grid power; the incremental current with the rounding of `frm` and
the grid target `pgt`; start at `fst` 1400 W; stop at the least current on one phase below `fst` less `sh`
200 W and after `fmt` 300 s; phases at `spl3` 4200 W and `psh` 500 W below, a wish of 120 s, 600 s apart.
Not modelled: house battery, a `acp` that forbids pauses, loss of data.

Chosen, since nobody has published it: smoothing of first order with 30 s (`tau_s`, try 10 to 60), a start
after 10 s of surplus, a stop after 60 s, a rise of at most 2 A per update and a fall without limit, no
current change while the car does not draw. With that smoothing the incremental loop swings by 1 to 2 A around
large surpluses. It sits in the box: its writes cost no command in reality.
"""

from collections.abc import Sequence
from math import ceil, exp, floor

from benchmarks.baselines.delay import Delay
from benchmarks.contest import Order, View

START_W = 1400.0
STOP_HYSTERESIS_W = 200.0
THREE_W = 4200.0
PHASE_HYSTERESIS_W = 500.0
WISH_S, BETWEEN_PHASES_S = 120, 600
MIN_CHARGE_S = 300
START_DELAY_S, STOP_DELAY_S = 10, 60
RISE_A = 2
UP, NEAREST, DOWN = 0, 1, 2
"""Values of the key `frm`."""


class GoE:
    """The box's own logic. `grid_target_w` is `pgt`, negative to leave export; `rounding` is `frm`."""

    interval_s = 5

    def __init__(self, grid_target_w: float = 0.0, rounding: int = NEAREST, tau_s: float = 30.0) -> None:
        self.grid_target_w, self.rounding = grid_target_w, rounding
        self.keep = exp(-self.interval_s / tau_s)
        self.mean_grid_w: float | None = None
        self.start, self.stop, self.phase = Delay(), Delay(), Delay()
        self.started_s = 0
        self.switched_s: int | None = None

    def decide(self, view: View) -> Sequence[Order]:
        """Take one update of the inverter's data."""
        mean_w = view.grid_import_w if self.mean_grid_w is None else self.mean_grid_w
        self.mean_grid_w = view.grid_import_w + (mean_w - view.grid_import_w) * self.keep
        delta_w = self.grid_target_w - self.mean_grid_w
        return self._charging(view, delta_w) if view.enabled else self._idle(view, view.car_w + delta_w)

    def _idle(self, view: View, available_w: float) -> list[Order]:
        if self.start.lasted_s(available_w >= START_W, view.now_s) < START_DELAY_S:
            return []
        self.start.clear()
        self.started_s = view.now_s
        orders = [Order(current_a=view.min_a), Order(enabled=True)]
        if view.phases == 3 and available_w < THREE_W:
            self.switched_s = view.now_s
            orders.insert(0, Order(phases=1))
        return orders

    def _charging(self, view: View, delta_w: float) -> list[Order]:
        available_w = view.car_w + delta_w
        if self._stops(view, available_w):
            self.stop.clear()
            self.phase.clear()
            return [Order(enabled=False)]
        if not view.charging:
            return []
        if self._toggles(view, available_w):
            self.switched_s = view.now_s
            self.phase.clear()
            phases = 4 - view.phases
            return [Order(phases=phases), *([Order(current_a=view.min_a)] if phases == 3 else [])]
        steps = self._rounded(delta_w / (view.voltage_v * view.phases))
        current_a = min(max(view.offered_a + min(steps, RISE_A), view.min_a), view.max_a)
        return [] if current_a == view.offered_a else [Order(current_a=current_a)]

    def _rounded(self, change_a: float) -> int:
        if self.rounding == NEAREST:
            return round(change_a)
        return ceil(change_a) if self.rounding == UP else floor(change_a)

    def _may_toggle(self, view: View) -> bool:
        return self.switched_s is None or view.now_s - self.switched_s >= BETWEEN_PHASES_S

    def _toggles(self, view: View, available_w: float) -> bool:
        """Return whether a wish for the other number of phases has lasted and is allowed."""
        up, down = available_w >= THREE_W, available_w < THREE_W - PHASE_HYSTERESIS_W
        wish = up if view.phases == 1 else down
        return self.phase.lasted_s(wish, view.now_s) >= WISH_S and self._may_toggle(view)

    def _stops(self, view: View, available_w: float) -> bool:
        least = view.offered_a <= view.min_a and (view.phases == 1 or not self._may_toggle(view))
        short = least and available_w < START_W - STOP_HYSTERESIS_W
        lasted_s = self.stop.lasted_s(short, view.now_s)
        return lasted_s >= STOP_DELAY_S and view.now_s - self.started_s >= MIN_CHARGE_S
