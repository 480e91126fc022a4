"""From the energy price to what a customer pays and gets. Pure."""

from dataclasses import dataclass
from typing import Literal

from controller.tariffs.zones import Zones

FeedIn = Literal["fixed", "spot", "zero_if_negative"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How prices are made up; ct/kWh, `vat` and `markup` as shares.

    `energy` is the price by the clock, None if a market says it. `all_in`: what the energy price says is what
    the customer pays, and nothing is added.
    """

    energy: Zones | None
    grid_fee: Zones
    all_in: bool
    markup: float = 0.0
    supplier_ct: float = 0.0
    levies_ct: float = 0.0
    vat: float = 0.0
    feed_in: FeedIn = "fixed"
    feed_in_ct: float = 8.0
    feed_in_fee_ct: float = 0.0

    def import_ct(self, energy_ct: float, grid_fee_ct: float) -> float:
        """Return what a kWh costs: (energy * (1 + markup) + supplier + grid fee + levies) * (1 + VAT)."""
        if self.all_in:
            return energy_ct
        net_ct = energy_ct * (1 + self.markup) + self.supplier_ct + grid_fee_ct + self.levies_ct
        return net_ct * (1 + self.vat)

    def export_ct(self, spot_ct: float | None) -> float:
        """Return what a kWh brings; without a spot price what the config says it brings."""
        if self.feed_in == "fixed" or spot_ct is None:
            return self.feed_in_ct
        if self.feed_in == "spot":
            return spot_ct - self.feed_in_fee_ct
        return self.feed_in_ct if spot_ct >= 0 else 0.0

    @property
    def feed_in_needs_spot(self) -> bool:
        """Return whether what a kWh brings depends on the market."""
        return self.feed_in != "fixed"
