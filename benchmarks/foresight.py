"""The oracle of `controller.days.oracle` for many days and values at once: the same programme over rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.days.backtest import TICK_S, seconds
from controller.days.traces import Day
from controller.model import Prices
from controller.units import NOMINAL_VOLTAGE_V

Array = NDArray[np.float64]

CURRENTS_A = np.arange(6, 17)
POWERS_W: Array = NOMINAL_VOLTAGE_V * np.concatenate([[0, 0], CURRENTS_A, 3 * CURRENTS_A])
"""Of every set-point: off on one and on three phases, then 6 to 16 A on one, then on three."""
ONE, THREE = slice(2, 2 + len(CURRENTS_A)), slice(2 + len(CURRENTS_A), None)

_BLOCK = 256


def tens_w(day: Day) -> Array:
    """Return the mean PV minus load of every 10 s of a day, in W."""
    every_w = np.asarray(seconds(day))
    whole = len(every_w) // TICK_S * TICK_S
    mean_w: Array = every_w[:whole].reshape(-1, TICK_S).mean(axis=1)
    return mean_w


def running_ct(surplus_w: Array, value_ct: Array, prices: Prices, step_s: float = TICK_S) -> Array:
    """Return what each set-point costs in each step, in ct, with a last axis of set-points.

    Bill minus value of the energy in the car; convex in the power, so the dearer of its two lines.
    """
    per_w = step_s / 3.6e6
    surplus = surplus_w[..., None]
    under = (prices.export_ct_per_kwh - value_ct)[..., None] * per_w
    over = (prices.import_ct_per_kwh - value_ct)[..., None] * per_w
    return np.maximum(
        under * POWERS_W - surplus * (prices.export_ct_per_kwh * per_w),
        over * POWERS_W - surplus * (prices.import_ct_per_kwh * per_w),
    )


def least_costs_ct(surplus_w: Array, value_ct: Array, prices: Prices, step_s: float = TICK_S) -> Array:
    """Return the least possible cost of each row in ct; `surplus_w` is (rows, steps), `value_ct` (rows).

    Exact for an import price above the feed-in price; see `controller.days.oracle` for what is counted.
    """
    write, start, phase = prices.write_ct, prices.start_ct, prices.phase_change_ct
    rows, steps = surplus_w.shape
    cost = np.full((rows, len(POWERS_W)), np.inf)
    cost[:, 0], cost[:, 1] = 0.0, phase + write
    cost[:, ONE], cost[:, THREE] = start + write, start + phase + write
    for begin in range(0, steps, _BLOCK):
        block = running_ct(surplus_w[:, begin : begin + _BLOCK].T, value_ct, prices, step_s)
        for step in block:
            cost += step
            off_1, off_3 = cost[:, 0].copy(), cost[:, 1].copy()
            low_1, low_3 = cost[:, ONE].min(axis=1), cost[:, THREE].min(axis=1)
            best_1, best_3 = np.minimum(low_1, off_1), np.minimum(low_3, off_3)
            cap_1 = np.minimum(np.minimum(low_1, low_3 + phase), np.minimum(off_1, off_3 + phase) + start)
            cap_3 = np.minimum(np.minimum(low_3, low_1 + phase), np.minimum(off_3, off_1 + phase) + start)
            np.minimum(cost[:, ONE], (cap_1 + write)[:, None], out=cost[:, ONE])
            np.minimum(cost[:, THREE], (cap_3 + write)[:, None], out=cost[:, THREE])
            np.minimum(off_1, np.minimum(low_1, best_3 + phase) + write, out=cost[:, 0])
            np.minimum(off_3, np.minimum(low_3, best_1 + phase) + write, out=cost[:, 1])
    least: Array = cost.min(axis=1)
    return least


def day_costs_ct(days: Sequence[Day], values_ct: Sequence[float], prices: Prices) -> Array:
    """Return the least cost of each day (of one length) at each value, as (days, values)."""
    surplus_w = np.repeat(np.stack([tens_w(day) for day in days]), len(values_ct), axis=0)
    costs = least_costs_ct(surplus_w, np.tile(np.asarray(values_ct, float), len(days)), prices)
    return costs.reshape(len(days), len(values_ct))
