"""When a limit of the leash leaves: with what, alone, or not yet."""

import dataclasses
from math import inf
from typing import Any

import pytest

from controller.limits import Limits
from controller.line.leash import Leash, sent
from controller.line.leash_write import joined, remembered
from controller.line.link import Link
from controller.line.pending import Pending
from controller.model import (
    Action,
    CarState,
    Charge,
    ChargerStatus,
    Force,
    Hold,
    Off,
    PhaseMode,
    Quality,
    Send,
    Settings,
    SiteSnapshot,
)

NOON_S = 43_200.0
LIMITS = Limits(leash_wh=3000.0)
CHARGING = Charge(10, 1)
QUIET = Hold("nothing to do")
FRESH = SiteSnapshot(
    NOON_S,
    10.0,
    Quality.FRESH,
    Quality.FRESH,
    charger=ChargerStatus(
        NOON_S - 2, NOON_S - 2, car=CarState.CHARGING, allowed=True, session_wh=5000.0, energy_limit_wh=5900.0
    ),
)
NEARLY = Leash(theirs_wh=inf, ours_wh=(5900.0,), seen=True)
"""900 Wh are left of 3000: to be renewed by itself."""


def act(
    action: Action = QUIET,
    leash: Leash = NEARLY,
    *,
    limits: Limits = LIMITS,
    writes_s: tuple[float, ...] = (),
    ours: bool = True,
    limit_wh: float | None = 5900.0,
    snap: SiteSnapshot = FRESH,
    **link: Any,
) -> Action:
    """Return what becomes of an action while a car charges with 10 A; something changed."""
    assert snap.charger is not None
    seen = dataclasses.replace(snap, charger=dataclasses.replace(snap.charger, energy_limit_wh=limit_wh))
    values: dict[str, Any] = {
        "in_force": CHARGING,
        "phases_set": 1,
        "connected": True,
        "seen_data_s": NOON_S - 2,
    }
    return joined(action, leash, Link(**values | link), writes_s, seen, limits, ours=ours)


def sets(action: Action) -> float | None:
    """Return the limit an action sets, None for none."""
    return action.settings.energy_limit_wh if isinstance(action, Send) else None


def test_it_leaves_alone_where_nothing_else_does() -> None:
    """A write for comfort that changes nothing but the limit."""
    action = act()
    assert isinstance(action, Send)
    assert (action.command, action.safety) == (CHARGING, False)
    assert action.settings == Settings(energy_limit_wh=8000.0)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(current_a=8),
        Settings(current_a=8, force=Force.ON),
        Settings(current_a=6, phase_mode=PhaseMode.ONE),
    ],
)
def test_it_rides_with_a_write_for_comfort(settings: Settings) -> None:
    """The other keys are what they were."""
    action = act(Send(Charge(8, 1), settings, False, "sun"))
    assert isinstance(action, Send)
    assert action.settings == dataclasses.replace(settings, energy_limit_wh=8000.0)
    assert (action.command, action.reason) == (Charge(8, 1), "sun")


@pytest.mark.parametrize(
    "action",
    [
        Send(Off(), Settings(force=Force.OFF), False, "no sun"),
        Send(Off(), Settings(force=Force.OFF), True, "blind"),
        Send(Charge(6, 1), Settings(current_a=6), True, "overload"),
    ],
)
def test_a_stop_and_a_reduction_for_safety_leave_as_they_are(action: Send) -> None:
    """Nothing rides with them."""
    assert act(action) is action


@pytest.mark.parametrize(("since_s", "fine"), [(4.9, False), (5.0, True)])
def test_alone_it_keeps_its_distance(since_s: float, fine: bool) -> None:
    """Five seconds, as every write."""
    assert (sets(act(last_write_s=NOON_S - since_s)) is not None) is fine


@pytest.mark.parametrize(("count", "fine"), [(8, True), (9, False)])
def test_alone_it_is_on_the_budget(count: int, fine: bool) -> None:
    """The nine writes for comfort of a quarter of an hour are spent: it waits; the reserve is not for it."""
    assert (sets(act(writes_s=(NOON_S - 100.0,) * count)) is not None) is fine


