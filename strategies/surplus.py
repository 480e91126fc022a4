"""Charge from the sun, and from the grid where the blend of both is worth it."""

from dataclasses import dataclass

from controller.errors import StrategyError
from controller.model import Memory, SiteSnapshot, Wish
from strategies import work_function
from strategies.economics import Economics
from strategies.options import check_number, felt_economics, planned_economics


@dataclass(frozen=True, slots=True)
class Surplus:
    """Follow the sun in cents.

    `value_ct_per_kwh`: what a kWh in the car is worth, i.e. what it will cost later (default: midway between
    feed-in and import price). `solar_share`: the least share of sun in what the car takes, 0.5 to 0.98;
    None takes the real import price. `value_from_prices`: while there is a plan, a kWh is worth what it will
    cost later by the tariff, instead of both.
    """

    value_ct_per_kwh: float | None = None
    solar_share: float | None = 0.75
    value_from_prices: bool = False

    def __post_init__(self) -> None:
        if self.value_ct_per_kwh is not None:
            check_number("surplus", "value_ct_per_kwh", self.value_ct_per_kwh, -100, 200)
        if self.solar_share is not None:
            check_number("surplus", "solar_share", self.solar_share, 0, 0.98)
        if not isinstance(self.value_from_prices, bool):
            raise StrategyError(
                f"strategy surplus, option value_from_prices: found {self.value_from_prices!r}, "
                "accepted: true or false"
            )

    def initial(self) -> Memory:
        """Return no memory: the engine's past begins with the first car."""
        return None

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return what the work-function rule wants."""
        return work_function.decide(snap, memory, self.economics(snap))

    def economics(self, snap: SiteSnapshot) -> Economics:
        """Return what a kWh is worth and costs now."""
        if self.value_from_prices and snap.worth is not None:
            return planned_economics(snap, None)
        return felt_economics(snap.prices, self.value_ct_per_kwh, self.solar_share)
