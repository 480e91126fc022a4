"""evcc's plan for a departure against its description: which quarters, when, and what is between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from benchmarks.baselines.cheapest_slots import MARGIN_S, CheapestSlots
from benchmarks.contest import Order, Ring
from benchmarks.session_runs import run_blind
from controller.days.backtest_session import Foreknowledge, Session
from controller.days.plant import Run
from controller.horizon import PriceSlot
from controller.planner.task import Departure

BEGIN_S = 1_768_413_600.0
"""18:00 UTC on 2026-01-14."""

QUARTER_S = 900


def quarters(prices_ct: Sequence[float]) -> tuple[PriceSlot, ...]:
    edges = [BEGIN_S + QUARTER_S * n for n in range(len(prices_ct) + 1)]
    return tuple(PriceSlot(edges[n], edges[n + 1], ct, 8.0) for n, ct in enumerate(prices_ct))


def telling(prices: Sequence[PriceSlot]) -> Callable[[float, float], Sequence[PriceSlot]]:
    return lambda now_s, until_s: prices


@dataclass
class Night:
    """What a plan did: its orders with their second, and the energy by the second."""

    orders: list[tuple[int, Order]] = field(default_factory=list)
    run: Run | None = None

    @property
    def on_s(self) -> list[int]:
        return [second for second, order in self.orders if order.enabled]

    @property
    def off_s(self) -> list[int]:
        return [second for second, order in self.orders if order.enabled is False]


def live(prices_ct: Sequence[float], need_wh: float, surplus_w: Sequence[float]) -> Night:
    """Let the plan live until the departure at the end of the prices."""
    length = QUARTER_S * len(prices_ct)
    peer = CheapestSlots(telling(quarters(prices_ct)), BEGIN_S + length, need_wh)
    ring = Ring(Run(surplus_w))
    night = Night(run=ring.run)
    for now in range(0, length, peer.interval_s):
        ring.run.advance(now)
        for order in peer.decide(ring.view(), BEGIN_S + now, ring.run.meters.ev / 3600):
            ring.send(order)
            night.orders.append((now, order))
    ring.run.advance(length)
    return night


def test_at_one_price_it_waits_for_the_last_moment() -> None:
    """11.04 kWh are an hour at full power: from 61 minutes before the departure on, to the end."""
    night = live([30.0] * 16, 11_040.0, [0.0] * 16 * QUARTER_S)
    (begun,) = night.on_s
    assert 16 * QUARTER_S - 3600 - MARGIN_S <= begun <= 16 * QUARTER_S - 3600 - MARGIN_S + 30
    assert night.run is not None
    assert night.run.meters.ev / 3600 == pytest.approx(11_040.0, rel=0.01)


def test_the_cheapest_quarters_are_taken() -> None:
    """Two cheap quarters far apart: full power in both, stopped at once behind each."""
    prices = [30.0] * 20
    prices[4] = prices[12] = 10.0
    night = live(prices, 2 * 2_760.0 - 400, [0.0] * 20 * QUARTER_S)
    assert [second // QUARTER_S for second in night.on_s] == [4, 12]
    assert [round(second / QUARTER_S, 1) for second in night.off_s[:1]] == [5.0]


def test_of_two_that_cost_the_same_the_later_is_taken() -> None:
    """Four cheap quarters, need for two."""
    prices = [30.0] * 4 + [10.0] * 4 + [30.0] * 4
    night = live(prices, 2 * 2_760.0 - 400, [0.0] * 12 * QUARTER_S)
    assert night.on_s[0] // QUARTER_S == 6


def test_the_last_one_chosen_joins_its_neighbour() -> None:
    """Need for a quarter and a third: the dear one before begins later, the one behind ends earlier."""
    peer = CheapestSlots(telling(quarters([12.0, 10.0, 30.0])), BEGIN_S + 3 * QUARTER_S, 2_760.0 * 4 / 3)
    first, second = peer.plan(BEGIN_S, 2_760.0 * 4 / 3)
    assert (first.end_s, second.begin_s) == (BEGIN_S + QUARTER_S,) * 2
    assert first.begin_s == pytest.approx(BEGIN_S + QUARTER_S - 300 - MARGIN_S)
    peer = CheapestSlots(telling(quarters([30.0, 10.0, 12.0])), BEGIN_S + 3 * QUARTER_S, 2_760.0 * 4 / 3)
    first, second = peer.plan(BEGIN_S, 2_760.0 * 4 / 3)
    assert second.begin_s == first.end_s
    assert second.end_s == pytest.approx(first.end_s + 300 + MARGIN_S)


def test_a_pause_of_less_than_a_quarter_is_charged_through() -> None:
    """A dear quarter between two cheap ones: no stop."""
    prices = [30.0] * 4 + [10.0, 20.0, 10.0] + [30.0] * 4
    night = live(prices, 2 * 2_760.0 - 400, [0.0] * 11 * QUARTER_S)
    assert len(night.on_s) == 1


def test_it_is_blind_to_the_sun_and_takes_what_the_timers_take() -> None:
    """5 kW of sun before the cheap night: the timers follow it; the plan alone would have bought all."""
    sun = [5_000.0] * 8 * QUARTER_S + [0.0] * 8 * QUARTER_S
    night = live([30.0] * 8 + [20.0] * 8, 12_000.0, sun)
    assert night.run is not None
    by_sun_wh = sum(5_000.0 + grid_w for grid_w in night.run.grid_w[: 8 * QUARTER_S]) / 3600
    assert by_sun_wh == pytest.approx(9_000.0, rel=0.1)
    cheap_in_the_sun = live([20.0] * 8 + [30.0] * 8, 12_000.0, sun)
    assert cheap_in_the_sun.run is not None
    assert max(cheap_in_the_sun.run.grid_w[: 8 * QUARTER_S]) > 6_000.0


def test_a_whole_session_is_met_and_billed() -> None:
    """10 kWh in the two cheap hours of a night, 15 ct each; a full car is left in peace."""
    prices = quarters([40.0] * 12 + [15.0] * 8 + [40.0] * 12)
    length = QUARTER_S * 32
    need = (Departure(BEGIN_S + length, 10_000.0),)
    session = Session("made", BEGIN_S, [0.0] * length, prices, need, 10_000.0)
    found = run_blind(session, Foreknowledge(telling(prices), lambda now_s, until_s: ()))
    assert found.missed_kwh == 0
    assert found.bill_ct == pytest.approx(150.0, rel=0.03)
    assert found.writes <= 6
