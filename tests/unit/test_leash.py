"""The energy leash by itself: whose limit is it, what should it be, when is it asked for again."""

from datetime import UTC, datetime
from math import inf
from pathlib import Path

import pytest

from controller.clock import SimClock
from controller.ledger.leash_store import LeashStore
from controller.ledger.ledger import Ledger
from controller.line.leash import Ask, Hand, Leash, answered, due, observe, restored, sent, stands
from controller.model import CarState, ChargerStatus, OutcomeKind

LEASH_WH = 3000.0
CHARGING = Hand(connected=True, charging=True, ours=True)
PAUSED = Hand(connected=True, charging=False, ours=True)
THEIRS = Hand(connected=True, charging=True, ours=False)
GONE = Hand(connected=False, charging=False, ours=True)


def status(at_s: float, limit_wh: float | None, wh: float | None = 1000.0, **change: object) -> ChargerStatus:
    """Return what the charger reports: a car charging with 11 kW, its limit and its count."""
    values: dict[str, object] = {"car": CarState.CHARGING, "allowed": True, "power_w": 11_000.0, **change}
    return ChargerStatus(at_s, at_s, energy_limit_wh=limit_wh, session_wh=wh, **values)  # type: ignore[arg-type]


def see(
    leash: Leash, at_s: float, limit_wh: float | None, wh: float | None = 1000.0, *, there: bool = True
) -> tuple[Leash, tuple[str, ...]]:
    return observe(leash, status(at_s, limit_wh, wh), LEASH_WH, connected=there, now_s=at_s)


def put_on(theirs_wh: float = inf, at_s: float = 0.0) -> Leash:
    """Return a leash of 4000 Wh that a read has shown."""
    return see(sent(Leash(), 4000.0, theirs_wh, at_s), at_s + 5, 4000.0)[0]


@pytest.mark.parametrize(
    ("limit_wh", "wh", "asked_wh"),
    [
        (inf, 0.0, 3000.0),
        (inf, 1234.9, 4234.0),  # whole Wh, and never more than the leash
        (20_000.0, 1000.0, 4000.0),
        (4001.5, 1000.0, 4000.0),
        (4001.0, 1000.0, None),  # a Wh more is not too far
        (4000.9, 1000.0, None),
        (3500.0, 1000.0, None),  # the user's is nearer
        (0.0, 1000.0, None),
        (None, 1000.0, None),  # not reported: not touched
        (inf, None, None),  # nothing to count from
    ],
)
def test_a_limit_that_is_too_far_is_shortened(
    limit_wh: float | None, wh: float | None, asked_wh: float | None
) -> None:
    """To what was charged plus the leash, at once and by itself."""
    ask = due(Leash(), status(0.0, limit_wh, wh), CHARGING, LEASH_WH, 0.0)
    assert (None if ask is None else ask.limit_wh) == asked_wh
    assert ask is None or ask.alone


@pytest.mark.parametrize("hand", [PAUSED, GONE, THEIRS])
def test_no_limit_of_ours_without_a_charge_of_ours(hand: Hand) -> None:
    """Nobody charges, nobody is there, or it is somebody else's charge: the limit is left alone."""
    assert due(Leash(), status(0.0, inf), hand, LEASH_WH, 0.0) is None
    assert due(Leash(), status(0.0, inf), CHARGING, None, 0.0) is None


@pytest.mark.parametrize(
    ("wh", "asked_wh", "alone"),
    [
        (1000.0, None, None),
        (1999.0, None, None),
        (2000.0, None, None),
        (2001.0, 5001.0, False),
        (2999.0, 5999.0, False),
        (3000.0, 6000.0, False),
        (3001.0, 6001.0, True),
        (4005.0, 7005.0, True),
    ],
)
def test_it_is_renewed_with_company_early_and_alone_late(
    wh: float, asked_wh: float | None, alone: bool | None
) -> None:
    """Of 3 kWh 2 are left: with a write that leaves anyway. 1 is left: by itself."""
    ask = due(put_on(), status(10.0, 4000.0, wh), CHARGING, LEASH_WH, 500.0)
    assert (
        (asked_wh, alone) == (None, None) if ask is None else (ask.limit_wh, ask.alone) == (asked_wh, alone)
    )


