"""The phase changes of the day are used up: every strategy does what can be done on the phases there are."""

from dataclasses import replace

import pytest

from benchmarks.entries import PRICES
from controller.days.backtest import BACKTEST_LIMITS, TICK_S, run_day
from controller.model import Admissible, Charge, Quality, SiteSnapshot
from controller.plugins import load_strategy
from tests.benchmarks.life import profile

HOUR_S = 3600
SPENT_SOON = ((0, -300.0), (1, 9000.0), (2, 2500.0), (3, -300.0), (4, 9000.0), (5, -300.0))
"""From this hour on so much sun is left in W: a lot and a little use up both changes, then a lot comes."""

STRATEGIES = {
    "timers": {},
    "surplus": {"value_ct_per_kwh": 20.0},
    "min_surplus": {"value_ct_per_kwh": 20.0},
    "tariff": {"limit_ct_per_kwh": 20.0},
    "fast": {},
}


def test_fixed_on_three_phases_takes_less_on_one() -> None:
    """The changes of a day used up on one phase: 10 A there, and on three as soon as that can be had."""
    strategy = load_strategy("fixed", {"current_a": 10, "phases": 3})
    asked = {
        wait_s: strategy.decide(snapshot(wait_s), strategy.initial())[0].target
        for wait_s in (0.0, 600.0, 601.0, 86_400.0)
    }
    assert asked == {0.0: Charge(10, 3), 600.0: Charge(10, 3), 601.0: Charge(10, 1), 86_400.0: Charge(10, 1)}


def snapshot(wait_s: float) -> SiteSnapshot:
    """Return a look at a car that is connected and off, its box set to one phase for so long."""
    return SiteSnapshot(
        now_s=0.0,
        interval_s=10.0,
        grid_quality=Quality.FRESH,
        charger_quality=Quality.FRESH,
        car_connected=True,
        phases_set=1,
        admissible=Admissible(phase_change_in_s=wait_s, phase_change_holds_s=600.0),
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_next_sun_is_taken_on_one_phase(name: str) -> None:
    """Found with `timers`: it asked for three phases from off all day, and the car got nothing of it."""
    taken_wh = 0.0

    def record(now_s: int, car_w: float) -> None:
        nonlocal taken_wh
        if 4 * HOUR_S <= now_s < 5 * HOUR_S:
            taken_wh += car_w * TICK_S / 3600

    day = profile([(hour * HOUR_S, power_w) for hour, power_w in SPENT_SOON], 6 * HOUR_S)
    limits = replace(BACKTEST_LIMITS, phase_changes_per_day=2)
    strategy = load_strategy(name, STRATEGIES[name])
    lived = run_day(day, strategy, name, PRICES, 20.0, limits=limits, recorder=record)
    assert lived.phase_changes <= 2
    assert taken_wh > 0.8 * 16 * 230
