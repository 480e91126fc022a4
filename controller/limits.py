"""The numbers the safety stages obey, all from the config file; defaults with the source of each."""

from dataclasses import dataclass

from controller.units import MIN_CURRENT_A


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed at this site. Currents in A, durations in s.

    `fuse_a` per phase of the grid connection, None where only other protection exists (backtest).
    `blind_a` is what may be offered when nothing is known: 0 is off. `l1_phase` is the grid phase (1 to 3)
    that feeds the charger's L1, the one it uses alone. `strict_export` counts feed-in as zero when the
    head-room of a phase is computed, so that a vanishing sun cannot overload it.
    """

    max_current_a: int = 16
    min_current_a: int = MIN_CURRENT_A
    fuse_a: float | None = 35.0
    fuse_margin_a: float = 2.0
    strict_export: bool = False
    unbalance_limit_a: int = 20
    blind_a: int = 0
    l1_phase: int = 1
    allow_phase_switch: bool = True

    meter_fresh_s: float = 15.0
    meter_stale_s: float = 60.0
    charger_fresh_s: float = 40.0
    charger_stale_s: float = 120.0
    verify_after_s: float = 15.0
    unseen_raise_s: float = 40.0

    response_s: float | None = None
    """How long the meter may take to follow the car; None: not checked, because it is a model (backtest)."""

    min_on_s: float = 300.0
    min_off_s: float = 300.0
    phase_change_min_s: float = 600.0
    phase_changes_per_day: int = 6
    phase_dead_s: float = 30.0
    phase_give_up_s: float = 600.0
    writes_per_window: int = 12
    reserved_for_safety: int = 3
    window_s: float = 900.0
    writes_per_day: int = 200
    write_gap_s: float = 5.0
    unrecorded_raise_s: float = 600.0
    """Between two raises while the ledger cannot be written: nobody could say later what was commanded."""

    leash_wh: float | None = None
    """What a car may take at most once nobody commands the charger, in Wh; None: no energy leash."""

    kept_for_stops: int = 10
    """Of the day's writes, only a stop for comfort may use the last ones: no car is left on grid power
    because the sun took all the commands."""

    write_price_slope: float = 5.554
    write_price_from: float = 0.0
    day_price_slope: float = 1.629
    day_price_from: float = 0.08915
    day_scarce_from: float = 0.9
    phase_price_slope: float = 1.608
    """How prices rise as budgets empty; how they were found, and on which days: docs/decisions.md."""

    @property
    def comfort_writes_per_window(self) -> int:
        """Return how many writes of a window are for comfort."""
        return self.writes_per_window - self.reserved_for_safety
