"""The planner against an integer programme, and the integer programme against dynamic programming.

Two exact answers that share no line: where they agree, both are right; where only one applies (slots of
different length), it has been right elsewhere.
"""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from benchmarks.planner.exact import optimum
from benchmarks.planner.instances import instance, with_room
from controller.planner.shadow import solve
from controller.planner.task import CarPower, Departure, PlanSlot, Task
from tests.planner.tasks import small_tasks, whole_day

pytest.importorskip("highspy", reason="no wheel of highspy for this machine")

from tests.planner.integer import Answer, programme

LIMIT_S = 10.0
"""For one programme; what is not proven by then is held by what is known."""


def check(task: Task, best: Answer) -> None:
    """Assert that no plan is better than the optimum nor its bound above it."""
    found = solve(task)
    assert found.track.objective_ct >= best.bound_ct - 1e-4
    assert found.track.objective_ct - found.gap_ct <= best.found_ct + 1e-4


def distance_ct(task: Task) -> float:
    """Assert that both exact answers agree as far as the programme came; return the plan's distance."""
    best, exact_ct = programme(task, LIMIT_S), optimum(task)
    assert best.bound_ct - 1e-3 <= exact_ct <= best.found_ct + 1e-3
    assert not best.proven or abs(exact_ct - best.found_ct) <= 1e-3
    check(task, best)
    return solve(task).track.objective_ct - exact_ct


@settings(max_examples=60, deadline=None)
@given(small_tasks(scenarios=3, uneven=True))
@example(  # charging on phases the car is not to have: a change, no start
    Task(
        (PlanSlot(0.0, 900.0, 5.0, 8.0, (-500.0,)),),
        weights=(1.0,),
        car=CarPower(8, 13, (3,)),
        later_value_ct=6.0,
        phases_now=1,
        charging_now=True,
    )
)
@example(  # to leave three phases set on a car of one costs nothing while it does not charge
    Task(
        (PlanSlot(0.0, 900.0, 18.0, 0.0, (1500.0,)), PlanSlot(900.0, 1800.0, 5.0, 8.0, (-500.0,))),
        weights=(1.0,),
        car=CarPower(max_a=10, phases=(1,)),
        later_value_ct=5.0,
    )
)
@example(  # a departure that is gone by is worth no more than what it costs to miss it
    Task(
        (PlanSlot(0.0, 900.0, 32.0, 8.0, (1500.0,)), PlanSlot(900.0, 1800.0, 5.0, 8.0, (4000.0,))),
        (Departure(0.0, 900.0), Departure(1800.0, 900.0)),
        (1.0,),
        later_value_ct=5.0,
        room_wh=900.0,
    )
)
def test_the_certificate_holds_with_three_suns_and_a_partial_slot(task: Task) -> None:
    """Odd prices, caps, ceilings, rooms, needs of nothing and of all: bound <= optimum <= plan."""
    check(task, programme(task, LIMIT_S))


@settings(max_examples=60, deadline=None)
@given(small_tasks() | small_tasks(scenarios=3))
def test_both_exact_answers_agree(task: Task) -> None:
    """Programme and dynamic programme name the same optimum, and the plan keeps to its certificate."""
    distance_ct(task)


@pytest.mark.parametrize("seed", [1, 3, 4, 6, 8, 10])
def test_both_agree_on_evenings_and_nights(seed: int) -> None:
    """24 and 48 quarter-hours of random prices and clouds, one with a battery that is nearly full."""
    task = with_room(instance(seed), seed) if seed % 4 == 3 else instance(seed)
    assert distance_ct(task) <= 1.0


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-10-25", 100)])
def test_both_agree_on_days_of_23_and_25_hours(day: str, quarters: int) -> None:
    """Prices by the hour, a need of 12 kWh at midnight."""
    begin_s, _ = whole_day(day)
    slots = tuple(
        PlanSlot(begin_s + 900 * n, begin_s + 900 * (n + 1), 20.0 + n // 4 * 7 % 23, 8.0, (-300.0,))
        for n in range(quarters)
    )
    task = Task(slots, (Departure(slots[-1].end_s, 12_000.0),), (1.0,))
    assert distance_ct(task) <= 1.0


NIGHT = Task(
    tuple(PlanSlot(900.0 * n, 900.0 * (n + 1), 30.0, 8.0, (-300.0,)) for n in range(16)),
    (Departure(16 * 900.0, 6000.0),),
    (1.0,),
)


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(NIGHT, id="all prices equal"),
        pytest.param(replace(NIGHT, departures=(Departure(16 * 900.0, 0.0),)), id="nothing needed"),
        pytest.param(replace(NIGHT, room_wh=6000.0), id="as much needed as there is room"),
        pytest.param(replace(NIGHT, departures=(Departure(24 * 900.0, 6000.0),)), id="beyond the prices"),
        pytest.param(replace(NIGHT, departures=(Departure(16 * 900.0, 60_000.0),)), id="too much needed"),
        pytest.param(
            replace(NIGHT, slots=tuple(replace(slot, cap_w=1000.0) for slot in NIGHT.slots)),
            id="no power allowed",
        ),
        pytest.param(
            replace(NIGHT, slots=tuple(replace(slot, cap_w=4200.0) for slot in NIGHT.slots)),
            id="4.2 kW allowed",
        ),
        pytest.param(
            replace(NIGHT, slots=tuple(replace(slot, import_ct_per_kwh=-9.0) for slot in NIGHT.slots)),
            id="paid for taking",
        ),
        pytest.param(
            replace(
                NIGHT,
                slots=tuple(
                    replace(slot, import_ct_per_kwh=3.0, surplus_w=(3000.0,)) for slot in NIGHT.slots
                ),
            ),
            id="the grid cheaper than the sun",
        ),
        pytest.param(
            replace(NIGHT, departures=(Departure(8 * 900.0, 3000.0), Departure(16 * 900.0, 9000.0))),
            id="two departures",
        ),
    ],
)
def test_corners_are_planned_as_the_programme_does(task: Task) -> None:
    """Each within 1 ct of the optimum."""
    assert distance_ct(task) <= 1.0
