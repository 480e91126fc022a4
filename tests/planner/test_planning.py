"""The planner's shell on a clock that is moved by hand: when it plans, what it says, what it counts."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import pairwise
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from controller.cars.state_of_charge import Soc
from controller.clock import SimClock
from controller.departures import Habit, Wants
from controller.horizon import PriceSlot, SurplusSlot
from controller.model import Prices
from controller.planner.plan import Plan, make_plan
from controller.planner.task import Task
from controller.planning import Planning, later_value_ct
from controller.wanted import Sight

START = datetime(2026, 11, 25, 18, 5, tzinfo=UTC)
DAILY = frozenset(range(7))
UTC_ZONE = ZoneInfo("UTC")
CHEAP_FROM_S = datetime(2026, 11, 26, 1, tzinfo=UTC).timestamp()
CHEAP_TO_S = datetime(2026, 11, 26, 4, tzinfo=UTC).timestamp()
SEVEN_S = datetime(2026, 11, 26, 7, tzinfo=UTC).timestamp()


def night_tariff(begin_s: float, end_s: float) -> Sequence[PriceSlot]:
    """Return 20 ct from one to four, 30 ct else."""
    edges = [begin_s, *[s for s in (CHEAP_FROM_S, CHEAP_TO_S) if begin_s < s < end_s], end_s]
    return [
        PriceSlot(a, b, 20.0 if CHEAP_FROM_S <= a < CHEAP_TO_S else 30.0, 8.0) for a, b in pairwise(edges)
    ]


class House:
    """A planner with a car that comes when told."""

    def __init__(
        self,
        need_wh: float = 12_000.0,
        prices: Callable[[float, float], Sequence[PriceSlot]] = night_tariff,
        habit: Habit | None = None,
        **wants: float,
    ) -> None:
        self.clock = SimClock(START)
        self.stamp = 0
        self.notes: list[tuple[str, str, str]] = []
        habits = (habit or Habit(time(7, 0), DAILY, None, need_wh),)
        self.counter_wh = 500_000.0
        self.planning = Planning(
            Wants(habits, **wants),
            prices,
            self.sun,
            lambda: self.stamp,
            Prices(),
            self.clock,
            UTC_ZONE,
            lambda *note: self.notes.append(note),
        )

    def sun(self, begin_s: float, end_s: float) -> Sequence[SurplusSlot]:
        return ()

    @property
    def now_s(self) -> float:
        return float(self.clock.monotonic())

    def see(self, **change: object) -> None:
        values: dict[str, object] = {"connected": True, "counter_wh": self.counter_wh, "session_wh": 0.0}
        self.planning.observe(Sight(**{**values, **change}))  # type: ignore[arg-type]

    async def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.planning.tick()

    @property
    def value_ct(self) -> float | None:
        worth = self.planning.worth(self.now_s)
        return None if worth is None else worth.value_ct_per_kwh


async def test_a_car_that_comes_has_a_plan_at_once_and_it_names_the_night() -> None:
    """In the evening a kWh is worth less than it costs, at half past three more; it says for what."""
    house = House()
    assert house.value_ct is None
    house.see()
    await house.after(0)
    assert house.value_ct is not None
    assert house.value_ct < 30
    worth = house.planning.worth(house.now_s)
    assert worth is not None
    assert worth.reason == "12.0 kWh until Thu 07:00"
    [(kind, severity, text)] = house.notes
    assert (kind, severity) == ("plan", "info")
    assert text.startswith("12.0 kWh until Thu 07:00: from Thu 02:")
    assert text.endswith("about 2.40 €")
    house.clock.advance(CHEAP_TO_S - 1800 - house.clock.wall().timestamp())
    house.see()
    await house.after(5)
    assert house.value_ct is not None
    assert house.value_ct > 20


async def test_what_was_charged_since_plug_in_is_no_longer_needed() -> None:
    """12 kWh less 5, seen by the counter that never goes back; after the car has left, all of it again."""
    house = House()
    house.see()
    house.counter_wh += 5_000
    house.see(session_wh=5_000.0)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(7_000)
    house.see(connected=False)
    assert house.planning.needs(house.now_s) == ()
    house.see(session_wh=0.0)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(12_000)


async def test_a_restart_knows_from_the_charger_what_the_session_has_brought() -> None:
    """A fresh planner finds a car with 5 kWh since plug-in; a count that is reset later changes nothing."""
    house = House()
    house.see(session_wh=5_000.0)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(7_000)
    house.counter_wh += 1_000
    house.see(session_wh=0.0)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(6_000)


async def test_a_report_that_leaves_the_counter_out_takes_nothing_back() -> None:
    """12 kWh less 9. A report without the lifetime counter is no car that has taken nothing."""
    house = House()
    house.see()
    house.counter_wh += 9_000
    house.see(session_wh=9_000.0)
    house.see(counter_wh=None, session_wh=None)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(3_000)
    house.see(session_wh=9_000.0)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(3_000)


async def test_a_car_that_left_and_came_unseen_needs_all_again() -> None:
    """The cloud was silent meanwhile: the box counts a new session and has forgotten what it was told."""
    house = House()
    house.see(session_wh=0.0)
    house.counter_wh += 9_000
    house.see(session_wh=9_000.0)
    await house.after(0)
    house.counter_wh += 200
    house.see(session_wh=200.0, neutral=True)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(11_800)
    assert house.planning.plan is None
    await house.after(5)
    house.counter_wh += 300
    house.see(session_wh=500.0, neutral=True)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(11_500)
    assert house.planning.plan is not None


@pytest.mark.parametrize("unsaid", ["session_wh", "counter_wh"])
async def test_a_restart_whose_first_report_leaves_a_count_out_charges_nothing_twice(unsaid: str) -> None:
    """The car has 5 of 12 kWh; the first report after a restart has one of both counts, the next one both."""
    house = House()
    house.see(**{"session_wh": 5_000.0, unsaid: None})
    house.counter_wh += 500
    house.see(session_wh=5_500.0)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(6_500)


async def test_the_needs_are_there_without_any_plan_and_keep_their_instant() -> None:
    """Nothing was planned yet. 07:00 is 12 h 55 min away, on the clock that never steps; a step moves it."""
    house = House()
    house.see()
    need = house.planning.needs(house.now_s)[0]
    assert need.at_s - house.now_s == pytest.approx(12 * 3600 + 55 * 60)
    house.clock.step_wall(600)
    assert house.planning.needs(house.now_s)[0].at_s - house.now_s == pytest.approx(12 * 3600 + 45 * 60)


async def test_a_need_that_is_met_is_worth_nothing_more_at_once() -> None:
    """Planned at full power in this slot; seconds after the last kWh no new plan is there yet, nor needed."""
    house = House(need_wh=11_000.0, prices=lambda a, b: [PriceSlot(a, b, 30.0, 8.0)])
    house.see()
    house.clock.advance(11.95 * 3600)
    await house.after(0)
    assert house.value_ct is not None
    assert house.value_ct > 30
    house.counter_wh += 11_000
    house.see(session_wh=11_000.0)
    assert house.value_ct == 19.0  # midway between 8 and 30


async def test_a_full_car_needs_nothing() -> None:
    """The car itself says that it is complete."""
    house = House()
    house.see(complete=True)
    assert house.planning.needs(house.now_s) == ()


async def test_a_word_that_a_full_car_is_full_no_more_counts() -> None:
    """It took no more at 81 %; days later on the cable somebody says 60 %, and 80 are wanted at seven."""
    house = in_percent()
    house.see(soc=Soc(81.0, 50.0, 0.9, 60.0, "pushed"), complete=True, charging=True)
    house.see(soc=Soc(81.0, 50.0, 0.9, 90.0, "pushed"))
    assert house.planning.needs(house.now_s) == ()
    house.see(soc=Soc(60.0, 50.0, 0.9, 5.0, "pushed"))
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(10_000 / 0.9)
    house.see(soc=Soc(60.0, 50.0, 0.9, 15.0, "pushed"))
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(10_000 / 0.9)


FULL_60 = Soc(60.0, 50.0, 0.9, 60.0, "hand")


def in_percent(**wanted: object) -> House:
    """Return a house whose departure is at 80 % of 50 kWh."""
    return House(habit=Habit(time(7, 0), DAILY, None, **{"target_pct": 80.0, **wanted}))  # type: ignore[arg-type]


async def test_a_target_in_percent_needs_what_is_missing_at_the_cable() -> None:
    """From 60 to 80 % of 50 kWh at 90 % efficiency: 11.1 kWh, whatever the session took so far."""
    house = in_percent()
    house.counter_wh += 4_000
    house.see(soc=FULL_60, session_wh=4_000.0)
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(10_000 / 0.9)


async def test_percents_without_a_state_of_charge_are_asked_for_once() -> None:
    """Nothing is needed then, and a warning says what to do; a need beside the target stands in."""
    house = in_percent()
    house.see()
    await house.after(0)
    await house.after(900)
    assert house.planning.needs(house.now_s) == ()
    [(kind, severity, text)] = house.notes
    assert (kind, severity) == ("plan", "warning")
    assert "80 % are wanted by Thu 07:00" in text
    assert "ampilot soc" in text
    house = in_percent(need_wh=7_000.0)
    house.see()
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(7_000)


async def test_a_departure_of_another_car_is_not_kept() -> None:
    """It is the Zoe that leaves at seven; the car at the cable is known as another one, or not at all."""
    house = in_percent(target_pct=None, need_wh=7_000.0, car="Zoe")
    house.see(car="Twizy")
    assert house.planning.needs(house.now_s) == ()
    house.see(car="Zoe")
    assert house.planning.needs(house.now_s)[0].need_wh == pytest.approx(7_000)


async def test_the_plan_of_the_car_that_left_is_not_that_of_the_one_that_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One leaves and another comes while the planner thinks: what comes out is dropped, and planned anew."""
    house, begun, go = House(), Event(), Event()

    def slow(task: Task) -> Plan:
        begun.set()
        go.wait(10)
        return make_plan(task)

    monkeypatch.setattr("controller.planning.make_plan", slow)
    house.see()
    thinking = asyncio.create_task(house.planning.tick())
    await asyncio.to_thread(begun.wait, 10)
    house.see(connected=False)
    house.counter_wh += 9_000
    house.see(session_wh=9_000.0)
    go.set()
    await thinking
    assert house.planning.plan is None
    await house.after(5)
    assert house.planning.plan is not None
    assert house.planning.plan.energy_wh < 9_000


