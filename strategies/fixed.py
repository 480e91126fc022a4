"""One set-point, always: the simplest strategy, and the one to copy for your own."""

from dataclasses import dataclass

from controller.errors import StrategyError
from controller.model import Charge, Memory, Off, SiteSnapshot, Wish
from strategies.options import check_number


@dataclass(frozen=True, slots=True)
class Fixed:
    """Charge with `current_a` (A, whole) on `phases` (1 or 3) while a car is connected."""

    current_a: int = 6
    phases: int = 1

    def __post_init__(self) -> None:
        check_number("fixed", "current_a", self.current_a, 6, 32)
        check_number("fixed", "phases", self.phases, 1, 3)
        try:
            Charge(self.current_a, self.phases)
        except ValueError as error:
            raise StrategyError(f"strategy fixed: {error}") from error

    def initial(self) -> Memory:
        """Return no memory."""
        return None

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return the set-point, or off without a car."""
        if not snap.car_connected:
            return Wish(Off(), "no car is connected"), memory
        # One phase takes less than was asked for: better than nothing for a day. Three would take more.
        can_have = self.phases in snap.phases_within(snap.admissible.phase_change_holds_s)
        target = Charge(self.current_a, self.phases if can_have else 1)
        return Wish(target, f"fixed at {target}"), memory
