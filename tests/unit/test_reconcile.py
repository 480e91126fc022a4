"""What the charger does with our writes, and who else touches it; every time worked out by hand.

The usual start: at 100 s a car is charging with 10 A on one phase, and nothing of ours is open.
"""

import dataclasses

import pytest

from controller.line.link import Link, offered
from controller.line.pending import Knobs, Pending
from controller.line.reconcile import answered, observe, sent
from controller.model import (
    CarState,
    Charge,
    Command,
    Force,
    Off,
    OutcomeKind,
    PhaseMode,
    Settings,
    WriteOutcome,
)
from tests.unit.charger_side import LIMITS, RAISE, REDUCE, begun, see, status, wrote

# -- the first look ---------------------------------------------------------------------------------------


def test_what_is_found_at_start_is_taken_as_it_is() -> None:
    """A car that charges already: its offer is in force, nobody is a stranger, nobody asked for it."""
    link, notes = see(Link(), 100.0)
    assert link.known
    assert (link.in_force, link.phases_set, link.connected) == (Charge(10, 1), 1, True)
    assert (link.yielded, link.unasked, link.pending) == (False, True, None)
    assert notes == ("a car was plugged in",)


def test_what_was_sent_may_arrive_for_two_minutes_after_the_last_whole_report() -> None:
    """Sent at 100 s: without a report until 220 s; with one of 219.9 s it may have come at any time since."""
    asked = Settings(current_a=12)
    link = Link(recent=((100.0, asked),))
    assert (link.under_way(219.9), link.under_way(220.0)) == ((asked,), ())
    told = dataclasses.replace(link, told_s=219.9)
    assert told.under_way(9000.0) == (asked,)
    assert dataclasses.replace(link, told_s=220.0).under_way(220.0) == ()


@pytest.mark.parametrize("doubt", [CarState.UNKNOWN, CarState.INITIALIZING, CarState.ERROR])
def test_no_car_is_known_only_from_a_read_that_says_so(doubt: CarState) -> None:
    """Not before the first, nor from one that does not tell; once said, doubt does not bring the car back."""
    assert not Link().gone
    link, notes = see(Link(), 100.0, car=doubt)
    assert (link.known, link.connected, link.gone, notes) == (True, False, False, ())
    link, notes = see(link, 105.0, car=CarState.IDLE)
    assert (link.connected, link.gone, notes) == (False, True, ())
    assert see(link, 110.0, car=doubt)[0].gone
    assert not see(link, 110.0)[0].gone
    left, notes = see(begun(), 105.0, car=CarState.IDLE)
    assert (left.connected, left.gone, notes) == (False, True, ("the car was unplugged",))


def test_a_phase_change_of_the_run_before_explains_a_broken_pilot() -> None:
    """Asked for at 90 s: "no car" is believed after 25 s of it, a car that shows before them never left."""
    link = see(Link(phase_write_s=90.0), 100.0, car=CarState.IDLE)[0]
    assert (link.gone, see(link, 124.9, car=CarState.IDLE)[0].gone) == (False, False)
    gone, notes = see(link, 125.0, car=CarState.IDLE)
    assert (gone.gone, notes) == (True, ())
    there, notes = see(link, 124.9)
    assert (there.connected, there.gone, there.absent_since_s) == (True, False, None)
    assert see(Link(phase_write_s=90.0), 690.0, car=CarState.IDLE)[0].gone  # long over


@pytest.mark.parametrize(("write_s", "since_s"), [(None, 110.0), (-9.9, -9.9), (-10.0, 110.0)])
def test_phases_that_move_break_the_pilot_whoever_moved_them(write_s: float | None, since_s: float) -> None:
    """Seen at 110 s: a write of ours explains it for 120 s, else it began now; "no car" has to last."""
    link = dataclasses.replace(begun(), phase_write_s=write_s)
    moved = see(link, 110.0, phase_mode=PhaseMode.THREE, car=CarState.IDLE)[0]
    assert (moved.phase_write_s, moved.connected, moved.absent_since_s) == (since_s, True, 110.0)
    assert see(link, 110.0)[0].phase_write_s == write_s
    assert see(link, 110.0, phase_mode=None)[0].phase_write_s == write_s
    first = see(Link(), 110.0, phase_mode=PhaseMode.THREE)[0]
    assert first.phase_write_s is None


def test_a_phase_change_given_up_and_then_seen_is_under_way() -> None:
    """Asked for at 110 s, lost at 125, there at 132 with a broken pilot: 25 s later the car was unplugged."""
    three = (Charge(12, 3), Settings(12, None, PhaseMode.THREE))
    lost = see(wrote(110.0, three), 125.0)[0]
    assert lost.phase_write_s is None
    there = {"requested_a": 12, "phase_mode": PhaseMode.THREE, "power_w": 0.0}
    link, notes = see(lost, 132.0, **there, car=CarState.IDLE)
    assert (link.connected, link.pending, link.yielded, link.phase_write_s, notes) == (
        True,
        None,
        False,
        132.0,
        (),
    )
    link, notes = see(link, 156.9, **there, car=CarState.IDLE)
    assert (link.connected, notes) == (True, ())
    assert see(link, 157.0, **there, car=CarState.IDLE)[1] == ("the car was unplugged",)
    assert see(link, 157.0, **there)[1] == ()


