"""The write budget by hand: what is left, and what a write costs as it empties. Defaults, price 0.02 ct."""

from dataclasses import replace
from math import exp

import pytest

from controller.limits import Limits
from controller.line import budget

LIMITS = Limits()
NOW_S = 200_000.0


def even(count: int, over_s: float, ends_s: float = NOW_S) -> tuple[float, ...]:
    """Return writes spread evenly over a time that ends then."""
    return tuple(ends_s - over_s * (count - place) / count for place in range(count))


def test_an_unused_budget_has_the_plain_price() -> None:
    """200 a day allowed, none spent: 0.02 ct."""
    assert budget.price_ct((), NOW_S, 0.02, LIMITS) == pytest.approx(0.02)


def test_a_full_window_costs_e_to_nearly_six() -> None:
    """Nine of nine a moment ago, and nine in four hours where 33 are even: more than a share of 0.089."""
    expected_ct = 0.02 * exp(5.554 + 1.629 * (9 / (200 / 6) - 0.08915))
    assert budget.price_ct((NOW_S,) * 9, NOW_S, 0.02, LIMITS) == pytest.approx(expected_ct)


def test_a_write_weighs_less_the_longer_ago_it_was() -> None:
    """One of nine, 450 of 900 s ago: half its weight."""
    assert budget.price_ct((NOW_S - 450.0,), NOW_S, 0.02, LIMITS) == pytest.approx(0.02 * exp(5.554 / 18))


def test_spending_a_days_worth_in_a_morning_is_dear() -> None:
    """100 in four hours, the last quarter of an hour free: a weight of about 47 where 33 is even."""
    writes = even(100, 13_500.0, NOW_S - 900.0)
    weight = sum(1 - (NOW_S - at) / 14_400.0 for at in writes)
    assert weight == pytest.approx(46.9, abs=1.0)
    expected_ct = 0.02 * exp(1.629 * (weight / (200 / 6) - 0.08915))
    assert budget.price_ct(writes, NOW_S, 0.02, LIMITS) == pytest.approx(expected_ct)


@pytest.mark.parametrize(("used", "factor"), [(171, 1.0), (180, (19 / 10) ** 2), (189, 19.0**2)])
def test_the_last_ones_are_dear_without_bound(used: int, factor: float) -> None:
    """190 may be used, ten are for stops; from the last tenth on the price rises with the square."""
    writes = even(used, 3600.0, NOW_S - 20_000.0)  # long ago: neither window nor pace
    assert budget.price_ct(writes, NOW_S, 0.02, LIMITS) == pytest.approx(0.02 * factor)


def test_yesterdays_writes_are_forgotten() -> None:
    """A car that stays connected for days is not charged for the day before."""
    writes = even(190, 3600.0, NOW_S - 86_400.0)
    assert budget.price_ct(writes, NOW_S, 0.02, LIMITS) == pytest.approx(0.02)
    assert budget.left(writes, NOW_S, LIMITS) == 9


def test_who_allows_forty_a_day_gets_dear_ones_from_the_first() -> None:
    """A fifth of plenty: 5 to the power of 1.72."""
    limits = replace(LIMITS, writes_per_day=40)
    assert budget.price_ct((), NOW_S, 0.02, limits) == pytest.approx(0.02 * 5**1.72)
    # Four of forty are kept for stops.
    writes = even(36, 3600.0, NOW_S - 20_000.0)
    assert (budget.left(writes, NOW_S, limits), budget.left(writes, NOW_S, limits, stopping=True)) == (0, 4)


def test_the_window_says_when_it_lets_the_next_one_through() -> None:
    """Nine writes, the first at 1000 s: the tenth at 1900 s."""
    writes = tuple(1000.0 + 10 * place for place in range(9))
    assert budget.next_s(writes, LIMITS) == 1900.0
    assert budget.left(writes, 1899.9, LIMITS) == 0
    assert budget.left(writes, 1900.0, LIMITS) == 1


@pytest.mark.parametrize(
    ("allowed", "used", "left"), [(200, 30, 160), (200, 190, 0), (200, 195, 0), (45, 20, 21), (15, 3, 11)]
)
def test_what_a_day_has_left_but_for_stops(allowed: int, used: int, left: int) -> None:
    """A tenth is kept for stops, ten at most and in whole writes; what is left never falls below none."""
    writes = even(used, 3600.0, NOW_S - 20_000.0)
    limits = replace(LIMITS, writes_per_day=allowed)
    assert budget.left_today(writes, NOW_S, limits) == left
    assert budget.left_today(writes, NOW_S + 86_400.0, limits) == allowed - min(10, allowed // 10)


def test_a_window_nothing_was_written_in_lets_the_next_through_at_no_time() -> None:
    """There is nothing to wait for."""
    assert budget.next_s((), LIMITS) is None
