"""Recorded sessions with budgets, so that no later change makes plan and fast loop together worse unseen.

Recorded days (benchmarks/days) at recorded prices of the same season; stays and needs are typed. The forecast
is the smoothed day times an error. Each budget is what was measured when it was set plus 8 ct, one start and
one phase change. The other plan knows prices and no sun; beside it the gain may be as much smaller.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks import packed
from benchmarks.session_cases import Case
from benchmarks.session_runs import BLIND, DYNAMIC, FIXED, OURS, Market, run_entry
from controller.tariffs.quotes import Quote
from tests.faults.life import more
from tests.tariffs.recorded import hours_of_2024, quarters

DAYS = Path(__file__).parents[2] / "benchmarks" / "days"


def case(
    trace: str, first: str, priced: str, plug_in: str, stay_h: float, need_kwh: float, error: float
) -> Case:
    """Return a session whose car is full at its need; `error` is what the forecast of the sun is off by."""
    days = packed.read(DAYS / f"{trace}{packed.SUFFIX}")
    place = next(n for n, day in enumerate(days) if day.date == first)
    hour, minute = plug_in.split(":")
    priced_on = date.fromisoformat(priced)
    return Case(
        trace=trace,
        date=first,
        number=0,
        place=1,
        days=tuple(days[place : place + 2]) if place + 1 < len(days) else (days[place],) * 2,
        midnight_s=datetime(priced_on.year, priced_on.month, priced_on.day, tzinfo=UTC).timestamp(),
        second=int(hour) * 3600 + int(minute) * 60,
        stay_s=int(stay_h * 3600),
        need_wh=need_kwh * 1000,
        room_wh=need_kwh * 1000,
        factors=(error,) * 3,
    )


@pytest.fixture(scope="module")
def quotes() -> tuple[Quote, ...]:
    """Return the recorded prices of 2024 by the hour and of the winter after next by the quarter."""
    slots = [slot for days in (hours_of_2024(), quarters()) for day in days.values() for slot in day]
    return tuple(Quote(slot.begin_s, slot.end_s, slot.ct) for slot in slots)


WEEK_23, WEEK_9 = "psel_2012w23_north48_ew30__uci2008", "psel_2012w09_native_s30__uci2007"
BROKEN = "payerne_20160625_1s__tracebase_h1"

BUDGETS = [
    # session, tariff, money in ct, at least so much below the blind plan, starts, phase changes
    # the two of a whole night and day are of the long run
    *more(
        ((WEEK_23, "2012-06-05", "2024-06-04", "15:30", 22.0, 20.0, 0.7), DYNAMIC, 456.0, -4.0, 3, 2),
        ((WEEK_9, "2012-02-28", "2026-02-24", "16:40", 20.0, 15.0, 1.4), FIXED, -55.0, -4.0, 2, 2),
    ),
    ((BROKEN, "2016-06-25", "2024-06-22", "07:10", 12.0, 18.0, 1.2), DYNAMIC, -78.0, 1.0, 4, 1),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("what", "tariff", "money_ct", "below_ct", "starts", "changes"), BUDGETS)
def test_a_session_stays_within_its_budget(
    what: tuple[str, str, str, str, float, float, float],
    tariff: str,
    money_ct: float,
    below_ct: float,
    starts: int,
    changes: int,
    quotes: tuple[Quote, ...],
) -> None:
    """Nothing missed, no dearer than allowed, not behind a blind plan, little switching."""
    one, market = case(*what), Market(tariff, quotes)
    ours, blind = run_entry(one, market, OURS), run_entry(one, market, BLIND)
    assert ours.missed_kwh == 0
    assert ours.cost_ct <= money_ct
    assert blind.cost_ct - ours.cost_ct >= below_ct
    assert ours.starts <= starts
    assert ours.phase_changes <= changes