def test_only_the_reset_of_a_car_that_goes_is_the_boxes_own() -> None:
    """The pilot is broken by a phase change: `frc` 0 is no hand, another phase setting beside it is one."""
    link = dataclasses.replace(begun(), phase_write_s=105.0)
    going = {"car": CarState.IDLE, "force": Force.NEUTRAL}
    assert not see(link, 110.0, **going)[0].yielded
    assert see(link, 110.0, **going, phase_mode=PhaseMode.THREE)[0].yielded
    assert see(link, 110.0, force=Force.NEUTRAL)[0].yielded


def test_no_status_is_no_news() -> None:
    """Before the first read, and while none comes, nothing changes."""
    assert observe(Link(), None, 5.0, LIMITS) == (Link(), ())
    assert not Link().known
    link = begun()
    assert observe(link, None, 500.0, LIMITS) == (link, ())


@pytest.mark.parametrize("at_s", [100.0, 99.0])
def test_a_status_that_is_not_newer_is_no_news(at_s: float) -> None:
    """The same data served again, or an older copy of it, changes nothing, whatever it says."""
    link = begun()
    assert see(link, at_s, late_s=30.0, requested_a=16, car=CarState.IDLE) == (link, ())


@pytest.mark.parametrize(
    ("change", "command", "phases"),
    [
        ({}, Charge(10, 1), 1),
        ({"phase_mode": PhaseMode.THREE}, Charge(10, 3), 3),
        ({"phase_mode": PhaseMode.AUTO}, Charge(10, 3), 3),  # may use all of them
        ({"phase_mode": None}, Charge(10, 3), 3),  # as it was before: three until told otherwise
        ({"force": Force.OFF}, Off(), 1),
        ({"force": Force.OFF, "allowed": True, "power_w": 0.0}, Off(), 1),
        ({"force": Force.OFF, "allowed": True, "power_w": 2300.0}, Charge(10, 1), 1),  # it will not pause
        ({"force": Force.NEUTRAL, "allowed": True}, Charge(10, 1), 1),
        ({"force": Force.NEUTRAL, "allowed": None}, Charge(10, 1), 1),  # might charge: counts as offered
        ({"force": Force.NEUTRAL, "allowed": False}, Off(), 1),
        ({"force": Force.ON, "allowed": False}, Charge(10, 1), 1),  # forced: as soon as it may
        ({"requested_a": None}, Off(), 1),
        ({"requested_a": 32}, Charge(32, 1), 1),
    ],
)
def test_what_the_settings_offer(change: dict[str, object], command: Command, phases: int) -> None:
    """Force, permission, current and phase mode give the offer."""
    seen = status(100.0, **change)
    assert offered(Knobs.of(seen), seen, 3) == (command, phases)


@pytest.mark.parametrize("was", [1, 3])
def test_the_phase_setting_is_what_is_reported_else_what_it_was(was: int) -> None:
    """One is one; three and automatic are three; not reported is as before."""
    for mode, phases in ((PhaseMode.ONE, 1), (PhaseMode.THREE, 3), (PhaseMode.AUTO, 3), (None, was)):
        seen = status(100.0, phase_mode=mode)
        assert offered(Knobs.of(seen), seen, was) == (Charge(10, phases), phases)


def test_the_phases_of_an_idle_charger_are_followed() -> None:
    """Off stays off, but the setting it keeps for the next start is known."""
    link = begun(force=Force.OFF)
    assert (link.in_force, link.phases_set) == (Off(), 1)
    link = see(link, 110.0, force=Force.OFF, phase_mode=PhaseMode.THREE)[0]
    assert (link.in_force, link.phases_set) == (Off(), 3)


def test_a_charger_that_never_reports_its_phases_may_use_three() -> None:
    """The careful guess, from the first read on."""
    assert begun(phase_mode=None).in_force == Charge(10, 3)


def test_what_is_not_reported_cannot_contradict_a_write() -> None:
    """A key the charger never shows does not keep a write open; a key that differs does."""
    asked = Settings(current_a=12, force=Force.ON, phase_mode=PhaseMode.THREE)
    assert Knobs(12).show(asked)
    assert Knobs(12, Force.ON, PhaseMode.THREE).show(asked)
    for other in (Knobs(11), Knobs(12, Force.OFF), Knobs(12, None, PhaseMode.ONE)):
        assert not other.show(asked)
    assert Knobs(9, Force.OFF, PhaseMode.ONE).show(Settings(current_a=9))


def test_a_write_is_open_until_refused_or_missed() -> None:
    """Either closes it; at first it is open and its first retry is 15 s away."""
    first = Pending(*RAISE, 100.0, raising=True)
    assert (first.open, first.retry_s()) == (True, 115.0)
    assert not dataclasses.replace(first, refused=True).open
    assert not dataclasses.replace(first, failed=True).open


