"""What is bought, and when: at full power, in the cheapest quarters, late, and only what the sun leaves."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.planner.plan import Plan, PlannedSlot, make_plan
from controller.planner.task import CarPower, Departure
from tests.planner.test_plan import QUARTER_S, T0, follows, task

FULL_KW = 11.04


def bought(made: Plan) -> list[PlannedSlot]:
    """Return the stretches in which the grid is bought whatever the sun does."""
    return [slot for slot in made.slots if slot.value_ct_per_kwh > slot.import_ct_per_kwh]


def hours(slots: list[PlannedSlot]) -> float:
    return sum(slot.end_s - slot.begin_s for slot in slots) / 3600


def test_a_flat_night_is_bought_at_its_very_end() -> None:
    """4 kWh at 97 % of 11.04 kW and a minute to spare are 23.4 min: nothing before, nothing at half power."""
    made = make_plan(task([32.0] * 24, need_wh=4_000.0))
    last = bought(made)
    assert last[-1].end_s == T0 + 24 * QUARTER_S
    assert last[0].begin_s == pytest.approx(last[-1].end_s - (4.0 / 0.97 / FULL_KW * 3600 + 60), abs=1)
    assert all(one.end_s == other.begin_s for one, other in pairwise(last))
    assert sum(slot.expected_wh for slot in made.slots) == pytest.approx(4_000.0, abs=1)


def test_of_an_hour_of_one_price_the_end_is_bought() -> None:
    """5 kWh in the cheap hour: its last 29 minutes, in one go."""
    made = make_plan(task([34.0] * 8 + [22.0] * 4 + [34.0] * 12, need_wh=5_000.0))
    hour_s = T0 + 8 * QUARTER_S
    cheap = bought(made)
    assert {slot.import_ct_per_kwh for slot in cheap} == {22.0}
    assert cheap[-1].end_s == hour_s + 3600
    assert cheap[0].begin_s == pytest.approx(hour_s + 3600 - (5.0 / 0.97 / FULL_KW * 3600 + 60), abs=1)


def test_a_part_of_a_quarter_is_bought_beside_its_neighbour() -> None:
    """Quarters at 20 and 21 ct: of the dearer one behind the cheap one its beginning, no second start."""
    made = make_plan(task([34.0] * 4 + [20.0, 21.0] + [34.0] * 6, need_wh=3_500.0))
    one, other = bought(made)
    assert (one.import_ct_per_kwh, other.import_ct_per_kwh) == (20.0, 21.0)
    assert one.end_s == other.begin_s
    assert other.end_s < one.end_s + QUARTER_S


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from([18.0, 21.0, 24.0, 27.0, 30.0, 33.0]), min_size=4, max_size=40),
    st.floats(500.0, 40_000.0),
)
def test_without_sun_no_dearer_quarter_is_bought_before_a_cheaper_one(
    prices_ct: list[float], need_wh: float
) -> None:
    """Who follows the values has what is needed, or all there is time for, from the cheapest quarters."""
    made = make_plan(task(prices_ct, need_wh=need_wh))
    bought_h = dict.fromkeys(prices_ct, 0.0)
    for slot in bought(made):
        bought_h[slot.import_ct_per_kwh] += (slot.end_s - slot.begin_s) / 3600
    whole_h = {ct: 0.25 * prices_ct.count(ct) for ct in bought_h}
    dearest = max([ct for ct, span_h in bought_h.items() if span_h > 0.002])
    assert all(bought_h[ct] == pytest.approx(whole_h[ct], abs=1e-6) for ct in bought_h if ct < dearest)
    most_wh = FULL_KW * 1000 * 0.25 * len(prices_ct)
    assert min(need_wh, most_wh) - 25 <= follows(made) <= need_wh / 0.97 + FULL_KW * 1000 / 60 + 25
    assert sum(slot.expected_wh for slot in made.slots) == pytest.approx(
        min(need_wh, most_wh), rel=0.02, abs=25
    )


def test_only_what_the_sun_leaves_is_bought() -> None:
    """4.6 kW for two hours are 9.2 kWh of 12; the rest is bought behind it, though it was night before."""
    made = make_plan(
        task([32.0] * 8 + [32.0] * 8 + [32.0] * 8, [0.0] * 8 + [4_600.0] * 8 + [0.0] * 8, need_wh=12_000.0)
    )
    behind_s = T0 + 16 * QUARTER_S
    assert all(slot.begin_s >= behind_s for slot in bought(made))
    assert hours(bought(made)) * FULL_KW == pytest.approx(2.8 / 0.97 + FULL_KW / 60, abs=0.5)
    sunny = [slot for slot in made.slots if slot.surplus_w > 0]
    assert sum(slot.expected_wh for slot in sunny) == pytest.approx(9_200.0, rel=0.05)


def test_while_it_waits_some_sun_is_enough() -> None:
    """All will be bought anyhow: 700 W beside 1380 W are half of it at 8 instead of 32 ct, so 20 ct a kWh."""
    made = make_plan(task([32.0] * 24, [700.0] * 24, need_wh=40_000.0))
    waiting = [slot for slot in made.slots if slot.value_ct_per_kwh < slot.import_ct_per_kwh]
    assert len(waiting) > 5
    assert all(slot.value_ct_per_kwh >= 28.0 for slot in waiting)


def test_what_an_early_departure_needs_is_bought_before_it() -> None:
    """3 kWh until two o'clock at 32 ct, 9 in all until six, where the night costs 20."""
    asked = task([32.0] * 8 + [20.0] * 16, need_wh=9_000.0)
    early = Departure(T0 + 8 * QUARTER_S, 3_000.0)
    made = make_plan(replace(asked, departures=(early, *asked.departures)))
    dear = [slot for slot in bought(made) if slot.import_ct_per_kwh == 32.0]
    assert hours(dear) * FULL_KW == pytest.approx(3.0 / 0.97 + FULL_KW / 60, abs=0.05)
    assert dear[-1].end_s == early.at_s
    assert follows(made) == pytest.approx(9_000.0, abs=700)


