"""The promises of faults.md's invariants, judged on what a soak has injected and seen, and nothing else."""

from collections import deque
from itertools import pairwise

from controller.limits import Limits
from tests.soak.world import Written, Year

ALLOWED = {"amp", "frc", "psm", "dwo"}
LEASH_WH = 3000.0


class Broken(AssertionError):
    """A promise was broken; the text says which and when."""


def _must(holds: bool, world: Year, text: str) -> None:
    if not holds:
        day, second = divmod(int(world.now_s - world.begun_s), 86_400)
        raise Broken(f"day {day}, second {second}: {text}")


class Promises:
    """Looks at every write once, in order, and at the state after each step of the life."""

    def __init__(self, world: Year, limits: Limits) -> None:
        self.world, self.limits = world, limits
        self.seen = 0
        self.comfort: deque[float] = deque(maxlen=200)
        self.last: Written | None = None
        self.checked = 0

    def check(self) -> None:
        """Raise Broken for the first promise that does not hold."""
        world = self.world
        new = world.writes - self.seen
        for written in list(world.written)[-new:] if new else []:
            self._domain(written)
            self._raise(written)
            self._times(written)
            self._budget(written)
            self.last = written
            self.checked += 1
        self.seen = world.writes
        _must(not world.unanswered_overloads, world, f"F3: {world.unanswered_overloads[:1]}")
        self._phases()

    def _domain(self, w: Written) -> None:
        """D1, D3: keys and values; a stop is `frc` alone, a start carries its `amp`."""
        keys = w.keys
        whole = all(type(value) is int for key, value in keys.items() if key != "dwo")
        limit_wh = keys.get("dwo")
        _must(limit_wh is None or limit_wh >= 0, self.world, f"D3: {keys}")
        _must(bool(keys) and set(keys) <= ALLOWED and whole, self.world, f"D3: {keys}")
        _must(6 <= keys.get("amp", 6) <= self.limits.max_current_a, self.world, f"D1: {keys}")
        _must(keys.get("psm", 1) in (1, 2) and keys.get("frc", 1) in (1, 2), self.world, f"D1: {keys}")
        _must("frc" not in keys or keys["frc"] == 2 or keys == {"frc": 1}, self.world, f"D3: {keys}")
        _must(keys.get("frc") != 2 or "amp" in keys, self.world, f"D3: {keys}")

    def _raise(self, w: Written) -> None:
        """S1, S6, F1, U1: a raise is on fresh readings of this life, under the fuse, over nobody's head."""
        if not self.world.box.plugged or w.keys == {"frc": 1}:
            return
        after_a = w.keys.get("amp", w.before_a)
        after_phases = {1: 1, 2: 3}.get(w.keys.get("psm", 0), w.before_phases)
        if after_a <= w.before_a and (after_phases <= w.before_phases or w.before_a == 0):
            return
        if w.before_a == 0 and w.keys.get("frc") != 2 and "dwo" not in w.keys:
            return
        _must(w.meter_age_s <= 15, self.world, f"S1: raised on a reading {w.meter_age_s:.0f} s old")
        _must(w.charger_age_s <= 40, self.world, f"S1: raised on a status {w.charger_age_s:.0f} s old")
        _must(not w.foreign, self.world, "U1: raised over somebody's own setting")
        fuse_a = self.limits.fuse_a
        if fuse_a is None or w.meter_a is None:
            return
        for phase in range(3) if after_phases == 3 else (0,):
            in_use = w.before_a > 0 and (phase == 0 or w.before_phases == 3)
            more_a = after_a - (w.before_a if in_use else 0)
            room_a = fuse_a - self.limits.fuse_margin_a - w.meter_a[phase]
            _must(more_a <= room_a + 1e-6, self.world, f"F1: {more_a} A more with {room_a:.1f} A of room")

    def _times(self, w: Written) -> None:
        """B2 and T1: distance of writes; no comfort stop within the minimum on time of an own start."""
        last = self.last
        if last is not None and last.lives == w.lives:
            _must(
                w.at_s - last.at_s >= 5.0, self.world, f"B2: {w.at_s - last.at_s:.0f} s after the last write"
            )
        stop = w.keys == {"frc": 1} and not w.safety and not w.foreign
        own = [s for s in self._recent(w, 300) if s.keys.get("frc") == 2 and s.before_a == 0]
        _must(not (stop and own), self.world, "T1: stopped within the minimum on time")

    def _recent(self, w: Written, seconds: float) -> list[Written]:
        """Return the writes of this life in the last seconds."""
        found = []
        for other in reversed(self.world.written):
            if w.at_s - other.at_s >= seconds:
                break
            if other is not w and other.lives == w.lives and other.at_s < w.at_s:
                found.append(other)
        return found

    def _budget(self, w: Written) -> None:
        """B1: nine writes for comfort in any 15 minutes, 200 a day, over restarts and steps of the clock."""
        if w.safety:
            return
        comfort = self.comfort
        if len(comfort) >= 9:
            _must(w.at_s - comfort[-9] >= 900, self.world, "B1: ten comfort writes within 15 minutes")
        if len(comfort) == 200:
            _must(w.at_s - comfort[0] >= 86_400, self.world, "B1: 201 comfort writes within a day")
        comfort.append(w.at_s)

    def _phases(self) -> None:
        """PH2: distance of phase changes."""
        for before_s, after_s in pairwise(self.world.box.changes_s):
            _must(after_s - before_s >= 600 - 30, self.world, "PH2: two phase changes within ten minutes")
        changes_s = self.world.box.changes_s
        for first_s, seventh_s in zip(changes_s, changes_s[6:], strict=False):
            _must(seventh_s - first_s >= 86_400 - 30, self.world, "PH2: seven phase changes within a day")

    def blind(self, seconds: float) -> None:
        """S3: what was blind for so long offers nothing."""
        if seconds >= 60 + 22 and self.world.box.plugged:
            _must(self.world.true_offer()[0] == 0, self.world, f"S3: offers after {seconds:.0f} s blind")

    def leash(self, taken_wh: float) -> None:
        """L1: without anybody who commands it the car takes no more than the leash."""
        _must(taken_wh <= LEASH_WH + 1, self.world, f"L1: {taken_wh:.0f} Wh with nobody there")

    def put_back(self) -> None:
        """L6: a quarter of an hour after the car has gone its limit is what the user had."""
        box = self.world.box
        _must(box.dwo == self.world.theirs_wh, self.world, f"L6: {box.dwo}, not {self.world.theirs_wh} Wh")

    def books(self) -> None:
        """LG1, LG2, LG4, LG5: an intent for each write, all but the last of a kind closed, energy adds up."""
        world = self.world
        rows = world.ledger.rows(
            "SELECT count(*), sum(state = 'open'), sum(outcome = 'pending') FROM intents"
        )
        count, still_open, pending = rows[0]
        _must(count == world.writes, world, f"LG1: {world.writes} writes, {count} intents")
        _must((still_open or 0) <= 2 and not pending, world, f"LG2: {still_open} open, {pending} unanswered")
        stored = world.ledger.rows("SELECT sum(grid_wh + pv_wh), min(grid_wh), min(pv_wh) FROM energy")[0]
        total_wh, least_grid_wh, least_pv_wh = (value or 0.0 for value in stored)
        _must(min(least_grid_wh, least_pv_wh) >= 0, world, "LG4: negative energy")
        _must(abs(total_wh - world.booked_wh) <= 1.0, world, f"LG4: {total_wh} Wh kept of {world.booked_wh}")
        # What the car took while nobody looked is in the world's count only.
        _must(total_wh <= world.charged_wh * 1.05 + 500, world, "LG5: more energy than the car has taken")