def test_a_missing_key_keeps_its_last_value() -> None:
    """Partial answers do not look like changes, neither now nor when the key is back."""
    link, notes = see(begun(), 110.0, requested_a=None, force=None, phase_mode=None)
    assert (link.in_force, link.yielded, notes) == (Charge(10, 1), False, ())
    link, notes = see(link, 120.0)
    assert (link.in_force, link.yielded, notes) == (Charge(10, 1), False, ())
    assert see(link, 130.0, requested_a=11)[0].yielded


# -- our writes -------------------------------------------------------------------------------------------


def test_a_write_is_in_force_while_it_may_arrive() -> None:
    """Sent at 100 s: a reduction is believed for 10 s, a raise until a read could have shown it."""
    for what, raising, then in ((RAISE, True, RAISE[0]), (REDUCE, False, Charge(10, 1))):
        link = wrote(100.0, what, raising=raising)
        assert link.in_force == what[0]
        early = observe(link, status(100.0), 109.9, LIMITS)[0]
        assert early.in_force == what[0]
        late = observe(link, status(100.0), 115.0, LIMITS)[0]
        assert late.in_force == then


def test_a_phase_change_on_its_way_is_believed_too() -> None:
    """Three phases were asked for, one is still reported: three count for 15 s, then what is reported."""
    link = wrote(110.0, (Charge(6, 3), Settings(current_a=6, phase_mode=PhaseMode.THREE)))
    early = see(link, 111.0)[0]
    assert (early.in_force, early.phases_set) == (Charge(6, 3), 3)
    late = see(early, 125.0)[0]
    assert (late.in_force, late.phases_set) == (Charge(10, 1), 1)


def test_a_stop_on_its_way_keeps_the_phases() -> None:
    """Off has no phases: those reported stay."""
    link = see(wrote(110.0, (Off(), Settings(force=Force.OFF)), raising=False), 111.0)[0]
    assert (link.in_force, link.phases_set) == (Off(), 1)


@pytest.mark.parametrize(("after_s", "closed"), [(0.4, False), (0.49, False), (0.5, True), (9.0, True)])
def test_it_arrived_when_a_newer_read_shows_it(after_s: float, closed: bool) -> None:
    """Data younger than half a second after the write could be from before it."""
    link, notes = see(wrote(110.0), 110.0 + after_s, requested_a=12)
    assert (link.pending is None) is closed
    assert (link.in_force, link.yielded, notes) == (Charge(12, 1), False, ())


def test_every_key_of_a_write_must_show() -> None:
    """A current that arrived without its phase mode has not arrived."""
    both = (Charge(12, 3), Settings(current_a=12, phase_mode=PhaseMode.THREE))
    link = wrote(110.0, both)
    half = see(link, 115.0, requested_a=12)[0]
    assert half.pending is not None
    whole = see(half, 120.0, requested_a=12, phase_mode=PhaseMode.THREE)[0]
    assert (whole.pending, whole.in_force, whole.yielded) == (None, Charge(12, 3), False)


@pytest.mark.parametrize(("after_s", "failed"), [(14.9, False), (15.0, True)])
def test_a_read_that_should_show_it_and_does_not(after_s: float, failed: bool) -> None:
    """From 15 s on the write counts as lost: said once, no longer open, a phase change is off with it."""
    both = (Charge(12, 3), Settings(current_a=12, phase_mode=PhaseMode.THREE))
    link, notes = see(wrote(110.0, both), 110.0 + after_s)
    assert link.pending is not None
    assert (link.pending.failed, link.pending.open) == (failed, not failed)
    assert notes == (("a write did not arrive: 12 A x3",) if failed else ())
    assert (link.phase_write_s is None) is failed
    assert see(link, 140.0)[1] == (() if failed else ("a write did not arrive: 12 A x3",))


@pytest.mark.parametrize(
    ("last_read_s", "at_s", "foreign"),
    [
        (126.0, 140.0, False),
        (229.9, 231.0, False),
        (230.0, 231.0, True),
        (299.0, 300.0, True),
        (126.0, 4000.0, False),  # an hour without a read: it may have come at any time since
    ],
)
def test_a_cloud_that_delivers_late_is_not_a_person(last_read_s: float, at_s: float, foreign: bool) -> None:
    """Given up, then it appears after all: ours if it came within two minutes after it was sent at 110 s."""
    lost = see(see(wrote(110.0), 126.0)[0], last_read_s)[0]
    link, _ = see(lost, at_s, requested_a=12)
    assert (link.yielded, link.pending, link.in_force) == (foreign, None, Charge(12, 1))


