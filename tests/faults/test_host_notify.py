"""H15: the channels of the real process stall or refuse; decisions go on and the other channel is told."""

import asyncio
import itertools
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.host_rig import SLACK_S, HostRig
from tests.faults.rig import TOKEN
from tests.notify.servers import NtfyServer

Bound = Callable[[str, str, float, float, str], None]
CHANNEL = '[[notify.ntfy]]\nurl = "http://127.0.0.1:{port}/topic"\n'


async def test_h15_a_channel_that_stalls_delays_no_decision(tmp_path: Path, bound: Bound) -> None:
    """One server takes the message and says nothing: the other has it at once, decisions stay on time."""
    async with NtfyServer("stall") as slow, NtfyServer() as good:
        more = "".join(CHANNEL.format(port=server.port) for server in (slow, good))
        async with HostRig(tmp_path, more=more) as rig:
            await rig.charging()
            rig.served.cloud.fail("token_revoked")
            await rig.until(lambda: bool(good.posts) and slow.connected.is_set(), 40, "both are told")
            rig.systemd.forget()
            await rig.until(lambda: rig.said("event=notify_fault"), 40, "the failure is said")
            times = [at for at, what in rig.systemd.said if "WATCHDOG=1" in what]
            assert rig.output.count(b"event=notify_fault") == 1
        longest_s = max(b - a for a, b in itertools.pairwise(times))
        bound("H15", "between decisions, a channel stalling", 0.2 + SLACK_S, longest_s, "s")
        text = str(good.posts[0][1]["message"])
        for word in ("Now: ", "Offered now: ", "Do: ", "token"):
            assert word in text
        assert TOKEN not in str(good.posts)


async def test_h15_a_start_that_failed_is_told_though_the_config_is_wrong(tmp_path: Path) -> None:
    """What the failure unit runs: the section [notify] is enough, whatever else is wrong in the file."""
    async with NtfyServer() as server:
        config = tmp_path / "ampilot.toml"
        config.write_text("[grid]\nnonsense = 1\n" + CHANNEL.format(port=server.port))
        command = (sys.executable, "-m", "controller", "notify", "--config", str(config))
        process = await asyncio.create_subprocess_exec(*command, "--failed", "ampilot")
        assert await asyncio.wait_for(process.wait(), 60) == 0
        body = server.posts[0][1]
        assert body["priority"] == 5
        assert "is not restarted" in str(body["message"])
        assert "the charger keeps what it was last told" in str(body["message"])


async def test_h5_a_run_that_did_not_end_in_order_is_told(tmp_path: Path) -> None:
    """After a kill the next run says so, to people too; after an orderly stop it does not."""
    async with NtfyServer() as server, HostRig(tmp_path, more=CHANNEL.format(port=server.port)) as rig:
        await rig.charging()
        assert rig.rows("SELECT 1 FROM events WHERE kind = 'unclean'") == []
        await rig.killed()
        await rig.start()
        await rig.until(lambda: bool(server.posts), 40, "a person is told")
        assert "did not end in order" in str(server.posts[0][1]["message"])
        await rig.stop(signal.SIGTERM)
        await rig.start()
        starts = "SELECT id FROM events WHERE kind = 'start'"
        await rig.until(lambda: len(rig.rows(starts)) == 3, 20, "it starts once more")
        assert len(rig.rows("SELECT 1 FROM events WHERE kind = 'unclean'")) == 1
