"""What is remembered of the car at the cable since it was plugged in, and the two answers that belong to it.

Theory of operation. A charger report says what is offered and what flows. An *offer* lasts as long as the box
offers the same on the same phases. Two things end with the plug-in and not with the car:

* a car that does not come back within 2 min of a pause or a phase change, though it drew well before, gets
  one more stop and start, five minutes later; the second time it is left alone;
* a car that draws more than it is offered is lowered by a step, then stopped until it is unplugged.
"""

from dataclasses import dataclass, replace
from enum import Enum

from controller.cars.car import FAILING_MOST, SEEN_TWICE, CarRecord
from controller.limits import Limits
from controller.line.link import Link, offered
from controller.model import CarState, Charge, ChargerStatus, Command, Force, Off, amps
from controller.units import MIN_CURRENT_A

GAP_S = 60.0
"""After a longer silence nobody knows what happened meanwhile; the offer counts as new."""

DRAWS_A = 1.0
"""Above this a phase is used; below, it is the electronics (chosen, as openWB does)."""

NEAR_A = 1.0
"""A draw this close to the offer follows it (openWB's nominal difference)."""

STEADY_A = 0.5
STEP_A = 2
UNRESUMED_S = 120.0
TRIES = 3
TRY_BELOW_A = 10
"""An offer nobody takes is raised at most three times, and not from 10 A on: no known car needs more."""

OVER_SHARE, OVER_A, OVER_S = 1.1, 0.5, 10.0
"""A draw beyond offer + 10 % + 0.5 A for 10 s is a fault (the band of EVerest)."""


class Retry(Enum):
    """Where the one gentle retry of a plug-in stands."""

    NONE = "none"
    ARMED = "armed"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Session:
    """What is remembered of the car since it was plugged in; times are those of the charger's data."""

    seen_s: float | None = None
    connected: bool = False
    offer: Command = Off()  # noqa: RUF009 - frozen
    offer_s: float = 0.0
    before_a: float = 0.0
    ramping: bool = False
    judged: bool = False
    draw_a: float = 0.0
    steady_a: float = 0.0
    steady_s: float = 0.0
    most_a: float = 0.0
    most_phases: int = 0
    refused_a: int = 0
    tries: int = 0
    well_a: int = 0
    paused_a: int = 0
    by_stop: bool = False
    restart_s: float | None = None
    unresumed_s: float | None = None
    retry: Retry = Retry.NONE
    over_s: float | None = None
    cap_a: int | None = None


def _offer(status: ChargerStatus, link: Link) -> Command:
    """Return what the car is offered by the box itself, its own limits included."""
    command, _ = offered(link.knobs, status, link.phases_set)
    if isinstance(command, Off) or status.allowed is False:
        return Off()
    most_a = command.current_a
    if status.hardware_limit_a is not None and status.hardware_limit_a < MIN_CURRENT_A:
        return Off()  # the box lets nothing flow, whatever is set
    for limit_a in (status.hardware_limit_a, status.offered_a):
        if limit_a is not None and MIN_CURRENT_A <= limit_a < most_a:
            most_a = limit_a
    return command if most_a == command.current_a else Charge(most_a, command.phases)


def followed(session: Session, status: ChargerStatus, link: Link) -> Session:
    """Return the session with this report: a new offer or the same, and how long the draw has stood still."""
    assert status.current_a is not None
    now_s, draw_a = status.data_s, max(max(status.current_a), 0.0)
    offer, last_s = _offer(status, link), session.seen_s
    gap = last_s is None or now_s - last_s > GAP_S
    changed = gap or offer != session.offer
    steady = not gap and abs(draw_a - session.steady_a) <= STEADY_A
    tries = session.tries
    if draw_a > DRAWS_A:
        tries = 0
    elif changed and session.refused_a and amps(offer) > amps(session.offer) > 0:
        tries += 1
    # Every field by hand: `replace` was the dearest part of a report, a third of its time under the profiler.
    return Session(
        seen_s=now_s,
        connected=True,
        offer=offer,
        offer_s=_middle(last_s, now_s) if changed else session.offer_s,
        before_a=session.draw_a if changed else session.before_a,
        ramping=_is_step(session, offer) and not gap if changed else session.ramping,
        judged=False if changed else session.judged,
        draw_a=draw_a,
        steady_a=session.steady_a if steady else draw_a,
        steady_s=session.steady_s if steady else now_s,
        most_a=max(session.most_a, draw_a),
        most_phases=max(session.most_phases, phases_used(status)),
        refused_a=session.refused_a,
        tries=tries,
        well_a=session.well_a,
        paused_a=session.paused_a,
        by_stop=session.by_stop,
        restart_s=session.restart_s,
        unresumed_s=session.unresumed_s,
        retry=session.retry,
        over_s=None if changed else session.over_s,
        cap_a=session.cap_a,
    )


def _middle(last_s: float | None, now_s: float) -> float:
    """Return when something between two reports happened, as well as it can be known."""
    return now_s if last_s is None or now_s - last_s > GAP_S else (last_s + now_s) / 2


def phases_used(status: ChargerStatus) -> int:
    return sum([current_a > DRAWS_A for current_a in status.current_a or ()])


