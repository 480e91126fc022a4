"""Is there time? Every number by hand: 16 A on three phases at 230 V, of which 97 % count, are 10 708.8 W."""

import pytest

from controller.model import CarTraits, Charge, Need, Off, Prices, SiteSnapshot
from strategies.in_time import best_phases, fullest, in_time_after, late, most_wh
from strategies.ready_by import ReadyBy, full_power
from strategies.surplus import Surplus
from tests.unit.leaving_soon import FULL, NOW_S, at


@pytest.mark.parametrize(
    ("snap", "watts"),
    [
        (at(), 10_708.8),
        (at(voltage_v=220.0), 10_243.2),
        (at(max_current_a=10), 6_693.0),
        (at(car=CarTraits(phases_used=2)), 7_139.2),
        (at(car=CarTraits(max_draw_a=10.0)), 6_693.0),
        (at(Charge(16, 1), phase_options=(1,)), 3_569.6),
        (at(car=CarTraits(proven_w=0.0)), 2_231.0),
        (at(car=CarTraits(proven_w=2_000.0)), 2_231.0),
        (at(car=CarTraits(proven_w=6_900.0)), 6_693.0),
        (at(Charge(6, 1), phase_options=(1,), max_current_a=6, car=CarTraits(proven_w=0.0)), 1_338.6),
        (at(max_current_a=16, car=CarTraits(min_current_a=17)), 10_708.8),
        (at(voltage_v=220.0, car=CarTraits(min_current_a=17)), 10_243.2),
        (at(phase_options=()), 0.0),
    ],
    ids=[
        "all",
        "low mains",
        "10 A are allowed",
        "two phases",
        "a car of 10 A",
        "one phase only",
        "a stranger",
        "seen to take less than that",
        "seen to take 6.9 kW",
        "a stranger where 6 A are the most",
        "takes nothing of this: the offer counts",
        "the same at low mains",
        "no phases at all",
    ],
)
def test_the_most_a_car_takes_in_an_hour(snap: SiteSnapshot, watts: float) -> None:
    assert most_wh(snap, 3600.0) == pytest.approx(watts)


@pytest.mark.parametrize(
    ("snap", "wait_s"),
    [
        (at(Off(), start_in_s=600.0), 600.0),
        (at(FULL, start_in_s=600.0), 0.0),
        (at(Off()), 0.0),
        (at(Charge(6, 1), phase_options=(3,)), 60.0),
        (at(Charge(6, 1), phase_options=(3,), phase_change_in_s=400.0), 460.0),
        (at(Off(), start_in_s=600.0, phases_set=1, phase_options=(3,), phase_change_in_s=400.0), 660.0),
    ],
    ids=["pause", "no pause while it charges", "off", "change of phases", "not yet", "pause and change"],
)
def test_what_has_to_be_waited_for_is_no_time_to_charge(snap: SiteSnapshot, wait_s: float) -> None:
    """Half an hour, less the pause or the change of phases; never less than nothing."""
    assert most_wh(snap, 1800.0) == pytest.approx(10_708.8 * (1800 - wait_s) / 3600)
    assert most_wh(snap, wait_s - 1) == 0.0


def test_it_is_late_when_full_power_just_does_or_does_no_more() -> None:
    """3569.6 Wh take 20 min: late 20 min before, not 1 s earlier; who needs nothing is not late."""
    needs = [Need(NOW_S + 3600, 100.0), Need(NOW_S + 1500, 0.0), Need(NOW_S + 1500, 3_569.6)]
    assert late(at(FULL, *needs), 300.0) == needs[2]
    assert late(at(FULL, *needs), 299.0) is None
    assert late(at(FULL, Need(NOW_S - 1.0, 0.5)), 0.0) == Need(NOW_S - 1.0, 0.5)
    assert late(at(FULL, *needs, car_connected=False), 300.0) is None


def test_a_stop_is_in_time_if_its_pause_is() -> None:
    """5 min of margin, 5 min of pause, 20 min for 3569.6 Wh: half an hour before, but not a second later."""
    for left_s, fine in ((1801.0, True), (1799.0, False)):
        snap = at(FULL, Need(NOW_S + left_s, 3_569.6), stop_holds_s=300.0)
        assert in_time_after(snap, Off()) is fine
    assert in_time_after(at(Off(), Need(NOW_S + 1.0, 3_569.6)), Off()), "it is off already"
    assert in_time_after(at(FULL, Need(NOW_S + 1.0, 0.0)), Off()), "nothing is needed"


def test_one_phase_is_in_time_if_the_way_back_is() -> None:
    """600 s, 60 of them dead, bring 535.4 Wh; 60 more are dead; 3034.2 take 1020 s; and 300 of margin."""
    for left_s, fine in ((1981.0, True), (1979.0, False)):
        snap = at(FULL, Need(NOW_S + left_s, 3_569.6), phase_change_holds_s=600.0)
        assert in_time_after(snap, Charge(16, 1)) is fine
    last = at(FULL, Need(NOW_S + 3000.0, 3_569.6), phase_change_holds_s=600.0, phase_changes_left=1)
    assert not in_time_after(last, Charge(16, 1)), "there is no way back"
    assert in_time_after(last, Charge(6, 3)), "nothing changes that could not be undone at once"


def test_the_phases_that_bring_most() -> None:
    """Three; for a car of one phase what is set, or the first; what cannot be changed now is left."""
    assert best_phases(at(Charge(6, 1))) == 3
    assert best_phases(at(Charge(6, 3), car=CarTraits(phases_used=1))) == 1
    assert best_phases(at(Charge(6, 1), phase_change_in_s=0.5)) == 1
    assert best_phases(at(Charge(6, 3), car=CarTraits(phases_used=2))) == 3
    assert fullest(at(Charge(6, 1), max_current_a=13)) == Charge(13, 3)


def test_full_power_says_what_is_missing_and_how_long_there_is() -> None:
    """2.5 kWh with half an hour left; what the engine knew is kept for those who ask."""
    wish, _ = Surplus().decide(at(FULL, base_import_w=500.0), None)
    need = Need(NOW_S + 1800.0, 2_500.0)
    began = full_power(at(Off(), need), need, wish)
    goes_on = full_power(at(FULL, need), need, wish)
    assert (
        began.reason
        == "2.5 kWh are missing with 0.5 h left: from now on all that is allowed until the departure"
    )
    assert goes_on.reason == "2.5 kWh are missing with 0.5 h left: all that is allowed until the departure"
    assert began.facts == goes_on.facts == wish.facts
    assert full_power(at(FULL, need, now_s=NOW_S + 9000.0), need, wish).reason.startswith(
        "2.5 kWh are missing with 0.0 h"
    )


def test_without_needs_it_is_the_engine_alone() -> None:
    """Sun, clouds and a kettle: decision for decision what `surplus` says where half sun pays."""
    ready_by, surplus = ReadyBy(), Surplus(solar_share=0.5)
    one, other, here = ready_by.initial(), surplus.initial(), Off()
    for tick in range(360):
        sun_w = 5200.0 if tick // 23 % 3 else 1700.0
        load_w = 2000.0 if tick % 50 < 8 else 0.0
        snap = at(here, base_import_w=load_w - sun_w, now_s=10.0 * tick, prices=Prices(32.0, 8.0))
        wish, one = ready_by.decide(snap, one)
        same, other = surplus.decide(snap, other)
        assert wish.target == same.target
        here = wish.target
