"""The planner's solver against exact answers: never better than the optimum, never far from it."""

import statistics
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.planner.exact import money_ct, optimum
from benchmarks.planner.instances import instance, with_room
from controller.horizon import PriceSlot, SurplusSlot
from controller.planner.shadow import Solution, solve
from controller.planner.task import Departure, PlanSlot, Task, make_slots
from tests.planner.tasks import small_tasks, whole_day

HOUR_S = 3600.0


def check(task: Task, found: Solution) -> float:
    """Assert that bound <= optimum <= found; return how far the plan is from the optimum, in ct."""
    best_ct = optimum(task)
    assert found.track.objective_ct >= best_ct - 1e-6
    assert found.track.objective_ct - found.gap_ct <= best_ct + 1e-6
    return found.track.objective_ct - best_ct


def plans(count: int, scenarios: int) -> tuple[list[float], list[float]]:
    """Return distances and certificates of random tasks, a quarter with a battery that is nearly full."""
    far, certified = [], []
    for seed in range(count):
        task = instance(seed, scenarios)
        task = with_room(task, seed) if seed % 4 == 3 else task
        found = solve(task)
        far.append(check(task, found))
        certified.append(found.gap_ct)
    return far, certified


@pytest.mark.parametrize("scenarios", [1, 3])
def test_random_tasks_are_a_cent_from_the_optimum_and_know_it(scenarios: int) -> None:
    """40 of them: at most 1 ct on the mean, and the certificate says so; 200 in the slow run."""
    far, certified = plans(40, scenarios)
    assert statistics.mean(far) <= 1.0
    assert max(far) <= 5.0
    assert statistics.mean(certified) <= 1.0


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_hundred_random_tasks() -> None:
    """With three scenarios of the sun."""
    far, certified = plans(200, 3)
    assert statistics.mean(far) <= 1.0
    assert statistics.mean(certified) <= 1.0


@settings(max_examples=200, deadline=None)
@given(small_tasks() | small_tasks(scenarios=3))
def test_small_odd_tasks_keep_within_what_is_certified(task: Task) -> None:
    """Negative and inverted prices, caps that bar everything, needs of nothing and of too much."""
    check(task, solve(task))


@settings(max_examples=80, deadline=None)
@given(st.floats(100.0, 4000.0), st.integers(4, 40), st.booleans())
@example(200.0, 16, False)
@example(1000.0, 34, True)
def test_small_needs_in_hours_of_one_price_are_planned(need_wh: float, count: int, charging: bool) -> None:
    """However small, it is met where power allows, and by little more than one slot of the least current."""
    slots = tuple(PlanSlot(900.0 * n, 900.0 * (n + 1), 32.0, 8.0, (-300.0,)) for n in range(count))
    task = Task(slots, (Departure(900.0 * count, need_wh),), (1.0,), phases_now=1, charging_now=charging)
    kwh = solve(task).track.through_kwh[-1]
    possible = 11.04 * count / 4
    assert kwh >= min(need_wh / 1000, possible) - 0.02  # a thousandth of a kWh may be dearer than it is worth
    assert kwh <= need_wh / 1000 + 0.345 + 1e-6


def test_later_is_better_where_all_hours_cost_the_same() -> None:
    """Ten hours of one price: charged in the last ones, because sun may still come."""
    slots = tuple(PlanSlot(900.0 * n, 900.0 * (n + 1), 32.0, 8.0, (-300.0,)) for n in range(40))
    found = solve(Task(slots, (Departure(36_000.0, 6000.0),), (1.0,)))
    on = [place for place, (phases, _) in enumerate(found.track.choices) if phases]
    assert on == list(range(on[0], 40))
    assert on[0] >= 36


def night(late_ct: float) -> tuple[PlanSlot, ...]:
    """Return ten hours: three cheap ones at first, then so many ct dearer ones."""
    return tuple(
        PlanSlot(900.0 * n, 900.0 * (n + 1), 25.0 if n < 12 else 25.0 + late_ct, 8.0, (-300.0,))
        for n in range(40)
    )


@pytest.mark.parametrize(("dearer_ct", "early_kwh"), [(0.8, 9.0), (4.0, 14.0)])
def test_the_last_part_comes_late_where_that_is_cheap(dearer_ct: float, early_kwh: float) -> None:
    """5 of 14 kWh wait for the last three hours for 0.8 ct/kWh more, not for 4; ready both times."""
    task = Task(night(dearer_ct), (Departure(36_000.0, 14_000.0),), (1.0,), start_ct=0.1, late_wh=5000.0)
    found = solve(replace(task, later_is_better_ct=0.0))
    assert found.track.through_kwh[-1] == pytest.approx(14.0, abs=0.1)
    assert found.track.through_kwh[28] == pytest.approx(early_kwh, abs=0.2)


def bill_ct(task: Task, found: Solution) -> float:
    """Return the money of a plan for one sun with switching, less the later value of what is there."""
    ct, on, set_phases = 0.0, task.charging_now, task.phases_now
    for slot, (phases, _), before, after in zip(
        task.slots, found.track.choices, found.track.through_kwh, found.track.through_kwh[1:], strict=False
    ):
        if phases:
            power_w = (after - before) * 1000 / slot.hours
            ct += money_ct(power_w, slot.surplus_w[0], slot.hours, slot.import_ct_per_kwh, slot)
            ct += (0.0 if on else task.start_ct) + (0.0 if phases == set_phases else task.phase_change_ct)
            set_phases = phases
        on = phases != 0
    return ct - task.later_value_ct * found.track.through_kwh[-1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2000.0, 5000.0, 12_000.0]))
