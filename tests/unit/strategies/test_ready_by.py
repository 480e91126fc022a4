"""Departures and prices in the fast loop: the plan's value is followed, and the guard needs no plan."""

import dataclasses

import pytest

from controller.errors import StrategyError
from controller.model import (
    Admissible,
    CarTraits,
    Charge,
    Command,
    Need,
    Off,
    Prices,
    Quality,
    SiteSnapshot,
    Wish,
    Worth,
)
from strategies.ready_by import ReadyBy, spared, sparing
from strategies.surplus import Surplus
from strategies.tariff import Tariff

FULL = Charge(16, 3)
FULL_W = 11_040.0
LEAST = Charge(6, 3)
LEAST_W = 4_140.0
HOUR_S = 3600.0


def at(
    now_s: float,
    surplus_w: float = -300.0,
    command: Command = Off(),  # noqa: B008
    *,
    worth_ct: float | None = None,
    needs: tuple[Need, ...] = (),
    import_ct: float = 30.0,
    **other: object,
) -> SiteSnapshot:
    values: dict[str, object] = {
        "base_import_w": -surplus_w,
        "car_connected": True,
        "in_force": command,
        "phases_set": command.phases if isinstance(command, Charge) else 3,
        "prices": Prices(import_ct, 8.0),
        "worth": None if worth_ct is None else Worth(worth_ct, "by hand", now_s + 900.0),
        "needs": needs,
        **other,
    }
    return dataclasses.replace(SiteSnapshot(now_s, 10.0, Quality.FRESH, Quality.FRESH), **values)  # type: ignore[arg-type]


def settled(strategy: ReadyBy | Tariff | Surplus, minutes: float = 20.0, **life: object) -> Command:
    """Return what a strategy ends at when nothing changes for a while."""
    memory, command = strategy.initial(), Off()  # type: Command
    for tick in range(int(minutes * 6)):
        wish, memory = strategy.decide(at(tick * 10.0, command=command, **life), memory)  # type: ignore[arg-type]
        command = wish.target
    return command


# -- the plan's value --------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [ReadyBy(), Tariff(), Surplus(value_from_prices=True)])
def test_the_grid_is_used_where_the_plan_says_a_kwh_is_worth_more(strategy: ReadyBy) -> None:
    """In the dark at 30 ct: 33 ct charge with all there is, 27 ct do not."""
    assert settled(strategy, worth_ct=33.0) == FULL
    assert settled(strategy, worth_ct=27.0) == Off()


@pytest.mark.parametrize("strategy", [ReadyBy(), Tariff(), Surplus(value_from_prices=True)])
def test_the_sun_is_used_whatever_the_plan_bought(strategy: ReadyBy) -> None:
    """7 kW of sun at a feed-in price of 8 ct, a kWh worth 12: what the sun covers, on three phases."""
    assert settled(strategy, worth_ct=12.0, surplus_w=7_000.0) == Charge(10, 3)


def test_without_a_plan_it_is_as_ever() -> None:
    """An expired plan is none: midway between 8 and 30 ct, nothing is bought in the dark."""
    assert settled(ReadyBy()) == Off()
    assert settled(Tariff()) == Off()
    assert settled(ReadyBy(value_ct_per_kwh=40.0)) == FULL


def test_below_the_limit_the_grid_is_used() -> None:
    """25 ct: a price of 24 does, one of 26 does not, half sun at 32 (20 ct blended) does too."""
    limit = Tariff(limit_ct_per_kwh=25.0)
    assert settled(limit, import_ct=24.0) == FULL
    assert settled(limit, import_ct=26.0) == Off()
    assert settled(limit, import_ct=32.0, surplus_w=2_500.0) != Off()
    assert settled(limit, import_ct=32.0, worth_ct=40.0) == FULL


# -- the latest start --------------------------------------------------------------------------------------


def night(need_wh: float, hours: float, **traits: object) -> tuple[float, list[Command]]:
    """Return what is missing at the departure, and what was offered.

    The car takes what it is offered. Dark, 32 ct, no plan at all: only the guard can charge.
    """
    strategy, command, offered = ReadyBy(), Off(), []  # type: ReadyBy, Command, list[Command]
    memory, left_wh = strategy.initial(), need_wh
    for tick in range(int(hours * 360)):
        now_s = tick * 10.0
        needs = (Need(hours * HOUR_S, left_wh),)
        drawn_w = CarTraits().draw_w(command)
        snap = at(now_s, command=command, needs=needs, import_ct=32.0, car_power_w=drawn_w, **traits)
        wish, memory = strategy.decide(snap, memory)
        command = wish.target
        offered.append(command)
        left_wh -= snap.car.draw_w(command) / 360 if isinstance(command, Charge) else 0.0
    return left_wh, offered


