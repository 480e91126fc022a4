"""The book of prices: made up as the bill says, slot by slot, with gaps where nothing is known."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model import Prices
from controller.settings.tariffs import TariffSettings
from controller.tariffs.assembly import _rules
from controller.tariffs.book import PriceBook
from controller.tariffs.estimate import estimated
from controller.tariffs.quotes import Quote
from tests.tariffs.recorded import hours_of_2024, quarters
from tests.tariffs.speakers import day_slots
from tests.tariffs.world import midnight

BERLIN = ZoneInfo("Europe/Berlin")
FIXED = Prices(32.0, 8.0)
SPOT = {"import_price": "market", "market": {"source": "energy_charts"}}
COSTS = {"markup": 0.03, "supplier_ct_per_kwh": 1.5, "levies_ct_per_kwh": 6.0, "vat": 0.19}


def never(_day: date) -> bool:
    return False


def book(tariff: dict[str, object], quotes: Sequence[Quote] = (), co2: Sequence[Quote] = ()) -> PriceBook:
    rules = _rules(TariffSettings.model_validate(tariff), FIXED, BERLIN, never)
    return PriceBook(rules, lambda: quotes, lambda: co2, BERLIN, never)


def of_day(day: str, step_s: int = 900) -> list[Quote]:
    return [Quote(s.begin_s, s.end_s, s.ct) for s in day_slots(day, step_s)]


def test_fixed_prices_are_one_slot() -> None:
    """Without anything that changes the whole span has one price."""
    (slot,) = book({}).slots(1000.0, 90_000.0)
    assert (slot.begin_s, slot.end_s) == (1000.0, 90_000.0)
    assert (slot.import_ct_per_kwh, slot.export_ct_per_kwh, slot.estimated) == (32.0, 8.0, False)


def test_a_bill_by_hand() -> None:
    """Spot 10 ct, 3 % markup, 1.5 supplier, 9.2 grid, 6 levies, 19 % VAT: (10.3 + 16.7) * 1.19 = 32.13 ct."""
    made = book({**SPOT, **COSTS, "grid_fee_ct_per_kwh": 9.2}, [Quote(0.0, 900.0, 10.0)])
    (slot,) = made.slots(0.0, 900.0)
    assert slot.import_ct_per_kwh == pytest.approx(32.13)


def test_grid_fees_by_the_clock_are_added_to_each_quarter() -> None:
    """Module 3: fees at quarter-hour borders cut the hours of the market; the sum is that of both."""
    fees = [
        {"ct_per_kwh": 1.0, "hours": ["00:15-05:45"]},
        {"ct_per_kwh": 15.0, "hours": ["17:30-20:00"], "days": ["Mon-Fri"]},
    ]
    tariff = {**SPOT, "grid_fee_ct_per_kwh": 8.0, "grid_fees": fees}
    hours = of_day("2026-01-14", 3600)
    begin_s = midnight("2026-01-14")
    slots = book(tariff, hours).slots(begin_s, begin_s + 86_400)
    assert sum(s.end_s - s.begin_s for s in slots) == 86_400
    for slot in slots:
        local = datetime.fromtimestamp(slot.begin_s, BERLIN)
        minute = local.hour * 60 + local.minute
        fee = 1.0 if 15 <= minute < 345 else 15.0 if 1050 <= minute < 1200 else 8.0
        spot = hours[local.hour].spot_ct_per_kwh
        assert spot is not None
        assert slot.import_ct_per_kwh == pytest.approx(spot + fee)
    assert len(slots) == 24 + 3


@pytest.mark.parametrize(
    ("feed_in", "spot", "brings"),
    [
        ("fixed", -4.0, 8.0),
        ("spot", -4.0, -4.4),
        ("spot", 9.0, 8.6),
        ("zero_if_negative", -0.01, 0.0),
        ("zero_if_negative", 0.0, 8.0),
        ("zero_if_negative", 30.0, 8.0),
    ],
)
def test_feed_in(feed_in: str, spot: float, brings: float) -> None:
    """Fixed, by the exchange less a fee, or nothing while the exchange is below zero."""
    made = book({**SPOT, "feed_in": feed_in, "feed_in_fee_ct_per_kwh": 0.4}, [Quote(0.0, 900.0, spot)])
    (slot,) = made.slots(0.0, 900.0)
    assert slot.export_ct_per_kwh == pytest.approx(brings)


def test_feed_in_by_a_market_that_is_silent() -> None:
    """A fixed import price is known all the same; the feed-in price is the configured one and flagged."""
    tariff = {"feed_in": "spot", "market": {"source": "energy_charts"}}
    known, unknown = book(tariff, [Quote(0.0, 900.0, 5.0)]).slots(0.0, 1800.0)
    assert (known.import_ct_per_kwh, known.export_ct_per_kwh, known.estimated) == (32.0, 5.0, False)
    assert (unknown.import_ct_per_kwh, unknown.export_ct_per_kwh, unknown.estimated) == (32.0, 8.0, True)


def test_all_in_prices_get_nothing_added() -> None:
    """What a customer pays is what a kWh costs; the exchange's part of it serves the feed-in."""
    tariff = {"import_price": "market", "market": {"source": "tibber"}, "feed_in": "spot"}
    (slot,) = book(tariff, [Quote(0.0, 900.0, 9.0, 28.71)]).slots(0.0, 900.0)
    assert (slot.import_ct_per_kwh, slot.export_ct_per_kwh) == (28.71, 9.0)


