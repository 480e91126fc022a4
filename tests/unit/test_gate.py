"""The write budget: what is left, what it costs, and that a stop gets through when little is."""

import dataclasses
import itertools
from dataclasses import replace
from typing import Any

import pytest

from controller.limits import Limits
from controller.line import budget
from controller.line.gate import admissible, admit, settings_for
from controller.line.gate_memory import GateState, follow, wrote
from controller.line.link import Link
from controller.line.pending import Knobs, Pending
from controller.line.phases import PhaseHistory
from controller.model import (
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
NOON_S = 43_200.0
CHARGING = Charge(10, 1)
FREE = GateState()


def spread(count: int) -> GateState:
    """Return a gate that wrote so often, evenly over the morning, the last time half an hour ago."""
    step_s = (NOON_S - 1800) / max(count, 1)
    return GateState(comfort_writes_s=tuple(step_s * (number + 1) for number in range(count)))


def test_the_window_counts_to_the_letter() -> None:
    """Nine in 15 minutes, whenever they were; the tenth waits for the first to be 900 s old."""
    state = GateState(comfort_writes_s=tuple(1000.0 + 20 * number for number in range(9)))
    assert budget.left(state.comfort_writes_s, 1899.9, LIMITS) == 0
    assert budget.left(state.comfort_writes_s, 1900.0, LIMITS) == 1


@pytest.mark.parametrize(
    ("used", "moves", "stops"), [(0, 9, 9), (185, 5, 9), (190, 0, 9), (199, 0, 1), (200, 0, 0)]
)
def test_the_days_last_writes_are_for_stops(used: int, moves: int, stops: int) -> None:
    """Of 200 a day the last ten can only stop."""
    state = spread(used)
    assert budget.left(state.comfort_writes_s, NOON_S, LIMITS) == moves
    assert budget.left(state.comfort_writes_s, NOON_S, LIMITS, stopping=True) == stops


def test_an_emptying_day_makes_writes_dear() -> None:
    """Little dearer while half is left, never falling, and out of reach for trifles at the end."""
    prices = [
        budget.price_ct(spread(used).comfort_writes_s, NOON_S, 0.02, LIMITS) for used in range(0, 201, 5)
    ]
    assert prices[0] == 0.02
    assert prices[100 // 5] < 3 * 0.02
    assert all(later >= earlier for earlier, later in itertools.pairwise(prices))
    assert prices[190 // 5] > 1.0


def test_a_stop_passes_where_a_move_does_not() -> None:
    """With only the kept writes left a stop for comfort is sent, a new current is not, and both are told."""
    state = spread(192)
    present = Charge(10, 3)
    link = Link(
        in_force=present,
        phases_set=3,
        knobs=Knobs(10, Force.ON, PhaseMode.THREE),
        seen_data_s=NOON_S - 1,
        connected=True,
        last_write_s=NOON_S - 1800,
    )
    snap = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH, car_connected=True, in_force=present)
    top = Ceiling(16, 16, 16, "nothing")
    assert admissible(state, link, snap, LIMITS).only_stop
    move = admit(state, link, snap, Wish(Charge(7, 3), "less sun"), top, LIMITS)
    assert isinstance(move, Hold)
    assert "budget is spent" in move.reason
    stop = admit(state, link, snap, Wish(Off(), "no sun"), top, LIMITS)
    assert isinstance(stop, Send)
    assert stop.settings.keys() == {"frc": 1}


def test_parking_is_not_repeated_before_a_read_could_show_it() -> None:
    """An idle charger is read every 30 s: no second write until a read newer than the first one."""
    pending = Pending(Off(), Settings(current_a=6, phase_mode=PhaseMode.ONE), NOON_S - 20, raising=False)
    link = Link(
        phases_set=3,
        knobs=Knobs(16, Force.NEUTRAL, PhaseMode.THREE),
        seen_data_s=NOON_S - 25,
        gone=True,
        pending=pending,
        last_write_s=NOON_S - 20,
    )

    def parked(data_s: float) -> Hold | Send:
        status = ChargerStatus(
            data_s, data_s, requested_a=16, force=Force.NEUTRAL, phase_mode=PhaseMode.THREE
        )
        snap = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH, charger=status)
        top = Ceiling(16, 16, 16, "nothing")
        return admit(GateState(), link, snap, Wish(Off(), "no car"), top, LIMITS)

    assert isinstance(parked(NOON_S - 25), Hold)
    assert isinstance(parked(NOON_S - 2), Send)


# -- timers, distance and the degraded ledger, to the second ----------------------------------------------

TOP = Ceiling(16, 16, 16, "nothing")


def at(
    now_s: float,
    wish: Command,
    *,
    present: Command = CHARGING,
    state: GateState = FREE,
    top: Ceiling = TOP,
    limits: Limits = LIMITS,
    degraded: bool = False,
    **link: object,
) -> Send | Hold:
    """Return what the gate makes of a wish at a moment; the charger was last written to long ago."""
    force = Force.ON if isinstance(present, Charge) else Force.OFF
    values: dict[str, object] = {
        "in_force": present,
        "phases_set": 1,
        "connected": True,
        "seen_data_s": now_s - 1,
    }
    values |= {"knobs": Knobs(10, force, PhaseMode.ONE)}
    seen = SiteSnapshot(now_s, 10.0, Quality.FRESH, Quality.FRESH, ledger_degraded=degraded)
    return admit(state, Link(**values | link), seen, Wish(wish, "so"), top, limits)  # type: ignore[arg-type]


def passes(*args: Any, **named: Any) -> bool:
    return isinstance(at(*args, **named), Send)


@pytest.mark.parametrize(("since_s", "fine"), [(0.0, False), (4.999, False), (5.0, True), (60.0, True)])
def test_five_seconds_between_two_writes(since_s: float, fine: bool) -> None:
    """For comfort and for safety alike: exactly five are enough."""
    last_s = NOON_S - since_s
    assert passes(NOON_S, Charge(8, 1), last_write_s=last_s) is fine
    over = Ceiling(0, 0, 7, "", "overload of L1")
    held = at(NOON_S, CHARGING, top=over, last_write_s=last_s)
    assert isinstance(held, Send) is fine
    assert isinstance(held, Send) or held.until_s == last_s + 5.0


@pytest.mark.parametrize(("since_s", "fine"), [(0.0, False), (299.9, False), (300.0, True)])
def test_minimum_on_time_of_our_own_start(since_s: float, fine: bool) -> None:
    """A comfort stop waits 300 s after a start of ours; a start nobody asked for has no such right."""
    own = GateState(on_since_s=NOON_S - since_s, own_start=True)
    assert passes(NOON_S, Off(), state=own) is fine
    assert passes(NOON_S, Off(), state=dataclasses.replace(own, own_start=False))
    assert passes(NOON_S, Charge(6, 1), state=own)  # less is always allowed


@pytest.mark.parametrize(("since_s", "fine"), [(0.0, False), (299.9, False), (300.0, True)])
def test_minimum_off_time(since_s: float, fine: bool) -> None:
    """A start waits 300 s after the last stop."""
    rested = GateState(off_since_s=NOON_S - since_s)
    assert passes(NOON_S, Charge(6, 1), present=Off(), state=rested) is fine
    left_s = admissible(rested, Link(), SiteSnapshot(NOON_S, 10, Quality(3), Quality(3)), LIMITS).start_in_s
    assert left_s == pytest.approx(max(300.0 - since_s, 0.0))


@pytest.mark.parametrize("in_vain", [False, True])
def test_how_long_a_stop_will_hold_is_told_before_it_is_made(in_vain: bool) -> None:
    """As long as the start then waits: six times as long for a car that took nothing."""
    snap, charging = (
        SiteSnapshot(NOON_S, 10, Quality(3), Quality(3)),
        Link(connected=True, in_force=Charge(6, 3)),
    )
    before = GateState(on_since_s=NOON_S - 900, own_start=True, unanswered=in_vain)
    told_s = admissible(before, charging, snap, LIMITS).stop_holds_s
    after = wrote(before, Send(Off(), Settings(force=Force.OFF), False, ""), charging, NOON_S)
    assert told_s == admissible(after, Link(), snap, LIMITS).start_in_s == (1800.0 if in_vain else 300.0)


@pytest.mark.parametrize(("since_s", "fine"), [(20.0, False), (119.9, False), (120.0, True)])
def test_an_unseen_phase_change_is_not_taken_back_while_it_may_arrive(since_s: float, fine: bool) -> None:
    """It would arrive, and then its opposite: two changes in a minute. A stop passes."""
    three = Settings(current_a=6, phase_mode=PhaseMode.THREE)
    lost = Pending(Charge(6, 3), three, NOON_S - since_s, raising=True, failed=True)
    assert passes(NOON_S, Charge(8, 1), pending=lost) is fine
    held = at(NOON_S, Charge(8, 1), pending=lost)
    words = "a phase change of ours may still arrive"
    assert isinstance(held, Send) or held == Hold(words, NOON_S - since_s + 120)
    assert passes(NOON_S, Off(), pending=lost)
    assert passes(NOON_S, Charge(8, 1), pending=dataclasses.replace(lost, refused=True))
    current = dataclasses.replace(lost, settings=Settings(current_a=12), command=Charge(12, 1))
    assert passes(NOON_S, Charge(8, 1), pending=current)


@pytest.mark.parametrize(("since_s", "fine"), [(1799.0, False), (1800.0, True)])
def test_a_car_that_took_nothing_is_left_in_peace_six_times_longer(since_s: float, fine: bool) -> None:
    """300 s times six."""
    full = GateState(off_since_s=NOON_S - since_s, unanswered=True)
    assert passes(NOON_S, Charge(6, 1), present=Off(), state=full) is fine


@pytest.mark.parametrize(("since_s", "fine"), [(0.0, False), (599.0, False), (600.0, True)])
def test_ten_minutes_between_phase_changes(since_s: float, fine: bool) -> None:
    """At 599 s held, at 600 s sent; staying on the phases is free."""
    changed = GateState(phase=PhaseHistory(NOON_S - since_s, (NOON_S - since_s,)))
    assert passes(NOON_S, Charge(6, 3), state=changed) is fine
    assert passes(NOON_S, Charge(12, 1), state=changed)


def test_an_overload_waits_for_nothing_else() -> None:
    """Minimum on time, spent budget, a phase change under way, a yielded charger: reduced all the same."""
    over = Ceiling(0, 0, 7, "", "overload of L1")
    spent = GateState(on_since_s=NOON_S - 1, own_start=True, comfort_writes_s=(NOON_S - 10,) * 9)
    sent = at(NOON_S, Charge(16, 3), state=spent, top=over, yielded=True, phase_write_s=NOON_S - 10)
    assert sent == Send(Charge(7, 1), Settings(current_a=7), True, "overload of L1")
    lower = at(NOON_S, Off(), state=replace(spent, on_since_s=NOON_S - 400), top=over)
    assert isinstance(lower, Send)
    assert lower.command == Off()  # the wish was lower still: one write instead of two


@pytest.mark.parametrize("wish", [Off(), Charge(6, 1)])
def test_what_somebody_set_is_lowered_by_what_safety_asks_for_and_no_more(wish: Command) -> None:
    """Their 10 A are 3 A too much; that the strategy wants less still is not for it to say."""
    sent = at(NOON_S, wish, top=Ceiling(0, 0, 7, "", "overload of L1"), yielded=True)
    assert sent == Send(Charge(7, 1), Settings(current_a=7), True, "overload of L1")


@pytest.mark.parametrize("meter", [Quality.AGING, Quality.STALE, Quality.INVALID])
def test_a_raise_needs_fresh_data_and_a_reduction_does_not(meter: Quality) -> None:
    """Whatever the ceiling says."""
    link = Link(CHARGING, 1, Knobs(10, Force.ON, PhaseMode.ONE), NOON_S - 1, connected=True)
    for pair in ((meter, Quality.FRESH), (Quality.FRESH, meter)):
        seen = SiteSnapshot(NOON_S, 10.0, *pair)
        assert isinstance(admit(FREE, link, seen, Wish(Charge(12, 1), "so"), TOP, LIMITS), Hold)
        assert isinstance(admit(FREE, link, seen, Wish(Charge(8, 1), "so"), TOP, LIMITS), Send)


@pytest.mark.parametrize(
    ("charger", "fine"), [(Quality.FRESH, True), (Quality.AGING, False), (Quality.STALE, False)]
)
def test_less_that_would_start_the_car_needs_fresh_data_too(charger: Quality, fine: bool) -> None:
    """A start nobody has seen is open, so less has to say `frc` again: it may have been stopped by then."""
    started = Pending(
        Charge(10, 3),
        Settings(current_a=10, force=Force.ON, phase_mode=PhaseMode.THREE),
        NOON_S - 30,
        raising=True,
    )
    link = Link(
        Charge(10, 3),
        3,
        Knobs(10, Force.ON, PhaseMode.THREE),
        NOON_S - 35,
        connected=True,
        pending=started,
        last_write_s=NOON_S - 30,
    )
    seen = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, charger)
    action = admit(FREE, link, seen, Wish(Charge(6, 3), "less sun"), TOP, LIMITS)
    assert isinstance(action, Send) is fine
    assert fine or action == Hold("nothing is started on data that is not fresh")
    assert isinstance(admit(FREE, link, seen, Wish(Off(), "no sun"), TOP, LIMITS), Send)


