"""What is in force at the charger, did our write arrive, and who else turns the knobs?

The cloud answers "forwarded", never "done": a write of ours is open until a later read shows its keys. A
setting that changed without an open write of ours was changed by somebody else: the app, the button, another
controller. They win, at once, until the car is unplugged; only safety reductions go on.

Not foreign: the charger's own reset of `frc` at unplug, and anything right after a reboot.
"""

from dataclasses import dataclass, replace

from controller.limits import Limits
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

DELIVERY_S = 0.5
"""Data younger than this after a write may still be from before it (chosen; the box ticks once a second)."""

UNPLUG_DEBOUNCE_S = 25.0
"""A phase switch breaks the pilot for 10 s and some firmware reports "no car" meanwhile (go-e: `psmd`)."""

RAISE_RETRY_S = (15.0, 45.0, 135.0)
GIVEN_UP_S = 900.0
"""When a raise that did not arrive is sent again; after that every quarter of an hour, while wished."""

REFUSED_S = 600.0
"""What the charger refused is not asked again for so long."""

REDUCTION_RETRY_S = 10.0
REDUCTION_PATIENT_S = 60.0
REDUCTION_HASTY = 30
"""A reduction that did not arrive is sent again every 10 s, after 30 times every minute, for ever."""

UNHEARD_HASTY = 6
UNHEARD_RETRY_S = 30.0
"""A cloud that takes nothing is asked less often after a minute (chosen)."""

UNAPPLIED_S = 60.0
"""A reduction that the charger has not applied for this long is told to people."""

DRAWING_W = 200.0
"""Above this the car charges; below, it is the electronics."""

LATE_S = 120.0
"""How long after a write its keys may still appear: a cloud that delivers late is not a person."""

