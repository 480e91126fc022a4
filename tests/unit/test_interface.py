"""The HTTP interface on a real socket: who may, what is understood, and what nobody can do to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import ConfigError
from controller.interface.answers import Answers, Request, own_name
from controller.interface.server import CONNECTIONS, REQUEST_BYTES, Server

TOKEN = "canary-5e0f9a77c3d1"
STATUS = {"car_connected": True, "reason": "the sun \u2600 shines"}
GOOD = b'{"soc_pct": 62, "car": "Zoe"}'
THREE_CHUNKS = (b"fff\r\n%s\r\n" % (b"x" * 4095)) * 3
ENDS_S = 30.0
"""However busy the machine: a connection that should end has ended by then."""


@dataclass
class World:
    """What stands behind the interface: two cars, a disk that may refuse, a clock moved by hand."""

    told: list[tuple[str, float]] = field(default_factory=list)
    well: bool = True
    now_s: float = 0.0
    token: str | None = None
    status: dict[str, Any] | None = field(default_factory=lambda: dict(STATUS))

    async def tell(self, car: str, soc_pct: float) -> bool:
        self.told.append((car, soc_pct))
        return self.well

    def answers(self, cars: tuple[str, ...] = ("Zoe", "Leaf")) -> Answers:
        token = None if self.token is None else lambda: str(self.token)
        return Answers(cars, lambda: self.status, self.tell, token=token, now_s=lambda: self.now_s)


@pytest.fixture
def world() -> World:
    return World()


Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


@pytest.fixture
async def server(world: World) -> AsyncIterator[Server]:
    async def answer(request: Request):
        return await world.answers()(request)

    made = Server("127.0.0.1", 0, answer)
    await made.start()
    yield made
    await made.close()
    assert not made.listening


async def spoken(server: Server, raw: bytes, *, end: bool = False) -> bytes:
    """Return all that comes back for these bytes until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(raw)
        if end:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), ENDS_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def raw(
    method: str = "GET", path: str = "/api/status", body: bytes = b"", host: str = "127.0.0.1", **headers: str
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def push(body: bytes = GOOD, **headers: str) -> bytes:
    return raw("POST", "/api/car/soc", body, **{"Content_Type": "application/json", **headers})


def parsed(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


async def ask(server: Server, request: bytes) -> tuple[int, dict[str, Any]]:
    return parsed(await spoken(server, request))


async def test_a_push_is_told_and_repeated(server: Server, world: World) -> None:
    """Named, and unnamed for the one at the cable where the config has two."""
    understood = {"understood": {"car": "Zoe", "soc_pct": 62.0}}
    assert await ask(server, push()) == (200, understood)
    assert await ask(server, push(b'{"soc_pct": 0.5}')) == (
        200,
        {"understood": {"car": None, "soc_pct": 0.5}},
    )
    assert world.told == [("Zoe", 62.0), ("", 0.5)]
    alone = await world.answers(("Leaf",))(
        Request("POST", "/api/car/soc", {"host": "x", "content-type": "application/json"}, b'{"soc_pct": 1}')
    )
    assert alone.status == 200
    assert world.told[-1] == ("Leaf", 1.0)


async def test_the_status_is_what_it_was_given_and_nothing_may_keep_or_frame_it(server: Server) -> None:
    answer = await spoken(server, raw())
    assert parsed(answer) == (200, STATUS)
    head = answer.partition(b"\r\n\r\n")[0].lower()
    for line in (b"cache-control: no-store", b"x-content-type-options: nosniff", b"default-src 'none'"):
        assert line in head
    assert b"access-control" not in head


async def test_before_the_first_decision_and_on_an_ill_disk_it_says_so(server: Server, world: World) -> None:
    world.status, world.well = None, False
    assert await ask(server, raw()) == (503, {"error": "nothing has been decided yet"})
    assert await ask(server, push()) == (503, {"error": "the disk refuses; say it again later"})


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "Accepted"),
        (b"{", "Accepted"),
        (b"[62]", "Accepted"),
        (b"{}", "soc_pct: Field required"),
        (b'{"soc_pct": "62"}', "soc_pct"),
        (b'{"soc_pct": true}', "soc_pct"),
        (b'{"soc_pct": null}', "soc_pct"),
        (b'{"soc_pct": 101}', "soc_pct"),
        (b'{"soc_pct": -0.1}', "soc_pct"),
        (b'{"soc_pct": NaN}', "Accepted"),
        (b'{"soc_pct": Infinity}', "Accepted"),
        (b'{"soc_pct": 1e999}', "soc_pct"),
        (b'{"soc_pct": 62, "amp": 16}', "is not a key"),
        (b'{"soc_pct": 62, "car": 3}', "car"),
        (b'{"soc_pct": 62, "car": "Tesla"}', "the config names Zoe, Leaf"),
        (b'{"soc_pct": 62, "car": "\\ud800"}', "Accepted"),
        (b"\xff\xfe{}", "Accepted"),
        (b"[" * 8000, "Accepted"),
        (b'{"a":' * 1600, "Accepted"),
    ],
)
async def test_bad_content_gets_advice_and_changes_nothing(
    server: Server, world: World, body: bytes, named: str
) -> None:
    status, document = await ask(server, push(body))
    assert status == 400
    assert named in document["error"]
    assert len(document["error"]) < 400
    assert world.told == []


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (raw("POST"), 405, "GET"),
        (raw("DELETE", "/api/car/soc"), 405, "POST"),
        (raw("OPTIONS", "/api/car/soc", Origin="http://127.0.0.1"), 405, "POST"),  # no preflight succeeds
        (raw(path="/"), 404, "/api/car/soc"),
        (raw(path="/api/set?amp=32"), 400, "question mark"),
        (raw(path="/api/status?token=canary-x1y2z3"), 400, "question mark"),
        (raw(path="http://evil.example/api/status"), 404, "there are"),
        (raw("POST", "/api/car/soc", GOOD, Content_Type="text/plain"), 415, "application/json"),
        (raw("POST", "/api/car/soc", GOOD), 415, "application/json"),
        (push(Origin="null"), 403, "web pages"),
        (push(Origin="http://127.0.0.1"), 403, "web pages"),
        (raw(host="evil.example"), 421, "address"),
        (raw(host="evil.example:80", path="/api/car/soc"), 421, "address"),
        (raw(host="127.0.0.1.evil.example"), 421, "address"),
    ],
)
async def test_x10_x11_closed_doors(
    server: Server, world: World, request_: bytes, status: int, said: str
) -> None:
    """Another method, path, sender or name: refused in JSON, with what is accepted, and nothing is told."""
    answer = await spoken(server, request_)
    assert parsed(answer)[0] == status
    assert said in parsed(answer)[1]["error"] + answer.partition(b"\r\n\r\n")[0].decode()
    assert world.told == []


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("192.168.1.5:8770", True),
        ("[::1]:8770", True),
        ("localhost:8770", True),
        ("raspberrypi", True),
        ("RaspberryPi.local:8770", True),
        ("", False),
        ("evil.example", False),
        ("evil.example:8770", False),
        ("local", True),
        (".local", False),
        ("a.b.local", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#.local", False),
    ],
)
def test_x10_only_names_nobody_outside_can_own(host: str, own: bool) -> None:
    assert own_name(host) is own


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xe9",
    ],
)
async def test_x9_without_the_token_nothing_is_told(
    server: Server, world: World, given: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither status nor push nor which paths there are; with it, both."""
    world.token = TOKEN
    headers = {} if given is None else {"Authorization": given}
    for request_ in (raw(**headers), push(**headers), raw(path="/", **headers)):
        status, document = await ask(server, request_)
        assert status == 401
        assert set(document) == {"error"}
    assert world.told == []
    right = {"Authorization": f"bearer {TOKEN}"}
    assert (await ask(server, raw(**right)))[0] == (await ask(server, push(**right)))[0] == 200


async def test_a_token_that_cannot_be_read_opens_nothing(world: World) -> None:
    def broken() -> str:
        raise ConfigError("others may read it")

    answers = Answers((), lambda: STATUS, world.tell, token=broken, now_s=lambda: 0.0)
    assert (await answers(Request("GET", "/api/status", {"host": "localhost"}))).status == 503


async def test_ten_pushes_a_minute_are_enough(world: World) -> None:
    answers = world.answers()
    request = Request("POST", "/api/car/soc", {"host": "x", "content-type": "application/json"}, GOOD)
    assert [(await answers(request)).status for _ in range(12)] == [200] * 10 + [429] * 2
    world.now_s = 60.0
    assert (await answers(request)).status == 200
    assert len(world.told) == 11


# -- X12: what nobody can do to it ------------------------------------------------------------------------


async def still_answers(server: Server) -> None:
    """Ask until it answers; while eight are open others are turned away."""
    async with asyncio.timeout(ENDS_S):
        while not (found := await spoken(server, raw())):
            pass
    assert parsed(found) == (200, STATUS)


@pytest.mark.parametrize(
    ("name", "begun"),
    [
        ("head", b"GET / HTTP/1.1\r\nX: " + b"x" * 3 * REQUEST_BYTES),
        ("endless head", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200_000),
        ("announced", raw("POST", "/api/car/soc", Content_Length="99999999")),
        ("content", push(b" " * (REQUEST_BYTES + 1))),
        ("chunks", raw("POST", "/api/car/soc", Transfer_Encoding="chunked") + THREE_CHUNKS),
        ("number", raw("POST", "/api/car/soc", Content_Length="9" * 5000)),
        ("two lengths", raw("POST", "/api/car/soc", Content_Length="1", content_length="2")),
        ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500),
        ("garbage", bytes(range(256)) * 8),
        ("no host", b"GET /api/status HTTP/1.1\r\n\r\n"),
        ("old", b"GET /api/status HTTP/0.9\r\n\r\n"),
        ("nul", b"GET /api/\x00status HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("folded", b"GET /api/status HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nB : d\r\n\r\n"),
    ],
)  # fmt: skip
async def test_x12_what_is_too_much_or_no_http_is_refused(
    server: Server, world: World, name: str, begun: bytes
) -> None:
    """An answer of the 4xx, or the connection ends; the next caller is served."""
    found = await spoken(server, begun)
    assert found == b"" or 400 <= parsed(found)[0] < 500
    if name in ("announced", "content", "chunks", "head"):
        assert parsed(found)[0] == (431 if name == "head" else 413)
    assert world.told == []
    await still_answers(server)


async def test_x12_who_is_slow_or_says_nothing_is_cut_off(server: Server) -> None:
    """Silent, half a head, half a content, a byte at a time: each ends without having said all."""

    async def drip() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            for byte in raw():
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.2)
            raise AssertionError("it was let finish")
        except ConnectionError:
            pass
        finally:
            writer.close()

    half = push()[:-5]
    ends = [spoken(server, begun) for begun in (b"", b"GET /api", half)]
    async with asyncio.timeout(ENDS_S):
        found = await asyncio.gather(drip(), *ends)
    assert found[1:] == [b"", b"", b""]
    await still_answers(server)


async def test_x12_the_ninth_is_turned_away_and_the_eight_are_cut_off(server: Server) -> None:
    """A hundred that hang: never more than eight are open, and when they are gone it serves again."""
    most = 0
    hanging = [asyncio.create_task(spoken(server, b"GET ")) for _ in range(100)]
    async with asyncio.timeout(ENDS_S):
        while not all(task.done() for task in hanging):
            most = max(most, len(server._open))
            await asyncio.sleep(0.01)
    assert most == CONNECTIONS
    assert [task.result() for task in hanging] == [b""] * 100
    await still_answers(server)


async def test_who_asks_first_whether_it_may_send_is_told_to_go_on(server: Server, world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    whole = push(Expect="100-continue")
    writer.write(whole.removesuffix(GOOD))
    line = await asyncio.wait_for(reader.readline(), ENDS_S)
    assert line.startswith(b"HTTP/1.1 100")
    writer.write(GOOD)
    assert b"200" in await asyncio.wait_for(reader.read(), ENDS_S)
    writer.close()
    assert world.told == [("Zoe", 62.0)]


async def test_a_head_alone_gets_a_head_alone(server: Server) -> None:
    answer = await spoken(server, raw("HEAD"))
    assert answer.startswith(b"HTTP/1.1 405")
    assert answer.endswith(b"\r\n\r\n")


@given(st.binary(max_size=600), st.dictionaries(st.text(max_size=12), st.text(max_size=20), max_size=4))
def test_any_content_and_headers_give_an_answer(body: bytes, headers: dict[str, str]) -> None:
    """Whatever is in a request: an answer that is JSON; only a number from 0 to 100 is ever told."""
    world = World(token=None)
    sent = {**headers, "host": "x", "content-type": "application/json"}
    answer = asyncio.run(world.answers()(Request("POST", "/api/car/soc", sent, body)))
    assert json.loads(json.dumps(answer.document, allow_nan=False))
    assert (answer.status == 200) is bool(world.told)
    assert all(0 <= pct <= 100 for _, pct in world.told)
