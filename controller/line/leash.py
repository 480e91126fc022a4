"""The energy leash: the charger's own limit kept a little ahead of the car, so that dead means off.

Theory of operation. If the computer, the network or the cloud dies while the car charges, the charger goes on
with what it was last told. The one setting that ends such a charge by itself is `dwo`, its limit of the
session's energy. While the car charges under our hand it is kept at what was charged plus the leash, and
renewed when a third of the leash is left. It belongs to the user, so what they had is remembered and put back
at unplug, at a clean exit, and as soon as they take the charger into their own hand.

Assumed, from what users report (go-e #68), and not proven on hardware: the charger compares `dwo` with the
session counter `wh` it shows, also after that counter began anew in mid-session. So the limit is set from the
`wh` just read and not from what we counted, and a counter that fell makes the old limit too loose: it is
lowered at once.

A limit of ours is known by its value: whatever else appears was set by a person. Theirs wins, at once, until
the car is unplugged. Nothing in here delays a stop: the limit rides with a write for comfort or goes alone.
"""

from dataclasses import dataclass, replace
from math import floor, inf, isclose

from controller.model import ChargerStatus, OutcomeKind

RENEW_SHARE = 1 / 3
"""Renewed when this share is left (of 3 kWh: 1 kWh, five minutes at 11 kW), also without another write."""

RIDE_SHARE = 2 / 3
"""With a write that leaves anyway it is renewed when this share is left (chosen)."""

RETRY_S = (15.0, 45.0, 135.0)
PATIENT_S = 900.0
"""When a limit that did not arrive is asked for again; after that every quarter of an hour."""

REFUSED_S = 600.0
"""What the charger refused is not asked again for so long."""

LATE_S = 120.0
"""For so long after a write its limit may still appear: a cloud that delivers late is not a person."""

LIMIT_REACHED = 6
"""The charger's `modelStatus` while its energy limit keeps it from charging."""

DRAWING_W = 200.0
DEAF_WH = 100.0
"""A car that draws so far beyond the limit is not stopped by it (chosen: 30 s at 11 kW)."""

UNREPORTED = 3
"""So many reads in a row without limit or count are said (chosen; one may be a half answer)."""

REMEMBERED = 20
"""So many limits of ours are known again; far more than can still be on their way."""


@dataclass(frozen=True, slots=True)
class Leash:
    """What is remembered of the limit; `theirs_wh` is None while none of ours is, or may be, at the charger.

    Limits in Wh of the session as the charger counts, infinite where there is none; times monotonic.
    """

    theirs_wh: float | None = None
    ours_wh: tuple[float, ...] = ()
    asked_wh: float | None = None
    asked_s: float = 0.0
    attempts: int = 0
    refused: bool = False
    seen: bool = False
    """A read has shown a limit of ours since it was last put on."""
    last_ours_s: float = 0.0
    """When a limit of ours last left."""
    last_theirs_s: float = -inf
    """When theirs was last asked for: it may arrive late."""
    released: bool = False
    """A person set another limit: theirs until the car is unplugged."""
    held: bool = False
    """The charger stands still because the car reached a limit of ours."""
    deaf: bool = False
    """The charger was seen to ignore its limit, and that was said."""
    unreported: int = 0
    """How many reads in a row told no limit or no count, with a car there."""
    limit_wh: float | None = None
    """What the charger last reported."""
    data_s: float = -inf

    @property
    def on(self) -> bool:
        """Return whether a limit of ours is at the charger, or may be."""
        return self.theirs_wh is not None

    def is_ours(self, limit_wh: float | None) -> bool:
        """Return whether this limit is one that we asked for."""
        return limit_wh is not None and any(same(limit_wh, ours) for ours in self.ours_wh)

    def asks(self, limit_wh: float | None) -> bool:
        """Return whether the open write asks for this limit."""
        return self.asked_wh is not None and limit_wh is not None and same(self.asked_wh, limit_wh)

    @property
    def putting_back(self) -> bool:
        """Return whether the open write asks for the user's limit."""
        return self.asks(self.theirs_wh)

    @property
    def retry_s(self) -> float:
        """Return when the open write may be sent again; minus infinity if none is open."""
        if self.asked_wh is None:
            return -inf
        if self.refused:
            return self.asked_s + REFUSED_S
        late = self.attempts > len(RETRY_S)
        return self.asked_s + (PATIENT_S if late else RETRY_S[self.attempts - 1])