async def test_a_plan_older_than_half_an_hour_is_none() -> None:
    """The planner hangs: what it said holds for 30 minutes to the second."""
    house = House()
    house.see()
    await house.after(0)
    house.clock.advance(1799.0)
    assert house.value_ct is not None
    house.clock.advance(2.0)
    assert house.value_ct is None
    assert house.planning.needs(house.now_s)


async def test_the_ceiling_holds_without_a_plan() -> None:
    """Before the first plan, and after the last: 40 ct are above 35, so 2 ct above the feed-in price."""
    house = House(prices=lambda a, b: [PriceSlot(a, b, 40.0, 8.0)], ceiling_ct=35.0)
    assert house.value_ct is None
    house.see()
    assert house.value_ct == 10.0
    await house.after(0)
    house.clock.advance(1801.0)
    assert house.value_ct == 10.0
    for unbounded in ({}, {"ceiling_ct": 40.0}):
        cheap = House(prices=lambda a, b: [PriceSlot(a, b, 40.0, 8.0)], **unbounded)
        cheap.see()
        assert cheap.value_ct is None
    nowhere = House(prices=lambda a, b: [], ceiling_ct=31.0)  # the fixed price stands in: 32 ct, feed-in 8
    nowhere.see()
    assert nowhere.value_ct == 10.0


