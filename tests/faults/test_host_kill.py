"""H4 and H6: killed at any moment, or without power: what was acknowledged stays, nothing is doubled."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.ledger.intent_store import IntentStore
from controller.ledger.ledger import Ledger
from tests.faults.host_rig import SLACK_S, HostRig
from tests.faults.rig import raised
from tests.faults.test_full_disk import AT_ONCE

Bound = Callable[[str, str, float, float, str], None]
RIGS = 8
KILLS = min(5 * int(os.environ.get("AMPILOT_EXAMPLES", "40")), 200)
"""In all, fewer where fewer examples are asked for."""
TABLES = ("intents", "decisions", "events", "sessions")


def rows_of(path: Path) -> dict[str, dict[int, tuple]]:
    """Return what a second program reads now, by table and number; nothing if there are no tables."""
    found: dict[str, dict[int, tuple]] = {table: {} for table in TABLES}
    with contextlib.suppress(sqlite3.OperationalError), reading(path) as db:
        if db.execute("PRAGMA user_version").fetchone()[0]:
            for table in TABLES:
                found[table] = {row[0]: row for row in db.execute(f"SELECT * FROM {table} ORDER BY 1")}
    return found


def reading(path: Path) -> contextlib.closing[sqlite3.Connection]:
    """Return a connection that only reads."""
    return contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5))


def intents_of(path: Path) -> list[dict[str, str]]:
    """Return the keys of every intent in order, as the cloud would see them."""
    with reading(path) as db:
        texts = [row[0] for row in db.execute("SELECT keys FROM intents ORDER BY id")]
    return [{key: str(value) for key, value in json.loads(text).items()} for text in texts]


def missing(writes: list[dict[str, str]], intents: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the writes that have no intent of their own; both in order."""
    rest = iter(intents)
    return [write for write in writes if not any(intent == write for intent in rest)]


