"""What the gate remembers, tells the strategy and says: whole values, so that nothing in them can hide."""

from dataclasses import replace
from typing import Any

import pytest

from controller.limits import Limits
from controller.line.gate import admissible, admit, phase_price_ct
from controller.line.gate_memory import GateState, follow, raises, wrote
from controller.line.link import Link
from controller.line.pending import Knobs, Pending
from controller.line.phases import PhaseHistory
from controller.model import (
    Action,
    Admissible,
    CarTraits,
    Ceiling,
    Charge,
    ChargerStatus,
    Command,
    Force,
    Hold,
    Off,
    PhaseMode,
    Quality,
    Send,
    Settings,
    SiteSnapshot,
    Wish,
)

LIMITS = Limits(fuse_a=None)
NOW_S = 200_000.0
ON = Charge(10, 1)
TOP = Ceiling(16, 16, 16, "nothing")
FRAIL = CarTraits(survives_pauses=False)
USED = GateState(
    on_since_s=NOW_S - 1000,
    off_since_s=NOW_S - 2000,
    own_start=True,
    unanswered=True,
    phase=PhaseHistory(NOW_S - 1500, (NOW_S - 2500, NOW_S - 1500)),
    comfort_writes_s=(NOW_S - 1000,),
    safety_writes_s=(NOW_S - 3000,),
    last_raise_s=NOW_S - 1000,
)


def link_of(present: Command = ON, **change: Any) -> Link:
    """Return what is known of a connected car's charger; phases as the command has them, or one."""
    phases = present.phases if isinstance(present, Charge) else 1
    mode = PhaseMode.THREE if phases == 3 else PhaseMode.ONE
    force = Force.ON if isinstance(present, Charge) else Force.OFF
    values: dict[str, Any] = {
        "phases_set": phases,
        "knobs": Knobs(10, force, mode),
        "seen_data_s": NOW_S - 1,
        "connected": True,
    }
    return Link(present, **(values | change))


def snap_of(**change: Any) -> SiteSnapshot:
    """Return a fresh sight of a car that draws 2.3 kW."""
    values: dict[str, Any] = {"car_connected": True, "car_power_w": 2300.0}
    return SiteSnapshot(NOW_S, 10.0, Quality.FRESH, Quality.FRESH, **(values | change))


def asked(
    wish: Command,
    present: Command = ON,
    state: GateState | None = None,
    top: Ceiling = TOP,
    limits: Limits = LIMITS,
    snap: dict[str, Any] | None = None,
    **link: Any,
) -> Action:
    """Return what the gate does with a wish."""
    return admit(
        state or GateState(),
        link_of(present, **link),
        snap_of(**(snap or {})),
        Wish(wish, "so", {"value": 1.0}),
        top,
        limits,
    )


# -- following what happens at the charger ----------------------------------------------------------------


def test_an_unplug_forgets_all_but_the_writes() -> None:
    """Times, phases and the car's refusal go with the car; the budget and the last raise stay."""
    empty = Link(gone=True)
    gone = follow(USED, empty, link_of(), NOW_S)
    assert gone == GateState(
        comfort_writes_s=USED.comfort_writes_s,
        safety_writes_s=USED.safety_writes_s,
        last_raise_s=USED.last_raise_s,
    )
    paused = replace(USED, on_since_s=None)
    assert follow(paused, empty, empty, NOW_S) == paused
    assert follow(USED, empty, Link(), NOW_S) == gone  # it charged when the service went down, and is gone
    assert follow(USED, Link(), Link(), NOW_S) == USED  # nothing was read yet: it may charge on


def test_a_reboot_of_the_charger_counts_as_just_switched() -> None:
    """Charging or not: that time begins now. A start of ours that goes on stays ours, another is nobody's."""
    before, after = link_of(rebooted_s=None), link_of(rebooted_s=NOW_S - 1)
    assert follow(USED, after, before, NOW_S) == replace(USED, on_since_s=NOW_S, off_since_s=None)
    was_off = link_of(Off(), rebooted_s=None)
    assert follow(USED, after, was_off, NOW_S) == replace(
        USED, own_start=False, on_since_s=NOW_S, off_since_s=None
    )
    off = link_of(Off(), rebooted_s=NOW_S - 1)
    assert follow(USED, off, before, NOW_S) == replace(
        USED, own_start=False, on_since_s=None, off_since_s=NOW_S
    )