def test_near_the_user_s_own_limit_that_one_is_put_back() -> None:
    """17.5 of 20 kWh: the leash would reach beyond, so theirs takes over, and once it is seen all is over."""
    leash = see(sent(put_on(20_000.0), 18_000.0, 20_000.0, 100.0), 105.0, 18_000.0)[0]
    ask = due(leash, status(200.0, 18_000.0, 17_500.0), CHARGING, LEASH_WH, 200.0)
    assert ask is not None
    assert ask.limit_wh == 20_000.0
    leash = sent(leash, 20_000.0, 20_000.0, 200.0)
    assert due(leash, status(201.0, 18_000.0, 17_510.0), CHARGING, LEASH_WH, 210.0) is None  # on its way
    leash, notes = see(leash, 205.0, 20_000.0, 17_550.0)
    assert (notes, leash.asked_wh) == ((), None)
    assert due(leash, status(210.0, 20_000.0, 17_600.0), CHARGING, LEASH_WH, 210.0) is None
    assert not see(leash, 330.0, 20_000.0, 17_900.0)[0].on


@pytest.mark.parametrize(("attempt", "wait_s"), [(1, 15.0), (2, 45.0), (3, 135.0), (4, 900.0), (7, 900.0)])
def test_what_does_not_arrive_is_asked_for_again_ever_later(attempt: int, wait_s: float) -> None:
    """The same goal, whatever the number by then."""
    leash = Leash()
    for number in range(attempt):
        leash = sent(leash, 4000.0 + number, inf, 1000.0)
    report = status(1001.0, inf, 1500.0)
    assert due(leash, report, CHARGING, LEASH_WH, 1000.0 + wait_s - 1) is None
    assert due(leash, report, CHARGING, LEASH_WH, 1000.0 + wait_s) == Ask(
        4500.0, "the energy leash: stop after 3 kWh without us", True
    )


def test_a_refused_limit_is_left_alone_for_ten_minutes() -> None:
    """Refused is not lost; any other answer changes nothing."""
    leash = sent(Leash(), 4000.0, inf, 0.0)
    for kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN):
        assert answered(leash, kind) == leash
    refused = answered(leash, OutcomeKind.REFUSED)
    assert due(refused, status(1.0, inf), CHARGING, LEASH_WH, 599.0) is None
    assert due(refused, status(1.0, inf), CHARGING, LEASH_WH, 600.0) is not None
    assert answered(Leash(), OutcomeKind.REFUSED) == Leash()


@pytest.mark.parametrize("hand", [GONE, THEIRS])
def test_theirs_is_put_back_at_once_even_while_ours_is_on_its_way(hand: Hand) -> None:
    """At unplug and for who takes the charger; the other direction does not wait for the ladder."""
    leash = sent(put_on(12_345.5), 6000.0, 4000.0, 100.0)
    ask = due(leash, status(101.0, 4000.0, 3000.0), hand, LEASH_WH, 101.0)
    assert ask is not None
    assert (ask.limit_wh, ask.alone) == (12_345.5, True)
    back = sent(leash, ask.limit_wh, 4000.0, 101.0)
    assert due(back, status(102.0, 4000.0), hand, LEASH_WH, 110.0) is None
    assert due(back, status(102.0, 4000.0), hand, LEASH_WH, 116.0) == ask


def test_it_is_over_when_theirs_is_seen_and_nothing_of_ours_can_come_late() -> None:
    """Two minutes after our last limit; one that comes later than that is seen as a person's."""
    leash = sent(put_on(inf), inf, 4000.0, 50.0)
    early = see(leash, 60.0, inf, there=False)[0]
    assert early.on
    assert see(early, 119.0, inf, there=False)[0].on
    assert not see(early, 121.0, inf, there=False)[0].on
    late, notes = see(early, 110.0, 4000.0, there=False)  # ours, delivered late
    assert (notes, late.on) == ((), True)
    assert due(late, status(111.0, 4000.0), GONE, LEASH_WH, 111.0) is not None


@pytest.mark.parametrize("new_wh", [2500.0, 9000.0, inf])
def test_what_a_person_sets_is_theirs_until_the_car_leaves(new_wh: float) -> None:
    """Said once; nothing is asked in this session; the next one has the leash again."""
    leash, notes = see(put_on(20_000.0), 300.0, new_wh)
    assert len(notes) == 1
    assert ("none" if new_wh == inf else f"{new_wh / 1000:.1f} kWh") in notes[0]
    leash, again = see(leash, 400.0, new_wh)
    assert again == ()
    assert due(leash, status(400.0, new_wh), CHARGING, LEASH_WH, 400.0) is None
    leash = see(leash, 500.0, new_wh, there=False)[0]
    ask = due(leash, status(505.0, new_wh, 0.0), CHARGING, LEASH_WH, 505.0)
    assert (ask is None) == (new_wh < LEASH_WH)


