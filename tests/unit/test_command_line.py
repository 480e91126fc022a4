"""The command line as scripts and terminals meet it: exit codes, closed pipes, full disks, Ctrl-C."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.main import app
from controller.clock import SystemClock
from controller.errors import LedgerError
from controller.ledger.ledger import Ledger

AMPILOT = (sys.executable, "-m", "controller")


def run(*words: str | Path) -> tuple[int, str]:
    """Run a command; return its exit code and all it printed, as one line."""
    done = subprocess.run([*AMPILOT, *map(str, words)], capture_output=True, text=True, timeout=100)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a valid config of a house where nobody answers."""
    (tmp_path / "token").touch(0o600)
    path = tmp_path / "ampilot.toml"
    path.write_text(
        '[grid]\nprofile = "eastron-sdm630"\nhost = "127.0.0.1"\nport = 9\ntimeout_s = 0.1\n'
        '[charger]\nserial = "1"\ntransport = "local"\nhost = "127.0.0.1:9"\ntimeout_s = 0.1\n'
        '[[notify.ntfy]]\nurl = "http://127.0.0.1:9/a-topic"\n'
        f'[ledger]\npath = "{tmp_path}/ledger.db"\n'
    )
    return path


def test_a_failure_is_told_by_the_exit_code(config: Path, tmp_path: Path) -> None:
    """What is chained with && or watched by cron stops where the command says that something is wrong."""
    code, said = run("check", "--config", config)
    assert (code, "wrong grid" in said) == (1, True)
    code, said = run("notify", "--test", "--config", config)
    assert code == 1, said
    Ledger.open(tmp_path / "ledger.db", SystemClock()).close()
    code, said = run("ack", "no_such", "--config", config)
    assert (code, "no_such is not latched; nothing is latched" in said) == (1, True)
    assert run("ack", "--config", config) == (0, "Nothing is latched.")


@pytest.mark.parametrize("words", [("version",), ("check", "--schema"), ("check", "--profiles")])
def test_output_that_cannot_be_written_is_one_sentence(words: tuple[str, ...]) -> None:
    """A full disk behind `>` is said on stderr and by the exit code."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*AMPILOT, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 74
    assert done.stderr.startswith("ampilot: cannot write what it has to say: No space left on device")
    assert done.stderr.count("\n") <= 2


def interrupted(after: str, *words: str | Path) -> tuple[int, str]:
    """Start a command, press Ctrl-C a second after it has said or made something; return code and stderr."""
    process = subprocess.Popen(
        [*AMPILOT, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        until_s = time.monotonic() + 60
        while not Path(after).exists() and time.monotonic() < until_s:
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    return process.returncode, said


def test_ctrl_c_ends_the_demo(tmp_path: Path) -> None:
    """The first one is enough, and no traceback is left on the terminal."""
    code, said = interrupted(f"{tmp_path}/demo-ledger.db", "demo", "--out", tmp_path)
    assert (code, "Traceback" in said) == (130, False)


def test_the_house_says_when_its_car_comes() -> None:
    """Whoever waits for it knows for how long."""
    command = [*AMPILOT, "house", "--modbus-port", "0", "--http-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
    finally:
        process.kill()
        process.communicate()
    assert said[3].startswith("car      comes at 07:30, leaves at 20:00; in the house it is 07:00")


def test_a_terminal_without_the_euro_sees_all_the_rest(tmp_path: Path) -> None:
    """An old locale costs a sign or two, never the answer."""
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    path = tmp_path / "ampilot.toml"
    path.write_text('[grid]\nprofile = "eastron-sdm630"\nhost = "127.0.0.1"\n[charger]\nserial = "1"\n')
    command = [*AMPILOT, "tariffs", "--config", str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "00:00-01:00    32.00     8.00  ???" in done.stdout


def test_a_demo_that_cannot_leave_its_day_says_so_at_once() -> None:
    """Before a minute of work, and without a traceback."""
    code, said = run("demo", "--out", "/proc/nowhere")
    assert (code, said.startswith("ampilot: --out: /proc/nowhere cannot be written")) == (78, True)


def test_the_house_does_not_take_a_closed_pipe_for_a_port() -> None:
    """`ampilot house | head -1` ends without advice on ports."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [*AMPILOT, "house", "--modbus-port", "0", "--http-port", "0"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@contextlib.contextmanager
def somebody_else(folder: Path) -> Iterator[None]:
    """Be a user whom this folder shuts out, as the installed service's does."""
    folder.chmod(0o700 if os.geteuid() == 0 else 0)
    user = os.geteuid()
    try:
        os.seteuid(65534 if user == 0 else user)
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


ASKING = ("explain", "ack", "ack all", "soc", "soc 50", "plan", "forecast", "replay", "backup copy.db")


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a folder that every user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("command", ASKING)
def test_the_ledger_of_the_service_is_not_the_user_s_and_that_is_said(public: Path, command: str) -> None:
    """The README's own words, typed by the owner of the house instead of root: a remedy, no traceback."""
    home = public / "ampilot"
    home.mkdir()
    Ledger.open(home / "ledger.db", SystemClock()).close()
    config = public / "ampilot.toml"
    config.write_text(
        '[grid]\nprofile = "eastron-sdm630"\nhost = "127.0.0.1"\n[charger]\nserial = "1"\n'
        f'[ledger]\npath = "{home}/ledger.db"\n'
    )
    words = [*command.replace("copy.db", f"{public}/copy.db").split(), "--config", str(config)]
    CliRunner().invoke(app, words)  # all that is needed is imported now, another user may not read it
    (public / "copy.db").unlink(missing_ok=True)
    with somebody_else(home):
        done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, LedgerError), done.output
    assert "Remedy: put sudo in front of the command" in str(done.exception)


@pytest.mark.parametrize(
    ("command", "remedy"),
    [("explain", "keeps it aside"), ("ack", "keeps it aside"), ("soc 50", "keeps it aside")],
)
def test_a_damaged_ledger_is_named_as_such(config: Path, tmp_path: Path, command: str, remedy: str) -> None:
    """Another user would not help: the service begins a new one."""
    (tmp_path / "ledger.db").write_bytes(b"no database " * 1000)
    code, said = run(*command.split(), "--config", config)
    assert (code, remedy in said, "sudo -u" in said) == (69, True, False)


@pytest.mark.parametrize("command", ["explain", "replay"])
def test_a_file_without_the_tables_is_of_another_version(config: Path, tmp_path: Path, command: str) -> None:
    """After an update, before the service was restarted."""
    sqlite3.connect(tmp_path / "ledger.db").execute("CREATE TABLE other (a)").connection.close()
    code, said = run(command, "--config", config)
    assert (code, "Remedy: sudo systemctl restart ampilot, which renews it" in said) == (69, True)
