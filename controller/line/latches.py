"""Which faults wait for a person, and what each does to the charger until then.

Most faults end by themselves. These do not: what was seen means that something is not as it was believed to
be (a meter turned round, a second controller, a bug of ours), and only a person can say that it is cured.
They outlive restarts; `ampilot ack KIND` ends one. Nothing in here ever allows more than the other stages do.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from controller.limits import Limits
from controller.model import Ceiling


class Effect(StrEnum):
    """What a latched fault does to the charger, weakest first."""

    NOTE = "control goes on"
    HOLD = "nothing is started or raised"
    YIELD = "nothing is written but safety reductions"
    BLIND = "the charger is held at the blind level (off, if blind_a is not set)"
    STOP = "the charger is stopped"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of latched fault: its effect, and what a person should do before acknowledging it."""

    effect: Effect
    remedy: str
    until_unplug: bool = False


KINDS = {
    "sign_flip": Kind(
        Effect.BLIND,
        "check the wiring of the meter and `reverse` in [grid]; a house battery needs a [battery] table",
    ),
    "step_response": Kind(
        Effect.BLIND,
        "check that the meter sits at the grid connection and sees the charger; a house battery needs a "
        "[battery] table; `check_response = false` in [site] where something else levels the grid power",
    ),
    "wrong_device": Kind(Effect.BLIND, "check the address of the meter in [grid]; give it a fixed one"),
    "two_controllers": Kind(
        Effect.YIELD, "switch the other controller off (another program, or Eco mode in the go-e app)"
    ),
    "app": Kind(
        Effect.YIELD,
        "nothing, if that is wanted: it ends when the car is unplugged; acknowledging hands control back now",
        until_unplug=True,
    ),
    "over_draw": Kind(Effect.STOP, "have the car or its cable checked; it draws more than it is allowed to"),
    "charger_error": Kind(Effect.STOP, "have an electrician look at the charger; see the error in the app"),
    "guard": Kind(Effect.HOLD, "report it with the log: this is a bug of ampilot"),
    "ledger_corrupt": Kind(Effect.NOTE, "check the disk or SD card; the damaged file was kept"),
    "plugin": Kind(Effect.NOTE, "correct or remove the strategy plug-in, then restart"),
}
"""Every kind this version knows. One that is not here holds: nothing is raised."""

UNKNOWN = Kind(Effect.HOLD, "see the log")
ORDER = tuple(Effect)


@dataclass(frozen=True, slots=True)
class Latch:
    """One latched fault: its kind and what was seen, in one sentence."""

    kind: str
    text: str

    @property
    def effect(self) -> Effect:
        """Return what it does to the charger."""
        return KINDS.get(self.kind, UNKNOWN).effect

    @property
    def remedy(self) -> str:
        """Return what to do before it is acknowledged."""
        return KINDS.get(self.kind, UNKNOWN).remedy


Latched = tuple[Latch, ...]
"""All that are latched, oldest first, at most one of each kind."""


def with_new(latched: Latched, *new: Latch) -> Latched:
    """Return them with those added whose kind is not latched yet; the same object if there is none."""
    for latch in new:
        if not any(known.kind == latch.kind for known in latched):
            latched = (*latched, latch)
    return latched


def without(latched: Latched, kinds: frozenset[str]) -> Latched:
    """Return them without these kinds."""
    return tuple(latch for latch in latched if latch.kind not in kinds) if kinds else latched


def after_unplug(latched: Latched) -> Latched:
    """Return those that a car's leaving does not end."""
    ended = frozenset(latch.kind for latch in latched if KINDS.get(latch.kind, UNKNOWN).until_unplug)
    return without(latched, ended)


def yielding(latched: Latched) -> Latch | None:
    """Return the fault for which nothing but safety reductions is written, None if there is none."""
    return next((latch for latch in latched if latch.effect is Effect.YIELD), None)


def bounded(top: Ceiling, latched: Latched, limits: Limits) -> Ceiling:
    """Return the ceiling under what is latched; never higher."""
    worst = max(latched, key=lambda latch: ORDER.index(latch.effect), default=None)
    if worst is None or worst.effect is Effect.NOTE:
        return top
    source = f"latched: {worst.text}; ampilot ack {worst.kind}"
    top = replace(top, raise_one_a=0, raise_three_a=0, source=source)
    if worst.effect not in (Effect.BLIND, Effect.STOP):
        return top
    most_a = limits.blind_a if worst.effect is Effect.BLIND else 0
    return replace(top, reduce_to_a=most_a, reduce_source=source) if most_a < top.reduce_to_a else top