def test_an_end_that_is_not_ours_is_a_stop_now() -> None:
    """The car ended by itself, or our start was seen and then went: the pause begins now."""
    state = replace(USED, unanswered=False)
    off = link_of(Off())
    ended = follow(state, off, link_of(), NOW_S)
    assert ended == replace(state, on_since_s=None, off_since_s=NOW_S, own_start=False)
    lost = Pending(Charge(6, 1), Settings(current_a=6), NOW_S - 30, raising=True, failed=True)
    foreign = replace(state, own_start=False)
    again = follow(foreign, link_of(Off(), pending=lost), off, NOW_S)
    assert again == replace(foreign, on_since_s=None, off_since_s=NOW_S)
    own = follow(state, link_of(Off(), pending=lost), off, NOW_S)
    assert own == replace(state, on_since_s=None, own_start=False)  # it never began: the old pause goes on


@pytest.mark.parametrize(
    ("recent", "ours"),
    [
        ((), False),
        (((NOW_S - 119, Settings(current_a=6, force=Force.ON)),), True),
        (((NOW_S - 120, Settings(current_a=6, force=Force.ON)),), False),
        (((NOW_S - 9, Settings(current_a=6)), (NOW_S - 5, Settings(force=Force.OFF))), False),
    ],
)
def test_a_start_of_ours_that_comes_late_is_ours(
    recent: tuple[tuple[float, Settings], ...], ours: bool
) -> None:
    """Given up or sent by an earlier run, it begins when it is seen, with its least time on."""
    before = link_of(Off(), recent=recent, told_s=NOW_S)
    after = follow(GateState(off_since_s=5.0), link_of(recent=recent, told_s=NOW_S + 5), before, NOW_S + 5)
    assert after == GateState(on_since_s=NOW_S + 5, own_start=ours)


def test_what_goes_on_changes_nothing() -> None:
    """Charging since long, or off since long: the memory is as it was, the refusal of the car too."""
    assert follow(USED, link_of(idle_since_s=NOW_S - 500), link_of(), NOW_S) == USED
    paused = replace(USED, on_since_s=None)
    assert follow(paused, link_of(Off(), idle_since_s=None), link_of(Off()), NOW_S) == paused
    assert follow(USED, link_of(idle_since_s=None), link_of(), NOW_S) == replace(USED, unanswered=False)


# -- what the strategy is told ----------------------------------------------------------------------------


def test_a_free_gate_tells_the_limits() -> None:
    """All at once, from 6 to 16 A, on one and three phases."""
    told = admissible(GateState(), link_of(), snap_of(), LIMITS)
    held = (LIMITS.phase_change_min_s, LIMITS.min_off_s)
    assert told == Admissible(0.0, 0.0, 0.0, 6, 16, (1, 3), False, 6, *held, 9, 190)


def test_a_busy_gate_tells_how_long() -> None:
    """A start of ours 100 s ago, phases changed 200 s ago; a cable for 13 A and a car from 8 A."""
    state = GateState(on_since_s=NOW_S - 100, own_start=True, phase=PhaseHistory(NOW_S - 200, (NOW_S - 200,)))
    status = ChargerStatus(NOW_S - 1, NOW_S - 1, hardware_limit_a=13)
    told = admissible(state, link_of(), snap_of(charger=status, car=CarTraits(min_current_a=8)), LIMITS)
    held = (LIMITS.phase_change_min_s, LIMITS.min_off_s)
    assert told == Admissible(0.0, 200.0, 400.0, 8, 13, (1, 3), False, 5, *held, 9, 190)


def test_a_phase_change_under_way_bars_the_next_for_a_moment() -> None:
    """Whatever the distance to the last one would allow; a longer wait is not shortened."""
    dead = link_of(phase_write_s=NOW_S - 10)
    assert admissible(GateState(), dead, snap_of(), LIMITS).phase_change_in_s == 1.0
    changed = GateState(phase=PhaseHistory(NOW_S - 10, (NOW_S - 10,)))
    assert admissible(changed, dead, snap_of(), LIMITS).phase_change_in_s == 590.0
    assert admissible(changed, link_of(), snap_of(), LIMITS).phase_change_in_s == 590.0


