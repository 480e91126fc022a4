"""A Modbus device in one role, read through its line and its profile."""

import struct
from collections.abc import Sequence
from functools import lru_cache

from controller.clock import Clock
from controller.errors import MeterError, MeterImplausible, MeterRefused, WrongDevice
from controller.meters.decode import Decoder, Site
from controller.meters.line import Line
from controller.meters.plan import Block, Plan, heartbeat_words, plan
from controller.meters.profile import Profile, Role
from controller.meters.sunspec import resolve
from controller.model import Reading

Place = tuple[int, int]
"""Function code and address of a register."""

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
        self._telling: list[Place] = []
        self._beating: list[Place] = []
        self._connection = -1
        self._counters: dict[Place, int] = {}
        self._counters_due_s = 0.0

    async def read(self) -> Reading:
        """Read once. Raises MeterUnreachable, MeterRefused, MeterImplausible or WrongDevice."""
        decoder, todo = await self._ready()
        live: dict[Place, int] = {}
        try:
            for block in todo.live:
                live |= await self._block(block)
        except MeterRefused:
            await self._identified(decoder, todo)  # another device would refuse too
            raise
        taken_s = self._clock.monotonic()
        await self._identified(decoder, todo)
        await self._read_counters(todo)
        fingerprint = _bytes([live[place] for place in self._telling])
        words = {**self._counters, **live}
        if self.role == "grid":
            heartbeat = _bytes([live[place] for place in self._beating])
            return decoder.grid(words, taken_s, fingerprint=fingerprint, heartbeat=heartbeat)
        if self.role == "pv":
            return decoder.pv(words, taken_s, fingerprint=fingerprint)
        return decoder.battery(words, taken_s, fingerprint=fingerprint)

    async def close(self) -> None:
        """Close the line (shared with the other roles on it)."""
        await self._line.close()

    async def _ready(self) -> tuple[Decoder, Plan]:
        """Return what is needed to read; a device that describes itself is asked on every new connection."""
        again = self._profile.sunspec is not None and self._connection != self._line.connections
        if self._decoder is None or self._plan is None or again:
            try:
                profile = await resolve(self._profile, self._words)
            except MeterImplausible as error:
                raise await self._wrong(str(error)) from None
            self._decoder, self._plan = Decoder(profile, self._site), plan(profile, self.role)
            beating = heartbeat_words(profile)
            live = sorted({place for block in self._plan.live for place in _places(block)})
            self._telling = [place for place in live if place not in beating]
            self._beating = [place for place in live if place in beating]
        return self._decoder, self._plan

    async def _identified(self, decoder: Decoder, todo: Plan) -> None:
        """Look who answers on a new connection. Raises WrongDevice: nothing it said counts."""
        if self._connection == self._line.connections:
            return
        words: dict[Place, int] = {}
        try:
            for block in todo.identity:
                words |= await self._block(block)
            decoder.identify(words)
        except MeterImplausible as error:
            raise await self._wrong(str(error)) from None
        except MeterRefused as error:
            raise await self._wrong(f"it does not have the registers that name it: {error}") from None
        self._connection = self._line.connections

    async def _wrong(self, why: str) -> WrongDevice:
        """Drop the connection, so that the next read asks whoever answers then; return the error to raise."""
        self._counters.clear()
        self._counters_due_s = 0.0
        await self._line.doubt()
        return WrongDevice(f"{self._line.link} is not the meter of profile {self._profile.id}: {why}")

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

    async def _block(self, block: Block) -> dict[Place, int]:
        registers = await self._line.read(
            block,
            self._unit_id,
            gap_s=self._gap_s,
            connect_delay_s=self._profile.limits.connect_delay_s,
        )
        return dict(zip(_places(block), registers, strict=True))


@lru_cache(maxsize=256)
def _places(block: Block) -> tuple[Place, ...]:
    """Return where the words of a block are; a meter is asked for the same few every second."""
    return tuple((block.function, block.start + index) for index in range(block.count))


def _bytes(words: Sequence[int]) -> bytes:
    return struct.pack(f">{len(words)}H", *words)