@pytest.mark.parametrize("need_wh", [400.0, 3_000.0, 20_000.0, 60_000.0])
def test_a_departure_is_met_without_a_plan_and_not_before_it_must(need_wh: float) -> None:
    """In one go, woken 5 min, at full power 2 min and 4 % of the charging before time alone forces it."""
    left_wh, offered = night(need_wh, 8.0)
    assert left_wh <= 0
    called = next(place for place, command in enumerate(offered) if command != Off())
    spare_s = 8 * HOUR_S - called * 10 - need_wh / FULL_W * HOUR_S
    assert 290 <= spare_s <= 330 + 0.04 * need_wh / FULL_W * HOUR_S
    begun = offered.index(FULL)
    left_at_begun_wh = need_wh - (begun - called) * LEAST_W / 360
    spare_s = 8 * HOUR_S - begun * 10 - left_at_begun_wh / FULL_W * HOUR_S
    assert 100 <= spare_s <= 140 + 0.04 * need_wh / FULL_W * HOUR_S
    assert offered[called:begun] == [LEAST] * (begun - called)
    ended = next((place for place in range(begun, len(offered)) if offered[place] == Off()), len(offered))
    assert offered[begun:ended] == [FULL] * (ended - begun)
    assert Charge not in {type(command) for command in offered[ended:]}


@pytest.mark.parametrize(
    ("surplus_w", "target"), [(6_600.0, Charge(9, 3)), (2_000.0, LEAST), (-500.0, LEAST)]
)
def test_the_sun_is_followed_until_only_full_power_is_left(surplus_w: float, target: Command) -> None:
    """3.4 kWh in 23.5 min are 4.5 min of spare time: on three phases, awake, and no more is due."""
    strategy, command = ReadyBy(), Charge(9, 3)  # type: tuple[ReadyBy, Command]
    memory = strategy.initial()
    for tick in range(12):
        left_s, now_s = 1410.0, tick * 10.0
        need_wh = (left_s - 270) * 0.97 * FULL_W / HOUR_S
        needs = (Need(now_s + left_s, need_wh),)
        snap = at(
            now_s, surplus_w, command, worth_ct=12.0, needs=needs, car_power_w=CarTraits().draw_w(command)
        )
        wish, memory = strategy.decide(snap, memory)
        command = wish.target
    assert command == target
    late = at(
        130.0, surplus_w, command, worth_ct=12.0, needs=(Need(130.0 + 1259.0, 3_400.0),), car_power_w=4_140.0
    )
    assert strategy.decide(late, memory)[0].target == FULL


def test_no_stop_is_announced_while_the_car_is_kept_awake() -> None:
    """All grid, and worth less than it costs: at 6 A for the departure, and said so at every decision."""
    strategy, command = ReadyBy(), Off()  # type: tuple[ReadyBy, Command]
    memory, reasons = strategy.initial(), set()
    for tick in range(20):
        drawn_w = CarTraits().draw_w(command)
        snap = at(
            tick * 10.0,
            -500.0,
            command,
            worth_ct=12.0,
            needs=(Need(tick * 10.0 + 1410.0, (1410 - 270) * 0.97 * FULL_W / HOUR_S),),
            car_power_w=drawn_w,
        )
        stop_in_s = max(150.0 - tick * 10.0, 0.0)
        least_on = dataclasses.replace(snap.admissible, stop_in_s=stop_in_s, phase_change_in_s=600.0)
        snap = dataclasses.replace(snap, admissible=least_on)
        wish, memory = strategy.decide(snap, memory)
        command = wish.target
        assert command == LEAST
        reasons.add(wish.reason)
    assert any("the car is to be awake" in reason for reason in reasons)
    assert not [reason for reason in reasons if "off in about" in reason]


