"""HTTP/1.1 on a socket, bounded in everything: 8 connections, one request each, 8 kB, 2 s.

It lives in the event loop of the controller, so it does little: h11 parses, an answer is made, the connection
is closed. Who connects while eight are open is turned away at once.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable

import h11

from controller.interface.answers import JSON, Answer, Request, error

CONNECTIONS = 8
REQUEST_BYTES = 8192
"""Of the head, and of the content: a push has a hundred."""

CONNECTION_S = 2.0
"""From the first byte to the last; whoever is slower is cut off."""

CLOSE_S = 0.5
"""What closing may take of the time a stop has."""

_HEADERS = (
    ("Content-Type", JSON),
    ("Cache-Control", "no-store"),
    ("Connection", "close"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)


class Server:
    """Listens at one address and lets `answer` answer."""

    def __init__(self, host: str, port: int, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        self.host, self.port = host, port
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def listening(self) -> bool:
        """Return whether somebody can connect."""
        return self._server is not None

    async def start(self) -> None:
        """Listen; `port` then holds the real one. Raises OSError where the address cannot be had."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=REQUEST_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut off who is connected."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            async with asyncio.timeout(CONNECTION_S):
                await self._converse(reader, writer)
        except (TimeoutError, OSError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=REQUEST_BYTES)
        try:
            request = await _read(connection, reader, writer)
            answer = (
                error(413, f"accepted: {REQUEST_BYTES} bytes")
                if request is None
                else await self._answer(request)
            )
        except h11.RemoteProtocolError as problem:
            answer = error(problem.error_status_hint, "this is no HTTP request that can be read")
        except EOFError:
            return
        writer.write(_encoded(connection, answer))
        await writer.drain()
        writer.write_eof()
        # What is still on the way is read and dropped: closed at once, the answer would be lost with it.
        while await reader.read(REQUEST_BYTES):
            pass


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """Return one request, None if it is too large. Raises RemoteProtocolError, EOFError."""
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(connection.send(go_on) or b"")
            connection.receive_data(await reader.read(REQUEST_BYTES))
        elif isinstance(event, h11.Request):
            head = event
            if _announced(head) > REQUEST_BYTES:
                return None
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > REQUEST_BYTES:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode("ascii"), head.target.decode("ascii"), headers, body)
        else:
            raise EOFError


def _announced(head: h11.Request) -> int:
    """Return how long the content will be as far as it is said; h11 has checked that it is a number."""
    return next((int(value) for name, value in head.headers if name == b"content-length"), 0)


def _encoded(connection: h11.Connection, answer: Answer) -> bytes:
    """Return the answer as bytes; of an answer to HEAD the head alone."""
    body = json.dumps(answer.document, allow_nan=False).encode() + b"\n"
    headers = [*_HEADERS, ("Content-Length", str(len(body))), *answer.headers]
    data = connection.send(h11.Response(status_code=answer.status, headers=headers)) or b""
    with contextlib.suppress(h11.LocalProtocolError):
        data += connection.send(h11.Data(data=body)) or b""
    return data