def test_their_old_limit_set_again_is_a_person_too() -> None:
    """Ours had been seen, and nobody of us asked for theirs."""
    leash, notes = see(put_on(), 20.0, inf)
    assert (bool(notes), leash.released) == (True, True)


def test_a_put_back_of_an_earlier_run_that_comes_late_is_no_person() -> None:
    """The start after a clean exit: theirs may appear for two minutes; then it is put on anew."""
    leash = restored(inf, (4000.0,), 1000.0)
    leash = see(leash, 1005.0, 4000.0)[0]
    leash, notes = see(leash, 1030.0, inf)
    assert (notes, leash.released) == ((), False)
    assert due(leash, status(1031.0, inf), CHARGING, LEASH_WH, 1031.0) is not None


def test_a_status_without_the_limit_or_from_before_is_no_news() -> None:
    """Missing key, old data: nothing is concluded."""
    leash = put_on()
    assert see(leash, 3.0, inf) == (leash, ())
    quiet, notes = see(leash, 300.0, None)
    assert (notes, quiet.on, quiet.released) == ((), True, False)
    assert due(quiet, status(300.0, None), CHARGING, LEASH_WH, 300.0) is None


@pytest.mark.parametrize(("limit_wh", "wh"), [(None, 1000.0), (inf, None)])
def test_a_charger_that_does_not_say_is_told_of_once(limit_wh: float | None, wh: float | None) -> None:
    """Three reads in a row with a car there; half an answer now and then is nothing."""
    leash, said = Leash(), []
    for at_s in range(1, 9):
        leash, notes = see(leash, float(at_s), limit_wh, wh)
        said += [(at_s, note) for note in notes]
    assert [at_s for at_s, _ in said] == [3]
    assert "not kept" in said[0][1]
    for at_s in range(10, 30):
        silent = at_s % 3 > 0
        leash, notes = see(leash, float(at_s), limit_wh if silent else inf, wh if silent else 1000.0)
        assert notes == ()
    for at_s in range(40, 50):
        leash, notes = see(leash, float(at_s), limit_wh, wh, there=False)
        assert notes == ()


@pytest.mark.parametrize(
    ("change", "yes"),
    [
        ({"model_status": 6, "allowed": False}, True),
        ({"model_status": 6, "allowed": True}, False),
        ({"model_status": 4, "allowed": False}, False),
        ({"model_status": None, "allowed": False}, False),
        ({"model_status": 6, "allowed": None}, False),
    ],
)
def test_the_charger_stands_at_ours_and_says_why(change: dict[str, object], yes: bool) -> None:
    """Its own words; at a limit of the user it does not stand at ours. Told once."""
    leash = put_on()
    report = status(100.0, 4000.0, 4000.0, power_w=0.0, **change)
    assert stands(leash, report) is yes
    assert not stands(leash, status(100.0, 5000.0, 5000.0, power_w=0.0, **change))
    after, notes = observe(leash, report, LEASH_WH, connected=True, now_s=100.0)
    assert (after.held, bool(notes)) == (yes, yes)
    later = status(110.0, 4000.0, 4000.0, power_w=0.0, **change)
    assert observe(after, later, LEASH_WH, connected=True, now_s=110.0)[1] == ()


def test_at_our_limit_theirs_is_put_back_only_with_a_start() -> None:
    """The option was taken out while the charger waits at it: alone, putting back would start the car."""
    leash = put_on()
    held = observe(
        leash, status(100.0, 4000.0, 4000.0, model_status=6, allowed=False), None, connected=True, now_s=100.0
    )[0]
    report = status(100.0, 4000.0, 4000.0)
    ask = due(held, report, PAUSED, None, 100.0)
    assert ask is not None
    assert (ask.limit_wh, ask.alone) == (inf, False)
    ask = due(held, report, GONE, None, 100.0)
    assert ask is not None
    assert ask.alone


