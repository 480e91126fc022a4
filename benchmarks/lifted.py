"""What the gate's limits cost: the same engine without some of them.

For orientation, like perfect foresight: the limits protect car, contactor and cloud, and nobody should run
without them. This says how much of a distance to others is the engine's, and how much that protection costs.
"""

from dataclasses import replace

from controller.days.backtest import BACKTEST_LIMITS
from controller.limits import Limits

PLENTY = 100_000

ALL = "none of them"
_ONE_BY_ONE: dict[str, tuple[str, ...]] = {
    "no write budget": ("writes_per_window", "writes_per_day"),
    "no least times": ("min_on_s", "min_off_s"),
    "no phase limits": ("phase_change_min_s", "phase_changes_per_day"),
}
LIFTED = {**_ONE_BY_ONE, ALL: tuple(key for keys in _ONE_BY_ONE.values() for key in keys)}
"""By name: which limits are lifted; counts become plenty, times nothing. Prices that rise as a budget empties
stay low then."""


def limits(name: str) -> Limits:
    """Return the limits of a backtest without those of this name; an empty one lifts none."""
    without = {key: 0.0 if key.endswith("_s") else PLENTY for key in LIFTED.get(name, ())}
    return replace(BACKTEST_LIMITS, **without)  # type: ignore[arg-type]
