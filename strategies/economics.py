"""What running and moving cost: the two price lists of the engine, in ct."""

from dataclasses import dataclass

from controller.model import Prices

WRITE_WEIGHT, START_WEIGHT, PHASE_WEIGHT = 1.449, 4.762, 1.972
"""What the engine takes a write, a start and a phase change for, as multiples of their prices: a start that
proves wrong brings a stop and another start. Found on half of the public days (docs/decisions.md)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What moving costs in ct, by construction symmetric and without profitable detours.

    A round trip off and on again costs `start_ct` and two writes, so each way carries half of it; a phase
    change costs the same whether the car charges or not; all that changes together is one write.
    """

    write_ct: float
    start_ct: float
    phase_change_ct: float

    @classmethod
    def of(cls, prices: Prices) -> "Metric":
        """Build from what things cost now; a negative price would reward switching and counts as zero."""
        return cls(
            max(prices.write_ct, 0.0) * WRITE_WEIGHT,
            max(prices.start_ct, 0.0) * START_WEIGHT,
            max(prices.phase_change_ct, 0.0) * PHASE_WEIGHT,
        )

    def between_groups(self, here: int, there: int) -> float:
        """Return the price between two *different* set-points of these groups, in ct."""
        price_ct = self.write_ct
        if (here >= 2) != (there >= 2):
            price_ct += self.start_ct / 2
        if (here & 1) != (there & 1):
            price_ct += self.phase_change_ct
        return price_ct


@dataclass(frozen=True, slots=True)
class Economics:
    """What a kWh is worth and costs, in ct/kWh; `import_ct` may be felt rather than paid."""

    value_ct: float
    import_ct: float
    export_ct: float

    def running_ct(self, power_w: float, surplus_w: float, duration_s: float) -> float:
        """Return the cost of drawing `power_w` for `duration_s` beside `surplus_w` (negative: deficit)."""
        grid_w = power_w - surplus_w
        price_ct = self.import_ct if grid_w > 0 else self.export_ct
        return (grid_w * price_ct - power_w * self.value_ct) * duration_s / 3.6e6
