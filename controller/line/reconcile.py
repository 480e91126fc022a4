"""What is in force at the charger, did our write arrive, and who else turns the knobs?

The cloud answers "forwarded", never "done": a write of ours is open until a later read shows its keys. A
setting that changed without an open write of ours was changed by somebody else: the app, the button, another
controller. They win, at once, until the car is unplugged; only safety reductions go on.

Not foreign: the charger's own reset of `frc` at unplug, and anything right after a reboot.
"""

from dataclasses import dataclass, replace

from controller.limits import Limits
from controller.line.pending import DELIVERY_S, Knobs, Pending, unapplied, unapplied_text
from controller.model import (
    CarState,
    Charge,
    ChargerStatus,
    Command,
    Force,
    Off,
    OutcomeKind,
    PhaseMode,
    Settings,
    WriteOutcome,
    amps,
)
from controller.units import MAX_CURRENT_A, MIN_CURRENT_A

UNPLUG_DEBOUNCE_S = 25.0
"""A phase switch breaks the pilot for 10 s and some firmware reports "no car" meanwhile (go-e: `psmd`)."""

DRAWING_W = 200.0
"""Above this the car charges; below, it is the electronics."""

LATE_S = 120.0
"""How long after a write its keys may still appear: a cloud that delivers late is not a person."""

FIGHT_OVERRIDES = 3
FIGHT_WINDOW_S = 900.0
"""So many foreign changes in so short a time are another controller, not a person."""


@dataclass(frozen=True, slots=True)
class Link:
    """What we know of the charger's side. `in_force` is what it offers, our open write included."""

    in_force: Command = Off()  # noqa: RUF009 - frozen
    phases_set: int = 3
    knobs: Knobs = Knobs()  # noqa: RUF009 - frozen
    seen_data_s: float | None = None
    uptime_ms: int | None = None
    reboot_count: int | None = None
    connected: bool = False
    absent_since_s: float | None = None
    pending: Pending | None = None
    unseen: Pending | None = None
    """The last raise of ours since which no read has come that could tell: it may be in force."""
    last_write_s: float | None = None
    phase_write_s: float | None = None
    recent: tuple[tuple[float, Settings], ...] = ()
    session_wh: float | None = None
    yielded: bool = False
    unasked: bool = False
    overrides_s: tuple[float, ...] = ()
    fight: bool = False
    idle_since_s: float | None = None
    rebooted_s: float | None = None
    stop_ignored: bool = False
    too_much: bool = False
    """A start of ours arrived without its current: the car is offered more than anybody decided."""

    @property
    def known(self) -> bool:
        """Return whether the charger was ever read."""
        return self.seen_data_s is not None

    def shows(self, pending: Pending) -> bool:
        """Return whether a read that is new enough shows every key of a write as written."""
        new_enough = self.seen_data_s is not None and self.seen_data_s >= pending.sent_s + DELIVERY_S
        ignored = self.stop_ignored and pending.settings.force is Force.OFF
        return new_enough and self.knobs.show(pending.settings) and not ignored


