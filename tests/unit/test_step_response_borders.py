"""The doubt in a meter to the watt, the ampere and the second, every number worked out by hand.

Three phases: a step to judge is 0.85 * 2 A * 3 * 230 V = 1173 W. A verdict takes 60 s, and 120 s
while the car moves.
"""

from dataclasses import replace
from typing import Any

import pytest

from controller.limits import Limits
from controller.line import step_response
from controller.line.latches import Latch
from controller.line.step_response import Level, Response
from controller.model import Admissible, Ceiling, Charge, Command, Off, Quality, SiteSnapshot, Wish

LIMITS = Limits(response_s=60.0)
EIGHT = Charge(8, 3)
AT_REST = Level(500.0, 0.0, None)
CHARGING = Level(4500.0, 4000.0, None)


def snap(now_s: float, car_w: float, import_w: float | None, **change: Any) -> SiteSnapshot:
    """Return a look at a house of 500 W whose meter and charger were read at the same moment."""
    values: dict[str, Any] = {
        "interval_s": 10.0,
        "grid_quality": Quality.FRESH,
        "charger_quality": Quality.FRESH,
        "grid_import_w": import_w,
        "base_import_w": None if import_w is None else import_w - car_w,
        "car_power_w": car_w,
        "phases_set": 3,
        "admissible": Admissible(),
    }
    return SiteSnapshot(now_s=now_s, **(values | change))


def seen(
    response: Response, *looks: SiteSnapshot, in_force: Command = EIGHT
) -> tuple[Response, tuple[str, ...], Latch | None]:
    """Return what is remembered after these looks, and what the last of them said and latched."""
    found: tuple[Response, tuple[str, ...], Latch | None] = (response, (), None)
    for look in looks:
        found = step_response.observe(found[0], look, in_force, LIMITS)
    return found


# -- what counts as a step --------------------------------------------------------------------------------


def test_the_level_follows_a_car_that_stands_still() -> None:
    """149 W are no movement, 150 W begin one, and the level from before it stays."""
    assert seen(Response(), snap(100.0, 0.0, 500.0))[0] == Response(before=AT_REST)
    still = seen(Response(before=AT_REST), snap(100.0, 149.0, 700.0))[0]
    assert still == Response(before=Level(700.0, 149.0, None))
    moving = seen(Response(before=AT_REST), snap(100.0, 150.0, 700.0))[0]
    assert moving == Response(before=AT_REST, moved_s=100.0, last_car_w=150.0)


@pytest.mark.parametrize(
    ("in_force", "phases_set", "car_w", "proof"),
    [
        (EIGHT, 3, 1173.0, True),
        (EIGHT, 3, 1172.9, False),
        (Charge(8, 1), 3, 391.0, True),  # what is in force, not what is set
        (Charge(8, 1), 3, 390.9, False),
        (Off(), 3, 1173.0, True),
        (Off(), 3, 1172.9, False),
        (Off(), 1, 391.0, True),
    ],
)
def test_how_much_is_a_step(in_force: Command, phases_set: int, car_w: float, proof: bool) -> None:
    """1.7 A on the phases in use, all of it in the import; proven at the second look: the car is steady."""
    looks = [snap(at_s, car_w, 500.0 + car_w, phases_set=phases_set) for at_s in (100.0, 110.0)]
    first = seen(Response(before=AT_REST), looks[0], in_force=in_force)[0]
    assert not first.trusted
    response, notes, latch = seen(first, looks[1], in_force=in_force)
    assert (response.trusted, notes, latch) == (proof, (), None)
    if proof:
        assert response == Response(True, before=Level(500.0 + car_w, car_w, None))


def test_a_proof_keeps_what_is_known_of_the_night() -> None:
    """Feed-in seen since 40 s and excused by a person: neither has to do with the step."""
    known = Response(before=AT_REST, moved_s=95.0, last_car_w=4000.0, excused=True, misses=2, stopped=True)
    found = seen(known, snap(100.0, 4000.0, 4500.0, dark=True))[0]
    assert found == Response(True, before=CHARGING, excused=True)
    feeding = replace(known, excused=False, export_s=40.0)
    look = snap(99.0, 4000.0, -300.0, dark=True, base_import_w=500.0)
    assert seen(feeding, look)[0] == Response(True, before=CHARGING, export_s=40.0)