def test_a_car_that_does_not_wake_up_at_the_least_current_is_offered_all() -> None:
    """It takes nothing of 6 A for a minute; one that does wake is left at 6 A."""
    for power_w, target in ((0.0, FULL), (4_140.0, LEAST)):
        strategy, offered = ReadyBy(), [Off()]  # type: tuple[ReadyBy, list[Command]]
        memory = strategy.initial()
        for tick in range(9):
            drawn_w = power_w if offered[-1] != Off() else 0.0
            needs = (Need(tick * 10.0 + 1410.0, 3_450.0),)
            snap = at(tick * 10.0, command=offered[-1], worth_ct=12.0, needs=needs, car_power_w=drawn_w)
            wish, memory = strategy.decide(snap, memory)
            offered.append(wish.target)
        assert offered[1:7] == [LEAST] * 6
        assert offered[-1] == target


def test_one_phase_is_left_in_time_for_three() -> None:
    """On one phase with a little sun: three are set, at the least, when full power is near."""
    strategy, needs = ReadyBy(), (Need(1470.0, 3_400.0),)
    snap = at(0.0, 1_500.0, Charge(6, 1), worth_ct=12.0, needs=needs, car_power_w=1_380.0)
    assert strategy.decide(snap, strategy.initial())[0].target == LEAST


def test_what_cannot_be_met_any_more_is_charged_at_once() -> None:
    """50 kWh in two hours: everything from the first tick on, nothing held back."""
    left_wh, offered = night(50_000.0, 2.0)
    assert set(offered) == {FULL}
    assert left_wh == pytest.approx(50_000 - 2 * FULL_W, abs=50)


def test_a_slow_car_begins_earlier() -> None:
    """A car on one phase at 16 A takes 3.68 kW: 20 kWh need five and a half hours."""
    _, offered = night(20_000.0, 8.0, car=CarTraits("slow", phases_used=1))
    begun_h = next(place for place, command in enumerate(offered) if isinstance(command, Charge)) / 360
    assert 8 - 20 / 3.68 - 0.35 < begun_h < 8 - 20 / 3.68


def test_a_locked_phase_change_is_reckoned_with() -> None:
    """One phase is set and three are barred for an hour: 3.68 kW count until then, and it starts on one."""
    locked = Admissible(phase_change_in_s=HOUR_S)
    need = (Need(2 * HOUR_S, 7_000.0),)
    snap = at(0.0, needs=need, phases_set=1, admissible=locked)
    wish, _ = ReadyBy().decide(snap, ReadyBy().initial())
    free, _ = ReadyBy().decide(at(0.0, needs=need, phases_set=1), ReadyBy().initial())
    assert wish.target == Off()  # 3 phases from minute 60 on bring 10 kWh
    assert free.target == Off()
    more = (Need(2 * HOUR_S, 10_500.0),)
    wish, _ = ReadyBy().decide(at(0.0, needs=more, phases_set=1, admissible=locked), ReadyBy().initial())
    assert wish.target == Charge(16, 1)
    assert "10.5 kWh" in wish.reason


def test_of_several_departures_the_most_urgent_counts() -> None:
    """The one tomorrow is large and near its limit, the one tonight is small and far from it."""
    tonight, tomorrow = Need(3 * HOUR_S, 500.0), Need(8 * HOUR_S, 86_000.0)
    wish, _ = ReadyBy().decide(at(0.0, needs=(tonight, tomorrow)), ReadyBy().initial())
    assert wish.target == FULL
    assert "86.0 kWh" in wish.reason


def test_without_a_car_nothing_is_urgent() -> None:
    """Late as it is."""
    snap = at(0.0, needs=(Need(60.0, 9_000.0),), car_connected=False)
    assert ReadyBy().decide(snap, ReadyBy().initial())[0].target == Off()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ReadyBy(value_ct_per_kwh=float("nan")),
        lambda: Tariff(limit_ct_per_kwh=500.0),
        lambda: Surplus(value_from_prices=1),  # type: ignore[arg-type]
    ],
)
def test_wrong_options_are_refused(wrong: object) -> None:
    with pytest.raises(StrategyError, match="accepted"):
        wrong()  # type: ignore[operator]