FIGHT_OVERRIDES = 3
FIGHT_WINDOW_S = 900.0
"""So many foreign changes in so short a time are another controller, not a person."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """The three settings as the charger reported them; None where it did not."""

    current_a: int | None = None
    force: Force | None = None
    phase_mode: PhaseMode | None = None

    @classmethod
    def of(cls, status: ChargerStatus) -> "Knobs":
        """Return the settings of a status."""
        return cls(status.requested_a, status.force, status.phase_mode)

    def show(self, settings: Settings) -> bool:
        """Return whether every key of a write is as written, as far as it is reported."""
        return all(
            wanted is None or seen is None or seen == wanted
            for wanted, seen in (
                (settings.current_a, self.current_a),
                (settings.force, self.force),
                (settings.phase_mode, self.phase_mode),
            )
        )

    def filled(self, older: "Knobs") -> "Knobs":
        """Return these with what is missing taken from an older report."""
        return Knobs(
            older.current_a if self.current_a is None else self.current_a,
            older.force if self.force is None else self.force,
            older.phase_mode if self.phase_mode is None else self.phase_mode,
        )


@dataclass(frozen=True, slots=True)
class Pending:
    """A write of ours that no read has shown yet; `failed` once a read that should have shown it did not."""

    command: Command
    settings: Settings
    sent_s: float
    raising: bool
    attempts: int = 1
    refused: bool = False
    failed: bool = False
    unheard: bool = False
    """The answer to its last sending did not say that it was accepted."""
    first_s: float | None = None
    """Since when something lower was asked for and not seen; None for a raise."""
    told: bool = False

    @property
    def open(self) -> bool:
        """Return whether it may still change the charger: neither refused nor seen to be missing."""
        return not self.refused and not self.failed

    def shown_by(self, link: "Link") -> bool:
        """Return whether a read that is new enough shows every key as written."""
        new_enough = link.seen_data_s is not None and link.seen_data_s >= self.sent_s + DELIVERY_S
        ignored = link.stop_ignored and self.settings.force is Force.OFF
        return new_enough and link.knobs.show(self.settings) and not ignored

    def believed(self, now_s: float, limits: Limits) -> bool:
        """Return whether it still counts as in force: sent a moment ago and not refused."""
        patience_s = limits.verify_after_s if self.raising else REDUCTION_RETRY_S
        return not self.refused and now_s - self.sent_s < patience_s

    def patience_s(self, limits: Limits) -> float:
        """Return how long a read may fail to show it: a reduction is sent again after 10 s."""
        return limits.verify_after_s if self.raising else min(limits.verify_after_s, REDUCTION_RETRY_S)

    def retry_s(self) -> float:
        """Return when to send it again."""
        if self.refused:
            return self.sent_s + REFUSED_S
        if not self.raising:
            hasty = self.attempts <= REDUCTION_HASTY
            return self.sent_s + (REDUCTION_RETRY_S if hasty else REDUCTION_PATIENT_S)
        if self.attempts > len(RAISE_RETRY_S):
            return self.sent_s + GIVEN_UP_S
        return self.sent_s + RAISE_RETRY_S[self.attempts - 1]

    def urgent_s(self, command: Command) -> float:
        """Return the earliest time a reduction for safety to this command may follow this write."""
        if self.command != command or self.raising:
            return self.sent_s
        if self.unheard and self.attempts > UNHEARD_HASTY:
            return self.sent_s + UNHEARD_RETRY_S
        return self.sent_s + (REDUCTION_PATIENT_S if self.attempts > REDUCTION_HASTY else 0.0)

    def exceeded_by(self, knobs: Knobs, status: ChargerStatus) -> bool:
        """Return whether this start arrived without its current, and so at more than was asked for."""
        asked_a, reported_a = self.settings.current_a, knobs.current_a
        new_enough = status.data_s >= self.sent_s + DELIVERY_S
        began = self.settings.force is Force.ON and status.force is Force.ON and new_enough
        return began and asked_a is not None and reported_a is not None and reported_a > asked_a


@dataclass(frozen=True, slots=True)
class Link:
    """What we know of the charger's side. `in_force` is what it offers, our open write included."""

    in_force: Command = Off()  # noqa: RUF009 - frozen
    phases_set: int = 3
    knobs: Knobs = Knobs()
    seen_data_s: float | None = None
    uptime_ms: int | None = None
    reboot_count: int | None = None
    connected: bool = False
    absent_since_s: float | None = None
    pending: Pending | None = None
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
        link = replace(link, pending=None, phase_write_s=None, rebooted_s=now_s)
    link, unplugged, plugged = _cable(link, status, now_s, limits)
    too_much = link.too_much and not (unplugged or rebooted) and status.force is not Force.OFF
    if unplugged:
        notes.append("the car was unplugged")
        link = replace(link, yielded=False, fight=False, overrides_s=(), pending=None, phase_write_s=None)
    if plugged:
        notes.append("a car was plugged in")
    pending, arrived = link.pending, None
    stop_ignored = _stop_ignored(knobs, status)
    if pending is not None and status.data_s >= pending.sent_s + DELIVERY_S:
        if knobs.show(pending.settings) and not (stop_ignored and pending.settings.force is Force.OFF):
            arrived, pending = pending if pending.attempts == 1 else None, None
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
    if pending is not None and _unapplied(pending, status):
        pending = replace(pending, told=True)
        notes.append(_unapplied_text(pending, status))
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
        pending = None
        notes.append("settings were changed from outside: " + _difference(link.knobs, knobs))
    if arrived is not None:  # should it appear once more, a person did it
        recent = tuple([item for item in link.recent if item[1] != arrived.settings])
        link = replace(link, recent=recent)
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
        unasked=unasked,
        idle_since_s=idle_since_s,
        stop_ignored=stop_ignored,
        too_much=too_much and not link.yielded,
    )
    return _with_offer(link, status, now_s, limits, held), tuple(notes)


def _with_offer(link: Link, status: ChargerStatus, now_s: float, limits: Limits, held: bool) -> Link:
    """Return the link with what is in force: a write sent a moment ago, else what the charger reports."""
    pending = link.pending
    in_force, phases_set = offered(link.knobs, status, link.phases_set, held=held)
    if pending is not None and pending.believed(now_s, limits):
        in_force = pending.command
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
    return replace(link, pending=replace(link.pending, refused=refused, unheard=True))


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


def _unapplied(pending: Pending, status: ChargerStatus) -> bool:
    """Return whether something lower was asked for long ago, and people have not been told yet."""
    since_s = pending.first_s
    return since_s is not None and not pending.told and status.data_s - since_s >= UNAPPLIED_S


def _unapplied_text(pending: Pending, status: ChargerStatus) -> str:
    since_s = pending.first_s if pending.first_s is not None else pending.sent_s
    why = _text(status.model_status)
    return (
        f"{pending.command} has not been applied for {status.data_s - since_s:.0f} s; the charger goes on as "
        f"it was (modelStatus {why}) and is asked again. Remedy: stop it in the go-e app or at its button"
    )


def _cable(link: Link, status: ChargerStatus, now_s: float, limits: Limits) -> tuple[Link, bool, bool]:
    """Return the link with the car's presence, and whether it just left or came.

    During a phase switch of ours "no car" is believed only after it has lasted.
    """
    if status.car in (CarState.UNKNOWN, CarState.INITIALIZING, CarState.ERROR):
        return link, False, False
    if status.connected:
        plugged = not link.connected
        return replace(link, connected=True, absent_since_s=None), False, plugged
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
