"""`ready_by` near a departure, stage by stage: what is wished instead, and in which words."""

import dataclasses

import pytest

from controller.errors import StrategyError
from controller.model import CarTraits, Charge, Command, Need, Off, SiteSnapshot, Wish
from strategies.economics import Economics
from strategies.ready_by import ReadyBy, Standing, awake, kept, on_trial, overdue, tried
from tests.unit.leaving_soon import FULL, NOW_S, at

LEAST = Charge(6, 3)
PRICES = Economics(20.0, 32.0, 8.0)
FACTS = {"next": "6 A x1"}
NEED = Need(NOW_S + 1_500.0, 2_510.0)


# -- moves that would cost the departure ---------------------------------------------------------------------


def test_a_stop_that_would_last_too_long_is_the_least_current() -> None:
    """2.5 kWh take 14 min; with 5 of margin and 10 of pause that is more than 25."""
    wish = kept(at(FULL, NEED, stop_holds_s=600.0), Wish(Off(), "no sun", FACTS), PRICES)
    assert (wish.target, wish.facts) == (LEAST, FACTS)
    assert wish.reason == "no stop: a pause now could cost what is needed in time"
    fine = Wish(Off(), "no sun", FACTS)
    assert kept(at(FULL, NEED), fine, PRICES) is fine


@pytest.mark.parametrize(
    ("snap", "instead"),
    [
        (at(LEAST, NEED, base_import_w=-3_000.0), LEAST),
        (at(LEAST, NEED, base_import_w=-1_000.0), Off()),
        (at(LEAST, NEED), Off()),
        (at(LEAST, NEED, base_import_w=-1_000.0, stop_holds_s=600.0), LEAST),
        (at(Off(), NEED, base_import_w=-3_000.0), LEAST),
        (at(Off(), NEED, base_import_w=-3_000.0, start_in_s=0.5), Off()),
        (at(LEAST, NEED, base_import_w=-3_000.0, start_in_s=50.0), LEAST),
        (at(LEAST, NEED, base_import_w=-2_011.0, voltage_v=220.0), LEAST),
        (at(LEAST, NEED, base_import_w=-2_011.0, voltage_v=230.0), Off()),
    ],
    ids=[
        "sun enough for the least",
        "too little",
        "nobody knows",
        "too little, and no time for a pause",
        "off, and may start",
        "off, and may not yet",
        "on: no pause counts",
        "at 220 V it is just enough",
        "at 230 V it is not",
    ],
)
def test_one_phase_that_would_cost_the_departure_is_the_cheaper_of_the_least_and_off(
    snap: SiteSnapshot, instead: Command
) -> None:
    """4.14 kW at 20 ct, of which the sun pays at 8 and the grid at 32: worth it from half of it on."""
    barred = dataclasses.replace(snap.admissible, phase_changes_left=1)
    wish = kept(dataclasses.replace(snap, admissible=barred), Wish(Charge(9, 1), "sun", FACTS), PRICES)
    assert (wish.target, wish.facts) == (instead, FACTS)
    assert wish.reason == "the phases are not changed: 1 could not bring what is needed in time"


# -- awake, tried, overdue -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("car_power_w", "called_s", "target"),
    [
        (201.0, 0.0, LEAST),
        (200.0, NOW_S - 59.0, LEAST),
        (200.0, NOW_S - 60.0, FULL),
        (0.0, NOW_S - 60.0, FULL),
    ],
)
def test_a_car_that_sleeps_for_a_minute_is_offered_all(
    car_power_w: float, called_s: float, target: Command
) -> None:
    """200 W are no charging; 60 s are long enough."""
    wish = awake(at(LEAST, NEED, car_power_w=car_power_w), NEED, Wish(Off(), "no sun", FACTS), called_s)
    assert (wish.target, wish.facts) == (target, FACTS)
    assert wish.reason.startswith("2.5 kWh are missing")


def test_why_it_is_awake_is_said_where_it_would_stop_next() -> None:
    """Who follows the sun on the right phases is left alone, unless a stop is what comes next."""
    snap = at(LEAST, NEED, car_power_w=4_000.0)
    sun = Wish(Charge(8, 3), "sun", FACTS)
    assert awake(snap, NEED, sun, NOW_S) is sun
    stops = Wish(Charge(8, 3), "sun", {"next": "off"})
    wish = awake(snap, NEED, stops, NOW_S)
    said = "2.5 kWh are missing, in minutes all that is allowed: the car is to be awake"
    assert (wish.target, wish.reason, wish.facts) == (Charge(8, 3), said, {"next": "off"})
    wish = awake(snap, NEED, Wish(Charge(8, 1), "sun", FACTS), NOW_S)
    assert (wish.target, wish.reason, wish.facts) == (LEAST, said, FACTS)


def test_a_trial_says_what_it_is_for() -> None:
    wish = tried(at(Off(), NEED, max_current_a=13), NEED, Wish(Off(), "no sun", FACTS))
    assert (wish.target, wish.facts) == (Charge(13, 3), FACTS)
    assert wish.reason == "2.5 kWh are missing: it is tried what this car takes"


def test_who_is_tried_and_until_when() -> None:
    """Called a moment ago and never seen: the first open need. Gone, urgent, met or seen for long: nobody."""
    stranger, called = CarTraits(proven_w=0.0), Standing(called_s=NOW_S - 10.0)
    met, next_day = Need(NOW_S + 900.0, 0.0), Need(NOW_S + 90_000.0, 0.5)
    assert on_trial(at(FULL, met, next_day, car=stranger), called) == next_day
    assert on_trial(at(FULL, met, car=stranger), called) is None
    assert on_trial(at(FULL, next_day, car=stranger), Standing()) is None
    assert on_trial(at(FULL, next_day, car=stranger, car_connected=False), called) is None
    urgent = dataclasses.replace(called, urgent_at_s=NOW_S + 900.0)
    assert on_trial(at(FULL, next_day, car=stranger), urgent) is None
    limited = CarTraits(proven_w=6_900.0)
    assert on_trial(at(FULL, next_day, car=limited), Standing(called_s=NOW_S - 179.0)) == next_day
    assert on_trial(at(FULL, next_day, car=limited), Standing(called_s=NOW_S - 180.0)) is None


def test_what_has_begun_goes_on_until_its_need_is_met() -> None:
    """The departure is known again through a clock that was set by less than two minutes."""
    for beside_s, goes_on in ((0.0, True), (119.0, True), (-119.0, True), (121.0, False)):
        need = Need(NOW_S + 9_000.0, 0.5)
        assert overdue(at(FULL, need), need.at_s + beside_s) == (need if goes_on else None)
    met = Need(NOW_S + 9_000.0, 0.0)
    assert overdue(at(FULL, met), met.at_s) is None
    assert overdue(at(FULL, Need(NOW_S + 9_000.0, 0.5), car_connected=False), NOW_S + 9_000.0) is None


@pytest.mark.parametrize("value_ct", [-100.5, 200.5, float("nan"), "20"])
def test_a_wrong_option_is_named(value_ct: object) -> None:
    with pytest.raises(StrategyError, match="strategy ready_by, option value_ct_per_kwh"):
        ReadyBy(value_ct)  # type: ignore[arg-type]
    assert ReadyBy(-100), ReadyBy(200)