@pytest.mark.parametrize(("since_s", "fine"), [(0.0, False), (599.9, False), (600.0, True)])
@pytest.mark.parametrize(
    ("present", "wish"), [(CHARGING, Charge(11, 1)), (CHARGING, Charge(6, 3)), (Off(), Charge(6, 1))]
)
def test_unrecorded_raises_are_ten_minutes_apart(
    since_s: float, fine: bool, present: Command, wish: Command
) -> None:
    """With a degraded ledger more current, more phases and a start wait for 600 s since the last raise."""
    raised = GateState(last_raise_s=NOON_S - since_s)
    assert passes(NOON_S, wish, present=present, state=raised, degraded=True) is fine
    assert passes(NOON_S, wish, present=present, state=raised)
    assert passes(NOON_S, wish, present=present, degraded=True)  # the first one passes
    held = at(NOON_S, wish, present=present, state=raised, degraded=True)
    assert isinstance(held, Send) or held.until_s == pytest.approx(NOON_S - since_s + 600)


def test_a_repeated_raise_is_a_raise_on_no_record_too() -> None:
    """A start that did not arrive is not sent again while the ledger is degraded, until 600 s are over."""
    again = Pending(Charge(6, 1), Settings(current_a=6, force=Force.ON), NOON_S - 20, raising=True)
    begun = GateState(last_raise_s=NOON_S - 20)
    assert passes(NOON_S, Charge(6, 1), present=Off(), state=begun, pending=again)
    assert not passes(NOON_S, Charge(6, 1), present=Off(), state=begun, pending=again, degraded=True)


