"""The shell: what is on record, what the watchdog is told, and what a full disk changes.

Meter and charger are objects in front of the simulated house; ledger, database and sockets are real.
"""

import json
import logging
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path

import pytest

from controller.cars.car import KnownCar
from controller.chargers.goe import parse_status
from controller.clock import SimClock
from controller.errors import MeterUnreachable
from controller.kept import Kept
from controller.ledger.gate_store import restored, restored_link
from controller.ledger.intent_store import IntentStore
from controller.ledger.ledger import Ledger
from controller.limits import Limits
from controller.line.gate_memory import GateState
from controller.line.link import Link
from controller.line.phases import PhaseHistory
from controller.loop import Loop
from controller.model import (
    Charge,
    ChargerStatus,
    Command,
    Force,
    GridReading,
    Keys,
    Off,
    OutcomeKind,
    PhaseMode,
    Prices,
    Settings,
    SiteSnapshot,
    Wish,
    WriteOutcome,
)
from controller.senses import Devices
from controller.simulation.box import Box
from controller.simulation.car import PROFILES, Car
from controller.simulation.house import House, Weather
from controller.watchdog import Notifier

START = datetime(2026, 6, 21, 9, tzinfo=UTC)
DAY_S = 86_400


class Told:
    """Wants what the test tells it to."""

    def __init__(self) -> None:
        self.target: Command = Off()
        self.reason = "told so"
        self.seen: list[SiteSnapshot] = []

    def initial(self) -> None:
        return None

    def decide(self, snap: SiteSnapshot, memory: None) -> tuple[Wish, None]:
        self.seen.append(snap)
        return Wish(self.target, self.reason), None


@dataclass
class HouseMeter:
    """Reads the house at once, unless told to be silent."""

    house: House
    clock: SimClock
    silent: bool = False

    async def read(self) -> GridReading:
        if self.silent:
            raise MeterUnreachable("no answer")
        seen = self.house.quantities()
        return GridReading(
            float(self.clock.monotonic()),
            seen["grid_import_w"],
            phase_current_a=seen["phase_current_a"],
            fingerprint=repr(seen).encode(),
        )

    async def close(self) -> None:
        return None


@dataclass
class BoxCharger:
    """Reads and sets the box at once, in go-e's own keys; `lose` swallows writes."""

    box: Box
    clock: SimClock
    lose: bool = False
    sent: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    async def read(self) -> ChargerStatus:
        now_s = float(self.clock.monotonic())
        return parse_status(self.box.status(), data_s=now_s, received_s=now_s)

    async def write(self, settings: Settings) -> WriteOutcome:
        self.sent.append((float(self.clock.monotonic()), settings.keys()))
        if not self.lose:
            for key, value in settings.keys().items():
                assert self.box.set(key, value) is None
        return WriteOutcome(OutcomeKind.ACCEPTED)

    async def close(self) -> None:
        return None


