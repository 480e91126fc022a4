"""Does the meter see what the car does? One that does not is no meter of this house's grid connection.

Theory of operation. When the car's power, measured at the charger, moves by 2 A and more on the phases in
use, the import must move the same way, by half of it at least, within a minute. A turned sign gives minus
one, a meter that stands still (or alternates, or belongs to a neighbour) gives zero.

Clouds and kettles move the import too, and the controller moves the car because of them: on recorded days one
movement in ten is a miss of a good meter. So:

* A meter that has followed since the start is distrusted after four misses in a row, a new one after one.
* Distrusted, the car is stopped and tried once more after the minimum off time; the next miss is latched. The
  stop itself may prove the meter right; it is never counted as a miss.
* A car that is found charging is lowered to the least once: its step is what a meter is judged by.
* In doubt, raises are small: a start at the least current, then 2 A at a time, each waiting for its verdict.
* A car that still ramps is not judged: the import is a mean over the time since the last decision.
* The level to compare with is the last before the car moved: it follows as long as the car stands still.
  What sun and battery report of themselves is taken out first.
"""

from dataclasses import dataclass, replace

from controller.cars.session import phases_used
from controller.limits import Limits
from controller.line.latches import Latch
from controller.model import Ceiling, Charge, Command, Off, Quality, SiteSnapshot, Wish
from controller.units import NOMINAL_VOLTAGE_V

STEP_A = 2
"""The least change per phase that says something."""

FOLLOWS = 0.5
"""This share of the car's change must show in the import."""

STILL_W = 150.0
"""A car that moves by less stands still."""

SLACK = 0.85
"""Cars draw up to half an ampere less than the offer: 1.7 A of 2 A count as the step."""

EXPORT_W = 200.0
"""More than this fed in while nothing here can feed in is a turned sign."""

TURNED = -0.25
"""Below this the import moved the other way: a turned sign rather than no answer."""

DOUBTS = 4
"""So many misses in a row end the trust in a meter that has followed before (measured: docs/adr/0008)."""


@dataclass(frozen=True, slots=True)
class Level:
    """Powers of one moment in W: grid import less what the house battery took, sun where known, car."""

    import_w: float
    car_w: float
    pv_w: float | None

    def import_moved_w(self, now: "Level") -> float:
        """Return by how much the import moved since, the sun's part taken out where it is known."""
        sun_w = now.pv_w - self.pv_w if now.pv_w is not None and self.pv_w is not None else 0.0
        return now.import_w - self.import_w + sun_w


@dataclass(frozen=True, slots=True)
class Response:
    """What is remembered: whether the meter is trusted, misses in a row, the level before a movement.

    `missed_s` is set from the stop until the next try may begin, `moved_s` while a movement is being judged.
    """

    trusted: bool = False
    misses: int = 0
    stopped: bool = False
    missed_s: float | None = None
    before: Level | None = None
    moved_s: float | None = None
    last_car_w: float | None = None
    seen: str = ""
    export_s: float | None = None
    excused: bool = False
    """A person has acknowledged that something feeds in this night."""


def observe(
    response: Response, snap: SiteSnapshot, in_force: Command, limits: Limits
) -> tuple[Response, tuple[str, ...], Latch | None]:
    """Return what is remembered after this snapshot, notes worth an event, and what must be latched."""
    if limits.response_s is None:
        return response, (), None
    waited = response.missed_s is not None and snap.now_s - response.missed_s >= limits.min_off_s
    if waited and response.moved_s is None:  # the stop itself has been looked at
        response = replace(response, missed_s=None)
    response, alarm = _night(response, snap, limits.response_s)
    before, paired = response.before, _level(snap)
    level = paired if paired is not None or before is None else _unpaired(snap)
    if alarm is not None or level is None:
        return response, (), alarm
    moved_w = level.car_w - before.car_w if before is not None else 0.0
    if before is None or (response.moved_s is None and abs(moved_w) < STILL_W):
        return replace(response, before=paired or before), (), None
    moved_s = response.moved_s if response.moved_s is not None else snap.now_s
    steady = response.last_car_w is not None and abs(level.car_w - response.last_car_w) < STILL_W
    response = replace(response, moved_s=moved_s, last_car_w=level.car_w)
    phases = in_force.phases if isinstance(in_force, Charge) else snap.phases_set
    enough = abs(moved_w) >= SLACK * STEP_A * phases * NOMINAL_VOLTAGE_V
    share = before.import_moved_w(level) / moved_w if enough else 0.0
    if enough and share >= FOLLOWS and steady and paired is not None:
        return Response(True, before=level, export_s=response.export_s, excused=response.excused), (), None
    if snap.now_s - moved_s < limits.response_s * (1 if steady else 2):
        return response, (), None
    if not enough:
        # Small steps one after the other are one: in doubt, the level before the first is kept.
        return replace(response, before=level if response.trusted else before, moved_s=None), (), None
    response = replace(response, before=level, moved_s=None, last_car_w=None)
    if response.missed_s is not None:
        return response, (), None
    return _missed(response, before, level, share, snap.now_s)


