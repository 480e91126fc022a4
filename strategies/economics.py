"""What running and moving cost: the two price lists of the engine, in ct; and what is at stake in them."""

from dataclasses import dataclass
from functools import lru_cache
from math import exp

from controller.model import Prices

EVEN_SHARE = 0.5
"""Where the engine's numbers stand as written: a kWh pays from half sun on. Elsewhere they lean."""

LEAST_SPREAD_CT = 1.0
"""Where import costs hardly more than feed-in brings, the sun decides nothing and nothing leans."""


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

    @property
    def spread_ct(self) -> float:
        """Return by how much a kWh from the grid is dearer than one from the sun, in ct."""
        return self.import_ct - self.export_ct

    @property
    def even_share(self) -> float:
        """Return the share of sun from which on charging pays, 0 (always) to 1 (only with all sun)."""
        if self.spread_ct < LEAST_SPREAD_CT:
            return EVEN_SHARE
        return min(max((self.import_ct - self.value_ct) / self.spread_ct, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Leaning:
    """A number of the engine that depends on what is at stake.

    `usual` holds where a kWh pays from half sun on; by `by_share` it grows or falls, as an exponent, with the
    share of sun that is needed.
    """

    usual: float
    by_share: float

    def at(self, economics: Economics) -> float:
        """Return the number where these prices hold."""
        return self.usual * exp(self.by_share * (economics.even_share - EVEN_SHARE))


WRITE_WEIGHT = Leaning(0.4036, -0.333)
START_WEIGHT = Leaning(3.149, -0.566)
PHASE_WEIGHT = Leaning(1.506, 0.168)
"""What the engine takes a write, a start and a phase change for, as multiples of their prices: a start that
proves wrong brings a stop and another start. Found on half of the public days (docs/decisions.md)."""


@lru_cache(maxsize=64)
def switching_weights(economics: Economics) -> tuple[float, float, float]:
    """Return by how much a write, a start and a phase change count more than their prices."""
    return WRITE_WEIGHT.at(economics), START_WEIGHT.at(economics), PHASE_WEIGHT.at(economics)


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
    def of(cls, prices: Prices, economics: Economics) -> "Metric":
        """Build from what things cost now; a negative price would reward switching and counts as zero."""
        write, start, phase = switching_weights(economics)
        return cls(
            max(prices.write_ct, 0.0) * write,
            max(prices.start_ct, 0.0) * start,
            max(prices.phase_change_ct, 0.0) * phase,
        )

    def between_groups(self, here: int, there: int) -> float:
        """Return the price between two *different* set-points of these groups, in ct."""
        return self.steps_ct[here ^ there]

    @property
    def steps_ct(self) -> tuple[float, float, float, float]:
        """Return what a move costs by what changes beside the current: nothing, phases, off or on, both.

        Groups are numbered so that their bits say it (`set_points.group_slices`).
        """
        on_ct = self.write_ct + self.start_ct / 2
        phase_ct = self.phase_change_ct
        return self.write_ct, self.write_ct + phase_ct, on_ct, on_ct + phase_ct
