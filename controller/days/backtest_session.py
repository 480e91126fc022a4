"""A car's stay at a recorded house: prices by the slot, a departure, a need, a plan made anew every quarter.

The plant is that of the backtest. The car is full at some point and then stops by itself. The plan knows the
prices that were published by then and a forecast of the sun, never what comes; the bill is that of the prices
that held. Instants are UTC seconds since 1970, seconds of the run count from plug-in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from controller.days.backtest import BACKTEST_LIMITS, CHARGER_POLL_S, TICK_S, Line
from controller.days.plant import NEVER_S, Bill, Plant, Run
from controller.horizon import PriceSlot, SurplusSlot, slot_at
from controller.limits import Limits
from controller.model import CarState, ChargerStatus, Decision, Need, Prices, Strategy, Worth
from controller.planner.plan import Plan, PlannedSlot, make_plan
from controller.planner.task import SLOT_S, Departure, Task, make_slots

MISSED_CT_PER_KWH = 200.0
"""What a kWh counts that is missing at a departure: more than any price of electricity (planning.md 3.1)."""

WORTH_FOR_S = 1800.0
"""How long a value counts after its plan was made: two slots."""

FULL_WH = 1.0
"""A car this near to full is full."""


@dataclass(frozen=True, slots=True)
class Session:
    """One stay, from plug-in at `begin_s`; `surplus_w` is PV less house load, one value a second.

    `departures` want so much since plug-in. The car takes `room_wh` at most, None: it is never full.
    `prices` are what is paid, in order and without a gap. `later_value_ct` is what a kWh beyond the needs is
    worth, in ct.
    """

    trace: str
    begin_s: float
    surplus_w: Sequence[float]
    prices: Sequence[PriceSlot]
    departures: tuple[Departure, ...] = ()
    room_wh: float | None = None
    later_value_ct: float = 10.0

    @property
    def duration_s(self) -> int:
        """Return how long the car stays."""
        return len(self.surplus_w)

    @property
    def need_wh(self) -> float:
        """Return all that is wanted."""
        return max((departure.need_wh for departure in self.departures), default=0.0)

    def price_at(self, second: int) -> PriceSlot:
        """Return what holds at a second of the stay. Raises ValueError in a gap."""
        found = slot_at(self.prices, self.begin_s + second)
        if found is None:
            raise ValueError(f"{self.trace}: no price at second {second} of the stay")
        return found


@dataclass(frozen=True, slots=True)
class Foreknowledge:
    """What a plan may know at an instant (UTC) of the time until another: prices and surplus."""

    prices: Callable[[float, float], Sequence[PriceSlot]]
    surplus: Callable[[float, float], Sequence[SurplusSlot]]


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What came of a stay; energies in kWh, money in ct, `full_power_s` is how long the offer was the most.

    `missed_kwh` was missing at the departures, `extra_kwh` came beyond the need. `cost_ct` is the bill, plus
    what is missing at `MISSED_CT_PER_KWH`, less what is beyond at its later value; `switching_ct` is beside.
    """

    trace: str
    begin: str
    hours: float
    strategy: str
    need_kwh: float
    ev_kwh: float
    missed_kwh: float
    extra_kwh: float
    import_kwh: float
    import_ev_kwh: float
    export_kwh: float
    writes: int
    starts: int
    phase_changes: int
    bill_ct: float
    switching_ct: float
    cost_ct: float


@dataclass(slots=True)
class FillingPlant(Plant):
    """The plant with a car that stops when it is full."""

    full: bool = False

    def steady_until_s(self, at_s: int) -> int:
        """Return until when `target_w` holds if no write arrives and the car does not fill."""
        return NEVER_S if self.full else Plant.steady_until_s(self, at_s)

    def target_w(self, at_s: int) -> float:
        """Return what the car tends to, in W."""
        return 0.0 if self.full else Plant.target_w(self, at_s)

    def status(self, at_s: float) -> ChargerStatus:
        """Return what the box reports."""
        report = Plant.status(self, at_s)
        return replace(report, car=CarState.COMPLETE) if self.full and not self.drawing else report


