"""The energy leash on disk: which limit was the user's and which are ours, before the first one leaves."""

from math import inf, isinf

from controller.leash import REMEMBERED, Leash, restored
from controller.ledger import Ledger


class LeashStore:
    """The leash of the ledger of one running controller."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def load(self, now_s: float) -> Leash:
        """Return what an earlier run left at the charger, or may have."""
        rows = self._ledger.open_limits(REMEMBERED)
        if not rows:
            return Leash()
        theirs_wh = rows[-1][0]
        return restored(inf if theirs_wh is None else theirs_wh, tuple(ours for _, ours in rows), now_s)

    def keep(self, before: Leash, after: Leash) -> None:
        """Write down a limit of ours that is about to leave, or that theirs is back."""
        new = [limit_wh for limit_wh in after.ours_wh if limit_wh not in before.ours_wh]
        theirs_wh = after.theirs_wh
        if theirs_wh is not None:
            if not new and before.on and before.theirs_wh != theirs_wh:
                new = list(after.ours_wh[-1:])  # theirs is another one now
            for limit_wh in new:
                self._ledger.record_limit(None if isinf(theirs_wh) else theirs_wh, limit_wh)
        elif before.on:
            self._ledger.end_limits()
