"""X1, X3, X9, X12 for the HTTP interface of the real process: who is let in, and what a flood can do."""

import asyncio
import contextlib
import itertools
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.canary import shown
from tests.faults.host_rig import HostRig
from tests.security.test_process import listening

CALLER = "canary-d41d8cd98f00b204"
CAR = '[[car]]\nname = "Zoe"\nbattery_kwh = 40.0\n'


def free_port() -> int:
    """Return a port nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def token_file(folder: Path, text: str = CALLER, mode: int = 0o600) -> Path:
    path = folder / "caller"
    path.write_text(text)
    path.chmod(mode)
    return path


def interface(port: int, token: Path | None) -> str:
    named = "" if token is None else f'token_file = "{token}"\n'
    return f'{CAR}[interface]\nport = {port}\n{named}[log]\nlevel = "debug"\n'


@contextlib.asynccontextmanager
async def caller(port: int, token: str | None = CALLER) -> AsyncIterator[httpx.AsyncClient]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=20.0
    ) as client:
        yield client


async def until_soc(client: httpx.AsyncClient, soc_pct: float) -> dict[str, Any]:
    """Return the status once it knows this percent or a little more, for the car charges on."""
    async with asyncio.timeout(60):
        while True:
            status: dict[str, Any] = (await client.get("/api/status")).json()
            if status["soc"] is not None and soc_pct <= status["soc"]["soc_pct"] < soc_pct + 5:
                return status
            await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
async def test_x1_x9_only_the_token_opens_and_it_shows_nowhere(tmp_path: Path) -> None:
    """One socket, on loopback. Without the token nothing; with it status and push, which is taken up."""
    port = free_port()
    async with HostRig(tmp_path, more=interface(port, token_file(tmp_path))) as rig:
        await rig.charging()
        assert listening(rig.pid) == [f"tcp 0100007F:{port:04X}"]
        for wrong in (None, "canary-d41d8cd98f00b205"):
            async with caller(port, wrong) as stranger:
                assert (await stranger.get("/api/status")).status_code == 401
                assert (await stranger.post("/api/car/soc", json={"soc_pct": 1})).status_code == 401
        async with caller(port) as client:
            status = (await client.get("/api/status")).json()
            assert status["car_connected"]
            assert (status["car"], status["soc"]) == ("Zoe", None)
            assert status["offered_a"] >= 6
            assert status["reason"]
            said = await client.post("/api/car/soc", json={"soc_pct": 62})
            assert said.json() == {"understood": {"car": "Zoe", "soc_pct": 62.0}}
            status = await until_soc(client, 62.0)
            assert status["soc"]["source"] == "pushed"
            assert 0 < status["soc"]["room_wh"] <= 0.38 * 40_000 / 0.9 + 100
            texts = [status, said.text, (await client.get("/nothing")).text]
        assert rig.rows("SELECT car, soc_pct, source FROM soc_reports") == [("Zoe", 62.0, "pushed")]
        proc = Path(f"/proc/{rig.pid}")
        seen = [(proc / "cmdline").read_bytes(), (proc / "environ").read_bytes(), str(texts).encode()]
        assert rig.said("event=soc_pushed car='Zoe' soc_pct=62")
    for text in (*seen, rig.output):
        assert shown(text, [CALLER]) is None
    assert "000001" not in str(texts)  # the serial number of the charger


async def test_a_port_that_is_taken_is_said_with_what_to_do(tmp_path: Path) -> None:
    """Another program was first: control goes on, and the log has the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with HostRig(tmp_path, more=interface(port, None)) as rig:
            await rig.until(lambda: rig.said(f"cannot listen at 127.0.0.1 port {port}"), 30, "it is said")
            await rig.until(lambda: rig.said("Remedy: another port or host; it is tried again"), 5, "and why")
            await rig.charging()


@pytest.mark.parametrize("fault", ["others", "link", "short", "missing"])
async def test_x3_a_token_of_the_interface_that_is_not_private_ends_the_start(
    tmp_path: Path, fault: str
) -> None:
    """Exit 78 with the remedy, before anything is sent; never the token."""
    path = token_file(
        tmp_path, "canary-short" if fault == "short" else CALLER, 0o644 if fault == "others" else 0o600
    )
    if fault == "link":
        path.rename(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
    if fault == "missing":
        path.unlink()
    async with HostRig(tmp_path, more=interface(free_port(), path)) as rig:
        assert rig.process is not None
        assert await asyncio.wait_for(rig.process.wait(), 30) == 78
        await rig.until(lambda: rig.said("interface" if fault == "short" else str(path)), 5, "it is named")
        assert rig.writes() == []
    assert shown(rig.output, [CALLER]) is None


@pytest.mark.timeout(400)
async def test_x12_a_flood_stops_no_decision(tmp_path: Path) -> None:
    """A hundred callers that hang, again and again, and garbage: the car is charged; one is served after."""
    port = free_port()
    async with HostRig(tmp_path, more=interface(port, None)) as rig:
        await rig.charging()
        flooding = True

        async def hang(begun: bytes) -> None:
            while flooding:
                with contextlib.suppress(OSError):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(begun)
                    await reader.read()
                    writer.close()

        nasty = (
            b"",
            b"GET ",
            os.urandom(5000),
            b"POST /api/car/soc HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
        )
        tasks = [asyncio.create_task(hang(nasty[number % len(nasty)])) for number in range(100)]
        began, before = time.monotonic(), rig.systemd.count("WATCHDOG=1")
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") >= before + 20, 100, "twenty decisions")
        rig.systemd.listen()
        pats = [at for at, text in rig.systemd.said if "WATCHDOG=1" in text and at >= began]
        longest_s = max(after - at for at, after in itertools.pairwise(pats))
        print(f"longest pause between decisions 0.2 s apart: {longest_s:.2f} s")
        assert rig.rows("SELECT count(*) FROM events WHERE kind = 'bug'") == [(0,)]
        assert rig.power_w > 1000
        flooding = False
        await asyncio.gather(*tasks)
        async with caller(port, None) as client:
            assert (await client.get("/api/status")).status_code == 200


async def test_a_port_that_is_taken_costs_the_interface_and_not_the_control(tmp_path: Path) -> None:
    """It is said once with place and remedy; the car is charged; the stop is in order."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with HostRig(tmp_path, more=interface(port, None)) as rig:
            await rig.charging()
            assert listening(rig.pid) == []
            texts = [row[0] for row in rig.rows("SELECT text FROM events WHERE kind = 'interface'")]
            assert len(texts) == 1
            assert f"port {port}" in texts[0]
            assert "Remedy" in texts[0]
