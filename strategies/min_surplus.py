"""As surplus, but never off while a car is connected."""

from dataclasses import dataclass

from controller.model import Charge, Memory, Off, SiteSnapshot, Wish
from strategies import work_function
from strategies.surplus import Surplus


@dataclass(frozen=True, slots=True)
class MinSurplus(Surplus):
    """Follow the sun in cents above the least current; options as for surplus."""

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return what the rule wants among the set-points that charge."""
        wish, memory = work_function.decide(snap, memory, self.economics(snap), never_off=True)
        if snap.car_connected and isinstance(wish.target, Off):
            phases = min(snap.admissible.phase_options)
            target = Charge(snap.admissible.min_current_a, phases)
            wish = Wish(target, f"{target}: this strategy never stops while a car is connected", wish.facts)
        return wish, memory
