"""What is believed of a car moves no promise: the same life, with any learned values and cars of all kinds.

The record may be true or nonsense: it is drawn at random and put before the first day. And lives of known
length: what each kind of car teaches, and what is done for it.
"""

import os
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from controller.cars.car import CarRecord, Estimate, KnownCar
from controller.cars.learning import Garage, bounded, garage
from controller.line import pipeline
from controller.model import Ceiling, Charge
from strategies.min_surplus import MinSurplus
from strategies.surplus import Surplus
from tests.properties.test_pipeline_machine import LIMITS, STRATEGIES, House, at_length
from tests.properties.world import KINDS, World, charging

WEIGHTS = st.floats(0, 60)
ESTIMATES = st.builds(Estimate, st.floats(-50, 50), WEIGHTS)
RECORDS = st.builds(
    CarRecord,
    phases=st.builds(Estimate, st.sampled_from([1.0, 2.0, 3.0]), WEIGHTS),
    refused_a=ESTIMATES,
    accepted_a=ESTIMATES,
    ramp_s=ESTIMATES,
    offset_a=ESTIMATES,
    most_a=ESTIMATES,
    resumed=st.integers(0, 99),
    failed=st.integers(0, 99),
    failing=st.floats(0, 6),
)
NAMED = st.builds(
    KnownCar,
    st.just("named"),
    phases=st.none() | st.integers(1, 3),
    min_current_a=st.none() | st.integers(6, 32),
    max_current_a=st.none() | st.integers(6, 32),
    survives_pauses=st.none() | st.booleans(),
)


class AnyCar(House):
    """The house of the pipeline's promises, with a car that is not what it is taken for."""

    @initialize(
        name=st.sampled_from(sorted(STRATEGIES)),
        sun_kw=st.integers(3, 9),
        kind=st.sampled_from(sorted(KINDS)),
        record=RECORDS,
        named=st.none() | NAMED,
    )
    def morning(self, name: str, sun_kw: int, kind: str, record: CarRecord, named: KnownCar | None) -> None:
        self.name = name
        self.world = World(STRATEGIES[name](), LIMITS, cars=garage((record,), (named,) if named else ()))
        self.world.box.kind = KINDS[kind]
        self.world.sun_w = sun_kw * 1000.0
        self.world.run(15)
        self.world.plug()
        self.world.run(400)

    def barred(self) -> bool:
        """What such a car has at its departure is not promised: one that draws too much is stopped."""
        return True

    @rule(seconds=st.integers(20, 1500))
    def full_for_a_while(self, seconds: int) -> None:
        """It ends by itself, and wants more later: warmed up, or asked for a longer way."""
        drew = charging(self.world)
        self.world.box.willing = False
        self.world.run(seconds)
        self.world.box.willing = True
        self.world.run(60)
        event(f"ended while charging: {drew}, charges again at once: {charging(self.world)}")

    @rule(sun_kw=st.floats(4.0, 9.0))
    def steady(self, sun_kw: float) -> None:
        """Whether such a car charges is not promised; that the commands fall silent is."""
        self.world.late_s = 1.0
        self.world.load_a = [1.0, 1.0, 1.0]
        self.world.sun_w = sun_kw * 1000
        self.world.run(2400)
        before = len(self.world.sent)
        self.world.run(300)
        assert self.name == "hostile" or len(self.world.sent) - before <= 3


AnyCar.TestCase.settings = settings(
    House.TestCase.settings, max_examples=int(os.environ.get("AMPILOT_EXAMPLES", "15"))
)
TestAnyCar = AnyCar.TestCase
TestLongAnyCar = at_length(AnyCar)


@given(
    record=RECORDS,
    named=st.none() | NAMED,
    cap_a=st.none() | st.sampled_from([0, 6, 9, 15]),
    values=st.tuples(*[st.sampled_from([0, *range(6, 33)])] * 3),
)
def test_no_car_raises_the_ceiling(
    record: CarRecord, named: KnownCar | None, cap_a: int | None, values: tuple[int, int, int]
) -> None:
    """Whatever is believed of the car, each of the three numbers stays or falls."""
    cars = garage((record,), (named,) if named else ())
    cars = replace(cars, session=replace(cars.session, cap_a=cap_a))
    top = Ceiling(*values, "fuse of L1")
    after = bounded(top, cars)
    assert after.raise_one_a <= top.raise_one_a
    assert after.raise_three_a <= top.raise_three_a
    assert after.reduce_to_a <= top.reduce_to_a


def day(kind: str, strategy: Surplus | MinSurplus, cars: Garage | None = None) -> World:
    """Return a world with such a car just plugged in, before any sun."""
    # The meter is not doubted in here: what is under test is the car.
    world = World(strategy, replace(LIMITS, response_s=None), cars=cars or garage())
    world.box.kind = KINDS[kind]
    world.run(15)
    world.plug()
    return world


def changeable(world: World, hours: float) -> None:
    """Let sun and broken sun pass in turns of a quarter of an hour, for so long."""
    for turn in range(int(hours * 4)):
        world.sun_w = 7500.0 if turn % 2 else 2600.0
        world.run(900)