class Rig:
    """A loop with its house, moved second by second: meter each second, charger 5 s, decision 10 s."""

    def __init__(
        self,
        folder: Path,
        notify: str | None,
        limits: Limits | None = None,
        cars: tuple[KnownCar, ...] = (),
    ) -> None:
        self.clock = SimClock(START)
        weather = Weather([9000.0] * DAY_S, ([200.0] * DAY_S, [100.0] * DAY_S, [100.0] * DAY_S))
        self.house = House(weather, Box(amp=6, psm=1, frc=1), arrives_s=DAY_S - 1)
        self.strategy = Told()
        self.path = folder / "ledger.db"
        self.ledger = Ledger.open(self.path, self.clock)
        self.meter = HouseMeter(self.house, self.clock)
        self.charger = BoxCharger(self.house.box, self.clock)
        self.loop = Loop(
            Devices(self.meter, self.charger),
            self.strategy,
            limits or Limits(),
            prices=Prices,
            ledger=self.ledger,
            clock=self.clock,
            notifier=Notifier(notify),
            cars=cars,
        )

    def plug(self) -> None:
        self.house.box.plug(Car(PROFILES["ideal"]))

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.house.advance(self.house.now_s + 1.0)
            now = int(self.clock.monotonic())
            await self.loop.senses.poll_meter()
            if now % 5 == 0:
                await self.loop.senses.poll_charger()
            if now % 10 == 0:
                await self.loop.decide()

    def full(self, yes: bool) -> None:
        """Let SQLite refuse to grow the file, or let it again."""
        pages = self.ledger._writer.connection.execute("PRAGMA page_count").fetchone()[0]
        self.ledger._writer.connection.execute(f"PRAGMA max_page_count = {pages if yes else 1_000_000}")
        self.ledger._writer.connection.execute("PRAGMA page_count").fetchone()
        while yes and not self.ledger.degraded:  # what is free in the last pages
            self.ledger.record_event("test", "info", "x" * 4000)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.path) as db:
            return db.execute(sql).fetchall()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """A datagram socket as systemd has one, and what arrived there since the last look."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        server.setblocking(False)

        def arrived() -> list[str]:
            texts = []
            while True:
                try:
                    texts.append(server.recv(4096).decode())
                except BlockingIOError:
                    return texts

        yield address, arrived


@pytest.fixture
def rig(tmp_path: Path, supervisor: tuple[str, Callable[[], list[str]]]) -> Iterator[Rig]:
    made = Rig(tmp_path, supervisor[0])
    yield made
    made.ledger.close()


async def test_a_recorded_decision_pats_the_watchdog(
    rig: Rig, supervisor: tuple[str, Callable[[], list[str]]]
) -> None:
    """Six decisions, six pats, each with one line of state."""
    await rig.run(60)
    told = supervisor[1]()
    assert len(told) == 6
    assert all(text.startswith("WATCHDOG=1\nSTATUS=off") for text in told)


async def test_a_car_that_left_and_came_unseen_is_as_full_as_one_that_comes(tmp_path: Path) -> None:
    """It took 2 kWh from 50 % on; no read falls into its absence. Nobody knows better than 50 % then."""
    car = KnownCar("Zoe", battery_kwh=50.0, assumed_soc_pct=50.0)
    rig = Rig(tmp_path, None, cars=(car,))
    rig.strategy.target = Charge(16, 3)
    rig.plug()
    await rig.run(900)
    before = rig.loop.soc.now()
    assert before is not None
    assert before.pct > 52
    rig.strategy.target = Off()
    rig.house.box.unplug()
    rig.plug()
    await rig.run(60)
    after = rig.loop.soc.now()
    assert after is not None
    assert after.pct == pytest.approx(50.0, abs=0.3)
    rig.ledger.close()


async def test_a_row_the_database_refuses_leaves_the_watchdog_hungry(
    rig: Rig, supervisor: tuple[str, Callable[[], list[str]]], caplog: pytest.LogCaptureFixture
) -> None:
    """A decision that is on no record while the disk is well is our bug: no pat, and the log says why."""
    rig.ledger._writer.connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'refused for a test'); END"
    )
    with caplog.at_level(logging.WARNING):
        await rig.run(10)
    assert supervisor[1]() == []
    assert not rig.ledger.degraded
    assert "refused for a test" in caplog.text
    rig.ledger._writer.connection.execute("DROP TRIGGER no")
    await rig.run(60)
    assert supervisor[1]()


async def test_a_full_disk_is_announced_and_the_watchdog_fed(
    rig: Rig, supervisor: tuple[str, Callable[[], list[str]]], caplog: pytest.LogCaptureFixture
) -> None:
    """Restarting does not empty a disk: pats go on and carry the news, the log says it, its end too."""
    await rig.run(20)
    supervisor[1]()
    rig.full(True)
    with caplog.at_level(logging.INFO):
        await rig.run(60)
        told = supervisor[1]()
        assert len(told) == 6
        assert all("the ledger cannot be written" in text for text in told)
        assert caplog.text.count("event=ledger_fault") <= 2
        assert "Remedy: free the disk" in caplog.text
        rig.full(False)
        await rig.run(70)
    assert "event=ledger_recovered" in caplog.text
    assert "cannot be written" not in supervisor[1]()[-1]
    assert ("ledger", "warning") in rig.rows("SELECT kind, severity FROM events")


async def test_on_a_full_disk_one_raise_in_ten_minutes(rig: Rig) -> None:
    """While writes go on no record: one raise, the next after 600 s; reductions at once; all filed later."""
    rig.plug()
    await rig.run(20)
    rig.full(True)
    rig.strategy.target = Charge(6, 1)
    await rig.run(20)
    assert [keys for _, keys in rig.charger.sent] == [{"amp": 6, "frc": 2}]
    first_s = rig.charger.sent[0][0]
    rig.strategy.target = Charge(10, 1)
    rig.full(True)
    await rig.run(570)
    assert len(rig.charger.sent) == 1
    assert rig.strategy.seen[-1].ledger_degraded
    await rig.run(30)
    assert rig.charger.sent[1][1] == {"amp": 10}
    assert 600 <= rig.charger.sent[1][0] - first_s <= 610
    rig.strategy.target = Charge(7, 1)
    await rig.run(20)
    assert rig.charger.sent[2][1] == {"amp": 7}
    rig.strategy.target = Off()
    await rig.run(20)
    assert rig.charger.sent[3][1] == {"frc": 1}
    rig.full(False)
    await rig.run(120)
    assert not rig.ledger.degraded
    kept = [json.loads(str(keys)) for (keys,) in rig.rows("SELECT keys FROM intents ORDER BY id")]
    assert kept == [keys for _, keys in rig.charger.sent]


async def test_the_disk_is_well_again_and_raises_are_free(rig: Rig) -> None:
    """As soon as the ledger takes rows the next raise waits for nothing but the usual."""
    rig.plug()
    await rig.run(20)
    rig.full(True)
    rig.strategy.target = Charge(6, 1)
    await rig.run(40)
    rig.strategy.target = Charge(10, 1)
    await rig.run(60)
    assert len(rig.charger.sent) == 1
    rig.full(False)
    await rig.run(80)
    assert [keys for _, keys in rig.charger.sent] == [{"amp": 6, "frc": 2}, {"amp": 10}]


async def test_a_restart_does_not_buy_another_unrecorded_raise(rig: Rig) -> None:
    """The gate of the next run knows from the ledger when the last raise was, and that a stop is none."""
    intents = IntentStore(rig.ledger, rig.clock)
    assert restored(intents, float(rig.clock.monotonic()), Limits()).last_raise_s is None
    intents.record("6 A x1", {"amp": 6}, safety=False, reason="sun")
    rig.clock.advance(100)
    intents.record("off", {"frc": 1}, safety=False, reason="no sun")
    rig.clock.advance(50)
    now_s = float(rig.clock.monotonic())
    assert restored(intents, now_s, Limits()).last_raise_s == now_s - 150


async def test_a_restart_does_not_forgive_phase_changes(rig: Rig) -> None:
    """Three changes of phases, one asked for twice: the gate of the next run knows when each was last."""
    intents = IntentStore(rig.ledger, rig.clock)
    assert restored(intents, float(rig.clock.monotonic()), Limits()).phase == PhaseHistory()
    writes = (
        ("6 A x1", {"amp": 6, "frc": 2, "psm": 1}),
        ("6 A x3", {"amp": 6, "psm": 2}),
        ("6 A x3", {"amp": 6, "psm": 2}),
        ("9 A x3", {"amp": 9}),
        ("off", {"frc": 1}),
        ("9 A x1", {"amp": 9, "frc": 2, "psm": 1}),
    )
    for command, keys in writes:
        rig.clock.advance(700)
        intents.record(command, keys, safety=False, reason="sun")
    now_s = float(rig.clock.monotonic())
    found = restored(intents, now_s, Limits())
    assert found.phase == PhaseHistory(now_s, (now_s - 3500, now_s - 2100, now_s))
    assert (found.on_since_s, found.off_since_s, found.own_start) == (now_s, now_s - 700, True)


async def test_a_phase_change_on_record_may_never_have_left(rig: Rig) -> None:
    """Killed as it was to be sent: asked for by the next run it changes the phases, whatever is on record."""
    intents = IntentStore(rig.ledger, rig.clock)
    began_s = float(rig.clock.monotonic())
    for keys in (
        {"amp": 6, "psm": 1},
        {"amp": 9},
        {"amp": 8, "psm": 1},
        {"dwo": 900.0},
        {"amp": 8, "psm": 1},
    ):
        name = "energy limit 900 Wh" if "dwo" in keys else f"{keys['amp']} A x1"
        intents.record(name, keys, safety=False, reason="sun")
        rig.clock.advance(10)
    found = restored(intents, float(rig.clock.monotonic()), Limits()).phase
    assert found == PhaseHistory(began_s + 40, (began_s, began_s + 40))


async def test_a_restart_takes_no_stop_for_arrived_and_a_parked_box_for_left(rig: Rig) -> None:
    """A stop on record leaves the start before it, which may go on; parking ends all that was of that car."""
    intents = IntentStore(rig.ledger, rig.clock)

    def wrote(command: str, keys: Keys) -> GateState:
        rig.clock.advance(100)
        intents.record(command, keys, safety=False, reason="sun")
        return restored(intents, float(rig.clock.monotonic()), Limits())

    began_s = float(rig.clock.monotonic()) + 100
    wrote("6 A x3", {"amp": 6, "frc": 2, "psm": 2})
    for step in (1, 2):
        stopped = wrote("off", {"frc": 1})
        times = (stopped.on_since_s, stopped.own_start, stopped.off_since_s)
        assert times == (began_s, True, began_s + 100 * step)
    started = wrote("8 A x3", {"amp": 8, "frc": 2})
    assert wrote("9 A x3", {"amp": 9}).on_since_s == started.on_since_s == began_s + 300
    parked = wrote("off", {"amp": 6, "psm": 1})
    assert (parked.on_since_s, parked.own_start, parked.off_since_s) == (None, False, None)
    assert parked.phase == PhaseHistory()
    assert len(parked.comfort_writes_s) == 6
    now_s = float(rig.clock.monotonic())
    assert wrote("6 A x1", {"amp": 6, "frc": 2}).phase == PhaseHistory()  # it stood at one phase already
    assert wrote("6 A x3", {"amp": 6, "psm": 2}).phase.times_s == (now_s + 200,)


async def test_what_an_ill_disk_hid_at_the_start_counts_once_it_is_well(rig: Rig) -> None:
    """All counts as just switched while nothing can be read; then what was spent before is known again."""
    intents = IntentStore(rig.ledger, rig.clock)
    began_s = float(rig.clock.monotonic())
    for command, keys in (("6 A x3", {"amp": 6, "frc": 2, "psm": 2}), ("7 A x3", {"amp": 7})):
        intents.record(command, keys, safety=False, reason="sun")
        rig.clock.advance(60)
    intents.record("off", {"frc": 1}, safety=True, reason="blind")
    now_s = float(rig.clock.monotonic())
    rig.full(True)
    kept, limits = Kept(rig.ledger, intents), Limits()
    state = kept.restored(rig.strategy, (), limits, now_s)
    careful = GateState(off_since_s=now_s, phase=PhaseHistory(now_s), last_raise_s=now_s)
    assert state.gate == careful
    rig.full(False)
    rig.ledger.record_event("test", "info", "the disk is well")
    assert not rig.ledger.degraded
    spent = replace(careful, comfort_writes_s=(began_s, began_s + 60), safety_writes_s=(now_s,))
    known = replace(spent, phase=PhaseHistory(began_s, (began_s,)))
    assert kept.read_late(state, limits, now_s).gate == known
    assert kept.read_late(state, limits, now_s) is state  # once
    kept._unread = True
    left = replace(state, link=Link(gone=True))
    assert kept.read_late(left, limits, now_s).gate == spent  # of a car that has left no phase change counts


async def test_the_last_writes_of_a_full_day_are_the_ones_that_count(rig: Rig) -> None:
    """Three a day are allowed, five were written: the last three are known; those for safety apart."""
    intents = IntentStore(rig.ledger, rig.clock)
    for place in range(10):
        rig.clock.advance(10)
        intents.record(f"{6 + place} A x1", {"amp": 6 + place}, safety=place % 2 == 1, reason="so")
    now_s = float(rig.clock.monotonic())
    found = restored(intents, now_s, Limits(writes_per_day=3))
    assert found.comfort_writes_s == (now_s - 50, now_s - 30, now_s - 10)
    assert found.safety_writes_s == (now_s - 80, now_s - 60, now_s - 40, now_s - 20, now_s)
    assert (found.on_since_s, found.last_raise_s) == (now_s - 90, now_s)


async def test_a_day_of_stops_nobody_takes_does_not_push_a_phase_change_off_the_record(rig: Rig) -> None:
    """One stop in 30 s for a day: the change of phases and the write for comfort before them are known."""
    intents = IntentStore(rig.ledger, rig.clock)
    intents.record("6 A x3", {"amp": 6, "frc": 2, "psm": 2}, safety=False, reason="sun")
    began_s = float(rig.clock.monotonic())
    for _ in range(2800):
        rig.clock.advance(30)
        intents.record("off", {"frc": 1}, safety=True, reason="blind")
    found = restored(intents, float(rig.clock.monotonic()), Limits())
    assert (found.comfort_writes_s, found.phase.times_s) == ((began_s,), (began_s,))
    assert len(found.safety_writes_s) == 2800


async def test_a_restart_knows_what_may_still_arrive(rig: Rig) -> None:
    """Of the last two minutes, with all keys: what a slow cloud delivers now is not somebody else's."""
    intents = IntentStore(rig.ledger, rig.clock)
    nothing = GateState()
    assert restored_link(intents, float(rig.clock.monotonic()), nothing) == Link()
    start = Settings(6, Force.ON, PhaseMode.THREE, inf)
    limit = Settings(energy_limit_wh=4500.0)
    stop = Settings(force=Force.OFF)
    for settings, wait_s in ((Settings(9), 30.0), (start, 60.0), (limit, 50.0), (stop, 9.0)):
        intents.record("a write", settings.keys(), safety=False, reason="sun")
        rig.clock.advance(wait_s)
    now_s = float(rig.clock.monotonic())
    recent = ((now_s - 119, start), (now_s - 59, limit), (now_s - 9, stop))
    assert restored_link(intents, now_s, nothing) == Link(recent=recent, last_write_s=now_s - 9)
    changed = GateState(phase=PhaseHistory(now_s - 119, (now_s - 119,)))
    assert restored_link(intents, now_s, changed).phase_write_s == now_s - 119


