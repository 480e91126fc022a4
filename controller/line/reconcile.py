"""What is in force at the charger, did our write arrive, and who else turns the knobs?

The cloud answers "forwarded", never "done": a write of ours is open until a later read shows its keys. A
setting that changed without an open write of ours was changed by somebody else: the app, the button, another
controller. They win, at once, until the car is unplugged; only safety reductions go on.

Not foreign: the charger's own reset of `frc` at unplug, and anything right after a reboot.

Theory of operation of `observe`, for each newer status: what ends a write by itself (a restart, the cable);
whether the settings moved by a foreign hand, judged by the writes it may still be the late echo of; what
became of our open write; then a foreign hand has its way, and what is reported is taken down.
"""

from dataclasses import replace

from controller.limits import Limits
from controller.line.cable import cable, left_unseen, rebooted, with_phases_moved
from controller.line.link import DRAWING_W, LATE_S, Link, offered, stop_ignored
from controller.line.pending import DELIVERY_S, Knobs, Pending, unapplied, unapplied_text
from controller.model import (
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

FIGHT_OVERRIDES = 3
FIGHT_WINDOW_S = 900.0
"""So many foreign changes in so short a time are another controller, not a person."""


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
    told = Knobs.of(status)
    knobs = told.filled(link.knobs)
    reported, _ = offered(knobs, status, link.phases_set, held=held)
    begun, notes = _begun(with_phases_moved(link, knobs, now_s), status, now_s, limits)
    foreign = _one_stay(link, begun, status) and _foreign(begun, knobs, now_s)
    after, news = _with_write_followed(begun, knobs, status, limits)
    notes += news
    if foreign:
        after = _yielded(after, now_s)
        notes.append("settings were changed from outside: " + _difference(link.knobs, knobs))
    plugged = begun.connected and not link.connected
    unasked = _unasked(begun, reported, plugged=plugged or not link.known)
    idle_since_s = _idle_since_s(after, reported, status, now_s)
    after = _with_report(after, knobs, status, unasked, idle_since_s, whole=told == knobs)
    return _with_offer(after, status, now_s, limits, held), tuple(notes)


def _begun(link: Link, status: ChargerStatus, now_s: float, limits: Limits) -> tuple[Link, list[str]]:
    """Return the link after what ends an open write: the charger's restart, a car that leaves or comes."""
    notes: list[str] = []
    if restarted := rebooted(link, status):
        notes.append("the charger restarted")
        # A phase change is no more under way, but the pilot may be broken still: "no car" has to last.
        link = replace(link, pending=None, unseen=None, rebooted_s=now_s)
    link, unplugged, plugged = cable(link, status, now_s, limits)
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
    too_much = link.too_much and not (unplugged or restarted) and status.force is not Force.OFF
    return (link if too_much == link.too_much else replace(link, too_much=too_much)), notes


def _one_stay(before: Link, begun: Link, status: ChargerStatus) -> bool:
    """Return whether the same car hung on the same running charger at the last read and at this one."""
    same = before.known and not rebooted(before, status) and before.connected and begun.connected
    neutral = status.force is Force.NEUTRAL
    return same and not left_unseen(before.session_wh, status.session_wh, neutral=neutral)


def _with_write_followed(
    link: Link, knobs: Knobs, status: ChargerStatus, limits: Limits
) -> tuple[Link, list[str]]:
    """Return the link after what the status says of our open write: arrived, missing, too much, unapplied."""
    notes: list[str] = []
    pending, unseen, too_much = link.pending, link.unseen, link.too_much
    ignored = stop_ignored(knobs, status)
    if pending is None and unseen is None and ignored == link.stop_ignored:
        return link, notes  # nothing is on its way, as nearly always
    told = Knobs.of(status)  # a report without the key of a write neither shows it nor that it is missing
    if unseen is not None and not told.lacks(unseen.settings, knobs):
        unseen = None if status.data_s >= unseen.sent_s + unseen.patience_s(limits) else unseen
    judged = pending is not None and not told.lacks(pending.settings, knobs)
    if pending is not None and judged and status.data_s >= pending.since_s + DELIVERY_S:
        if knobs.show(pending.settings) and not (ignored and pending.settings.force is Force.OFF):
            link = _arrived(link, pending)
            pending = unseen = None
        elif status.data_s >= pending.sent_s + pending.patience_s(limits) and not pending.failed:
            pending = replace(pending, failed=True)
            if pending.settings.phase_mode is not None:
                link = replace(link, phase_write_s=None)
            if pending.raising or pending.attempts == 1:
                notes.append(f"a write did not arrive: {pending.command}")
    decided = [asked.current_a for _, asked in link.recent if asked.force is Force.ON]
    exceeded = pending is not None and pending.exceeded_by(knobs, status) and knobs.current_a not in decided
    if pending is not None and not too_much and exceeded:
        too_much = True
        notes.append(
            f"the current of {pending.command} did not arrive: {knobs.current_a} A are offered; stopped"
        )
    if pending is not None and unapplied(pending, status):
        pending = replace(pending, told=True)
        notes.append(unapplied_text(pending, status))
    return replace(link, pending=pending, unseen=unseen, too_much=too_much, stop_ignored=ignored), notes


def _arrived(link: Link, write: Pending) -> Link:
    """Return the link once a write of ours was seen; should it appear again, sent once, a person did it.

    With others still under way it may be an older one of the same value that was seen: this one may yet come.
    """
    if write.attempts > 1 or len(link.recent) > 1:
        return link
    seen = next((item for item in link.recent if item[1] == write.settings), None)
    return replace(link, recent=tuple([item for item in link.recent if item is not seen]))


def _yielded(link: Link, now_s: float) -> Link:
    """Return the link after a foreign hand: it has its way, and whoever comes often is a controller."""
    overrides = (*[at for at in link.overrides_s if now_s - at < FIGHT_WINDOW_S], now_s)
    fight = link.fight or len(overrides) >= FIGHT_OVERRIDES
    return replace(link, yielded=True, overrides_s=overrides, fight=fight, pending=None, unseen=None)


def _idle_since_s(link: Link, reported: Command, status: ChargerStatus, now_s: float) -> float | None:
    """Return since when the car takes nothing of what it is offered, None if it does."""
    if isinstance(reported, Charge) and link.connected and (status.power_w or 0.0) <= DRAWING_W:
        return link.idle_since_s if link.idle_since_s is not None else now_s
    return None


def _with_report(
    link: Link,
    knobs: Knobs,
    status: ChargerStatus,
    unasked: bool,
    idle_since_s: float | None,
    *,
    whole: bool,
) -> Link:
    """Return the link with what the status says of the charger itself and of the car on it."""
    return replace(
        link,
        knobs=knobs,
        seen_data_s=status.data_s,
        told_s=status.data_s if whole else link.told_s,
        uptime_ms=status.uptime_ms if status.uptime_ms is not None else link.uptime_ms,
        reboot_count=status.reboot_count if status.reboot_count is not None else link.reboot_count,
        session_wh=status.session_wh,
        unasked=unasked,
        idle_since_s=idle_since_s,
        too_much=link.too_much and not link.yielded,
    )


def _with_offer(link: Link, status: ChargerStatus, now_s: float, limits: Limits, held: bool) -> Link:
    """Return the link with what is in force: a write of ours that may be, else what the charger reports."""
    pending = link.pending
    reported, phases_set = offered(link.knobs, status, link.phases_set, held=held)
    in_force = reported
    believed = pending if pending is not None and pending.believed(now_s, limits) else link.unseen
    if believed is not None:
        in_force = believed.command
        if isinstance(in_force, Charge):
            phases_set = in_force.phases
    if (in_force, reported, phases_set) == (link.in_force, link.reported, link.phases_set):
        return link
    return replace(link, in_force=in_force, reported=reported, phases_set=phases_set)


def sent(link: Link, command: Command, settings: Settings, now_s: float, *, raising: bool) -> Link:
    """Return the link with a write of ours on its way."""
    again = link.pending
    same = again is not None and again.settings == settings
    attempts, asked_s = (again.attempts + 1, again.since_s) if again is not None and same else (1, now_s)
    pending = Pending(command, settings, now_s, raising, attempts, asked_s=asked_s)
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
        recent=(*[item for item in link.recent if _kept(item, link, settings, now_s)], (now_s, settings)),
        last_write_s=now_s,
        phase_write_s=now_s if switching else link.phase_write_s,
        unasked=False,
    )


