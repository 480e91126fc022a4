"""Telling systemd the truth: ready, alive, stopping. Alive means that decisions are made."""

import contextlib
import os
import socket
from collections.abc import Mapping

LATE_S = 30.0
"""Two decisions further apart than this are not progress."""
ONCE_S = 1.0
"""What is said once, and would be missed, is worth this wait for a busy supervisor; a pat is not."""


class Notifier:
    """Speaks the sd_notify protocol; does nothing without a socket."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Notifier":
        """Build from NOTIFY_SOCKET."""
        return cls((os.environ if env is None else env).get("NOTIFY_SOCKET"))

    def send(self, text: str, patience_s: float = 0.0) -> None:
        """Send one message; never raises: a missing supervisor must not stop control.

        A supervisor whose queue is full is waited for `patience_s`, then the message is dropped.
        """
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(patience_s)
            sock.sendto(text.encode(), address)

    def ready(self) -> None:
        """Say that the start is over."""
        self.send("READY=1", ONCE_S)

    def stopping(self) -> None:
        """Say that the end began."""
        self.send("STOPPING=1", ONCE_S)

    def progress(self, status: str) -> None:
        """Pat the watchdog and show one line of state."""
        self.send("WATCHDOG=1\nSTATUS=" + status.replace("\n", " "))


class Progress:
    """Pats the watchdog after a decision that ended, began in time, and is on record."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._last_s: float | None = None

    def decided(self, started_s: float, status: str, *, recorded: bool) -> bool:
        """Note a finished decision and return whether the watchdog was patted."""
        late = self._last_s is not None and started_s - self._last_s > LATE_S
        self._last_s = started_s
        if late or not recorded:
            return False
        self._notifier.progress(status)
        return True