def test_what_was_sent_before_a_silent_cloud_is_ours_after_it() -> None:
    """The raise was on its way when the reads ended; the stops of the blind time have not made it a person's.

    Of those stops, repeated for an hour, the last one is remembered, and what the last two minutes sent.
    """
    link = wrote(110.0)
    for at_s in range(240, 3840, 60):
        link = sent(link, Off(), Settings(force=Force.OFF), float(at_s), raising=False)
    assert [item[1] for item in link.recent] == [RAISE[1], *[Settings(force=Force.OFF)] * 2]
    after, notes = see(link, 3830.0, requested_a=12)
    assert (after.yielded, after.in_force) == (False, Charge(12, 1))
    assert not any("from outside" in note for note in notes)
    assert see(link, 3830.0, requested_a=11)[0].yielded


def test_a_report_without_the_key_of_a_write_says_nothing_of_it() -> None:
    """For minutes no current is told: the raise is neither seen nor lost, and told at last it is ours."""
    link = wrote(110.0)
    for at_s in range(115, 295, 5):
        link, notes = see(link, float(at_s), requested_a=None)
        assert notes == ()
        assert link.in_force == Charge(12, 1)
    assert link.pending is not None
    assert link.pending.open
    after, notes = see(link, 295.0, requested_a=12)
    assert (after.yielded, after.pending, after.in_force, notes) == (False, None, Charge(12, 1), ())
    assert see(link, 295.0)[1] == ("a write did not arrive: 12 A x1",)
    assert see(link, 295.0, requested_a=12, force=None)[0].pending is None  # another key may be missing


def test_the_charger_says_less_than_was_asked() -> None:
    """Not shown after 15 s: in force is what it offers, not what was wished."""
    link = see(wrote(110.0), 125.0)[0]
    assert link.in_force == Charge(10, 1)


def test_a_raise_is_believed_until_a_read_could_have_shown_it() -> None:
    """Sent at 110 s: data of 124 s proves nothing, data of 125 s does; silence proves nothing for ever."""
    silent = observe(wrote(110.0), status(100.0), 5000.0, LIMITS)[0]
    assert silent.in_force == Charge(12, 1)
    assert see(wrote(110.0), 124.9, late_s=60.0)[0].in_force == Charge(12, 1)
    assert see(wrote(110.0), 125.0)[0].in_force == Charge(10, 1)
    refused = answered(wrote(110.0), WriteOutcome(OutcomeKind.REFUSED))
    assert observe(refused, status(100.0), 111.0, LIMITS)[0].in_force == Charge(10, 1)


def test_a_stop_after_a_raise_nobody_saw_is_believed_for_ten_seconds() -> None:
    """Then the raise counts again and the stop is due once more; a read that shows the stop ends both."""
    link = sent(wrote(110.0), Off(), Settings(force=Force.OFF), 240.0, raising=False)
    assert observe(link, status(100.0), 249.9, LIMITS)[0].in_force == Off()
    assert observe(link, status(100.0), 250.0, LIMITS)[0].in_force == Charge(12, 1)
    shown = see(link, 245.0, force=Force.OFF)[0]
    assert (shown.in_force, shown.pending, shown.unseen) == (Off(), None, None)


@pytest.mark.parametrize(
    ("kind", "refused"),
    [(OutcomeKind.ACCEPTED, False), (OutcomeKind.UNKNOWN, False), (OutcomeKind.REFUSED, True)],
)
def test_only_a_refusal_changes_anything_at_once(kind: OutcomeKind, refused: bool) -> None:
    """202 says nothing, silence says nothing; 422 means that it will not come."""
    link = answered(wrote(110.0), WriteOutcome(kind))
    assert link.pending is not None
    assert link.pending.refused is refused
    again = observe(link, status(100.0), 111.0, LIMITS)[0]
    assert again.in_force == (Charge(10, 1) if refused else Charge(12, 1))
    assert answered(begun(), WriteOutcome(kind)) == begun()


@pytest.mark.parametrize(("attempt", "due_s"), [(1, 115.0), (2, 145.0), (3, 235.0), (4, 1000.0), (9, 1000.0)])
def test_a_lost_raise_is_tried_again_ever_later(attempt: int, due_s: float) -> None:
    """15, 45 and 135 s after the try before, then every quarter of an hour."""
    assert Pending(*RAISE, 100.0, raising=True, attempts=attempt).retry_s() == due_s


@pytest.mark.parametrize(("attempt", "due_s"), [(1, 110.0), (30, 110.0), (31, 160.0), (5000, 160.0)])
def test_a_lost_reduction_is_tried_for_ever(attempt: int, due_s: float) -> None:
    """Every 10 s, after thirty tries every minute; never given up."""
    assert Pending(*REDUCE, 100.0, raising=False, attempts=attempt).retry_s() == due_s


def test_a_refused_write_is_not_repeated_soon() -> None:
    """Neither raise nor reduction: within ten minutes the answer would be the same."""
    for raising in (True, False):
        assert Pending(*RAISE, 100.0, raising=raising, refused=True).retry_s() == 700.0


