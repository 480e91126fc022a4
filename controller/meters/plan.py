"""Which registers to ask for, in as few requests as the device allows, grid power first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.meters.profile import WIDTH, Condition, Profile, Quantity, Role, Term


@dataclass(frozen=True, slots=True)
class Block:
    """One request."""

    function: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a role needs: `live` at every reading, `counters` now and then, `identity` after connecting."""

    live: tuple[Block, ...]
    counters: tuple[Block, ...]
    identity: tuple[Block, ...]


Span = tuple[int, int, int]
"""Function code, first register, number of registers."""


def plan(profile: Profile, role: Role) -> Plan:
    """Return the requests for one role of a (resolved) profile."""
    live: list[Span] = []
    counters: list[Span] = []
    if role == "grid" and profile.grid is not None:
        grid = profile.grid
        for quantity in (grid.power, *grid.phase_power, *grid.phase_current, *grid.voltage, grid.frequency):
            live += _spans(profile, quantity)
        live += _conditions(profile, grid.valid_when)
        for quantity in (grid.import_energy, grid.export_energy):
            counters += _spans(profile, quantity)
    elif role == "pv" and profile.pv is not None:
        live += _spans(profile, profile.pv.power) + _conditions(profile, profile.pv.valid_when)
        counters += _spans(profile, profile.pv.energy)
    elif profile.battery is not None:
        live += _spans(profile, profile.battery.charge_power) + _spans(profile, profile.battery.soc)
        live += _conditions(profile, profile.battery.valid_when)
    if profile.heartbeat is not None:
        live += _spans(profile, [profile.heartbeat])
    blocks = tuple(_merged(profile, live))
    covered = [span for span in counters if not any(_inside(span, block) for block in blocks)]
    return Plan(
        blocks,
        tuple(_merged(profile, covered)),
        tuple(_merged(profile, _conditions(profile, profile.identity))),
    )


def _spans(profile: Profile, quantity: Quantity) -> list[Span]:
    return [span for term in quantity for span in _term_spans(profile, term)]


def _term_spans(profile: Profile, term: Term) -> Iterator[Span]:
    function = term.function or profile.function
    yield function, term.at, 1 if term.high_word_at is not None else WIDTH[term.type]
    for at in (term.high_word_at, term.sf_at, term.direction.at if term.direction else None):
        if at is not None:
            yield function, at, 1
    for ratio in term.ratio:
        yield from _term_spans(profile, ratio)


def heartbeat_words(profile: Profile) -> frozenset[tuple[int, int]]:
    """Return (function, address) of the registers that count the device's own updates."""
    spans = _spans(profile, [profile.heartbeat]) if profile.heartbeat is not None else []
    return frozenset((function, at + index) for function, at, count in spans for index in range(count))


def _conditions(profile: Profile, conditions: Iterable[Condition]) -> list[Span]:
    return [(item.function or profile.function, item.at, WIDTH[item.type]) for item in conditions]


def _inside(span: Span, block: Block) -> bool:
    function, start, count = span
    return function == block.function and block.start <= start and start + count <= block.start + block.count


def _merged(profile: Profile, spans: list[Span]) -> Iterator[Block]:
    """Yield blocks that cover the spans: the profile's own where one fits, else neighbours joined.

    A block never cuts a value, never exceeds the device's limit, and bridges only what the profile allows.
    The block of the first span, the most urgent one, comes first.
    """
    if not spans:
        return
    limits = profile.limits
    own = [Block(span[0], start, count) for start, count in profile.blocks for span in spans[:1]]
    found: list[Block] = []
    rest: list[Span] = []
    for span in spans:
        fitting = next((block for block in own if _inside(span, block)), None)
        if fitting is None or fitting.count > limits.max_registers:
            rest.append(span)
        elif fitting not in found:
            found.append(fitting)
    pending: Block | None = None
    for function, start, count in sorted(set(rest)):
        end = start + count
        if pending is not None and function == pending.function:
            joined = max(end, pending.start + pending.count) - pending.start
            near = start <= pending.start + pending.count + limits.bridge
            if near and joined <= limits.max_registers:
                pending = Block(function, pending.start, joined)
                continue
        if pending is not None:
            found.append(_even(pending) if limits.even else pending)
        pending = Block(function, start, count)
    if pending is not None:
        found.append(_even(pending) if limits.even else pending)
    yield from sorted(found, key=lambda block: not _inside(spans[0], block))


def _even(block: Block) -> Block:
    start = block.start - block.start % 2
    count = block.start + block.count - start
    return Block(block.function, start, count + count % 2)