@pytest.mark.parametrize(
    ("charger", "limits", "car", "phases"),
    [
        (True, {}, CarTraits(), (1, 3)),
        (False, {}, CarTraits(), (3,)),
        (True, {"allow_phase_switch": False}, CarTraits(), (3,)),
        (True, {}, CarTraits(phases_used=1), (3,)),
        (True, {}, CarTraits(phases_used=2), (1, 3)),
    ],
)
def test_phases_that_are_worth_having(
    charger: bool, limits: dict[str, Any], car: CarTraits, phases: tuple[int, ...]
) -> None:
    """Both, or the set one where box, config or car make a change vain."""
    status = ChargerStatus(NOW_S - 1, NOW_S - 1, can_switch_phases=charger)
    site = replace(LIMITS, **limits)
    told = admissible(GateState(), link_of(Charge(10, 3)), snap_of(charger=status, car=car), site)
    assert told.phase_options == phases


def test_a_car_allows_no_more_than_the_site_and_never_less_than_the_least() -> None:
    """Most 10 A by its config; a least current beyond the most is held at the most."""
    car = CarTraits(min_current_a=12, max_current_a=10)
    told = admissible(GateState(), link_of(), snap_of(car=car), LIMITS)
    assert (told.min_current_a, told.max_current_a) == (10, 10)
    status = ChargerStatus(NOW_S - 1, NOW_S - 1, hardware_limit_a=0)
    told = admissible(GateState(), link_of(), snap_of(charger=status), LIMITS)
    assert (told.min_current_a, told.max_current_a) == (6, 6)


@pytest.mark.parametrize(
    ("ages_s", "price_ct"),
    [
        ((), 1.5),
        ((0.0,), 2.4731),
        ((7200.0,), 1.926),
        ((7200.0, 7200.0), 2.4731),
        ((14_400.0, 50_000.0), 1.5),
    ],
)
def test_phase_changes_are_dear_after_many(ages_s: tuple[float, ...], price_ct: float) -> None:
    """1.5 ct; one of two just made counts half of the slope of 1, two hours later half of that, then none."""
    limits = replace(LIMITS, phase_changes_per_day=2, phase_price_slope=1.0)
    times_s = tuple(NOW_S - age_s for age_s in ages_s)
    state = GateState(phase=PhaseHistory(None, times_s))
    assert phase_price_ct(state, NOW_S, 1.5, limits) == pytest.approx(price_ct, abs=0.001)


# -- a car that does not come back from pauses ------------------------------------------------------------


def test_a_frail_car_gets_the_least_current_instead_of_a_stop() -> None:
    """The least it takes, on its phases, with the reason; there is no time at which a stop would pass."""
    told = {"car": FRAIL, "admissible": Admissible(min_current_a=8)}
    assert asked(Off(), snap=told) == Send(
        Charge(8, 1),
        Settings(current_a=8),
        False,
        "this car does not resume after pauses: the least current instead of a stop",
    )
    assert asked(Off(), Charge(7, 3), snap=told) == Hold(
        "this car does not resume after pauses: the least current instead of a stop"
    )
    assert admissible(GateState(), link_of(), snap_of(**told), LIMITS).stop_in_s == float("inf")


@pytest.mark.parametrize(
    ("car", "power_w", "state", "unasked", "stops"),
    [
        (CarTraits(survives_pauses=True), 2300.0, GateState(), False, True),
        (CarTraits(), 2300.0, GateState(), False, True),
        (FRAIL, 200.0, GateState(), False, True),  # it takes nothing worth keeping awake
        (FRAIL, 201.0, GateState(), False, False),
        (FRAIL, 2300.0, GateState(), True, True),  # a start nobody asked for may be ended
        (FRAIL, 2300.0, GateState(on_since_s=NOW_S - 299), True, True),
        (FRAIL, 2300.0, GateState(on_since_s=NOW_S - 300), True, False),  # until we let it be
        (FRAIL, 2300.0, GateState(on_since_s=NOW_S - 10), False, False),
    ],
)
def test_which_car_may_be_stopped(
    car: CarTraits, power_w: float, state: GateState, unasked: bool, stops: bool
) -> None:
    """Only one that is known not to come back, draws, and was not begun by somebody else a moment ago."""
    sent = asked(Off(), state=state, snap={"car": car, "car_power_w": power_w}, unasked=unasked)
    assert isinstance(sent, Send)
    assert (sent.command == Off()) is stops


