"""Sessions on disk: from plug-in to unplug, with the energy by source, its cost, and what was switched."""

from controller.ledger.ledger import Ledger


class SessionStore:
    """The sessions, and the energy of each day, of the ledger of one running controller."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def open(self) -> None:
        """Begin a session, unless one is open."""
        sql = (
            "INSERT INTO sessions (plugged_ms) SELECT ? WHERE NOT EXISTS "
            "(SELECT 1 FROM sessions WHERE unplugged_ms IS NULL)"
        )
        self._ledger.write(sql, (self._ledger.now_ms(),))

    def close(self) -> None:
        """End the open session."""
        sql = "UPDATE sessions SET unplugged_ms = ? WHERE unplugged_ms IS NULL"
        self._ledger.write(sql, (self._ledger.now_ms(),))

    def count(self, *, writes: int = 0, starts: int = 0, phase_changes: int = 0) -> None:
        """Add to the counters of the open session."""
        sql = (
            "UPDATE sessions SET writes = writes + ?, starts = starts + ?, phase_changes = phase_changes + ? "
            "WHERE unplugged_ms IS NULL"
        )
        self._ledger.write(sql, (writes, starts, phase_changes), durable=False)

    def add_energy(self, day: str, grid_wh: float, pv_wh: float, cost_ct: float) -> None:
        """Add energy by source to the day (local date) and to the open session."""
        add = (
            "INSERT INTO energy VALUES (?,?,?,?) ON CONFLICT (day) DO UPDATE SET grid_wh = grid_wh + "
            "excluded.grid_wh, pv_wh = pv_wh + excluded.pv_wh, cost_ct = cost_ct + excluded.cost_ct"
        )
        session = (
            "UPDATE sessions SET grid_wh = grid_wh + ?, pv_wh = pv_wh + ?, cost_ct = cost_ct + ? "
            "WHERE unplugged_ms IS NULL"
        )
        rows = [(add, (day, grid_wh, pv_wh, cost_ct)), (session, (grid_wh, pv_wh, cost_ct))]
        self._ledger.write_all(rows, durable=False)
