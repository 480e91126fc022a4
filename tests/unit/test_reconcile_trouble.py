"""A charger that does not do as it was told: what is believed, what is said and how often, and what ends it.

As in `test_reconcile`: at 100 s a car is charging with 10 A on one phase, and nothing of ours is open.
"""

import dataclasses

import pytest

from controller.line.link import Link, offered
from controller.line.pending import Knobs, Pending
from controller.line.reconcile import answered, observe, sent
from controller.model import CarState, Charge, Force, Off, OutcomeKind, PhaseMode, Settings, WriteOutcome
from tests.unit.charger_side import LIMITS, RAISE, REDUCE, begun, see, status, wrote

STOP = (Off(), Settings(force=Force.OFF))
START = (Charge(6, 1), Settings(current_a=6, force=Force.ON))


# -- a stop the box does not obey ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "ignored"),
    [
        ({"allowed": True, "power_w": 2300.0}, True),
        ({"allowed": True, "power_w": 200.1}, True),
        ({"allowed": True, "power_w": 200.0}, False),
        ({"allowed": True, "power_w": None}, False),
        ({"allowed": False, "power_w": 2300.0}, False),
        ({"allowed": None, "power_w": 2300.0}, False),
    ],
)
def test_a_stop_that_lets_the_car_charge_has_not_arrived(change: dict[str, object], ignored: bool) -> None:
    """`frc` says stopped, the car is allowed to charge and does: the stop stays open, the offer stands."""
    link, notes = see(wrote(110.0, STOP, raising=False), 121.0, force=Force.OFF, **change)
    assert link.stop_ignored is ignored
    assert (link.pending is not None) is ignored
    assert link.in_force == (Charge(10, 1) if ignored else Off())
    assert notes == (("a write did not arrive: off",) if ignored else ())
    stop = Pending(*STOP, 110.0, raising=False)
    assert link.shows(stop) is not ignored
    assert link.shows(dataclasses.replace(stop, settings=Settings(current_a=10)))


def test_a_stop_of_somebody_else_that_is_ignored_is_seen_too() -> None:
    """Nothing of ours is open; the app says stop, the box lets the car charge on, and then it does not."""
    link = see(begun(), 110.0, force=Force.OFF, allowed=True)[0]
    assert (link.stop_ignored, link.in_force) == (True, Charge(10, 1))
    link = see(link, 120.0, force=Force.OFF, allowed=False)[0]
    assert (link.stop_ignored, link.in_force) == (False, Off())


def test_a_stop_the_box_ignores_holds_up_nothing_else() -> None:
    """While it lets the car charge, a current that arrives has arrived."""
    link = sent(begun(), *REDUCE, 110.0, raising=False)
    link, notes = see(link, 115.0, requested_a=7, force=Force.OFF, allowed=True)
    assert (link.stop_ignored, link.pending) == (True, None)
    assert notes == ("settings were changed from outside: amp 10 → 7, frc 2 → 1",)


# -- a start without its current ----------------------------------------------------------------------------


def started() -> Link:
    """Return a link that was stopped at 100 s and to which a start with 6 A left at 110 s."""
    return sent(begun(force=Force.OFF, power_w=0.0), *START, 110.0, raising=True)


def test_a_start_that_arrives_without_its_current_is_told_once() -> None:
    """10 A instead of 6 while nobody decided so: said at once, and remembered until it is over."""
    link, notes = see(started(), 112.0)
    assert link.too_much is True
    assert notes == ("the current of 6 A x1 did not arrive: 10 A are offered; stopped",)
    link, notes = see(link, 114.0)
    assert (link.too_much, notes) == (True, ())


@pytest.mark.parametrize(("at_s", "told"), [(110.4, False), (110.5, True)])
def test_a_read_from_before_the_start_tells_nothing_of_its_current(at_s: float, told: bool) -> None:
    """Half a second after it was sent, what the charger says may be from before it."""
    assert see(started(), at_s)[0].too_much is told


def test_a_start_whose_phases_are_not_seen_yet_has_its_current() -> None:
    """6 A as asked for, still on one phase: the write is open, nothing is too much."""
    three = (Charge(6, 3), Settings(6, Force.ON, PhaseMode.THREE))
    link = sent(begun(force=Force.OFF, power_w=0.0), *three, 110.0, raising=True)
    link, notes = see(link, 112.0, requested_a=6)
    assert (link.too_much, link.pending is not None, notes) == (False, True, ())