@pytest.mark.parametrize(
    ("sun_before_w", "sun_w", "proof"),
    [(1000.0, 3000.0, True), (1000.0, 2999.0, False), (None, 3000.0, False), (1000.0, None, False)],
)
def test_the_sun_is_taken_out_where_both_levels_know_it(
    sun_before_w: float | None, sun_w: float | None, proof: bool
) -> None:
    """4000 W more for the car, none more imported: half of it must be sun that came meanwhile."""
    before = Level(500.0, 0.0, sun_before_w)
    waiting = Response(before=before, moved_s=95.0, last_car_w=4000.0)
    assert seen(waiting, snap(100.0, 4000.0, 500.0, pv_yield_w=sun_w))[0].trusted is proof


@pytest.mark.parametrize(("battery_w", "import_w", "proof"), [(None, 2500.0, True), (None, 2499.5, False)])
def test_half_is_half_to_the_watt(battery_w: float | None, import_w: float, proof: bool) -> None:
    """2000 W of 4000 W: no watt is lent by a battery nobody has."""
    waiting = Response(before=AT_REST, moved_s=95.0, last_car_w=4000.0)
    assert seen(waiting, snap(100.0, 4000.0, import_w, battery_charge_w=battery_w))[0].trusted is proof


# -- how long it is waited --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_car_w", "wait_s"), [(4000.0, 60.0), (3850.1, 60.0), (3850.0, 120.0), (None, 120.0)]
)
def test_a_verdict_takes_a_minute_and_two_while_the_car_moves(
    last_car_w: float | None, wait_s: float
) -> None:
    """150 W since the last look is a car that moves."""
    waiting = Response(before=AT_REST, moved_s=100.0, last_car_w=last_car_w)
    early = seen(waiting, snap(100.0 + wait_s - 0.1, 4000.0, 500.0))[0]
    assert early == replace(waiting, last_car_w=4000.0)
    response, notes, latch = seen(waiting, snap(100.0 + wait_s, 4000.0, 500.0))
    level = Level(500.0, 4000.0, None)
    words = "the car went +4000 W and the grid import +0 W"
    assert response == Response(misses=1, stopped=True, missed_s=100.0 + wait_s, before=level, seen=words)
    assert notes == (f"the meter does not follow the car: {words}; stopped, it is tried once more",)
    assert latch is None


def test_small_steps_are_one_while_in_doubt_and_each_its_own_once_trusted() -> None:
    """700 W more and a minute later: in doubt the level from before the first is kept."""
    waiting = Response(before=AT_REST, moved_s=100.0, last_car_w=700.0)
    look = snap(160.0, 700.0, 1200.0)
    assert seen(waiting, look)[0] == Response(before=AT_REST, last_car_w=700.0)
    trusted = seen(replace(waiting, trusted=True), look)[0]
    assert trusted == Response(True, before=Level(1200.0, 700.0, None), last_car_w=700.0)
    again = seen(
        Response(before=AT_REST, last_car_w=700.0), *[snap(t, 1400.0, 1900.0) for t in (170.0, 180.0)]
    )
    assert again[0].trusted  # 1400 W in two steps


# -- the miss, the stop, the second try -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("import_w", "kind", "what"),
    [
        (-501.0, "sign_flip", "the meter counts the wrong way round"),
        (-500.0, "step_response", "the meter does not follow"),  # a quarter of it, the other way
        (500.0, "step_response", "the meter does not follow"),
    ],
)
def test_the_second_miss_is_latched_in_words(import_w: float, kind: str, what: str) -> None:
    """Once more after a stop; which of both faults it is depends on the share that moved the other way."""
    waiting = Response(misses=1, stopped=True, before=AT_REST, moved_s=100.0, last_car_w=4000.0)
    response, notes, latch = seen(waiting, snap(160.0, 4000.0, import_w))
    words = f"the car went +4000 W and the grid import {import_w - 500.0:+.0f} W"
    assert (notes, latch) == ((), Latch(kind, f"{what}: {words}, once more after a stop"))
    level = Level(import_w, 4000.0, None)
    assert response == Response(misses=2, stopped=True, missed_s=160.0, before=level, seen=words)


