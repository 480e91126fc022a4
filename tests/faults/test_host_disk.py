"""H7, H8, H9: a disk that is full, read-only, slow or broken. Control goes on, and says so."""

import asyncio
import contextlib
import errno
import random
import resource
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.ledger.ledger import Ledger
from controller.ledger.session_store import SessionStore
from tests.faults.host_rig import SLACK_S, HostRig, with_compiler
from tests.faults.test_full_disk import AT_ONCE

Bound = Callable[[str, str, float, float, str], None]
STOP_S = 0.6 + 2 * 0.2 + 0.5
"""What a stop takes on the rig's scale: the strategy's delay, two ticks, the way to the charger."""


def rig_at(folder: Path, **options: object) -> HostRig:
    """Return a rig whose strategy answers the sun at once."""
    return HostRig(folder, strategy="timers", strategy_options=AT_ONCE, sun_w=9000.0, **options)  # type: ignore[arg-type]


def raises(writes: list[dict[str, str]], amp: int, phases: int) -> list[dict[str, str]]:
    """Return the writes that offer more than the one before; at first the box offers `amp` on `phases`."""
    more = []
    for write in writes:
        new_amp = 0 if write.get("frc") == "1" else int(write.get("amp", amp))
        new_phases = {"1": 1, "2": 3, None: phases}[write.get("psm")]
        if new_amp > amp or (new_amp and new_phases > phases):
            more.append(write)
        amp, phases = new_amp, new_phases
    return more


async def told(rig: HostRig) -> float:
    """Wait until the ill disk is announced, in the journal and to the supervisor; return how long it took."""
    took_s = await rig.until(lambda: rig.said("event=ledger_fault"), 10, "the ill disk is announced")
    await rig.until(lambda: bool(rig.systemd.last("the ledger cannot be written")), 5, "the status says so")
    return took_s


async def stops(rig: HostRig) -> float:
    """Let the sun go; return how long the stop took."""
    rig.served.house.shade = 0.0
    return await rig.until(lambda: rig.box.frc == 1, 20, "the stop for want of sun")


async def well_again(rig: HostRig) -> None:
    """Wait until the ledger is well, and every write of this life is on record."""
    await rig.until(lambda: rig.said("event=ledger_recovered"), 15, "the ledger is well again")
    await rig.until(lambda: rig.rows("SELECT count(*) FROM intents")[0][0] >= len(rig.writes()), 10, "filed")


# -- H7 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["with_a_ledger", "without_one"])
async def test_h7_a_start_on_a_full_disk(tmp_path: Path, bound: Bound, known: bool) -> None:
    """Nothing can be written from the first moment: it controls, reduces, raises nothing, files all later."""
    rig = rig_at(tmp_path)
    if not known:
        rig.limits[resource.RLIMIT_FSIZE] = 1
    async with rig:
        if known:
            await rig.charging()
            await rig.killed()
            rig.limits[resource.RLIMIT_FSIZE] = 1
            starts = rig.starts
            await rig.start()
            await rig.up(starts)
        else:
            await rig.up(0)
        before, amp, phases = len(rig.writes()), rig.box.amp, 1 if rig.box.psm == 1 else 3
        began = time.monotonic()
        await told(rig)
        if (
            not known
        ):  # why, and which file, is in the log: the folder may be one the service may not write in
            assert rig.said(f"event=ledger the ledger cannot be opened ({tmp_path}")
            assert rig.said("the service may write in /var/lib/ampilot only")
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > 3, 15, "it decides")
        took_s = time.monotonic() - began
        rig.served.house.shade = 1.3
        await asyncio.sleep(1.5)
        unaccounted = raises(rig.writes()[before:], amp, phases)
        assert not unaccounted, "a raise that nobody could account for"
        await stops(rig)
        rig.let_files_grow(resource.RLIM_INFINITY)
        await rig.until(lambda: rig.said("event=ledger_recovered"), 15, "the ledger is well again")
        kept = rig.rows("SELECT command, outcome FROM intents ORDER BY id")
        assert kept[-1] == ("off", "accepted")
        rig.served.house.shade = 1.0
        assert rig.process is not None
        assert rig.process.returncode is None
        assert b"Traceback" not in rig.output
    bound("H7", "start on a full disk: announced, and deciding", 5.0 + SLACK_S, took_s, "s")


