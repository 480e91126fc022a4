"""What programs push over HTTP, and what is kept of a plug-in: bent, on a real socket and into the core."""

import asyncio
import contextlib
import json
import re
from dataclasses import asdict
from typing import Any

from hypothesis import strategies as st

from controller.cars.car import KnownCar
from controller.cars.state_of_charge import PlugIn, followed, of_record, present
from controller.interface.answers import Answers, Request
from controller.interface.server import Server
from tests.fuzz.bend import any_body, bent, odd

PUSH = b'{"soc_pct": 62.5, "car": "Zoe"}'
WIRE = (
    b"POST /api/car/soc HTTP/1.1\r\nHost: 127.0.0.1:8770\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer 0123456789abcdef\r\nContent-Length: %d\r\n\r\n%b" % (len(PUSH), PUSH)
)
KEPT = asdict(PlugIn(True, "Zoe", 1_780_000_000_000, 0, 5000.0, 1_780_000_000_000, 120.0, 62.0, "hand"))
CARS = (KnownCar("Zoe", battery_kwh=52.0),)


def _answers(told: list[tuple[str, float]]) -> Answers:
    async def tell(car: str, soc_pct: float) -> bool:
        told.append((car, soc_pct))
        return True

    token = lambda: "0123456789abcdef"  # noqa: E731
    return Answers(("Zoe", "Leaf"), lambda: {"reason": "sun"}, tell, token=token, now_s=lambda: 0.0)


def _in_range(told: list[tuple[str, float]]) -> None:
    assert all(car in ("Zoe", "Leaf", "") and 0 <= soc_pct <= 100 for car, soc_pct in told)


def push_content(body: bytes) -> None:
    """Any content behind the right token: JSON comes back, and a number from 0 to 100 is told or nothing."""
    told: list[tuple[str, float]] = []
    headers = {"host": "x", "content-type": "application/json", "authorization": "Bearer 0123456789abcdef"}
    answer = asyncio.run(_answers(told)(Request("POST", "/api/car/soc", headers, body)))
    assert answer.status in (200, 400)
    assert len(json.dumps(answer.document, allow_nan=False)) < 1000
    assert (answer.status == 200) is bool(told)
    _in_range(told)


def push_wire(raw: bytes) -> None:
    """Any bytes on the wire: an answer of HTTP or none, and the server serves the next."""

    async def talk() -> None:
        told: list[tuple[str, float]] = []
        server = Server("127.0.0.1", 0, _answers(told))
        await server.start()
        for sent in (raw, WIRE):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            found = b""
            with contextlib.suppress(ConnectionError):
                writer.write(sent)
                writer.write_eof()
                found = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            assert found == b"" or re.match(rb"HTTP/1\.1 [1-5][0-9][0-9] ", found)
        assert b" 200 " in found.split(b"\r\n")[0] + b" "
        _in_range(told)
        await server.close()

    asyncio.run(talk())


def kept_plug_in(kept: Any) -> None:
    """Anything kept of a plug-in: counting goes on, and percent stay percent."""
    plug = of_record(kept)
    for now_ms, counter_wh in ((1_780_000_100_000, 5100.0), (1_780_000_200_000, 5200.0)):
        plug = followed(plug, True, "Zoe", counter_wh, now_ms)
        soc = present(plug, CARS, now_ms)
        assert soc is None or (0 <= soc.pct <= 100 and soc.age_s >= 0 and soc.room_wh >= 0)
        assert json.dumps(asdict(plug), allow_nan=False)


@st.composite
def _kept(draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 5)) == 0:
        return draw(odd)
    changed = draw(st.dictionaries(st.sampled_from([*KEPT, "colour"]), odd, max_size=3))
    return {**KEPT, **changed}


SOC_TARGETS = (
    ("interface content", any_body(PUSH), push_content),
    ("interface wire", bent(WIRE) | st.binary(max_size=300), push_wire),
    ("plug-in kept", _kept(), kept_plug_in),
)
