"""What the gate's limits cost is measured with them really lifted, one by one and all at once."""

from dataclasses import dataclass

import pytest

from benchmarks import lifted
from benchmarks.entries import PRICES
from controller.days.backtest import DayResult, run_day
from controller.model import Charge, Command, Memory, Off, SiteSnapshot, Wish
from tests.benchmarks.life import profile

HOURS = 2
MOST = {"writes": HOURS * 4 * 9, "starts": HOURS * 3600 // 600 + 1, "phase_changes": 6}
"""By the limits: 9 commands in 15 min, 300 s on and 300 s off, six phase changes."""


@dataclass(frozen=True, slots=True)
class Restless:
    """A strategy that wants something else every minute, in turn."""

    commands: tuple[Command, ...]

    def initial(self) -> Memory:
        return None

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        return Wish(self.commands[int(snap.now_s // 60) % len(self.commands)], "restless"), memory


AMPERES = Restless((Charge(6, 1), Charge(16, 1)))
PAUSES = Restless((Charge(6, 1), Off()))
PHASES = Restless((Charge(6, 1), Charge(6, 3)))


def lived(strategy: Restless, without: str) -> DayResult:
    """Return what becomes of it in two sunny hours."""
    day = profile([(0, 12_000.0)], HOURS * 3600)
    return run_day(day, strategy, "restless", PRICES, 20.0, limits=lifted.limits(without))


@pytest.mark.parametrize(
    ("strategy", "name", "without"),
    [
        (AMPERES, "writes", "no write budget"),
        (PAUSES, "starts", "no least times"),
        (PHASES, "phase_changes", "no phase limits"),
    ],
)
def test_each_limit_holds_unless_it_is_lifted(strategy: Restless, name: str, without: str) -> None:
    """Under the limits nobody gets beyond them; without that one a restless strategy does, by far."""
    held, free = (getattr(lived(strategy, names), name) for names in ("", without))
    assert 0 < held <= MOST[name]
    assert free > 1.25 * MOST[name]


@pytest.mark.parametrize(
    ("strategy", "name"), [(AMPERES, "writes"), (PAUSES, "starts"), (PHASES, "phase_changes")]
)
def test_without_any_of_them_every_minute_is_followed(strategy: Restless, name: str) -> None:
    """All lifted: a command, a start, a phase change in each minute or second one of the two hours."""
    assert getattr(lived(strategy, lifted.ALL), name) >= HOURS * 60 // 2 - 1