def test_a_gap_is_a_gap_and_the_span_cuts() -> None:
    """Unknown quarters are missing; the first and the last slot are cut to the span; CO2 rides along."""
    quotes = [Quote(0.0, 900.0, 5.0), Quote(1800.0, 2700.0, 7.0)]
    made = book(SPOT, quotes, [Quote(600.0, 3600.0, co2_g_per_kwh=250.0)])
    slots = made.slots(300.0, 2000.0)
    assert [(s.begin_s, s.end_s, s.import_ct_per_kwh, s.co2_g_per_kwh) for s in slots] == [
        (300.0, 600.0, 5.0, None),
        (600.0, 900.0, 5.0, 250.0),
        (1800.0, 2000.0, 7.0, 250.0),
    ]
    assert made.at(899.0) is not None
    assert made.at(900.0) is None
    assert made.at(-1.0) is None
    assert made.slots(5.0, 5.0) == ()


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["2026-03-29", "2025-10-26", "2026-01-14"]), st.integers(0, 80), st.integers(1, 90_000)
)
def test_every_instant_has_one_price(day: str, hole: int, length: int) -> None:
    """Over any span: slots in order, none overlapping, all known time covered, holes left open."""
    quotes = of_day(day)
    del quotes[hole : hole + 3]
    begin_s = midnight(day) + 137.0
    fees = [{"ct_per_kwh": 1.0, "hours": ["22:15-05:45"]}, {"ct_per_kwh": 2.0, "hours": ["02:00-03:00"]}]
    slots = book({**SPOT, "grid_fees": fees}, quotes).slots(begin_s, begin_s + length)
    covered = 0.0
    for before, after in pairwise(slots):
        assert before.end_s <= after.begin_s
    for slot in slots:
        assert slot.begin_s < slot.end_s
        covered += slot.end_s - slot.begin_s
    expected = sum(max(min(q.end_s, begin_s + length) - max(q.begin_s, begin_s), 0.0) for q in quotes)
    assert covered == pytest.approx(expected)


# -- estimates --------------------------------------------------------------------------------------------


def history(day: date, back: int = 8) -> list[Quote]:
    days = quarters()
    slots = [s for k in range(back, -1, -1) for s in days[day - timedelta(days=k)]]
    return [Quote(s.begin_s, s.end_s, s.ct) for s in slots]


