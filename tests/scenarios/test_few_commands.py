"""A departure is met with few commands a day too, whatever the sun has asked of them before."""

from dataclasses import replace

import pytest

from controller.days.backtest import BACKTEST_LIMITS
from controller.days.backtest_session import Foreknowledge, Session, run_session
from controller.horizon import PriceSlot, SurplusSlot
from controller.planner.task import Departure
from strategies.ready_by import ReadyBy

BEGIN_S = 1_768_413_600.0
HOURS, SUNNY_H = 8, 6


@pytest.mark.parametrize(("commands", "wave_s"), [(10, 60), (10, 400), (20, 400), (60, 200)])
def test_the_sun_does_not_use_up_the_commands_of_a_departure(commands: int, wave_s: int) -> None:
    """Sun and cloud by turns for six hours, then none: the last two hours must bring what is missing.

    The day's commands come back a day later only, so those of the end have to be left.
    """
    surplus_w = [
        (9000.0 if second // wave_s % 2 else 1500.0) if second < SUNNY_H * 3600 else -300.0
        for second in range(HOURS * 3600)
    ]
    paid = (PriceSlot(BEGIN_S, BEGIN_S + HOURS * 3600, 32.0, 8.0),)
    promised = (SurplusSlot(BEGIN_S, BEGIN_S + HOURS * 3600, 3000.0, 5000.0, 6000.0),)
    need_wh = 48_000.0
    stay = Session("made", BEGIN_S, surplus_w, paid, (Departure(BEGIN_S + HOURS * 3600, need_wh),), need_wh)
    known = Foreknowledge(lambda now_s, until_s: paid, lambda now_s, until_s: promised)
    limits = replace(BACKTEST_LIMITS, writes_per_day=commands)
    lived = run_session(stay, ReadyBy(), "it", known, limits=limits)
    assert lived.missed_kwh == 0
    assert lived.writes <= commands
