"""A strategy that breaks its contract in a chosen way; installed into a process by `install`."""

import signal
import time
from pathlib import Path
from typing import Any

from controller.model import Charge, SiteSnapshot, Wish

MODES = ("raises", "exits", "none", "a_number", "no_pair", "forged_nan", "forged_huge", "sleeps", "spins")


def forged(current_a: Any) -> Charge:
    """Return a command that its own constructor would refuse."""
    command = object.__new__(Charge)
    object.__setattr__(command, "current_a", current_a)
    object.__setattr__(command, "phases", 3)
    return command


class Hostile:
    """Does what `mode` says, at every decision."""

    def __init__(self, mode: str = "raises") -> None:
        self.mode = mode

    def initial(self) -> None:
        return None

    def decide(self, snap: SiteSnapshot, memory: object) -> Any:
        if self.mode == "raises":
            raise RuntimeError("boom")
        if self.mode == "exits":
            raise SystemExit(0)
        if self.mode == "none":
            return None
        if self.mode == "a_number":
            return Wish(16.0, "all of it"), None  # type: ignore[arg-type]
        if self.mode == "no_pair":
            return Wish(Charge(16, 3), "all of it")
        if self.mode == "forged_nan":
            return Wish(forged(float("nan")), "all of it"), None
        if self.mode == "forged_huge":
            return Wish(forged(10**9), "all of it"), None
        if self.mode == "sleeps":
            time.sleep(3600)
        while self.mode == "spins":
            try:
                time.sleep(0.01)
            except Exception:
                continue
        if self.mode == "stuck":  # as native code that holds on to everything
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            time.sleep(3600)
        raise AssertionError(self.mode)


def install(folder: Path) -> dict[str, str]:
    """Put a package that offers this strategy as `hostile` into a folder; return the environment for it."""
    info = folder / "hostile-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ampilot.strategies]\nhostile = hostile_plugin:Hostile\n")
    (folder / "hostile_plugin.py").write_text(Path(__file__).read_text())
    return {"PYTHONPATH": str(folder)}
