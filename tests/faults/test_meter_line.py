"""M rows that live on the wire: the real Modbus client against a server that bends every frame."""

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clock import SystemClock
from controller.errors import MeterError, MeterImplausible, MeterRefused, MeterUnreachable
from controller.meters import ModbusMeter, load_profile, open_meters, profile_names
from controller.meters.decode import Decoder, Site
from controller.meters.plan import plan
from controller.model import GridReading
from controller.settings import MeterSettings
from controller.simulation.house import House, Weather
from controller.simulation.modbus_meter import FLOOD_BYTES, ModbusMeterServer

Bound = Callable[[str, str, float, float, str], None]
TIMEOUT_S = 0.4
READ_S = 2.0
"""Of M5 and M8: the deadline of one read. The timeout in here is 0.4 s, the default is 1 s."""

FLAT = [1200.0] * 86_400


def house() -> House:
    made = House(Weather(FLAT, (FLAT, FLAT, FLAT)))
    made.advance(5.0)
    return made


@pytest.fixture
async def server() -> AsyncIterator[ModbusMeterServer]:
    made = ModbusMeterServer(load_profile("eastron-sdm630"), house().quantities)
    await made.start()
    yield made
    await made.stop()


def meter_at(port: int, **more: object) -> ModbusMeter:
    settings = MeterSettings(
        **{
            "profile": "eastron-sdm630",
            "host": "127.0.0.1",
            "port": port,
            "timeout_s": TIMEOUT_S,
            "min_gap_s": 0.0,
            **more,
        }  # type: ignore[arg-type]
    )
    return open_meters({"grid": settings}, SystemClock())["grid"]


async def good(meter: ModbusMeter, seconds: float = 15.0) -> float:
    """Read until it is the house's own value; return how long that took in s."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < seconds:
        try:
            reading = await meter.read()
        except MeterError:
            await asyncio.sleep(0.05)
            continue
        assert isinstance(reading, GridReading)
        assert reading.grid_import_w == pytest.approx(2400.0, abs=1.0)
        return time.monotonic() - began_s
    raise AssertionError("no good reading")


async def failing(meter: ModbusMeter, kind: type[MeterError] = MeterUnreachable) -> tuple[float, str]:
    """Read once; return how long it took until it failed in s, and what was said."""
    began_s = time.monotonic()
    with pytest.raises(kind) as caught:
        await meter.read()
    return time.monotonic() - began_s, str(caught.value)


async def bent(
    server: ModbusMeterServer, mode: str, kind: type[MeterError] = MeterUnreachable
) -> tuple[float, str]:
    """Let a good line go wrong; it must fail in time, thrice, and be good again afterwards."""
    meter = meter_at(server.port)
    await good(meter)
    server.misbehave(mode)
    longest_s, said = await failing(meter, kind)
    for _ in range(2):
        await asyncio.sleep(0.15)
        longest_s = max(longest_s, (await failing(meter, kind))[0])
    server.misbehave("ok")
    await good(meter)
    await meter.close()
    return longest_s, said


async def test_m1_nobody_there_and_nobody_answering(server: ModbusMeterServer, bound: Bound) -> None:
    """A closed port and a server that accepts and stays silent: an error in time, never a number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = meter_at(free.getsockname()[1])
    took_s, said = await failing(closed)
    bound("M1", "closed port: one read", READ_S, took_s, "s")
    assert "cannot be connected to" in said
    took_s, said = await bent(server, "silent")
    bound("M1", "accepts and stays silent: one read", READ_S, took_s, "s")
    assert "gave no answer" in said


@pytest.mark.parametrize(
    "mode", ["wrong_count", "long", "wrong_function", "wrong_unit", "wrong_transaction", "close_mid_answer"]
)
async def test_m5_a_bent_frame_is_never_a_number(server: ModbusMeterServer, bound: Bound, mode: str) -> None:
    took_s, _ = await bent(server, mode)
    bound("M5", f"{mode}: one read", READ_S, took_s, "s")


@pytest.mark.parametrize("mode", ["split", "glued"])
async def test_m5_a_cut_frame_is_put_together_and_a_double_one_does_no_harm(
    server: ModbusMeterServer, mode: str
) -> None:
    """Whatever is read is the house's own value. A second copy left in the line may cost the next read."""
    meter = meter_at(server.port)
    server.misbehave(mode)
    read = 0
    for _ in range(10):
        with contextlib.suppress(MeterUnreachable):
            reading = await meter.read()
            assert isinstance(reading, GridReading)
            assert reading.grid_import_w == pytest.approx(2400.0, abs=1.0)
            read += 1
        await asyncio.sleep(0.02)
    assert mode == "glued" or read == 10
    server.misbehave("ok")
    await good(meter)
    await meter.close()