# -- the words, and until when ----------------------------------------------------------------------------


def open_write(command: Command, **change: Any) -> Pending:
    """Return a raise of ours that left 6 s ago and is not seen yet."""
    settings = (
        Settings(current_a=command.current_a) if isinstance(command, Charge) else Settings(force=Force.OFF)
    )
    values: dict[str, Any] = {"sent_s": NOW_S - 6, "raising": True, **change}
    return Pending(command, settings, **values)


SIX = (NOW_S - 81_000, *[NOW_S - 3600 * hours for hours in range(20, 0, -4)])
"""Changes of a day; the oldest is forgotten in an hour and a half."""
RECENT = replace(GateState(), phase=PhaseHistory(NOW_S - 100, (NOW_S - 100,)))


@pytest.mark.parametrize(
    ("wish", "named", "reason", "until_s"),
    [
        (Charge(12, 1), {"seen_data_s": None}, "the charger has not been read yet", None),
        (
            Charge(12, 1),
            {"yielded": True},
            "somebody changed the charger by app or button; it stays theirs until the car is unplugged",
            None,
        ),
        (Charge(12, 1), {"last_write_s": NOW_S - 2}, "the last write is too recent", NOW_S + 3),
        (
            Charge(12, 1),
            {"top": Ceiling(5, 5, 8, "x", "overload of L1"), "last_write_s": NOW_S - 2},
            "overload of L1; the last write is less than 5 s old",
            NOW_S + 3,
        ),
        (
            Charge(12, 1),
            {"pending": open_write(Charge(12, 1))},
            "waiting to see the last write at the charger",
            NOW_S + 9,
        ),
        (
            Charge(12, 1),
            {"pending": open_write(Charge(12, 1), refused=True)},
            "the charger refused this; it is tried again after ten minutes",
            NOW_S + 594,
        ),
        (
            Charge(12, 1),
            {"pending": open_write(Charge(12, 1), attempts=4, failed=True)},
            "this did not arrive after four tries; tried again after a quarter of an hour",
            NOW_S + 894,
        ),
        (
            Charge(12, 1),
            {"pending": open_write(Charge(11, 1))},
            "nothing is raised while a write is open",
            NOW_S + 9,
        ),
        (
            Off(),
            {"state": GateState(on_since_s=NOW_S - 40, own_start=True)},
            "minimum on time, 260 s left",
            NOW_S + 260,
        ),
        (
            Charge(6, 1),
            {"present": Off(), "state": GateState(off_since_s=NOW_S - 40)},
            "minimum off time, 260 s left",
            NOW_S + 260,
        ),
        (Charge(6, 3), {"state": RECENT}, "the last phase change is too recent, 500 s left", NOW_S + 500),
        (
            Charge(6, 3),
            {"state": GateState(phase=PhaseHistory(NOW_S - 3600, SIX))},
            "6 phase changes are enough for 24 h, 1.5 h left",
            NOW_S + 5400,
        ),
        (
            Charge(6, 3),
            {"limits": replace(LIMITS, phase_changes_per_day=0)},
            "no phase changes are allowed here",
            None,
        ),
        (
            Charge(6, 3),
            {"snap": {"car": CarTraits(phases_used=1)}},
            "this car uses one phase; no phases are changed for it",
            None,
        ),
        (
            Charge(6, 3),
            {"limits": replace(LIMITS, allow_phase_switch=False)},
            "this charger or config does not switch phases",
            None,
        ),
        (
            Charge(6, 3),
            {"snap": {"charger": ChargerStatus(NOW_S, NOW_S, can_switch_phases=False)}},
            "this charger or config does not switch phases",
            None,
        ),
        (
            Charge(8, 1),
            {"phase_write_s": NOW_S - 10},
            "a phase change is under way; only a stop may pass",
            None,
        ),
        (
            Charge(12, 1),
            {"state": GateState(unanswered=True)},
            "the car takes nothing of what is offered; nothing is raised until it does",
            None,
        ),
        (
            Charge(8, 1),
            {"state": GateState(comfort_writes_s=tuple(NOW_S - 800 + 80 * n for n in range(9)))},
            "the write budget is spent; what is kept in reserve is for safety",
            NOW_S + 100,
        ),
    ],
)
def test_every_hold_says_why_and_until_when(
    wish: Command, named: dict[str, Any], reason: str, until_s: float | None
) -> None:
    """The words people read, and the moment it ends by itself where there is one."""
    assert asked(wish, **named) == Hold(reason, until_s)


