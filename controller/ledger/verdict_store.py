"""What the replay said of each day, on disk."""

from dataclasses import astuple, dataclass

from controller.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Verdict:
    """One day (local date) as replayed: what the strategy saved against `timers`, negative when it lost."""

    day: str
    strategy: str
    saved_ct: float
    known_h: float
    connected_h: float
    gaps: int
    text: str


class VerdictStore:
    """The verdicts of the ledger of one running controller."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(self, verdict: Verdict) -> None:
        """Commit what the replay said of yesterday, and the event that tells it; a later one replaces it."""
        sql = "INSERT OR REPLACE INTO verdicts VALUES (?,?,?,?,?,?,?,?)"
        day, *rest = astuple(verdict)
        self._ledger.write(sql, (day, self._ledger.now_ms(), *rest))
        self._ledger.record_event("verdict", "info", f"yesterday: {verdict.text}")

    def has(self, day: str) -> bool:
        """Return whether the day (local date) was judged."""
        return bool(self._ledger.rows("SELECT 1 FROM verdicts WHERE day = ?", (day,)))