async def test_m6_reset_silence_and_a_gateway_that_restarts(server: ModbusMeterServer, bound: Bound) -> None:
    """RST, a half-open line, and a server that is gone for a second: the next reads are good again."""
    await bent(server, "reset")
    meter = meter_at(server.port)
    await good(meter)
    port = server.port
    await server.stop()
    await failing(meter)
    server.port = port
    await server.start()
    bound("M6", "gateway restarted: a good reading again", 10.0, await good(meter), "s")
    await meter.close()


@pytest.mark.parametrize(
    ("mode", "begins"), [("http", "HTTP/1.1 400"), ("tls", "\\x15\\x03\\x01"), ("noise", ""), ("garbage", "")]
)
async def test_m7_what_is_no_modbus_is_named(
    server: ModbusMeterServer, bound: Bound, mode: str, begins: str
) -> None:
    took_s, said = await bent(server, mode)
    bound("M7", f"{mode}: one read", READ_S, took_s, "s")
    assert "speaks no Modbus; its answer begins with" in said
    assert begins in said


async def test_m7_a_flood_of_zeros_takes_neither_time_nor_memory(
    server: ModbusMeterServer, bound: Bound
) -> None:
    """One megabyte of zeros for every question."""
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took_s, _ = await bent(server, "flood")
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1e3
    bound("M7", f"{FLOOD_BYTES / 1e6:.0f} MB of zeros: one read", READ_S, took_s, "s")
    bound("M7", "memory beside it (server included)", 20.0, grown_mb, "MB")


async def test_m8_a_slow_drip_meets_the_deadline(server: ModbusMeterServer, bound: Bound) -> None:
    """A byte every 0.2 s would take half a minute: each byte is in time, the whole is not."""
    took_s, _ = await bent(server, "slow_drip")
    bound("M8", "slow drip: one read", READ_S, took_s, "s")


async def test_m9_exceptions_are_refusals_and_busy_is_asked_once_more(
    server: ModbusMeterServer, bound: Bound
) -> None:
    """The connection stays; a device that is busy once gives its value in the same read."""
    meter = meter_at(server.port)
    await good(meter)
    connections = meter._line.connections
    for mode, says in (
        ("busy", "is busy"),
        ("gateway", "gateway gets no answer"),
        ("illegal", "does not have these registers"),
    ):
        server.misbehave(mode)
        took_s, said = await failing(meter, MeterRefused)
        assert says in said
        bound("M9", f"{mode}: one read", READ_S, took_s, "s")
    server.misbehave("busy_once")
    asked = len(server.requests)
    await meter.read()
    assert len(server.requests) == asked + 2
    assert meter._line.connections == connections
    await meter.close()


async def test_m13_an_answer_to_the_question_before_is_never_taken_for_another(bound: Bound) -> None:
    """A serial gateway one answer behind, for ever: counters and live values never change places.

    RTU has no transaction number. The house's power is 2400 W, its counters are millions of Wh: whatever is
    read must be the one or nothing.
    """
    profile = load_profile("orno-we516-517")
    home = house()
    server = ModbusMeterServer(profile, home.quantities, rtu=True)
    await server.start()
    meter = meter_at(server.port, profile=profile.id, transport="rtu_over_tcp", timeout_s=0.1)
    first = await meter.read()
    assert isinstance(first, GridReading)
    server.misbehave("late")
    wrong = 0
    for _ in range(25):
        meter._counters_due_s = 0.0  # ask for the counters every time: the more chances to mix them up
        try:
            reading = await meter.read()
        except MeterError:
            await asyncio.sleep(0.03)
            continue
        assert isinstance(reading, GridReading)
        wrong += abs(reading.grid_import_w - 2400.0) > 1.0
        wrong += reading.import_wh is not None and abs(reading.import_wh - home.import_wh) > 1000.0
    bound("M13", "answers one question late: wrong numbers of 25 reads", 0, wrong, "readings")
    server.misbehave("ok")
    await good(meter)
    await meter.close()
    await server.stop()


@given(data=st.data(), name=st.sampled_from(profile_names()))
def test_m3_whatever_the_registers_hold_it_is_finite_in_range_or_an_error(
    data: st.DataObject, name: str
) -> None:
    """Random words in the registers of any profile: a reading within the house's limits, or an error."""
    profile = load_profile(name)
    if profile.grid is None or profile.sunspec is not None:
        return
    blocks = [*plan(profile, "grid").live, *plan(profile, "grid").counters]
    odd = st.sampled_from([0, 0x7FFF, 0x8000, 0xFFFF, 0x7FC0, 0x7F80, 0xFF80]) | st.integers(0, 0xFFFF)
    words = {
        (block.function, block.start + index): data.draw(odd)
        for block in blocks
        for index in range(block.count)
    }
    try:
        reading = Decoder(profile, Site()).grid(words, 1.0)
    except MeterImplausible:
        return
    assert abs(reading.grid_import_w) <= 60_000.0
    assert all(abs(value) < 1e9 for value in reading.phase_import_w or ())
    assert all(80.0 <= abs(volt) <= 280.0 or abs(volt) <= 20.0 for volt in reading.voltage_v or ())