def test_estimates_are_flagged_and_never_over_what_is_known() -> None:
    """What is published stays as it is; beyond it every quarter is flagged, to the end of the span."""
    day = date(2026, 1, 14)
    known = history(day)
    made = book(SPOT, known)
    begin_s, end_s = midnight("2026-01-14") + 43_200, midnight("2026-01-16")
    slots = made.outlook(begin_s, end_s)
    assert [s.estimated for s in slots] == [s.begin_s >= midnight("2026-01-15") for s in slots]
    assert slots[-1].end_s == end_s
    assert made.slots(begin_s, end_s) == tuple(s for s in slots if not s.estimated)


def test_an_estimate_has_the_shape_of_its_kind_of_day_and_the_level_of_now() -> None:
    """Saturday after a dear Friday: the shape of last Sunday, raised by how much Fridays have risen."""

    def day(text: str, level: float, evening: float) -> list[Quote]:
        begin_s = midnight(text)
        return [
            Quote(begin_s + i * 900, begin_s + (i + 1) * 900, level + (evening if i >= 72 else 0.0))
            for i in range(96)
        ]

    known = [
        *day("2026-01-09", 10.0, 4.0),  # Friday
        *day("2026-01-10", 5.0, 0.0),
        *day("2026-01-11", 6.0, 8.0),  # Sunday
        *day("2026-01-12", 10.0, 4.0),
        *day("2026-01-13", 10.0, 4.0),
        *day("2026-01-14", 10.0, 4.0),
        *day("2026-01-15", 10.0, 4.0),
        *day("2026-01-16", 13.0, 4.0),  # Friday, 3 ct dearer
    ]
    now_s = midnight("2026-01-16") + 43_200
    found = estimated(known, now_s, midnight("2026-01-18"), BERLIN, never)
    assert len(found) == 96
    assert [q.spot_ct_per_kwh for q in found] == pytest.approx([9.0] * 72 + [17.0] * 24)


def test_without_a_day_of_its_kind_there_is_no_estimate() -> None:
    """One known working day says nothing about a Saturday."""
    known = of_day("2026-01-16")  # a Friday
    now_s = midnight("2026-01-16") + 3600
    assert estimated(known, now_s, midnight("2026-01-18"), BERLIN, never) == ()
    assert estimated((), now_s, midnight("2026-01-18"), BERLIN, never) == ()


def test_estimates_rank_the_hours_of_recorded_days() -> None:
    """On the recorded days the ranks of estimated and true hours agree better than yesterday's do."""
    days = hours_of_2024()
    ours, yesterday = [], []
    for day in sorted(days)[9:-1:3]:
        known = [
            Quote(s.begin_s, s.end_s, s.ct) for k in range(8, -1, -1) for s in days[day - timedelta(days=k)]
        ]
        truth = [s.ct for s in days[day + timedelta(days=1)]]
        found = estimated(known, known[-1].begin_s, known[-1].end_s + len(truth) * 3600, BERLIN, never)
        guess = [q.spot_ct_per_kwh for q in found][::4]
        ours.append(rank_agreement(guess, truth))
        last = [s.ct for s in days[day]]
        yesterday.append(rank_agreement((last + last)[: len(truth)], truth))
    mean, mean_of_yesterday = sum(ours) / len(ours), sum(yesterday) / len(yesterday)
    assert mean > 0.72
    assert mean > mean_of_yesterday + 0.02


def rank_agreement(first: Sequence[float | None], second: Sequence[float | None]) -> float:
    """Return Spearman's rank correlation, ties in order of time."""

    def ranks(values: Sequence[float | None]) -> list[int]:
        order = sorted(range(len(values)), key=lambda i: values[i] or 0.0)
        found = [0] * len(values)
        for rank, place in enumerate(order):
            found[place] = rank
        return found

    a, b = ranks(first), ranks(second)
    n = len(a)
    return 1 - 6 * sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / (n * (n * n - 1))