# -- H8 ------------------------------------------------------------------------------------------------------


@with_compiler
@pytest.mark.parametrize(
    "code",
    [errno.EROFS, pytest.param(errno.EIO, marks=pytest.mark.slow)],
    ids=["read_only", "failing_card"],
)
async def test_h8_a_disk_that_refuses(tmp_path: Path, bound: Bound, code: int) -> None:
    """In the middle of charging, and over a restart: reductions go on, few raises, all filed afterwards."""
    async with rig_at(tmp_path, shim=True) as rig:
        assert rig.computer is not None
        await rig.charging()
        rig.computer.refuse_writes(code)
        took_s = await told(rig)
        before, amp, phases = len(rig.writes()), rig.box.amp, 1 if rig.box.psm == 1 else 3
        await stops(rig)
        await well_after_restart(rig, code)
        assert len(raises(rig.writes()[before:], amp, phases)) <= 1
    bound("H8", f"{errno.errorcode[code]}: announced", 60.0 * 0.2 + SLACK_S, took_s, "s")


async def well_after_restart(rig: HostRig, code: int) -> None:
    """Kill and start on the ill disk: it decides; then the disk is mended."""
    assert rig.computer is not None
    await rig.killed()
    rig.systemd.forget()
    await rig.start()
    await rig.until(lambda: rig.systemd.count("the ledger cannot be written") > 2, 15, "decides without it")
    rig.computer.refuse_writes(0)
    await rig.until(lambda: rig.said("event=ledger_recovered"), 15, "the ledger is well again")
    rows = rig.rows("SELECT count(*) FROM events WHERE kind = 'start'")[0][0]
    assert rows == 2, "the start on the ill disk is not on record"


@with_compiler
@pytest.mark.slow
async def test_h8_an_fsync_of_seconds_delays_no_reduction(tmp_path: Path, bound: Bound) -> None:
    """Every fsync takes 5 s: the stop leaves in time, the meter is read on, it is said, and it ends."""
    async with rig_at(tmp_path, shim=True) as rig:
        assert rig.computer is not None
        await rig.charging()
        await rig.settled()
        syncs = rig.computer.syncs
        rig.computer.slow_sync(5.0)
        took_s = await stops(rig)
        reads = rig.meter_reads
        await asyncio.sleep(1.0)
        assert rig.meter_reads - reads >= 3, "the meter waits for the disk"
        await told(rig)
        rig.computer.slow_sync(0.0)
        await rig.until(lambda: rig.said("event=ledger_recovered"), 20, "the ledger is well again")
        await rig.until(lambda: not _open(rig), 10, "every answer is filed")
        assert rig.computer.syncs > syncs
    bound("H8", "fsync of 5 s: a stop (2 s of patience, once)", STOP_S + 2.0 + SLACK_S, took_s, "s")


def _open(rig: HostRig) -> list[tuple]:
    return rig.rows("SELECT id FROM intents WHERE outcome = 'pending'")


@pytest.mark.slow
async def test_h8_another_program_holds_the_file(tmp_path: Path, bound: Bound) -> None:
    """Somebody keeps the database locked for 8 s: as a slow disk, nothing is lost."""
    async with rig_at(tmp_path) as rig:
        await rig.charging()
        with contextlib.closing(sqlite3.connect(rig.ledger, isolation_level=None, timeout=5)) as other:
            other.execute("BEGIN IMMEDIATE")
            took_s = await stops(rig)
            await told(rig)
            other.execute("ROLLBACK")
        await well_again(rig)
    bound("H8", "file locked by another: a stop", STOP_S + 2.0 + SLACK_S, took_s, "s")


# -- H9 ------------------------------------------------------------------------------------------------------