def test_the_same_write_again_counts_its_attempts_and_another_begins_anew() -> None:
    """Attempts are per message, not per command."""
    first = wrote(110.0)
    second = sent(first, *RAISE, 125.0, raising=True)
    assert second.pending is not None
    assert (second.pending.attempts, second.pending.sent_s) == (2, 125.0)
    with_force = sent(second, RAISE[0], Settings(current_a=12, force=Force.ON), 170.0, raising=True)
    assert with_force.pending is not None
    assert with_force.pending.attempts == 1


def test_a_phase_write_is_remembered_if_it_changes_something() -> None:
    """psm as it is already is no change; psm away from it is one, with its time."""
    same = sent(begun(), Charge(10, 1), Settings(phase_mode=PhaseMode.ONE), 110.0, raising=False)
    assert (same.phase_write_s, same.phases_set) == (None, 1)
    other = sent(
        begun(), Charge(6, 3), Settings(current_a=6, phase_mode=PhaseMode.THREE), 110.0, raising=True
    )
    assert (other.phase_write_s, other.phases_set) == (110.0, 3)
    later = sent(other, Charge(8, 3), Settings(current_a=8), 120.0, raising=True)
    assert (later.phase_write_s, later.phases_set) == (110.0, 3)


def test_only_what_a_new_enough_read_shows_is_shown() -> None:
    """The same keys in data from before the write prove nothing."""
    pending = Pending(Charge(10, 1), Settings(current_a=10), 99.6, raising=False)
    assert not begun().shows(pending)  # data of 100.0 s, 0.4 s after
    assert begun().shows(dataclasses.replace(pending, sent_s=99.5))
    assert not begun().shows(dataclasses.replace(pending, sent_s=90.0, settings=Settings(current_a=11)))
    assert not Link().shows(pending)


# -- strangers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"requested_a": 16}, "amp 10 → 16"),
        ({"requested_a": 6}, "amp 10 → 6"),
        ({"force": Force.OFF}, "frc 2 → 1"),
        ({"force": Force.NEUTRAL}, "frc 2 → 0"),
        ({"phase_mode": PhaseMode.THREE}, "psm 1 → 2"),
        ({"requested_a": 16, "phase_mode": PhaseMode.AUTO}, "amp 10 → 16, psm 1 → 0"),
    ],
)
def test_a_knob_that_turned_without_us_was_turned_by_somebody(change: dict[str, object], said: str) -> None:
    """The app or the button: theirs from now on, and the note says what they did."""
    link, notes = see(begun(), 110.0, **change)
    assert link.yielded
    assert notes == ("settings were changed from outside: " + said,)


def test_the_reset_of_a_car_that_goes_right_after_a_phase_change_is_nobodys() -> None:
    """That the car is gone is believed after 25 s only; that `frc` went to 0 with it is no hand."""
    three = (Charge(12, 3), Settings(current_a=12, phase_mode=PhaseMode.THREE))
    link = see(wrote(110.0, three), 115.0, requested_a=12, phase_mode=PhaseMode.THREE)[0]
    gone = {"car": CarState.IDLE, "requested_a": 12, "phase_mode": PhaseMode.THREE, "force": Force.NEUTRAL}
    going, notes = see(link, 200.0, **gone)
    assert (going.connected, going.yielded, notes) == (True, False, ())
    assert see(link, 200.0, **gone | {"requested_a": 9})[0].yielded
    assert see(link, 200.0, **gone | {"force": Force.OFF})[0].yielded
    after, notes = see(going, 225.0, **gone)
    assert (after.connected, after.yielded, notes) == (False, False, ("the car was unplugged",))


def test_a_phase_change_that_nobody_waits_for_is_no_unplug_either() -> None:
    """Ours given up or a person's: the box says "no car" meanwhile, and who has changed it keeps it."""
    gone = {"requested_a": 12, "phase_mode": PhaseMode.THREE, "car": CarState.IDLE, "power_w": 0.0}
    three = (Charge(12, 3), Settings(current_a=12, phase_mode=PhaseMode.THREE))
    lost = see(wrote(110.0, three), 126.0)[0]
    ours, notes = see(lost, 140.0, **gone)
    assert (ours.connected, ours.yielded, notes) == (True, False, ())
    theirs, _ = see(begun(), 140.0, **gone)
    assert (theirs.connected, theirs.yielded) == (True, True)
    for link in (ours, theirs):
        back = see(see(link, 150.0, **gone)[0], 160.0, requested_a=12, phase_mode=PhaseMode.THREE)[0]
        assert (back.connected, back.yielded) == (True, link.yielded)
        assert not see(see(link, 150.0, **gone)[0], 165.0, **gone)[0].connected


def test_another_write_that_is_lost_does_not_end_a_phase_change() -> None:
    """Three phases shown at 115 s, a stop sent and lost: "no car" at 140 s is still the pilot's break."""
    three = (Charge(12, 3), Settings(current_a=12, phase_mode=PhaseMode.THREE))
    shown = {"requested_a": 12, "phase_mode": PhaseMode.THREE}
    link = see(wrote(110.0, three), 115.0, **shown)[0]
    link = sent(link, Off(), Settings(force=Force.OFF), 120.0, raising=False)
    link, notes = see(link, 135.0, **shown)
    assert notes == ("a write did not arrive: off",)
    assert see(link, 140.0, **shown, car=CarState.IDLE)[0].connected


