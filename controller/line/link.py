"""What is known of the charger's side: its settings, what they offer, its car, our open write."""

from dataclasses import dataclass

from controller.line.pending import DELIVERY_S, Knobs, Pending
from controller.model import Charge, ChargerStatus, Command, Force, Off, PhaseMode, Settings, amps
from controller.units import MAX_CURRENT_A, MIN_CURRENT_A

DRAWING_W = 200.0
"""Above this the car charges; below, it is the electronics."""

LATE_S = 120.0
"""How long after a write its keys may still appear: a cloud that delivers late is not a person."""


@dataclass(frozen=True, slots=True)
class Link:
    """What we know of the charger's side. `in_force` is what it offers, our open write included."""

    in_force: Command = Off()  # noqa: RUF009 - frozen
    phases_set: int = 3
    knobs: Knobs = Knobs()  # noqa: RUF009 - frozen
    seen_data_s: float | None = None
    told_s: float | None = None
    """Of when the last report is that left out no setting known before."""
    uptime_ms: int | None = None
    reboot_count: int | None = None
    connected: bool = False
    gone: bool = False
    """A read has said that no car is there, and it was believed; False before, and while in doubt."""
    absent_since_s: float | None = None
    pending: Pending | None = None
    unseen: Pending | None = None
    """The last raise of ours since which no read has come that could tell: it may be in force."""
    last_write_s: float | None = None
    phase_write_s: float | None = None
    """When a phase change left, or was seen that nobody waited for: the car may seem gone for a moment."""
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
    reported: Command | None = None
    """What the last read says is offered: nothing of ours that is on its way is in it. None: as in force."""

    @property
    def asked_a(self) -> int:
        """Return our last word on the offer, in A: what was lowered stays lowered until a read denies it."""
        pending, offered_a = self.pending, amps(self.in_force)
        lowered = pending is not None and pending.open and not pending.raising
        return min(offered_a, amps(pending.command)) if pending is not None and lowered else offered_a

    @property
    def least_a(self) -> int:
        """Return the least that may be offered just now, in A: a write of ours may have arrived or not."""
        if self.reported is None or self.pending is None or not self.pending.open:
            return self.asked_a
        return min(self.asked_a, amps(self.reported))

    @property
    def known(self) -> bool:
        """Return whether the charger was ever read."""
        return self.seen_data_s is not None

    @property
    def seen_on(self) -> bool:
        """Return whether our open start was seen to have begun, whatever else of it is missing."""
        if self.pending is None or self.pending.settings.force is not Force.ON:
            return False
        return self.knobs.force is Force.ON and self.tells_of(self.pending)

    def under_way(self, now_s: float) -> tuple[Settings, ...]:
        """Return what was sent and may have arrived since the last report of all settings."""
        last_s = now_s if self.told_s is None else self.told_s
        return tuple([settings for sent_s, settings in self.recent if last_s - sent_s < LATE_S])

    def shows(self, pending: Pending) -> bool:
        """Return whether a read that is new enough shows every key of a write as written."""
        ignored = self.stop_ignored and pending.settings.force is Force.OFF
        return self.tells_of(pending) and self.knobs.show(pending.settings) and not ignored

    def tells_of(self, pending: Pending) -> bool:
        """Return whether a read is new enough to show a write, first sent when it was."""
        return self.seen_data_s is not None and self.seen_data_s >= pending.since_s + DELIVERY_S


def offered(
    knobs: Knobs, status: ChargerStatus, phases_set: int, *, held: bool = False
) -> tuple[Command, int]:
    """Return what the settings offer a car, and the phase setting (`phases_set` where none is reported)."""
    if knobs.phase_mode is PhaseMode.ONE:
        phases_set = 1
    elif knobs.phase_mode is not None:
        phases_set = 3
    if held or knobs.current_a is None or (knobs.force is Force.OFF and not stop_ignored(knobs, status)):
        return Off(), phases_set
    if knobs.force is not Force.ON and status.allowed is False:
        return Off(), phases_set
    current_a = min(max(knobs.current_a, MIN_CURRENT_A), MAX_CURRENT_A)
    return Charge(current_a, phases_set), phases_set


def stop_ignored(knobs: Knobs, status: ChargerStatus) -> bool:
    """Return whether the box lets the car charge although it was told to stop (go-e: pause not allowed)."""
    return knobs.force is Force.OFF and status.allowed is True and (status.power_w or 0.0) > DRAWING_W