def test_a_miss_while_trusted_is_remembered_and_no_more() -> None:
    """The third in a row of a meter that has followed: told nobody, the next movement begins anew."""
    waiting = Response(True, misses=2, before=CHARGING, moved_s=100.0, last_car_w=0.0)
    response, notes, latch = seen(waiting, snap(160.0, 0.0, 4500.0))
    words = "the car went -4000 W and the grid import +0 W"
    assert response == Response(True, misses=3, before=Level(4500.0, 0.0, None), seen=words)
    assert (notes, latch) == ((), None)
    response, notes, _ = seen(replace(waiting, misses=3), snap(160.0, 0.0, 4500.0))
    assert (response.trusted, response.misses, response.stopped, len(notes)) == (False, 4, True, 1)


def test_the_way_down_of_the_stop_may_prove_and_is_no_miss() -> None:
    """Stopped at 100 s: whatever the import does on the way to 0 W is no second miss."""
    stopped = Response(misses=1, stopped=True, missed_s=100.0, before=CHARGING, moved_s=110.0, last_car_w=0.0)
    response, notes, latch = seen(stopped, snap(170.0, 0.0, 4500.0))
    assert (notes, latch) == ((), None)
    assert response == replace(stopped, before=Level(4500.0, 0.0, None), moved_s=None, last_car_w=None)
    assert seen(stopped, snap(120.0, 0.0, 500.0))[0] == Response(True, before=AT_REST)


@pytest.mark.parametrize(
    ("now_s", "moved_s", "over"), [(400.0, None, True), (399.9, None, False), (400.0, 390.0, False)]
)
def test_the_second_try_may_begin_after_the_least_time_off(
    now_s: float, moved_s: float | None, over: bool
) -> None:
    """300 s after the miss, unless the stop itself is still looked at."""
    stopped = Response(stopped=True, missed_s=100.0, before=AT_REST, moved_s=moved_s, last_car_w=0.0)
    assert (seen(stopped, snap(now_s, 0.0, 500.0))[0].missed_s is None) is over


# -- readings of no known moment --------------------------------------------------------------------------


def unpaired(now_s: float, car_w: float, import_w: float | None, **change: Any) -> SiteSnapshot:
    """Return a look whose meter reading belongs to no known moment: it repeats itself."""
    return snap(now_s, car_w, import_w, **({"base_import_w": None} | change))


def test_a_meter_that_repeats_itself_is_missed_after_a_minute_and_never_proven() -> None:
    """The newest readings do for a miss; the level before comes from a pair alone."""
    assert seen(Response(), unpaired(100.0, 0.0, 500.0))[0] == Response()
    waiting = Response(before=AT_REST, moved_s=100.0, last_car_w=4000.0)
    assert not seen(waiting, unpaired(110.0, 4000.0, 4500.0))[0].trusted
    response, notes, _ = seen(waiting, unpaired(160.0, 4000.0, 800.0, battery_charge_w=100.0, pv_yield_w=7.0))
    words = "the car went +4000 W and the grid import +200 W"  # 800 W less 100 W into the battery
    assert response.before == Level(700.0, 4000.0, 7.0)
    assert notes == (f"the meter does not follow the car: {words}; stopped, it is tried once more",)
    assert seen(waiting, unpaired(160.0, 4000.0, 800.0))[0].before == Level(800.0, 4000.0, None)
    still = Response(before=AT_REST)
    assert seen(still, unpaired(100.0, 0.0, 900.0))[0] == still


@pytest.mark.parametrize(
    "change",
    [{"grid_quality": Quality.AGING}, {"charger_quality": Quality.AGING}, {"grid_import_w": None}],
)
def test_what_is_not_fresh_says_nothing(change: dict[str, Any]) -> None:
    """No pair, and one of both is old: the verdict waits."""
    waiting = Response(before=AT_REST, moved_s=100.0, last_car_w=4000.0)
    assert seen(waiting, unpaired(300.0, 4000.0, 500.0, **change)) == (waiting, (), None)


