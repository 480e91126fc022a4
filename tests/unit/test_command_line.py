"""The command line as scripts and terminals meet it: exit codes, closed pipes, full disks, Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.clock import SystemClock
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


def test_the_house_does_not_take_a_closed_pipe_for_a_port() -> None:
    """`ampilot house | head -1` ends without advice on ports."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [*AMPILOT, "house", "--modbus-port", "0", "--http-port", "0"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
