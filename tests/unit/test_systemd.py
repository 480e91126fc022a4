"""The service as it is installed: unit, sandbox, installation and removal."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notify.servers import NtfyServer

ROOT = Path(__file__).parents[2]
UNITS = ("ampilot.service", "ampilot-failure@.service")
analyze = shutil.which("systemd-analyze")
with_systemd = pytest.mark.skipif(analyze is None, reason="no systemd on this machine")


def run(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command from the project's folder."""
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=280
    )


@with_systemd
def test_exposure_is_small() -> None:
    """systemd's own scale, 0 to 10: at most 1.5."""
    assert analyze is not None
    result = run(analyze, "security", "--offline=true", "--threshold=15", f"systemd/{UNITS[0]}")
    assert result.returncode == 0, result.stdout[-500:]
    level = re.search(r"exposure level for ampilot.service: ([0-9.]+)", result.stdout)
    assert level is not None
    assert float(level[1]) <= 1.5


@with_systemd
def test_units_are_clean(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing; only the interpreter is one that exists here."""
    assert analyze is not None
    for name in UNITS:
        text = (ROOT / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/ampilot/bin/python", sys.executable))
    result = run(analyze, "verify", *(str(tmp_path / name) for name in UNITS))
    assert (result.returncode, result.stderr) == (0, "")


def commands_of(unit: str) -> list[str]:
    """Return what a unit starts, its instance named as systemd does, lines joined."""
    text = (ROOT / "systemd" / unit).read_text("utf-8").replace("\\\n", "")
    found = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return [line.replace("%i", "ampilot.service") for line in found]


def test_a_failure_is_said_in_the_log_first(tmp_path: Path) -> None:
    """What the failure unit runs reaches the journal's own program as critical, with what to do."""
    journal = tmp_path / "systemd-cat"
    journal.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/args\ncat > {tmp_path}/said\n')
    journal.chmod(0o755)
    first, _ = commands_of(UNITS[1])
    result = run(*shlex.split(first), env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "args").read_text().split() == ["-t", "ampilot", "-p", "crit"]
    said = (tmp_path / "said").read_text()
    for words in (
        "ampilot.service has failed",
        "keeps what it was last told",
        "journalctl -u ampilot.service",
    ):
        assert words in said


async def test_a_failure_is_told_to_the_channels_then(tmp_path: Path) -> None:
    """The second command, as it stands in the unit, reaches a channel; that it may fail does not matter."""
    _, second = commands_of(UNITS[1])
    assert second.startswith("-/opt/ampilot/bin/python ")
    async with NtfyServer() as server:
        config = tmp_path / "ampilot.toml"
        config.write_text(f'[charger]\n[[notify.ntfy]]\nurl = "http://127.0.0.1:{server.port}/topic"\n')
        words = shlex.split(second.removeprefix("-").replace("/etc/ampilot/ampilot.toml", str(config)))
        process = await asyncio.create_subprocess_exec(sys.executable, *words[1:], cwd=ROOT)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        assert "ampilot.service has failed" in str(server.posts[0][1]["message"])


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_scripts_are_posix_and_refuse_to_work_without_root(script: str) -> None:
    """They parse in the plain shell; without root they say what to do and change nothing."""
    assert run("sh", "-n", f"systemd/{script}").returncode == 0
    fake = run("sh", "-c", f'id() {{ echo 1000; }}; set --; . "systemd/{script}"')
    assert fake.returncode == 1
    assert "Remedy: sudo make" in fake.stderr


def test_a_purge_leaves_nothing(tmp_path: Path) -> None:
    """What the comments of the units' additions have people install goes too, secrets are named in it."""
    units = tmp_path / "etc/systemd/system"
    for unit in UNITS:
        (units / f"{unit}.d").mkdir(parents=True)
        shutil.copy(ROOT / "systemd/notify-secret.conf", units / f"{unit}.d")
    assert run("sh", "systemd/uninstall.sh", env={"DESTDIR": str(tmp_path)}).returncode == 0
    assert len(list(units.iterdir())) == 2
    assert run("sh", "systemd/uninstall.sh", env={"DESTDIR": str(tmp_path), "PURGE": "yes"}).returncode == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.name.endswith(".d")] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_install_update_and_uninstall(tmp_path: Path) -> None:
    """Into an empty root: environment, config, token file and unit; an update keeps what people wrote."""
    root = {"DESTDIR": str(tmp_path), "PYTHON": sys.executable}
    assert (result := run("sh", "systemd/install.sh", env=root)).returncode == 0, result.stderr
    config, token = tmp_path / "etc/ampilot/ampilot.toml", tmp_path / "etc/ampilot/goe_token"
    assert config.read_text() == (ROOT / "config/ampilot.example.toml").read_text()
    assert token.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/systemd/system/ampilot.service").is_file()
    first_line = (tmp_path / "opt/ampilot/bin/ampilot").read_text().splitlines()[0]
    assert first_line == "#!/opt/ampilot/bin/python"
    python = str(tmp_path / "opt/ampilot/bin/python")
    listing = subprocess.run(
        [python, "-m", "controller", "check", "--profiles"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "eastron-sdm630" in listing.stdout, listing.stderr
    imported = "import controller, strategies; print(controller.__file__, strategies.__file__)"
    where = subprocess.run([python, "-c", imported], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert all(path.startswith(str(tmp_path)) for path in where.stdout.split())

    config.write_text("# mine\n")
    token.write_text("secret\n")
    assert run("sh", "systemd/install.sh", env=root).returncode == 0
    assert (config.read_text(), token.read_text()) == ("# mine\n", "secret\n")

    assert run("sh", "systemd/uninstall.sh", env=root).returncode == 0
    assert not (tmp_path / "opt/ampilot").exists()
    assert not (tmp_path / "etc/systemd/system/ampilot.service").exists()
    assert config.read_text() == "# mine\n"
    assert run("sh", "systemd/uninstall.sh", env={**root, "PURGE": "yes"}).returncode == 0
    assert not config.exists()
