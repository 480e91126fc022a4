"""How full the car is: arithmetic by hand, and which words count for which plug-in."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cars.car import KnownCar
from controller.cars.state_of_charge import PlugIn, Soc, SocReport, followed, of_record, present, told

ZOE = KnownCar("Zoe", battery_kwh=50.0, charge_efficiency=0.9, assumed_soc_pct=40.0)
LEAF = KnownCar("Leaf", card=2, battery_kwh=25.0, charge_efficiency=0.8)
CARS = (ZOE, LEAF)
H_MS = 3_600_000
NOON_MS = 12 * H_MS


def plugged(car: str = "Zoe", counter_wh: float | None = 1000.0, at_ms: int = NOON_MS) -> PlugIn:
    return followed(PlugIn(), True, car, counter_wh, at_ms)


def word(pct: float, at_ms: int, car: str = "Zoe", row: int = 1) -> SocReport:
    return SocReport(row, at_ms, car, pct, "hand")


def pct(plug: PlugIn, at_ms: int = NOON_MS) -> float | None:
    soc = present(plug, CARS, at_ms)
    return None if soc is None else soc.pct


def test_the_energy_until_a_target_is_at_the_cable() -> None:
    """From 60 to 80 % of 50 kWh are 10 kWh in the battery; at 90 % that is 11.1 kWh at the cable."""
    soc = Soc(60.0, 50.0, 0.9, 0.0, "hand")
    assert soc.need_wh(80.0) == pytest.approx(11_111.1, abs=0.1)
    assert soc.room_wh == pytest.approx(22_222.2, abs=0.1)
    assert soc.need_wh(60.0) == soc.need_wh(10.0) == 0.0


def test_what_flows_counts_from_the_word_on() -> None:
    """5 kWh before the word count for nothing; 5 kWh after it are 9 % of 50 kWh at 90 %."""
    plug = followed(plugged(), True, "Zoe", 6000.0, NOON_MS + H_MS)
    plug = told(plug, word(60.0, NOON_MS + H_MS), NOON_MS + H_MS)
    plug = followed(plug, True, "Zoe", 11_000.0, NOON_MS + 2 * H_MS)
    soc = present(plug, CARS, NOON_MS + 2 * H_MS)
    assert soc is not None
    assert (soc.pct, soc.age_s, soc.source, soc.since_wh) == (pytest.approx(69.0), 3600.0, "hand", 5000.0)
    assert str(soc) == "69 % full (told by hand 1 h 00 min ago, 5.0 kWh since)"


def test_it_is_never_more_than_full() -> None:
    plug = told(plugged(), word(95.0, NOON_MS), NOON_MS)
    assert pct(followed(plug, True, "Zoe", 21_000.0, NOON_MS + H_MS)) == 100.0


def test_without_a_word_it_begins_with_what_is_assumed() -> None:
    """40 % at plug-in, and 5 kWh since; a car without an assumption, or without a battery, is not known."""
    plug = followed(plugged(), True, "Zoe", 6000.0, NOON_MS + H_MS)
    soc = present(plug, CARS, NOON_MS + H_MS)
    assert soc is not None
    assert (soc.pct, soc.source, soc.age_s) == (pytest.approx(49.0), "assumed", 3600.0)
    assert pct(plugged("Leaf")) is None
    assert pct(plugged("")) is None
    assert pct(told(plugged(""), word(50.0, NOON_MS, ""), NOON_MS)) is None
    assert pct(PlugIn()) is None


@pytest.mark.parametrize(
    ("car", "early_s", "counts"),
    [
        ("Zoe", 3600, True),
        ("Zoe", 3601, False),
        ("Leaf", 60, False),
        ("", 60, False),  # whose was it? The car at the cable then is not this one
        ("Zoe", -60, True),
        ("", -60, True),
        ("Leaf", -60, False),
    ],
)
def test_which_words_count(car: str, early_s: int, counts: bool) -> None:
    """Named and within the hour before the plug-in, or of the car at the cable during it."""
    plug = told(plugged(), word(70.0, NOON_MS - early_s * 1000, car), NOON_MS + 60_000)
    assert pct(plug) == (70.0 if counts else 40.0)
    assert plug.row == 1


def test_a_word_of_the_last_plug_in_does_not_outlive_the_drive() -> None:
    """Said ten minutes before it was unplugged for half an hour: the car has driven since."""
    plug = told(plugged(), word(70.0, NOON_MS + 1000), NOON_MS + 1000)
    left = followed(plug, False, "Zoe", 1000.0, NOON_MS + 600_000)
    assert pct(left) is None
    back = followed(left, True, "Zoe", 1000.0, NOON_MS + 2_400_000)
    assert pct(back) == 40.0
    assert pct(told(back, word(70.0, NOON_MS + 1000, row=2), NOON_MS + 2_400_000)) == 40.0
    assert pct(told(back, word(55.0, NOON_MS + 1_800_000, row=3), NOON_MS + 2_400_000)) == 55.0


def test_a_word_before_the_plug_in_counts_all_that_flowed_since() -> None:
    """It was taken up late, but the car took nothing before it was plugged in."""
    plug = followed(plugged(), True, "Zoe", 6000.0, NOON_MS + H_MS)
    assert pct(told(plug, word(60.0, NOON_MS - 60_000), NOON_MS + H_MS)) == pytest.approx(69.0)


@pytest.mark.parametrize("odd_wh", [0.0, 900.0, 60_000.0, 1_000_000.0])
def test_a_counter_that_goes_back_or_jumps_costs_one_step(odd_wh: float) -> None:
    """What was counted before stays, the step counts for nothing, and it goes on from there.

    It is looked at every minute for three hours: 60 kWh in the next ten seconds are no energy, though so much
    could have flowed in all that time.
    """
    plug = followed(plugged(), True, "Zoe", 2000.0, NOON_MS + 600_000)
    at_ms = NOON_MS + 3 * H_MS
    for minute in range(11, 181):
        plug = followed(plug, True, "Zoe", 2000.0, NOON_MS + minute * 60_000)
    plug = followed(plug, True, "Zoe", odd_wh, at_ms + 10_000)
    plug = followed(plug, True, "Zoe", odd_wh + 1000.0, at_ms + 610_000)
    assert plug.flowed_wh == 2000.0


def test_a_counter_that_is_silent_for_a_while_loses_nothing() -> None:
    plug = followed(plugged(), True, "Zoe", None, NOON_MS + 10_000)
    plug = followed(plug, True, "Zoe", 3000.0, NOON_MS + 2 * H_MS)
    assert plug.flowed_wh == 2000.0


def test_another_car_at_the_cable_begins_anew() -> None:
    """Card 2 without an unplugging seen, after energy flowed: what is known was of the other car."""
    for said_ms in (NOON_MS, NOON_MS + 600_000):  # before it flowed, and after
        plug = followed(plugged(), True, "Zoe", 1000.0 if said_ms == NOON_MS else 2000.0, said_ms)
        plug = told(plug, word(70.0, said_ms, ""), said_ms)
        plug = followed(plug, True, "Zoe", 2000.0, NOON_MS + 600_000)
        plug = followed(plug, True, "Leaf", 2000.0, NOON_MS + 610_000)
        assert (plug.flowed_wh, plug.soc_pct, pct(plug)) == (0.0, None, None)
        assert pct(told(plug, word(30.0, NOON_MS + 300_000, "Leaf", 2), NOON_MS + 610_000)) is None
        assert pct(told(plug, word(30.0, NOON_MS + 610_000, "Leaf", 2), NOON_MS + 620_000)) == 30.0


def test_a_card_shown_late_names_the_same_car() -> None:
    """Nothing has flowed: what was said between plug-in and card is heard again, and counts if it fits."""
    for said_of, counts in (("Leaf", True), ("", True), ("Zoe", False)):
        heard = word(30.0, NOON_MS + 10_000, said_of, 7)
        plug = told(plugged(""), heard, NOON_MS + 20_000)
        plug = followed(plug, True, "Leaf", 1000.0, NOON_MS + 30_000)
        assert (plug.row, plug.since_ms, pct(plug)) == (0, NOON_MS, None)
        assert pct(told(plug, heard, NOON_MS + 30_000)) == (30.0 if counts else None)


def test_a_clock_that_was_set_back_makes_nothing_old() -> None:
    """Plugged in by a clock an hour fast: what is said after the step still is of this plug-in."""
    plug = followed(plugged(), True, "Zoe", 1000.0, NOON_MS - H_MS)
    plug = told(plug, word(70.0, NOON_MS - H_MS + 5000, ""), NOON_MS - H_MS + 10_000)
    soc = present(plug, CARS, NOON_MS - H_MS + 10_000)
    assert soc is not None
    assert (soc.pct, soc.age_s) == (70.0, 5.0)


def test_an_age_goes_on_after_the_clock_was_set_back() -> None:
    """Said before the step, or by a clock that is ahead: ten minutes later it is ten minutes old."""
    before = told(plugged(), word(70.0, NOON_MS), NOON_MS)
    before = followed(before, True, "Zoe", 1000.0, NOON_MS - H_MS)
    ahead = told(plugged(at_ms=NOON_MS - H_MS), word(70.0, NOON_MS), NOON_MS - H_MS)
    for plug in (before, ahead):
        soc = present(plug, CARS, NOON_MS - H_MS + 600_000)
        assert soc is not None
        assert (soc.pct, soc.age_s) == (70.0, 600.0)


def test_a_clock_set_back_between_two_plug_ins_leaves_only_new_words() -> None:
    """Unplugged by a clock that was fast: what was said before the plug-in may be old."""
    left = followed(plugged(), False, "Zoe", 1000.0, NOON_MS)
    back = followed(left, True, "Zoe", 1000.0, NOON_MS - H_MS)
    assert pct(told(back, word(55.0, NOON_MS - H_MS - 60_000), NOON_MS - H_MS)) == 40.0
    assert pct(told(back, word(55.0, NOON_MS - H_MS, ""), NOON_MS - H_MS)) == 55.0


def test_what_is_kept_comes_back_and_nonsense_begins_anew() -> None:
    plug = told(plugged(), word(70.0, NOON_MS), NOON_MS)
    assert of_record(asdict(plug)) == plug
    for nonsense in (None, 3, [], {"colour": "red"}, "x"):
        assert of_record(nonsense) == PlugIn()
    for key, odd in (
        ("counter_wh", "x"),
        ("since_ms", 1.5),
        ("source", []),
        ("flowed_wh", None),
        ("row", 10**30),
    ):
        assert of_record({**asdict(plug), key: odd}) == PlugIn()


@given(
    st.lists(st.tuples(st.floats(0, 22_000), st.floats(1, 600)), max_size=30),
    st.floats(0, 100),
    st.integers(0, 30),
)
def test_any_charging_adds_up(legs: list[tuple[float, float]], said_pct: float, after: int) -> None:
    """Whatever power flows how long: percent follow the energy since the word, and need and room agree."""
    plug, at_ms, counter_wh, since_wh, said = plugged(), NOON_MS, 1000.0, 0.0, False
    for number, (power_w, span_s) in enumerate(legs):
        if number == after:
            plug, since_wh, said = told(plug, word(said_pct, at_ms), at_ms), 0.0, True
        at_ms += int(span_s * 1000)
        counter_wh += power_w * span_s / 3600
        since_wh += power_w * span_s / 3600
        plug = followed(plug, True, "Zoe", counter_wh, at_ms)
    soc = present(plug, CARS, at_ms)
    assert soc is not None
    begun_pct = said_pct if said else 40.0
    assert soc.pct == pytest.approx(min(begun_pct + since_wh * 0.9 / 500, 100.0))
    assert 0 <= soc.need_wh(80.0) <= soc.room_wh
    assert soc.room_wh * 0.9 / 500 == pytest.approx(100.0 - soc.pct)
    assert replace(soc, pct=100.0).room_wh == 0.0