def observe(
    link: Link, status: ChargerStatus | None, now_s: float, limits: Limits, *, held: bool = False
) -> tuple[Link, tuple[str, ...]]:
    """Return the link after the newest status, and notes worth an event.

    `held`: the charger waits at a limit of our own, so whatever its settings say, nothing is offered.
    A status that is not newer than the last one changes nothing but the belief in an open write.
    """
    if status is None:
        return link, ()
    if link.seen_data_s is not None and status.data_s <= link.seen_data_s:
        return (link if link.pending is None else _with_offer(link, status, now_s, limits, held)), ()
    notes: list[str] = []
    knobs = Knobs.of(status).filled(link.knobs)
    rebooted = _rebooted(link, status)
    if rebooted:
        notes.append("the charger restarted")
        link = replace(link, pending=None, unseen=None, phase_write_s=None, rebooted_s=now_s)
    link, unplugged, plugged = _cable(link, status, now_s, limits)
    too_much = link.too_much and not (unplugged or rebooted) and status.force is not Force.OFF
    if unplugged:
        notes.append("the car was unplugged")
        link = replace(
            link,
            yielded=False,
            fight=False,
            overrides_s=(),
            phase_write_s=None,
            pending=None,
            unseen=None,
        )
    if plugged:
        notes.append("a car was plugged in")
    pending, unseen, arrived = link.pending, link.unseen, None
    if unseen is not None and status.data_s >= unseen.sent_s + unseen.patience_s(limits):
        unseen = None
    stop_ignored = _stop_ignored(knobs, status)
    if pending is not None and status.data_s >= pending.sent_s + DELIVERY_S:
        if knobs.show(pending.settings) and not (stop_ignored and pending.settings.force is Force.OFF):
            arrived, pending, unseen = pending if pending.attempts == 1 else None, None, None
        elif status.data_s >= pending.sent_s + pending.patience_s(limits) and not pending.failed:
            pending = replace(pending, failed=True)
            link = replace(link, phase_write_s=None)
            if pending.raising or pending.attempts == 1:
                notes.append(f"a write did not arrive: {pending.command}")
    if pending is not None and not too_much and pending.exceeded_by(knobs, status):
        too_much = True
        notes.append(
            f"the current of {pending.command} did not arrive: {knobs.current_a} A are offered; stopped"
        )
    if pending is not None and unapplied(pending, status):
        pending = replace(pending, told=True)
        notes.append(unapplied_text(pending, status))
    foreign = (
        link.known
        and not (rebooted or unplugged or plugged)
        and link.connected
        and not _replugged(link, status)
        and _foreign(link, knobs, now_s)
    )
    if foreign:
        overrides = (*[at for at in link.overrides_s if now_s - at < FIGHT_WINDOW_S], now_s)
        fight = link.fight or len(overrides) >= FIGHT_OVERRIDES
        link = replace(link, yielded=True, overrides_s=overrides, fight=fight)
        pending = unseen = None
        notes.append("settings were changed from outside: " + _difference(link.knobs, knobs))
    if arrived is not None:  # should it appear once more than it was sent, a person did it
        seen = next((item for item in link.recent if item[1] == arrived.settings), None)
        link = replace(link, recent=tuple([item for item in link.recent if item is not seen]))
    reported, _ = offered(knobs, status, link.phases_set, held=held)
    unasked = _unasked(link, reported, plugged=plugged or not link.known)
    idle_since_s = None
    if isinstance(reported, Charge) and link.connected and (status.power_w or 0.0) <= DRAWING_W:
        idle_since_s = link.idle_since_s if link.idle_since_s is not None else now_s
    link = replace(
        link,
        knobs=knobs,
        seen_data_s=status.data_s,
        uptime_ms=status.uptime_ms if status.uptime_ms is not None else link.uptime_ms,
        reboot_count=status.reboot_count if status.reboot_count is not None else link.reboot_count,
        session_wh=status.session_wh,
        pending=pending,
        unseen=unseen,
        unasked=unasked,
        idle_since_s=idle_since_s,
        stop_ignored=stop_ignored,
        too_much=too_much and not link.yielded,
    )
    return _with_offer(link, status, now_s, limits, held), tuple(notes)


def _with_offer(link: Link, status: ChargerStatus, now_s: float, limits: Limits, held: bool) -> Link:
    """Return the link with what is in force: a write of ours that may be, else what the charger reports."""
    pending = link.pending
    in_force, phases_set = offered(link.knobs, status, link.phases_set, held=held)
    believed = pending if pending is not None and pending.believed(now_s, limits) else link.unseen
    if believed is not None:
        in_force = believed.command
        if isinstance(in_force, Charge):
            phases_set = in_force.phases
    if in_force == link.in_force and phases_set == link.phases_set:
        return link
    return replace(link, in_force=in_force, phases_set=phases_set)


def sent(link: Link, command: Command, settings: Settings, now_s: float, *, raising: bool) -> Link:
    """Return the link with a write of ours on its way."""
    again = link.pending
    attempts = again.attempts + 1 if again is not None and again.settings == settings else 1
    pending = Pending(command, settings, now_s, raising, attempts)
    if not raising:
        lowering = again is not None and not again.raising and again.first_s is not None
        pending = replace(
            pending,
            first_s=again.first_s if again is not None and lowering else now_s,
            told=lowering and again is not None and again.told,
        )
    phases_set = link.phases_set
    if settings.phase_mode is not None:
        phases_set = 3 if settings.phase_mode is PhaseMode.THREE else 1
    switching = phases_set != link.phases_set
    return replace(
        link,
        in_force=command,
        phases_set=phases_set,
        pending=pending,
        unseen=pending if raising else link.unseen,
        recent=(*[item for item in link.recent if now_s - item[0] < LATE_S], (now_s, settings)),
        last_write_s=now_s,
        phase_write_s=now_s if switching else link.phase_write_s,
        unasked=False,
    )


