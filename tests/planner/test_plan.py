"""What comes out of a plan: values a loop can follow, sums that agree, ways not taken by hand."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.planner.instances import instance
from controller.horizon import PriceSlot, SurplusSlot
from controller.planner import plan as planning
from controller.planner.plan import make_plan
from controller.planner.task import CarPower, Departure, Task, make_slots
from controller.planner.values import Reason

T0 = 1_764_104_400.0  # a quarter to the hour, 2025-11-25
QUARTER_S = 900.0


def task(
    prices_ct: list[float],
    surplus_w: list[float] | None = None,
    *,
    need_wh: float = 0.0,
    by: int | None = None,
    spread: tuple[float, float, float] = (1.0, 1.0, 1.0),
    **other: object,
) -> Task:
    """Return a task of one price and one surplus a quarter, feed-in 8 ct."""
    count = len(prices_ct)
    edges = [(T0 + QUARTER_S * i, T0 + QUARTER_S * (i + 1)) for i in range(count)]
    prices = [PriceSlot(*edge, ct, 8.0) for edge, ct in zip(edges, prices_ct, strict=True)]
    sun = [
        SurplusSlot(*edge, *(watts * factor for factor in spread))
        for edge, watts in zip(edges, surplus_w or [0.0] * count, strict=True)
    ]
    departures = (Departure(T0 + QUARTER_S * (count if by is None else by), need_wh),) if need_wh else ()
    slots = make_slots(T0, T0 + QUARTER_S * count, prices, sun, departures)
    return Task(slots, departures, **other)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 400))
def test_the_slots_add_up_to_the_whole(seed: int) -> None:
    """Energy and cost of the slots are those the solver counted; no slot is beyond the car's power."""
    asked = instance(seed, scenarios=3)
    made = make_plan(asked)
    assert sum(slot.expected_wh for slot in made.slots) == pytest.approx(made.energy_wh, abs=0.5)
    assert [made.slots[0].begin_s, made.slots[-1].end_s] == [asked.slots[0].begin_s, asked.slots[-1].end_s]
    assert all(one.end_s == next_one.begin_s for one, next_one in pairwise(made.slots))
    for slot in made.slots:
        assert 0 <= slot.p10_wh <= slot.expected_wh + 1e-6 <= slot.p90_wh + 2e-6
        assert slot.p90_wh <= asked.car.max_w * (slot.end_s - slot.begin_s) / 3600 + 1e-6


def follows(made: planning.Plan) -> float:
    """Return the Wh of a loop that takes full power from the grid where that costs less than the value."""
    return sum(
        11_040.0 * (slot.end_s - slot.begin_s) / 3600
        for slot in made.slots
        if slot.import_ct_per_kwh < slot.value_ct_per_kwh
    )


@pytest.mark.parametrize("need_wh", [500.0, 4_000.0, 11_040.0, 20_000.0])
@pytest.mark.parametrize("prices_ct", [[30.0] * 24, [34.0] * 8 + [22.0] * 8 + [28.0] * 8])
def test_who_follows_the_values_has_what_is_needed_and_hardly_more(
    need_wh: float, prices_ct: list[float]
) -> None:
    """Also where all hours cost the same: the value itself says which of them are meant."""
    brought_wh = follows(make_plan(task(prices_ct, need_wh=need_wh)))
    assert need_wh <= brought_wh <= need_wh + 2 * 2_760


def test_the_cheap_hours_are_the_ones_and_the_reason_is_the_target() -> None:
    """22 ct in the middle of 34 and 28."""
    made = make_plan(task([34.0] * 8 + [22.0] * 8 + [28.0] * 8, need_wh=15_000.0))
    charged = [slot for slot in made.slots if slot.expected_wh]
    assert {slot.import_ct_per_kwh for slot in charged} == {22.0}
    assert {slot.reason for slot in charged} == {Reason.TARGET}
    assert made.missing_wh == 0


def test_sun_that_covers_the_need_leaves_the_value_of_a_later_kwh() -> None:
    """Nothing is bought, so a kWh is worth what it is worth without a departure (less the preference)."""
    made = make_plan(task([32.0] * 24, [5_000.0] * 24, need_wh=6_000.0, later_value_ct=14.0))
    assert {slot.reason for slot in made.slots} == {Reason.LATER}
    assert all(13.0 <= slot.value_ct_per_kwh <= 14.0 for slot in made.slots)


def test_a_full_battery_is_the_reason_behind_it() -> None:
    """5.5 kWh fit in, in cheap quarters; behind them nothing is expected, and it is said why."""
    made = make_plan(task([5.0] * 12 + [30.0] * 12, room_wh=5_520.0, later_value_ct=20.0))
    assert made.energy_wh == pytest.approx(5_520.0, abs=400)
    assert [slot.reason for slot in made.slots[12:]] == [Reason.FULL] * 12
    assert sum(slot.expected_wh for slot in made.slots[12:]) == 0


def test_what_cannot_be_brought_in_time_is_said() -> None:
    """Two hours at 11.04 kW are 22 kWh, 30 are asked for."""
    assert make_plan(task([30.0] * 8, need_wh=30_000.0)).missing_wh == pytest.approx(30_000 - 22_080, abs=1)