# -- feed-in at night -------------------------------------------------------------------------------------


def test_feed_in_at_night_in_words_and_how_it_is_forgotten() -> None:
    """300 W for a minute are latched; one look without, or the morning, begins anew."""
    begun = seen(Response(before=AT_REST), snap(100.0, 0.0, -300.0, dark=True))[0]
    assert begun.export_s == 100.0
    response, _, latch = seen(begun, snap(160.0, 0.0, -300.0, dark=True))
    words = "300 W are fed in at night: the meter counts the wrong way round"
    assert (latch, response.export_s) == (Latch("sign_flip", words), None)
    for look in (
        snap(130.0, 0.0, -200.0, dark=True),
        snap(130.0, 0.0, -300.0),
        snap(130.0, 0.0, -300.0, dark=True, grid_quality=Quality.AGING),
    ):
        after = seen(begun, look)[0]
        assert after.export_s is None
        assert after.before is not None
    excused = Response(before=AT_REST, excused=True)
    assert seen(excused, snap(100.0, 0.0, 500.0, dark=True))[0].excused is True
    assert seen(excused, snap(100.0, 0.0, 500.0))[0].excused is False
    assert seen(replace(excused, export_s=50.0), snap(100.0, 0.0, 500.0, dark=True))[0].excused is True


# -- what it does to wish and ceiling ---------------------------------------------------------------------


def test_the_probe_in_words() -> None:
    """The wish's facts go along; at the least current, or with the check off, the wish itself stays."""
    wish = Wish(Charge(16, 3), "all of it", {"sun_w": 5000.0})
    found = Response(before=Level(6020.0, 5520.0, None))
    look = snap(100.0, 5520.0, 6020.0)
    probe = step_response.probing(wish, found, look, EIGHT, LIMITS)
    reason = "the meter has yet to be seen to follow the car: lowered to see it"
    assert probe == Wish(Charge(6, 3), reason, {"sun_w": 5000.0})
    assert step_response.probing(wish, found, look, Charge(6, 3), LIMITS) is wish
    assert step_response.probing(wish, found, look, EIGHT, replace(LIMITS, response_s=None)) is wish
    border = replace(found, before=Level(5813.0, 4140.0 + 1173.0, None))
    assert step_response.probing(wish, border, look, EIGHT, LIMITS) == probe


def test_the_ceiling_in_words() -> None:
    """In doubt only raises are bounded; after a miss the car is stopped, or lowered to what blind may be."""
    top = Ceiling(16, 16, 16, "configured maximum", "configured maximum")
    look = snap(100.0, 4000.0, 4500.0)
    doubt = step_response.bounded(top, Response(), look, Charge(6, 3), LIMITS)
    words = "the meter has yet to be seen to follow the car"
    assert doubt == Ceiling(6, 8, 16, words, "configured maximum")
    missed = Response(missed_s=90.0, seen="so")
    words = "the meter does not follow the car (so)"
    assert step_response.bounded(top, missed, look, EIGHT, LIMITS) == Ceiling(0, 0, 0, words, words)
    blind = replace(LIMITS, blind_a=6)
    for reduce_to_a, after_a, source in ((7, 6, words), (6, 6, "fuse of L1"), (0, 0, "fuse of L1")):
        low = Ceiling(16, 16, reduce_to_a, "configured maximum", "fuse of L1")
        found = step_response.bounded(low, missed, look, EIGHT, blind)
        assert found == Ceiling(0, 0, after_a, words, source)


@pytest.mark.parametrize(("car_w", "three_a"), [(150.0, 0), (150.1, 8)])
def test_no_second_step_before_the_car_draws(car_w: float, three_a: int) -> None:
    """A car that takes nothing of 6 A has not been seen to move."""
    top = Ceiling(16, 16, 16, "configured maximum")
    look = snap(100.0, car_w, 500.0)
    assert step_response.bounded(top, Response(), look, Charge(6, 3), LIMITS).raise_three_a == three_a