@dataclass(frozen=True, slots=True)
class Ask:
    """A limit that should be set; `alone`: worth a write of its own."""

    limit_wh: float
    reason: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Hand:
    """Who has the charger: is a car there, does it charge or is about to, and is it ours to command?"""

    connected: bool
    charging: bool
    ours: bool


def same(one_wh: float, other_wh: float) -> bool:
    """Return whether two limits are the same one, over a box that rounds to whole Wh."""
    return one_wh == other_wh or isclose(one_wh, other_wh, rel_tol=0.0, abs_tol=0.5)


def restored(theirs_wh: float, ours_wh: tuple[float, ...], now_s: float, *, released: bool = False) -> Leash:
    """Return what an earlier run left behind: its writes may still be on their way."""
    ours = ours_wh[-REMEMBERED:]
    return Leash(theirs_wh, ours, last_ours_s=now_s, last_theirs_s=now_s, released=released)


def stands(leash: Leash, status: ChargerStatus | None) -> bool:
    """Return whether the charger does not charge because a limit of ours is reached."""
    if status is None or status.allowed is not False or status.model_status != LIMIT_REACHED:
        return False
    return leash.is_ours(status.energy_limit_wh)


def observe(
    leash: Leash, status: ChargerStatus | None, leash_wh: float | None, *, connected: bool, now_s: float
) -> tuple[Leash, tuple[str, ...]]:
    """Return the leash after the newest status, and what people should know."""
    if status is None or status.data_s <= leash.data_s or (leash_wh is None and not leash.on):
        return leash, ()
    held = connected and stands(leash, status)
    notes = ["the charger stopped at the energy leash; it starts again when all is well"]
    notes = notes if held and not leash.held else []
    limit_wh = status.energy_limit_wh
    unknown = connected and (limit_wh is None or status.session_wh is None)
    unreported = leash.unreported + 1 if unknown else 0
    leash = replace(leash, data_s=status.data_s, limit_wh=limit_wh, held=held, unreported=unreported)
    if unreported == UNREPORTED:
        notes.append(
            "the charger does not report its energy limit (dwo) or its count (wh): the energy leash is not "
            "kept. Remedy: leave energy_leash_kwh out"
        )
    if not connected:
        leash = replace(leash, released=False, deaf=False)
    if limit_wh is None:
        return leash, tuple(notes)
    if _ignored(status, limit_wh) and not leash.deaf:
        leash = replace(leash, deaf=True)
        notes.append(
            f"the charger goes on beyond its energy limit of {text(limit_wh)}: it does not obey it, and the "
            "energy leash holds nothing. Remedy: do not rely on it with this firmware"
        )
    theirs_wh = leash.theirs_wh
    if theirs_wh is None:
        return leash, tuple(notes)
    if leash.is_ours(limit_wh):
        leash = replace(leash, seen=True)
        return (_closed(leash) if leash.asks(limit_wh) else leash), tuple(notes)
    if same(theirs_wh, limit_wh):
        return _theirs_shown(leash, theirs_wh, now_s, notes)
    notes.append(
        f"the energy limit was changed from outside to {text(limit_wh)}: it stays, and the leash rests until "
        "the car is unplugged"
    )
    return replace(_closed(leash), theirs_wh=limit_wh, released=True), tuple(notes)


def _theirs_shown(
    leash: Leash, theirs_wh: float, now_s: float, notes: list[str]
) -> tuple[Leash, tuple[str, ...]]:
    """Return the leash as a read shows the user's limit: put back, not replaced yet, or set by them."""
    if leash.asks(theirs_wh):
        leash = _closed(leash)
    elif leash.seen and not leash.released and now_s - leash.last_theirs_s >= LATE_S:
        notes.append(
            f"the energy limit was set back from outside to {text(theirs_wh)}: it stays, and the leash "
            "rests until the car is unplugged"
        )
        leash = replace(_closed(leash), released=True)
    # While a limit of ours may still arrive, what to put back is kept in mind.
    if leash.asked_wh is None and now_s - leash.last_ours_s >= LATE_S:
        leash = Leash(released=leash.released, deaf=leash.deaf, limit_wh=theirs_wh, data_s=leash.data_s)
    return leash, tuple(notes)