def test_reductions_and_stops_ignore_the_degraded_ledger() -> None:
    """Less and nothing go out at once, for comfort and for safety."""
    raised = GateState(last_raise_s=NOON_S - 1)
    assert passes(NOON_S, Charge(7, 1), state=raised, degraded=True)
    assert passes(NOON_S, Off(), state=raised, degraded=True)
    assert passes(NOON_S, Charge(12, 1), state=raised, degraded=True, top=Ceiling(0, 0, 0, "", "blind"))


def test_the_strategy_is_told_how_long_a_start_is_impossible() -> None:
    """The longer of both waits: 250 s of pause, 500 s of the degraded ledger."""
    state = GateState(off_since_s=NOON_S - 50, last_raise_s=NOON_S - 100)
    for degraded, left_s in ((False, 250.0), (True, 500.0)):
        seen = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH, ledger_degraded=degraded)
        assert admissible(state, Link(), seen, LIMITS).start_in_s == left_s


@pytest.mark.parametrize(
    ("present", "command", "is_raise"),
    [
        (CHARGING, Charge(11, 1), True),
        (CHARGING, Charge(9, 1), False),
        (CHARGING, Charge(10, 3), True),
        (Off(), Charge(6, 1), True),
        (CHARGING, Off(), False),
    ],
)
def test_the_time_of_the_last_raise_is_kept(present: Command, command: Command, is_raise: bool) -> None:
    """More current, more phases, a start: remembered; anything else leaves what was."""
    link = Link(present, 1, Knobs(10, Force.ON, PhaseMode.ONE), NOON_S - 1, connected=True)
    send = Send(command, settings_for(command, link), False, "so")
    assert wrote(GateState(last_raise_s=5.0), send, link, NOON_S).last_raise_s == (
        NOON_S if is_raise else 5.0
    )