def _night(response: Response, snap: SiteSnapshot, longest_s: float) -> tuple[Response, Latch | None]:
    """Return what is remembered of feed-in at night, and the latch once it has lasted."""
    exporting = snap.grid_import_w is not None and snap.grid_import_w < -EXPORT_W
    if not (snap.dark and exporting and snap.grid_quality is Quality.FRESH):
        if response.export_s is not None or (response.excused and not snap.dark):
            response = replace(response, export_s=None, excused=response.excused and snap.dark)
        return response, None
    if response.excused:
        return response, None
    if response.export_s is None:
        return replace(response, export_s=snap.now_s), None
    if snap.now_s - response.export_s < longest_s:
        return response, None
    what = f"{-(snap.grid_import_w or 0.0):.0f} W are fed in at night: the meter counts the wrong way round"
    return replace(response, export_s=None), Latch("sign_flip", what)


def _level(snap: SiteSnapshot) -> Level | None:
    """Return the powers of now, None where meter and charger cannot be brought to the same moment."""
    if snap.base_import_w is None:
        return None
    charging_w = max(snap.battery_charge_w or 0.0, 0.0)  # what a battery gives is in the base already
    return Level(snap.base_import_w + snap.car_power_w - charging_w, snap.car_power_w, snap.pv_yield_w)


def _unpaired(snap: SiteSnapshot) -> Level | None:
    """Return the newest powers of meter and charger, of moments seconds apart; None unless both are fresh.

    The reading of a meter that repeats itself is of no known moment, and it is this one that must be found
    out. Good enough for a miss after a minute, never for a proof.
    """
    fresh = snap.grid_quality is Quality.FRESH and snap.charger_quality is Quality.FRESH
    if not fresh or snap.grid_import_w is None:
        return None
    return Level(snap.grid_import_w - (snap.battery_charge_w or 0.0), snap.car_power_w, snap.pv_yield_w)


def _missed(
    response: Response, before: Level, now: Level, share: float, now_s: float
) -> tuple[Response, tuple[str, ...], Latch | None]:
    """Return what a miss leads to: doubt, a stop and one more try, or the latch."""
    moved_w, import_w = now.car_w - before.car_w, before.import_moved_w(now)
    seen = f"the car went {moved_w:+.0f} W and the grid import {import_w:+.0f} W"
    response = replace(response, misses=response.misses + 1, seen=seen)
    if response.trusted and response.misses < DOUBTS:
        return response, (), None
    if not response.stopped:
        note = f"the meter does not follow the car: {seen}; stopped, it is tried once more"
        return replace(response, trusted=False, stopped=True, missed_s=now_s), (note,), None
    kind = "sign_flip" if share < TURNED else "step_response"
    what = "the meter counts the wrong way round" if kind == "sign_flip" else "the meter does not follow"
    return replace(response, missed_s=now_s), (), Latch(kind, f"{what}: {seen}, once more after a stop")


def _found_charging(response: Response, snap: SiteSnapshot, present: Charge, least_a: int) -> bool:
    """Return whether the car drew already when the meter was first read, and lowering it is a step to judge.

    One found at 7 A is left there: the next raise by 2 A says it, while 6 and 8 A in turn never would.
    """
    if response.trusted or response.stopped or response.moved_s is not None or response.before is None:
        return False
    step_w = SLACK * STEP_A * present.phases * NOMINAL_VOLTAGE_V
    lowered_w = least_a * _drawn_on(snap, present) * NOMINAL_VOLTAGE_V
    return response.before.car_w - lowered_w >= step_w


def _drawn_on(snap: SiteSnapshot, present: Charge) -> int:
    """Return on how many phases the car draws, as its charger measures it; all it may where it does not."""
    drawn = phases_used(snap.charger) if snap.charger is not None else 0
    return min(drawn, present.phases) or present.phases


def probing(wish: Wish, response: Response, snap: SiteSnapshot, present: Command, limits: Limits) -> Wish:
    """Return the wish, or the least current once for a car whose own step was never seen."""
    if limits.response_s is None or isinstance(present, Off) or isinstance(wish.target, Off):
        return wish
    least_a = snap.admissible.min_current_a
    if least_a >= present.current_a or not _found_charging(response, snap, present, least_a):
        return wish
    reason = "the meter has yet to be seen to follow the car: lowered to see it"
    return Wish(Charge(least_a, present.phases), reason, wish.facts)


def bounded(
    top: Ceiling, response: Response, snap: SiteSnapshot, present: Command, limits: Limits
) -> Ceiling:
    """Return the ceiling while the meter is in doubt; never higher."""
    if limits.response_s is None or (response.trusted and response.misses == 0):
        return top
    if response.missed_s is not None:
        source = f"the meter does not follow the car ({response.seen})"
        lower = limits.blind_a < top.reduce_to_a
        reduce_to_a = limits.blind_a if lower else top.reduce_to_a
        return Ceiling(0, 0, reduce_to_a, source, source if lower else top.reduce_source)
    least_a = snap.admissible.min_current_a
    most = [least_a, least_a]
    if isinstance(present, Charge):
        most[present.phases == 3] = present.current_a + STEP_A if _may_step(response, snap) else 0
    one_a, three_a = min(top.raise_one_a, most[0]), min(top.raise_three_a, most[1])
    if (one_a, three_a) == (top.raise_one_a, top.raise_three_a):
        return top
    source = "the meter has yet to be seen to follow the car"
    return replace(top, raise_one_a=one_a, raise_three_a=three_a, source=source)


def _may_step(response: Response, snap: SiteSnapshot) -> bool:
    """Return whether the last step has been judged, or the car may need more to draw at all."""
    return response.moved_s is None and (snap.car_power_w > STILL_W or snap.car.try_higher)
