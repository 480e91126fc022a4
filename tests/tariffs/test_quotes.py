"""Merging, ends and means of quotes, against an oracle that knows every quarter of an hour by itself."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import TariffImplausible
from controller.tariffs.quotes import Quote, checked, ends_of, known_until_s, mean_price, merged

Q = 900
patient = settings(deadline=None, max_examples=100)


@st.composite
def quote_lists(draw: st.DrawFn, most: int = 12) -> list[Quote]:
    """Return quotes in order of time on a grid of quarters, with gaps, of one to five quarters each."""
    at, found = draw(st.integers(0, 8)), []
    for _ in range(draw(st.integers(0, most))):
        length = draw(st.integers(1, 5))
        found.append(Quote(at * Q, (at + length) * Q, draw(st.integers(-50, 50))))
        at += length + draw(st.sampled_from([0, 0, 1, 3]))
    return found


def by_quarter(quotes: Sequence[Quote]) -> dict[int, float | None]:
    found: dict[int, float | None] = {}
    for quote in quotes:
        for at in range(int(quote.begin_s) // Q, int(quote.end_s) // Q):
            assert at not in found, "two quotes for the same quarter"
            found[at] = quote.spot_ct_per_kwh
    return found


@patient
@given(quote_lists(), quote_lists(), st.integers(0, 40))
def test_merging_keeps_all_that_the_new_does_not_say(old: list[Quote], new: list[Quote], keep: int) -> None:
    """Each quarter has the new price, else the old one, else none; the past beyond the limit goes."""
    both = {**by_quarter(old), **by_quarter(new)}
    found = merged(old, new, keep * Q)
    assert [q.begin_s for q in found] == sorted(q.begin_s for q in found)
    assert all(q.end_s > keep * Q for q in found)
    after = by_quarter(found)
    assert {at: ct for at, ct in after.items() if at >= keep} == {
        a: ct for a, ct in both.items() if a >= keep
    }
    assert all(both[at] == ct for at, ct in after.items())


@patient
@given(quote_lists())
def test_known_until_ends_at_the_first_gap(quotes: list[Quote]) -> None:
    """From any quarter on, all quarters up to the answer are known and the next one is not."""
    known = by_quarter(quotes)
    for start in range(0, 60, 7):
        until = known_until_s(quotes, start * Q) / Q
        assert until == int(until)
        assert all(at in known for at in range(start, int(until)))
        assert int(until) not in known


@patient
@given(quote_lists(), st.integers(0, 30), st.integers(1, 40))
def test_the_mean_is_the_mean_of_quarters(quotes: list[Quote], begin: int, length: int) -> None:
    """Weighted by time, over what is known."""
    inside = [ct for at, ct in by_quarter(quotes).items() if begin <= at < begin + length and ct is not None]
    mean, known_s = mean_price(quotes, begin * Q, (begin + length) * Q)
    assert known_s == len(inside) * Q
    assert mean == pytest.approx(sum(inside) / len(inside) if inside else 0.0)


@patient
@given(st.lists(st.sampled_from([900, 1800, 2700, 3600, 7200, 10_800]), max_size=20))
def test_ends_never_pass_the_next_start(steps: list[int]) -> None:
    """Each end is after its start, at most at the next one, and the step where that is a market's length."""
    starts = [0.0]
    for step in steps:
        starts.append(starts[-1] + step)
    ends = ends_of(starts)
    for i, step in enumerate(steps):
        assert starts[i] < ends[i] <= starts[i + 1]
        if step in (900, 1800, 3600):
            assert ends[i] == starts[i + 1]
    assert 0 < ends[-1] - starts[-1] <= 3600


def test_before_a_hole_the_usual_length_holds() -> None:
    """An hour before a hole is an hour; a quarter a quarter; first, as the next; never longer."""
    assert ends_of([0, 3600, 18_000, 21_600]) == [3600, 7200, 21_600, 25_200]
    assert ends_of([0, 900, 18_000, 18_900]) == [900, 1800, 18_900, 19_800]
    assert ends_of([0, 18_000, 21_600]) == [3600, 21_600, 25_200]
    assert ends_of([0, 3600, 6300]) == [3600, 6300, 9900]


def test_nothing_and_one() -> None:
    """No starts have no ends; a single one is as long as it is said to be."""
    assert ends_of([]) == []
    assert ends_of([5.0], 1800) == [1805.0]


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 501.0, -501.0])
def test_prices_beyond_belief(price: float) -> None:
    """Not a number, infinite and absurd prices refuse the answer."""
    with pytest.raises(TariffImplausible):
        checked([Quote(0, 900, 5.0), Quote(900, 1800, price)], 500.0, 0.0)


def test_order_and_doubles() -> None:
    """Any order comes out in order; the same quote twice counts once; another price for it is refused."""
    first, second = Quote(0, 900, 5.0), Quote(900, 1800, 6.0)
    assert checked([second, first, second], 500.0, 0.0) == (first, second)
    with pytest.raises(TariffImplausible):
        checked([first, second, Quote(900, 1800, 7.0)], 500.0, 0.0)
