"""Hand-made surplus profiles for the peers, and what they did when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.contest import Baseline, Order, Ring
from controller.days.backtest import seconds
from controller.days.plant import Run
from controller.days.traces import Day

Step = tuple[int, float]
"""From this second on, this surplus in W."""


def profile(steps: Sequence[Step], end_s: int) -> Day:
    """Return a day in seconds whose PV less a house of 300 W is the profile."""
    surplus_w: list[float] = []
    for (from_s, power_w), (until_s, _) in zip(steps, [*steps[1:], (end_s, 0.0)], strict=True):
        surplus_w += [power_w] * (until_s - from_s)
    return Day("made", "2026-06-21", 1, [power_w + 300.0 for power_w in surplus_w], [300.0] * end_s)


@dataclass
class Life:
    """Every order with its second, and the ring it was given in."""

    ring: Ring
    orders: list[tuple[int, Order]] = field(default_factory=list)

    @property
    def on_s(self) -> list[int]:
        """Return when it switched on."""
        return [second for second, order in self.orders if order.enabled]

    @property
    def off_s(self) -> list[int]:
        """Return when it switched off."""
        return [second for second, order in self.orders if order.enabled is False]

    @property
    def phases(self) -> list[tuple[int, int]]:
        """Return when it asked for how many phases."""
        return [(second, order.phases) for second, order in self.orders if order.phases is not None]

    @property
    def currents_a(self) -> list[int]:
        """Return the currents it asked for, in order."""
        return [order.current_a for _, order in self.orders if order.current_a is not None]

    def import_kwh(self, from_s: int, until_s: int) -> float:
        """Return what came from the grid between two seconds."""
        return sum(max(power_w, 0.0) for power_w in self.ring.run.grid_w[from_s:until_s]) / 3.6e6


def live(make: Callable[[], Baseline], steps: Sequence[Step], end_s: int) -> Life:
    """Let a baseline live through a profile."""
    peer, life = make(), Life(Ring(Run(seconds(profile(steps, end_s)))))
    for now in range(0, end_s, peer.interval_s):
        life.ring.run.advance(now)
        for order in peer.decide(life.ring.view()):
            life.ring.send(order)
            life.orders.append((now, order))
    life.ring.run.advance(end_s)
    return life