# -- every other reason to hold ---------------------------------------------------------------------------


def waiting(command: Command, **change: Any) -> Pending:
    """Return a raise of ours that left 5 s ago and is not seen yet."""
    settings = (
        Settings(current_a=command.current_a) if isinstance(command, Charge) else Settings(force=Force.OFF)
    )
    values: dict[str, Any] = {"sent_s": NOON_S - 5, "raising": True, **change}
    return Pending(command, settings, **values)


@pytest.mark.parametrize(
    ("wish", "named", "words"),
    [
        (Charge(12, 1), {"seen_data_s": None}, "has not been read yet"),
        (Charge(12, 1), {"yielded": True}, "stays theirs"),
        (Off(), {"yielded": True}, "stays theirs"),
        (Charge(12, 1), {"pending": waiting(Charge(12, 1))}, "waiting to see"),
        (Charge(12, 1), {"pending": waiting(Charge(12, 1), refused=True)}, "refused this"),
        (Charge(12, 1), {"pending": waiting(Charge(12, 1), attempts=4, failed=True)}, "after four tries"),
        (Charge(12, 1), {"pending": waiting(Charge(11, 1))}, "while a write is open"),
        (Charge(6, 3), {"limits": Limits(allow_phase_switch=False)}, "does not switch phases"),
        (
            Charge(6, 3),
            {"state": GateState(phase=PhaseHistory(NOON_S - 3600, (NOON_S - 3600,) * 6))},
            "6 phase changes are enough",
        ),
        (Charge(8, 1), {"phase_write_s": NOON_S - 29.9}, "a phase change is under way"),
        (Charge(12, 1), {"state": GateState(unanswered=True)}, "takes nothing of what is offered"),
        (Charge(12, 1), {"top": Ceiling(10, 10, 10, "fuse of L1")}, "limited by fuse of L1"),
        (Charge(6, 3), {"top": Ceiling(16, 5, 10, "fuse of L2")}, "limited by fuse of L2"),
        (CHARGING, {}, "so"),
    ],
)
def test_each_reason_to_hold_is_told(wish: Command, named: dict[str, Any], words: str) -> None:
    """One write is due but for this one reason, and the reason says so."""
    held = at(NOON_S, wish, **named)
    assert isinstance(held, Hold)
    assert words in held.reason