# -- the last change of phases -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "need_wh", "phases"),
    [(2, 20_000.0, 1), (None, 20_000.0, 1), (1, 20_000.0, 3), (0, 20_000.0, 3), (1, 5_000.0, 1)],
)
def test_the_last_change_of_phases_is_kept_for_a_need_that_wants_three(
    left: int | None, need_wh: float, phases: int
) -> None:
    """2 kW of sun would have one phase; 20 kWh in three hours it could not bring, 5 kWh it can."""
    strategy, command = ReadyBy(), Charge(6, 3)
    memory, admissible = strategy.initial(), Admissible(phase_changes_left=left)
    if left == 0:
        admissible = dataclasses.replace(admissible, phase_change_in_s=float("inf"))
    for tick in range(180):
        snap = at(
            tick * 10.0,
            2_000.0,
            command,
            worth_ct=20.0,
            needs=(Need(3 * HOUR_S, need_wh),),
            phases_set=phases if isinstance(command, Off) else command.phases,
            admissible=admissible,
        )
        wish, memory = strategy.decide(snap, memory)
        command = wish.target
        if isinstance(command, Charge) and left == 1 and need_wh > 9_000.0:
            assert command.phases == 3
    if isinstance(command, Charge):
        assert command.phases == phases
    assert isinstance(command, Charge) or phases == 3


def test_a_car_is_ready_however_often_the_phases_changed() -> None:
    """An hour before the departure, six changes behind it: three phases are still set."""
    snap = at(
        0.0,
        1_500.0,
        Charge(6, 3),
        worth_ct=24.0,
        needs=(Need(HOUR_S, 5_000.0),),
        admissible=Admissible(phase_changes_left=1),
    )
    strategy = ReadyBy()
    wish, _ = strategy.decide(snap, strategy.initial())
    assert isinstance(wish.target, Off) or wish.target.phases == 3


@pytest.mark.parametrize(("left_s", "first"), [(900.0, LEAST), (1500.0, Charge(6, 1))])
def test_phases_are_not_given_up_where_they_would_not_be_back_in_time(left_s: float, first: Command) -> None:
    """0.8 kWh are missing and a little sun is there: on one phase, held for ten minutes, 15 min bring 0.6.

    In 25 min one phase alone brings 1.2 kWh.
    """
    strategy, command = ReadyBy(), Off()
    memory, tick = strategy.initial(), 0
    while isinstance(command, Off) and tick * 10.0 < left_s:
        snap = at(
            tick * 10.0,
            1_000.0,
            command,
            worth_ct=22.0,
            needs=(Need(left_s, 800.0),),
            admissible=Admissible(phase_changes_left=4, phase_change_holds_s=600.0),
        )
        wish, memory = strategy.decide(snap, memory)
        command, tick = wish.target, tick + 1
    assert command == first


@pytest.mark.parametrize(
    ("left_s", "holds_s", "stays"),
    [(600.0, 300.0, True), (1500.0, 300.0, False), (1500.0, 1800.0, True)],
)
def test_no_stop_after_which_the_pause_would_cost_the_departure(
    left_s: float, holds_s: float, stays: bool
) -> None:
    """0.15 kWh are missing and the sun goes: the least current goes on where a pause would reach too far."""
    life: dict[str, object] = {
        "worth_ct": 10.0,
        "needs": (Need(left_s, 150.0),),
        "admissible": Admissible(stop_holds_s=holds_s),
    }
    strategy, command = ReadyBy(), Charge(8, 3)  # type: tuple[ReadyBy, Command]
    memory = strategy.initial()
    for tick in range(20):
        wish, memory = strategy.decide(at(tick * 10.0, -500.0, command, **life), memory)  # type: ignore[arg-type]
        command = wish.target
        assert not (stays and isinstance(command, Off))
    assert isinstance(command, Charge) is stays


def test_no_stop_instead_of_a_change_of_phases_that_would_cost_the_departure() -> None:
    """0.3 kWh are missing in ten minutes with a little sun: no one phase and no pause, three go on."""
    admissible = Admissible(phase_changes_left=4, phase_change_holds_s=600.0, stop_holds_s=300.0)
    strategy, command = ReadyBy(), Charge(8, 3)  # type: tuple[ReadyBy, Command]
    memory = strategy.initial()
    for tick in range(20):
        snap = at(
            tick * 10.0, 1_400.0, command, worth_ct=10.0, needs=(Need(600.0, 300.0),), admissible=admissible
        )
        wish, memory = strategy.decide(snap, memory)
        command = wish.target
        assert isinstance(command, Charge)
        assert command.phases == 3