@pytest.mark.parametrize("quality", [Quality.AGING, Quality.STALE, Quality.INVALID])
def test_doubt_says_so(quality: Quality) -> None:
    """Nothing is raised on data that is not fresh, from either side."""
    for pair in ((quality, Quality.FRESH), (Quality.FRESH, quality)):
        seen = SiteSnapshot(NOW_S, 10.0, *pair)
        held = admit(GateState(), link_of(), seen, Wish(Charge(12, 1), "so"), TOP, LIMITS)
        assert held == Hold("nothing is raised on data that is not fresh")


def test_a_raise_on_no_record_says_so() -> None:
    """Ten minutes after the last one."""
    state = GateState(last_raise_s=NOW_S - 100)
    held = asked(Charge(12, 1), state=state, snap={"ledger_degraded": True})
    assert held == Hold("the ledger cannot be written; raises are rare until it can", NOW_S + 500)


def test_a_second_try_of_a_start_is_sent_when_it_is_due() -> None:
    """The minimum off time that its first try began does not stand against it."""
    lost = Pending(Charge(6, 1), Settings(current_a=6, force=Force.ON), NOW_S - 15, raising=True)
    sent = asked(Charge(6, 1), Off(), state=GateState(off_since_s=NOW_S - 200), pending=lost)
    assert sent == Send(Charge(6, 1), Settings(current_a=6, force=Force.ON), False, "so")
    early = replace(lost, sent_s=NOW_S - 14)
    assert asked(Charge(6, 1), Off(), pending=early) == Hold(
        "waiting to see the last write at the charger", NOW_S + 1
    )


# -- a start without its current, and a reduction nobody takes --------------------------------------------

LOST = "the start arrived without its current: more is offered than was decided"


def test_a_start_without_its_current_is_stopped_past_everything() -> None:
    """Minimum on time and an empty budget do not matter; five seconds after the last write do."""
    spent = GateState(on_since_s=NOW_S - 1, own_start=True, comfort_writes_s=(NOW_S - 10,) * 9)
    stop = Send(Off(), Settings(force=Force.OFF), True, LOST)
    for last_s in (None, NOW_S - 5, NOW_S - 60):
        assert asked(Charge(12, 1), state=spent, too_much=True, last_write_s=last_s) == stop
    assert asked(Charge(12, 1), too_much=True, last_write_s=NOW_S - 4) == Hold(
        f"{LOST}; the last write is less than 5 s old", NOW_S + 1
    )
    assert parked(too_much=True).reason != LOST  # nobody is connected


def test_a_car_that_was_offered_too_much_is_left_in_peace() -> None:
    """The next start waits as after a car that took nothing."""
    after = wrote(GateState(), send(Off(), True, force=Force.OFF), link_of(too_much=True), NOW_S)
    assert after.unanswered
    assert not wrote(GateState(), send(Off(), True, force=Force.OFF), link_of(), NOW_S).unanswered


@pytest.mark.parametrize(
    ("attempts", "unheard", "pause_s"),
    [(6, True, 0.0), (7, True, 30.0), (30, False, 0.0), (31, False, 60.0), (7, False, 0.0)],
)
def test_a_reduction_nobody_takes_is_asked_for_less_often(
    attempts: int, unheard: bool, pause_s: float
) -> None:
    """Not heard: after six times every 30 s; heard and not applied: after thirty times every minute."""
    top = Ceiling(0, 0, 0, "", "blind")
    for age_s in (10.0, pause_s - 0.1, pause_s):
        if age_s < 5.0:
            continue
        open_stop = Pending(Off(), Settings(force=Force.OFF), NOW_S - age_s, False, attempts, unheard=unheard)
        found = asked(Charge(12, 1), top=top, pending=open_stop)
        if age_s >= pause_s:
            assert isinstance(found, Send)
        else:
            assert found == Hold("blind; asked in vain, and again soon", NOW_S - age_s + pause_s)
    lower = Pending(Charge(8, 1), Settings(current_a=8), NOW_S - 6, False, 40, unheard=True)
    assert isinstance(asked(Charge(12, 1), top=top, pending=lower), Send)  # another reduction is news