async def test_it_plans_anew_when_something_changed_and_not_else() -> None:
    """A slot's end, new prices, another number of phases; a minute lies between two plans."""
    house = House()
    house.see()
    await house.after(0)
    made = house.planning.plan
    await house.after(120)
    assert house.planning.plan is made
    house.stamp += 1
    await house.after(5)
    second = house.planning.plan
    assert second is not made
    house.stamp += 1
    await house.after(30)
    assert house.planning.plan is second  # too soon
    await house.after(31)
    third = house.planning.plan
    assert third is not second
    await house.after(900)
    assert house.planning.plan is not third


async def test_a_car_that_takes_what_nobody_expected_is_planned_for_anew() -> None:
    """Two kWh within a slot in which nothing was planned: somebody charged by hand."""
    house = House()
    house.see()
    await house.after(0)
    made = house.planning.plan
    house.counter_wh += 2_000
    house.see(session_wh=2_000.0)
    await house.after(70)
    assert house.planning.plan is not made


async def test_what_is_said_of_how_full_the_car_is_is_planned_with_at_once() -> None:
    """It was taken for 75 %, 80 are wanted; somebody says that it is 20: a minute later the plan knows."""
    house = in_percent()
    house.see(soc=Soc(75.0, 50.0, 0.9, 0.0, "assumed"))
    await house.after(0)
    assert house.planning.plan is not None
    assert wanted_wh(house) == pytest.approx(5_000 / 1.8, abs=800)
    house.see(soc=Soc(20.0, 50.0, 0.9, 0.0, "pushed"))
    await house.after(65)
    assert wanted_wh(house) == pytest.approx(60_000 / 1.8, abs=800)
    made = house.planning.plan
    for _ in range(3):  # what it takes as planned is no news
        house.see(soc=Soc(20.0, 50.0, 0.9, 0.0, "pushed"))
        await house.after(65)
    assert house.planning.plan is made


def wanted_wh(house: House) -> float:
    """Return what the plan brings until seven."""
    assert house.planning.plan is not None
    return sum(slot.expected_wh for slot in house.planning.plan.slots if slot.begin_s < SEVEN_S)