def test_a_cap_on_the_power_makes_it_begin_earlier() -> None:
    """At 5 kW the same 4 kWh take more than twice as long."""
    free = make_plan(task([32.0] * 24, need_wh=4_000.0))
    asked = task([32.0] * 24, need_wh=4_000.0)
    slots = tuple([replace(slot, cap_w=5_000.0) for slot in asked.slots])
    capped = make_plan(replace(asked, slots=slots))
    assert hours(bought(capped)) > 2 * hours(bought(free))


def test_a_car_on_one_phase_takes_three_times_as_long() -> None:
    """16 A on one phase are 3.68 kW."""
    made = make_plan(task([32.0] * 24, need_wh=4_000.0, car=CarPower(phases=(1,))))
    assert hours(bought(made)) == pytest.approx(4.0 / 0.97 / 3.68 + 60 / 3600, abs=0.02)


def test_before_a_sun_that_may_come_nothing_is_bought() -> None:
    """A bright morning brings all of it, a dark one hardly any: it can still be bought when it is known."""
    spread = (0.2, 1.0, 1.6)
    made = make_plan(task([32.0] * 48, [0.0] * 16 + [5_000.0] * 32, need_wh=16_000.0, spread=spread))
    assert bought(made) == []


def test_who_is_charging_is_not_stopped_for_a_minute() -> None:
    """5.2 kWh in two quarters of 2.76: a minute and a half is to spare, and no reason to stop."""
    asked = task([15.0] * 2 + [40.0] * 8, need_wh=5_200.0, charging_now=True)
    assert bought(make_plan(asked))[0].begin_s == T0
    waits = task([15.0] * 2 + [40.0] * 8, need_wh=3_500.0, charging_now=True)
    assert bought(make_plan(waits))[0].begin_s > T0 + 300
