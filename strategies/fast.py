"""As much as is allowed, now."""

from dataclasses import dataclass

from controller.model import Charge, Memory, Off, SiteSnapshot, Wish


@dataclass(frozen=True, slots=True)
class Fast:
    """Charge with everything the charger, the car and the fuse allow.

    A very high value says the same in the language of prices; written out, it needs neither base load nor
    meter history, so it also starts in the first tick.
    """

    def initial(self) -> Memory:
        """Return no memory."""
        return None

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return the largest set-point, or off without a car."""
        if not snap.car_connected:
            return Wish(Off(), "no car is connected"), memory
        # On what is set rather than waiting for more.
        target = Charge(snap.admissible.max_current_a, max(snap.phases_within(0.0)))
        return Wish(target, f"fast: {target} is the most that is allowed"), memory