async def test_without_any_price_the_fixed_one_counts_and_the_plan_stands() -> None:
    """No market, no estimate: the hours before the departure are planned at the price of the config."""
    house = House(prices=lambda begin_s, end_s: ())
    house.see()
    await house.after(0)
    plan = house.planning.plan
    assert plan is not None
    assert plan.missing_wh == 0
    assert {(slot.import_ct_per_kwh, slot.estimated) for slot in plan.slots} == {(32.0, True)}
    charged = [slot for slot in plan.slots if slot.expected_wh > 500]
    assert charged[0].begin_s > START.timestamp() + 10 * 3600


async def test_a_departure_that_cannot_be_met_is_told_once() -> None:
    """180 kWh in 13 hours at 11 kW: 37 are missing, said in one warning that names when."""
    house = House(need_wh=180_000.0)
    house.see()
    await house.after(0)
    for _ in range(3):
        await house.after(900)
        house.see()
    warned = [text for kind, severity, text in house.notes if (kind, severity) == ("plan", "warning")]
    assert len(warned) == 1
    assert "Thu 07:00" in warned[0]
    assert "Remedy" in warned[0]


async def test_the_ceiling_and_the_most_power_reach_the_plan() -> None:
    """At most 4.2 kW from the grid: no slot is planned above it."""
    house = House(max_power_w=4_200.0)
    house.see()
    await house.after(0)
    plan = house.planning.plan
    assert plan is not None
    assert max(slot.p90_wh / (slot.end_s - slot.begin_s) * 3600 for slot in plan.slots) <= 4_200
    dear = House(prices=lambda a, b: [PriceSlot(a, b, 40.0, 8.0)], ceiling_ct=35.0, later_value_ct=50.0)
    dear.see()
    await dear.after(0)
    plan = dear.planning.plan
    assert plan is not None
    need_wh = sum(slot.expected_wh for slot in plan.slots if slot.begin_s < CHEAP_FROM_S + 6 * 3600)
    assert need_wh == pytest.approx(12_000, abs=1_000)
    assert plan.energy_wh == pytest.approx(24_000, abs=14_000)


def dear_but_for(cheap_ct: float) -> Callable[[float, float], Sequence[PriceSlot]]:
    """Return 45 ct, from one to four another price."""
    return lambda begin_s, end_s: [
        replace(slot, import_ct_per_kwh=cheap_ct if slot.import_ct_per_kwh == 20.0 else 45.0)
        for slot in night_tariff(begin_s, end_s)
    ]


@pytest.mark.parametrize("need_wh", [0.0, 12_000.0])
@pytest.mark.parametrize("cheap_ct", [20.0, 45.0])
async def test_above_the_ceiling_no_blend_of_sun_and_grid_is_bought(need_wh: float, cheap_ct: float) -> None:
    """45 ct with a ceiling of 30: the sun alone is wanted, 2 ct above feed-in, but where it must be bought.

    Half sun, half grid was bought there before: at 45 ct a kWh was worth 26.5, what a later one costs.
    """
    house = House(need_wh=need_wh, prices=dear_but_for(cheap_ct), ceiling_ct=30.0)
    house.see()
    await house.after(0)
    plan = house.planning.plan
    assert plan is not None
    dear = [slot for slot in plan.slots if slot.import_ct_per_kwh == 45.0]
    bought = [slot for slot in dear if slot.value_ct_per_kwh > 45.0]
    assert bool(bought) is (need_wh > 0 and cheap_ct == 45.0)
    assert sum(slot.expected_wh for slot in bought) == pytest.approx(need_wh if bought else 0, abs=500)
    held = [slot for slot in dear if slot.value_ct_per_kwh < 45.0]
    assert max(slot.value_ct_per_kwh for slot in held if slot.begin_s > SEVEN_S or not bought) <= 10.0


async def test_above_the_ceiling_a_need_that_is_met_buys_no_blend_either() -> None:
    """All is bought at 45 ct for the departure; seconds after the last kWh no new plan is there yet."""
    house = House(need_wh=11_000.0, prices=dear_but_for(45.0), ceiling_ct=30.0)
    house.see()
    house.clock.advance(11.95 * 3600)
    await house.after(0)
    assert house.value_ct is not None
    assert house.value_ct > 45
    house.counter_wh += 11_000
    house.see(session_wh=11_000.0)
    assert house.value_ct <= 10.0


def test_a_later_kwh_is_half_sun_half_the_cheapest_hours() -> None:
    """Feed-in 8 ct; of 24 h the cheapest four cost 20 ct for three hours and 30 for one: (22.5 + 8) / 2."""
    begin_s = START.timestamp()
    prices = night_tariff(begin_s, begin_s + 86_400)
    assert later_value_ct(prices, Wants()) == pytest.approx(15.25)
    assert later_value_ct(prices, Wants(later_value_ct=3.0)) == 3.0
