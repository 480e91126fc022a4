"""Foresight: the oracle over rows equals the one in lists; the floor lies between it and everybody."""

import random

import numpy as np
import pytest

from benchmarks import floor, foresight
from benchmarks.baselines import BASELINES
from benchmarks.contest import run_baseline
from benchmarks.entries import PRICES, VALUES_CT
from controller.days.backtest import run_day
from controller.days.oracle import least_cost_ct
from controller.days.traces import Day
from controller.model import Prices
from strategies.surplus import Surplus

TOLERANCE_CT = 0.2
"""A car that lags can undercut set-points held for 10 s by this much."""


def gusty(seed: int, hours: int = 3) -> Day:
    """Return some hours of broken sun in 1-s steps: plateaus of 2 to 12 min, flanks of half a minute."""
    dice, pv_w = random.Random(seed), [0.0] * 900
    while len(pv_w) < hours * 3600:
        target_w, here_w = dice.uniform(200, 8000), pv_w[-1]
        pv_w += [here_w + (target_w - here_w) * second / 30 for second in range(30)]
        pv_w += [target_w] * dice.randint(120, 720)
    pv_w = pv_w[: hours * 3600]
    return Day(f"gusty{seed}", "2026-06-21", 1, pv_w, [350.0] * len(pv_w))


@pytest.mark.parametrize(
    "prices", [Prices(), Prices(40.0, 11.0, 0.1, 3.0, 0.4), Prices(25.0, 0.0, 0.0, 0.0, 0.0)]
)
def test_the_oracle_over_rows_is_the_oracle(prices: Prices) -> None:
    """Random days, every value at once: the same as one by one, to a millionth of a cent."""
    random_w = np.random.default_rng(3).uniform(-2000, 11_000, (3, 700))
    calm_w = np.repeat(random_w[:, ::70], 70, axis=1)
    for surplus_w in (random_w, calm_w):
        values = np.array([12.0, 20.0, 26.0])
        many = foresight.least_costs_ct(surplus_w, values, prices)
        for row, value_ct, cost_ct in zip(surplus_w, values, many, strict=True):
            single = least_cost_ct(
                row.tolist(),
                10,
                value_ct=value_ct,
                import_ct=prices.import_ct_per_kwh,
                export_ct=prices.export_ct_per_kwh,
                write_ct=prices.write_ct,
                start_ct=prices.start_ct,
                phase_change_ct=prices.phase_change_ct,
            )
            assert cost_ct == pytest.approx(single, abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_floor_lies_between_the_oracle_and_everybody(seed: int) -> None:
    """No controller undercuts the floor, and the floor does not undercut the oracle."""
    day = gusty(seed)
    oracle = foresight.day_costs_ct([day], VALUES_CT, PRICES)[0]
    plans = floor.plans([day], VALUES_CT, PRICES)
    for row, value_ct in enumerate(VALUES_CT):
        least_ct = floor.run_plan(day, plans[:, row], "floor", PRICES, value_ct).cost_ct
        assert least_ct >= oracle[row] - TOLERANCE_CT
        ours = run_day(day, Surplus(value_ct, None), "surplus", PRICES, value_ct)
        others = [run_baseline(day, make, name, PRICES, value_ct) for name, make in BASELINES.items()]
        for other in [ours, *others]:
            assert least_ct <= other.cost_ct + TOLERANCE_CT, other.strategy


def test_the_floor_starts_ahead_of_the_sun_and_pays_for_the_dead_time() -> None:
    """A known block of sun: the start is commanded before it, so that all of it is used.

    By hand: one start, one phase change, sun of 16 A x3 = 11,040 W for 30 min is 5.52 kWh at 20 - 8 ct =
    66.24 ct, less 1.0 + 1.5 + two commands.
    """
    sun_w = 3 * 16 * 230.0
    day = Day("block", "2026-06-21", 1, [0.0] * 1800 + [sun_w] * 1800 + [0.0] * 1800, [0.0] * 5400)
    plan = floor.plans([day], [20.0], PRICES)[:, 0]
    found = floor.run_plan(day, plan, "floor", PRICES, 20.0)
    nothing_ct = -8 * found.pv_kwh
    assert (found.starts, found.phase_changes, found.writes) == (1, 1, 2)
    assert found.ev_kwh == pytest.approx(5.52, abs=0.05)
    assert found.cost_ct - nothing_ct == pytest.approx(-(66.24 - 2.5 - 0.04), abs=1.0)


def test_longer_sight_is_worth_more() -> None:
    """Sight of 15 min beats sight of one minute, and full foresight is at least as good as both."""
    day = gusty(4)
    full = floor.run_plan(day, floor.plans([day], [20.0], PRICES)[:, 0], "floor", PRICES, 20.0).cost_ct
    near, far = (
        floor.run_plan(day, floor.horizon_plan(day, 20.0, PRICES, horizon_s), "sees", PRICES, 20.0).cost_ct
        for horizon_s in (60, 900)
    )
    assert full - TOLERANCE_CT <= far < near