# -- parking ----------------------------------------------------------------------------------------------


def parked(
    data_s: float = NOW_S - 1, state: GateState | None = None, charger: bool = True, **link: Any
) -> Action:
    """Return what the gate does with an idle charger that stands at 16 A on three phases."""
    status = ChargerStatus(data_s, data_s) if charger else None
    values: dict[str, Any] = {
        "knobs": Knobs(16, Force.NEUTRAL, PhaseMode.THREE),
        "connected": False,
        "gone": True,
        "phases_set": 3,
    }
    seen = snap_of(charger=status, car_connected=False)
    return admit(
        state or GateState(), link_of(Off(), **(values | link)), seen, Wish(Off(), "so"), TOP, LIMITS
    )


def test_an_idle_charger_is_parked_once_and_says_so() -> None:
    """One write for comfort; nothing while it cannot be read or stands so already."""
    wanted = Settings(current_a=6, phase_mode=PhaseMode.ONE)
    assert parked() == Send(Off(), wanted, False, "no car: parked at the least current on one phase")
    assert parked(charger=False) == Hold("no car is connected")
    assert parked(gone=False) == Hold("no car is connected")  # no read has said so: a car may be charging
    assert parked(knobs=Knobs(6, Force.NEUTRAL, PhaseMode.ONE)) == Hold("no car is connected")
    spent = GateState(comfort_writes_s=(NOW_S - 10,) * 9)
    assert parked(state=spent) == Hold("no car is connected; the write budget is spent")


def test_parking_waits_to_be_seen() -> None:
    """Not again before a read newer than the write, nor before its time; then again."""
    wanted = Settings(current_a=6, phase_mode=PhaseMode.ONE)
    words = "no car is connected; waiting to see the charger parked"
    young = Pending(Off(), wanted, NOW_S - 6, raising=False)
    assert parked(pending=young) == Hold(words, NOW_S + 4)
    due = replace(young, sent_s=NOW_S - 10)
    assert isinstance(parked(pending=due), Send)
    assert parked(NOW_S - 10, pending=due, last_write_s=NOW_S - 10) == Hold(words, NOW_S)
    refused = replace(due, refused=True)
    assert parked(pending=refused) == Hold(words, NOW_S + 590)


# -- after a write ----------------------------------------------------------------------------------------


def send(command: Command, safety: bool = False, **settings: Any) -> Send:
    """Return a write."""
    keys = settings or {"current_a": 8}
    return Send(command, Settings(**keys), safety, "so")


def test_a_start_is_remembered_whole() -> None:
    """Ours, now, with the phase change it brings; the pause before it stays known until it is seen."""
    state = replace(USED, on_since_s=None)
    after = wrote(state, send(Charge(8, 3)), link_of(Off()), NOW_S)
    assert after == replace(
        state,
        on_since_s=NOW_S,
        own_start=True,
        unanswered=False,
        phase=PhaseHistory(NOW_S, (NOW_S - 2500, NOW_S - 1500, NOW_S)),
        comfort_writes_s=(NOW_S - 1000, NOW_S),
        last_raise_s=NOW_S,
    )


def test_a_stop_for_safety_is_remembered_whole() -> None:
    """It begins the pause and is counted apart; it is no raise."""
    after = wrote(USED, send(Off(), True, force=Force.OFF), link_of(), NOW_S)
    assert after == replace(USED, off_since_s=NOW_S, safety_writes_s=(NOW_S - 3000, NOW_S))


