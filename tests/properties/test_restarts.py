"""The promises of the pipeline over restarts of the service: what it remembers is what its ledger kept."""

import shutil
import tempfile
import time
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


class Killed(Exception):
    """The controller has just died."""


class KeptWorld(World):
    """The world around a controller that writes down what it sends and learns, in a real ledger."""

    dies = ""
    """Where the next write finds its end: "before" it leaves, or "after", its answer never heard."""

    def __init__(self, strategy: Strategy, limits: Limits, path: Path) -> None:
        super().__init__(strategy, limits)
        self.keep(path)

    def keep(self, path: Path) -> None:
        """Keep what is sent and learned in this file, and begin with what it has."""
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
        self.dies = ""
        self.ledger.close()
        self.stop(seconds)
        self.begin()

    @property
    def disk_ill(self) -> bool:
        return self.ledger.degraded

    def full(self, yes: bool) -> None:
        """Let SQLite refuse to grow the file, or let it again."""
        connection = self.ledger._writer.connection
        assert connection is not None
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if yes else 1_000_000}").fetchone()
        while yes and not self.ledger.degraded:  # what is free in the last pages
            self.ledger.record_event("test", "info", "x" * 4000)

    def second(self) -> None:
        self.clock.advance(self.now_s + 1.0 - self.clock.monotonic())
        super().second()

    def stop(self, seconds: int) -> None:
        super().stop(seconds)
        self.clock.advance(self.now_s - self.clock.monotonic())

    def _tick(self) -> None:
        before = self.state
        super()._tick()
        if before.link.pending is not None and self.state.link.pending is None:
            self.intents.close("applied")
        self.kept.keep_latched(before, self.state)
        self.kept.keep(before, self.state, self.now_s)

    def _send(self, decision: Decision, send: Send) -> None:
        keys = send.settings.keys()
        intent = self.intents.record(label(send), keys, safety=send.safety, reason=send.reason)
        if self.dies == "before":
            raise Killed
        super()._send(decision, send)
        if self.dies == "after":
            raise Killed
        self.intents.answered(intent, "accepted", "")


class KeptHouse(House):
    """The house of the pipeline's promises, its ledger in a folder that goes when its life is over."""

    kind: type[KeptWorld] = KeptWorld

    def world_of(self, strategy: Strategy) -> World:
        self.folder = Path(tempfile.mkdtemp(prefix="ampilot-"))
        return self.kind(strategy, self.limits, self.folder / "ledger.db")

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "world"):
            self.world.ledger.close()
            shutil.rmtree(self.folder)


class RestartedHouse(KeptHouse):
    """That house, its service killed now and then."""

    @rule(seconds=st.integers(1, 400), unread_s=st.sampled_from([0, 0, 25, 100]))
    def killed(self, seconds: int, unread_s: int) -> None:
        """It is gone for a while and then back, perhaps before its charger can be read."""
        charged = self.world.box.drawn_a > 1
        self.world.cloud_down = unread_s > 0
        self.world.restart(seconds)
        self.world.run(unread_s)
        self.world.cloud_down = False
        self.world.run(60)
        event(f"killed while charging: {charged}")

    @rule(
        seconds=st.integers(1, 60),
        dies=st.sampled_from(["before", "after"]),
        sun_kw=st.floats(0, 9),
        late_s=st.sampled_from([1.0, 1.0, 12.0, 40.0]),
    )
    def killed_at_a_write(self, seconds: int, dies: str, sun_kw: float, late_s: float) -> None:
        """Its next write is on record and has not left, or has left and is not answered, perhaps late."""
        self.world.sun_w, self.world.dies, self.world.late_s = sun_kw * 1000, dies, late_s
        try:
            self.world.run(400)
        except Killed:
            event(f"killed {dies} a write left")
            self.world.restart(seconds)
        self.world.dies, self.world.late_s = "", 1.0
        self.world.run(60)

    @rule(seconds=st.integers(1, 20), sun_kw=st.sampled_from([2.5, 9.0]))
    def killed_in_a_phase_change(self, seconds: int, sun_kw: float) -> None:
        """The contactor is open when it dies, the pilot broken when it is back, perhaps."""
        self.world.sun_w = sun_kw * 1000
        for _ in range(900):
            self.world.run(1)
            if self.world.box.dead_s > 8 and self.world.box.plugged:
                event("killed in a phase change")
                self.world.restart(seconds)
                break
        self.world.run(60)

    @rule(seconds=st.integers(1, 60), full_s=st.integers(10, 300))
    def killed_and_the_disk_is_full(self, seconds: int, full_s: int) -> None:
        """The next run can read what was, and for a while write nothing."""
        world = self.world
        world.restart(seconds)
        world.full(True)
        count = len(world.sent)
        world.run(full_s)
        event(f"writes on a full disk: {len(world.sent) > count}")
        world.full(False)
        world.ledger.record_event("test", "info", "the disk is well")
        for _ in range(80):
            if world.disk_ill:
                time.sleep(0.1)
        assert not world.disk_ill
        world.run(60)


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


