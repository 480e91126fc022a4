"""Stays made of recorded days: the car comes and goes by the clock, days that follow each other are one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from controller.days.backtest import TICK_S, seconds
from controller.days.backtest_session import Foreknowledge, Session
from controller.days.recorded_prices import RecordedPrices
from controller.days.staged_forecast import EXACT, staged
from controller.days.traces import Day
from controller.horizon import SurplusSlot
from controller.planner.task import SLOT_S, Departure
from controller.units import DAY_S


@dataclass(frozen=True, slots=True)
class Habit:
    """When the car comes and goes by the clock of `zone`, and what it wants by then, in Wh since plug-in.

    Where both times are the same it stays for a day. `room_wh` None: it is never full.
    """

    zone: ZoneInfo
    plug_in: time = time()
    depart: time = time()
    need_wh: float = 0.0
    room_wh: float | None = None
    later_value_ct: float = 20.0


def joined(days: Sequence[Day]) -> Iterator[tuple[float, Day]]:
    """Yield stretches without a gap as (begin in UTC s, one long day); days come by trace and date."""
    for run in _runs(days):
        pv_w = [power for day in run for power in day.pv_w]
        load_w = [power for day in run for power in day.load_w]
        begin_s = datetime.combine(date.fromisoformat(run[0].date), time(), UTC).timestamp()
        yield begin_s, replace(run[0], pv_w=pv_w, load_w=load_w)


def _runs(days: Sequence[Day]) -> Iterator[list[Day]]:
    run: list[Day] = []
    for day in days:
        if run and not _follows(run[-1], day):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _follows(before: Day, day: Day) -> bool:
    """Return whether a day begins where another one ended, in the same trace."""
    next_date = date.fromisoformat(before.date) + timedelta(days=1)
    whole = before.duration_s == DAY_S and before.step_s == day.step_s
    return whole and before.trace == day.trace and date.fromisoformat(day.date) == next_date


def stays(
    days: Sequence[Day], habit: Habit, prices: RecordedPrices, *, exact: bool = False
) -> Iterator[tuple[Session, Foreknowledge]]:
    """Yield each stay that lies within the recorded days, with what a plan may know of it.

    `exact`: the forecast is what comes, by the quarter of an hour. Raises ConfigError for a missing price.
    """
    for begin_s, day in joined(days):
        spread = {"smoothed_s": 0.0, "spread": EXACT} if exact else {}
        foreseen = staged(day, begin_s, **spread)  # type: ignore[arg-type]
        for from_s, until_s in _times(habit, begin_s, begin_s + day.duration_s):
            needs = (Departure(until_s, habit.need_wh),) if habit.need_wh > 0 else ()
            session = Session(
                trace=day.trace,
                begin_s=from_s,
                surplus_w=_surplus_w(day, int(from_s - begin_s), int(until_s - begin_s)),
                prices=prices.paid(from_s, until_s),
                departures=needs,
                room_wh=habit.room_wh,
                later_value_ct=habit.later_value_ct,
            )
            yield session, Foreknowledge(prices.known, partial(within, foreseen))


def _surplus_w(day: Day, begin: int, end: int) -> list[float]:
    """Return PV minus load for the seconds of a part of a recording."""
    first, last = begin // day.step_s, -(-end // day.step_s)
    part = seconds(replace(day, pv_w=day.pv_w[first:last], load_w=day.load_w[first:last]))
    skipped = first * day.step_s
    return part[begin - skipped : end - skipped]


def _times(habit: Habit, begin_s: float, end_s: float) -> Iterator[tuple[float, float]]:
    """Yield plug-in and departure of each stay inside a span, by the clock on the wall."""
    day = datetime.fromtimestamp(begin_s, habit.zone).date() - timedelta(days=1)
    while True:
        came = datetime.combine(day, habit.plug_in, habit.zone).timestamp()
        leaves_on = day if habit.depart > habit.plug_in else day + timedelta(days=1)
        left = datetime.combine(leaves_on, habit.depart, habit.zone).timestamp()
        if came >= end_s:
            return
        if came >= begin_s and left <= end_s and left - came >= TICK_S:
            yield came, left
        day += timedelta(days=1)


def within(slots: Sequence[SurplusSlot], begin_s: float, end_s: float) -> Sequence[SurplusSlot]:
    """Return the quarter-hours that touch a span; `slots` have no gaps."""
    if not slots:
        return ()
    first = max(int((begin_s - slots[0].begin_s) // SLOT_S), 0)
    return slots[first : max(int(-((slots[0].begin_s - end_s) // SLOT_S)), first)]
