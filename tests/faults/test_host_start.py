"""H10, H11, H14: mistakes in the config, a process that must not grow, upgrade and downgrade."""

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.clock import SystemClock
from controller.errors import ConfigError
from controller.ledger.intent_store import IntentStore
from controller.ledger.latch_store import LatchStore
from controller.ledger.ledger import Ledger
from controller.ledger.report import Report
from controller.line.latches import Latch
from controller.load_settings import load_settings
from tests.faults.host_rig import SLACK_S, HostRig
from tests.faults.rig import TOKEN
from tests.faults.test_full_disk import AT_ONCE
from tests.faults.test_real_timings import resident_mb

Bound = Callable[[str, str, float, float, str], None]
ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config" / "ampilot.example.toml").read_text("utf-8")
LEDGERS = sorted((ROOT / "tests" / "fixtures" / "ledgers").glob("schema_*.sql"))

# -- H10 -----------------------------------------------------------------------------------------------------


def options_of(text: str) -> list[tuple[int, str, str]]:
    """Return (line, table, key) of every option of the example, those commented out too."""
    found, table = [], ""
    for number, line in enumerate(text.splitlines()):
        if head := re.match(r"#? ?\[\[?([a-z_.]+)\]\]?", line):
            table = head[1]
        elif key := re.match(r"(?:# )?([a-z_0-9]+) = ", line):
            found.append((number, table, key[1]))
    return found


def with_value(text: str, line: int, table: str, value: str) -> str:
    """Return the example with one option set to another value, its table switched on."""
    lines = text.splitlines()
    key = re.match(r"(?:# )?([a-z_0-9]+) = ", lines[line])
    assert key is not None
    lines[line] = f"{key[1]} = {value}"
    for number, other in enumerate(lines):
        if re.match(rf"# \[\[?{re.escape(table)}\]\]?", other):
            lines[number] = other.removeprefix("# ")
    if table == "car" and key[1] != "name":
        lines.insert(line, 'name = "A"')
    return "\n".join(lines)


@pytest.mark.parametrize("nonsense", ["[[]]", "-1e999", '"\\u0000"'], ids=["list", "-inf", "nul"])
def test_h10_each_option_mistaken(tmp_path: Path, nonsense: str) -> None:
    """Every option of the example set to nonsense, one at a time: refused, with file, key and a remedy."""
    path, checked = tmp_path / "ampilot.toml", 0
    for line, table, key in options_of(EXAMPLE):
        path.write_text(with_value(EXAMPLE, line, table, nonsense))
        try:
            load_settings(path)
        except ConfigError as error:
            text = str(error)
            assert str(path) in text
            assert key in text or table in text, f"[{table}] {key}: {text}"
            assert len(text) < 2000
            checked += 1
        else:
            # A text is a text, also an odd one: then it must be one that is free.
            assert nonsense == '"\\u0000"', f"[{table}] {key} takes {nonsense}"
    assert checked >= (5 if nonsense == '"\\u0000"' else 40)


@settings(max_examples=200, deadline=None)
@given(at=st.floats(0, 1), noise=st.binary(max_size=12), cut=st.integers(0, 40))
def test_h10_bytes_in_the_config(
    tmp_path_factory: pytest.TempPathFactory, at: float, noise: bytes, cut: int
) -> None:
    """Whatever is typed, pasted or torn somewhere in the file: settings, or one error of ours."""
    data = EXAMPLE.replace("# ", "").encode()
    place = int(at * len(data))
    path = tmp_path_factory.getbasetemp() / f"torn-{os.getpid()}.toml"
    path.write_bytes(data[:place] + noise + data[place + cut :])
    with contextlib.suppress(ConfigError):
        load_settings(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("fuse_a = 35.0", "fuse_a = 'thick'"), "[site] fuse_a"),
        pytest.param(lambda text: text.replace("[site]", "[sight]"), "mean site?", marks=pytest.mark.slow),
        pytest.param(
            lambda text: text.replace("token_file", "token"),
            "a secret does not belong",
            marks=pytest.mark.slow,
        ),
    ],
)
async def test_h10_a_mistake_ends_the_start(
    tmp_path: Path, bound: Bound, change: Callable[[str], str], said: str
) -> None:
    """The real process: exit 78, which systemd does not restart; what and where; nothing was sent."""
    began = time.monotonic()
    async with HostRig(tmp_path, edit=change) as rig:
        assert rig.process is not None
        assert await asyncio.wait_for(rig.process.wait(), 20) == 78
        took_s = time.monotonic() - began
        await rig.until(lambda: rig.said(said), 5, "it says what is wrong")
        assert not rig.served.cloud.requests
        assert TOKEN.encode() not in rig.output
        rig.process = None
    bound("H10", "a mistake in the config: exit 78", 10.0 + SLACK_S, took_s, "s")


