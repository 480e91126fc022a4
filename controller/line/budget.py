"""The write budget: hard limits by window and by day, and below them a price that rises as they empty.

All takes the times of past writes for comfort, oldest first, monotonic s. Writes for safety are not counted.
"""

from bisect import bisect_right
from math import exp, log

from controller.limits import Limits
from controller.units import DAY_S

PACE_S = 14_400.0
EVEN_SHARE = 1 / 6
"""Writes spread evenly over twelve hours weigh a sixth of the day's allowance in a falling weight of four."""

PLENTY_A_DAY = 200
"""With so many writes a day the plain price paces them well (docs/decisions.md)."""

SCARCE_EXPONENT = 1.72
"""How fast the price rises as fewer writes are allowed in a day (measured: docs/decisions.md)."""

Times = tuple[float, ...]


def left(writes_s: Times, now_s: float, limits: Limits, *, stopping: bool = False) -> int:
    """Return how many writes for comfort are left, by window and by day; the day's last are for stops."""
    window = len(_since(writes_s, now_s - limits.window_s))
    day = len(_since(writes_s, now_s - DAY_S))
    kept = 0 if stopping else _kept(limits)
    return max(min(limits.comfort_writes_per_window - window, limits.writes_per_day - kept - day), 0)


def left_today(writes_s: Times, now_s: float, limits: Limits) -> int:
    """Return how many writes for comfort but stops the last 24 hours have left, whatever the window says."""
    return max(limits.writes_per_day - _kept(limits) - len(_since(writes_s, now_s - DAY_S)), 0)


def next_s(writes_s: Times, limits: Limits) -> float | None:
    """Return when the window lets the next write for comfort through."""
    recent = writes_s[-limits.comfort_writes_per_window :]
    return recent[0] + limits.window_s if recent else None


def price_ct(writes_s: Times, now_s: float, base_ct: float, limits: Limits) -> float:
    """Return the price of a write: it rises exponentially as the window and the day fill up.

    A write weighs less the longer ago it was, so the price falls again before the window lets go of it. The
    last writes of a day are dearer without bound: a wild morning must leave some for the afternoon. Where
    fewer are allowed in a day, each is dearer from the first.
    """
    window = _weight(writes_s, now_s, limits.window_s) / max(limits.comfort_writes_per_window, 1)
    steepness = limits.write_price_slope * max(window - limits.write_price_from, 0.0)
    # Spent faster than twelve hours of sun would allow: dearer now, so that the afternoon is paid for.
    pace = _weight(writes_s, now_s, PACE_S) / max(limits.writes_per_day * EVEN_SHARE, 1.0)
    steepness += limits.day_price_slope * max(pace - limits.day_price_from, 0.0)
    usable = max(limits.writes_per_day - _kept(limits), 1)
    free = max(usable - len(_since(writes_s, now_s - DAY_S)), 0.5)
    scarcity = max((1 - limits.day_scarce_from) * usable / free, 1.0)
    tightness = max(PLENTY_A_DAY / max(limits.writes_per_day, 1), 1.0)
    steepness += SCARCE_EXPONENT * log(tightness) + 2 * log(scarcity)
    return base_ct * exp(steepness)


def _kept(limits: Limits) -> int:
    """Return how many of a day's writes are for stops alone."""
    return min(limits.kept_for_stops, max(limits.writes_per_day // 10, 1))


def _since(writes_s: Times, begin_s: float) -> Times:
    return writes_s[bisect_right(writes_s, begin_s) :]


def _weight(writes_s: Times, now_s: float, memory_s: float) -> float:
    """Return how many there were, each counting less the longer ago it was."""
    return sum([1 - (now_s - at) / memory_s for at in _since(writes_s, now_s - memory_s)])
