"""What happened, as it is written down and told. Imports nothing of the project."""

from dataclasses import dataclass
from enum import Enum

STOPPED = "stopped"
"""What the last event of a run that ended in order says."""


class Turn(Enum):
    """Whether something happened once, or began, or ended."""

    MOMENT = "moment"
    FAULT = "fault"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its kind, how bad it is (info, warning, error), and what was seen in one sentence."""

    kind: str
    severity: str
    text: str
    turn: Turn = Turn.MOMENT