def test_a_stop_that_does_not_arrive_has_not_ended_the_charging() -> None:
    """While it is on its way the pause runs; seen, the start is over; lost, the start is ours as before."""
    stop = send(Off(), True, force=Force.OFF)
    way = Pending(Off(), stop.settings, NOW_S, raising=False)
    stopping = wrote(USED, stop, link_of(), NOW_S)
    off = link_of(Off(), pending=way)
    assert follow(stopping, off, link_of(), NOW_S + 5) == stopping
    arrived = follow(stopping, link_of(Off()), off, NOW_S + 5)
    assert arrived == replace(stopping, on_since_s=None, own_start=False)
    lost = replace(way, failed=True)
    going_on = follow(stopping, link_of(pending=lost), off, NOW_S + 10)
    assert going_on == replace(stopping, off_since_s=None)
    late = follow(going_on, link_of(Off()), link_of(pending=lost), NOW_S + 20)
    assert late == replace(going_on, on_since_s=None, off_since_s=NOW_S + 20, own_start=False)
    again = wrote(going_on, stop, link_of(pending=lost), NOW_S + 10)
    second = replace(way, sent_s=NOW_S + 10, attempts=2)
    hoped = follow(again, link_of(Off(), pending=second), link_of(pending=lost), NOW_S + 19)
    lost_again = link_of(pending=replace(second, failed=True))
    still = follow(hoped, lost_again, link_of(Off(), pending=second), NOW_S + 21)
    assert (still.on_since_s, still.own_start, still.off_since_s) == (USED.on_since_s, True, None)


def test_a_step_on_the_same_phases_is_a_write_and_no_more() -> None:
    """Less current: no raise, no phase change, no start."""
    after = wrote(USED, send(Charge(8, 1)), link_of(), NOW_S)
    assert after == replace(USED, comfort_writes_s=(NOW_S - 1000, NOW_S))


def test_a_stop_of_what_is_off_already_begins_no_new_pause() -> None:
    """Said again to a box that is off: the pause goes on."""
    paused = replace(USED, on_since_s=None)
    after = wrote(paused, send(Off(), force=Force.OFF), link_of(Off()), NOW_S)
    assert after == replace(paused, comfort_writes_s=(NOW_S - 1000, NOW_S))


def test_a_second_try_is_no_second_phase_change_and_parking_is_nothing() -> None:
    """Start or stop, asked for once more it begins now, and the start is ours; parking only counts."""
    start = send(Charge(8, 3), current_a=8, force=Force.ON, phase_mode=PhaseMode.THREE)
    first = Pending(start.command, start.settings, NOW_S - 15, raising=True)
    paused = replace(USED, on_since_s=None)
    counted = replace(paused, comfort_writes_s=(NOW_S - 1000, NOW_S), last_raise_s=NOW_S)
    moved = PhaseHistory(NOW_S, (*USED.phase.times_s[:-1], NOW_S))  # it may be this time that it arrives
    begun = replace(counted, on_since_s=NOW_S, own_start=True, unanswered=False, phase=moved)
    assert wrote(paused, start, link_of(Off(), pending=first), NOW_S) == begun
    same = send(Charge(12, 1), current_a=12)
    tried = Pending(same.command, same.settings, NOW_S - 15, raising=True)
    assert wrote(USED, same, link_of(pending=tried), NOW_S).phase == USED.phase
    stop = send(Off(), force=Force.OFF)
    once = Pending(Off(), stop.settings, NOW_S - 15, raising=False)
    assert wrote(USED, stop, link_of(pending=once), NOW_S).off_since_s == NOW_S
    assert wrote(paused, start, link_of(Off(), connected=False), NOW_S) == counted
    other = replace(first, settings=Settings(current_a=9))
    assert wrote(paused, start, link_of(Off(), pending=other), NOW_S).phase == PhaseHistory(
        NOW_S, (NOW_S - 2500, NOW_S - 1500, NOW_S)
    )


def test_a_start_that_arrived_at_its_second_try_has_its_minimum_on_time() -> None:
    """Asked for, lost, asked for again, seen: it is ours, and may end 300 s after the second try."""
    start = send(Charge(8, 1), current_a=8, force=Force.ON)
    off = link_of(Off())
    state = wrote(GateState(off_since_s=NOW_S - 900), start, off, NOW_S - 95)
    tried = Pending(start.command, start.settings, NOW_S - 95, raising=True)
    lost = link_of(Off(), pending=replace(tried, failed=True))
    state = follow(state, lost, off, NOW_S - 80)
    state = wrote(state, start, lost, NOW_S - 80)
    state = follow(state, link_of(Charge(8, 1)), lost, NOW_S - 70)
    assert asked(Off(), Charge(8, 1), state=state) == Hold("minimum on time, 220 s left", NOW_S + 220)


