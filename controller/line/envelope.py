"""What is the most that is safe? Knows fuses and trust, never the wish; can only limit.

Theory of operation. House load is never computed from meter minus charger: their data are of different
moments, and the difference is wrong in both directions (too bold after a reduction, too timid after a raise).
The envelope works with *increments on our own last command* instead and needs the meter alone:

* reduce: a phase above fuse - margin takes its excess off the offer, now;
* raise: to the present offer plus the head-room of the worst phase, less what earlier raises of the last
  seconds may still add and less what the car leaves unused of its offer and may take back at any moment.

Without readings of each phase the whole import is taken to flow on one phase. Losing a sensor never raises:
what is not fresh forbids raises, what is stale or blind allows `blind_a` at most.
"""

import math
from collections.abc import Iterator

from controller.limits import Limits
from controller.model import Ceiling, Charge, Command, Quality, SiteSnapshot, amps
from controller.units import MAX_CURRENT_A, MIN_CURRENT_A, NOMINAL_VOLTAGE_V

DRAWS_A = 1.0
"""A car that draws less waits: lowering its offer relieves nothing."""

UNUSED_A = 1.0
"""Cars draw up to half an ampere less than the offer; what is left beyond this is not used (chosen)."""

TOLERANCE_A = 1e-6
"""Rounding dust of a measured current is not an overload."""


def ceiling(
    snap: SiteSnapshot,
    in_force: Command,
    unseen_raise_a: int,
    limits: Limits,
    *,
    asked_a: int | None = None,
    settled: bool = False,
) -> Ceiling:
    """Return the most that is safe now and the rules that say so.

    `unseen_raise_a` is how much of `in_force` was added so recently that the meter may not show it yet,
    `asked_a` what was asked for last if that is less and no read has told of it yet. `settled`: the charger
    has measured the car since it must have followed our last write.
    """
    static_a, static_source = _static(snap, limits)
    raise_one_a, one_source = _raise(snap, in_force, 1, unseen_raise_a, static_a, static_source, limits)
    raise_three_a, three_source = _raise(snap, in_force, 3, unseen_raise_a, static_a, static_source, limits)
    present_three = isinstance(in_force, Charge) and in_force.phases == 3
    source = three_source if present_three else one_source
    last_a = amps(in_force) if asked_a is None else asked_a
    if settled:
        last_a = _drawn_a(snap, last_a)
    reduce_to_a, reduce_source = _reduce(snap, in_force, last_a, static_a, static_source, limits)
    return Ceiling(raise_one_a, raise_three_a, reduce_to_a, source, reduce_source)


def _static(snap: SiteSnapshot, limits: Limits) -> tuple[int, str]:
    """Return the lowest limit that needs no measurement: config, charger, cable, temperature."""
    status = snap.charger
    reported_a = status.hardware_limit_a if status is not None else None
    if reported_a is not None and reported_a < limits.max_current_a:
        return max(reported_a, 0), "charger, cable or temperature"
    return min(limits.max_current_a, MAX_CURRENT_A), "configured maximum"


def _phases_used(phases: int, limits: Limits) -> tuple[int, ...]:
    return (0, 1, 2) if phases == 3 else (limits.l1_phase - 1,)


def _worst_import_a(snap: SiteSnapshot, used: tuple[int, ...], limits: Limits) -> Iterator[tuple[int, float]]:
    """Yield (phase, signed import in A) for the phases in use."""
    for phase in used:
        if snap.phase_import_a is not None:
            import_a = snap.phase_import_a[phase]
        else:
            import_a = (snap.grid_import_w or 0.0) / NOMINAL_VOLTAGE_V
        yield phase, max(import_a, 0.0) if limits.strict_export else import_a


def _raise(
    snap: SiteSnapshot,
    in_force: Command,
    phases: int,
    unseen_raise_a: int,
    static_a: int,
    static_source: str,
    limits: Limits,
) -> tuple[int, str]:
    """Return where a raise on `phases` may end, and why not higher."""
    if snap.grid_quality is not Quality.FRESH:
        return 0, f"the meter is {snap.grid_quality.name.lower()}"
    if snap.charger_quality is not Quality.FRESH:
        return 0, f"the charger's data is {snap.charger_quality.name.lower()}"
    if snap.charger is not None and snap.charger.error:
        return 0, f"the charger reports error {snap.charger.error}"
    most_a, source = static_a, static_source
    if phases == 1 and limits.unbalance_limit_a < most_a:
        most_a, source = limits.unbalance_limit_a, "unbalance limit of one phase"
    if limits.fuse_a is not None:
        used_now = _phases_used(in_force.phases, limits) if isinstance(in_force, Charge) else ()
        unused_a = _unused_a(snap, in_force)
        for phase, import_a in _worst_import_a(snap, _phases_used(phases, limits), limits):
            base_a = amps(in_force) if phase in used_now else 0
            hidden_a = max(float(unseen_raise_a), unused_a) if phase in used_now else 0.0
            room_a = base_a + limits.fuse_a - limits.fuse_margin_a - import_a - hidden_a
            if room_a < most_a:
                most_a, source = math.floor(room_a + TOLERANCE_A), f"fuse of L{phase + 1}"
    return (most_a, source) if most_a >= MIN_CURRENT_A else (0, source)


def _unused_a(snap: SiteSnapshot, in_force: Command) -> float:
    """Return how much of the offer the car leaves on its strongest phase: it may take it back unasked."""
    if snap.charger is None or snap.charger.current_a is None:
        return float(amps(in_force))
    return max(amps(in_force) - max(snap.charger.current_a), 0.0)


def _drawn_a(snap: SiteSnapshot, last_a: int) -> int:
    """Return from where an excess comes off: a car that draws less would not feel it off its offer."""
    currents_a = snap.charger.current_a if snap.charger is not None else None
    drawn_a = max(currents_a) if currents_a is not None else 0.0
    unused = DRAWS_A < drawn_a < last_a - UNUSED_A
    return math.floor(drawn_a) if unused else last_a


def _reduce(
    snap: SiteSnapshot,
    in_force: Command,
    last_a: int,
    static_a: int,
    static_source: str,
    limits: Limits,
) -> tuple[int, str]:
    """Return what the present offer must come down to, and why; the offer itself if nothing asks for it."""
    least_a, source = amps(in_force), ""

    def lower(to_a: int, why: str) -> None:
        nonlocal least_a, source
        if to_a < least_a:
            least_a, source = (to_a if to_a >= MIN_CURRENT_A else 0), why

    if snap.grid_quality is Quality.STALE:
        lower(limits.blind_a, f"blind: no trustworthy meter reading for {snap.grid_age_s:.0f} s")
    if snap.charger_quality is Quality.STALE:
        lower(limits.blind_a, f"blind: no charger data for {snap.charger_age_s:.0f} s")
    lower(static_a, static_source)
    if isinstance(in_force, Charge):
        if in_force.phases == 1:
            lower(limits.unbalance_limit_a, "unbalance limit of one phase")
        if snap.charger is not None and snap.charger.error:
            lower(0, f"the charger reports error {snap.charger.error}")
        if limits.fuse_a is not None:
            for phase, import_a in _worst_import_a(snap, _phases_used(in_force.phases, limits), limits):
                excess_a = import_a - (limits.fuse_a - limits.fuse_margin_a)
                if excess_a > TOLERANCE_A:
                    lower(last_a - math.ceil(excess_a - TOLERANCE_A), f"overload of L{phase + 1}")
    return least_a, source
