"""Learn the car from what it does with our offers, one charger report at a time.

Theory of operation. A read is *settled* when offer and draw have both stood still for twice the time a
command needs to show. What is learned, and what it is kept apart from:

    phases used     settled reads on three phases         a full car drops phases: fewer than were seen since
                                                          plug-in count for nothing
    least current   nothing drawn for 60 s, then drawn    a full or sleeping car draws nothing either: only
                    within 2 min of a higher offer        the higher offer it takes tells the two apart
    most current    settled well below the offer          the taper at the end: less than was drawn before
    power           the most of all settled reads         a peak, which is over before it is settled
    offset, ramp    settled reads near the offer; steps of 2 A and more
    pauses          nothing drawn for 2 min after our stop and start, though it drew well until the stop

What was learned can narrow what is wished and the ceiling; nothing in here raises either.
"""

from dataclasses import dataclass, replace

from controller.cars.car import (
    DEFAULT_KEY,
    LIMIT_MOST,
    OFFSET_MOST,
    PHASES_MOST,
    RAMP_MOST,
    SEEN_TWICE,
    CarRecord,
    Estimate,
    KnownCar,
    key_of,
    known_as,
    learned,
    traits,
)
from controller.cars.session import (
    DRAWS_A,
    GAP_S,
    NEAR_A,
    STEADY_A,
    Session,
    followed,
    interrupted,
    needed_a,
    overdrawn,
    try_higher,
)
from controller.limits import Limits
from controller.line.link import Link
from controller.model import NEUTRAL_CAR, CarState, CarTraits, Ceiling, Charge, ChargerStatus, Off
from controller.units import NOMINAL_VOLTAGE_V

WELL_A = 5.0
"""A draw that is no trickle: 6 A less the most cars undershoot."""

PROVEN_STEP_W = 100.0
"""Less than this more is no news of what a car takes."""

REFUSED_S = 60.0
ACCEPTS_S = 120.0
"""Nothing drawn for so long is refused, if a higher offer is taken within this time."""


@dataclass(frozen=True, slots=True)
class Garage:
    """The car at the cable: its record, its traits, its session; the others, and what the config names."""

    record: CarRecord = CarRecord()  # noqa: RUF009 - frozen
    others: tuple[CarRecord, ...] = ()
    known: tuple[KnownCar, ...] = ()
    traits: CarTraits = NEUTRAL_CAR
    session: Session = Session()  # noqa: RUF009 - frozen

    @property
    def own(self) -> KnownCar | None:
        """Return what the config says of the present car."""
        return known_as(self.record.key, self.known)


def garage(records: tuple[CarRecord, ...] = (), known: tuple[KnownCar, ...] = ()) -> Garage:
    """Return the garage of a controller that has seen no car yet; the car no card names comes first."""
    record = next((item for item in records if item.key == DEFAULT_KEY), CarRecord())
    others = tuple(item for item in records if item.key != DEFAULT_KEY)
    return Garage(record, others, known, traits(record, known_as(DEFAULT_KEY, known)))


def observe(
    cars: Garage, status: ChargerStatus | None, link: Link, limits: Limits
) -> tuple[Garage, tuple[str, ...]]:
    """Return what is known after the newest report, and notes worth an event; nothing new is nothing done."""
    session = cars.session
    if status is None or status.current_a is None:
        return cars, ()
    if session.seen_s is not None and status.data_s <= session.seen_s:
        return cars, ()
    if not link.connected:
        return (_unplugged(cars) if session.connected else cars), ()
    if link.told_s is not None and link.told_s < status.data_s:
        return cars, ()  # this report leaves out what is offered: no draw can be held against it
    before = cars.traits
    cars = _identified(cars, status)
    before = before if cars.session.connected else cars.traits
    session = followed(cars.session, status, link)
    session, record, notes = interrupted(session, cars.record, status, link)
    session, record = _judged(session, record, status, limits)
    session, over = overdrawn(session, status.data_s, limits)
    own, higher = cars.traits, try_higher(session)
    if record is not cars.record or own.try_higher != higher:
        own = traits(record, cars.own)
        own = replace(own, try_higher=True) if higher else own
    notes = (*notes, *over, *learned(before, own))
    return Garage(record, cars.others, cars.known, own, session), notes


def bounded(top: Ceiling, cars: Garage) -> Ceiling:
    """Return the ceiling under what the config allows this car and its over-drawing left; never higher."""
    most_a, cap_a = cars.traits.max_current_a, cars.session.cap_a
    if most_a is not None and (most_a < top.raise_one_a or most_a < top.raise_three_a):
        raises = min(top.raise_one_a, most_a), min(top.raise_three_a, most_a)
        top = replace(
            top, raise_one_a=raises[0], raise_three_a=raises[1], source=f"maximum of {cars.traits.name}"
        )
    if cap_a is None:
        return top
    reason = "the car drew more than it was offered" + ("; unplug it" if cap_a == 0 else "")
    lowers = cap_a < top.reduce_to_a
    return Ceiling(
        min(top.raise_one_a, cap_a),
        min(top.raise_three_a, cap_a),
        min(top.reduce_to_a, cap_a),
        reason,
        reason if lowers else top.reduce_source,
    )


def _unplugged(cars: Garage) -> Garage:
    record = cars.record.faded()
    return Garage(record, cars.others, cars.known, traits(record, cars.own), Session())


def _identified(cars: Garage, status: ChargerStatus) -> Garage:
    """Return the garage turned to the car the transaction names; one that is lost on the way changes none."""
    if cars.session.connected:
        if status.transaction and key_of(status.transaction) != cars.record.key:
            return _turned_to(replace(cars, session=Session()), key_of(status.transaction))
        return cars
    return _turned_to(cars, key_of(status.transaction))