def filled(path: Path) -> None:
    """Make a ledger with some energy and many decisions."""
    ledger = Ledger.open(path, SystemClock())
    SessionStore(ledger).add_energy("2026-03-01", 1000.0, 3000.0, 50.0)
    for number in range(400):
        ledger.record_event("test", "info", f"event {number} " + "x" * 200)
    ledger.close()


def aside(folder: Path) -> list[Path]:
    """Return the damaged files that were moved aside."""
    return list(folder.glob("ledger.db.corrupt-*"))


def spoil(path: Path, where: str, rng: random.Random) -> None:
    """Overwrite a part of the file with noise."""
    data = bytearray(path.read_bytes())
    begin = 0 if where == "header" else 3 * len(data) // 4  # the tables with the totals are in the first half
    data[begin : begin + 6000] = rng.randbytes(6000)
    path.write_bytes(data)


@pytest.mark.parametrize("where", ["middle", pytest.param("header", marks=pytest.mark.slow)])
async def test_h9_a_damaged_ledger(tmp_path: Path, bound: Bound, where: str) -> None:
    """It is kept aside, a new one is begun with the totals that can still be read, and the car is charged."""
    rig = rig_at(tmp_path)
    filled(rig.ledger)
    spoil(rig.ledger, where, random.Random(5))
    async with rig:
        began = time.monotonic()
        await rig.charging()
        await rig.until(lambda: rig.said("event=start"), 10, "it starts")
        took_s = time.monotonic() - began
        assert aside(tmp_path)
        said = rig.rows("SELECT text FROM events WHERE kind = 'ledger' AND severity = 'error'")
        assert any("damaged" in text for (text,) in said)
        await rig.until(lambda: bool(rig.rows("SELECT day FROM energy")), 10, "energy is counted")
        assert rig.rows("SELECT kind FROM latches WHERE acked_ms IS NULL") == [("ledger_corrupt",)]
        kept = rig.rows("SELECT grid_wh, pv_wh FROM energy WHERE day = '2026-03-01'")
        assert kept == ([(1000.0, 3000.0)] if where == "middle" else [])
    bound("H9", f"damaged {where}: charging", 20.0, took_s, "s")


@pytest.mark.slow
async def test_h9_damage_while_it_runs(tmp_path: Path) -> None:
    """Pages are overwritten under the running process: control goes on; the next start deals with them."""
    rig = rig_at(tmp_path)
    filled(rig.ledger)
    async with rig:
        await rig.charging()
        spoil(rig.ledger, "middle", random.Random(6))
        await stops(rig)
        rig.served.house.shade = 1.0
        await rig.charging()
        await rig.killed()
        rig.systemd.forget()
        await rig.start()
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > 2, 15, "it decides")
        assert aside(tmp_path)


async def test_h9_a_damaged_log_is_a_prefix(tmp_path: Path) -> None:
    """Noise in the write-ahead log: what came before it stays, the ledger opens."""
    rig = rig_at(tmp_path)
    async with rig:
        await rig.charging()
        await rig.killed()
        wal = rig.ledger.with_name(rig.ledger.name + "-wal")
        data = bytearray(wal.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 500] = random.Random(7).randbytes(500)
        wal.write_bytes(data)
        rig.ledger.with_name(rig.ledger.name + "-shm").unlink(missing_ok=True)
        rig.systemd.forget()
        await rig.start()
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > 2, 15, "it decides")
        numbers = [row[0] for row in rig.rows("SELECT id FROM events ORDER BY id")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert not aside(tmp_path)


async def test_h9_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    """Schema 999: exit 78, which systemd does not restart; the file is untouched, nothing was sent."""
    rig = rig_at(tmp_path)
    Ledger.open(rig.ledger, SystemClock()).close()
    with contextlib.closing(sqlite3.connect(rig.ledger)) as db:
        db.execute("PRAGMA user_version = 999")
    before = rig.ledger.read_bytes()
    async with rig:
        assert rig.process is not None
        assert await asyncio.wait_for(rig.process.wait(), 15) == 78
        await asyncio.sleep(0.1)
        assert rig.said("newer ampilot")
        assert rig.said("Remedy")
        assert not rig.writes()
        assert rig.ledger.read_bytes() == before
        rig.process = None