def test_theirs_wins_over_our_open_write() -> None:
    """While our 12 A are on their way somebody sets 8: 8 is in force, ours is forgotten."""
    link, _ = see(wrote(110.0), 112.0, requested_a=8)
    assert (link.yielded, link.pending, link.in_force) == (True, None, Charge(8, 1))


def test_what_any_of_our_late_writes_asked_for_is_ours() -> None:
    """12, then 7: both may arrive in either order within two minutes."""
    link = sent(wrote(110.0), *REDUCE, 120.0, raising=False)
    assert not see(link, 121.0, requested_a=12)[0].yielded
    assert not see(link, 125.0, requested_a=7)[0].yielded
    assert see(link, 125.0, requested_a=9)[0].yielded


def test_the_same_asked_for_twice_may_arrive_twice() -> None:
    """12, 7 and 12 again by a slow cloud: the first 12 is taken for the last, then come 7 and the last."""
    link = see(wrote(110.0), 126.0)[0]
    link = see(sent(link, *REDUCE, 126.0, raising=False), 142.0)[0]
    link = sent(link, *RAISE, 142.0, raising=True)
    for at_s, arrives_a in ((150.0, 12), (155.0, 7), (160.0, 12)):
        link = see(link, at_s, requested_a=arrives_a)[0]
        assert (link.yielded, link.in_force) == (False, Charge(arrives_a, 1))


def test_an_older_write_of_the_same_value_is_not_taken_for_the_last() -> None:
    """12 is shown, 13 and then 12 are under way in a slow cloud: 13 comes, then 12, and both are ours."""
    link = see(wrote(110.0), 115.0, requested_a=12)[0]
    thirteen = (Charge(13, 1), Settings(current_a=13))
    link = sent(link, *thirteen, 120.0, raising=True)
    link = sent(link, *RAISE, 130.0, raising=False)
    for at_s, shown_a in ((135.0, 12), (145.0, 13), (155.0, 12)):
        link = see(link, at_s, requested_a=shown_a)[0]
        assert not link.yielded


def test_what_was_asked_for_once_and_seen_is_a_person_s_the_second_time() -> None:
    """Our 12 arrive; somebody sets 10 as it was, then 12: both are theirs."""
    link = see(wrote(110.0), 115.0, requested_a=12)[0]
    link = dataclasses.replace(see(link, 120.0, requested_a=10)[0], yielded=False)
    assert see(link, 125.0, requested_a=12)[0].yielded


def test_old_writes_are_forgotten_when_the_next_leaves() -> None:
    """What was sent 120 s before the last read explains nothing any more."""
    read = see(see(wrote(110.0), 126.0)[0], 229.9)[0]
    assert len(sent(read, *REDUCE, 240.0, raising=False).recent) == 2
    assert len(sent(see(read, 230.0)[0], *REDUCE, 240.0, raising=False).recent) == 1


@pytest.mark.parametrize(("third_s", "fight"), [(1009.9, True), (1010.0, False)])
def test_three_foreign_changes_in_a_quarter_of_an_hour_are_a_controller(third_s: float, fight: bool) -> None:
    """The first at 110 s still counts until 1010 s."""
    link = see(begun(), 110.0, requested_a=11)[0]
    link = see(link, 500.0, requested_a=12)[0]
    assert not link.fight
    assert see(link, third_s, requested_a=13)[0].fight is fight


def test_a_fight_stays_one_until_the_car_leaves() -> None:
    """A fourth change hours later does not make it a person again."""
    link = begun()
    for at_s in (110.0, 111.0, 112.0, 9000.0):
        link = see(link, at_s, requested_a=10 + int(at_s) % 7)[0]
    assert (link.fight, len(link.overrides_s)) == (True, 1)


def test_an_impossible_setting_counts_as_the_nearest_possible() -> None:
    """Whatever a charger reports, a command can hold it: 6 to 32 A."""
    seen = status(100.0)
    for reported_a, counts_a in ((1, 6), (5, 6), (6, 6), (32, 32), (40, 32)):
        knobs = Knobs(reported_a, Force.ON, PhaseMode.ONE)
        assert offered(knobs, seen, 1)[0] == Charge(counts_a, 1)


def test_unplugging_hands_back() -> None:
    """The car leaves: no longer theirs, no fight, nothing open, and the reset of frc is nobody's doing."""
    link = begun()
    for number in range(3):
        link = see(link, 110.0 + number, requested_a=11 + number)[0]
    assert (link.yielded, link.fight) == (True, True)
    link, notes = see(link, 120.0, car=CarState.IDLE, requested_a=13, force=Force.NEUTRAL)
    assert notes == ("the car was unplugged",)
    assert (link.yielded, link.fight, link.connected, link.pending) == (False, False, False, None)
    assert link.overrides_s == ()


