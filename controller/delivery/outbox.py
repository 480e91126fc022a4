"""What is told to one channel, and when: patience, pauses, folding. Pure; times are monotonic, in s.

Theory of operation. Of each kind only the newest event is kept, with how often it happened and what the
person was last told: so a burst is one message with a count, and nothing grows. A fault is told when it has
lasted its patience, its end when it has stayed away for a minute, and again once a day while it lasts.
Between two messages of a kind are ten minutes. In any hour go out five messages, and five more that are
errors; what has to wait is told as one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controller.delivery.wording import ORDER, Message, digest, kind_of, recovered, severity_of, worded
from controller.events import Event, Turn

KIND_GAP_S = 600.0
SETTLED_S = 60.0
REMIND_S = 86_400.0
WINDOW_S = 3600.0
PER_WINDOW = 5
ERRORS_MORE = 5
MOST_KINDS = 50
"""Kinds kept; beyond that the oldest is dropped (faults.md H15)."""


@dataclass(slots=True)
class _Known:
    """One kind: the newest event, since when it is as it is, and what was told of it."""

    event: Event
    when: str
    severity: str
    since_s: float
    open: bool = False
    told_open: bool = False
    told_s: float | None = None
    unheard: int = 0


class Outbox:
    """The messages of one channel. `offered` says what the charger offers now."""

    def __init__(self, min_severity: str, offered: Callable[[], str] = lambda: "") -> None:
        self._least, self._offered = ORDER.index(min_severity), offered
        self._kinds: dict[str, _Known] = {}
        self._sent_s: list[float] = []

    def note(self, event: Event, now_s: float, when: str) -> None:
        """Take an event in; `when` is the local time people read."""
        key = f"{event.kind}/moment" if event.turn is Turn.MOMENT else event.kind
        known = self._kinds.get(key)
        if event.turn is Turn.OVER:
            if known is not None and known.open:
                known.open, known.since_s, known.event, known.when = False, now_s, event, when
            return
        severity = severity_of(event)
        if ORDER.index(severity) < self._least:
            return
        if known is None:
            if len(self._kinds) >= MOST_KINDS:
                del self._kinds[next(iter(self._kinds))]
            known = self._kinds[key] = _Known(event, when, severity, now_s)
        elif not known.open:
            known.since_s = now_s
        known.event, known.severity = event, severity
        if not known.unheard:
            known.when = when
        known.unheard += 1
        known.open = event.turn is Turn.FAULT

    def due(self, now_s: float) -> Message | None:
        """Return what is to be told now, and count it as told; None if nothing is."""
        self._forget(now_s)
        ready = [known for known in self._kinds.values() if self._ready(known, now_s)]
        self._sent_s = [at for at in self._sent_s if now_s - at < WINDOW_S]
        if len(self._sent_s) >= PER_WINDOW:
            ready = [known for known in ready if known.severity == "error"]
            if len(self._sent_s) >= PER_WINDOW + ERRORS_MORE:
                ready = []
        if not ready:
            return None
        self._sent_s.append(now_s)
        return digest([self._tell(known, now_s) for known in ready])

    def _ready(self, known: _Known, now_s: float) -> bool:
        if known.told_s is not None and now_s - known.told_s < KIND_GAP_S:
            return False
        lasted_s = now_s - known.since_s
        if known.event.turn is Turn.MOMENT:
            return known.unheard > 0
        if known.open and known.told_open:
            return known.told_s is not None and now_s - known.told_s >= REMIND_S
        if known.open:
            return lasted_s >= kind_of(known.event).patience_s
        return known.told_open and lasted_s >= SETTLED_S

    def _tell(self, known: _Known, now_s: float) -> Message:
        over = known.event.turn is Turn.OVER
        known.told_open, known.told_s = known.open, now_s
        more, known.unheard = max(known.unheard - 1, 0), 0
        offered = self._offered()
        if over:
            return recovered(known.event, known.severity, offered=offered, when=known.when)
        return worded(known.event, known.severity, offered=offered, when=known.when, more=more)

    def _forget(self, now_s: float) -> None:
        """Let go of what is over and told, and of faults that ended before anybody was told."""
        gone = [
            key
            for key, known in self._kinds.items()
            if not known.open
            and not known.told_open
            and (known.event.turn is Turn.OVER or not known.unheard)
            and (known.told_s is None or now_s - known.told_s >= KIND_GAP_S)
        ]
        for key in gone:
            del self._kinds[key]
