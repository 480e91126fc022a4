"""X2, X3, X9: what the real process takes, refuses and listens to."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.faults.host_rig import HostRig
from tests.faults.rig import TOKEN


async def command(*words: str) -> tuple[int, str]:
    """Run the command line and return its exit code and all it printed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", *words, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.mark.parametrize("option", ["--token", "--goe-token", "--password", "--secret"])
async def test_x2_no_argument_takes_a_secret(option: str) -> None:
    """The process list is everybody's: what would put a secret there does not exist."""
    for name in ("run", "check", "notify"):
        code, said = await command(name, option, "x")
        assert (code, "No such option" in said) == (2, True)


@pytest.mark.parametrize("fault", ["others", "group", "link", "folder", "stranger"])
async def test_x3_a_token_that_is_not_private_ends_the_start(tmp_path: Path, fault: str) -> None:
    """Exit 78 with the path and the remedy, never the token; nothing was asked of the charger."""
    if fault == "stranger" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    async with HostRig(tmp_path) as rig:
        await rig.charging()
        await rig.killed()
        token, before = tmp_path / "token", len(rig.served.cloud.requests)
        if fault == "link":
            token.rename(tmp_path / "other")
            token.symlink_to(tmp_path / "other")
        elif fault == "folder":
            token.unlink()
            token.mkdir()
        elif fault == "stranger":
            os.chown(token, 65534, 65534)
        else:
            token.chmod(0o604 if fault == "others" else 0o640)
        await rig.start()
        assert rig.process is not None
        assert await asyncio.wait_for(rig.process.wait(), 20) == 78
        await rig.until(lambda: rig.said(str(token)), 5, "the file is named")
        assert len(rig.served.cloud.requests) == before
        assert TOKEN.encode() not in rig.output


def listening(pid: int) -> list[str]:
    """Return the sockets of a process on which somebody could reach it: TCP that listens, any UDP."""
    links = []
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(handle))
        except FileNotFoundError:
            continue
    mine = {link[8:-1] for link in links if link.startswith("socket:[")}
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[9] in mine and (table.startswith("udp") or cells[3] == "0A"):
                found.append(f"{table} {cells[1]}")
    return found


async def test_x9_x10_x11_x12_nothing_listens(tmp_path: Path) -> None:
    """There is no page to open, rebind, forge, frame or flood: the process listens to nobody."""
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    assert len(listening(os.getpid())) >= 1  # the look itself can see one
    server.close()
    async with HostRig(tmp_path) as rig:
        await rig.charging()
        assert listening(rig.pid) == []