def test_a_one_phase_car_gets_no_phase_change_once_it_is_known() -> None:
    """A car of three phases changes them all day long; one of one phase until that was seen, then never."""
    three = day("ideal", Surplus(20.0, None))
    changeable(three, 4)
    assert len(three.box.changes_s) >= 3
    one = day("one_phase", Surplus(20.0, None))
    changeable(one, 1)
    assert one.state.cars.traits.phases_used == 1
    changes = len(one.box.changes_s)
    changeable(one, 3)
    assert len(one.box.changes_s) == changes <= 1
    assert charging(one)


@pytest.mark.parametrize(("kind", "used"), [("two_phase", 2), ("ideal", 3)])
def test_phases_are_learned_from_a_day(kind: str, used: int) -> None:
    """Two and three phases are seen as such."""
    world = day(kind, Surplus(20.0, None))
    changeable(world, 2)
    assert world.state.cars.traits.phases_used == used


def test_a_car_that_refuses_6_a_is_raised_to_what_it_takes_and_remembered() -> None:
    """At 6 A it draws nothing; more sun finds what it takes, twice; from then on 6 A is not offered."""
    world = day("from_8_a", MinSurplus(20.0, None))
    for _ in range(4):
        world.sun_w = 700.0 + 6.3 * 230
        world.run(600)
        world.sun_w = 700.0 + 10.3 * 230
        world.run(900)
        assert charging(world)
        world.unplug()
        world.run(400)
        world.plug()
    assert world.state.cars.traits.min_current_a in (7, 8)
    before = len(world.sent)
    world.sun_w = 700.0 + 6.3 * 230
    world.run(600)
    offers = [sent.send.command for sent in world.sent[before:] if isinstance(sent.send.command, Charge)]
    assert all(command.current_a >= 7 for command in offers)


def test_a_car_to_13_a_is_known_to_draw_no_more() -> None:
    """Offers of 15 and 16 A are drawn at 13."""
    world = day("to_13_a", Surplus(20.0, None))
    for _ in range(4):
        world.sun_w = 700.0 + 16.3 * 690
        world.run(300)
        world.sun_w = 700.0 + 15.2 * 690
        world.run(300)
    assert world.state.cars.traits.max_draw_a == 13.0


def test_a_car_that_never_resumes_gets_one_retry_and_is_then_lowered_instead_of_stopped() -> None:
    """First day: stopped, started in vain, one more stop and start. Next day: 6 A through the dark hour."""
    world = day("never_resumes", Surplus(20.0, None))
    world.sun_w = 5000.0
    world.run(1200)
    assert charging(world)
    world.sun_w = 0.0
    world.run(1500)
    assert not charging(world)
    world.sun_w = 5000.0
    before = len(world.sent)
    world.run(3600)
    assert world.state.cars.traits.survives_pauses is False
    stops = [sent for sent in world.sent[before:] if sent.send.settings.keys() == {"frc": 1}]
    starts = [sent for sent in world.sent[before:] if sent.send.settings.keys().get("frc") == 2]
    assert (len(stops), len(starts)) == (1, 2)
    assert stops[0].at_s - starts[0].at_s == pytest.approx(300, abs=15)
    assert starts[1].at_s - stops[0].at_s == pytest.approx(300, abs=15)
    world.unplug()
    world.run(400)
    world.plug()
    world.run(1200)
    assert charging(world)
    world.sun_w = 0.0
    world.run(3600)
    assert charging(world)
    assert world.decisions[-1].in_force.current_a == 6  # type: ignore[union-attr]
    # what is not ours to weigh still stops it
    world.meter_silent = True
    world.run(90)
    assert not charging(world)


def test_a_car_that_draws_more_than_offered_is_lowered_then_stopped_until_a_person_looks() -> None:
    """A quarter more than offered: one step down, then off; a replug is no cure, an acknowledgement is."""
    world = day("over_draws", MinSurplus(20.0, None))
    world.sun_w = 700.0 + 10 * 230
    world.run(600)
    assert not charging(world)
    safety = [str(sent.send.command) for sent in world.sent if sent.send.safety]
    assert len(safety) == 2
    assert safety[-1] == "off"
    before = len(world.sent)
    world.run(3600)
    assert len(world.sent) == before
    world.unplug()
    world.run(60)
    world.plug()
    world.run(60)
    assert not charging(world)
    world.state = pipeline.acknowledged(world.state, frozenset({"over_draw"}))
    before = len(world.sent)
    world.run(700)
    assert any(sent.send.settings.keys().get("frc") == 2 for sent in world.sent[before:])


@pytest.mark.parametrize("kind", ["ideal", "wakes_late", "wakes_very_late", "in_steps"])
def test_a_car_that_ends_and_wants_more_finds_its_offer(kind: str) -> None:
    """Steady sun: it charges, ends for half an hour at hardly a command, then takes what still stands."""
    world = day(kind, MinSurplus(20.0, None))
    world.sun_w = 5000.0
    world.run(1800)
    assert charging(world)
    before = len(world.sent)
    world.box.willing = False
    world.run(1800)
    assert not charging(world)
    assert len(world.sent) - before <= 2
    world.box.willing = True
    world.run(world.box.kind.wakes_s + 60)
    assert charging(world)
    assert not any(sent.send.settings.keys().get("frc") == 1 for sent in world.sent)