def due(
    leash: Leash, status: ChargerStatus | None, hand: Hand, leash_wh: float | None, now_s: float
) -> Ask | None:
    """Return which limit should be set now, None where it stands well or is not known.

    `leash_wh` is None where the leash is off; what an earlier run left is put back all the same.
    """
    limit_wh = status.energy_limit_wh if status is not None else None
    if status is None or limit_wh is None:
        return None
    theirs_wh = limit_wh if leash.theirs_wh is None else leash.theirs_wh
    put_back = leash_wh is None or not hand.connected or not hand.ours or leash.released
    if leash_wh is None or put_back:
        if not leash.is_ours(limit_wh):
            return None
        if _waits(leash, theirs_wh, now_s):
            return None
        # Put back under a charger that waits at the limit it would start it: then only with a start of ours.
        return Ask(
            theirs_wh,
            "the energy limit is put back as it was",
            not (leash.held and hand.connected and hand.ours),
        )
    wh = status.session_wh
    if not hand.charging or wh is None:
        return None
    wanted_wh = min(float(floor(wh + leash_wh)), theirs_wh)
    left_wh = limit_wh - wh
    if same(wanted_wh, limit_wh) or _waits(leash, wanted_wh, now_s):
        return None
    if left_wh > leash_wh + 1.0:
        return Ask(wanted_wh, f"the energy leash: stop after {leash_wh / 1000:g} kWh without us", True)
    if left_wh < RIDE_SHARE * leash_wh and wanted_wh > limit_wh and leash.is_ours(limit_wh):
        return Ask(wanted_wh, "the energy leash is renewed", left_wh < RENEW_SHARE * leash_wh)
    return None


def sent(leash: Leash, limit_wh: float, before_wh: float, now_s: float) -> Leash:
    """Return the leash with a limit on its way; `before_wh` is what the charger had."""
    if leash.theirs_wh is None:
        leash = replace(leash, theirs_wh=before_wh, ours_wh=(), seen=False)
    assert leash.theirs_wh is not None
    was, asked = leash.putting_back, leash.asked_wh is not None
    leash = replace(leash, asked_wh=limit_wh, asked_s=now_s, refused=False)
    again = asked and leash.putting_back is was
    leash = replace(leash, attempts=leash.attempts + 1 if again else 1)
    if leash.putting_back:
        return replace(leash, last_theirs_s=now_s)
    ours = (*leash.ours_wh, limit_wh)[-REMEMBERED:]
    # Put on anew after it was put back: until a read shows it, theirs is no sign of a person.
    anew = leash.last_theirs_s > leash.last_ours_s
    return replace(leash, ours_wh=ours, last_ours_s=now_s, seen=leash.seen and not anew)


def answered(leash: Leash, outcome: OutcomeKind) -> Leash:
    """Return the leash after the answer to its write."""
    if leash.asked_wh is None or outcome is not OutcomeKind.REFUSED:
        return leash
    return replace(leash, refused=True)


def text(limit_wh: float) -> str:
    """Return a limit as people read it."""
    return "none" if limit_wh == inf else f"{limit_wh / 1000:.1f} kWh"


def _closed(leash: Leash) -> Leash:
    return replace(leash, asked_wh=None, attempts=0, refused=False)


def _waits(leash: Leash, limit_wh: float, now_s: float) -> bool:
    """Return whether the open write wants the same as this limit and is not to be sent again yet."""
    if leash.asked_wh is None or leash.theirs_wh is None or now_s >= leash.retry_s:
        return False
    return leash.putting_back is same(limit_wh, leash.theirs_wh)


def _ignored(status: ChargerStatus, limit_wh: float) -> bool:
    """Return whether a car draws although the charger's count is beyond its limit."""
    beyond = status.session_wh is not None and status.session_wh > limit_wh + DEAF_WH
    return beyond and (status.power_w or 0.0) > DRAWING_W
