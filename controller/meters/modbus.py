"""A Modbus device in one role, read through its line and its profile."""

from controller.clock import Clock
from controller.errors import MeterError
from controller.meters.decode import Decoder, Site
from controller.meters.line import Line
from controller.meters.plan import Block, Plan, plan
from controller.meters.profile import Profile, Role
from controller.meters.sunspec import resolve
from controller.model import Reading

COUNTERS_EVERY_S = 30.0
"""Counters are for the books, never for control: they are read now and then (chosen)."""


class ModbusMeter:
    """Reads one role; satisfies `controller.model.Meter`."""

    def __init__(
        self,
        profile: Profile,
        role: Role,
        line: Line,
        *,
        clock: Clock,
        unit_id: int,
        site: Site,
        gap_s: float | None = None,
    ) -> None:
        self._profile, self.role, self._line, self._clock = profile, role, line, clock
        self._unit_id, self._site = unit_id, site
        self._gap_s = profile.limits.gap_s if gap_s is None else gap_s
        self._decoder: Decoder | None = None
        self._plan: Plan | None = None
        self._connection = 0
        self._counters: dict[tuple[int, int], int] = {}
        self._counters_due_s = 0.0

    async def read(self) -> Reading:
        """Read once. Raises MeterUnreachable, MeterRefused or MeterImplausible."""
        decoder, todo = await self._ready()
        live: dict[tuple[int, int], int] = {}
        for block in todo.live:
            live |= await self._block(block)
        taken_s = self._clock.monotonic()
        await self._read_counters(todo)
        fingerprint = b"".join(word.to_bytes(2, "big") for _, word in sorted(live.items()))
        words = {**self._counters, **live}
        if self.role == "grid":
            return decoder.grid(words, taken_s, fingerprint=fingerprint)
        if self.role == "pv":
            return decoder.pv(words, taken_s, fingerprint=fingerprint)
        return decoder.battery(words, taken_s, fingerprint=fingerprint)

    async def close(self) -> None:
        """Close the line (shared with the other roles on it)."""
        await self._line.close()

    async def _ready(self) -> tuple[Decoder, Plan]:
        """Return what is needed to read, after looking who answers on a new connection."""
        if self._decoder is None or self._plan is None:
            profile = await resolve(self._profile, self._words)
            self._decoder, self._plan = Decoder(profile, self._site), plan(profile, self.role)
        if self._plan.identity and self._connection != self._line.connections:
            words: dict[tuple[int, int], int] = {}
            for block in self._plan.identity:
                words |= await self._block(block)
            self._decoder.identify(words)
            self._connection = self._line.connections
        return self._decoder, self._plan

    async def _read_counters(self, todo: Plan) -> None:
        if not todo.counters or self._clock.monotonic() < self._counters_due_s:
            return
        self._counters_due_s = self._clock.monotonic() + COUNTERS_EVERY_S
        try:
            for block in todo.counters:
                self._counters |= await self._block(block)
        except MeterError:
            self._counters.clear()  # control never waits for a counter

    async def _words(self, start: int, count: int) -> list[int]:
        words = await self._block(Block(3, start, count))
        return [words[3, start + index] for index in range(count)]

    async def _block(self, block: Block) -> dict[tuple[int, int], int]:
        registers = await self._line.read(
            block,
            self._unit_id,
            gap_s=self._gap_s,
            connect_delay_s=self._profile.limits.connect_delay_s,
        )
        return {(block.function, block.start + index): word for index, word in enumerate(registers)}
