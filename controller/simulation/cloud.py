"""go-e's cloud and local API in front of a simulated box: a real HTTP/1.1 server on loopback.

It answers as the documentation and users describe: 200 with `Last-Modified`, 401 for a wrong token, 403 while
the API is off, 404 with the age when data is old, 422 when every key is refused, 202 for "forwarded". Faults
are switched on by name at run time; every request is kept, so that a test can count writes.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

from controller.simulation.box import KNOWN, Box

DELIVERY_S = 0.5
MAX_REQUEST_BYTES = 16 * 1024
FAULTS = frozenset(
    (
        "accept_drop",
        "apply_but_hang",
        "bad_gateway",
        "bad_json",
        "bomb",
        "down",
        "forbidden",
        "html",
        "latency",
        "limit_data",
        "outdated_404",
        "partial_keys",
        "rate_limit",
        "redirect",
        "reset_peer",
        "slicer",
        "stale_data",
        "status_400",
        "timeout",
        "token_revoked",
        "undated",
        "unprocessable",
    )
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; `at_s` in simulated time."""

    at_s: float
    path: str
    query: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


class GoeServer:
    """Serves one box. `now_s` is simulated time, `deliver` puts a write into it after `delay_s`."""

    def __init__(
        self,
        box: Box,
        token: str,
        *,
        now_s: Callable[[], float],
        epoch: datetime,
        host: str = "127.0.0.1",
        port: int = 0,
        local: bool = False,
        delay_s: float = DELIVERY_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.box, self.token = box, token
        self.faults: set[str] = set()
        self.dropped_keys: frozenset[str] = frozenset()
        self.refused_keys: frozenset[str] = frozenset()
        self.retry_after: str | None = "7"  # of the fault rate_limit
        self.raw: Reply | None = None  # the answer to everything, whatever was asked
        self.moved: dict[str, str | None] = {}  # headers of a status that are other than they should be
        self.latency_s = 0.0
        self.delay_s = delay_s
        self.requests: list[Request] = []
        self.port = port
        self._now_s, self._epoch, self._host, self._local = now_s, epoch, host, local
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._under_way: list[tuple[float, dict[str, Any]]] = []
        self._cached: tuple[float, dict[str, Any]] | None = None

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    @property
    def writes(self) -> list[Request]:
        """Return the requests that asked for a change."""
        return [request for request in self.requests if request.path == "/api/set"]

    def fail(self, *faults: str) -> None:
        """Switch these faults on and all others off; raises ValueError for an unknown name."""
        unknown = set(faults) - FAULTS
        if unknown:
            raise ValueError(f"unknown faults: {sorted(unknown)}, known: {sorted(FAULTS)}")
        self.faults = set(faults)

    def use_tls(self, tls: ssl.SSLContext) -> None:
        """Speak TLS from the next start on."""
        self._tls = tls

    async def start(self) -> None:
        """Listen; `port` then holds the real one."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every open connection."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        if self._server is not None:
            await self._server.wait_closed()
        self._server = None

    def deliver(self) -> None:
        """Hand the box the writes whose time has come; called as simulated time passes."""
        now_s = self._now_s()
        for item in [item for item in self._under_way if item[0] <= now_s]:
            self._under_way.remove(item)
            for key, value in item[1].items():
                self.box.set(key, value)
            self.box.writes.append((now_s, item[1]))

    # -- HTTP -----------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            await self._converse(reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST_BYTES)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(4096))
            elif isinstance(event, h11.Request):
                if not await self._answer(connection, event, writer):
                    return
            elif isinstance(event, h11.EndOfMessage):
                if connection.our_state is h11.MUST_CLOSE:
                    return
                connection.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return

    async def _answer(
        self, connection: h11.Connection, event: h11.Request, writer: asyncio.StreamWriter
    ) -> bool:
        """Send the reply; return whether the connection lives on."""
        target = urlsplit(event.target.decode("ascii", "replace"))
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in event.headers}
        params = dict(parse_qsl(target.query, keep_blank_values=True))
        request = Request(self._now_s(), target.path, target.query, params, headers)
        self.requests.append(request)
        if "latency" in self.faults or self.latency_s:
            await asyncio.sleep(self.latency_s)
        if "down" in self.faults or "reset_peer" in self.faults:
            writer.transport.abort()
            return False
        if "timeout" in self.faults:
            await asyncio.sleep(3600)
        reply = self._reply(request)
        if "apply_but_hang" in self.faults and request.path == "/api/set":
            await asyncio.sleep(3600)
        names = [("Date", self._http_date(self._now_s())), ("Content-Length", str(len(reply.body)))]
        if not any(name == "Content-Type" for name, _ in reply.headers):
            names.append(("Content-Type", "application/json"))
        if "undated" in self.faults:
            reply.headers = [pair for pair in reply.headers if pair[0] != "Last-Modified"]
        sent = [pair for pair in names + reply.headers if pair[0] not in self.moved]
        sent += [(name, text) for name, text in self.moved.items() if text is not None]
        head = connection.send(h11.Response(status_code=reply.status, headers=sent))
        data = (head or b"") + (connection.send(h11.Data(data=reply.body)) or b"")
        connection.send(h11.EndOfMessage())
        if "limit_data" in self.faults:
            writer.write(data[: len(data) // 2])
            await writer.drain()
            return False
        if "slicer" in self.faults:
            for index in range(len(data)):
                writer.write(data[index : index + 1])
                await writer.drain()
                await asyncio.sleep(0.05)
        else:
            writer.write(data)
            await writer.drain()
        return True

    # -- API ------------------------------------------------------------------------------------

    def _reply(self, request: Request) -> Reply:
        fault = self._fault()
        if fault is not None:
            return fault
        if not self._local:
            if not self._authorised(request):
                return _json(401, {"success": False, "reason": "unauthorized"})
            if not self.box.cae or "forbidden" in self.faults:
                return _json(403, {"success": False, "reason": "forbidden"})
        if request.path == "/api/status":
            return self._status(request)
        if request.path == "/api/set":
            return self._set(request)
        return _json(404, {"success": False, "reason": "not found"})

    def _fault(self) -> Reply | None:
        """Return the reply of a fault that hides the API, None if none is on."""
        faults = self.faults
        if self.raw is not None:
            return replace(self.raw, headers=list(self.raw.headers))
        if "bad_gateway" in faults:
            return Reply(502, b"<html>bad gateway</html>", [("Content-Type", "text/html")])
        if "html" in faults:
            return Reply(200, b"<html><title>login</title></html>", [("Content-Type", "text/html")])
        if "bad_json" in faults:
            return Reply(200, b'{"car":2,"amp":')
        if "bomb" in faults:
            return Reply(200, b"[" * 200_000)
        if "redirect" in faults:
            return Reply(302, b"", [("Location", "http://127.0.0.1:9/elsewhere")])
        if "rate_limit" in faults:
            return Reply(429, b"{}", [("Retry-After", self.retry_after)] if self.retry_after else [])
        return None

    def _authorised(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = given or request.params.get("token", "")
        return "token_revoked" not in self.faults and given == self.token

    def _status(self, request: Request) -> Reply:
        now_s = self._now_s()
        frozen = "stale_data" in self.faults or "outdated_404" in self.faults or self.box.dark_s > 0
        if self._cached is None or not frozen:
            self._cached = (now_s, self.box.status())
        data_s, document = self._cached
        age_s = now_s - data_s
        most_s = _number(request.params.get("age"), 30.0)
        if (
            not self._local
            and "stale_data" not in self.faults
            and (age_s > most_s or "outdated_404" in self.faults)
        ):
            reason = {"success": False, "reason": "Data is outdated", "age": round(age_s + 0.17, 2)}
            return _json(404, reason)
        wanted = request.params.get("filter")
        if wanted:
            document = {key: document[key] for key in wanted.split(",") if key in document}
        if "partial_keys" in self.faults:
            document = dict(list(document.items())[::2])
        code = 400 if "status_400" in self.faults else 200
        reply = _json(code, document)
        if not self._local:
            reply.headers.append(("Last-Modified", self._http_date(data_s)))
        return reply

    def _set(self, request: Request) -> Reply:
        now_s = self._now_s()
        values: dict[str, Any] = {}
        failed: dict[str, str] = {}
        for key, text in request.params.items():
            if key == "token":
                continue
            if (key not in KNOWN and not self._local) or key in self.refused_keys:
                failed[key] = f"{key}: unknown"
                continue
            try:
                values[key] = json.loads(text)
            except ValueError:
                failed[key] = f"{key}: invalid json"
        if "unprocessable" in self.faults or (failed and not values):
            return _json(422, {"succeeded": [], "failed": [{key: None} for key in request.params]})
        if self._local:
            return self._set_local(values)
        if self.box.dark_s > 0:
            return _json(404, {"success": False, "reason": "Data is outdated", "age": 31.2})
        kept = {key: value for key, value in values.items() if key not in self.dropped_keys}
        if "accept_drop" not in self.faults and kept:
            self._under_way.append((now_s + self.delay_s, kept))
        answer = {
            "succeeded": [{key: value} for key, value in values.items()],
            "failed": [{key: text} for key, text in failed.items()],
        }
        return _json(202, answer)

    def _set_local(self, values: dict[str, Any]) -> Reply:
        if "accept_drop" in self.faults:
            return _json(200, dict.fromkeys(values, True))
        results = {key: self.box.set(key, value) for key, value in values.items()}
        self.box.writes.append((self._now_s(), values))
        worst = 500 if any(text is not None for text in results.values()) else 200
        return _json(worst, {key: True if text is None else text for key, text in results.items()})

    def _http_date(self, at_s: float) -> str:
        moment = self._epoch.astimezone(UTC) + timedelta(seconds=at_s)
        return format_datetime(moment.replace(microsecond=0), usegmt=True)


def _json(status: int, document: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(document, separators=(",", ":")).encode())


def _number(text: str | None, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError:
        return default