def test_a_stop_passes_a_phase_change_and_an_open_write() -> None:
    """What only lowers waits for neither."""
    assert passes(NOON_S, Off(), phase_write_s=NOON_S - 10)
    assert passes(NOON_S, Off(), pending=waiting(Charge(11, 1)))
    assert passes(NOON_S, Charge(8, 1), pending=waiting(Charge(11, 1)))


@pytest.mark.parametrize(("raise_one_a", "sent_a"), [(16, 16), (13, 13), (11, 11)])
def test_a_wish_is_clipped_to_the_ceiling_and_says_so(raise_one_a: int, sent_a: int) -> None:
    """As much of it as is safe."""
    sent = at(NOON_S, Charge(16, 1), top=Ceiling(raise_one_a, 16, 16, "fuse of L1"))
    assert isinstance(sent, Send)
    assert sent.command == Charge(sent_a, 1)
    assert ("limited by fuse of L1" in sent.reason) is (sent_a < 16)


@pytest.mark.parametrize("wish", [Charge(6, 1), Charge(16, 1)])
def test_no_more_on_fewer_phases_is_no_raise(wish: Command) -> None:
    """From 16 A on three phases, while nothing may be raised: the one that is used alone carries no more."""
    three = {"present": Charge(16, 3), "phases_set": 3, "knobs": Knobs(16, Force.ON, PhaseMode.THREE)}
    sent = at(NOON_S, wish, top=Ceiling(0, 0, 16, "fuse of L1"), **three)
    assert isinstance(sent, Send)
    assert (sent.command, sent.reason, sent.safety) == (wish, "so", False)