async def test_a_start_that_was_asked_for_again_began_with_the_last_try(rig: Rig) -> None:
    """The first was lost: after a restart, too, the least time on is counted from when it came about."""
    intents = IntentStore(rig.ledger, rig.clock)
    start = Settings(6, Force.ON).keys()
    for command, keys, wait_s in (
        ("6 A x1", start, 20.0),
        ("6 A x1", start, 40.0),
        ("9 A x1", {"amp": 9}, 5.0),
    ):
        intents.record(command, keys, safety=False, reason="sun")
        rig.clock.advance(wait_s)
    now_s = float(rig.clock.monotonic())
    assert restored(intents, now_s, Limits()).on_since_s == now_s - 45.0


@pytest.mark.parametrize(
    ("commands", "outcome", "closed", "raising"),
    [
        (["6 A x1", "16 A x3", "10 A x3"], "accepted", False, False),
        (["6 A x1", "16 A x3"], "pending", False, True),
        (["16 A x3", "off"], "unknown", False, False),
        (["10 A x3"], "accepted", False, False),  # lowers, for nothing is started by it
        (["16 A x3", "off"], "refused", False, None),
        (["16 A x3", "off"], "accepted", True, None),
    ],
)
async def test_a_restart_believes_in_the_last_write_until_a_read_tells(
    rig: Rig, commands: list[str], outcome: str, closed: bool, raising: bool | None
) -> None:
    """As the run before it would have; what was refused or seen is over."""
    intents = IntentStore(rig.ledger, rig.clock)
    for command in commands:
        keys = {"frc": 1} if command == "off" else {"amp": int(command.split()[0])}
        intent = intents.record(command, keys, safety=False, reason="sun")
        rig.clock.advance(7.0)
    intents.answered(intent, outcome, "")
    if closed:
        intents.close("applied")
    pending = restored_link(intents, float(rig.clock.monotonic()), GateState()).pending
    assert (pending is None) is (raising is None)
    if pending is not None:
        assert str(pending.command) == commands[-1]
        assert pending.settings.keys() == keys
        assert (pending.raising, pending.sent_s) == (raising, float(rig.clock.monotonic()) - 7.0)