@pytest.mark.parametrize(
    "change",
    [
        {"force": Force.OFF},
        {"car": CarState.IDLE},
        {"reboot_count": 4},
        {"car": CarState.IDLE, "reboot_count": 4},
        {"requested_a": 9},  # somebody takes over
    ],
)
def test_too_much_ends_with_a_stop_an_unplug_a_restart_or_a_hand(change: dict[str, object]) -> None:
    """What nobody decided is over once the charger is stopped, or another's."""
    link = see(started(), 112.0)[0]
    assert see(link, 114.0, power_w=0.0)[0].too_much is True
    assert see(link, 114.0, **change)[0].too_much is False


# -- a reduction that is not applied ------------------------------------------------------------------------


def lowered_every_ten_seconds(until_s: float) -> tuple[Link, list[tuple[float, str]]]:
    """Ask for 7 A at 100 s and again every 10 s; return the link and what was said when."""
    link, said, at_s = begun(), [], 100.0
    while at_s < until_s:
        link = sent(link, *REDUCE, at_s, raising=False)
        at_s += 10.0
        link, notes = see(link, at_s, model_status=3)
        said += [(at_s, note) for note in notes]
    return link, said


def test_people_are_told_once_of_a_reduction_that_is_not_applied() -> None:
    """Lost after 10 s, said once; after a minute of asking people are told, with the charger's own reason."""
    link, said = lowered_every_ten_seconds(300.0)
    assert [at_s for at_s, _ in said] == [110.0, 160.0]
    assert said[0][1] == "a write did not arrive: 7 A x1"
    assert said[1][1].startswith(
        "7 A x1 has not been applied for 60 s; the charger goes on as it was (modelStatus 3)"
    )
    assert link.pending is not None
    assert (link.pending.first_s, link.pending.told) == (100.0, True)


def test_another_reduction_goes_on_counting_and_a_raise_ends_the_count() -> None:
    """Lower still, the minute runs on; a raise waits for nothing lower; the next reduction begins anew."""
    link = wrote(110.0, REDUCE, raising=False)
    lower = sent(link, *STOP, 130.0, raising=False)
    assert lower.pending is not None
    assert (lower.pending.first_s, lower.pending.told) == (110.0, False)
    raised = sent(lower, *RAISE, 140.0, raising=True)
    assert raised.pending is not None
    assert (raised.pending.first_s, raised.pending.told) == (None, False)
    again = sent(raised, *REDUCE, 150.0, raising=False)
    assert again.pending is not None
    assert (again.pending.first_s, again.pending.told) == (150.0, False)


def test_only_the_first_loss_of_a_reduction_is_said_but_every_loss_of_a_raise() -> None:
    """A reduction is repeated every 10 s and would fill the log; a raise waits ever longer."""
    for what, raising, lost_s, said in ((REDUCE, False, 10.0, ()), (RAISE, True, 15.0, ("12 A x1",))):
        link = see(wrote(110.0, what, raising=raising), 110.0 + lost_s)[0]
        link = sent(link, *what, 130.0, raising=raising)
        assert see(link, 130.0 + lost_s)[1] == tuple(f"a write did not arrive: {text}" for text in said)


# -- sent twice, refused, not heard -------------------------------------------------------------------------


def test_a_write_leaves_its_time_and_was_asked_for() -> None:
    """From then on the pace of writes counts, and what is offered is what we want."""
    found = see(Link(), 100.0)[0]
    assert found.unasked is True
    link = sent(found, *RAISE, 110.0, raising=True)
    assert (link.last_write_s, link.unasked) == (110.0, False)


def test_what_was_sent_twice_may_still_appear_twice() -> None:
    """The first echo ends neither of the two sendings; of one sent once nothing is left."""
    twice = sent(wrote(110.0), *RAISE, 125.0, raising=True)
    assert see(twice, 127.0, requested_a=12)[0].recent == ((110.0, RAISE[1]), (125.0, RAISE[1]))
    assert see(wrote(110.0), 112.0, requested_a=12)[0].recent == ()