def test_more_amperes_on_fewer_phases_are_a_raise() -> None:
    """8 A on one phase instead of 6 A on three wait for the ceiling; beyond the unbalance limit none go."""
    three = {"present": Charge(6, 3), "phases_set": 3, "knobs": Knobs(6, Force.ON, PhaseMode.THREE)}
    held = at(NOON_S, Charge(8, 1), top=Ceiling(0, 0, 6, "fuse of L1"), **three)
    assert isinstance(held, Hold)
    assert "limited by fuse of L1" in held.reason
    three = {"present": Charge(32, 3), "phases_set": 3, "knobs": Knobs(32, Force.ON, PhaseMode.THREE)}
    sent = at(NOON_S, Charge(24, 1), top=Ceiling(20, 32, 32, "unbalance limit of one phase"), **three)
    assert isinstance(sent, Send)
    assert sent.command == Charge(20, 1)


@pytest.mark.parametrize(
    ("present", "command", "pending", "keys"),
    [
        (CHARGING, Off(), None, {"frc": 1}),
        (CHARGING, Charge(12, 1), None, {"amp": 12}),
        (CHARGING, Charge(6, 3), None, {"amp": 6, "psm": 2}),
        (Off(), Charge(6, 1), None, {"amp": 6, "frc": 2}),
        (Off(), Charge(6, 3), None, {"amp": 6, "frc": 2, "psm": 2}),
        # an unseen stop may still arrive: the current says again that it is on
        (CHARGING, Charge(8, 1), waiting(Off()), {"amp": 8, "frc": 2}),
        # an unseen change to three may still arrive: one is said again
        (
            CHARGING,
            Charge(8, 1),
            Pending(Charge(6, 3), Settings(phase_mode=PhaseMode.THREE), NOON_S, raising=True),
            {"amp": 8, "psm": 1},
        ),
    ],
)
def test_the_keys_of_a_command(
    present: Command, command: Command, pending: Pending | None, keys: dict[str, int]
) -> None:
    """A stop is frc alone, a start carries its current, phases only where they change."""
    force = Force.ON if isinstance(present, Charge) else Force.OFF
    link = Link(present, 1, Knobs(10, force, PhaseMode.ONE), pending=pending)
    assert settings_for(command, link).keys() == keys


@pytest.mark.parametrize(
    ("knobs", "can_switch", "keys"),
    [
        (Knobs(16, Force.NEUTRAL, PhaseMode.THREE), True, {"amp": 6, "psm": 1}),
        (Knobs(16, Force.NEUTRAL, PhaseMode.ONE), True, {"amp": 6}),
        (Knobs(6, Force.NEUTRAL, PhaseMode.AUTO), True, {"psm": 1}),
        (Knobs(6, Force.NEUTRAL, PhaseMode.THREE), False, None),
        (Knobs(6, Force.NEUTRAL, PhaseMode.ONE), True, None),
        (Knobs(), True, None),
    ],
)
def test_an_idle_charger_is_parked(knobs: Knobs, can_switch: bool, keys: dict[str, int] | None) -> None:
    """6 A on one phase, as far as it reports and can; what stands so already is left alone."""
    status = ChargerStatus(NOON_S - 1, NOON_S - 1, can_switch_phases=can_switch)
    seen = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH, charger=status)
    link = Link(knobs=knobs, seen_data_s=NOON_S - 1, gone=True)
    parked = admit(FREE, link, seen, Wish(Off(), "no car"), TOP, LIMITS)
    assert (parked.settings.keys() if isinstance(parked, Send) else None) == keys
    stale = dataclasses.replace(seen, charger_quality=Quality.AGING)
    assert isinstance(admit(FREE, link, stale, Wish(Off(), "no car"), TOP, LIMITS), Hold)
    spent = GateState(comfort_writes_s=(NOON_S - 10,) * 9)
    assert isinstance(admit(spent, link, seen, Wish(Off(), "no car"), TOP, LIMITS), Hold)


def test_starts_and_stops_that_were_not_ours_are_followed() -> None:
    """The charger began by itself, then ended by itself: both times count for the timers; unplug forgets."""
    off, on = Link(Off(), 1, connected=True), Link(CHARGING, 1, connected=True)
    begun = follow(GateState(off_since_s=5.0, own_start=True), on, off, 100.0)
    assert (begun.on_since_s, begun.off_since_s, begun.own_start) == (100.0, None, False)
    ended = follow(begun, off, on, 200.0)
    assert (ended.on_since_s, ended.off_since_s) == (None, 200.0)
    gone = follow(ended, Link(gone=True), off, 300.0)
    assert (gone.off_since_s, gone.phase) == (None, PhaseHistory())