def test_the_latest_start_by_hand() -> None:
    """11.04 kWh at 97 % of 11.04 kW are 1 h 1 min 51 s; five minutes are kept beside."""
    asked = task([30.0] * 24, need_wh=11_040.0)
    assert planning.latest_start_s(asked) == pytest.approx(T0 + 6 * 3600 - 3600 / 0.97 - 300)
    assert planning.latest_start_s(task([30.0] * 24)) is None


def test_full_power_now_by_hand() -> None:
    """5.52 kWh in half an hour beside 2 kW of sun: 1 kWh of it at 8 ct, the rest at 30."""
    way = planning.full_power_now(task([30.0] * 24, [2_000.0] * 24, need_wh=5_520.0))
    assert way.energy_wh == pytest.approx(5_520.0)
    assert way.cost_ct == pytest.approx(1.0 * 8 + 4.52 * 30)


def test_sun_only_by_hand() -> None:
    """2 kW cover 8 A on one phase (1.84 kW), a third of an ampere short of 9; until the departure only."""
    way = planning.sun_only(task([30.0] * 8, [2_000.0] * 8, need_wh=9_000.0, by=4))
    assert way.energy_wh == pytest.approx(1_840.0)
    assert way.cost_ct == pytest.approx(1.84 * 8)


def test_sun_only_of_a_car_on_three_phases_needs_four_kilowatts() -> None:
    """6 A x3 are 4.14 kW."""
    car = CarPower(phases=(3,))
    assert planning.sun_only(task([30.0] * 8, [4_000.0] * 8, car=car)).energy_wh == 0
    assert planning.sun_only(task([30.0] * 8, [4_200.0] * 8, car=car)).energy_wh == pytest.approx(2 * 4_140)


def test_a_dark_sky_costs_more_than_a_bright_one() -> None:
    """With half a day of uncertain sun before the departure."""
    asked = task([32.0] * 32, [4_000.0] * 32, need_wh=25_000.0, spread=(0.3, 1.0, 1.5))
    bright_ct, dark_ct = planning.bounds_ct(asked)
    assert bright_ct < dark_ct


def test_without_slots_there_is_an_empty_plan() -> None:
    """No price is known at all: nothing is planned, nothing breaks."""
    made = make_plan(Task(()))
    assert made.slots == ()
    assert made.at(T0) is None
    assert made.energy_wh == 0


# -- uncertain sun -----------------------------------------------------------------------------------------

SKIES = (0.2, 1.0, 1.6)
"""The dark sky brings 1 kW where 5 are expected: too little for any charging."""


def test_before_an_uncertain_sun_a_kwh_is_worth_a_mixture() -> None:
    """A bright morning would bring all of it at 8 ct, a dark one nothing: between both, and no grid yet."""
    made = make_plan(task([32.0] * 48, [0.0] * 16 + [5_000.0] * 32, need_wh=16_000.0, spread=SKIES))
    assert all(9.0 < slot.value_ct_per_kwh < 30.0 for slot in made.slots[:12])
    certain = make_plan(task([32.0] * 48, [0.0] * 16 + [1_000.0] * 32, need_wh=16_000.0))
    assert all(slot.value_ct_per_kwh > 24.0 for slot in certain.slots[:12])


def test_the_sun_of_now_is_not_left_for_a_forecast() -> None:
    """More sun ahead than the car takes is worth its feed-in price; that of now is taken all the same."""
    sun_w = [4_000.0] * 8 + [0.0] * 40 + [8_000.0] * 24
    for other in ({"need_wh": 5_000.0, "room_wh": 5_000.0}, {"room_wh": 6_000.0}):
        made = make_plan(task([32.0] * 72, sun_w, spread=(0.6, 1.0, 1.3), later_value_ct=14.0, **other))  # type: ignore[arg-type]
        assert all(9.0 <= slot.value_ct_per_kwh <= 16.0 for slot in made.slots[:8])


def test_the_sun_of_now_is_sold_where_the_grid_gets_cheaper() -> None:
    """Room for 5 kWh, and two hours in which one is paid for taking: sun at 8 ct is too dear."""
    made = make_plan(task([32.0] * 16 + [-10.0] * 8, [4_000.0] * 24, room_wh=5_000.0, later_value_ct=14.0))
    assert all(slot.value_ct_per_kwh < 8.0 for slot in made.slots[:8])


def test_half_a_cent_counts_in_a_night() -> None:
    """Without sun nothing is gained by waiting: the cheapest hours are taken, early as they are."""
    made = make_plan(task([30.6] * 8 + [29.9] * 8 + [30.4] * 32, need_wh=20_000.0))
    bought = {ct: sum(s.expected_wh for s in made.slots if s.import_ct_per_kwh == ct) for ct in (30.6, 29.9)}
    assert bought[29.9] >= 0.9 * 20_000.0
    assert bought[30.6] == 0


def test_a_value_stands_off_the_price_it_does_not_pay() -> None:
    """Sun for a part of the power and grid at the shadow price: neither bought on nor refused by a hair."""
    made = make_plan(task([32.0] * 40, [700.0] * 40, need_wh=40_000.0))
    beside = [slot for slot in made.slots if slot.phases == 1 and slot.expected_wh < 350.0]
    assert len(beside) > 10
    assert all(21.0 < slot.value_ct_per_kwh <= 30.0 for slot in beside)
