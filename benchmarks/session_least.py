"""What a session costs at least: who knows all that comes, and switches at once and for nothing.

No controller gets there, but none gets below: it says how much a session has to give at all.
"""

import numpy as np

from benchmarks.foresight import POWERS_W, Array
from controller.days.backtest import TICK_S
from controller.days.backtest_session import MISSED_CT_PER_KWH, Session

VALUES = 24
"""So many values of a kWh are tried, spread over the prices of the stay; each gives a bound that holds."""


def least_ct(session: Session) -> float:
    """Return what nobody can go below, in ct: bill, what is missing, less what is beyond at its later value.

    A kWh may be worth any `v` up to what a missing one costs: with L(v) the least of the bill less v for
    each kWh in the car, no stay costs less than L(v) + v * need, where beyond the need there is as much room
    as there is (weak duality). The box offers whole ampere, for 10 s at least.
    """
    steps = session.duration_s // TICK_S
    surplus_w = np.asarray(session.surplus_w)[: steps * TICK_S].reshape(-1, TICK_S).mean(axis=1)
    paid = [session.price_at(step * TICK_S) for step in range(steps)]
    import_ct = np.array([slot.import_ct_per_kwh for slot in paid])
    export_ct = np.array([slot.export_ct_per_kwh for slot in paid])
    bill_ct = _bill_ct(surplus_w, import_ct, export_ct)
    need_kwh = session.need_wh / 1000
    beyond_kwh = float("inf") if session.room_wh is None else max(session.room_wh / 1000 - need_kwh, 0.0)
    later_ct = session.later_value_ct
    best = float("-inf")
    for value_ct in _values_ct(import_ct, export_ct, later_ct):
        lost_ct = max(later_ct - value_ct, 0.0)
        least = float((bill_ct - value_ct * POWERS_W * TICK_S / 3.6e6).min(axis=1).sum())
        best = max(best, least + value_ct * need_kwh - (lost_ct * beyond_kwh if lost_ct else 0.0))
    return best


def _bill_ct(surplus_w: Array, import_ct: Array, export_ct: Array) -> Array:
    """Return what the house pays in each step at every power of the box, in ct."""
    grid_w = POWERS_W - surplus_w[:, None]
    price_ct = np.where(grid_w > 0, import_ct[:, None], export_ct[:, None])
    paid: Array = grid_w * price_ct * (TICK_S / 3.6e6)
    return paid


def _values_ct(import_ct: Array, export_ct: Array, later_ct: float) -> list[float]:
    around = np.quantile(import_ct, np.linspace(0, 1, VALUES))
    between = np.linspace(min(float(export_ct.min()), later_ct), later_ct, VALUES)
    low = np.linspace(later_ct, float(import_ct.min()), VALUES)
    high = [float(import_ct.max()) + 2.0, MISSED_CT_PER_KWH]
    found = {0.0, *between, *(between + 0.1), *low, *around, *(around + 0.1), *high}
    return sorted(value for value in found if 0 <= value <= MISSED_CT_PER_KWH)