def _kept(item: tuple[float, Settings], link: Link, settings: Settings, now_s: float) -> bool:
    """Return whether an earlier write may still show; of one asked for all day, only the last is kept."""
    sent_s, asked = item
    return now_s - sent_s < LATE_S or (asked != settings and asked in link.under_way(now_s))


def answered(link: Link, outcome: WriteOutcome) -> Link:
    """Return the link after the answer to its open write: refused, or not heard at all."""
    if link.pending is None or outcome.kind is OutcomeKind.ACCEPTED:
        return link
    refused = outcome.kind is OutcomeKind.REFUSED
    gone = refused and link.pending.raising and link.pending.attempts == 1
    pending = replace(link.pending, refused=refused, unheard=True)
    return replace(link, pending=pending, unseen=None if gone else link.unseen)


def _foreign(link: Link, knobs: Knobs, now_s: float) -> bool:
    """Return whether somebody else moved a knob: it changed to what none of our late writes asked for.

    It changed at any time since the last read: after hours without one, so may a write from before them.
    """
    asked = link.under_way(now_s)
    for name in ("current_a", "force", "phase_mode"):
        now, before = getattr(knobs, name), getattr(link.knobs, name)
        if now == before or before is None:
            continue
        if now is Force.NEUTRAL and link.absent_since_s is not None:
            continue  # its own reset as the car goes, which is not believed yet
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
