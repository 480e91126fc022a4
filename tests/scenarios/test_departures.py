"""Departures in closed loop: real loop, ledger and Modbus, the simulated box, a clock that runs fast.

What was charged and when is read at the box. It is 09:00 UTC on 21 June when a life begins.
"""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.cars.car import KnownCar
from controller.departures import Habit, Wants
from controller.horizon import PriceSlot, slot_at
from controller.model import Prices
from controller.planning import Planning
from controller.simulation.box import Box
from controller.simulation.car import PROFILES, CarProfile
from controller.tariffs.book import PriceBook
from controller.tariffs.quotes import Quote
from controller.tariffs.rules import Rules
from controller.tariffs.zones import Zones
from tests.faults.life import Life, more

UTC_ZONE = ZoneInfo("UTC")
DAILY = frozenset(range(7))
MINUTE_S = 60.0
QUARTERS_S = [datetime(2026, 6, 21, tzinfo=UTC_ZONE).timestamp() + 900 * n for n in range(96)]

BEGUN_WH = Box().eto_wh

PriceSource = Callable[[float, float], Sequence[PriceSlot]]


def home(folder: Path, **other: Any) -> Life:
    """Return a life whose car is named in the config."""
    return Life(folder, strategy="ready_by", cars=(KnownCar("Zoe", phases=3),), **other)


def decided(life: Life) -> dict[str, Any]:
    """Return what the newest decision on record was made of."""
    with closing(sqlite3.connect(life.path)) as books:
        (facts,) = books.execute("SELECT facts FROM decisions ORDER BY id DESC LIMIT 1").fetchone()
    return json.loads(facts)


def taken_wh(life: Life) -> float:
    """Return what the car took, as the box counts it."""
    return life.box.eto_wh - BEGUN_WH


def clock_s(life: Life, hour: int, minute: int = 0) -> float:
    now = life.clock.wall()
    return now.replace(hour=hour, minute=minute, second=0).timestamp()


def cheap_from(begin: time, end: time, cheap_ct: float, dear_ct: float) -> PriceSource:
    """Return prices by the clock on 21 June 2026."""

    def prices(begin_s: float, end_s: float) -> Sequence[PriceSlot]:
        day = date(2026, 6, 21)
        borders = [datetime.combine(day, at, UTC_ZONE).timestamp() for at in (begin, end)]
        edges = [begin_s, *[border for border in borders if begin_s < border < end_s], end_s]
        return [
            PriceSlot(a, b, cheap_ct if borders[0] <= a < borders[1] else dear_ct, 8.0)
            for a, b in pairwise(edges)
        ]

    return prices


