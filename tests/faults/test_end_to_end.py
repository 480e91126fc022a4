"""Faults against the real process, over real Modbus and HTTP: stopped, held, never raised, and back again."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.faults.rig import Rig, raised


def more(*modes: str) -> list[object]:
    """Return what only the long run tries: further faces of a fault the default run has."""
    return [pytest.param(mode, marks=pytest.mark.slow) for mode in modes]


async def test_a_day_begins_and_sigterm_leaves_the_charger_off(tmp_path: Path) -> None:
    """From plug-in to charging by itself, and a clean stop turns the charger off."""
    async with Rig(tmp_path) as rig:
        await rig.charging()
        assert await rig.stop(signal.SIGTERM) == 0
        await rig.until(lambda: rig.box.frc == 1, 3, "off at exit")
        states = {row[0] for row in rig.rows("SELECT outcome FROM intents")}
        assert states <= {"accepted", "unknown", "pending"}
        assert len(rig.rows("SELECT id FROM intents")) == len(rig.writes())


@pytest.mark.parametrize(
    "fault",
    [
        "forbidden",
        "token_revoked",
        "timeout",
        *more("outdated_404", "bad_gateway", "bad_json", "html", "bomb", "rate_limit", "reset_peer"),
    ],
)
async def test_c1_to_c9_cloud_trouble_raises_nothing_and_ends(tmp_path: Path, fault: str) -> None:
    """While the cloud fails nothing is raised and the process lives; afterwards control goes on."""
    async with Rig(tmp_path) as rig:
        await rig.charging()
        rig.served.cloud.fail(fault)
        await asyncio.sleep(4.0 + 2 * 0.2)  # until now the last data counted as fresh
        amp, before = rig.box.amp, len(rig.writes())
        rig.served.house.shade = 1.35  # more sun, a temptation
        await asyncio.sleep(2.0)
        assert not raised(rig.writes()[before:], amp)
        assert rig.process is not None
        assert rig.process.returncode is None
        rig.served.cloud.fail()
        if fault != "token_revoked":  # a refused token is probed every ten minutes
            reads = len(rig.served.cloud.requests)
            await rig.until(lambda: len(rig.served.cloud.requests) > reads + 3, 20, "reads again")
            await rig.charging()


async def test_c4_refused_writes_are_not_repeated(tmp_path: Path) -> None:
    """422: the same command is not hammered."""
    async with Rig(tmp_path) as rig:
        rig.served.cloud.fail("unprocessable")
        await rig.until(lambda: len(rig.writes()) >= 1, 15, "a first try")
        await asyncio.sleep(3.0)
        queries = [request.query for request in rig.served.cloud.writes]
        assert max(queries.count(query) for query in queries) <= 2
        assert len(queries) <= 8


async def test_c11_accepted_but_never_applied_is_noticed_and_retried(tmp_path: Path) -> None:
    """202 without effect: seen by reading, said, tried again by the ladder."""
    async with Rig(tmp_path) as rig:
        rig.served.cloud.fail("accept_drop")
        await rig.until(lambda: b"did not arrive" in rig.output, 20, "it is noticed")
        tries = len(rig.writes())
        assert 1 <= tries <= 5
        rig.served.cloud.fail()
        await rig.until(lambda: rig.box.frc == 2, 60, "it arrives in the end")


async def test_h4_kill_and_restart_raises_nothing_before_fresh_readings(tmp_path: Path) -> None:
    """SIGKILL while charging; the restarted process reads first, and never raises on a dead meter."""
    async with Rig(tmp_path) as rig:
        await rig.charging()
        await asyncio.sleep(1.0)
        await rig.stop(signal.SIGKILL)
        rig.served.meter.misbehave("silent")
        before, amp = len(rig.writes()), rig.box.amp
        rig.served.house.shade = 1.4
        await rig.start()
        await rig.until(lambda: rig.box.frc == 1, 12, "blind after a restart means off")
        assert not raised(rig.writes()[before:], amp)
        rig.served.meter.misbehave("ok")
        await rig.charging()
        await rig.settled()  # an intent is on record before its request is on the wire
        assert len(rig.rows("SELECT id FROM intents")) == len(rig.writes())


async def test_h10_a_config_error_is_exit_78(tmp_path: Path) -> None:
    """A mistake in the config ends with 78 and one line of advice, before anything is sent."""
    async with Rig(tmp_path) as rig:
        await rig.stop(signal.SIGTERM)
        rig.config.write_text(rig.config.read_text().replace("fuse_a = 35.0", "fuse_a = -1"))
        await rig.start()
        assert rig.process is not None
        assert await asyncio.wait_for(rig.process.wait(), 15) == 78
        await asyncio.sleep(0.2)
        assert b"[site] fuse_a" in rig.output