@pytest.mark.parametrize(
    ("wh", "power_w", "told"), [(4099.0, 11_000.0, False), (4101.0, 11_000.0, True), (4101.0, 150.0, False)]
)
def test_a_charger_that_goes_on_beyond_its_limit_is_told_once(wh: float, power_w: float, told: bool) -> None:
    """More than it can draw while it stops."""
    leash, notes = observe(
        put_on(), status(100.0, 4000.0, wh, power_w=power_w), LEASH_WH, connected=True, now_s=100.0
    )
    assert any("does not obey" in note for note in notes) is told
    later = status(110.0, 4000.0, wh, power_w=power_w)
    assert observe(leash, later, LEASH_WH, connected=True, now_s=110.0)[1] == ()


def test_without_the_option_nothing_is_watched_or_said() -> None:
    """A user's limit that is passed is none of our business."""
    assert observe(Leash(), status(1.0, 500.0, 9000.0), None, connected=True, now_s=1.0) == (Leash(), ())


@pytest.mark.parametrize("theirs_wh", [inf, 0.0, 12_345.5])
def test_the_ledger_knows_theirs_and_ours_before_anything_leaves(tmp_path: Path, theirs_wh: float) -> None:
    """Also what a person set later; nothing is left once it is over."""
    clock = SimClock(datetime(2026, 6, 21, tzinfo=UTC))
    ledger = Ledger.open(tmp_path / "l.db", clock)
    store = LeashStore(ledger)
    assert not store.load(0.0).on
    one = sent(Leash(), 4000.0, theirs_wh, 0.0)
    two = sent(one, 6000.0, theirs_wh, 60.0)
    store.keep(Leash(), one)
    store.keep(one, two)
    ledger.close()
    ledger = Ledger.open(tmp_path / "l.db", clock)
    store = LeashStore(ledger)
    left = store.load(7.0)
    assert (left.theirs_wh, left.ours_wh, left.last_ours_s) == (theirs_wh, (4000.0, 6000.0), 7.0)
    assert left.is_ours(4000.0)
    changed = see(left, 300.0, 777.0)[0]
    store.keep(left, changed)
    again = store.load(0.0)
    assert (again.theirs_wh, again.released) == (777.0, True)  # theirs wins over a restart too
    store.keep(changed, Leash(released=True))
    assert store.load(0.0).released
    store.keep(Leash(released=True), Leash())
    assert not store.load(0.0).on
    ledger.close()


# -- what is remembered, to the letter ---------------------------------------------------------------------


def test_a_leash_put_on_remembers_what_was_and_what_is_asked() -> None:
    """What an older leash had asked for is none of this one's."""
    old = Leash(ours_wh=(9_000.0,), seen=True, last_theirs_s=-500.0, limit_wh=inf, data_s=1.0)
    leash = sent(old, 4000.0, 20_000.0, 50.0)
    assert leash == Leash(
        theirs_wh=20_000.0,
        ours_wh=(4000.0,),
        asked_wh=4000.0,
        asked_s=50.0,
        attempts=1,
        last_ours_s=50.0,
        last_theirs_s=-500.0,
        limit_wh=inf,
        data_s=1.0,
    )


def test_a_limit_that_arrived_is_asked_for_no_more() -> None:
    """A box that rounds shows it too; an earlier one of ours leaves the open write open."""
    twice = answered(sent(sent(Leash(), 4000.0, inf, 0.0), 4000.0, inf, 20.0), OutcomeKind.REFUSED)
    assert (twice.attempts, twice.refused) == (2, True)
    there, notes = see(twice, 25.0, 4000.4)
    assert (there.asked_wh, there.attempts, there.refused, there.seen) == (None, 0, False, True)
    assert (there.limit_wh, there.data_s, notes) == (4000.4, 25.0, ())
    renewed, _ = see(sent(there, 6500.0, inf, 300.0), 305.0, 4000.0)
    assert (renewed.asked_wh, renewed.attempts, renewed.ours_wh) == (6500.0, 1, (4000.0, 4000.0, 6500.0))


