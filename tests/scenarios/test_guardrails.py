"""Hard days with budgets, so that no later change makes control worse unseen.

Recorded skies at 1 s (benchmarks/days), prices 32/8, real import price. Each budget is what was measured
when it was set plus a tenth of the regret (and one switch): a change that costs more has to be meant. The
oracle is perfect foresight, written apart from the engine.
"""

from pathlib import Path

import pytest

from benchmarks import packed
from controller.days.backtest import run_day
from controller.model import Prices
from controller.plugins import load_strategy
from tests.faults.life import more

DAYS = Path(__file__).parents[2] / "benchmarks" / "days"

BUDGETS = [
    # day, value, regret in ct, writes, starts, phase changes, least energy in kWh
    ("payerne_20160621_1s__tracebase_h1", 16, 6.5, 109, 5, 1, 21.5),  # thin sun, one phase
    ("payerne_20160625_1s__tracebase_h1", 16, 41.6, 170, 3, 5, 28.0),  # dark clouds, short sun
    ("cimhub_day2_1s__tracebase_h3", 20, 65.1, 160, 2, 6, 47.0),  # the wildest recorded
    *more(
        ("payerne_20160620_1s__tracebase_h4", 20, 21.4, 196, 2, 3, 57.5),  # broken all day, plenty of sun
        ("payerne_20160623_1s__tracebase_h3", 20, 12.0, 85, 2, 5, 60.0),  # nearly clear
    ),
]


@pytest.mark.parametrize(
    ("name", "value_ct", "regret_ct", "writes", "starts", "changes", "least_kwh"), BUDGETS
)
def test_a_hard_day_stays_within_its_budget(
    name: str, value_ct: int, regret_ct: float, writes: int, starts: int, changes: int, least_kwh: float
) -> None:
    """Regret, commands, starts and phase changes of `surplus` on one recorded day."""
    (day,) = packed.read(DAYS / f"{name}{packed.SUFFIX}")
    strategy = load_strategy("surplus", {"value_ct_per_kwh": float(value_ct), "solar_share": None})
    found = run_day(day, strategy, "surplus", Prices(), value_ct, with_oracle=True)
    assert found.regret_ct is not None
    assert 0 <= found.regret_ct <= regret_ct
    assert found.writes <= writes
    assert found.starts <= starts
    assert found.phase_changes <= changes
    assert found.ev_kwh >= least_kwh
