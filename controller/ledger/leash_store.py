"""The energy leash on disk: which limit was the user's and which are ours, before the first one leaves."""

from math import inf

from controller.ledger.ledger import Ledger
from controller.line.leash import REMEMBERED, Leash, restored


class LeashStore:
    """The leash of the ledger of one running controller."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def load(self, now_s: float) -> Leash:
        """Return what an earlier run left at the charger, or may have."""
        sql = "SELECT theirs_wh, ours_wh, released FROM leash WHERE ended_ms IS NULL ORDER BY id DESC LIMIT ?"
        rows = self._ledger.rows(sql, (REMEMBERED,))[::-1]
        if not rows:
            return Leash()
        theirs_wh, _, released = rows[-1]
        ours_wh = tuple(ours for _, ours, _ in rows)
        return restored(inf if theirs_wh is None else theirs_wh, ours_wh, now_s, released=bool(released))

    def keep(self, before: Leash, after: Leash) -> None:
        """Write down a limit of ours that is about to leave, what the user has set, or that all is over."""
        new = [limit_wh for limit_wh in after.ours_wh if limit_wh not in before.ours_wh]
        changed = before.theirs_wh != after.theirs_wh or before.released != after.released
        if after.on and changed and not new:
            new = list(after.ours_wh[-1:])
        for limit_wh in new:
            theirs_wh = None if after.theirs_wh in (None, inf) else after.theirs_wh
            self._record(theirs_wh, limit_wh, released=after.released)
        if (before.on or before.released) and not (after.on or after.released):
            sql = "UPDATE leash SET ended_ms = ? WHERE ended_ms IS NULL"
            self._ledger.write(sql, (self._ledger.now_ms(),))

    def _record(self, theirs_wh: float | None, ours_wh: float, *, released: bool) -> None:
        """Commit a limit of ours before it leaves, and what the user had (None: no limit), in Wh.

        `released`: the user has set theirs with ours in force, so the leash rests.
        """
        sql = "INSERT INTO leash (wall_ms, theirs_wh, ours_wh, released) VALUES (?,?,?,?)"
        self._ledger.write(sql, (self._ledger.now_ms(), theirs_wh, ours_wh, int(released)))
