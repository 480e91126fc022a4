"""The promises of the pipeline over restarts of the service: what it remembers is what its ledger kept."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import rule

from controller.clock import SimClock
from controller.kept import Kept
from controller.ledger.intent_store import IntentStore, label
from controller.ledger.ledger import Ledger
from controller.limits import Limits
from controller.model import Decision, Send, Strategy, Worth
from tests.properties.test_pipeline_machine import LIMITS, STRATEGIES, House, at_length
from tests.properties.world import World, command_off


class KeptWorld(World):
    """The world around a controller that writes down what it sends and learns, in a real ledger."""

    def __init__(self, strategy: Strategy, limits: Limits, path: Path) -> None:
        super().__init__(strategy, limits)
        self.path, self.clock = path, SimClock(datetime(2026, 6, 21, 9, tzinfo=UTC), self.now_s)
        self.begin()

    def begin(self) -> None:
        """Start the controller on the ledger there is."""
        self.ledger = Ledger.open(self.path, self.clock)
        self.intents = IntentStore(self.ledger, self.clock)
        self.kept = Kept(self.ledger, self.intents)
        self.state = self.kept.restored(self.strategy, (), self.limits, self.now_s)
        self.grid.clear()
        self.reports.clear()
        self.changed_s = None
        self.started_s = self.last_tick_s = self.now_s

    def restart(self, seconds: int) -> None:
        """End the controller as a kill does, and start another so much later."""
        self.ledger.close()
        self.stop(seconds)
        self.begin()

    def second(self) -> None:
        self.clock.advance(self.now_s + 1.0 - self.clock.monotonic())
        super().second()

    def stop(self, seconds: int) -> None:
        super().stop(seconds)
        self.clock.advance(self.now_s - self.clock.monotonic())

    def _tick(self) -> None:
        before = self.state
        super()._tick()
        self.kept.keep_latched(before, self.state)
        self.kept.keep(before, self.state, self.now_s)

    def _send(self, decision: Decision, send: Send) -> None:
        keys = send.settings.keys()
        intent = self.intents.record(label(send), keys, safety=send.safety, reason=send.reason)
        super()._send(decision, send)
        self.intents.answered(intent, "accepted", "")


class RestartedHouse(House):
    """The house of the pipeline's promises, its service killed now and then."""

    def world_of(self, strategy: Strategy) -> World:
        self.folder = Path(tempfile.mkdtemp(prefix="ampilot-"))
        return KeptWorld(strategy, self.limits, self.folder / "ledger.db")

    @rule(seconds=st.integers(1, 400))
    def killed(self, seconds: int) -> None:
        """It is gone for a while and then back."""
        charged = self.world.box.drawn_a > 1
        self.world.restart(seconds)
        self.world.run(60)
        event(f"killed while charging: {charged}")

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "world"):
            self.world.ledger.close()
            shutil.rmtree(self.folder)


def bought(folder: Path, late_s: float) -> KeptWorld:
    """Return a world without sun where power that is cheap for a while has just been asked for."""
    world = KeptWorld(STRATEGIES["tariff"](), LIMITS, folder / "ledger.db")
    world.run(15)
    world.plug()
    world.run(400)
    world.late_s, world.worth = late_s, Worth(60.0, "by hand", world.now_s + 1000)
    count = len(world.sent)
    for _ in range(60):
        world.run(1)
        if len(world.sent) > count:
            return world
    raise AssertionError("nothing was bought")


def test_a_restart_does_not_shorten_the_least_time_on(tmp_path: Path) -> None:
    """Started and killed; the next run finds the price high and stops after the 300 s, not before."""
    world = bought(tmp_path, 1.0)
    began_s = world.sent[-1].at_s
    world.run(12)
    world.restart(8)
    world.worth = Worth(-10.0, "by hand", world.now_s + 1000)
    world.run(400)
    world.ledger.close()
    stops_s = [sent.at_s for sent in world.sent if command_off(sent.send) and sent.at_s > began_s]
    assert stops_s == [began_s + 300]
    assert len(world.box.changes_s) == 1


def test_what_arrives_after_a_restart_is_not_somebody_elses(tmp_path: Path) -> None:
    """The start takes a minute and the service is gone meanwhile: it is ours, with its least time on."""
    world = bought(tmp_path, 60.0)
    world.run(2)
    world.restart(8)
    world.worth = None  # the next run has no plan yet and wants nothing of its own
    world.run(340)
    world.ledger.close()
    assert world.box.frc == 2
    notes = [note for decision in world.decisions for note in decision.notes]
    assert not any("from outside" in note for note in notes)


RestartedHouse.TestCase.settings = House.TestCase.settings
TestRestartedHouse = RestartedHouse.TestCase
TestLongRestartedHouse = at_length(RestartedHouse)