@pytest.mark.parametrize(
    ("left", "left_s", "moves"),
    [(3, 2_000.0, False), (0, 2_000.0, False), (4, 2_000.0, True), (3, 4_000.0, True)],
)
def test_the_last_commands_are_kept_for_full_power(left: int, left_s: float, moves: bool) -> None:
    """3 kWh are missing in 33 min, the sun has gone: it is not followed any more with three commands left."""
    strategy, command = ReadyBy(), Charge(12, 3)  # type: tuple[ReadyBy, Command]
    memory, seen = strategy.initial(), set[Command]()
    for tick in range(24):
        snap = at(
            tick * 10.0,
            4_200.0,
            command,
            worth_ct=12.0,
            needs=(Need(left_s, 3_000.0),),
            car_power_w=CarTraits().draw_w(command),
            admissible=Admissible(writes_left=left),
        )
        wish, memory = strategy.decide(snap, memory)
        command = wish.target
        seen.add(command)
    assert (seen != {Charge(12, 3)}) is moves


def test_full_power_is_not_held_back_by_the_commands_that_are_left() -> None:
    """They were kept for it."""
    strategy = ReadyBy()
    snap = at(
        0.0,
        4_200.0,
        Charge(6, 3),
        worth_ct=12.0,
        needs=(Need(1_100.0, 3_000.0),),
        car_power_w=LEAST_W,
        admissible=Admissible(writes_left=1),
    )
    assert strategy.decide(snap, strategy.initial())[0].target == FULL


# -- a car nobody knows ------------------------------------------------------------------------------------


def trial(now_s: float, proven_w: float | None, command: Command = Off(), **other: object) -> SiteSnapshot:  # noqa: B008
    """Return a snapshot at night with 3 kWh wanted at four hours."""
    car = CarTraits(proven_w=proven_w)
    return at(now_s, command=command, car=car, needs=(Need(4 * HOUR_S, 3_000.0),), worth_ct=20.0, **other)


def test_a_stranger_is_counted_on_for_ten_amperes_on_one_phase() -> None:
    """3 kWh at 2.23 kW take 81 min: 86 before the departure all is offered, 88 before nothing is."""
    for before_min, wanted in ((88.0, Off()), (85.0, FULL)):
        wish, _ = ReadyBy().decide(trial(4 * HOUR_S - before_min * 60, 0.0), ReadyBy().initial())
        assert wish.target == wanted
    assert "tried what this car takes" in wish.reason


def test_a_trial_ends_when_the_car_has_shown_what_it_takes() -> None:
    """It draws 11 kW: by that there is time, and a kWh worth 20 ct is not bought at 30."""
    strategy, begin_s = ReadyBy(), 4 * HOUR_S - 85 * 60.0
    memory = strategy.initial()
    for second in range(0, 60, 10):
        wish, memory = strategy.decide(trial(begin_s + second, 0.0, FULL, car_power_w=FULL_W), memory)
        assert wish.target == FULL
    wish, memory = strategy.decide(trial(begin_s + 60, FULL_W, FULL, car_power_w=FULL_W), memory)
    assert wish.target != FULL


def test_a_trial_goes_on_while_it_shows_a_little_and_ends_after_three_minutes() -> None:
    """4.1 kW at the first look is no end, three minutes are: a car that takes no more is known by then."""
    strategy, begin_s = ReadyBy(), 4 * HOUR_S - 85 * 60.0
    memory, asked = strategy.initial(), []
    for second in range(0, 300, 10):
        proven_w = 0.0 if second < 40 else LEAST_W
        wish, memory = strategy.decide(trial(begin_s + second, proven_w, FULL, car_power_w=LEAST_W), memory)
        asked.append(wish.target == FULL)
    assert all(asked[:18])
    assert not any(asked[18:])


def test_a_trial_of_a_car_that_nobody_can_reach_goes_on_until_it_takes_something() -> None:
    """The cloud is silent for an hour: the first that is seen of the car decides whether there is time."""
    strategy, begin_s = ReadyBy(), 4 * HOUR_S - 85 * 60.0
    memory = strategy.initial()
    for second in range(0, 3600, 10):
        wish, memory = strategy.decide(trial(begin_s + second, 0.0), memory)
        assert wish.target == FULL
        assert "tried" in wish.reason
    wish, memory = strategy.decide(trial(begin_s + 3600, FULL_W, FULL, car_power_w=FULL_W), memory)
    assert wish.target != FULL