@pytest.mark.slow
async def test_h10_a_token_that_others_may_read(tmp_path: Path) -> None:
    """Mode 0644: exit 78, the remedy said, the token not."""
    async with HostRig(tmp_path) as rig:
        await rig.stop(signal.SIGTERM)
        (tmp_path / "token").chmod(0o644)
        await rig.start()
        assert rig.process is not None
        assert await asyncio.wait_for(rig.process.wait(), 20) == 78
        await rig.until(lambda: rig.said("chmod 600"), 5, "the remedy")
        rig.process = None


# -- H11 -----------------------------------------------------------------------------------------------------


def handles(pid: int) -> tuple[int, int]:
    """Return how many files and threads a process has open."""
    proc = Path(f"/proc/{pid}")
    return len(os.listdir(proc / "fd")), len(os.listdir(proc / "task"))


@pytest.mark.slow
async def test_h11_nothing_grows(tmp_path: Path, bound: Bound) -> None:
    """A hundred decisions and faults of all kinds later: the same memory, files and threads."""
    async with HostRig(tmp_path, strategy="timers", strategy_options=AT_ONCE) as rig:
        await rig.charging()

        async def life() -> None:
            for mode, cloud in (
                ("ok", ""),
                ("reset", ""),
                ("silent", "down"),
                ("ok", "bad_gateway"),
                ("ok", ""),
            ):
                rig.served.meter.misbehave(mode)
                rig.served.cloud.fail(*([cloud] if cloud else []))
                rig.served.house.shade = 0.5 if mode == "ok" else 1.0
                await asyncio.sleep(1.0)

        await life()
        await asyncio.sleep(1.0)
        memory_mb, before = resident_mb(rig.pid), handles(rig.pid)
        for _ in range(4):
            await life()
        await asyncio.sleep(1.0)
        after = handles(rig.pid)
        grown_mb = resident_mb(rig.pid) - memory_mb
        assert after[0] <= before[0] + 2
        assert after[1] <= before[1] + 1
    bound("H11", "memory grown over 20 s of faults", 3.0, max(grown_mb, 0.0), "MB")


# -- H14 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_h14_a_stop_leaves_the_charger_off(
    tmp_path: Path, bound: Bound, number: signal.Signals
) -> None:
    """systemd's stop, or a closed terminal: the charger at the blind level, the process gone, on record."""
    async with HostRig(tmp_path) as rig:
        await rig.charging()
        began = time.monotonic()
        assert await rig.stop(number) == 0
        took_s = time.monotonic() - began
        await rig.until(lambda: rig.box.frc == 1, 3, "off at exit")
        await rig.until(lambda: rig.systemd.count("STOPPING=1") == 1, 3, "systemd is told")
        assert rig.rows("SELECT kind FROM events ORDER BY id DESC LIMIT 1") == [("stop",)]
        assert rig.rows("SELECT outcome FROM intents ORDER BY id DESC LIMIT 1") == [("accepted",)]
    bound("H14", f"{number.name} to the end, the charger off", 5.0 + SLACK_S, took_s, "s")


@pytest.mark.slow
async def test_h14_a_stop_while_the_cloud_is_silent(tmp_path: Path, bound: Bound) -> None:
    """Nobody answers: it gives up in time and exits in order."""
    async with HostRig(tmp_path) as rig:
        await rig.charging()
        rig.served.cloud.fail("timeout")
        began = time.monotonic()
        assert await rig.stop(signal.SIGTERM) == 0
        took_s = time.monotonic() - began
        assert rig.rows("SELECT kind FROM events ORDER BY id DESC LIMIT 1") == [("stop",)]
    bound("H14", "SIGTERM while the cloud is silent", 5.0 + SLACK_S, took_s, "s")


