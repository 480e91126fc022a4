"""A generated household: repeatable, on its phases, of a believable size."""

import random

import pytest

from controller.simulation.load import HOUSEHOLD, Appliance, _run, household_day
from controller.units import DAY_S


def test_a_day_is_repeatable_and_every_seed_its_own() -> None:
    """Three phases, one value a second."""
    day = household_day(4)
    assert [len(phase) for phase in day] == [DAY_S] * 3
    assert day == household_day(4)
    assert day != household_day(5)


@pytest.mark.parametrize("seed", range(3))
def test_the_base_is_never_undercut_and_the_peak_is_bearable(seed: int) -> None:
    """60, 45 and 40 W always; never more on a phase than all its appliances at once, fridge included."""
    for phase, (values, base_w) in enumerate(zip(household_day(seed), (60.0, 45.0, 40.0), strict=True)):
        assert min(values) == base_w
        owned_w = sum(item.power_w * item.runs[1] for item in HOUSEHOLD if item.phase == phase)
        assert max(values) <= base_w + owned_w + 90.0


def test_a_house_takes_a_few_kilowatt_hours_a_day() -> None:
    """Over twenty days between 4 and 15 kWh on the mean."""
    days = [sum(map(sum, household_day(seed))) / 3.6e6 for seed in range(20)]
    assert 4.0 < sum(days) / len(days) < 15.0


def test_the_fridge_is_the_only_one_awake_at_night() -> None:
    """From two to five o'clock: base or base and 90 W on L1, bare base on the others, and it does cycle."""
    one, two, three = (phase[2 * 3600 : 5 * 3600] for phase in household_day(1))
    assert set(one) == {60.0, 150.0}
    assert (set(two), set(three)) == ({45.0}, {40.0})
    assert 0.2 < one.count(150.0) / len(one) < 0.6


def test_a_thermostat_cycles() -> None:
    """60 s on, 90 s off, for 300 s: on in 0 to 59 and 150 to 209."""
    phase = [0.0] * 400
    _run(phase, Appliance(2200, 1, (1, 1), (300, 300), (0, 1), (60, 90)), 10, 300)
    on = [second - 10 for second, watts in enumerate(phase) if watts]
    assert on == [*range(60), *range(150, 210)]
    assert set(phase) == {0.0, 2200.0}


def test_what_runs_past_midnight_ends_there() -> None:
    """No wrap into the morning, no error at the end."""
    phase = [0.0] * DAY_S
    _run(phase, Appliance(1000, 0, (1, 1), (600, 600), (23, 24)), DAY_S - 100, 600)
    assert sum(phase) == 100 * 1000.0


def test_two_at_once_add_up() -> None:
    """Appliances on the same phase are summed, second by second."""
    phase = [50.0] * 100
    for begin, seconds in ((10, 50), (40, 50)):
        _run(phase, Appliance(1000, 0, (1, 1), (1, 1), (0, 1)), begin, seconds)
    assert [phase[second] for second in (9, 10, 39, 40, 59, 60, 89, 90)] == [
        50.0, 1050.0, 1050.0, 2050.0, 2050.0, 1050.0, 1050.0, 50.0,
    ]  # fmt: skip


def test_generated_days_leave_the_global_dice_alone() -> None:
    """A seeded program stays repeatable around it."""
    random.seed(1)
    expected = random.random()
    random.seed(1)
    household_day(1)
    assert random.random() == expected
