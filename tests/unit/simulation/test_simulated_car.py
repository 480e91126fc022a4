"""Cars on the cable, by hand: when they begin, how they follow, what they refuse, when they have enough."""

from math import exp

import pytest

from controller.simulation.car import PROFILES, Car, CarProfile


def car(name: str = "ideal", **change: float) -> Car:
    return Car(PROFILES[name], **change)


def run(subject: Car, seconds: int, offered_a: float = 10.0, phases: int = 3) -> float:
    """Let seconds pass and return the last current in A."""
    for _ in range(seconds):
        subject.step(1.0, offered_a, phases, 230.0)
    return subject.current_a


@pytest.mark.parametrize(("name", "waits_s"), [("ideal", 8), ("zoe", 20), ("slow", 28)])
def test_a_car_begins_after_its_lag(name: str, waits_s: int) -> None:
    """Nothing until the lag is over, then it ramps."""
    subject = car(name)
    assert run(subject, waits_s) == 0.0
    assert run(subject, 1) > 0.5


@pytest.mark.parametrize(("name", "lag_s"), [("ideal", 2.0), ("slow", 10.0)])
def test_it_follows_as_a_first_order_lag(name: str, lag_s: float) -> None:
    """After t seconds of a new offer the rest of the way is exp(-t / lag)."""
    subject = car(name)
    run(subject, 200, 6.0)
    run(subject, 5, 16.0)
    assert subject.current_a == pytest.approx(16.0 - 10.0 * exp(-5 / lag_s), abs=0.01)


@pytest.mark.parametrize(
    ("name", "offered_a", "drawn_a"),
    [
        ("ideal", 6.0, 6.0),
        ("ideal", 16.0, 16.0),
        ("ideal", 20.0, 16.0),  # its own charger is the limit
        ("one_phase", 32.0, 32.0),
        ("undershoots", 10.0, 9.6),
        ("overshoots", 10.0, 10.3),
        ("overshoots", 16.0, 16.0),
        ("zoe", 7.0, 0.0),
        ("zoe", 8.0, 8.0),
        ("ideal", 5.9, 0.0),
    ],
)
def test_what_it_draws_of_an_offer(name: str, offered_a: float, drawn_a: float) -> None:
    """Its maximum, its minimum, its habit beside the offer."""
    assert run(car(name), 300, offered_a) == pytest.approx(drawn_a, abs=0.01)


@pytest.mark.parametrize(
    ("name", "phases", "used"), [("ideal", 3, 3), ("ideal", 1, 1), ("two_phase", 3, 2), ("one_phase", 3, 1)]
)
def test_phases_it_uses(name: str, phases: int, used: int) -> None:
    """Not more than are offered, not more than it has."""
    assert car(name).used(phases) == used


def test_energy_is_current_times_phases_times_voltage() -> None:
    """Ten steady minutes at 10 A on three phases of 230 V are 1150 Wh; a two-phase car takes two thirds."""
    for name, watts in (("ideal", 6900.0), ("two_phase", 4600.0)):
        subject = car(name)
        run(subject, 120)
        before_wh = subject.taken_wh
        run(subject, 600)
        assert subject.taken_wh - before_wh == pytest.approx(watts / 6, rel=1e-3)


def test_it_lets_go_within_seconds() -> None:
    """An offer withdrawn: a few seconds later nothing flows at all."""
    subject = car()
    run(subject, 60)
    assert run(subject, 2, 0.0) < 2.0
    assert run(subject, 4, 0.0) == 0.0


def test_the_lag_begins_anew_after_each_interruption() -> None:
    """A short pause costs the whole start again."""
    subject = car()
    run(subject, 60)
    run(subject, 10, 0.0)
    assert run(subject, 8) == 0.0
    assert run(subject, 5) > 5.0


def test_interruptions_are_counted_once_each() -> None:
    """A pause of any length is one; waiting without an offer at first is none."""
    subject = car("phev")
    run(subject, 30, 0.0)
    assert subject.interruptions == 0
    for count in range(1, 5):
        run(subject, 30)
        run(subject, 20, 0.0)
        assert (subject.interruptions, subject.asleep) == (count, False)
    run(subject, 30)
    run(subject, 1, 0.0)
    assert (subject.interruptions, subject.asleep) == (5, True)
    assert run(subject, 300) == 0.0


def test_a_car_that_gives_up_at_the_second_pilot_break() -> None:
    """Some stop for good when the pilot vanishes after a pause; most do not care."""
    subject = car("stops_on_break")
    run(subject, 60)
    subject.pilot_break()
    assert (subject.current_a, subject.asleep) == (0.0, False)
    run(subject, 5, 0.0)
    run(subject, 60)
    subject.pilot_break()
    assert subject.asleep
    assert run(subject, 300) == 0.0
    plain = car()
    run(plain, 60)
    run(plain, 5, 0.0)
    plain.pilot_break()
    assert run(plain, 60) == pytest.approx(10.0, abs=0.01)


def test_it_tapers_and_stops_when_it_has_enough() -> None:
    """The last 500 Wh: 1 A plus 15 A times what is missing; full is full."""
    subject = car(need_wh=1000.0)
    subject.taken_wh = 750.0  # half of the taper is left: 1 + 7.5 A
    run(subject, 15, 16.0)
    left = (subject.need_wh - subject.taken_wh) / 500.0
    assert subject.current_a == pytest.approx(1.0 + 15.0 * left, abs=0.6)
    assert not subject.full
    run(subject, 3600, 16.0)
    assert subject.full
    assert subject.current_a == 0.0
    assert subject.taken_wh == pytest.approx(1000.0, abs=5.0)


def test_the_known_kinds() -> None:
    """Every profile by its own name; the ideal one is the default."""
    assert {name: profile.name for name, profile in PROFILES.items()} == {name: name for name in PROFILES}
    assert PROFILES["ideal"] == CarProfile()
