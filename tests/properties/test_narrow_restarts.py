"""The narrow house, its service killed now and then: what was under way is known again from the ledger."""

from dataclasses import replace
from pathlib import Path

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import rule

from controller.limits import Limits
from controller.model import Strategy
from tests.properties.test_narrow_house import NARROW_KINDS, NarrowHouse, NarrowWorld
from tests.properties.test_pipeline_machine import LIMITS, STRATEGIES, House, at_length
from tests.properties.test_restarts import KeptHouse, KeptWorld, Killed
from tests.properties.world import TICK_S, charging


class NarrowKeptWorld(NarrowWorld, KeptWorld):
    """The narrow house around a controller whose ledger is a real one."""

    def __init__(self, strategy: Strategy, limits: Limits, path: Path, **narrow: object) -> None:
        NarrowWorld.__init__(self, strategy, limits, **narrow)  # type: ignore[arg-type]
        self.keep(path)


class NarrowRestarts(KeptHouse, NarrowHouse):
    """The narrow house whose service dies at the worst moments."""

    kind = NarrowKeptWorld

    @rule(seconds=st.integers(1, 60))
    def killed(self, seconds: int) -> None:
        self.world.restart(seconds)
        self.world.run(30)

    @rule(
        seconds=st.integers(1, 20),
        dies=st.sampled_from(["before", "after"]),
        late_s=st.sampled_from([1.0, 1.0, 12.0, 40.0]),
        phase=st.integers(0, 2),
        amps=st.floats(0, 18),
    )
    def killed_at_a_write(self, seconds: int, dies: str, late_s: float, phase: int, amps: float) -> None:
        """Its next write is on record and has not left, or has left unanswered; and a load comes on."""
        world = self.world
        world.dies, world.late_s = dies, late_s
        try:
            world.run(300)
        except Killed:
            event(f"killed {dies} a write left")
            world.restart(seconds)
        world.dies, world.late_s = "", 1.0
        world.load_a[phase] = 1.0 + amps
        world.run(60)

    @rule(phase=st.integers(0, 2), amps=st.floats(8, 18), more=st.floats(1, 8), seconds=st.integers(1, 12))
    def killed_while_it_cooks(self, phase: int, amps: float, more: float, seconds: int) -> None:
        """It lowers the car for a load, dies, and there is more load when it is back."""
        world = self.world
        world.load_a[phase], count = 1.0 + amps, len(world.sent)
        for _ in range(25):
            world.run(1)
            if len(world.sent) > count:
                break
        world.restart(seconds)
        world.load_a[phase] += more
        world.run(60)


NarrowRestarts.TestCase.settings = House.TestCase.settings
TestNarrowRestarts = NarrowRestarts.TestCase
TestLongNarrowRestarts = at_length(NarrowRestarts)


def test_what_was_lowered_before_a_restart_is_not_raised_by_an_overload_after_it(tmp_path: Path) -> None:
    """16 A became 6, the service is killed, its first read still says 16: 3 A too much are not 13."""
    limits = replace(LIMITS, fuse_a=35.0, response_s=None)
    world = NarrowKeptWorld(STRATEGIES["fast"](), limits, tmp_path / "ledger.db")
    world.box.limit_a, world.box.kind, world.lag_s = 32, NARROW_KINDS["ideal"], 30
    world.run(60)
    world.plug()
    world.run(1500)
    assert charging(world)
    while int(world.now_s) % TICK_S != 5:
        world.run(1)
    world.load_a[1] = 27.0
    world.run(6)
    world.restart(3)
    assert world.box.amp <= 6
    world.load_a[1] = 30.0
    count = len(world.sent)
    world.run(25)
    world.ledger.close()
    assert all(sent.send.settings.keys() == {"frc": 1} for sent in world.sent[count:])
    assert world.box.frc == 1