def test_without_a_car_anybody_may_set_what_they_like() -> None:
    """Settings of an idle charger are not fought over."""
    link = see(begun(), 110.0, car=CarState.IDLE)[0]
    assert not see(link, 120.0, car=CarState.IDLE, requested_a=16)[0].yielded


def test_an_idle_charger_is_unplugged_once() -> None:
    """Each further look at the empty charger says nothing."""
    link = see(begun(), 110.0, car=CarState.IDLE)[0]
    assert see(link, 120.0, car=CarState.IDLE) == (
        dataclasses.replace(link, seen_data_s=120.0, told_s=120.0, uptime_ms=170_000, session_wh=120.0),
        (),
    )


@pytest.mark.parametrize(("before", "after"), [(None, 0.5), (100.0, None), (None, None)])
def test_without_a_session_counter_a_reset_of_force_is_foreign(
    before: float | None, after: float | None
) -> None:
    """Nothing shows that the car was out and in again."""
    link = begun(session_wh=before)
    assert see(link, 110.0, force=Force.NEUTRAL, session_wh=after)[0].yielded


@pytest.mark.parametrize(
    ("change", "unasked"), [({}, True), ({"force": Force.OFF}, False), ({"requested_a": None}, False)]
)
def test_nothing_offered_is_nothing_unasked(change: dict[str, object], unasked: bool) -> None:
    """Only a charger that offers by itself was not asked."""
    assert begun(**change).unasked is unasked


def test_the_next_car_starts_without_having_been_asked() -> None:
    """At plug-in the charger offers by itself: no stranger, but not asked for either, until we write."""
    link = see(begun(), 110.0, car=CarState.IDLE, force=Force.NEUTRAL)[0]
    link, notes = see(link, 120.0, force=Force.NEUTRAL, requested_a=16, session_wh=0.0)
    assert notes == ("a car was plugged in",)
    assert (link.yielded, link.unasked, link.in_force) == (False, True, Charge(16, 1))
    assert not sent(link, *REDUCE, 130.0, raising=False).unasked


def test_out_and_in_again_between_two_reads_is_no_stranger() -> None:
    """frc fell to 0 and the session counter began anew; with the counter going on it was a person."""
    assert not see(begun(), 110.0, force=Force.NEUTRAL, session_wh=0.5)[0].yielded
    assert see(begun(), 110.0, force=Force.NEUTRAL, session_wh=150.0)[0].yielded
    assert see(begun(), 110.0, force=Force.OFF, session_wh=0.5)[0].yielded


@pytest.mark.parametrize(
    ("change", "restarted"),
    [
        ({"reboot_count": 4}, True),
        ({"reboot_count": 2}, True),
        ({"uptime_ms": 5_000}, True),
        ({"uptime_ms": 149_999}, True),
        ({"uptime_ms": 150_000}, False),  # as it was at 100 s
        ({"uptime_ms": None, "reboot_count": None}, False),
    ],
)
def test_a_restart_is_nobodys_change(change: dict[str, object], restarted: bool) -> None:
    """After a reboot odd settings are the charger's own; our open write is void."""
    link, notes = see(wrote(105.0), 110.0, requested_a=16, **change)
    assert ("the charger restarted" in notes) is restarted
    assert link.yielded is not restarted
    if restarted:
        assert (link.pending, link.phase_write_s, link.in_force) == (None, None, Charge(16, 1))


def test_counters_that_are_missing_once_still_tell_a_restart_later() -> None:
    """The last known count is kept."""
    link = see(begun(), 110.0, reboot_count=None, uptime_ms=None)[0]
    assert "the charger restarted" in see(link, 120.0, reboot_count=4)[1]


def test_the_last_known_uptime_is_kept_too() -> None:
    """Missing once, smaller afterwards: restarted."""
    link = see(begun(), 110.0, reboot_count=None, uptime_ms=None)[0]
    assert "the charger restarted" in see(link, 120.0, reboot_count=None, uptime_ms=9_000)[1]


def test_a_knob_reported_for_the_first_time_was_not_turned() -> None:
    """From unknown to 16 A is news, not a change; from 16 to 12 afterwards is one."""
    link = see(begun(requested_a=None), 110.0, requested_a=16)[0]
    assert not link.yielded
    assert see(link, 120.0, requested_a=12)[0].yielded


def test_settings_at_plug_in_are_nobodys_doing() -> None:
    """Whatever stands there when the car comes, counters or not."""
    link = see(begun(), 110.0, car=CarState.IDLE)[0]
    assert not see(link, 120.0, requested_a=16, session_wh=500.0)[0].yielded


def test_the_same_session_with_a_force_of_nought_is_a_person() -> None:
    """The counter stands where it stood: nobody was out and in again."""
    assert see(begun(), 110.0, force=Force.NEUTRAL, session_wh=100.0)[0].yielded


# -- offered without having been asked --------------------------------------------------------------------


