"""A car that stays on the cable for days is charged on every one of them as on the first."""

from dataclasses import replace

import pytest

from benchmarks.entries import PRICES
from controller.days.backtest import BACKTEST_LIMITS, TICK_S, run_day
from controller.plugins import load_strategy
from controller.units import DAY_S
from tests.benchmarks.life import profile

HOUR_S = 3600
DAY = ((0, -300.0), (8, 2500.0), (11, 9000.0), (15, 2500.0), (18, -300.0))
"""From this hour on so much sun is left in W: enough for one phase, at noon for three."""

DAYS = 2


def test_phases_are_changed_on_every_day_of_a_long_stay() -> None:
    """Up and down again is all that a day has here: the second day has as much of it as the first."""
    steps = [(day * DAY_S + hour * HOUR_S, power_w) for day in range(DAYS) for hour, power_w in DAY]
    taken_wh = [0.0] * DAYS

    def record(now_s: int, car_w: float) -> None:
        taken_wh[now_s // DAY_S] += car_w * TICK_S / 3600

    limits = replace(BACKTEST_LIMITS, phase_changes_per_day=2)
    strategy = load_strategy("surplus", {"value_ct_per_kwh": 20.0})
    lived = run_day(
        profile(steps, DAYS * DAY_S), strategy, "surplus", PRICES, 20.0, limits=limits, recorder=record
    )
    assert lived.phase_changes == 2 * DAYS
    assert taken_wh[0] == pytest.approx(4 * 9000 + 6 * 2500, rel=0.1)
    assert taken_wh[1:] == pytest.approx([taken_wh[0]] * (DAYS - 1), rel=0.05)
