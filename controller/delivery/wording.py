"""From an event to words: what happened, what the charger does now, what to do. Pure.

A fault that may end by itself is told only when it has lasted: a meter that misses a minute concerns nobody.
"""

from dataclasses import dataclass

from controller.events import Event

ORDER = ("info", "warning", "error")
MOST_TEXT = 600
MOST_TITLE = 80


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind is told; `severity` None: as the event says. `patience_s`: how long it must last."""

    name: str
    now: str = ""
    do: str = ""
    severity: str | None = None
    patience_s: float = 0.0


OTHER = Kind("", do="See: journalctl -u ampilot -n 50")
LATCHED = "latched_"
"""Kinds that begin so wait for a person; their text says effect and remedy already."""

KINDS = {
    "meter": Kind(
        "the grid meter",
        "Nothing is raised; after about 80 s the charger is at the blind level (off, or blind_a).",
        "Check power, network and address of the meter; then: ampilot check",
        patience_s=120.0,
    ),
    "phases": Kind(
        "the phases of the grid meter",
        "The whole import counts as flowing on one phase, so less is offered.",
        "Check the wiring of the meter and its profile; then: ampilot check",
        patience_s=600.0,
    ),
    "car_power": Kind(
        "what the car draws",
        "The car counts as a load of the house, so it gets little sun; what is bought goes on.",
        "Restart the charger, or look for a new firmware; then: ampilot check",
        patience_s=600.0,
    ),
    "pv": Kind("the meter of the sun", "Control goes on without it.", "ampilot check", "info", 1800.0),
    "battery": Kind(
        "the house battery",
        "Control goes on without it.",
        "Check its address; then: ampilot check",
        patience_s=1800.0,
    ),
    "charger": Kind(
        "the charger",
        "It cannot be commanded and keeps what it was last told.",
        "Is it online, is the cloud API enabled in the go-e app? Then: ampilot check",
        patience_s=300.0,
    ),
    "token": Kind(
        "the token of the cloud",
        "The charger cannot be commanded and keeps what it was last told.",
        "Create a new token in the go-e app and write it to its file; a restart is needed only where it is a "
        "systemd credential.",
        "error",
    ),
    "reduction": Kind(
        "a reduction that does not arrive",
        "It is sent again and again; until it arrives the charger offers more than it should.",
        "Lower or stop it in the go-e app or at the box.",
        "error",
    ),
    "leash": Kind(
        "the energy leash",
        "Control goes on.",
        "See: docs/configuration.md, energy leash",
    ),
    "ledger": Kind(
        "the ledger",
        "Control goes on; raises are ten minutes apart at least.",
        "Free the disk, or replace the SD card.",
        "error",
    ),
    "strategy": Kind(
        "the strategy",
        "The charger is held or lowered; after three faults another strategy takes over.",
        "ampilot check --strategy NAME",
        patience_s=120.0,
    ),
    "guard": Kind("a command that was refused", "It was not sent.", "Report it with the log: it is a bug."),
    "bug": Kind("a bug of ampilot", "That step held or lowered.", "Report it with: journalctl -u ampilot"),
    "other_logic": Kind(
        "another logic in the charger", "Both decide.", "Switch it to Basic in the go-e app.", patience_s=60.0
    ),
    "interface": Kind(
        "the HTTP interface",
        "Control goes on; programs are not heard.",
        "Choose another port or host in [interface].",
    ),
    "unclean": Kind(
        "a restart",
        "Control goes on; nothing is raised before meter and charger have been read.",
        "If it happens again: journalctl -u ampilot -n 200",
    ),
    "failed": Kind(
        "the service",
        "It stays down; the charger keeps what it was last told.",
        "See: journalctl -u ampilot -n 30; mend the config, then: systemctl restart ampilot",
        "error",
    ),
    "car": Kind("the car"),
    "test": Kind("a test", "Nothing changes.", "Nothing."),
    # What ends by itself and changes no safety is no message unless somebody wants to hear everything.
    "clock": Kind("the clock", severity="info"),
    "late": Kind("a late decision", severity="info"),
    "energy": Kind("the counter of the charger", severity="info"),
    "tariff": Kind("prices", severity="info"),
    "forecast": Kind("the forecast", severity="info"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads: severity (info, warning, error), the kinds it is about, title and text."""

    severity: str
    kinds: tuple[str, ...]
    title: str
    text: str


def kind_of(event: Event) -> Kind:
    """Return how an event is told. A note about the charger is no fault of its line."""
    if event.kind.startswith(LATCHED):
        name = event.kind.removeprefix(LATCHED)
        return Kind(f"{name} waits for you", severity="warning" if name == "app" else "error")
    if event.kind == "charger" and event.turn.value == "moment":
        return Kind("the charger", severity="info")
    return KINDS.get(event.kind, Kind(event.kind, do=OTHER.do))


def severity_of(event: Event) -> str:
    """Return how bad an event is for a person."""
    known = kind_of(event).severity
    return known if known is not None else event.severity


def clean(text: str, most: int = MOST_TEXT) -> str:
    """Return text of a device or service as one short printable line: no control, no escape, no direction."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * most])
    shown = " ".join(shown.split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def worded(event: Event, severity: str, *, offered: str, when: str, more: int = 0) -> Message:
    """Return the message of one event; `more` says how often it happened beside."""
    kind = kind_of(event)
    lines = [f"{when} {clean(event.text)}"]
    now = " ".join(part for part in (kind.now, f"Offered now: {offered}." if offered else "") if part)
    if now:
        lines.append(f"Now: {now}")
    if kind.do:
        lines.append(f"Do: {kind.do}")
    if more:
        lines.append(f"({more} more of this kind)")
    title = clean(f"ampilot: {kind.name or event.kind}", MOST_TITLE)
    return Message(severity, (event.kind,), title, "\n".join(lines))


def recovered(event: Event, severity: str, *, offered: str, when: str) -> Message:
    """Return the message that a fault which was told is over."""
    lines = [f"{when} over: {clean(event.text)}"]
    if offered:
        lines.append(f"Now: control is back to normal where nothing else is wrong. Offered now: {offered}.")
    lines.append("Do: nothing.")
    name = kind_of(event).name or event.kind
    return Message(severity, (event.kind,), clean(f"ampilot: over: {name}", MOST_TITLE), "\n".join(lines))


def digest(messages: list[Message]) -> Message:
    """Return several messages as one, the worst first."""
    if len(messages) == 1:
        return messages[0]
    ordered = sorted(messages, key=lambda message: -ORDER.index(message.severity))
    head, rest = ordered[0], ordered[1:]
    names = [message.title.removeprefix("ampilot: ") for message in rest]
    listed = "; ".join(names[:8]) + (f"; and {len(names) - 8} others" if len(names) > 8 else "")
    kinds = tuple(kind for message in ordered for kind in message.kinds)
    text = f"{head.text}\n{len(rest)} more: {listed}"
    return Message(head.severity, kinds, clean(f"{head.title} and {len(rest)} more", MOST_TITLE), text)
