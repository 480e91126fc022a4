"""The parts that learn: least squares, loads, quantiles, trust, skill."""

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.forecast.climate import Clearness
from controller.forecast.skill import skill
from controller.forecast.solve import least_squares, linear
from controller.forecast.spread import CLEAR, MIXED, NIGHT, Issued, Spread
from controller.forecast.surplus import Quarter, SurplusModel
from controller.forecast.trust import Trust

numbers = st.floats(-5, 5, allow_nan=False)


@given(st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=5, max_size=12), st.integers(0, 3))
def test_least_squares_leaves_no_way_down(rows: list[list[float]], kept: int) -> None:
    """The slope is 0 for free unknowns, and not downward for those held at 0 (Karush, Kuhn, Tucker)."""
    matrix = [[sum(row[a] * row[b] for row in rows) + 0.01 * (a == b) for b in range(3)] for a in range(3)]
    right = [sum(row[a] * row[3] for row in rows) for a in range(3)]
    found = least_squares(matrix, right, kept)
    for a in range(3):
        slope = sum(matrix[a][b] * found[b] for b in range(3)) - right[a]
        scale = 1 + abs(right[a])
        if a < kept:
            assert found[a] >= 0
            assert slope >= -1e-6 * scale
            assert found[a] * slope == pytest.approx(0, abs=1e-5 * scale * (1 + found[a]))
        else:
            assert slope == pytest.approx(0, abs=1e-6 * scale)


def test_a_singular_system_has_no_solution() -> None:
    """Two equal rows say nothing."""
    assert linear([[1.0, 1.0], [1.0, 1.0]], [1.0, 2.0]) is None
    assert linear([[0.0, 2.0], [1.0, 0.0]], [4.0, 3.0]) == [3.0, 2.0]


def live(model: SurplusModel, days: int, *, seed: int = 1, oven_day: int = -1) -> None:
    """Live through days of 5 kW/unit of sun, 300 W of load, 900 W in the evening, 700 more on weekends."""
    rng = random.Random(seed)
    for day, quarter in product(range(days), range(96)):
        sky = random.Random(day).uniform(0.2, 1.0)
        weekend = int(day % 7 >= 5)
        sun = max(0.0, 1 - ((quarter - 50) / 24) ** 2) * sky
        load_w = 300 + 600 * (72 <= quarter < 84) + 700 * weekend * (40 <= quarter < 56) + rng.gauss(0, 60)
        if day == oven_day and quarter == 50:
            load_w += 9000
        model.learn(Quarter((sun,), 5000 * sun - load_w, quarter, weekend, day))


def test_gain_and_load_are_told_apart() -> None:
    """Both only ever show in one sum; after three weeks each is known to some percent."""
    model = SurplusModel(1)
    live(model, 21)
    fit = model.fit()
    assert fit.gain_w[0] == pytest.approx(5000, rel=0.03)
    assert fit.load_w[0][20] == pytest.approx(300, abs=80)
    assert fit.load_w[0][78] == pytest.approx(900, abs=120)
    assert fit.load_w[1][48] - fit.load_w[0][48] == pytest.approx(700, abs=300)


def test_three_days_are_enough_to_begin_with() -> None:
    """The gain is within a sixth, so the first forecasts are of use."""
    model = SurplusModel(1)
    live(model, 3)
    assert model.fit().gain_w[0] == pytest.approx(5000, rel=0.16)


def test_one_roast_does_not_become_a_habit() -> None:
    """9 kW for a quarter of an hour at noon, once, moves the expected load by less than 150 W."""
    plain, once = SurplusModel(1), SurplusModel(1)
    live(plain, 8)
    live(once, 8, oven_day=7)
    assert abs(once.fit().load_w[0][50] - plain.fit().load_w[0][50]) < 150


def test_a_new_habit_is_learned_within_a_fortnight() -> None:
    """1 kW more every morning from day 14 on: after ten more working days a good part of it is expected."""
    model = SurplusModel(1)
    live(model, 14)
    before_w = model.fit().load_w[0][30]
    for day, quarter in product(range(14, 28), range(96)):
        load_w = 300 + 1000 * (28 <= quarter < 33)
        model.learn(Quarter((0.0,), -load_w, quarter, int(day % 7 >= 5), day))
    assert model.fit().load_w[0][30] - before_w > 350


