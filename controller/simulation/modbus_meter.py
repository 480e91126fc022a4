"""A Modbus meter of any profile: a real server on loopback that can also misbehave.

Written on sockets rather than on a server library, so that every frame can be bent. `mode` is switched at run
time; each name is one picture of trouble seen in the field.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from typing import Any

from controller.meters.profile import Profile
from controller.simulation.registers import Quantities, RegisterMap

MODES = frozenset(
    (
        "ok",
        "silent",
        "reset",
        "close_mid_answer",
        "frozen",
        "nan",
        "zeros",
        "wrong_count",
        "wrong_function",
        "wrong_unit",
        "wrong_transaction",
        "slow_drip",
        "garbage",
        "http",
        "busy_once",
        "busy",
        "gateway",
        "infinite",
        "huge",
        "alternating",
        "heartbeat_still",
        "long",
        "glued",
        "split",
        "noise",
        "tls",
        "flood",
        "late",
        "illegal",
        "turned",
        "exports_20_kw",
        "phase_dead",
        "phases_swapped",
    )
)

FLOOD_BYTES = 1_000_000
FOREIGN = {
    "garbage": bytes(range(256)),
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x28",
    "noise": bytes((7 * index * index + 13 * index + 5) % 251 for index in range(200)),
    "flood": bytes(FLOOD_BYTES),
}
"""What some port answers that is not a meter."""


class ModbusMeterServer:
    """Serves one profile. `source` is asked at each request for the physical values of that moment."""

    def __init__(
        self,
        profile: Profile,
        source: Callable[[], Quantities],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        unit_id: int | None = None,
        rtu: bool = False,
        max_clients: int | None = None,
    ) -> None:
        self.registers = RegisterMap(profile)
        self.port, self.mode = port, "ok"
        self.requests: list[tuple[int, int, int]] = []
        self._source, self._host, self._rtu = source, host, rtu
        self._unit_id = profile.unit_id if unit_id is None else unit_id
        self._max = max_clients
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._busy_left = 0
        self._late: bytes | None = None
        self._frames: list[dict[str, Any]] = []
        self._turns = 0

    def misbehave(self, mode: str) -> None:
        """Switch the mode; raises ValueError for an unknown one."""
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}, known: {sorted(MODES)}")
        self.mode, self._busy_left = mode, 1
        self._frames.clear()

    async def start(self) -> None:
        """Listen; `port` then holds the real one."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        if self._server is not None:
            await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._max is not None and len(self._writers) >= self._max:
            writer.close()
            return
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await self._exchange(reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transaction, unit, function, start, count = await self._request(reader)
        self.requests.append((function, start, count))
        mode = self.mode
        if mode == "silent" or unit != self._unit_id:
            return
        if mode == "reset":
            writer.transport.abort()
            raise ConnectionResetError
        pdu = self._pdu(function, start, count)
        if mode == "wrong_function":
            pdu = bytes([function ^ 7]) + pdu[1:]
        if mode == "wrong_unit":
            unit = (unit + 1) % 256
        if mode == "wrong_transaction":
            transaction = (transaction + 1) % 65536
        frame = self._frame(transaction, unit, pdu)
        if mode == "late":  # a serial gateway one question behind, and it stays so over reconnects
            frame, self._late = self._late or b"", frame
            if not frame:
                return
        else:
            self._late = None
        await self._send(writer, frame)

    async def _request(self, reader: asyncio.StreamReader) -> tuple[int, int, int, int, int]:
        """Return transaction, unit, function, start and count of the next request."""
        if self._rtu:
            frame = await reader.readexactly(8)
            unit, function, start, count = struct.unpack(">BBHH", frame[:6])
            return 0, unit, function, start, count
        head = await reader.readexactly(7)
        transaction, protocol, length, unit = struct.unpack(">HHHB", head)
        if protocol != 0 or length < 2:
            raise ConnectionResetError  # no Modbus TCP: a device hangs up
        body = await reader.readexactly(length - 1)
        function, start, count = struct.unpack(">BHH", body[:5].ljust(5, b"\0"))
        return transaction, unit, function, start, count

    def _pdu(self, function: int, start: int, count: int) -> bytes:
        """Return the answer's function code and data, or an exception as a device would."""
        limits = self.registers.profile.limits
        if self.mode == "gateway":
            return bytes([function | 0x80, 11])
        if self.mode == "illegal":
            return bytes([function | 0x80, 2])
        if self.mode == "busy" or (self.mode == "busy_once" and self._busy_left):
            self._busy_left = 0
            return bytes([function | 0x80, 6])
        if function not in (3, 4):
            return bytes([function | 0x80, 1])
        if not 1 <= count <= limits.max_registers or (limits.even and (start % 2 or count % 2)):
            return bytes([function | 0x80, 3])
        if self.mode != "frozen":
            self.registers.update(self._shown())
        words = self._words(function, start, count)
        if words is None:
            return bytes([function | 0x80, 2])
        if self.mode == "wrong_count":
            words = words[:-1]
        if self.mode == "long":
            words = [*words, 0, 0]
        return struct.pack(f">BB{len(words)}H", function, 2 * len(words), *words)

    def _shown(self) -> Quantities:
        """Return what the meter makes of the house in the modes that lie about it."""
        seen = dict(self._source())
        if self.mode == "heartbeat_still":
            return {key: value for key, value in seen.items() if key != "heartbeat"}
        if self.mode == "alternating":  # two pictures for ever, one after the other
            if len(self._frames) < 2:
                self._frames.append(seen)
            self._turns += 1
            return self._frames[self._turns % len(self._frames)]
        if self.mode == "turned":
            return seen | {key: _negative(seen[key]) for key in _SIGNED if key in seen}
        if self.mode == "exports_20_kw":
            third = 20_000.0 / 3
            powers = (-third - self._turns % 7, -third, -third + self._turns % 5)
            self._turns += 1
            amps = tuple(power / 230.0 for power in powers)
            return seen | {"grid_import_w": sum(powers), "phase_import_w": powers, "phase_current_a": amps}
        if self.mode == "phase_dead":
            dead = {key: (*seen[key][:2], 0.0) for key in ("phase_import_w", "phase_current_a", "voltage_v")}
            return seen | dead | {"grid_import_w": sum(dead["phase_import_w"])}
        if self.mode == "phases_swapped":  # the register of L1 holds the whole
            return seen | {"phase_import_w": (seen["grid_import_w"], *seen["phase_import_w"][1:])}
        return seen

    def _words(self, function: int, start: int, count: int) -> list[int] | None:
        """Return the registers; gaps inside a block of the profile read 0, anything else does not exist."""
        known = self.registers.words
        found = [known.get((function, address)) for address in range(start, start + count)]
        if all(word is None for word in found):
            return None
        words = [word or 0 for word in found]
        if self.mode == "zeros":
            return [0] * count
        if self.mode == "nan":
            return [0x7FC0 if index % 2 == 0 else 0 for index in range(count)]
        if self.mode == "infinite":
            return [0xFF80 if index % 2 == 0 else 0 for index in range(count)]
        if self.mode == "huge":
            return [0x7F7F, 0xFFFF] * (count // 2) + [0x7FFF] * (count % 2)
        return words

    def _frame(self, transaction: int, unit: int, pdu: bytes) -> bytes:
        if self.mode in FOREIGN:
            return FOREIGN[self.mode]
        if self._rtu:
            body = bytes([unit]) + pdu
            return body + _crc(body)
        return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu

    async def _send(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        if self.mode == "close_mid_answer":
            writer.write(frame[: len(frame) // 2])
            await writer.drain()
            raise ConnectionResetError
        if self.mode == "slow_drip":
            for index in range(len(frame)):
                writer.write(frame[index : index + 1])
                await writer.drain()
                await asyncio.sleep(0.2)
            return
        if self.mode == "split":
            for part in (frame[:3], frame[3:9], frame[9:]):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.02)
            return
        writer.write(frame + frame if self.mode == "glued" else frame)
        await writer.drain()


_SIGNED = ("grid_import_w", "phase_import_w", "phase_current_a")


def _negative(value: Any) -> Any:
    return tuple(-part for part in value) if isinstance(value, tuple) else -value


def _crc(data: bytes) -> bytes:
    """Return the CRC-16 of Modbus RTU, low byte first (Modbus over serial line, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")