@pytest.mark.parametrize("proven_w", [None, FULL_W, 10_900.0])
def test_who_is_known_is_not_tried(proven_w: float | None) -> None:
    """Named in the config, or seen to take all of it: nothing before the latest start."""
    wish, _ = ReadyBy().decide(trial(4 * HOUR_S - 60 * 60.0, proven_w), ReadyBy().initial())
    assert wish.target == Off()


# -- commands kept for the end -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left_today", "needs", "only_stop"),
    [
        (4, (Need(23 * HOUR_S, 500.0),), True),
        (0, (Need(23 * HOUR_S, 500.0),), True),
        (5, (Need(23 * HOUR_S, 500.0),), False),
        (None, (Need(23 * HOUR_S, 500.0),), False),
        (4, (Need(23 * HOUR_S, 0.0), Need(100 + 24 * HOUR_S, 500.0)), False),
        (4, (Need(99 + 24 * HOUR_S, 500.0),), True),
        (4, (), False),
    ],
)
def test_the_last_four_commands_of_a_day_are_the_departures(
    left_today: int | None, needs: tuple[Need, ...], only_stop: bool
) -> None:
    """A need within 24 hours keeps four, as far as they are known; one that is met or farther keeps none."""
    snap = at(100.0, needs=needs, admissible=Admissible(writes_left_today=left_today, max_current_a=13))
    kept = spared(snap)
    assert kept.admissible.only_stop is only_stop
    assert dataclasses.replace(kept, admissible=snap.admissible) == snap
    assert dataclasses.replace(kept.admissible, only_stop=False) == snap.admissible


def test_sun_does_not_use_up_the_commands_of_the_day() -> None:
    """7 kW from the first minute, a departure at night: five commands left start it, four do not."""
    for left, starts in ((5, True), (4, False)):
        allowed = Admissible(writes_left_today=left)
        ended = settled(ReadyBy(), surplus_w=7_000.0, needs=(Need(9 * HOUR_S, 2_000.0),), admissible=allowed)
        assert isinstance(ended, Charge) is starts


@pytest.mark.parametrize(
    ("left", "before_min", "command", "moves"),
    [(3, 30.0, LEAST, False), (4, 30.0, LEAST, True), (None, 30.0, LEAST, True), (3, 45.0, LEAST, True)],
)
def test_the_last_three_of_a_quarter_of_an_hour_too(
    left: int | None, before_min: float, command: Command, moves: bool
) -> None:
    """1.9 kWh take 11 min; 20 min before that is the last of them, the sun is not followed with three."""
    snap = at(
        0.0,
        7_000.0,
        command,
        needs=(Need(before_min * 60, 1_900.0),),
        admissible=Admissible(writes_left=left),
    )
    wish = sparing(snap, Wish(Charge(10, 3), "more sun", {"why": "sun"}))
    assert wish.target == (Charge(10, 3) if moves else command)
    assert wish.facts == {"why": "sun"}
    assert sparing(snap, Wish(command, "as it is")).reason == "as it is"


# -- what it remembers -------------------------------------------------------------------------------------


def test_the_past_of_the_engine_goes_on_through_all_of_it() -> None:
    """Waking, full power, a trial and the time after: the engine has seen the same as if nothing had been."""
    cases = {
        "nothing": at(100.0, 3_000.0),
        "awake": at(100.0, 3_000.0, needs=(Need(100 + 1_500.0, 3_570.0),)),
        "full power": at(100.0, 3_000.0, needs=(Need(100 + 1_200.0, 3_570.0),)),
        "trial": at(100.0, 3_000.0, needs=(Need(100 + 1_500.0, 3_570.0),), car=CarTraits(proven_w=0.0)),
    }
    _, begun = ReadyBy().decide(at(90.0, 3_000.0), ReadyBy().initial())
    _, alone = Surplus(solar_share=0.5).decide(cases["nothing"], begun.past)
    for name, snap in cases.items():
        _, memory = ReadyBy().decide(snap, begun)
        assert memory.past == alone, name
        assert memory.past is not None


def test_full_power_that_has_begun_remembers_since_when_the_car_is_called() -> None:
    """Called at 50 s, all of it from 100 s on: a car that sleeps is known to have slept for so long."""
    _, memory = ReadyBy().decide(
        at(100.0, needs=(Need(1_300.0, 3_570.0),)), dataclasses.replace(ReadyBy().initial(), called_s=50.0)
    )
    assert (memory.urgent_at_s, memory.called_s) == (1_300.0, 50.0)