class Life:
    """A rig that is killed again and again, and what must hold over all its lives."""

    def __init__(self, rig: HostRig, seed: int) -> None:
        self.rig, self.rng = rig, random.Random(seed)
        self.kept: dict[str, dict[int, tuple]] = {table: {} for table in TABLES}
        self.first_decision_s: list[float] = []
        self.starts = 0
        self.lost: set[tuple[str, int]] = set()
        self.unread: list[dict[str, str]] = []

    def remember(self) -> None:
        """Note every row that is on disk now: it must be there for ever."""
        if self.rig.ledger.exists():
            for table, rows in rows_of(self.rig.ledger).items():
                self.kept[table] |= rows

    def check_rows(self) -> None:
        """Note acknowledged rows that are gone, and intents that ask for something else now."""
        now = rows_of(self.rig.ledger)
        for table, rows in self.kept.items():
            self.lost |= {(table, number) for number in set(rows) - set(now[table])}
        for number, row in self.kept["intents"].items():
            if number in now["intents"] and now["intents"][number][:8] != row[:8]:
                self.lost.add(("intents", number))

    async def under_load(self, seconds: float) -> None:
        """Let the sun come and go, so that there is always something to write."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.rig.served.house.shade = self.rng.choice((0.2, 0.45, 0.7, 1.0, 1.3))
            await asyncio.sleep(min(self.rng.uniform(0.1, 0.5), max(end - time.monotonic(), 0.01)))

    async def die_and_return(self) -> None:
        """Kill at a random moment, every third time while it still starts, and watch what comes first."""
        rig = self.rig
        if self.rng.random() < 2 / 3:
            await rig.up(self.starts)
        await self.under_load(self.rng.choice((0.3, 0.9, 1.5)) * self.rng.uniform(0.2, 1.8))
        self.remember()
        await asyncio.sleep(self.rng.uniform(0, 0.05))
        await rig.killed()
        self.check_rows()
        requests, reads = len(rig.served.cloud.requests), rig.meter_reads
        amp = rig.box.amp if rig.box.frc != 1 else 0
        began, self.starts = time.monotonic(), rig.starts
        await rig.start()
        await self._first_write(requests, reads, amp, began)

    async def _first_write(self, requests: int, reads: int, amp: int, began: float) -> None:
        """What is sent first must follow a reading of both devices, if it raises."""
        rig = self.rig
        deadline = began + self.rng.uniform(0.5, 3.0)
        while time.monotonic() < deadline:
            await asyncio.sleep(0.01)
            seen = rig.served.cloud.requests[requests:]
            at = next((i for i, request in enumerate(seen) if request.path == "/api/set"), None)
            if at is None:
                continue
            self.first_decision_s.append(time.monotonic() - began)
            if raised([seen[at].params], amp):
                assert any(request.path == "/api/status" for request in seen[:at]), (
                    "raised before it had read"
                )
                assert rig.meter_reads > reads, "raised before the meter was read"
            return

    def doubled(self) -> list[dict[str, object]]:
        """Return the commands that arrived at a box that stood so already: nobody else turns its knobs."""
        state: dict[str, object] = {"amp": self.first[0], "frc": self.first[1], "psm": self.first[2]}
        twice = []
        for _, values in self.rig.box.writes:
            if all(state[key] == value for key, value in values.items()):
                twice.append(values)
            state |= values
        return twice

    def begin(self) -> None:
        """Note how the box stood at first."""
        box = self.rig.box
        self.first = (box.amp, box.frc, box.psm)


async def kills(tmp_path: Path, count: int, seed: int) -> Life:
    """Live so many lives on one ledger; return what was seen."""
    print(f"seed {seed}, {count} kills")
    async with HostRig(tmp_path, strategy="timers", strategy_options=AT_ONCE, sun_w=9000.0) as rig:
        life = Life(rig, seed)
        life.begin()
        for _ in range(count):
            await life.die_and_return()
        rig.served.house.shade = 1.0
        # One that is ended before it has read the charger leaves it alone, and the car charges on.
        await rig.up(life.starts)
        await rig.until(lambda: b"plugged in" in rig.output.rpartition(b"event=start ")[2], 30, "it reads")
        patted = rig.systemd.count("WATCHDOG=1")
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > patted + 3, 20, "the last one controls")
        await rig.charging()
        await rig.stop(signal.SIGTERM)
        await rig.until(lambda: rig.box.frc == 1, 5, "off at exit")
        life.check_rows()
        assert not life.lost, f"acknowledged rows are gone: {life.lost}"
        assert not life.unread, f"raised before it had read: {life.unread}"
        assert not missing(rig.writes(), intents_of(rig.ledger)), "a write without an intent"
        assert not life.doubled(), f"sent twice: {life.doubled()}"
        still_open = rig.rows("SELECT id, outcome FROM intents WHERE state = 'open'")
        assert len(still_open) <= 1, f"never closed by a reading: {still_open}"
        assert "Traceback" not in (said := rig.output.decode()), said[said.index("Traceback") :][:3000]
        assert len(rig.writes()) >= count / 4, "too quiet a life to prove anything"
    return life


async def test_h4_killed_three_times(tmp_path: Path, bound: Bound) -> None:
    """Three kills under load: rows stay, nothing is doubled, nothing is raised unread."""
    await kills(tmp_path, 3, random.SystemRandom().randrange(2**32))


@pytest.mark.slow
@pytest.mark.timeout(590)
@pytest.mark.parametrize("number", range(RIGS))
async def test_h4_two_hundred_kills(tmp_path: Path, bound: Bound, number: int) -> None:
    """The same 200 times, on eight rigs."""
    count = max(KILLS // RIGS, 1)
    life = await kills(tmp_path, count, random.SystemRandom().randrange(2**32))
    faults = len(life.lost) + len(life.doubled()) + len(life.unread)
    bound("H4", f"{count} kills: rows lost, commands doubled, raised unread", 0, faults, "in all")
    if life.first_decision_s:
        first_s = sorted(life.first_decision_s)[len(life.first_decision_s) // 2]
        bound("H4", "from restart to the first command (median)", 5.0 + 2 * 0.2 + SLACK_S, first_s, "s")


# -- H6 ------------------------------------------------------------------------------------------------------


def torn(source: Path, target: Path, rng: random.Random, how: str) -> None:
    """Copy database and log as they are, then cut or flip the log somewhere."""
    target.parent.mkdir()
    wal = source.with_name(source.name + "-wal")
    shutil.copy(source, target)
    data = bytearray(wal.read_bytes()) if wal.exists() else bytearray()
    if data and how == "cut":
        del data[rng.randrange(len(data)) :]
    elif data and how == "flip":
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    target.with_name(target.name + "-wal").write_bytes(data)


async def test_h6_without_power_what_is_left_is_a_prefix(tmp_path: Path, bound: Bound) -> None:
    """Files copied from under the running process, torn anywhere: they open and hold the first commits."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    copies = []
    async with HostRig(tmp_path, strategy="timers", strategy_options=AT_ONCE) as rig:
        await rig.charging()
        for number in range(24):
            rig.served.house.shade = rng.choice((0.2, 0.6, 1.0, 1.3))
            await asyncio.sleep(rng.uniform(0.02, 0.15))
            copy = tmp_path / f"torn{number}" / "ledger.db"
            torn(rig.ledger, copy, rng, ("cut", "flip", "whole")[number % 3])
            copies.append(copy)
        await rig.stop(signal.SIGKILL)
        whole = rows_of(rig.ledger)
    damaged = 0
    for copy in copies:
        ledger = Ledger.open(copy, SystemClock())
        assert not ledger.degraded
        damaged += bool(list(copy.parent.glob("*.corrupt-*")))  # a torn log is not a damaged file
        assert (
            IntentStore(ledger, SystemClock()).record("off", {"frc": 1}, safety=True, reason="x") is not None
        )
        ledger.close()
        with sqlite3.connect(copy) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            db.execute("DELETE FROM intents WHERE reason = 'x'")
        left = rows_of(copy)
        for table in ("intents", "decisions", "events"):
            numbers = sorted(left[table])
            assert numbers == list(range(1, len(numbers) + 1)), f"{table} has a hole"
            assert all(whole[table][n][:7] == left[table][n][:7] for n in numbers if table == "intents")
    bound("H6", "torn copies that do not open as a prefix of commits", 0, damaged, "of 24")


@pytest.mark.slow
async def test_h6_power_returns_to_a_charger_that_restarted_too(tmp_path: Path) -> None:
    """The log is torn, the charger has restarted, the sun is strong: it reads first, then charges again."""
    async with HostRig(tmp_path, strategy="timers", strategy_options=AT_ONCE) as rig:
        await rig.charging()
        await rig.stop(signal.SIGKILL)
        wal = rig.ledger.with_name(rig.ledger.name + "-wal")
        data = wal.read_bytes()
        wal.write_bytes(data[: len(data) * 2 // 3])
        rig.ledger.with_name(rig.ledger.name + "-shm").unlink(missing_ok=True)
        rig.box.reboot()
        before, requests = len(rig.writes()), len(rig.served.cloud.requests)
        await rig.start()
        await rig.until(lambda: rig.power_w > 1000 and len(rig.writes()) >= before, 30, "it charges again")
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > 3, 10, "it lives")
        sets = [i for i, r in enumerate(rig.served.cloud.requests[requests:]) if r.path == "/api/set"]
        reads = [i for i, r in enumerate(rig.served.cloud.requests[requests:]) if r.path == "/api/status"]
        assert not sets or reads[0] < sets[0]