def test_a_parked_charger_that_starts_the_next_car_was_not_asked() -> None:
    """We set the idle charger to 6 A ourselves; that the next car begins there is still not our start."""
    link = see(begun(), 110.0, car=CarState.IDLE, force=Force.NEUTRAL)[0]
    link = sent(link, Off(), Settings(current_a=6), 120.0, raising=False)
    for at_s in (121.0, 140.0, 170.0):
        link = see(link, at_s, car=CarState.IDLE, force=Force.NEUTRAL, requested_a=6)[0]
    assert (link.pending, link.in_force) == (None, Charge(6, 1))
    link = see(link, 180.0, force=Force.NEUTRAL, requested_a=6)[0]
    assert link.unasked


def test_our_start_was_asked_for_however_late_it_comes() -> None:
    """Sent at 110 s, believed lost at 126 s, there at 140 s: ours, and it stays ours."""
    link = sent(begun(force=Force.OFF), *RAISE, 110.0, raising=True)
    assert not link.unasked
    link = see(link, 126.0, force=Force.OFF)[0]
    assert link.in_force == Off()
    for at_s in (140.0, 150.0):
        link = see(link, at_s, requested_a=12, force=Force.ON)[0]
        assert not link.unasked


def test_what_starts_by_itself_later_was_not_asked() -> None:
    """Off, nothing of ours under way, then on."""
    link = begun(force=Force.OFF)
    assert not link.unasked
    link = see(link, 110.0)[0]
    assert link.unasked
    assert see(link, 120.0)[0].unasked


# -- the cable --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("car", [CarState.UNKNOWN, CarState.INITIALIZING, CarState.ERROR])
def test_an_odd_car_state_says_nothing_about_the_cable(car: CarState) -> None:
    """Neither out nor in."""
    link, notes = see(begun(), 110.0, car=car)
    assert (link.connected, notes) == (True, ())
    link, notes = see(Link(), 100.0, car=car)
    assert (link.connected, notes) == (False, ())


@pytest.mark.parametrize(("gone_s", "connected"), [(1.0, True), (24.9, True), (25.0, False), (60.0, False)])
def test_during_a_phase_switch_the_car_may_seem_gone(gone_s: float, connected: bool) -> None:
    """The pilot is broken for 10 s: "no car" is believed after 25 s of it."""
    link = wrote(110.0, (Charge(10, 3), Settings(phase_mode=PhaseMode.THREE)))
    link = see(link, 115.0, car=CarState.IDLE, phase_mode=PhaseMode.THREE)[0]
    assert link.connected
    link, notes = see(link, 115.0 + gone_s, car=CarState.IDLE, phase_mode=PhaseMode.THREE)
    assert link.connected is connected
    assert notes == (() if connected else ("the car was unplugged",))


def test_a_car_that_is_back_in_between_begins_the_count_anew() -> None:
    """Twice 20 s are not 40."""
    link = wrote(110.0, (Charge(10, 3), Settings(phase_mode=PhaseMode.THREE)))
    for at_s, car in (
        (112.0, CarState.IDLE),
        (132.0, CarState.WAITING),
        (134.0, CarState.IDLE),
        (154.0, CarState.IDLE),
    ):
        link = see(link, at_s, car=car, phase_mode=PhaseMode.THREE)[0]
        assert link.connected
    assert not see(link, 159.0, car=CarState.IDLE, phase_mode=PhaseMode.THREE)[0].connected


def test_without_a_switch_gone_is_gone() -> None:
    """No debounce where nothing explains it; nor when the switch was given up after 600 s."""
    assert not see(begun(), 110.0, car=CarState.IDLE)[0].connected
    link = dataclasses.replace(begun(), phase_write_s=110.0)
    assert see(link, 709.9, car=CarState.IDLE)[0].connected
    assert not see(link, 710.0, car=CarState.IDLE)[0].connected


# -- a car that does not want it --------------------------------------------------------------------------


@pytest.mark.parametrize(("watts", "idle"), [(0.0, True), (None, True), (200.0, True), (200.1, False)])
def test_an_offer_nobody_takes_is_noticed(watts: float | None, idle: bool) -> None:
    """Up to 200 W is electronics; the time of the first such read is kept."""
    link = see(begun(), 110.0, power_w=watts)[0]
    assert link.idle_since_s == (110.0 if idle else None)
    link = see(link, 120.0, power_w=watts)[0]
    assert link.idle_since_s == (110.0 if idle else None)


def test_idling_ends_with_draw_stop_or_unplug() -> None:
    """A car that draws, an offer that ends, or no car: the count is gone."""
    idle = see(begun(), 110.0, power_w=0.0)[0]
    assert see(idle, 120.0, power_w=2300.0)[0].idle_since_s is None
    assert see(idle, 120.0, power_w=0.0, force=Force.OFF)[0].idle_since_s is None
    assert see(idle, 120.0, power_w=0.0, car=CarState.IDLE)[0].idle_since_s is None