def made_by(dump: Path, path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Make a ledger as that version left it; return its rows by table."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(dump.read_text("utf-8"))
        db.execute("PRAGMA journal_mode = WAL")
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables}


@pytest.mark.parametrize("dump", LEDGERS, ids=lambda path: path.stem)
def test_h14_every_released_ledger_is_brought_up_to_date(tmp_path: Path, dump: Path) -> None:
    """No row is lost or changed, the commands work on it, and it can be opened again."""
    path = tmp_path / "ledger.db"
    before = made_by(dump, path)
    ledger = Ledger.open(path, SystemClock())
    assert not ledger.notes
    intents = IntentStore(ledger, SystemClock())
    assert intents.record("off", {"frc": 1}, safety=True, reason="x") is not None
    LatchStore(ledger).keep((), (Latch("guard", "x"),))
    assert len(intents.open()) == 2
    ledger.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table, rows in before.items():
            left = db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            kept = [row[: len(rows[0])] for row in left] if rows else []
            assert all(row in kept for row in rows), table
        newest = int(sorted((ROOT / "controller" / "ledger" / "migrations").glob("0*.sql"))[-1].name[:4])
        assert db.execute("PRAGMA user_version").fetchone() == (newest,)
    decision = Report(path).last_decision()
    assert decision is not None
    assert decision.action == "send 9 A x1"
    Ledger.open(path, SystemClock()).close()


def test_h14_a_migration_that_dies_leaves_the_old_version(tmp_path: Path) -> None:
    """Killed inside of any migration: the file is of one version or the other, and opens."""
    path = tmp_path / "ledger.db"
    before = made_by(LEDGERS[0], path)
    code = (
        "import os, sys, threading, time\nfrom pathlib import Path\n"
        "from controller.clock import SystemClock\n"
        "from controller.ledger.ledger import Ledger\n"
        "threading.Timer(float(sys.argv[2]), os._exit, [9]).start()\n"
        "Ledger.open(Path(sys.argv[1]), SystemClock())\ntime.sleep(1)\n"
    )
    for delay_s in (0.0, 0.001, 0.003, 0.01):
        subprocess.run([sys.executable, "-c", code, str(path), str(delay_s)], timeout=30, check=False)
        with contextlib.closing(sqlite3.connect(path)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            assert ("cars" in tables) == (version >= 2)
            assert ("verdicts" in tables) == (version >= 3)
            assert db.execute("SELECT * FROM energy").fetchall() == before["energy"]
    Ledger.open(path, SystemClock()).close()


@pytest.mark.slow
async def test_h14_an_upgrade_of_the_real_service(tmp_path: Path) -> None:
    """The process starts on a ledger of the first version, closes its open write by reading, and charges."""
    rig = HostRig(tmp_path)
    made_by(LEDGERS[0], rig.ledger)
    async with rig:
        await rig.charging()
        assert rig.rows("SELECT state FROM intents WHERE id = 3") != [("open",)]
        assert rig.rows("SELECT count(*) FROM energy WHERE day = '2026-02-28'") == [(1,)]


# -- backup --------------------------------------------------------------------------------------------------


async def test_h14_a_backup_while_it_runs(tmp_path: Path) -> None:
    """`ampilot backup` under a running controller: complete, private, never over another file."""
    async with HostRig(tmp_path, strategy="timers", strategy_options=AT_ONCE) as rig:
        await rig.charging()
        target = tmp_path / "copy.db"
        command = [sys.executable, "-m", "controller", "backup", str(target), "--config", str(rig.config)]
        before = rig.rows("SELECT max(id) FROM events")[0][0]
        first = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=60)
        assert first.returncode == 0, first.stderr
        with contextlib.closing(sqlite3.connect(target)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            numbers = [row[0] for row in db.execute("SELECT id FROM events ORDER BY id")]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) >= before
        assert target.stat().st_mode & 0o777 == 0o600
        again = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=60)
        assert again.returncode != 0
        assert b"exists already" in again.stderr
        assert rig.process is not None
        assert rig.process.returncode is None
