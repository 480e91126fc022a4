"""The doubt in a meter: what proves it, what stops the car, what is latched, and what is taken out first."""

from dataclasses import replace

import pytest

from controller.limits import Limits
from controller.line import step_response
from controller.line.step_response import Response
from controller.model import (
    Admissible,
    Ceiling,
    Charge,
    ChargerStatus,
    Command,
    Off,
    Quality,
    SiteSnapshot,
    Wish,
)

LIMITS = Limits(response_s=60.0)
SIX = Charge(6, 3)
TOP = Ceiling(16, 16, 16, "configured maximum")


def snap(
    now_s: float,
    car_w: float,
    import_w: float,
    *,
    battery_w: float | None = None,
    pv_w: float | None = None,
    dark: bool = False,
) -> SiteSnapshot:
    """Return a snapshot of a house whose meter shows `import_w` while the car draws `car_w`."""
    given_w = max(-(battery_w or 0.0), 0.0)
    return SiteSnapshot(
        now_s=now_s,
        interval_s=10.0,
        grid_quality=Quality.FRESH,
        charger_quality=Quality.FRESH,
        grid_import_w=import_w,
        base_import_w=import_w - car_w + given_w,
        battery_charge_w=battery_w,
        pv_yield_w=pv_w,
        car_power_w=car_w,
        phases_set=3,
        dark=dark,
        admissible=Admissible(),
    )


def lived(
    response: Response, shown: list[SiteSnapshot], in_force: Command = SIX, limits: Limits = LIMITS
) -> tuple[Response, list[str], list[str]]:
    """Return the response after these snapshots, with all notes and the kinds that were latched."""
    notes, kinds = [], []
    for item in shown:
        response, said, latch = step_response.observe(response, item, in_force, limits)
        notes += said
        kinds += [latch.kind] if latch is not None else []
    return response, notes, kinds


def start(at_s: float, share: float, **more: float) -> list[SiteSnapshot]:
    """Return a car that goes from 0 to 4000 W at `at_s`; the import moves by `share` of it."""
    before = [snap(at_s - 20.0, 0.0, 500.0, **more), snap(at_s - 10.0, 0.0, 500.0, **more)]  # type: ignore[arg-type]
    return before + [
        snap(at_s + 10.0 * tick, 4000.0, 500.0 + share * 4000.0, **more)  # type: ignore[arg-type]
        for tick in range(8)
    ]


def stop(at_s: float) -> list[SiteSnapshot]:
    """Return the car's way back to 0 W; the import goes back to where it was before the start."""
    return [snap(at_s + 10.0 * tick, 0.0, 500.0) for tick in range(8)]


@pytest.mark.parametrize(
    ("share", "trusted"), [(1.0, True), (0.5, True), (0.49, False), (0.0, False), (-1.0, False)]
)
def test_half_of_the_step_in_a_minute_is_a_proof(share: float, trusted: bool) -> None:
    response, notes, kinds = lived(Response(), start(100.0, share))
    assert response.trusted is trusted
    assert (len(notes), kinds) == (0 if trusted else 1, [])


@pytest.mark.parametrize(("share", "kind"), [(-1.0, "sign_flip"), (0.0, "step_response")])
def test_a_miss_stops_the_car_and_the_next_is_latched(share: float, kind: str) -> None:
    response, _, _ = lived(Response(), start(100.0, share))
    top = step_response.bounded(TOP, response, snap(180.0, 4000.0, 500.0), SIX, LIMITS)
    assert (top.raise_one_a, top.raise_three_a, top.reduce_to_a) == (0, 0, 0)
    response, notes, kinds = lived(response, stop(180.0))
    assert (notes, kinds) == ([], [])
    response, notes, kinds = lived(response, start(600.0, share))
    assert (notes, kinds) == ([], [kind])


def test_a_cloud_at_the_first_start_is_forgiven_by_the_second() -> None:
    response, _, _ = lived(Response(), start(100.0, -0.5) + stop(180.0))
    assert not response.trusted
    response, _, kinds = lived(response, start(600.0, 1.0))
    assert response.trusted
    assert (response.misses, kinds) == (0, [])


