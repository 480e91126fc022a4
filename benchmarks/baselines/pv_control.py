"""pv-control (stephanme) in its modes PV_ONLY and PV_ALL, from its described behaviour, in own words.

Modelled: a cycle of 30 s on single samples; the current as a function of the available power, rounded down
(PV_ONLY) or up (PV_ALL); start and stop in the fourth cycle that wants it, at the least current until then,
the very first start at once; phases by two thresholds without any delay: off, in the next cycle the
contactor, then on again at once. The contactor is a relay there and one phase command here; its off and on
count as a start, as they are one for the car. Not modelled: battery, the wallbox's reset.
Chosen where the description is silent: after the contactor it starts only if there is enough for a start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from benchmarks.contest import Order, View

DELAY_CYCLES = 3
"""Cycles that only wait; the next one acts."""
TOLERANCE_A = 0.1


@dataclass(frozen=True, slots=True)
class Mode:
    """Thresholds of available power in W."""

    start_w: float
    stop_w: float
    three_w: float
    one_w: float
    round_up: bool


PV_ONLY = Mode(1580.0, 1380.0, 4340.0, 4140.0, round_up=False)
PV_ALL = Mode(500.0, 300.0, 3680.0, 3480.0, round_up=True)


class PvControl:
    """One wallbox with an external contactor for the phases."""

    interval_s = 30

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.waited = DELAY_CYCLES  # so that the very first start waits for nothing
        self.started = False
        self.switching = False

    def decide(self, view: View) -> Sequence[Order]:
        """Run one cycle."""
        available_w = view.car_w - view.grid_import_w
        limit_w = self.mode.three_w if view.phases == 1 else self.mode.one_w
        phases = 3 if available_w >= limit_w else 1
        if phases != view.phases and view.enabled:
            self.switching = True
            return [Order(enabled=False)]
        if phases != view.phases and view.charging:
            return []  # the contactor moves without current only
        orders = [] if phases == view.phases else [Order(phases=phases)]
        if self.switching:
            self.switching, self.waited = False, 0
            if available_w >= self.mode.start_w:
                return [*orders, *self._current(view, available_w, phases), Order(enabled=True)]
            return orders
        return [*orders, *self._steady(view, available_w, phases)]

    def _steady(self, view: View, available_w: float, phases: int) -> list[Order]:
        """Return the current, and on or off after the delay."""
        wanted = available_w >= (self.mode.stop_w if view.enabled else self.mode.start_w)
        if view.enabled and not self.mode.round_up:
            wanted = self._amps(view, available_w, phases) >= view.min_a
        if wanted == view.enabled:
            self.waited = 0 if self.started else self.waited
            return self._current(view, available_w, phases) if view.enabled else []
        if self.waited < DELAY_CYCLES:
            self.waited += 1
            return self._current(view, available_w, phases) if view.enabled else []
        self.waited, self.started = 0, True
        if not wanted:
            return [Order(enabled=False)]
        return [*self._current(view, available_w, phases), Order(enabled=True)]

    def _amps(self, view: View, available_w: float, phases: int) -> int:
        amps = available_w / view.voltage_v / phases
        return ceil(amps - TOLERANCE_A) if self.mode.round_up else floor(amps + TOLERANCE_A)

    def _current(self, view: View, available_w: float, phases: int) -> list[Order]:
        """Return the write of the current, none if the box has it."""
        current_a = min(max(self._amps(view, available_w, phases), view.min_a), view.max_a)
        return [] if view.enabled and current_a == view.offered_a else [Order(current_a=current_a)]