@pytest.mark.parametrize(("age_s", "kept"), [(86_399.0, True), (86_400.0, False), (90_000.0, False)])
def test_writes_are_forgotten_after_a_day(age_s: float, kept: bool) -> None:
    """Of both kinds: a day to the second."""
    old = (NOW_S - age_s,)
    state = GateState(comfort_writes_s=old, safety_writes_s=old)
    comfort = wrote(state, send(Charge(8, 1)), link_of(), NOW_S)
    assert comfort.comfort_writes_s == ((*old, NOW_S) if kept else (NOW_S,))
    assert comfort.safety_writes_s == old
    safety = wrote(state, send(Charge(8, 1), True), link_of(), NOW_S)
    assert safety.safety_writes_s == ((*old, NOW_S) if kept else (NOW_S,))
    assert safety.comfort_writes_s == old


@pytest.mark.parametrize(
    ("present", "target", "more"),
    [
        (ON, ON, False),
        (ON, Charge(11, 1), True),
        (ON, Charge(9, 3), True),
        (Charge(10, 3), Charge(16, 1), True),
        (Charge(10, 3), Charge(10, 1), False),
        (Off(), Charge(6, 1), True),
        (Off(), Off(), False),
        (ON, Off(), False),
    ],
)
def test_what_is_a_raise(present: Command, target: Command, more: bool) -> None:
    """More on a phase than before, or a phase more."""
    assert raises(present, target) is more


# -- under the ceiling ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "present", "top", "answer"),
    [
        # what is offered already is kept though a raise to it would not be allowed
        (Charge(12, 1), ON, Ceiling(8, 8, 16, "fuse of L1"), Hold("limited by fuse of L1")),
        (Charge(12, 1), ON, Ceiling(11, 8, 16, "fuse of L1"), (Charge(11, 1), "so, limited by fuse of L1")),
        # exactly the ceiling is not limited, and lowering asks nobody
        (Charge(12, 1), ON, Ceiling(12, 8, 16, "fuse of L1"), (Charge(12, 1), "so")),
        (Charge(8, 1), ON, Ceiling(0, 0, 16, "fuse of L1"), (Charge(8, 1), "so")),
        # another number of phases is limited by its own ceiling, 6 A at least
        (Charge(12, 3), ON, Ceiling(16, 6, 16, "fuse of L2"), (Charge(6, 3), "so, limited by fuse of L2")),
        (Charge(12, 3), ON, Ceiling(16, 5, 16, "fuse of L2"), Hold("limited by fuse of L2")),
        (Charge(12, 1), Off(), Ceiling(5, 5, 16, "fuse of L1"), Hold("limited by fuse of L1")),
        (ON, ON, Ceiling(8, 8, 16, "fuse of L1"), Hold("so")),
    ],
)
def test_a_wish_under_the_ceiling(
    wish: Command, present: Command, top: Ceiling, answer: Hold | tuple[Command, str]
) -> None:
    """Kept, clipped or passed, and the reason names the rule that clipped it."""
    found = asked(wish, present, top=top)
    if isinstance(answer, Hold):
        assert found == answer
    else:
        assert isinstance(found, Send)
        assert (found.command, found.reason, found.safety) == (*answer, False)


@pytest.mark.parametrize(
    ("to_a", "wish", "command"),
    [
        (8, Charge(16, 3), Charge(8, 3)),
        (6, Charge(16, 3), Charge(6, 3)),
        (5, Charge(16, 3), Off()),
        (8, Charge(6, 3), Charge(6, 3)),
        (8, Off(), Off()),
    ],
)
def test_a_reduction_for_safety(to_a: int, wish: Command, command: Command) -> None:
    """To what is safe, or lower where the wish is; below 6 A it is a stop."""
    found = asked(wish, Charge(16, 3), top=Ceiling(0, 0, to_a, "x", "overload of L1"))
    assert isinstance(found, Send)
    assert (found.command, found.reason, found.safety) == (command, "overload of L1", True)