def changed(world: KeptWorld) -> float:
    """Let a phase change that was just asked for be told to the box; return when it was."""
    world.run(3)
    assert world.box.phases == 3
    assert world.box.dead_s > 0
    return world.box.changes_s[-1]


def test_a_restart_that_cannot_read_the_charger_yet_forgets_nothing(tmp_path: Path) -> None:
    """The first decisions come before the first report: the phase change of a minute ago still counts."""
    world = bought(tmp_path, 1.0)
    changed_s = changed(world)
    world.cloud_down = True
    world.restart(8)
    world.run(30)
    world.cloud_down, world.worth = False, Worth(-10.0, "by hand", world.now_s + 5000)
    world.sun_w = 2500.0  # enough for one phase
    world.run(900)
    world.ledger.close()
    later = [at_s for at_s in world.box.changes_s if at_s > changed_s]
    assert all(at_s >= changed_s + 600 for at_s in later)


def test_a_restart_during_a_phase_change_is_no_other_car(tmp_path: Path) -> None:
    """The next run does not believe the "no car" of a broken pilot: nothing is parked, nothing forgotten."""
    world = bought(tmp_path, 1.0)
    world.box.breaks_pilot = True
    changed_s = changed(world)
    count = len(world.sent)
    world.restart(4)
    assert world.box.dead_s > 8
    world.worth, world.sun_w = Worth(-10.0, "by hand", world.now_s + 5000), 2500.0
    world.run(32 - int(world.now_s - changed_s))
    assert len(world.sent) == count
    world.run(900)
    world.ledger.close()
    assert not any(sent.send.reason.startswith("no car") for sent in world.sent)
    later = [at_s for at_s in world.box.changes_s if at_s > changed_s]
    assert all(at_s >= changed_s + 600 for at_s in later)


def test_a_stop_that_was_lost_before_a_restart_leaves_the_least_time_on(tmp_path: Path) -> None:
    """Blind, stopped in vain, killed: the next run sees it charge, and our start keeps its 300 s."""
    world = bought(tmp_path, 1.0)
    began_s = world.sent[-1].at_s
    world.run(30)
    world.meter_silent = world.drop_writes = True
    while not (command_off(world.sent[-1].send) and world.sent[-1].at_s > began_s):
        world.run(1)
    assert world.now_s < began_s + 120
    world.meter_silent = world.drop_writes = False
    world.restart(30)
    world.worth = Worth(-10.0, "by hand", world.now_s + 1000)
    world.run(300)
    world.ledger.close()
    stops_s = [sent.at_s for sent in world.sent if command_off(sent.send) and not sent.send.safety]
    assert [at_s for at_s in stops_s if at_s > began_s] == [began_s + 300]


RestartedHouse.TestCase.settings = House.TestCase.settings
TestRestartedHouse = RestartedHouse.TestCase
TestLongRestartedHouse = at_length(RestartedHouse)