async def test_a_write_of_an_earlier_run_is_closed_by_a_read_that_can_tell(rig: Rig) -> None:
    """It arrives after a restart and its first read, which alone would have said that it did not."""
    rig.plug()
    await rig.run(20)
    rig.charger.lose = True
    rig.strategy.target = Charge(6, 1)
    await rig.run(10)
    rig.loop = Loop(
        Devices(rig.meter, rig.charger),
        rig.strategy,
        Limits(),
        prices=Prices,
        ledger=rig.ledger,
        clock=rig.clock,
        notifier=Notifier(None),
    )
    await rig.run(10)
    assert rig.rows("SELECT state FROM intents") == [("open",)]
    rig.house.box.frc = 2
    await rig.run(10)
    assert rig.rows("SELECT state FROM intents") == [("applied",)]
    assert len(rig.charger.sent) == 1
    assert not rig.loop.state.link.yielded


async def test_the_second_fence_has_the_last_word(tmp_path: Path) -> None:
    """Limits that call a 30 s old meter fresh: the guard refuses a raise, once, loudly; a stop passes."""
    rig = Rig(tmp_path, None, Limits(meter_fresh_s=60.0, meter_stale_s=90.0))
    rig.plug()
    await rig.run(20)
    rig.meter.silent = True
    await rig.run(30)
    rig.strategy.target = Charge(6, 1)
    await rig.run(20)
    assert rig.charger.sent == []
    assert rig.loop.guard_refusals == 1
    assert rig.rows("SELECT severity, text FROM events WHERE kind = 'guard'") == [
        ("error", "the guard refused 6 A x1: a raise needs a meter reading of the last seconds")
    ]
    rig.house.box.frc = 2  # somebody starts it by the app; then the meter is stale
    await rig.run(60)
    assert rig.charger.sent[-1][1] == {"frc": 1}
    rig.ledger.close()


