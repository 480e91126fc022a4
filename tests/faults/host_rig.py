"""The rig with a host that can fail: another clock, an ill disk, limits, and a supervisor like systemd."""

import asyncio
import contextlib
import fcntl
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.rig import Rig

SLACK_S = 2.0
"""What a busy machine may add to any bound measured here; said beside each promise."""

SHIM_SOURCE = Path(__file__).parent / "host_shim.c"
with_compiler = pytest.mark.skipif(
    shutil.which("gcc") is None or not sys.platform.startswith("linux"),
    reason="no gcc: the worse computer of host_shim.c cannot be built",
)


def built_shim(folder: Path) -> Path:
    """Return the shared object of host_shim.c, built once per folder by whoever comes first."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "host_shim.so"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            command = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(target), str(SHIM_SOURCE), "-ldl"]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
    return target


class Computer:
    """What the process believes of its clock and its disk; changed while it runs."""

    def __init__(self, folder: Path, match: str) -> None:
        self._path = folder / "computer"
        self._values = [0.0, 0.0, 0.0]
        self._path.write_bytes(struct.pack("4d", 0, 0, 0, 0))
        self.env = {
            "LD_PRELOAD": str(built_shim(folder.parent / "shim")),
            "AMPILOT_SHIM": str(self._path),
            "AMPILOT_SHIM_MATCH": match,
        }

    def _set(self, index: int, value: float) -> None:
        self._values[index] = value
        with self._path.open("r+b") as file:
            file.write(struct.pack("3d", *self._values))

    def shift_clock(self, seconds: float) -> None:
        """Step the wall clock to so many seconds beside the true one."""
        self._set(0, seconds)

    def slow_sync(self, seconds: float) -> None:
        """Let every fsync of the ledger take so long."""
        self._set(1, seconds)

    def refuse_writes(self, code: int) -> None:
        """Let every write to the ledger fail with this errno, 0 for none."""
        self._set(2, float(code))

    @property
    def syncs(self) -> int:
        """Return how many syncs the ledger has asked for."""
        return int(struct.unpack("4d", self._path.read_bytes())[3])


class Supervisor:
    """Plays systemd: keeps what it is told through the notify socket, and when."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.said: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.address)
        self.fileno = self._socket.fileno()

    def listen(self) -> None:
        """Take in what was said."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said.append((time.monotonic(), self._socket.recv(4096).decode()))

    def forget(self) -> None:
        """Forget what was said so far, by a process that is gone."""
        self.listen()
        self.said.clear()

    def last(self, text: str) -> float | None:
        """Return when this was last said, None if never."""
        self.listen()
        return next((at for at, what in reversed(self.said) if text in what), None)

    def count(self, text: str) -> int:
        """Return how often this was said."""
        self.listen()
        return sum(text in what for _, what in self.said)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class HostRig(Rig):
    """The rig, its process in a worse computer (`computer`) and under a supervisor (`systemd`)."""

    def __init__(
        self,
        folder: Path,
        *,
        shim: bool = False,
        more: str = "",
        edit: Callable[[str], str] = lambda text: text,
        env: dict[str, str] | None = None,
        **options: object,
    ) -> None:
        super().__init__(folder, **options)  # type: ignore[arg-type]
        self.systemd = Supervisor(folder)
        self.computer = Computer(folder, self.ledger.name) if shim else None
        self._more, self._edit = more, edit
        self.env = {"NOTIFY_SOCKET": self.systemd.address, **(env or {})}
        self._edited = False
        self.limits: dict[int, int] = {}  # resource limits of the next start: what to how much

    async def start(self) -> None:
        """Start the controller in this host's environment."""
        # A queue of ten is all a socket holds: a supervisor that does not read misses what is said last.
        asyncio.get_running_loop().add_reader(self.systemd.fileno, self.systemd.listen)
        if not self._edited:
            self._edited = True
            self.config.write_text(self._edit(self.config.read_text()) + self._more)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "controller",
            "run",
            "--config",
            str(self.config),
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=self._limit if self.limits else None,
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                **self.env,
                **(self.computer.env if self.computer else {}),
            },
        )
        self._tasks.append(asyncio.create_task(self._read(self.process)))

    def _limit(self) -> None:
        for which, most in self.limits.items():
            resource.setrlimit(which, (most, resource.getrlimit(which)[1]))

    def let_files_grow(self, most_bytes: int) -> None:
        """Set how large a file the running process may write: beyond it the disk is full."""
        hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))

    async def __aexit__(self, *args: object) -> None:
        await super().__aexit__(*args)
        asyncio.get_running_loop().remove_reader(self.systemd.fileno)
        self.systemd.listen()
        self.systemd.close()

    @property
    def pid(self) -> int:
        """Return the process id of the running controller."""
        assert self.process is not None
        return self.process.pid

    @property
    def meter_reads(self) -> int:
        """Return how often the meter was asked so far."""
        return len(self.served.meter.requests)

    def said(self, text: str) -> bool:
        """Return whether the process has logged this."""
        return text.encode() in self.output

    @property
    def starts(self) -> int:
        """Return how many lives have come so far as to say that they start."""
        return self.output.count(b"event=start ")

    async def up(self, starts: int) -> None:
        """Wait until one more life than so many has begun: on a busy machine that takes seconds."""
        await self.until(lambda: self.starts > starts, 30, "the process has started")

    async def killed(self) -> None:
        """Kill the process and wait until what it sent has arrived."""
        await self.stop(signal.SIGKILL)
        await asyncio.sleep(0.05)

    async def watched(self, watchdog_s: float, most_s: float) -> float:
        """Play the watchdog: wait until it was not patted for so long, abort, start anew; return the wait.

        As systemd does: SIGABRT and SIGCONT first, SIGKILL when that does not end it.
        """
        self.systemd.listen()
        began = time.monotonic()
        while time.monotonic() - began < most_s:
            patted = max(self.systemd.last("WATCHDOG=1") or 0.0, began)
            if time.monotonic() - patted > watchdog_s:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError(
                f"the watchdog was patted all the {most_s} s\n{self.output.decode()[-2000:]}"
            )
        took_s = time.monotonic() - began
        assert self.process is not None
        self.process.send_signal(signal.SIGABRT)
        self.process.send_signal(signal.SIGCONT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), 5)
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await asyncio.wait_for(self.process.wait(), 5)
        await self.start()
        return took_s