@pytest.mark.parametrize(
    ("kind", "raising", "again", "kept"),
    [
        (OutcomeKind.REFUSED, True, False, False),
        (OutcomeKind.REFUSED, True, True, True),  # the first sending may be on its way
        (OutcomeKind.REFUSED, False, False, True),
        (OutcomeKind.UNKNOWN, True, False, True),
    ],
)
def test_a_refused_raise_is_gone_unless_it_was_sent_before(
    kind: OutcomeKind, raising: bool, again: bool, kept: bool
) -> None:
    """A raise nobody saw counts until a read could show it; a refusal ends that for a raise sent once."""
    link = wrote(110.0)
    if again or not raising:
        link = sent(link, *(RAISE if raising else REDUCE), 125.0, raising=raising)
    link = answered(link, WriteOutcome(kind))
    assert (link.unseen is not None) is kept
    assert link.pending is not None
    assert link.pending.unheard is True


def test_an_accepted_write_was_heard() -> None:
    """202: nothing changes, and it counts as heard."""
    link = wrote(110.0)
    assert answered(link, WriteOutcome(OutcomeKind.ACCEPTED)) == link
    assert link.pending is not None
    assert link.pending.unheard is False


# -- a limit of our own, an old status ----------------------------------------------------------------------


def test_at_a_limit_of_our_own_nothing_is_offered() -> None:
    """Whatever the settings say: off, asked for by us, and no car that does not want it."""
    assert offered(Knobs(10, Force.ON), status(100.0), 1, held=True) == (Off(), 1)
    link = observe(begun(), status(110.0, power_w=0.0), 110.0, LIMITS, held=True)[0]
    assert (link.in_force, link.unasked, link.idle_since_s) == (Off(), False, None)
    lapsed = observe(wrote(100.0, REDUCE, raising=False), status(100.0), 120.0, LIMITS, held=True)[0]
    assert lapsed.in_force == Off()


def test_an_old_status_changes_only_the_belief_in_an_open_write() -> None:
    """Without one nothing moves; with one that is over, the status says what is offered."""
    parked = begun(force=Force.NEUTRAL, allowed=True)
    old = status(100.0, force=Force.NEUTRAL, allowed=False)
    assert observe(parked, old, 200.0, LIMITS) == (parked, ())
    lapsed = observe(sent(parked, *REDUCE, 100.0, raising=False), old, 200.0, LIMITS)[0]
    assert lapsed.in_force == Off()


# -- what begins anew ---------------------------------------------------------------------------------------


def test_a_restart_voids_a_phase_switch_and_is_remembered() -> None:
    """Nothing is waited for, but the pilot may be broken still: "no car" is believed once it has lasted."""
    link = wrote(105.0, (Charge(10, 3), Settings(phase_mode=PhaseMode.THREE)))
    assert link.phase_write_s == 105.0
    link, notes = see(link, 110.0, reboot_count=4)
    assert notes == ("the charger restarted",)
    assert (link.pending, link.rebooted_s, link.unseen) == (None, 110.0, None)
    link = see(link, 111.0, reboot_count=4, car=CarState.IDLE)[0]
    assert link.connected
    assert not see(link, 136.0, reboot_count=4, car=CarState.IDLE)[0].connected


def test_an_unplug_ends_what_was_on_its_way() -> None:
    """A phase switch and a raise nobody saw: with the car gone, neither is waited for."""
    link = wrote(105.0, (Charge(12, 3), Settings(current_a=12, phase_mode=PhaseMode.THREE)))
    link = see(link, 106.0, car=CarState.IDLE)[0]
    assert (link.connected, link.absent_since_s) == (True, 106.0)
    link, notes = see(link, 131.0, car=CarState.IDLE)
    assert notes == ("the car was unplugged",)
    assert (link.connected, link.absent_since_s, link.phase_write_s) == (False, None, None)
    assert (link.pending, link.unseen, link.in_force) == (None, None, Charge(10, 1))


def test_an_unplug_ends_a_raise_nobody_saw() -> None:
    """12 A were on their way when the car left: what is reported is in force at once."""
    link = see(wrote(110.0), 112.0, car=CarState.IDLE)[0]
    assert (link.pending, link.unseen, link.in_force) == (None, None, Charge(10, 1))


def test_a_knob_that_was_never_reported_is_a_question_mark_in_the_note() -> None:
    """What the app changed is said with what is known."""
    link = begun(phase_mode=None)
    _, notes = see(link, 110.0, requested_a=16)
    assert notes == ("settings were changed from outside: amp 10 → 16, psm ? → 1",)