@given(st.lists(st.tuples(st.floats(0, 1.2), st.floats(-9000, 9000)), min_size=20, max_size=120))
def test_more_sun_never_means_less_surplus(seen: list[tuple[float, float]]) -> None:
    """Whatever is measured, no gain is negative."""
    model = SurplusModel(3)
    for n, (sun, surplus_w) in enumerate(seen):
        model.learn(Quarter((sun, sun * 0.5, 1.2 - sun), surplus_w, n % 96, 0, n // 96))
    model.learn(Quarter((0.0, 0.0, 0.0), 0.0, 0, 0, 99))
    assert all(gain >= 0 for gain in model.fit().gain_w)


def issued(p10: float, p50: float, p90: float, *, sky: int = MIXED, **more: float) -> Issued:
    return Issued(0, 24, p10, p50, p90, sky, "x", more.get("own_w", 0.0), more.get("told_w"))


@pytest.mark.parametrize("scale", [100.0, 500.0, 3000.0])
def test_the_band_finds_its_width(scale: float) -> None:
    """Errors far smaller and far larger than the first guess: in the long run eight of ten lie within."""
    rng, spread, inside = random.Random(4), Spread(), 0
    for n in range(4000):
        below_w, above_w = spread.widths_w(2, MIXED, 1500.0, 300.0, None)
        came_w = rng.gauss(0, scale)
        inside += n >= 2000 and -below_w <= came_w <= above_w
        spread.settle(issued(-below_w, 0.0, above_w), came_w)
    assert inside / 2000 == pytest.approx(0.8, abs=0.04)


def test_a_band_learns_for_its_own_sky_only() -> None:
    """Nights say nothing about noon."""
    spread = Spread()
    before = spread.widths_w(2, CLEAR, 3000.0, 300.0, None)
    for _ in range(500):
        spread.settle(issued(-1.0, 0.0, 1.0, sky=NIGHT), 500.0)
    assert spread.widths_w(2, CLEAR, 3000.0, 300.0, None) == before
    assert spread.widths_w(2, NIGHT, 0.0, 300.0, None)[1] > 3 * spread.widths_w(1, NIGHT, 0.0, 300.0, None)[1]


@pytest.mark.parametrize(
    ("told_error", "own_error", "low", "high"), [(0.2, 1.0, 0.9, 1.0), (2.0, 0.5, 0, 0.3)]
)
def test_who_errs_less_is_believed_more(told_error: float, own_error: float, low: float, high: float) -> None:
    """A good source is followed, a bad one is not; without evidence it is followed."""
    rng, trust = random.Random(5), Trust()
    assert trust.weight(2) == 1.0
    for _ in range(1000):
        came_w = rng.uniform(0, 6000)
        own_w, told_w = (came_w + rng.gauss(0, 1000 * error) for error in (own_error, told_error))
        trust.settle(issued(0, 0, 0, own_w=own_w, told_w=told_w), came_w)
    assert low <= trust.weight(2) <= high
    assert trust.weight(0) == 1.0


def test_clearness_is_that_of_the_same_height_of_late() -> None:
    """Foggy mornings do not dim the afternoon as much; the fourth day is forgotten."""
    clearness = Clearness()
    assert clearness.at(30, True) == 1.0
    for day in range(3):
        for elevation in (8, 14, 20):
            clearness.learn(day, elevation, True, 200.0, 1000.0)
            clearness.learn(day, elevation, False, 1000.0, 1000.0)
    assert clearness.at(14, True) < clearness.at(14, False) < 1.0
    for day in range(3, 6):
        clearness.learn(day, 14, True, 1000.0, 1000.0)
    assert clearness.at(14, True) == pytest.approx(1.0)


def test_skill_is_counted_by_hand() -> None:
    """Two quarter-hours, worked out on paper: error, bias, both simple guesses, the band."""
    begin_s = 10 * 86_400
    came = {
        begin_s: 1000.0,
        begin_s + 900: 2000.0,
        begin_s - 3600: 400.0,
        begin_s + 900 - 3600: 900.0,
        begin_s - 86_400: 1500.0,
        begin_s + 900 - 86_400: 1500.0,
    }
    rows = [
        Issued(begin_s, 1, 500.0, 800.0, 1200.0, MIXED, "x", 0.0),
        Issued(begin_s + 900, 1, 500.0, 2300.0, 2400.0, MIXED, "x", 0.0),
        Issued(begin_s + 900, 24, 0.0, 0.0, 0.0, NIGHT, "x", 0.0),
        Issued(begin_s + 1800, 1, 0.0, 0.0, 0.0, MIXED, "x", 0.0),  # nothing came of it yet
    ]
    hour, day = skill(rows, came)
    assert (hour.lead_h, hour.quarters, day.lead_h, day.quarters) == (1, 2, 24, 1)
    assert (hour.error_w, hour.bias_w, hour.inside) == (250.0, -50.0, 1.0)
    assert (hour.held_error_w, hour.yesterday_error_w) == (850.0, 500.0)
    assert day.inside == 0.0
    assert [one.lead_h for one in skill(rows, came, day=True)] == [1]