def _turned_to(cars: Garage, key: str) -> Garage:
    if key == cars.record.key:
        return cars
    everyone = (cars.record, *cars.others)
    record = next((item for item in everyone if item.key == key), CarRecord(key))
    others = tuple(item for item in everyone if item.key != key)
    return Garage(record, others, cars.known, traits(record, known_as(key, cars.known)), cars.session)


def _judged(
    session: Session, record: CarRecord, status: ChargerStatus, limits: Limits
) -> tuple[Session, CarRecord]:
    """Return session and record after what this report says of current, ramp and phases."""
    offer, now_s = session.offer, status.data_s
    if isinstance(offer, Off):
        return session, record
    age_s = now_s - session.offer_s
    if session.draw_a <= DRAWS_A:
        idle = status.car in (CarState.WAITING, CarState.COMPLETE)
        asleep = session.unresumed_s is not None or session.restart_s is not None
        low = not asleep or offer.current_a < needed_a(session, record)
        if idle and low and age_s >= REFUSED_S and session.refused_a < offer.current_a:
            session = replace(session, refused_a=offer.current_a)
        return session, record
    if session.refused_a:
        if offer.current_a > session.refused_a and age_s <= ACCEPTS_S:
            accepted_a = record.accepted_a if record.accepted_a.value > session.refused_a else Estimate()
            refused_a = _refused(record.refused_a, session.refused_a)
            record = replace(record, refused_a=refused_a, accepted_a=accepted_a)
        session = replace(session, refused_a=0)
    if session.ramping:
        session, record = _ramped(session, record, offer, age_s)
    settled_s = 2 * limits.verify_after_s
    if age_s >= settled_s and now_s - session.steady_s >= settled_s:
        record = _settled(session, record, offer, status)
        if not session.judged:
            session, record = replace(session, judged=True), _once(session, record, offer)
    return session, record


def _refused(known: Estimate, refused_a: int) -> Estimate:
    """Return the refused current after a proof: it begins with the lower, and climbs an ampere at a time."""
    weight = min(known.weight + 1.0, LIMIT_MOST)
    if known.weight < 0.5:
        return Estimate(float(refused_a), 1.0)
    if known.weight < SEEN_TWICE:
        return Estimate(min(known.value, float(refused_a)), weight)
    return Estimate(known.value + 1.0, weight) if refused_a > known.value else Estimate(known.value, weight)


def _ramped(session: Session, record: CarRecord, offer: Charge, age_s: float) -> tuple[Session, CarRecord]:
    """Return both once 90 % of a change is drawn; one that does not come about in a minute says nothing."""
    target_a = offer.current_a + record.offset_a.value
    if record.most_a.weight >= SEEN_TWICE:
        target_a = min(target_a, record.most_a.value)
    change_a = target_a - session.before_a
    if abs(change_a) < NEAR_A or age_s > GAP_S:
        return replace(session, ramping=False), record
    if (session.draw_a - session.before_a) / change_a < 0.9:
        return session, record
    return replace(session, ramping=False), replace(record, ramp_s=record.ramp_s.averaged(age_s, RAMP_MOST))


def _settled(session: Session, record: CarRecord, offer: Charge, status: ChargerStatus) -> CarRecord:
    """Return the record after a settled read: how many phases, how much, how far beside the offer."""
    drawn = [current_a for current_a in status.current_a or () if current_a > DRAWS_A]
    used, phases, offset_a = len(drawn), record.phases, record.offset_a
    if offer.phases == 3 and session.draw_a >= WELL_A and used >= session.most_phases:
        phases = phases.voted(used, PHASES_MOST)
    beside_a = sum(drawn) / used - offer.current_a
    if abs(beside_a) <= NEAR_A:
        offset_a = offset_a.averaged(beside_a, OFFSET_MOST)
    power_w = sum(drawn) * NOMINAL_VOLTAGE_V
    proven_w = power_w if power_w > record.proven_w + PROVEN_STEP_W else record.proven_w
    if phases is record.phases and offset_a is record.offset_a and proven_w == record.proven_w:
        return record
    return replace(record, phases=phases, offset_a=offset_a, proven_w=proven_w)


def _once(session: Session, record: CarRecord, offer: Charge) -> CarRecord:
    """Return the record after a whole settled offer: what it accepts, and the most it takes."""
    draw_a, offer_a = session.draw_a, float(offer.current_a)
    if draw_a >= 0.7 * offer_a:
        accepted, refused = record.accepted_a, record.refused_a
        if accepted.weight == 0 or offer_a < accepted.value:
            accepted = Estimate(offer_a, 1.0)
        elif offer_a == accepted.value:
            accepted = Estimate(offer_a, min(accepted.weight + 1.0, LIMIT_MOST))
        if offer_a <= refused.value:
            refused = Estimate(refused.value, refused.weight / 2) if refused.weight >= 2.0 else Estimate()
        if accepted is not record.accepted_a or refused is not record.refused_a:
            record = replace(record, accepted_a=accepted, refused_a=refused)
    most, limited = record.most_a, draw_a <= offer_a - NEAR_A
    if most.weight and draw_a > most.value + STEADY_A:
        most = Estimate(draw_a, 1.0) if limited else Estimate()
    elif limited and draw_a >= max(WELL_A, session.most_a - STEADY_A):
        most = most.averaged(draw_a, LIMIT_MOST)
    return record if most is record.most_a else replace(record, most_a=most)