@dataclass(slots=True)
class Stay(Run):
    """A session being lived, whoever decides: the bill by the slot, what was missing, the car that fills.

    Every 5 s it is seen whether the car is full, every 10 s what has flowed is booked at its price.
    """

    session: Session = field(kw_only=True)
    missed_wh: list[float] = field(default_factory=list)
    bill: Bill = field(init=False)
    _booked_s: int = 0

    def __post_init__(self) -> None:
        self.bill = Bill(self.meters)

    @classmethod
    def of(cls, session: Session) -> "Stay":
        """Return a stay that begins."""
        return cls(session.surplus_w, FillingPlant(), session=session)

    @property
    def ev_wh(self) -> float:
        """Return what the car has taken since plug-in."""
        return self.meters.ev / 3600

    def advance(self, until_s: int) -> None:
        """Let the seconds up to this one pass."""
        while self.now_s < until_s:
            Run.advance(self, min((self.now_s // CHARGER_POLL_S + 1) * CHARGER_POLL_S, until_s))
            room_wh = self.session.room_wh
            if room_wh is not None and isinstance(self.plant, FillingPlant):
                self.plant.full = self.ev_wh >= room_wh - FULL_WH
            if self.now_s % TICK_S == 0 or self.now_s == self.session.duration_s:
                self._book()

    def _book(self) -> None:
        self.bill.book(self.session.price_at(self._booked_s))
        for departure in self.session.departures:
            if self._booked_s < departure.at_s - self.session.begin_s <= self.now_s:
                short_wh = departure.need_wh - self.ev_wh
                self.missed_wh.append(short_wh if short_wh > FULL_WH else 0.0)
        self._booked_s = self.now_s

    def result(self, name: str, switching: Prices = Prices()) -> SessionResult:  # noqa: B008 - frozen
        """Return the score of a stay that is over."""
        session, plant, meters, kwh = self.session, self.plant, self.meters, 3.6e6
        missed_kwh = sum(self.missed_wh) / 1000
        extra_kwh = max(self.ev_wh - session.need_wh, 0.0) / 1000
        return SessionResult(
            trace=session.trace,
            begin=datetime.fromtimestamp(session.begin_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            hours=session.duration_s / 3600,
            strategy=name,
            need_kwh=session.need_wh / 1000,
            ev_kwh=meters.ev / kwh,
            missed_kwh=missed_kwh,
            extra_kwh=extra_kwh,
            import_kwh=meters.imported / kwh,
            import_ev_kwh=meters.imported_ev / kwh,
            export_kwh=meters.exported / kwh,
            writes=self.writes,
            starts=plant.starts,
            phase_changes=plant.phase_changes,
            bill_ct=self.bill.ct,
            switching_ct=switching.write_ct * self.writes
            + switching.start_ct * plant.starts
            + switching.phase_change_ct * plant.phase_changes,
            cost_ct=self.bill.ct + MISSED_CT_PER_KWH * missed_kwh - session.later_value_ct * extra_kwh,
        )


@dataclass(slots=True)
class Planner:
    """The plan of a stay, made at plug-in, at every quarter of an hour, and when a need has been met."""

    stay: Stay
    known: Foreknowledge
    switching: Prices
    plan: Plan | None = None
    _next_s: float = float("-inf")
    _open: int = 0

    def at(self, now: int) -> PlannedSlot | None:
        """Return the slot that holds at this second, planned anew if it is time."""
        at_s, missing = self.stay.session.begin_s + now, self.missing(now)
        if at_s >= self._next_s or len(missing) != self._open:
            self.plan = make_plan(self._task(at_s, missing))
            self._next_s, self._open = (at_s // SLOT_S + 1) * SLOT_S, len(missing)
        return self.plan.at(at_s) if self.plan is not None else None

    def missing(self, now: int) -> list[Departure]:
        """Return what the departures ahead still want."""
        session, ev_wh = self.stay.session, self.stay.ev_wh
        ahead = [d for d in session.departures if d.at_s > session.begin_s + now]
        left = [Departure(d.at_s, d.need_wh - ev_wh) for d in ahead]
        return [d for d in left if d.need_wh > FULL_WH]

    def _task(self, at_s: float, departures: Sequence[Departure]) -> Task:
        stay, session = self.stay, self.stay.session
        end_s = session.begin_s + session.duration_s
        return Task(
            slots=make_slots(
                at_s, end_s, self.known.prices(at_s, end_s), self.known.surplus(at_s, end_s), departures
            ),
            departures=tuple(departures),
            later_value_ct=session.later_value_ct,
            room_wh=None if session.room_wh is None else max(session.room_wh - stay.ev_wh, 0.0),
            phases_now=stay.plant.phases,
            charging_now=stay.plant.drawing,
            start_ct=self.switching.start_ct,
            phase_change_ct=self.switching.phase_change_ct,
        )


SessionRecorder = Callable[[int, Stay, PlannedSlot | None, Decision], None]
"""Told at every decision: the second of the stay, what was lived so far, the plan's slot, the decision."""


def run_session(
    session: Session,
    strategy: Strategy,
    name: str,
    known: Foreknowledge,
    *,
    switching: Prices = Prices(),  # noqa: B008 - frozen
    limits: Limits = BACKTEST_LIMITS,
    recorder: SessionRecorder | None = None,
) -> SessionResult:
    """Return what the strategy makes of one stay; the plan is made anew as `Planner` says.

    `switching` says what writes, starts and phase changes cost; its prices of energy are not used. Raises
    ValueError where a price of the stay is unknown.
    """
    stay = Stay.of(session)
    line, planner = Line(stay, strategy, limits), Planner(stay, known, switching)
    for now in range(TICK_S, session.duration_s, TICK_S):
        line.watch(now)
        price, planned = session.price_at(now), planner.at(now)
        prices = replace(
            switching,
            import_ct_per_kwh=price.import_ct_per_kwh,
            export_ct_per_kwh=price.export_ct_per_kwh,
        )
        worth = None
        if planned is not None:
            worth = Worth(planned.value_ct_per_kwh, str(planned.reason), now + WORTH_FOR_S)
        needs = tuple([Need(d.at_s - session.begin_s, d.need_wh) for d in planner.missing(now)])
        decision = line.decide(now, prices, worth, needs)
        if recorder is not None:
            recorder(now, stay, planned, decision)
    stay.advance(session.duration_s)
    return stay.result(name, switching)
