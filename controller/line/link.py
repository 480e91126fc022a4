"""What is known of the charger's side: its settings, what they offer, its car, our open write."""

from dataclasses import dataclass

from controller.line.pending import DELIVERY_S, Knobs, Pending
from controller.model import Charge, ChargerStatus, Command, Force, Off, PhaseMode, Settings
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

    @property
    def known(self) -> bool:
        """Return whether the charger was ever read."""
        return self.seen_data_s is not None

    def under_way(self, now_s: float) -> tuple[Settings, ...]:
        """Return what was sent and may have arrived since the last report of all settings."""
        last_s = now_s if self.told_s is None else self.told_s
        return tuple([settings for sent_s, settings in self.recent if last_s - sent_s < LATE_S])

    def shows(self, pending: Pending) -> bool:
        """Return whether a read that is new enough shows every key of a write as written."""
        new_enough = self.seen_data_s is not None and self.seen_data_s >= pending.sent_s + DELIVERY_S
        ignored = self.stop_ignored and pending.settings.force is Force.OFF
        return new_enough and self.knobs.show(pending.settings) and not ignored


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
