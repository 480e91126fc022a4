"""Units in the type where a mix-up would hurt, and the door that keeps NaN out.

Inside the project everything is W, Wh, A, V, s and ct; kWh and minutes exist in config and on screens only.
"""

import math
from typing import NewType

Amps = NewType("Amps", int)
MonoSeconds = NewType("MonoSeconds", float)

NOMINAL_VOLTAGE_V = 230.0
"""Phase to neutral, IEC 60038."""

DAY_S = 86_400
"""Of an ordinary day; where the clock is set there are longer and shorter ones."""

MIN_CURRENT_A = 6
"""Least current a control pilot can signal (10 % duty cycle, IEC 61851-1); the go-e refuses less."""

MAX_CURRENT_A = 32
"""Most the go-e family offers."""

LATEST_START_MARGIN_S = 300.0
"""For a departure a car charges this much earlier than power and need alone would say: it may wake up
slowly, a start may be lost, phases may change (chosen; planning.md 3.3 has three minutes)."""

LATEST_RAISE_MARGIN_S = 120.0
"""The same for all the power there is, once the car charges: a write that is lost is seen within 15 s and
sent again (chosen)."""

FULL_POWER_SHARE = 0.97
"""What a car takes of the most it could: mains below 230 V, rounding, the end of the charge (chosen)."""


def finite(value: float, name: str) -> float:
    """Return `value` if it is a finite real number, else raise ValueError naming it.

    The usual clamp `max(6, min(16, nan))` is 16: a NaN that gets past the door becomes full current.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is not a finite number: {value!r}")
    return float(value)


def ct_for(power_w: float, duration_s: float, price_ct_per_kwh: float) -> float:
    """Return what `power_w` over `duration_s` costs, in ct."""
    return power_w * duration_s * price_ct_per_kwh / 3.6e6