@pytest.mark.parametrize("how", ["shown", "foreign", "reboot", "unplug"])
async def test_only_what_a_read_showed_was_applied(rig: Rig, how: str) -> None:
    """A write that ends by a restart, an unplug or a foreign hand is not called applied."""
    rig.plug()
    await rig.run(20)
    rig.charger.lose = how != "shown"
    rig.strategy.target = Charge(6, 1)
    await rig.run(10)
    assert len(rig.charger.sent) == 1
    box = rig.house.box
    if how == "foreign":
        box.amp = 13
    if how == "reboot":
        box.rbc += 1
    if how == "unplug":
        box.unplug()
    rig.strategy.target = Off()
    await rig.run(10)
    assert rig.rows("SELECT state FROM intents LIMIT 1") == [
        ("applied" if how == "shown" else "not_applied",)
    ]


async def test_a_strategy_with_odd_words_does_not_stop_the_records(rig: Rig) -> None:
    """Broken text, NaN and odd keys among the facts end up in the ledger as what can be said of them."""
    odd = Wish(Off(), "half a pair \ud83d", {"nan_w": float("nan"), "fine_w": 2.5, 7: "seven"})  # type: ignore[dict-item]
    rig.strategy.decide = lambda snap, memory: (odd, None)  # type: ignore[method-assign]
    await rig.run(20)
    assert rig.loop.ticks == 2
    ((reason, facts),) = rig.rows("SELECT reason, facts FROM decisions ORDER BY id DESC LIMIT 1")
    assert reason in ("half a pair ?", "no car is connected")
    assert '"fine_w": 2.5' in str(facts)
    assert "nan_w" not in str(facts)
