"""Writes to the charger on disk: the intent before it leaves, what was answered, what a read showed."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any, Literal

from controller.clock import Clock
from controller.ledger.ledger import Ledger
from controller.ledger.writer import Job
from controller.model import Send

MOST_WRITES = 20_000
"""More than a day may hold: one in 5 s, should a stop be asked for all day and nobody take it."""

BOOT = "boot"
"""The kept state that says since which intent monotonic times are of this life of the machine."""

LIMIT_LABEL = "energy limit"
"""How the record of a write that sets nothing but the charger's energy limit begins."""

Closed = Literal["applied", "not_applied", "superseded"]


@dataclass(frozen=True, slots=True)
class Written:
    """A write on record: how long ago it left in s, whether for safety, its command, and the keys it set.

    `open`: no read has shown yet what became of it, and it was not refused.
    """

    age_s: float
    safety: bool
    command: str
    keys: Mapping[str, Any]
    open: bool = False


class IntentStore:
    """The intents of the ledger of one running controller."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._run = uuid.uuid4().hex[:12]
        self._unfiled: dict[int, float] = {}  # intents in memory: our handle, their time
        self._boot_row = self._first_of_boot()

    @property
    def degraded(self) -> bool:
        """Return whether the disk refuses, so that what is on record may not be all."""
        return self._ledger.degraded

    def record(
        self, command: str, keys: Mapping[str, float | None], *, safety: bool, reason: str
    ) -> int | None:
        """Commit an intent and return its id: negative while it waits in memory, None if it is refused."""
        sql = (
            "INSERT INTO intents (wall_ms, mono_s, run, command, keys, safety, reason) VALUES (?,?,?,?,?,?,?)"
        )
        now_ms, mono_s = self._ledger.now_ms(), float(self._clock.monotonic())
        row = (now_ms, mono_s, self._run, command, json.dumps(dict(keys)), int(safety), reason)
        job = self._ledger.submit(Job([(sql, row)]))
        if job.written or job.refused:
            return job.row_id
        handle = -len(self._unfiled) - 1
        self._unfiled[handle] = mono_s
        return handle

    def answered(self, intent: int | None, outcome: str, detail: str) -> None:
        """Write what the charger's side answered, once."""
        if intent is None:
            return
        which, values = ("id = ?", (intent,)) if intent > 0 else self._in_memory(intent)
        sql = f"UPDATE intents SET outcome = ?, detail = ? WHERE {which} AND outcome = 'pending'"  # noqa: S608
        self._ledger.write(sql, (outcome, detail, *values))

    def _in_memory(self, handle: int) -> tuple[str, tuple[Any, ...]]:
        """Return how to find an intent that had no number yet when it was made."""
        return "run = ? AND mono_s = ?", (self._run, self._unfiled[handle])

    def close(self, state: Closed, *, up_to: int | None = None, limits: bool = False) -> None:
        """Close every open intent (up to an id): what a read showed, or what a newer one replaced.

        Commands, or with `limits` those that set nothing but the energy limit: each is seen by itself.
        """
        sql = (
            "UPDATE intents SET state = ?, closed_ms = ? "
            "WHERE state = 'open' AND id <= ? AND (command LIKE ?) = ?"
        )
        last = 2**62 if up_to is None or up_to < 0 else up_to
        self._ledger.write(sql, (state, self._ledger.now_ms(), last, f"{LIMIT_LABEL}%", int(limits)))

    def open(self) -> list[tuple[int, str, str]]:
        """Return (id, command, outcome) of intents no read has closed."""
        return self._ledger.rows("SELECT id, command, outcome FROM intents WHERE state = 'open' ORDER BY id")

    def recent(self, window_s: float) -> list[Written]:
        """Return the writes in the window, oldest first.

        By the monotonic clock where it has run on since, so that no step of the wall clock forgives a write;
        from before the machine's last start by wall time. A clock that stepped back makes ages 0, which
        spends the budget rather than doubling it.
        """
        now_ms, now_s, since_row = self._ledger.now_ms(), float(self._clock.monotonic()), self._boot_row
        sql = (
            "SELECT id, wall_ms, mono_s, safety, command, keys, state = 'open' AND outcome <> 'refused' "
            "FROM intents ORDER BY id DESC LIMIT ?"
        )
        found = []
        for row, at_ms, at_s, safety, command, keys, waits in self._ledger.rows(sql, (MOST_WRITES,)):
            comparable = row > since_row and at_s <= now_s
            age_s = now_s - at_s if comparable else max(now_ms - at_ms, 0) / 1000
            if age_s < window_s:
                found.append(Written(age_s, bool(safety), str(command), json.loads(keys), bool(waits)))
        return found[::-1]

    def _first_of_boot(self) -> int:
        """Return the number of the last intent before this life of the machine; keeps it over restarts."""
        boot, kept = self._clock.boot(), self._ledger.load_state(BOOT)
        if isinstance(kept, dict) and kept.get("boot") == boot:
            return int(kept.get("row", 0))
        last = self._ledger.rows("SELECT coalesce(max(id), 0) FROM intents")
        row = int(last[0][0]) if last else 0
        self._ledger.save_state(BOOT, {"boot": boot, "row": row})
        return row


def label(action: Send) -> str:
    """Return what a write is called in records: its command, or the energy limit where it sets only that."""
    settings = action.settings
    return limit_label(settings.energy_limit_wh) if settings.limit_only else str(action.command)


def limit_label(limit_wh: float | None) -> str:
    """Return what a write of the energy limit alone is called in records; None where it is not known."""
    if limit_wh is None:
        return f"{LIMIT_LABEL} unknown"
    return f"{LIMIT_LABEL} none" if isinf(limit_wh) else f"{LIMIT_LABEL} {limit_wh:.10g} Wh"