def test_a_start_that_never_arrived_has_not_ended_the_pause() -> None:
    """Ours, lost on the way: the time of the stop before it still counts."""
    tried = GateState(on_since_s=100.0, off_since_s=50.0, own_start=True)
    lost = Link(Off(), 1, connected=True, pending=waiting(Charge(6, 1), failed=True))
    assert follow(tried, lost, lost, 130.0).off_since_s == 50.0


@pytest.mark.parametrize(
    ("on_s", "survives", "to"),
    [
        (100.0, None, Charge(8, 1)),  # the least time on is not over
        (400.0, False, Charge(8, 1)),  # it would not come back
        (400.0, None, Off()),
    ],
)
def test_where_less_is_enough_for_safety_a_stop_for_comfort_keeps_its_rules(
    on_s: float, survives: bool | None, to: Command
) -> None:
    """Two amperes too much, and no sun: lowered for the fuse, and stopped only where it might be anyway."""
    state = GateState(on_since_s=NOON_S - on_s, own_start=True)
    link = Link(CHARGING, 1, Knobs(10, Force.ON, PhaseMode.ONE), NOON_S - 1, connected=True)
    car = CarTraits(survives_pauses=survives)
    seen = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH, car=car, car_power_w=2300.0)
    top = Ceiling(16, 16, 8, "fuse of L1", "overload of L1")
    action = admit(state, link, seen, Wish(Off(), "no sun"), top, LIMITS)
    assert isinstance(action, Send)
    assert (action.command, action.safety) == (to, True)


@pytest.mark.parametrize(("idle_s", "unanswered"), [(119.9, False), (120.0, True)])
def test_two_minutes_of_nothing_is_no(idle_s: float, unanswered: bool) -> None:
    """A car that takes nothing of an offer for 120 s does not want it now."""
    link = Link(CHARGING, 1, connected=True, idle_since_s=NOON_S - idle_s)
    assert follow(GateState(on_since_s=0.0), link, link, NOON_S).unanswered is unanswered


@pytest.mark.parametrize("gone", [Off(), Charge(6, 3), Charge(8, 1)])
def test_nothing_is_raised_over_a_reduction_that_no_read_could_show_yet(gone: Command) -> None:
    """The charger's data is 20 s old: what it says is from before our stop, and 8 A would undo the stop."""
    settings = Settings(force=Force.OFF) if gone == Off() else Settings(current_a=6)
    link = Link(
        in_force=Charge(10, 3),  # as the old report has it; the belief in our own write has run out
        phases_set=3,
        knobs=Knobs(10, Force.ON, PhaseMode.THREE),
        seen_data_s=NOON_S - 20,
        connected=True,
        pending=Pending(gone, settings, NOON_S - 12, raising=False),
        last_write_s=NOON_S - 12,
    )
    snap = SiteSnapshot(
        NOON_S, 10.0, Quality.FRESH, Quality.FRESH, car_connected=True, in_force=link.in_force
    )
    action = admit(GateState(), link, snap, Wish(Charge(8, 3), "less sun"), TOP, LIMITS)
    assert isinstance(action, Hold)
    assert "while a write is open" in action.reason
    if gone != Off():
        assert isinstance(admit(GateState(), link, snap, Wish(Off(), "no sun"), TOP, LIMITS), Send)


def test_a_start_nobody_could_see_yet_is_not_sent_again_but_another_is() -> None:
    """It may be in force, so the same one waits for its retry; a person reads why."""
    start = Pending(Charge(10, 1), Settings(current_a=10, force=Force.ON), NOON_S - 20, raising=True)
    link = Link(
        Off(),
        1,
        Knobs(6, Force.OFF, PhaseMode.ONE),
        NOON_S - 30,
        connected=True,
        unseen=start,
        last_write_s=NOON_S - 20,
    )
    seen = SiteSnapshot(NOON_S, 10.0, Quality.FRESH, Quality.FRESH)
    held = admit(FREE, link, seen, Wish(Charge(10, 1), "sun"), TOP, LIMITS)
    assert held == Hold("no read has come since the last write", start.retry_s())
    assert isinstance(admit(FREE, link, seen, Wish(Charge(9, 1), "sun"), TOP, LIMITS), Send)
