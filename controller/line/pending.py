"""A write of ours that no read has shown yet: how long it is believed, when it is sent again.

The three settings as the charger reports them are here too, for a write is shown by them and by nothing else.
"""

from dataclasses import dataclass

from controller.limits import Limits
from controller.model import ChargerStatus, Command, Force, PhaseMode, Settings

DELIVERY_S = 0.5
"""Data younger than this after a write may still be from before it (chosen; the box ticks once a second)."""

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

    def lacks(self, settings: Settings, older: "Knobs") -> bool:
        """Return whether a key of a write is missing here that was reported before."""
        return any(
            wanted is not None and now is None and before is not None
            for wanted, now, before in (
                (settings.current_a, self.current_a, older.current_a),
                (settings.force, self.force, older.force),
                (settings.phase_mode, self.phase_mode, older.phase_mode),
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
    asked_s: float | None = None
    """When these very settings were first sent; None: only once."""

    @property
    def since_s(self) -> float:
        """Return when these settings were first sent: a later read that shows them needs no newer sending."""
        return self.sent_s if self.asked_s is None else self.asked_s

    @property
    def open(self) -> bool:
        """Return whether it may still change the charger: neither refused nor seen to be missing."""
        return not self.refused and not self.failed

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


def unapplied(pending: Pending, status: ChargerStatus) -> bool:
    """Return whether something lower was asked for long ago, and people have not been told yet."""
    since_s = pending.first_s
    return since_s is not None and not pending.told and status.data_s - since_s >= UNAPPLIED_S


def unapplied_text(pending: Pending, status: ChargerStatus) -> str:
    """Return what people are told of it, with the charger's own reason."""
    since_s = pending.first_s if pending.first_s is not None else pending.sent_s
    why = "?" if status.model_status is None else status.model_status
    return (
        f"{pending.command} has not been applied for {status.data_s - since_s:.0f} s; the charger goes on as "
        f"it was (modelStatus {why}) and is asked again. Remedy: stop it in the go-e app or at its button"
    )