def test_what_was_refused_is_asked_anew_with_a_clean_slate() -> None:
    """Ten minutes later; and a put back is remembered by its time."""
    refused = answered(put_on(), OutcomeKind.REFUSED)
    assert not refused.refused  # nothing was open
    refused = answered(sent(put_on(), 6500.0, inf, 300.0), OutcomeKind.REFUSED)
    assert refused.retry_s == 900.0
    anew = sent(refused, 6500.0, inf, 900.0)
    assert (anew.refused, anew.attempts, anew.last_ours_s, anew.seen) == (False, 2, 900.0, True)
    back = sent(anew, inf, inf, 950.0)
    assert (back.last_theirs_s, back.last_ours_s, back.attempts) == (950.0, 900.0, 1)
    again = sent(back, 7000.0, inf, 960.0)
    assert not again.seen  # until a read shows it, theirs is no sign of a person


def test_put_back_and_seen_nothing_is_remembered_but_the_last_read() -> None:
    """As long as one of ours may come late, theirs is kept in mind: 120 s."""
    back = sent(put_on(20_000.0), 20_000.0, 20_000.0, 100.0)
    early, _ = see(back, 119.9, 20_000.0)
    assert early.theirs_wh == 20_000.0
    late, notes = see(early, 120.0, 20_000.0)
    assert (late, notes) == (Leash(limit_wh=20_000.0, data_s=120.0), ())


def test_their_old_limit_two_minutes_after_we_put_it_back_is_a_person() -> None:
    """To the second, and said; the leash rests until the car has left."""
    leash = see(sent(Leash(deaf=True, last_theirs_s=-90.0), 4000.0, inf, 0.0), 5.0, 4000.0)[0]
    assert see(leash, 29.9, inf)[0].released is False
    person, notes = see(leash, 30.0, inf)
    assert person.released is True
    assert notes == (
        "the energy limit was set back from outside to none: it stays, and the leash rests until the car is "
        "unplugged",
    )
    over = see(person, 200.0, inf)[0]
    assert over == Leash(released=True, deaf=True, limit_wh=inf, data_s=200.0)
    gone = see(over, 210.0, inf, there=False)[0]
    assert gone == Leash(limit_wh=inf, data_s=210.0)


def test_the_same_read_twice_counts_once() -> None:
    """A charger that does not say: three reads, not one read three times."""
    leash = Leash()
    for _ in range(5):
        leash, notes = see(leash, 7.0, None)
        assert notes == ()
    assert leash.unreported == 1


def test_people_are_told_in_whole_sentences() -> None:
    """What happened, and what to do where there is something to do."""
    stopped = status(20.0, 4000.0, 4000.0, allowed=False, model_status=6, power_w=0.0)
    _, notes = observe(put_on(), stopped, LEASH_WH, connected=True, now_s=20.0)
    assert notes == ("the charger stopped at the energy leash; it starts again when all is well",)
    _, notes = see(put_on(), 20.0, 4000.0, 4200.0)
    assert notes == (
        "the charger goes on beyond its energy limit of 4.0 kWh: it does not obey it, and the energy leash "
        "holds nothing. Remedy: do not rely on it with this firmware",
    )
    _, notes = see(put_on(), 20.0, 12_345_678.0)
    assert notes == (
        "the energy limit was changed from outside to 12345.7 kWh: it stays, and the leash rests until the "
        "car is unplugged",
    )


@pytest.mark.parametrize(
    ("leash", "limit_wh", "wh", "hand", "ask"),
    [
        (Leash(), inf, 1000.0, CHARGING, Ask(4000.0, "the energy leash: stop after 3 kWh without us", True)),
        (put_on(), 4000.0, 2500.0, CHARGING, Ask(5500.0, "the energy leash is renewed", False)),
        (put_on(), 4000.0, 2500.0, GONE, Ask(inf, "the energy limit is put back as it was", True)),
    ],
)
def test_every_limit_has_its_reason(leash: Leash, limit_wh: float, wh: float, hand: Hand, ask: Ask) -> None:
    assert due(leash, status(500.0, limit_wh, wh), hand, LEASH_WH, 500.0) == ask


@pytest.mark.parametrize(("wh", "power_w"), [(4100.0, 11_000.0), (4200.0, 200.0)])
def test_a_little_beyond_the_limit_is_no_disobedience(wh: float, power_w: float) -> None:
    """100 Wh are half a minute at full power, 200 W a car that ends its charge."""
    seen = status(20.0, 4000.0, wh, power_w=power_w)
    leash, notes = observe(put_on(), seen, LEASH_WH, connected=True, now_s=20.0)
    assert (leash.deaf, notes) == (False, ())
