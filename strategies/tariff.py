"""From the sun always, from the grid where it is cheap."""

from dataclasses import dataclass

from controller.model import Memory, SiteSnapshot, Wish
from strategies import work_function
from strategies.explanation import planned
from strategies.options import check_number, planned_economics


@dataclass(frozen=True, slots=True)
class Tariff:
    """Charge where a kWh, sun and grid together, costs less than a limit; the plan may say more.

    `limit_ct_per_kwh`: below this price a kWh is bought (None: only the plan's value counts, i.e. what a
    later kWh or a departure makes of it). It is the blend that counts: half sun, half grid is cheap too.
    """

    limit_ct_per_kwh: float | None = None

    def __post_init__(self) -> None:
        if self.limit_ct_per_kwh is not None:
            check_number("tariff", "limit_ct_per_kwh", self.limit_ct_per_kwh, -100, 200)

    def initial(self) -> Memory:
        """Return no memory: the engine's past begins with the first car."""
        return None

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return what the engine wants at the limit or the plan's value, whichever is higher."""
        economics = planned_economics(snap, None, self.limit_ct_per_kwh)
        wish, memory = work_function.decide(snap, memory, economics)
        return planned(snap, wish, economics), memory