def test_coming_late_costs_little_and_no_departure(seed: int, late_wh: float) -> None:
    """2 ct at most for each kWh that would have come early (and the certificate); needs are met as before."""
    task = instance(seed)
    early, late = solve(task), solve(replace(task, late_wh=late_wh))
    before, need_wh = len(task.slots), task.departures[0].need_wh
    missing = [max(need_wh / 1000 - found.track.through_kwh[before], 0.0) for found in (early, late)]
    # What is missing has a price too: no more of it than certified. The latest start asks no plan.
    assert missing[1] <= missing[0] + 0.01 + late.gap_ct / 200.0
    ahead_s = max(3 * 3600.0, 2 * 3600 * late_wh / task.car.max_w)
    begun = sum(slot.end_s <= task.departures[0].at_s - ahead_s for slot in task.slots)
    moved_kwh = max(early.track.through_kwh[begun] - max(need_wh - late_wh, 0.0) / 1000, 0.0)
    paid_ct = bill_ct(task, late) - bill_ct(task, early) + 200.0 * (missing[1] - missing[0])
    assert paid_ct <= 2.0 * moved_kwh + late.gap_ct + 1e-6


def test_several_departures_are_each_met() -> None:
    """The cheap hours are after the first departure: it is met in dear ones, the second in cheap ones."""
    slots = tuple(
        PlanSlot(900.0 * n, 900.0 * (n + 1), 40.0 if n < 16 else 15.0, 8.0, (-300.0,)) for n in range(48)
    )
    departures = (Departure(16 * 900.0, 5000.0), Departure(48 * 900.0, 15_000.0))
    found = solve(Task(slots, departures, (1.0,)))
    assert found.track.through_kwh[16] >= 5.0 - 1e-6
    assert found.track.through_kwh[16] <= 5.4
    assert found.track.through_kwh[48] >= 15.0 - 1e-6
    assert found.values_ct[0] > found.values_ct[20]


def test_the_ceiling_yields_to_a_departure_only() -> None:
    """Above 30 ct nothing is bought, unless the need cannot be met otherwise."""
    slots = tuple(
        PlanSlot(900.0 * n, 900.0 * (n + 1), 50.0 if n % 2 else 25.0, 8.0, (-300.0,)) for n in range(8)
    )
    free = solve(Task(slots, (), (1.0,), later_value_ct=60.0, ceiling_ct=30.0))
    assert all(not phases for place, (phases, _) in enumerate(free.track.choices) if place % 2)
    bound = solve(Task(slots, (Departure(7200.0, 20_000.0),), (1.0,), ceiling_ct=30.0))
    assert bound.track.through_kwh[-1] >= 20.0 - 1e-6


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-06-21", 96)])
def test_days_of_23_and_25_hours_are_just_slots(day: str, quarters: int) -> None:
    """From local midnight to midnight in Vienna, in UTC seconds; as near to the optimum as any other day."""
    begin_s, end_s = whole_day(day)
    hours = [begin_s + 3600 * n for n in range(quarters // 4)]
    prices = [PriceSlot(at, at + 3600, 25.0 + (at / 3600 * 7) % 13, 8.0) for at in hours]
    sun = [SurplusSlot(at, at + 3600, -300.0, 300.0, 4000.0) for at in hours[8:14]]
    slots = make_slots(begin_s, end_s, prices, sun)
    assert len(slots) == quarters
    assert sum(slot.hours for slot in slots) == quarters / 4
    task = Task(slots, (Departure(end_s, 9000.0),))
    found = solve(task)
    assert found.track.through_kwh[-1] >= 9.0 - 1e-6
    assert check(task, found) <= 2.0


def test_slots_are_cut_at_now_at_departures_and_flagged_where_no_price_is() -> None:
    """The first is partial; beyond the prices their mean stands in."""
    prices = [PriceSlot(0.0, 1800.0, 20.0, 8.0), PriceSlot(1800.0, 3600.0, 40.0, 8.0, estimated=True)]
    sun = [SurplusSlot(0.0, 1800.0, 0.0, 500.0, 900.0)]
    slots = make_slots(600.0, 5400.0, prices, sun, [Departure(4000.0, 1.0)])
    assert [(slot.begin_s, slot.end_s) for slot in slots[:2]] == [(600.0, 900.0), (900.0, 1800.0)]
    assert any(slot.end_s == 4000.0 for slot in slots)
    assert [slot.estimated for slot in slots] == [False, False, True, True, True, True, True]
    assert slots[-1].import_ct_per_kwh == 30.0
    assert slots[0].surplus_w == (0.0, 500.0, 900.0)
    assert slots[-1].surplus_w == (0.0, 0.0, 0.0)
    assert make_slots(0.0, 3600.0, [], sun) == ()


def test_the_sun_of_every_scenario_is_followed() -> None:
    """Three skies: where the sun is enough it is taken, and only the rest is bought."""
    slots = tuple(
        PlanSlot(900.0 * n, 900.0 * (n + 1), 32.0, 8.0, (1000.0, 4000.0, 9000.0)) for n in range(16)
    )
    found = solve(Task(slots, (), later_value_ct=20.0))
    at_20 = found.track.through_kwh[-1]
    more = solve(Task(slots, (), later_value_ct=31.0)).track.through_kwh[-1]
    assert 0.3 * 0 + 0.4 * 3.6 * 4 + 0.3 * 8.3 * 4 <= at_20 <= more
    assert replace(slots[0], cap_w=4200.0).cap_w == 4200.0
