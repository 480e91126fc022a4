"""Checks of a strategy's options, so that a wrong one reads like advice and not like a traceback."""

import math

from controller.errors import StrategyError
from controller.model import Prices, SiteSnapshot
from strategies.economics import Economics


def check_number(strategy: str, key: str, value: object, low: float, high: float) -> None:
    """Raise StrategyError unless `value` is a finite number from `low` to `high`."""
    fine = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fine or not low <= float(value) <= high:  # type: ignore[arg-type]
        raise StrategyError(
            f"strategy {strategy}, option {key}: found {value!r}, accepted: a number from {low:g} to {high:g}"
        )


def felt_economics(prices: Prices, value_ct_per_kwh: float | None, solar_share: float | None) -> Economics:
    """Return what a kWh is worth and how dear import feels.

    The value defaults to midway between feed-in and import price. "At least a share x of what the car takes
    shall be sun" makes the running cost of a blend with just x of sun zero, so import feels like
    (value - x * feed_in) / (1 - x) ct/kWh, and never cheaper than it is. The value itself stays: lowered to
    the feed-in price, the sun would be worth nothing either.
    """
    value = (prices.import_ct_per_kwh + prices.export_ct_per_kwh) / 2
    if value_ct_per_kwh is not None:
        value = value_ct_per_kwh
    felt = prices.import_ct_per_kwh
    if solar_share is not None:
        felt = max(felt, (value - solar_share * prices.export_ct_per_kwh) / (1 - solar_share))
    return Economics(value, felt, prices.export_ct_per_kwh)


def planned_economics(
    snap: SiteSnapshot, value_ct_per_kwh: float | None, least_ct: float | None = None
) -> Economics:
    """Return real prices with the plan's value of a kWh.

    Without a plan it is `value_ct_per_kwh`, by default midway between feed-in and import price; never below
    `least_ct`.
    """
    prices = snap.prices
    if snap.worth is not None:
        value_ct = snap.worth.value_ct_per_kwh
    elif value_ct_per_kwh is not None:
        value_ct = value_ct_per_kwh
    else:
        value_ct = (prices.import_ct_per_kwh + prices.export_ct_per_kwh) / 2
    if least_ct is not None:
        value_ct = max(value_ct, least_ct)
    return Economics(value_ct, prices.import_ct_per_kwh, prices.export_ct_per_kwh)
