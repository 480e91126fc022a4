"""What the car at the cable wants: what it took since plug-in, and what is missing when it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.cars.session import needed_a
from controller.cars.state_of_charge import Soc
from controller.clock import Clock
from controller.departures import Habit, Leaving, leavings
from controller.limits import Limits
from controller.line import phases
from controller.line.cable import left_unseen
from controller.line.pipeline import LoopState
from controller.model import CarState, Charge, ChargerStatus, Force
from controller.planner.task import CarPower, Departure

FARTHEST_S = 72 * 3600.0
"""A departure beyond this is left to a later plan."""


REFUSED_S = 60.0
"""A car that takes nothing of an offer for so long is full; a start takes half a minute at most (chosen)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the loop sees of car and charger at one decision; energies in Wh since plug-in or ever.

    `complete`: the car takes no more though it is offered. The charger's own word for that is no help, it
    says the same of a car that we have paused. `neutral`: it is told neither to charge nor not, as when a
    car has left. `stranger`: nobody has ever seen it take anything, and the config does not name its phases.
    """

    connected: bool = False
    complete: bool = False
    charging: bool = False
    phases_set: int = 3
    power: CarPower = CarPower()  # noqa: RUF009 - frozen
    counter_wh: float | None = None
    session_wh: float | None = None
    neutral: bool = False
    stranger: bool = False
    car: str = ""
    soc: Soc | None = None


def sight(
    state: LoopState, status: ChargerStatus | None, now_s: float, limits: Limits, soc: Soc | None
) -> Sight:
    """Return what the planner may count on: what is on the cable, and what this car is known to take."""
    link, car = state.link, state.cars.traits
    options = phases.options(status, link.phases_set, limits, car)
    if phases.changes_left(state.gate.phase, now_s, limits) == 0:
        options = (link.phases_set,)  # until the first of them comes back
    used = tuple(sorted({min(count, car.phases_used or count) for count in options}))
    least_a = max(limits.min_current_a, car.min_current_a or 0)
    most_a = min(limits.max_current_a, car.max_current_a or limits.max_current_a)
    if car.max_draw_a is not None:
        most_a = min(most_a, int(car.max_draw_a))
    return Sight(
        connected=link.connected,
        complete=status is not None and status.car is CarState.COMPLETE and _refused(state, status),
        charging=isinstance(link.in_force, Charge),
        phases_set=min(link.phases_set, max(used)),
        power=CarPower(least_a, max(most_a, least_a), used),
        counter_wh=status.energy_wh if status is not None else None,
        session_wh=status.session_wh if status is not None else None,
        neutral=status is not None and status.force is Force.NEUTRAL,
        stranger=car.proven_w == 0.0,
        car=car.name,
        soc=soc,
    )


def _told_anew(before: Soc | None, now: Soc | None) -> bool:
    """Return whether somebody has said meanwhile how full the car is: its age began anew."""
    return now is not None and (before is None or now.age_s < before.age_s)


def _refused(state: LoopState, status: ChargerStatus) -> bool:
    """Return whether an offer of ours that it is known to take has stood for a while in what is reported."""
    sent_s, offer, cars = state.link.last_write_s, state.link.in_force, state.cars
    enough = isinstance(offer, Charge) and offer.current_a >= needed_a(cars.session, cars.record)
    return enough and (sent_s is None or status.data_s > sent_s + REFUSED_S)


class Wanted:
    """What is wanted by the car at the cable; instants are UTC s by the clock on the wall."""

    def __init__(self, habits: Sequence[Habit], zone: ZoneInfo, clock: Clock) -> None:
        self._habits, self._zone, self._clock = tuple(habits), zone, clock
        self.sight = Sight()
        self._counter_wh: float | None = None
        self._session_wh: float | None = None
        self._begun_wh: float | None = None
        self._begun_told = self._asked = False

    def observe(self, sight: Sight) -> bool:
        """Take what is on the cable; a car that comes begins anew. Return whether it is the car of before."""
        same = sight.connected and not left_unseen(self._session_wh, sight.session_wh, neutral=sight.neutral)
        if not same:
            self.sight = Sight()
            self._counter_wh = self._session_wh = self._begun_wh = None
            self._begun_told = self._asked = False
        came = sight.connected and not self.sight.connected
        told = _told_anew(self.sight.soc, sight.soc)
        if sight.connected and not sight.charging and self.sight.complete and not told:
            sight = replace(sight, complete=True)  # full is full, also while nothing is offered
        self.sight = sight
        if not sight.connected:
            return same
        if sight.session_wh is not None:
            self._session_wh = sight.session_wh
        if sight.counter_wh is not None:  # a report that leaves it out takes nothing back
            self._counter_wh = sight.counter_wh
        if self._counter_wh is not None and (came or not self._begun_told):
            self._begin(self._counter_wh, sight.session_wh)
        return same

    def _begin(self, counter_wh: float, session_wh: float | None) -> None:
        """Take from the charger's own count since plug-in where this session began: it is good for no more.

        A report that leaves it out may be the first one after a restart; the next one that has it counts.
        """
        if session_wh is not None:
            self._begun_wh, self._begun_told = counter_wh - max(session_wh, 0.0), True
        elif self._begun_wh is None:
            self._begun_wh = counter_wh

    @property
    def charged_wh(self) -> float:
        """Return what this car took since it was plugged in; a counter that went back says nothing."""
        if self._begun_wh is None or self._counter_wh is None:
            return max(self.sight.session_wh or 0.0, 0.0)
        return max(self._counter_wh - self._begun_wh, 0.0)

    def facts(self) -> dict[str, float | str]:
        """Return what a reader of the ledger needs to plan for this car anew."""
        power = self.sight.power
        if not self.sight.connected:
            return {}
        stranger: dict[str, float | str] = {"car_seen": "never"} if self.sight.stranger else {}
        return {
            **stranger,
            "charged_wh": self.charged_wh,
            "car_name": self.sight.car,
            "car_phases": " ".join(str(count) for count in power.phases),
            "car_min_a": power.min_a,
            "car_max_a": power.max_a,
        }

    def departures(self) -> tuple[Departure, ...]:
        """Return the departures ahead with what is missing now; of two at one instant the larger."""
        missing: dict[float, float] = {}
        for leaving in self._leavings():
            need_wh = self._missing_wh(leaving)
            if need_wh is not None:
                missing[leaving.at_s] = max(missing.get(leaving.at_s, 0.0), need_wh)
        return tuple([Departure(at_s, need_wh) for at_s, need_wh in missing.items()])

    def question(self) -> str | None:
        """Return what must be asked, once for a car: how full it is, where a departure is in percent."""
        unknown = next((each for each in self._leavings() if self._missing_wh(each) is None), None)
        if unknown is None or self._asked:
            return None
        self._asked = True
        return (
            f"{unknown.habit.target_pct:g} % are wanted by {self.when(unknown.at_s)}, but nobody said how "
            "full the car is. It charges as without a departure. Remedy: ampilot soc 55, or need_kwh beside "
            "target_pct"
        )

    def _leavings(self) -> tuple[Leaving, ...]:
        now_s = self._clock.wall().timestamp()
        return leavings(self._habits, self._zone, now_s, now_s + FARTHEST_S, self.sight.car)

    def _missing_wh(self, leaving: Leaving) -> float | None:
        """Return what is missing for a departure, None where only percents are wanted of who knows what."""
        habit, soc = leaving.habit, self.sight.soc
        if habit.target_pct is not None and soc is not None:
            return soc.need_wh(habit.target_pct)
        return None if habit.need_wh is None else max(habit.need_wh - self.charged_wh, 0.0)

    def when(self, at_s: float) -> str:
        """Return an instant as people say it: day of the week and time."""
        return f"{datetime.fromtimestamp(at_s, self._zone):%a %H:%M}"