def test_a_meter_that_has_followed_is_distrusted_after_four_misses_in_a_row() -> None:
    response, _, _ = lived(Response(), start(100.0, 1.0) + stop(180.0))
    response, notes, _ = lived(response, start(300.0, -0.5) + stop(380.0) + start(500.0, -0.5))
    assert (response.trusted, response.misses, notes) == (True, 3, [])
    response, notes, kinds = lived(response, stop(580.0))
    assert (response.trusted, len(notes), kinds) == (False, 1, [])


def test_one_proof_forgives_the_misses_before() -> None:
    response, _, _ = lived(Response(), start(100.0, 1.0) + stop(180.0))
    for turn in range(1, 9):
        share = 1.0 if turn % 2 == 0 else -0.5
        at_s = 100.0 + 500.0 * turn
        response, notes, _ = lived(response, start(at_s, share) + stop(at_s + 80.0))
        assert (response.trusted, notes) == (True, [])


def test_a_house_battery_that_levels_the_grid_is_no_miss() -> None:
    """It charged with 3 kW and lets go of them for the car: the import stands still, rightly."""
    before = [snap(80.0, 0.0, 0.0, battery_w=3000.0), snap(90.0, 0.0, 0.0, battery_w=3000.0)]
    after = [snap(100.0 + 10.0 * tick, 4000.0, 0.0, battery_w=-1000.0) for tick in range(8)]
    assert lived(Response(), before + after)[0].trusted


def test_a_cloud_that_the_inverter_tells_of_is_taken_out() -> None:
    """The sun brings 4 kW more just as the car takes 4 kW: the import stands still, rightly."""
    before = [snap(80.0, 0.0, 500.0, pv_w=2000.0), snap(90.0, 0.0, 500.0, pv_w=2000.0)]
    after = [snap(100.0 + 10.0 * tick, 4000.0, 500.0, pv_w=6000.0) for tick in range(8)]
    assert lived(Response(), before + after)[0].trusted


def test_a_car_that_ramps_proves_nothing() -> None:
    """While it moves the mean of the import and the car's power are of different moments."""
    ramp = [snap(100.0 + 10.0 * tick, 500.0 * tick, 500.0 * tick) for tick in range(6)]
    response, _, _ = lived(Response(), ramp)
    assert not response.trusted


def test_a_step_below_two_amperes_says_nothing() -> None:
    """One ampere on three phases in either direction: neither proof nor miss."""
    for share in (1.0, -1.0):
        before = [snap(80.0, 4000.0, 4500.0), snap(90.0, 4000.0, 4500.0)]
        after = [snap(100.0 + 10.0 * tick, 4690.0, 4500.0 + share * 690.0) for tick in range(14)]
        response, notes, _ = lived(Response(), before + after)
        assert (response.trusted, response.misses, notes) == (False, 0, [])


def test_raises_in_doubt_are_small_and_wait_for_their_verdict() -> None:
    seen = snap(100.0, 0.0, 500.0)
    top = step_response.bounded(TOP, Response(), seen, Off(), LIMITS)
    assert (top.raise_one_a, top.raise_three_a, top.reduce_to_a) == (6, 6, 16)
    drawing = snap(100.0, 4000.0, 4500.0)
    top = step_response.bounded(TOP, Response(), drawing, SIX, LIMITS)
    assert (top.raise_one_a, top.raise_three_a) == (6, 8)
    waiting = Response(moved_s=95.0)
    assert step_response.bounded(TOP, waiting, drawing, SIX, LIMITS).raise_three_a == 0
    trusted = Response(trusted=True)
    assert step_response.bounded(TOP, trusted, drawing, SIX, LIMITS) is TOP


def test_a_car_found_charging_is_lowered_to_see_its_step() -> None:
    many, all_of_it = Charge(16, 3), Wish(Charge(16, 3), "all of it")
    seen = snap(110.0, 11_000.0, 11_500.0)
    response, _, _ = lived(Response(), [snap(100.0, 11_000.0, 11_500.0)], many)
    assert step_response.probing(all_of_it, response, seen, many, LIMITS).target == SIX
    off = Wish(Off(), "no sun")
    assert step_response.probing(off, response, seen, many, LIMITS) is off
    for other in (
        Response(trusted=True, before=response.before),
        Response(),
        replace(response, stopped=True),
    ):
        assert step_response.probing(all_of_it, other, seen, many, LIMITS) is all_of_it