def planned(prices: PriceSource, *, at: time, need_wh: float) -> Callable[[Life], Planning]:
    """Return what builds a planner: a departure a day, no forecast, nothing bought beyond the need."""

    def build(life: Life) -> Planning:
        def now() -> Prices:
            at_s = life.clock.wall().timestamp()
            slot = slot_at(prices(at_s // 900 * 900, at_s + 900), at_s)
            assert slot is not None
            return Prices(slot.import_ct_per_kwh, slot.export_ct_per_kwh)

        life.prices = now
        return Planning(
            Wants((Habit(at, DAILY, None, need_wh),), later_value_ct=10.0),
            prices,
            lambda begin_s, end_s: (),
            lambda: 0,
            Prices(),
            life.clock,
            UTC_ZONE,
            life.ledger.record_event,
        )

    return build


async def live(life: Life, until_s: float) -> list[tuple[float, float]]:
    """Let it live until an instant; return by the minute what the car draws in W."""
    drawn = []
    while life.clock.wall().timestamp() < until_s:
        await life.run(MINUTE_S)
        drawn.append((life.clock.wall().timestamp(), life.car_w))
    return drawn


async def test_it_waits_for_the_cheap_hour_and_is_ready_by_the_departure(tmp_path: Path) -> None:
    """5 kWh until 11:00, cheap from 09:45 to 10:30, no sun: all of it then, nothing before or after."""
    build = planned(cheap_from(time(9, 45), time(10, 30), 18.0, 31.0), at=time(11, 0), need_wh=5_000.0)
    async with home(tmp_path, sun_w=0.0, planning_of=build) as life:
        drawn = await live(life, clock_s(life, 11))
        charged = [at_s for at_s, watts in drawn if watts > 1000]
        assert clock_s(life, 9, 44) < charged[0] < clock_s(life, 10, 10)
        assert charged[-1] <= clock_s(life, 10, 40)
        assert 4_990 <= taken_wh(life) <= 6_000


async def test_the_planner_never_comes_and_the_departure_is_met(tmp_path: Path) -> None:
    """It hangs from the start: nothing is known but the departure, and the latest start brings it all."""
    build = planned(cheap_from(time(9, 15), time(9, 30), 31.0, 31.0), at=time(10, 30), need_wh=4_000.0)

    async def hangs() -> None:
        return None

    async with home(tmp_path, sun_w=0.0, planning_of=build) as life:
        assert life.planning is not None
        life.planning.tick = hangs  # type: ignore[method-assign]
        drawn = await live(life, clock_s(life, 10, 30))
        charged = [at_s for at_s, watts in drawn if watts > 1000]
        assert charged[0] > clock_s(life, 9, 55)
        assert 3_990 <= taken_wh(life) <= 4_600


async def test_the_network_is_gone_for_two_days_and_the_departure_is_met(tmp_path: Path) -> None:
    """The last published price is two days old: the estimate of the hours ahead still finds the cheap one."""

    def book(life: Life) -> PriceSource:
        midnight_s = life.clock.wall().replace(hour=0, minute=0, second=0).timestamp()
        days = range(-9, -2)  # the last of them ends two days before this one begins
        old = [
            Quote(midnight_s + 86_400 * day + 3600 * hour, midnight_s + 86_400 * day + 3600 * (hour + 1), ct)
            for day in days
            for hour in range(24)
            for ct in [5.0 if hour == 10 else 25.0]
        ]
        rules = Rules(energy=None, grid_fee=Zones((), 10.0, UTC_ZONE, lambda day: False), all_in=False)
        return PriceBook(rules, lambda: old, lambda: (), UTC_ZONE, lambda day: False).outlook

    def build(life: Life) -> Planning:
        return planned(book(life), at=time(11, 15), need_wh=5_000.0)(life)

    async with home(tmp_path, sun_w=0.0, planning_of=build) as life:
        drawn = await live(life, clock_s(life, 11, 15))
        charged = [at_s for at_s, watts in drawn if watts > 1000]
        assert clock_s(life, 9, 59) < charged[0]
        assert charged[-1] <= clock_s(life, 11, 5)
        assert 4_990 <= taken_wh(life) <= 6_000


async def test_a_pause_between_two_cheap_hours_ends_no_need(tmp_path: Path) -> None:
    """The box calls a car that we have paused complete; half of the 5 kWh are still wanted, and come."""

    def prices(begin_s: float, end_s: float) -> Sequence[PriceSlot]:
        edges = [begin_s, *[at_s for at_s in QUARTERS_S if begin_s < at_s < end_s], end_s]
        cheap = (time(9, 15), time(10, 0))
        return [
            PriceSlot(
                a, b, 18.0 if datetime.fromtimestamp(a // 900 * 900, UTC_ZONE).time() in cheap else 31.0, 8.0
            )
            for a, b in pairwise(edges)
        ]

    build = planned(prices, at=time(10, 45), need_wh=5_000.0)
    async with home(tmp_path, sun_w=0.0, planning_of=build) as life:
        drawn = await live(life, clock_s(life, 10, 45))
        pause = [watts for at_s, watts in drawn if clock_s(life, 9, 40) < at_s < clock_s(life, 9, 55)]
        assert max(pause) < 100
        assert taken_wh(life) >= 4_990
        assert [at_s for at_s, watts in drawn if watts > 1000][-1] <= clock_s(life, 10, 25)


@pytest.mark.parametrize("when", [20, 50])
async def test_a_restart_in_between_neither_loses_nor_doubles_what_was_charged(
    tmp_path: Path, when: int
) -> None:
    """Killed while it charges, or while it waits: 5 kWh it is, counted at the box since plug-in."""
    build = planned(cheap_from(time(9, 10), time(10, 0), 18.0, 31.0), at=time(10, 15), need_wh=5_000.0)
    async with home(tmp_path, sun_w=0.0, planning_of=build) as life:
        await live(life, clock_s(life, 9, when))
        await life.restart()
        await live(life, clock_s(life, 10, 15))
        assert 4_990 <= taken_wh(life) <= 6_000


async def test_the_sun_that_nobody_forecast_is_used_and_not_bought_again(tmp_path: Path) -> None:
    """7 kW from the start: the need is met by it; an ampere partly covered is cheaper than later."""
    build = planned(cheap_from(time(10, 0), time(10, 30), 28.0, 31.0), at=time(10, 45), need_wh=5_000.0)
    async with home(tmp_path, sun_w=7_000.0, planning_of=build) as life:
        await live(life, clock_s(life, 10, 45))
        assert taken_wh(life) >= 5_000
        with closing(sqlite3.connect(life.path)) as books:
            bought_wh, sun_wh = books.execute("SELECT total(grid_wh), total(pv_wh) FROM energy").fetchone()
        assert sun_wh > 5_000
        assert bought_wh < 0.1 * sun_wh


STRANGERS = {
    "three phases": PROFILES["ideal"],
    "two phases": PROFILES["two_phase"],
    "one phase": PROFILES["one_phase"],
    "from 8 A": PROFILES["zoe"],
    "10 A on three phases": CarProfile(max_a=10.0),
    "10 A on one phase": CarProfile(phases=1, max_a=10.0),
}


@pytest.mark.parametrize(
    "car",
    [
        "one phase",
        *more("two phases", "three phases", "from 8 A", "10 A on one phase", "10 A on three phases"),
    ],
)
async def test_a_car_nobody_knows_is_tried_in_time_and_ready_by_the_departure(
    tmp_path: Path, car: str
) -> None:
    """1.5 kWh by 10:15, no sun, all hours alike: as late as this car can, but for one trial of minutes.

    10 A on one phase would take 39 minutes: so long before it leaves it is tried what this car takes.
    """
    profile = STRANGERS[car]
    full_w = profile.phases * min(profile.max_a, 16.0) * 230.0
    build = planned(cheap_from(time(9, 0), time(9, 1), 31.0, 31.0), at=time(10, 15), need_wh=1_500.0)
    async with Life(tmp_path, strategy="ready_by", sun_w=0.0, planning_of=build, car=profile) as life:
        leaves_s = clock_s(life, 10, 15)
        drawn = await live(life, leaves_s)
        assert 1_500 <= taken_wh(life) <= 1_700
        charged = [at_s for at_s, watts in drawn if watts > 1000]
        assert leaves_s - 50 * MINUTE_S < charged[0] < leaves_s - 38 * MINUTE_S
        latest_s = leaves_s - 1.03 * 1_500 / full_w * 3600 - 360
        between = [at_s for at_s in charged if charged[0] + 420 < at_s < latest_s]
        assert not between, "it waits again once it is known what the car takes"


async def test_a_car_that_was_seen_once_is_not_tried_again(tmp_path: Path) -> None:
    """What it took is on record, over a restart as well: an hour later it begins as late as it can."""
    build = planned(cheap_from(time(9, 0), time(9, 1), 31.0, 31.0), at=time(9, 50), need_wh=1_000.0)

    def twice(life: Life) -> Planning:
        planning = build(life)
        again = planned(cheap_from(time(9, 0), time(9, 1), 31.0, 31.0), at=time(11, 0), need_wh=1_000.0)
        return planning if life.clock.wall().hour < 10 else again(life)

    async with Life(tmp_path, strategy="ready_by", sun_w=0.0, planning_of=twice) as life:
        first = await live(life, clock_s(life, 9, 10))
        assert decided(life)["car_seen"] == "never"
        first += await live(life, clock_s(life, 9, 50))
        assert "car_seen" not in decided(life)
        life.box.unplug()
        await live(life, clock_s(life, 10, 2))
        await life.restart()
        life.box.plug(life.car)
        begun_wh = life.box.eto_wh
        second = await live(life, clock_s(life, 11))
        assert life.box.eto_wh - begun_wh >= 1_000
        assert min(at_s for at_s, watts in first if watts > 1000) < clock_s(life, 9, 25)
        assert min(at_s for at_s, watts in second if watts > 1000) > clock_s(life, 10, 45)


async def test_a_car_that_refuses_the_little_sun_there_is_has_not_had_enough(tmp_path: Path) -> None:
    """It takes nothing below 8 A: tried at 16 A, then offered 6 A by the sun, the box calls it complete."""
    build = planned(cheap_from(time(9, 0), time(9, 1), 31.0, 31.0), at=time(10, 30), need_wh=2_000.0)
    async with Life(tmp_path, strategy="ready_by", sun_w=2_200.0, planning_of=build, car="zoe") as life:
        refused = False
        while life.clock.wall().timestamp() < clock_s(life, 10, 30):
            await life.run(MINUTE_S)
            refused = refused or (taken_wh(life) > 100 and life.car_w < 100 and life.box.amp < 8)
        assert refused, "it was never offered too little"
        assert taken_wh(life) >= 2_000
