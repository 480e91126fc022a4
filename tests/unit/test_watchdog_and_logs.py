"""The watchdog is patted for progress only; logs hold no secrets, no forged lines, no floods."""

import logging
import socket
import threading
from pathlib import Path

import pytest

from controller.logging_setup import Faults, JournalFormatter
from controller.watchdog import Notifier, Progress


def test_ready_and_progress_reach_a_real_socket(tmp_path: Path) -> None:
    """What is sent arrives at a datagram socket, as systemd has one."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        server.settimeout(2)
        notifier = Notifier.from_env({"NOTIFY_SOCKET": address})
        notifier.ready()
        assert server.recv(100) == b"READY=1"
        progress = Progress(notifier)
        assert progress.decided(100.0, "charging\n6 A", recorded=True)
        assert server.recv(100) == b"WATCHDOG=1\nSTATUS=charging 6 A"
        assert not progress.decided(131.0, "late", recorded=True)
        assert not progress.decided(140.0, "lost", recorded=False)
        assert progress.decided(150.0, "fine", recorded=True)
        assert server.recv(100).startswith(b"WATCHDOG=1")


def test_a_missing_supervisor_does_not_matter() -> None:
    """Without a socket, or with a dead one, nothing is raised."""
    Notifier(None).ready()
    Notifier("/nonexistent/notify").ready()


def test_a_supervisor_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    """When the socket's queue is full, messages are lost and control goes on."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        notifier = Notifier(address)
        for number in range(2000):  # a queue holds about a dozen; a sender that waits would hang here
            notifier.progress(f"tick {number}")
        server.setblocking(False)
        assert server.recv(100) == b"WATCHDOG=1\nSTATUS=tick 0"


def test_what_is_said_once_waits_for_a_busy_supervisor(tmp_path: Path) -> None:
    """A queue full of pats: the end is told as soon as the supervisor reads on; without it, given up."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        server.settimeout(2)
        notifier = Notifier(address)
        for number in range(100):
            notifier.progress(f"tick {number}")
        notifier.stopping()  # nobody reads: returns all the same
        heard: list[bytes] = []
        end = threading.Thread(target=notifier.stopping)
        end.start()
        while b"STOPPING=1" not in heard:
            heard.append(server.recv(100))
        end.join(5)
        assert heard[0] == b"WATCHDOG=1\nSTATUS=tick 0"
        assert heard.count(b"STOPPING=1") == 1


def test_secrets_and_control_characters_never_reach_the_log() -> None:
    """A secret is replaced, a line break cannot forge a record, severities are systemd's."""
    formatter = JournalFormatter(journal=True, secrets=lambda: ["canary-123"])
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "a canary-123 \x1b[2J\nevil", None, None)
    line = formatter.format(record)
    assert line.startswith("<4>")
    assert "canary-123" not in line
    assert "\n" not in line
    assert "\x1b" not in line


def test_a_repeating_fault_is_said_rarely(caplog: pytest.LogCaptureFixture) -> None:
    """At once, after 1, 10 and 60 minutes, then hourly, and once when it is over."""
    caplog.set_level(logging.INFO)
    now = [0.0]
    faults = Faults(logging.getLogger("t"), lambda: now[0])
    said = []
    for second in range(0, 4 * 3600, 10):
        now[0] = float(second)
        if faults.report("meter", "silent"):
            said.append(second)
    assert said == [0, 60, 660, 4260, 7860, 11460]
    assert faults.over("meter") == pytest.approx(now[0])
    assert faults.over("meter") is None