@pytest.mark.parametrize(("found_a", "lowered"), [(6, False), (7, False), (8, True), (16, True)])
def test_a_car_is_lowered_only_where_that_is_a_step_to_judge(found_a: int, lowered: bool) -> None:
    """Found at 7 A, 6 and 8 A in turn would be one ampere from it for ever: it waits for a raise to 9."""
    found, all_of_it = Charge(found_a, 3), Wish(Charge(16, 3), "all of it")
    car_w = found_a * 690.0
    response, _, _ = lived(Response(), [snap(100.0, car_w, car_w + 500.0)], found)
    seen = snap(110.0, car_w, car_w + 500.0)
    wish = step_response.probing(all_of_it, response, seen, found, LIMITS)
    assert wish.target == (SIX if lowered else Charge(16, 3))


@pytest.mark.parametrize(
    ("drawn_a", "lowered"),
    [
        ((16.0, 0.0, 0.0), True),
        ((11.2, 0.0, 0.0), True),
        ((11.0, 0.0, 0.0), False),  # five amperes on one phase are 1150 W, less than two on three
        ((8.6, 8.6, 1.0), True),
        ((8.5, 8.5, 1.0), False),
        ((7.0, 7.0, 7.0), False),
    ],
)
def test_a_car_of_fewer_phases_than_it_is_offered_is_lowered_too(
    drawn_a: tuple[float, float, float], lowered: bool
) -> None:
    """What is left at 6 A is counted on the phases it draws on, the step on all that are offered."""
    found, all_of_it = Charge(16, 3), Wish(Charge(16, 3), "all of it")
    car_w = 230.0 * sum(phase_a for phase_a in drawn_a if phase_a > 1)
    response, _, _ = lived(Response(), [snap(100.0, car_w, car_w + 500.0)], found)
    told = ChargerStatus(109.0, 109.0, current_a=drawn_a)
    seen = replace(snap(110.0, car_w, car_w + 500.0), charger=told)
    wish = step_response.probing(all_of_it, response, seen, found, LIMITS)
    assert wish.target == (SIX if lowered else Charge(16, 3))
    silent = replace(seen, charger=replace(told, current_a=None))
    assert step_response.probing(all_of_it, response, silent, found, LIMITS) is all_of_it


def test_blind_levels_are_kept_up_while_the_meter_is_in_doubt() -> None:
    house = replace(LIMITS, blind_a=6)
    response, _, _ = lived(Response(), start(100.0, 0.0), limits=house)
    seen = snap(180.0, 11_000.0, 500.0)
    assert step_response.bounded(TOP, response, seen, Charge(16, 3), house).reduce_to_a == 6


def test_it_can_be_switched_off() -> None:
    off = replace(LIMITS, response_s=None)
    response, notes, kinds = lived(Response(), start(100.0, -1.0), limits=off)
    assert (response, notes, kinds) == (Response(), [], [])
    assert step_response.bounded(TOP, response, snap(1.0, 0.0, 0.0), Off(), off) is TOP


@pytest.mark.parametrize(
    ("dark", "export_w", "kinds"), [(True, 201.0, ["sign_flip"]), (True, 200.0, []), (False, 5000.0, [])]
)
def test_feed_in_at_night_is_latched_once_it_has_lasted(
    dark: bool, export_w: float, kinds: list[str]
) -> None:
    night = [snap(100.0 + 10.0 * tick, 0.0, -export_w, dark=dark) for tick in range(7)]
    assert lived(Response(), night)[2] == kinds
    assert lived(Response(), night[:6])[2] == []
    assert lived(Response(excused=True), night)[2] == []


def test_an_excuse_ends_with_the_night() -> None:
    night = [snap(100.0 + 10.0 * tick, 0.0, -500.0, dark=True) for tick in range(9)]
    response, _, _ = lived(Response(excused=True), [*night, snap(300.0, 0.0, -500.0)])
    assert not response.excused
