"""The strategy as the loop uses it: limited in time, and replaced for good when it fails too often.

Theory of operation. A strategy may be foreign code. What it says is checked by the pipeline, how long it
takes is checked here: an alarm interrupts it, and the decision becomes "hold or lower". Three faults within
ten minutes end its service until the next start: the built-in `surplus` takes over, and should that fail too,
`off`. Code that no alarm can interrupt is ended by the watchdog; a controller that comes up for the fourth
time in ten minutes without ever having stopped in order begins with the stand-in.
"""

import contextlib
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator

from controller.model import Memory, SiteSnapshot, Strategy, Wish

TIME_LIMIT_S = 5.0
"""Half a tick, a hundred times what the contract asks for (chosen: slow is not hung)."""

FAULTS = 3
WINDOW_S = 600.0
"""So many faults in so short a time end a strategy's service."""

STAND_INS = ("surplus", "off")
Loader = Callable[[str], Strategy]


class _TooLong(BaseException):
    """Not an Exception, so that a plug-in's `except Exception` does not swallow it."""


class Supervised:
    """A strategy that keeps to its time; `failed` counts and may replace it."""

    def __init__(
        self, name: str, strategy: Strategy, load: Loader, *, time_limit_s: float = TIME_LIMIT_S
    ) -> None:
        self.name = name
        self._strategy, self._load, self._limit_s = strategy, load, time_limit_s
        self._stand_ins = deque(other for other in STAND_INS if other != name)
        self._faults_s: deque[float] = deque(maxlen=FAULTS)

    def initial(self) -> Memory:
        """Return the first memory of whoever serves now."""
        return self._strategy.initial()

    def decide(self, snap: SiteSnapshot, memory: Memory) -> tuple[Wish, Memory]:
        """Return the strategy's wish. Raises TimeoutError when it takes too long, and whatever it raises."""
        with _time_limit(self._limit_s):
            return self._strategy.decide(snap, memory)

    def failed(self, now_s: float) -> str | None:
        """Count one fault; return the name of the stand-in that takes over now, None if nobody does."""
        self._faults_s.append(now_s)
        often = len(self._faults_s) == FAULTS and now_s - self._faults_s[0] <= WINDOW_S
        return self.replace() if often else None

    def replace(self) -> str | None:
        """Let the next stand-in take over; return its name, None if there is none left."""
        if not self._stand_ins:
            return None
        self.name = self._stand_ins.popleft()
        self._strategy = self._load(self.name)
        self._faults_s.clear()
        return self.name


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after so long, again and again until it ends; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TooLong:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise TimeoutError(f"no decision within {seconds:g} s") from None
    finally:
        signal.signal(signal.SIGALRM, before)


def _ring(*_: object) -> None:
    raise _TooLong
