"""One owner per physical line: every meter on it asks through here, one request at a time.

pymodbus as it is would wait 12 s for a silent meter, take answers with too few registers for good, and after
a timeout hand a late answer to the next question. So: no retries inside, an own deadline, count and unit and
function checked, and every timeout ends the connection.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Literal

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from controller.clock import Clock
from controller.errors import MeterRefused, MeterUnreachable
from controller.meters.plan import Block

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # one line per failed request otherwise

BACKOFF_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
BUSY = frozenset({5, 6})
"""Modbus exceptions that mean "again in a moment": acknowledge, device busy."""

HEARD_BYTES = 16
"""So much of a foreign answer is shown."""

_MEANING = {
    1: "does not know this kind of request",
    2: "does not have these registers; another profile?",
    3: "does not accept this length",
    4: "failed inside",
    5: "is busy",
    6: "is busy",
    10: "gateway has no path to the meter",
    11: "gateway gets no answer from the meter; wrong unit id, or the meter is off",
}


@dataclass(frozen=True, slots=True)
class Link:
    """How to reach a line. TCP needs host and port, a serial line its device."""

    transport: Literal["tcp", "rtu", "rtu_over_tcp"]
    host: str = ""
    port: int = 502
    device: str = ""
    baudrate: int = 9600
    parity: str = "N"
    stopbits: int = 1

    def __str__(self) -> str:
        return self.device if self.transport == "rtu" else f"{self.host}:{self.port}"


class Line:
    """A connection that is opened when needed and closed at the first doubt."""

    def __init__(self, link: Link, *, clock: Clock, timeout_s: float = 1.0) -> None:
        self.link = link
        self._clock, self._timeout_s = clock, timeout_s
        self._lock = asyncio.Lock()
        self._client: Any = None
        self._failures = 0
        self._not_before_s = 0.0
        self._last_request_s = 0.0
        self.connections = 0
        self._heard = b""

    async def read(
        self, block: Block, unit_id: int, *, gap_s: float = 0.0, connect_delay_s: float = 0.0
    ) -> list[int]:
        """Return the registers of one block.

        Raises MeterUnreachable (connection is closed, the next read opens a new one after a pause) or
        MeterRefused (the connection stays).
        """
        async with self._lock:
            await self._connect(connect_delay_s)
            for attempt in (1, 2):
                try:
                    return await self._request(block, unit_id, gap_s)
                except MeterRefused as error:
                    if error.exception_code not in BUSY or attempt == 2:
                        raise
                    await asyncio.sleep(max(gap_s, 0.05))
            raise AssertionError("unreachable")

    async def doubt(self) -> None:
        """Close the connection, to find out at the next read who answers on a new one."""
        async with self._lock:
            self._fail()

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            self._drop()

    async def _connect(self, connect_delay_s: float) -> None:
        if self._client is not None and self._client.connected:
            return
        now_s = self._clock.monotonic()
        if now_s < self._not_before_s:
            raise MeterUnreachable(
                f"{self.link} did not answer; next try in {self._not_before_s - now_s:.1f} s"
            )
        self._drop()
        self._client = self._make()
        try:
            connected = await self._bounded(self._client.connect())
        except (TimeoutError, OSError, ModbusException):
            connected = False
        if not connected:
            self._fail()
            raise MeterUnreachable(f"{self.link} cannot be connected to")
        self.connections += 1
        if connect_delay_s:
            await asyncio.sleep(connect_delay_s)

    def _make(self) -> Any:
        link = self.link
        common: dict[str, Any] = {"timeout": self._timeout_s, "retries": 0, "reconnect_delay": 0}
        common["trace_packet"] = self._listen
        if link.transport == "rtu":
            return AsyncModbusSerialClient(
                link.device, baudrate=link.baudrate, parity=link.parity, stopbits=link.stopbits, **common
            )
        framer = FramerType.RTU if link.transport == "rtu_over_tcp" else FramerType.SOCKET
        return AsyncModbusTcpClient(link.host, port=link.port, framer=framer, **common)

    async def _request(self, block: Block, unit_id: int, gap_s: float) -> list[int]:
        wait_s = self._last_request_s + gap_s - self._clock.monotonic()
        if 0 < wait_s <= gap_s:
            await asyncio.sleep(wait_s)
        client = self._client
        self._heard = b""
        ask = client.read_input_registers if block.function == 4 else client.read_holding_registers
        try:
            answer = await self._bounded(ask(block.start, count=block.count, device_id=unit_id))
        except (TimeoutError, OSError, ModbusException, asyncio.InvalidStateError) as error:
            self._fail()
            raise MeterUnreachable(f"{self.link} {self._heard_text(type(error).__name__)}") from None
        finally:
            self._last_request_s = self._clock.monotonic()
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            self._failures = 0
            meaning = _MEANING.get(code, "refused")
            raise MeterRefused(f"{self.link}: the device {meaning} (exception {code})", exception_code=code)
        registers = list(answer.registers)
        right = answer.dev_id == unit_id and answer.function_code == block.function
        if len(registers) != block.count or not right:
            self._fail()
            raise MeterUnreachable(f"{self.link} answered another question")
        self._failures = 0
        return registers

    def _listen(self, sending: bool, data: bytes) -> bytes:
        """Keep the first bytes of an answer, to say what it was if it was no Modbus."""
        if not sending and len(self._heard) < HEARD_BYTES:
            self._heard += data[:HEARD_BYTES]
        return data

    def _heard_text(self, error: str) -> str:
        """Return what was wrong with the answer; on TCP, bytes 2 and 3 of a Modbus frame are zero."""
        heard = self._heard[:HEARD_BYTES]
        foreign = self.link.transport == "tcp" and len(heard) >= 4 and heard[2:4] != b"\0\0"
        if foreign:
            return f"speaks no Modbus; its answer begins with {heard!r}"
        return f"gave no usable answer ({error})" if heard else f"gave no answer ({error})"

    async def _bounded(self, work: Awaitable[Any]) -> Any:
        async with asyncio.timeout(2 * self._timeout_s):
            return await work

    def _fail(self) -> None:
        """Close, and wait before the next connection: longer each time, never in step with others."""
        self._drop()
        pause_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        if self.link.transport != "tcp":
            pause_s = max(pause_s, self._timeout_s)  # a late answer must find nobody
        self._not_before_s = self._clock.monotonic() + pause_s * random.uniform(0.8, 1.2)  # noqa: S311

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()
