"""M rows through the real process: what the console, the ledger and the box show, over real sockets."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.main import app
from tests.faults.rig import Rig, raised

Bound = Callable[[str, str, float, float, str], None]
STALE_S, TICK_S, SLACK_S = 2.0, 0.2, 2.0
"""Of the rig's config; the slack is requests, delivery and a busy machine."""

RESPONSE_S = 3.0


async def ends_in_off(folder: Path, mode: str, row: str, bound: Bound) -> None:
    """Let the meter of a charging house go wrong: off within stale limit and two ticks, then normal."""
    async with Rig(folder) as rig:
        await rig.charging()
        await rig.settled()  # what was measured before the fault may still be acted on: let that be over
        before, amp = len(rig.writes()), rig.box.amp
        rig.served.meter.misbehave(mode)
        took_s = await rig.until(lambda: rig.box.frc == 1, 8, "off")
        bound(row, f"the process, timings by 30: {mode}", STALE_S + 2 * TICK_S + SLACK_S, took_s, "s")
        assert not raised(rig.writes()[before:], amp)
        rig.served.meter.misbehave("ok")
        await rig.charging()
        assert b"Traceback" not in rig.output


@pytest.mark.parametrize("mode", ["silent", pytest.param("reset", marks=pytest.mark.slow)])
async def test_m1_the_process_without_a_meter(tmp_path: Path, bound: Bound, mode: str) -> None:
    await ends_in_off(tmp_path, mode, "M1", bound)


@pytest.mark.slow
async def test_m2_the_process_with_a_frozen_meter(tmp_path: Path, bound: Bound) -> None:
    await ends_in_off(tmp_path, "frozen", "M2", bound)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["nan", "zeros"])
async def test_m3_the_process_with_senseless_numbers(tmp_path: Path, bound: Bound, mode: str) -> None:
    await ends_in_off(tmp_path, mode, "M3", bound)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "row"), [("garbage", "M7"), ("gateway", "M9"), ("slow_drip", "M8")])
async def test_m7_m8_m9_the_process_with_a_sick_line(
    tmp_path: Path, bound: Bound, mode: str, row: str
) -> None:
    await ends_in_off(tmp_path, mode, row, bound)


@pytest.mark.slow
async def test_m4_sign_flip_from_the_command_line_to_ack(tmp_path: Path, bound: Bound) -> None:
    """`ampilot run` on a meter turned round, no sun: latched after two tries; a restart, and `ampilot ack`.

    The car charged by itself at 16 A and is lowered, or is started at the least current where the daemon came
    first: either shows that the meter does not follow.
    """
    async with Rig(tmp_path, sun_w=0.0, check_response=True) as rig:
        for phase in range(3):
            rig.served.house.kettle(3000.0, phase)
        rig.served.meter.misbehave("turned")
        await rig.until(lambda: bool(rig.writes()) and rig.power_w > 1000, 30, "it is offered something")
        began_s, offered, amp = time.monotonic(), len(rig.writes()), rig.box.amp
        await rig.until(lambda: rig.box.frc == 1, 20, "stopped")
        took_s, stopped = time.monotonic() - began_s, len(rig.writes())
        assert not raised(rig.writes()[offered:stopped], amp)
        bound("M4", "the process, response 3 s: stopped", 2 * RESPONSE_S + 2 * TICK_S + SLACK_S, took_s, "s")
        await rig.until(lambda: b"event=latched_sign_flip_fault" in rig.output, 40, "latched")
        await rig.until(lambda: rig.box.frc == 1, 10, "off")
        assert {write["amp"] for write in rig.writes()[stopped:] if "amp" in write} == {"6"}
        assert await rig.stop(signal.SIGTERM) == 0
        count = len(rig.writes())
        await rig.start()
        await asyncio.sleep(3.0)
        assert not raised(rig.writes()[count:], 6)
        command = ["ack", "--config", str(rig.config)]
        said = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert "sign_flip" in said.output
        rig.served.meter.misbehave("ok")
        for phase in range(3):
            rig.served.house.kettle(0.0, phase)
        rig.served.house.weather.pv_w[:] = [7000.0] * len(rig.served.house.weather.pv_w)
        said = await asyncio.to_thread(CliRunner().invoke, app, [*command, "sign_flip"])
        assert said.exit_code == 0
        await rig.charging()
        assert rig.rows("SELECT kind, acked_by FROM latches") == [("sign_flip", "person")]
