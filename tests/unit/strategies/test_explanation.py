"""What an explanation claims, checked by hand: blends, break-even, what would change it."""

from math import inf

import pytest

from controller.model import Admissible, Charge, Off, Quality, SiteSnapshot
from strategies import work_function
from strategies.economics import Economics
from strategies.explanation import blended_ct, break_even_w

USUAL = Economics(20.0, 32.0, 8.0)


@pytest.mark.parametrize(
    ("power_w", "surplus_w", "blend_ct"),
    [
        (4000.0, 5000.0, 8.0),  # all sun: the feed-in that is not paid
        (4000.0, 3000.0, 14.0),  # three quarters sun: 6 + 8
        (4000.0, -100.0, 32.0),
        (0.0, 5000.0, None),
    ],
)
def test_the_blend(power_w: float, surplus_w: float, blend_ct: float | None) -> None:
    """Sun costs the feed-in price, the rest the import price."""
    assert blended_ct(power_w, surplus_w, USUAL) == blend_ct


@pytest.mark.parametrize(
    ("value_ct", "even_w"),
    [(20.0, 2300.0), (8.0, 4600.0), (32.0, 0.0), (14.0, 3450.0), (40.0, None), (4.0, None)],
)
def test_the_surplus_at_which_charging_pays(value_ct: float, even_w: float | None) -> None:
    """Off against 4.6 kW: at 20 ct half must be sun, at the feed-in price all, at the import price none."""
    assert break_even_w(0.0, 4600.0, Economics(value_ct, 32.0, 8.0)) == even_w


def test_break_even_is_where_both_cost_the_same() -> None:
    """Either way round, and by the engine's own bill for both powers."""
    even_w = break_even_w(6900.0, 4140.0, USUAL)
    assert even_w == break_even_w(4140.0, 6900.0, USUAL) == 5520.0
    assert USUAL.running_ct(4140.0, 5520.0, 3600) == pytest.approx(USUAL.running_ct(6900.0, 5520.0, 3600))


def test_a_waiting_engine_says_what_it_waits_for() -> None:
    """Off in a house that imports 300 W: the least current is next, all grid, worth it from 690 W on."""
    past = None
    for _ in range(30):
        snap = SiteSnapshot(
            0.0, 10.0, Quality.FRESH, Quality.FRESH, base_import_w=300.0, car_connected=True, phases_set=1
        )
        wish, past = work_function.decide(snap, past, USUAL)
    assert (wish.target, wish.facts["next"]) == (Off(), "6 A x1")
    assert wish.facts["next_blend_ct_per_kwh"] == 32.0
    assert wish.facts["would_change"] == "a surplus above 690 W that lasts"
    assert "blend_ct_per_kwh" not in wish.facts


@pytest.mark.parametrize(
    ("admissible", "words"),
    [
        (Admissible(stop_in_s=250.0), "off in about 250 s if this holds"),
        (Admissible(stop_in_s=inf), "off is barred"),
    ],
)
def test_no_move_is_announced_for_before_it_may_be_made(admissible: Admissible, words: str) -> None:
    """All grid at 32 ct for a kWh worth 10: off it would be, but the least time on is not over."""
    past = None
    for tick in range(4):
        snap = SiteSnapshot(
            10.0 * tick,
            10.0,
            Quality.FRESH,
            Quality.FRESH,
            base_import_w=300.0,
            car_connected=True,
            in_force=Charge(6, 1),
            phases_set=1,
            admissible=admissible,
        )
        wish, past = work_function.decide(snap, past, Economics(10.0, 32.0, 8.0))
    assert wish.target == Charge(6, 1)
    assert wish.reason.endswith(words)
    assert wish.facts.get("time_left_s", inf) == admissible.stop_in_s


def test_a_charging_engine_names_both_blends() -> None:
    """6 A on one phase beside 690 W of sun: half sun, 20 ct; stopping is next and pays below that."""
    past = None
    for _ in range(60):
        snap = SiteSnapshot(
            0.0,
            10.0,
            Quality.FRESH,
            Quality.FRESH,
            base_import_w=-700.0,
            car_connected=True,
            in_force=Charge(6, 1),
            phases_set=1,
        )
        wish, past = work_function.decide(snap, past, USUAL)
    assert wish.target == Charge(6, 1)
    # 700 of 1380 W at 8 ct, the rest at 32 ct.
    assert wish.facts["blend_ct_per_kwh"] == pytest.approx((700 * 8 + 680 * 32) / 1380)
