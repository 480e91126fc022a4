"""The planner's benchmark: its tasks are what they say, its scores hold what the planner promises."""

import statistics

from benchmarks.planner.__main__ import score
from benchmarks.planner.horizons import horizon, recorded_ct


def test_tasks_are_repeatable_and_all_of_36_hours() -> None:
    """By their seeds; recorded and fixed prices, batteries that get full and not, one and two departures."""
    tasks = [horizon(seed) for seed in range(40)]
    assert tasks == [horizon(seed) for seed in range(40)]
    assert {task.slots[-1].end_s - task.slots[0].begin_s for task in tasks} == {36 * 3600.0}
    assert {len({slot.import_ct_per_kwh for slot in task.slots}) > 1 for task in tasks} == {True, False}
    assert {task.room_wh is None for task in tasks} == {True, False}
    assert {len(task.departures) for task in tasks} == {1, 2}


def test_recorded_prices_are_a_winter_of_quarters() -> None:
    """182 local days, one of 25 and one of 23 hours; the mean household price is a plausible one."""
    assert len(recorded_ct()) == 182 * 96  # one of 100, one of 92
    assert 25 < statistics.mean(recorded_ct()) < 40


def test_plans_are_near_the_optimum_and_small() -> None:
    """Six tasks: a cent on the mean, certified to two, in less than 5 MB; a wrong certificate would raise."""
    scores = [score(horizon(seed)) for seed in range(6)]
    assert statistics.mean(one.dearer_ct for one in scores) <= 1.0
    assert statistics.mean(one.certified_ct for one in scores) <= 2.0
    assert max(one.peak_kb for one in scores) <= 5000
