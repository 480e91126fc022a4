"""The cloud's faults through the real process: TLS, an authority from the config, a token that is renewed."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import trustme
from typer.testing import CliRunner

from controller.cli.main import app
from tests.faults.cloud_life import tls_of
from tests.faults.host_rig import HostRig

Bound = Callable[[str, str, float, float, str], None]


async def test_c2_c16_a_process_over_tls_takes_a_new_token_without_a_restart(
    tmp_path: Path, bound: Bound
) -> None:
    """It charges over TLS; 401 is said once, a new token file is used at once; no token shows anywhere."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def over_tls(text: str) -> str:
        ca = f'ca_file = "{tmp_path / "ca.pem"}"\n'
        return text.replace('base_url = "http://', ca + 'base_url = "https://')

    rig = HostRig(tmp_path, edit=over_tls)
    rig.served.cloud.use_tls(tls_of(authority.issue_cert("127.0.0.1")))
    async with rig:
        await rig.charging()
        fresh = "fresh-token-41c8"
        rig.served.cloud.token = fresh
        await rig.until(lambda: rig.said("create the token"), 10, "the refusal is said")
        refused = len(rig.served.cloud.requests)
        began = time.monotonic()
        await rig.until(lambda: time.monotonic() - began > 2.0, 5, "two seconds, ten reads' worth")
        bound("C2", "requests with a refused token in ten reads' time", 3, reads_since(rig, refused), "")
        renewed = tmp_path / "token.new"
        renewed.write_text(fresh)
        renewed.chmod(0o600)
        renewed.rename(tmp_path / "token")
        began = time.monotonic()
        await rig.until(lambda: rig.said("event=token_recovered"), 10, "the new token is used")
        bound("C2", "a new token file is used", 3.0, time.monotonic() - began, "s")
        assert fresh.encode() not in rig.output + kept(rig.pid, tmp_path)


async def test_what_a_silent_charger_offers_is_not_claimed_to_be_known(tmp_path: Path) -> None:
    """Meter and cloud go while it charges: the stop may not have arrived, nobody is told that it is off."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with HostRig(tmp_path, more=f"[interface]\nport = {port}\n") as rig:
        await rig.charging()
        rig.served.meter.misbehave("silent")
        rig.served.cloud.fail("timeout")
        await rig.until(lambda: rig.said("event=write_unknown frc=1"), 20, "a stop without an answer")
        async with httpx.AsyncClient(trust_env=False) as client:
            status = {"charger": "fresh"}
            while status["charger"] not in ("stale", "invalid"):
                await asyncio.sleep(0.1)
                status = (await client.get(f"http://127.0.0.1:{port}/api/status")).json()
        known = ("offered_a", "offered_phases", "car_power_w", "grid_import_w", "surplus_w")
        assert [status[name] for name in known] == [None] * 5
        assert rig.power_w > 1000
        said = await asyncio.to_thread(CliRunner().invoke, app, ["explain", "--config", str(rig.config)])
        assert "Offered: off, if it has arrived" in said.output
        assert "Offered now" not in said.output
        assert any("sent: off" in what for _, what in rig.systemd.said)


def kept(pid: int, folder: Path) -> bytes:
    """Return what the process list and the ledger's files show."""
    paths = [Path(f"/proc/{pid}/cmdline"), Path(f"/proc/{pid}/environ"), *folder.glob("ledger*")]
    assert len(paths) > 2
    return b"".join(path.read_bytes() for path in paths)


def reads_since(rig: HostRig, count: int) -> int:
    """Return how many statuses were asked for after the first `count` requests."""
    return sum(request.path == "/api/status" for request in rig.served.cloud.requests[count:])
