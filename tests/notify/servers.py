"""Who takes messages, on loopback: an ntfy that keeps what it is sent, an SMTP server, an MQTT broker.

The broker is a small honest one of its own: it speaks the packets of MQTT 3.1.1 that a publisher needs.
"""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType

from aiosmtpd.smtp import SMTP, AuthResult


class Listening:
    """A server on a free port of this machine; `mode` says how it behaves."""

    def __init__(self, mode: str = "ok", tls: object = None) -> None:
        self.mode, self._tls = mode, tls
        self.port = 0
        self.connected = asyncio.Event()
        self.heard = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Listening":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)  # type: ignore[arg-type]
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connected.set()
        try:
            if self.mode == "stall":
                await asyncio.sleep(600)
            await self.talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak the protocol of this server once."""
        raise NotImplementedError


class NtfyServer(Listening):
    """Keeps every posted document and its headers; `mode` is a status, or `drip` or `huge`."""

    def __init__(self, mode: str = "200", tls: object = None) -> None:
        super().__init__(mode, tls)
        self.posts: list[tuple[dict[str, str], dict[str, object]]] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if ": " in line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.posts.append(({**headers, ":line": lines[0]}, json.loads(body)))
        if self.mode == "huge":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000)
        elif self.mode == "302":
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        else:
            status = self.mode.encode()
            writer.write(b"HTTP/1.1 " + status + b" X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        self.heard.set()
        await writer.drain()


@dataclass
class Mailbox:
    """What the SMTP server took."""

    user: bytes = b"me"
    password: bytes = b"canary-mail-9f"
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: int = 0

    async def handle_DATA(self, server: SMTP, session: object, envelope: object) -> str:
        """Take a mail in."""
        self.mails.append(envelope.content)  # type: ignore[attr-defined]
        self.recipients += envelope.rcpt_tos  # type: ignore[attr-defined]
        return "250 taken"

    def authenticate(
        self, server: SMTP, session: object, envelope: object, mechanism: str, data: object
    ) -> AuthResult:
        """Let in who knows user and password."""
        self.logins += 1
        good = (data.login, data.password) == (self.user, self.password)  # type: ignore[attr-defined]
        return AuthResult(success=good, handled=good)


async def smtp_server(box: Mailbox, tls: object = None, *, login: bool = False) -> asyncio.Server:
    """Return a real SMTP server; with `tls` it insists on STARTTLS, with `login` on a password."""
    loop = asyncio.get_running_loop()

    def build() -> SMTP:
        return SMTP(
            box,
            hostname="mail.test",
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=box.authenticate if login else None,
            auth_required=login,
            auth_require_tls=True,
        )

    return await loop.create_server(build, "127.0.0.1", 0)


class Broker(Listening):
    """Takes CONNECT and PUBLISH; `mode` refused answers as to a wrong password, mute acknowledges nothing."""

    def __init__(self, mode: str = "ok", tls: object = None) -> None:
        super().__init__(mode, tls)
        self.published: list[tuple[str, dict[str, object]]] = []
        self.connects: list[bytes] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first, body = await self._packet(reader)
            if first >> 4 == 1:
                self.connects.append(body)
                writer.write(b"\x20\x02\x00" + (b"\x05" if self.mode == "refused" else b"\x00"))
            elif first >> 4 == 3:
                size = int.from_bytes(body[:2], "big")
                topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
                assert (first >> 1) & 3 == 1  # QoS 1
                self.published.append((topic, json.loads(rest[2:])))
                self.heard.set()
                if self.mode != "mute":
                    writer.write(b"\x40\x02" + rest[:2])
            elif first >> 4 == 12:
                writer.write(b"\xd0\x00")
            elif first >> 4 == 14:
                return
            await writer.drain()

    async def _packet(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first = (await reader.readexactly(1))[0]
        size, shift = 0, 0
        while True:
            byte = (await reader.readexactly(1))[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, await reader.readexactly(size)