def _is_step(session: Session, offer: Command) -> bool:
    """Return whether the change from the last offer to this one shows how fast the car follows."""
    last = session.offer
    if isinstance(last, Off) or isinstance(offer, Off) or last.phases != offer.phases:
        return False
    follows = abs(session.draw_a - last.current_a) <= NEAR_A
    return follows and abs(offer.current_a - last.current_a) >= STEP_A


def interrupted(
    session: Session, record: CarRecord, status: ChargerStatus, link: Link
) -> tuple[Session, CarRecord, tuple[str, ...]]:
    """Return session and record after pauses and phase changes: did the car come back?"""
    now_s, offer = status.data_s, session.offer
    if isinstance(offer, Off):
        retry = Retry.USED if session.retry is Retry.ARMED else session.retry
        if session.well_a:
            by_stop = status.force is Force.OFF and not link.yielded
            return (
                replace(
                    session,
                    paused_a=session.well_a,
                    well_a=0,
                    by_stop=by_stop,
                    restart_s=None,
                    unresumed_s=None,
                    retry=retry,
                ),
                record,
                (),
            )
        if session.restart_s is not None or session.unresumed_s is not None or retry is not session.retry:
            session = replace(session, restart_s=None, unresumed_s=None, retry=retry)
        return session, record, ()
    if session.draw_a > DRAWS_A:
        if session.paused_a and session.by_stop and session.unresumed_s is None:
            record = replace(record, resumed=record.resumed + 1, failing=0.0)
        return _drawing(session, record), record, ()
    if not session.paused_a or session.unresumed_s is not None:
        return (replace(session, well_a=0) if session.well_a else session), record, ()
    if session.restart_s is None:
        return replace(session, restart_s=session.offer_s, well_a=0), record, ()
    idle = status.car in (CarState.WAITING, CarState.COMPLETE)
    if amps(offer) < needed_a(session, record):  # the wait begins when enough is offered
        return replace(session, restart_s=now_s), record, ()
    if now_s - session.restart_s < UNRESUMED_S or not idle:
        return session, record, ()
    return _unresumed(session, record)


def needed_a(session: Session, record: CarRecord) -> float:
    """Return the current at which the car is known to charge: with less it need not be asleep."""
    return record.accepted_a.value if record.accepted_a.weight else session.paused_a


def _drawing(session: Session, record: CarRecord) -> Session:
    """Return the session of a car that draws: no pause is open, and whether it takes what it may."""
    offer_a = amps(session.offer)
    whole_a = min(float(offer_a), record.most_a.value) if record.most_a.weight >= SEEN_TWICE else offer_a
    well_a = offer_a if session.draw_a >= 0.8 * whole_a else 0
    idle = session.paused_a == 0 and session.unresumed_s is None and session.restart_s is None
    if idle and well_a == session.well_a:
        return session
    retry = Retry.NONE if session.retry is Retry.ARMED else session.retry
    return replace(session, well_a=well_a, paused_a=0, restart_s=None, unresumed_s=None, retry=retry)


def _unresumed(session: Session, record: CarRecord) -> tuple[Session, CarRecord, tuple[str, ...]]:
    """Return both after a car did not come back; the second time in a plug-in it is left alone."""
    if session.by_stop:
        failing = min(record.failing + 1.0, FAILING_MOST)
        record = replace(record, failed=record.failed + 1, failing=failing)
    what = "pause" if session.by_stop else "interruption"
    first = session.retry is Retry.NONE
    after = "one more stop and start follows" if first else "it is left alone until it is unplugged"
    session = replace(
        session,
        restart_s=None,
        unresumed_s=session.restart_s,
        retry=Retry.ARMED if first else session.retry,
        paused_a=session.paused_a if first else 0,
    )
    return session, record, (f"this car did not resume after the {what}; {after}",)


def overdrawn(session: Session, now_s: float, limits: Limits) -> tuple[Session, tuple[str, ...]]:
    """Return the session with the cap of a car that draws more than it is offered: one step, then nothing."""
    offer_a = amps(session.offer)
    over = offer_a > 0 and session.draw_a > OVER_SHARE * offer_a + OVER_A
    if not over or now_s - session.offer_s < limits.verify_after_s:
        return (replace(session, over_s=None) if session.over_s is not None else session), ()
    if session.over_s is None:
        return replace(session, over_s=now_s), ()
    if now_s - session.over_s < OVER_S or (session.cap_a is not None and offer_a > session.cap_a):
        return session, ()
    again = session.cap_a is not None
    cap_a = offer_a - 1 if not again and offer_a > MIN_CURRENT_A else 0
    drew = f"this car draws {session.draw_a:.1f} A of {offer_a} A offered"
    what = f"lowered to {cap_a} A" if cap_a else "stopped"
    return replace(session, cap_a=cap_a), (f"{drew}: {what}",)


def try_higher(session: Session) -> bool:
    """Return whether a higher offer is worth a try: all so far were low and refused, and it is not asleep."""
    here_a, asleep = amps(session.offer), session.unresumed_s is not None
    low = 0 < here_a <= session.refused_a < TRY_BELOW_A
    return low and session.tries < TRIES and not asleep


def retry_due(session: Session, now_s: float, limits: Limits) -> bool:
    """Return whether the car that did not come back should get its one stop and start now."""
    if session.retry is not Retry.ARMED or session.unresumed_s is None or session.draw_a > DRAWS_A:
        return False
    return now_s - session.unresumed_s >= limits.min_off_s
