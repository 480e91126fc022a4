"""Stays with prices by the slot, a departure and a need, against sums done by hand."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from controller.days.backtest import run_day
from controller.days.backtest_session import (
    Foreknowledge,
    Planner,
    Session,
    SessionResult,
    Stay,
    run_session,
)
from controller.days.traces import Day
from controller.horizon import PriceSlot, SurplusSlot
from controller.model import Force, PhaseMode, Prices, Settings, Strategy
from controller.planner.task import Departure
from strategies.fast import Fast
from strategies.fixed import Fixed
from strategies.off import OffStrategy
from strategies.ready_by import ReadyBy
from strategies.surplus import Surplus

BEGIN_S = datetime(2026, 1, 14, 18, tzinfo=UTC).timestamp()
HOUR_S = 3600


def hours(prices_ct: Sequence[float], export_ct: float = 8.0) -> tuple[PriceSlot, ...]:
    """Return hourly prices from plug-in on."""
    edges = [BEGIN_S + HOUR_S * hour for hour in range(len(prices_ct) + 1)]
    return tuple(
        PriceSlot(edges[n], edges[n + 1], price_ct, export_ct) for n, price_ct in enumerate(prices_ct)
    )


def session(
    prices_ct: Sequence[float], surplus_w: float, need_kwh: float = 0.0, room_kwh: float | None = None
) -> Session:
    length = HOUR_S * len(prices_ct)
    needs = (Departure(BEGIN_S + length, need_kwh * 1000),) if need_kwh else ()
    room_wh = None if room_kwh is None else room_kwh * 1000
    return Session("made", BEGIN_S, [surplus_w] * length, hours(prices_ct), needs, room_wh)


def knowing(stay: Session, surplus_w: float) -> Foreknowledge:
    """Return who knows the prices and a sun that stands still."""
    slot = SurplusSlot(BEGIN_S, BEGIN_S + stay.duration_s, surplus_w, surplus_w, surplus_w)
    return Foreknowledge(lambda now_s, until_s: stay.prices, lambda now_s, until_s: (slot,))


def lived(stay: Session, strategy: Strategy, surplus_w: float) -> SessionResult:
    return run_session(stay, strategy, "it", knowing(stay, surplus_w))


def test_the_bill_is_that_of_each_hour() -> None:
    """10 A on one phase, 2.3 kW, in two hours at 10 and two at 30 ct: 184 ct."""
    found = lived(session([10, 10, 30, 30], 0.0), Fixed(10, 1), 0.0)
    assert found.ev_kwh == pytest.approx(4 * 2.3, rel=0.01)
    assert found.bill_ct == pytest.approx(2.3 * 2 * (10 + 30), rel=0.01)
    assert found.hours == 4
    assert found.begin == "2026-01-14T18:00:00Z"


def test_what_is_fed_in_is_paid_for() -> None:
    """1.5 kW over three hours at 8 ct bring 36 ct; the house that draws pays."""
    assert lived(session([30, 30, 30], 1500.0), OffStrategy(), 1500.0).bill_ct == pytest.approx(-36.0)
    assert lived(session([30, 20, 10], -500.0), OffStrategy(), -500.0).bill_ct == pytest.approx(30.0)


def test_prices_may_be_negative_and_above_feed_in() -> None:
    """Buying at -5 ct earns."""
    found = lived(session([-5, -5], 0.0), Fixed(10, 1), 0.0)
    assert found.bill_ct == pytest.approx(-2.3 * 2 * 5, rel=0.02)


def test_the_car_stops_when_it_is_full() -> None:
    """Whatever is offered, it takes its room and no more than 5 s of full power beyond."""
    found = lived(session([30] * 3, 0.0, 6.0, 6.0), Fast(), 0.0)
    assert 6.0 - 0.001 <= found.ev_kwh <= 6.0 + 11.04 * 10 / 3600
    assert found.missed_kwh == 0
    assert found.extra_kwh <= 11.04 * 10 / 3600


def test_what_is_missing_is_said_and_counted() -> None:
    """5 kWh that never came: missed, at 2 EUR each, beside the bill; nothing beyond the need."""
    found = lived(session([30, 30], 0.0, 5.0), OffStrategy(), 0.0)
    assert (found.missed_kwh, found.extra_kwh, found.bill_ct) == (5.0, 0.0, 0.0)
    assert found.cost_ct == pytest.approx(1000.0)


def test_what_is_beyond_the_need_is_worth_something() -> None:
    """2.3 kWh wanted, 6.9 kWh taken: 4.6 kWh at 10 ct less."""
    found = lived(session([30, 30, 30], 0.0, 2.3), Fixed(10, 1), 0.0)
    assert found.extra_kwh == pytest.approx(4.6, rel=0.02)
    assert found.cost_ct == pytest.approx(found.bill_ct - 10 * found.extra_kwh)


@pytest.mark.parametrize("need_kwh", [3.0, 9.0, 15.0])
def test_the_cheap_hours_are_taken_and_the_departure_is_met(need_kwh: float) -> None:
    """Two hours at 15 ct in a night of 40: what fits into them costs 15 ct and little more."""
    prices = [40, 40, 40, 15, 15, 40, 40, 40]
    found = lived(session(prices, 0.0, need_kwh, 40.0), ReadyBy(), 0.0)
    assert found.missed_kwh == 0
    assert found.bill_ct <= 15 * need_kwh * 1.12


def test_the_sun_that_comes_is_waited_for() -> None:
    """A stay under a sun of 5 kW takes nothing from the grid for what the sun can bring."""
    found = lived(session([32] * 8, 5000.0, 15.0, 40.0), ReadyBy(), 5000.0)
    assert found.missed_kwh == 0
    assert found.import_ev_kwh < 0.5


def test_a_forecast_that_lies_costs_money_and_no_departure() -> None:
    """The sun that was promised never comes: the latest start charges all the same."""
    stay = session([32] * 6, 0.0, 20.0, 40.0)
    found = run_session(stay, ReadyBy(), "it", knowing(stay, 8000.0))
    assert found.missed_kwh == 0
    assert found.import_ev_kwh >= 19.9


@pytest.mark.parametrize("before_s", range(360, 661, 60))
def test_a_sun_that_goes_right_before_the_departure_costs_no_departure(before_s: int) -> None:
    """Little is missing when it goes: a stop would hold for five minutes, more than the latest start has."""
    stay = session([32], 5000.0, 4.1, 4.1)
    surplus_w = [5000.0] * (HOUR_S - before_s) + [-1500.0] * before_s
    stay = dataclasses.replace(stay, surplus_w=surplus_w)
    assert run_session(stay, ReadyBy(), "it", knowing(stay, 5000.0)).missed_kwh == 0


def test_a_plan_is_made_at_plug_in_and_at_each_quarter() -> None:
    """Plugged in at 18:07: plans at once, at 18:15, 18:30 and so on, each asking what is known by then."""
    begin_s = BEGIN_S + 7 * 60
    asked: list[float] = []

    def prices(now_s: float, until_s: float) -> Sequence[PriceSlot]:
        asked.append((now_s - BEGIN_S) / 60)
        return (PriceSlot(now_s, until_s, 30.0, 8.0),)

    paid = (PriceSlot(BEGIN_S, BEGIN_S + HOUR_S, 30.0, 8.0),)
    stay = Session("made", begin_s, [0.0] * 45 * 60, paid)
    run_session(stay, ReadyBy(), "it", Foreknowledge(prices, lambda now_s, until_s: ()))
    assert asked == [7 + 10 / 60, 15, 30, 45]


def test_the_plan_counts_what_the_car_has() -> None:
    """After an hour at 11 kW the plan wants that much less."""
    stay = Stay.of(session([30] * 4, 0.0, 20.0, 30.0))
    planner = Planner(stay, knowing(stay.session, 0.0), Prices())
    assert [d.need_wh for d in planner.missing(0)] == [20_000.0]
    stay.plant.apply(Settings(16, Force.ON, PhaseMode.THREE), 0)
    stay.advance(HOUR_S)
    assert [d.need_wh for d in planner.missing(HOUR_S)] == [pytest.approx(20_000.0 - 11_040.0, abs=100)]


def test_without_prices_by_the_slot_it_is_the_backtest_of_a_day() -> None:
    """One price, no need, no plan that is followed: the same as `run_day`, to the last digit."""
    pv_w = [4000.0 if 60 < minute < 300 else 0.0 for minute in range(360)]
    day = Day("made", "2026-06-21", 60, pv_w, [300.0] * 360)
    once = run_day(day, Surplus(20.0, None), "it", Prices(), 20.0)
    price = (PriceSlot(BEGIN_S, BEGIN_S + 6 * HOUR_S, 32.0, 8.0),)
    surplus_w = [pv - 300.0 for pv in pv_w for _ in range(60)]
    stay = Session("made", BEGIN_S, surplus_w, price)
    known = Foreknowledge(lambda now_s, until_s: price, lambda now_s, until_s: ())
    found = run_session(stay, Surplus(20.0, None), "it", known)
    for key in ("ev_kwh", "import_kwh", "import_ev_kwh", "export_kwh", "bill_ct"):
        assert getattr(found, key) == pytest.approx(getattr(once, key), rel=1e-9), key
    for key in ("writes", "starts", "phase_changes"):
        assert getattr(found, key) == getattr(once, key), key


def test_an_unknown_price_is_no_price() -> None:
    """A gap in what is paid is an error, never the price before."""
    stay = Session("made", BEGIN_S, [0.0] * 7200, hours([30]))
    with pytest.raises(ValueError, match="no price"):
        lived(stay, OffStrategy(), 0.0)