def answered(link: Link, outcome: WriteOutcome) -> Link:
    """Return the link after the answer to its open write: refused, or not heard at all."""
    if link.pending is None or outcome.kind is OutcomeKind.ACCEPTED:
        return link
    refused = outcome.kind is OutcomeKind.REFUSED
    gone = refused and link.pending.raising and link.pending.attempts == 1
    pending = replace(link.pending, refused=refused, unheard=True)
    return replace(link, pending=pending, unseen=None if gone else link.unseen)


def offered(
    knobs: Knobs, status: ChargerStatus, phases_set: int, *, held: bool = False
) -> tuple[Command, int]:
    """Return what the settings offer a car, and the phase setting (`phases_set` where none is reported)."""
    if knobs.phase_mode is PhaseMode.ONE:
        phases_set = 1
    elif knobs.phase_mode is not None:
        phases_set = 3
    if held or knobs.current_a is None or (knobs.force is Force.OFF and not _stop_ignored(knobs, status)):
        return Off(), phases_set
    if knobs.force is not Force.ON and status.allowed is False:
        return Off(), phases_set
    current_a = min(max(knobs.current_a, MIN_CURRENT_A), MAX_CURRENT_A)
    return Charge(current_a, phases_set), phases_set


def _stop_ignored(knobs: Knobs, status: ChargerStatus) -> bool:
    """Return whether the box lets the car charge although it was told to stop (go-e: pause not allowed)."""
    return knobs.force is Force.OFF and status.allowed is True and (status.power_w or 0.0) > DRAWING_W


def _cable(link: Link, status: ChargerStatus, now_s: float, limits: Limits) -> tuple[Link, bool, bool]:
    """Return the link with the car's presence, and whether it just left or came.

    During a phase switch of ours "no car" is believed only after it has lasted.
    """
    if status.car in (CarState.UNKNOWN, CarState.INITIALIZING, CarState.ERROR):
        return link, False, False
    if status.connected:
        if link.connected and link.absent_since_s is None:
            return link, False, False
        return replace(link, connected=True, absent_since_s=None), False, not link.connected
    if not link.connected:
        return link, False, False
    since_s = link.absent_since_s if link.absent_since_s is not None else now_s
    switching = link.phase_write_s is not None and now_s - link.phase_write_s < limits.phase_give_up_s
    if switching and now_s - since_s < UNPLUG_DEBOUNCE_S:
        return replace(link, absent_since_s=since_s), False, False
    return replace(link, connected=False, absent_since_s=None), True, False


def _rebooted(link: Link, status: ChargerStatus) -> bool:
    counted = link.reboot_count is not None and status.reboot_count is not None
    if counted and status.reboot_count != link.reboot_count:
        return True
    timed = link.uptime_ms is not None and status.uptime_ms is not None
    return bool(timed and status.uptime_ms < link.uptime_ms)  # type: ignore[operator]


def _replugged(link: Link, status: ChargerStatus) -> bool:
    """Return whether the session counter began anew: out and in again between two reads."""
    if link.session_wh is None or status.session_wh is None:
        return False
    return status.force is Force.NEUTRAL and status.session_wh < link.session_wh


def _foreign(link: Link, knobs: Knobs, now_s: float) -> bool:
    """Return whether somebody else moved a knob: it changed to what none of our late writes asked for."""
    asked = [settings for sent_s, settings in link.recent if now_s - sent_s < LATE_S]
    for name in ("current_a", "force", "phase_mode"):
        now, before = getattr(knobs, name), getattr(link.knobs, name)
        if now == before or before is None:
            continue
        if not any(getattr(settings, name) == now for settings in asked):
            return True
    return False


def _difference(before: Knobs, after: Knobs) -> str:
    pairs = (
        ("amp", before.current_a, after.current_a),
        ("frc", before.force, after.force),
        ("psm", before.phase_mode, after.phase_mode),
    )
    return ", ".join(f"{key} {_text(old)} → {_text(new)}" for key, old, new in pairs if old != new)


def _text(value: int | None) -> str:
    return "?" if value is None else str(int(value))


def _unasked(link: Link, reported: Command, *, plugged: bool) -> bool:
    """Return whether the charger offers current although we never asked: at plug-in, or found so."""
    if isinstance(reported, Off):
        return False
    if plugged or amps(link.in_force) == 0:
        return link.pending is None
    return link.unasked