@pytest.mark.parametrize(
    ("change", "fine"), [({}, False), ({"failed": True}, True), ({"refused": True}, True)]
)
def test_alone_it_waits_for_an_open_write(change: dict[str, bool], fine: bool) -> None:
    """What was lost or refused holds it up no more."""
    pending = Pending(Charge(8, 1), Settings(current_a=8), NOON_S - 8, raising=False, **change)
    assert (sets(act(pending=pending, last_write_s=NOON_S - 8)) is not None) is fine


@pytest.mark.parametrize(("since_s", "fine"), [(29.0, False), (30.0, True)])
def test_alone_it_waits_for_a_phase_change(since_s: float, fine: bool) -> None:
    """Nothing but a stop passes one."""
    assert (sets(act(phase_write_s=NOON_S - since_s)) is not None) is fine


@pytest.mark.parametrize("quality", [Quality.INVALID, Quality.STALE, Quality.AGING])
def test_no_more_energy_on_doubt(quality: Quality) -> None:
    """With an old meter only what the blind level allows goes on; with an old charger nothing."""
    blind = dataclasses.replace(FRESH, grid_quality=quality)
    assert sets(act(snap=blind)) is None
    assert sets(act(snap=blind, limits=dataclasses.replace(LIMITS, blind_a=9))) is None
    assert sets(act(snap=blind, limits=dataclasses.replace(LIMITS, blind_a=10))) == 8000.0
    assert sets(act(snap=blind, limit_wh=9000.0)) == 8000.0  # less energy: at once
    assert sets(act(snap=dataclasses.replace(FRESH, charger_quality=quality))) is None
    assert sets(act(snap=dataclasses.replace(FRESH, charger_quality=quality), limit_wh=9000.0)) is None


def test_what_the_user_had_goes_back_also_with_a_blind_meter() -> None:
    """The car has gone, or the charger is theirs: it is not ours to hold."""
    blind = dataclasses.replace(FRESH, grid_quality=Quality.STALE)
    assert sets(act(snap=blind, connected=False, in_force=Off())) == inf
    assert sets(act(snap=blind, ours=False)) == inf


def test_while_the_ledger_cannot_be_written_none_is_put_on() -> None:
    """What the user had would be on no record; one that is on is renewed."""
    ill = dataclasses.replace(FRESH, ledger_degraded=True)
    assert sets(act(snap=ill)) == 8000.0
    assert sets(act(leash=Leash(), snap=ill, limit_wh=20_000.0)) is None
    assert sets(act(leash=Leash(), limit_wh=20_000.0)) == 8000.0


def test_a_start_from_our_limit_waits_until_the_limit_can_go_with_it() -> None:
    """Without it the start would start nothing."""
    held = dataclasses.replace(NEARLY, held=True)
    start = Send(CHARGING, Settings(current_a=10), False, "sun")
    assert sets(act(start, held, in_force=Off())) == 8000.0
    asked = sent(held, 8000.0, 5900.0, NOON_S - 3)
    waits = act(start, asked, in_force=Off())
    assert isinstance(waits, Hold)
    assert waits.until_s == NOON_S - 3 + 15
    assert act(start, dataclasses.replace(asked, held=False), in_force=Off()) is start


def test_only_what_sets_a_limit_is_remembered() -> None:
    """The first one keeps what the charger had."""
    assert remembered(Leash(), QUIET, FRESH) == Leash()
    assert remembered(Leash(), Send(CHARGING, Settings(current_a=10), False, "sun"), FRESH) == Leash()
    put_on = remembered(Leash(), Send(CHARGING, Settings(energy_limit_wh=5000.0), False, "so"), FRESH)
    assert (put_on.theirs_wh, put_on.ours_wh, put_on.asked_s) == (5900.0, (5000.0,), NOON_S)
