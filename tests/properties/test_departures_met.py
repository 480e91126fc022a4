"""A departure is met whatever the sun does and whatever was promised of it, where there was time for it."""

import os
from itertools import chain, repeat

from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.days.backtest_session import Foreknowledge, Session, run_session
from controller.horizon import PriceSlot, SurplusSlot
from controller.planner.task import Departure
from strategies.ready_by import ReadyBy

BEGIN_S = 1_768_413_600.0
FULL_W = 11_040.0
SPARE_S = 480.0
"""What a car needs beside the charging: five minutes to wake up, phases, a tick or two."""

PIECES = st.lists(st.tuples(st.sampled_from([20, 60, 120, 300, 600]), st.integers(-2500, 11_000)), min_size=1)
QUARTERS = st.lists(st.sampled_from([5.0, 15.0, 30.0, 32.0, 45.0]), min_size=16, max_size=16)


@settings(max_examples=int(os.environ.get("AMPILOT_EXAMPLES", "25")))
@given(
    minutes=st.integers(20, 150),
    into_s=st.integers(0, 899),
    share=st.floats(0.01, 0.96),
    beyond_wh=st.sampled_from([0.0, 3_000.0]),
    sun=PIECES,
    promised_w=st.sampled_from([-500.0, 3_000.0, 8_000.0, 12_000.0]),
    prices_ct=QUARTERS,
)
@example(
    minutes=99,
    into_s=0,
    share=0.375,
    beyond_wh=0.0,
    sun=[(60, 0), (20, 8864)],
    promised_w=8000.0,
    prices_ct=[15.0, 5.0, 5.0, 32.0, 15.0, 30.0, 15.0, *[5.0] * 9],
)  # a sun that jumps every minute used up the commands, and full power came eleven minutes late
def test_no_departure_is_missed_that_could_be_met(
    minutes: int,
    into_s: int,
    share: float,
    beyond_wh: float,
    sun: list[tuple[int, int]],
    promised_w: float,
    prices_ct: list[float],
) -> None:
    """The sun jumps by kilowatts, comes again as it was, the forecast promises what it likes."""
    length = minutes * 60
    pieces_w = list(chain.from_iterable(repeat(float(surplus_w), span_s) for span_s, surplus_w in sun))
    surplus_w = [pieces_w[second % len(pieces_w)] for second in range(length)]
    need_wh = share * FULL_W * (length - SPARE_S) / 3600
    paid = tuple(
        PriceSlot(BEGIN_S + 900 * n, BEGIN_S + 900 * (n + 1), ct, 8.0) for n, ct in enumerate(prices_ct)
    )
    begin_s = BEGIN_S + into_s
    stay = Session(
        "made",
        begin_s,
        surplus_w,
        paid,
        (Departure(begin_s + length, need_wh),),
        need_wh + beyond_wh,
    )
    promised = SurplusSlot(
        BEGIN_S, BEGIN_S + 900 * 16, 0.6 * promised_w, promised_w, max(1.3 * promised_w, promised_w)
    )
    known = Foreknowledge(lambda now_s, until_s: paid, lambda now_s, until_s: (promised,))
    assert run_session(stay, ReadyBy(), "it", known).missed_kwh == 0
