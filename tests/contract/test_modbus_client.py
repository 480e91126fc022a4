"""The Modbus client against a meter that misbehaves frame by frame."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from controller.clock import SystemClock
from controller.errors import MeterError, MeterImplausible, MeterRefused, MeterUnreachable
from controller.meters import ModbusMeter, load_profile, open_meters
from controller.model import GridReading
from controller.settings import MeterSettings
from controller.simulation.modbus_meter import ModbusMeterServer

VALUES = {
    "grid_import_w": 640.0,
    "phase_import_w": (300.0, 200.0, 140.0),
    "phase_current_a": (1.3, 0.9, 0.6),
    "voltage_v": (230.0, 231.0, 229.0),
    "frequency_hz": 50.0,
    "import_wh": 1000.0,
    "export_wh": 2000.0,
}


@pytest.fixture
async def server() -> AsyncIterator[ModbusMeterServer]:
    made = ModbusMeterServer(load_profile("eastron-sdm630"), lambda: VALUES)
    await made.start()
    yield made
    await made.stop()


def meter_for(server: ModbusMeterServer, **more: object) -> ModbusMeter:
    settings = MeterSettings(
        profile="eastron-sdm630", host="127.0.0.1", port=server.port, timeout_s=0.15, min_gap_s=0.0, **more
    )
    return open_meters({"grid": settings}, SystemClock())["grid"]


async def good(meter: ModbusMeter) -> GridReading:
    """Read until it works, within the back-off of a just-failed line."""
    for _ in range(40):
        try:
            reading = await meter.read()
        except MeterError:
            await asyncio.sleep(0.05)
        else:
            assert isinstance(reading, GridReading)
            return reading
    raise AssertionError("the meter did not come back")


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("silent", MeterUnreachable),
        ("reset", MeterUnreachable),
        ("close_mid_answer", MeterUnreachable),
        ("wrong_count", MeterUnreachable),
        ("wrong_function", MeterUnreachable),
        ("wrong_unit", MeterUnreachable),
        ("wrong_transaction", MeterUnreachable),
        ("slow_drip", MeterUnreachable),
        ("garbage", MeterUnreachable),
        ("http", MeterUnreachable),
        ("busy", MeterRefused),
        ("gateway", MeterRefused),
        ("nan", MeterImplausible),
        ("zeros", MeterImplausible),
    ],
)
async def test_trouble_is_named_bounded_and_passes(server: ModbusMeterServer, mode: str, error: type) -> None:
    """Each trouble becomes its error within the deadline, never a number, and ends with its cause."""
    meter = meter_for(server)
    assert (await good(meter)).grid_import_w == 640
    server.misbehave(mode)
    started = time.monotonic()
    with pytest.raises(error):
        await meter.read()
    assert time.monotonic() - started < 2.0
    server.misbehave("ok")
    assert (await good(meter)).grid_import_w == 640
    await meter.close()


async def test_busy_once_is_retried_within_the_read(server: ModbusMeterServer) -> None:
    """A device that is busy for a moment costs no reading."""
    meter = meter_for(server)
    await good(meter)
    server.misbehave("busy_once")
    reading = await meter.read()
    assert isinstance(reading, GridReading)
    await meter.close()


async def test_a_frozen_meter_keeps_its_fingerprint(server: ModbusMeterServer) -> None:
    """Readings of a frozen block are recognisable, of a live one they differ."""
    meter = meter_for(server)
    first = await good(meter)
    VALUES["voltage_v"] = (230.1, 231.0, 229.0)
    second = await good(meter)
    server.misbehave("frozen")
    VALUES["voltage_v"] = (230.2, 231.0, 229.0)
    third = await good(meter)
    assert first.fingerprint != second.fingerprint == third.fingerprint
    await meter.close()


async def test_rtu_frames_in_a_tcp_stream() -> None:
    """A transparent gateway passes serial frames with their checksum."""
    server = ModbusMeterServer(load_profile("eastron-sdm630"), lambda: VALUES, rtu=True)
    await server.start()
    meter = meter_for(server, transport="rtu_over_tcp")
    assert (await good(meter)).grid_import_w == 640
    server.misbehave("silent")
    with pytest.raises(MeterUnreachable):
        await meter.read()
    server.misbehave("ok")
    with pytest.raises(MeterUnreachable, match="next try"):
        await meter.read()  # a late answer must not meet the next question
    assert (await good(meter)).grid_import_w == 640
    await meter.close()
    await server.stop()


async def test_a_dead_address_is_not_hammered(server: ModbusMeterServer) -> None:
    """Reads during the pause fail at once, without a connection."""
    meter = meter_for(server)
    await server.stop()
    failures = 0
    started = time.monotonic()
    while time.monotonic() - started < 1.0:
        with pytest.raises(MeterUnreachable):
            await meter.read()
        failures += 1
        await asyncio.sleep(0.01)
    assert failures > 20
    await meter.close()


async def test_reverse_turns_everything_round(server: ModbusMeterServer) -> None:
    """A meter that is fed from below reads right with reverse."""
    reading = await good(meter_for(server, reverse=True))
    assert reading.grid_import_w == -640
    assert reading.phase_current_a is not None
    assert reading.phase_current_a[0] == pytest.approx(-1.3)


async def test_roles_on_one_device_share_one_connection() -> None:
    """Grid, pv and battery of one inverter use a single socket: many devices serve only one client."""
    server = ModbusMeterServer(
        load_profile("solaredge"),
        lambda: {**VALUES, "pv_yield_w": 4000.0, "battery_charge_w": 500.0, "soc_pct": 50.0},
        max_clients=1,
    )
    await server.start()
    one = MeterSettings(profile="solaredge", host="127.0.0.1", port=server.port, min_gap_s=0.0)
    meters = open_meters({"grid": one, "pv": one, "battery": one}, SystemClock())
    readings = await asyncio.gather(*(meter.read() for meter in meters.values()))
    assert [type(reading).__name__ for reading in readings] == ["GridReading", "PvReading", "BatteryReading"]
    await meters["grid"].close()
    await server.stop()


async def test_power_beyond_the_house_is_implausible(server: ModbusMeterServer) -> None:
    """A reading larger than the connection can carry is refused."""
    meter = meter_for(server, max_power_w=500.0)
    with pytest.raises(MeterImplausible, match="640"):
        await meter.read()
    await meter.close()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (bytes.fromhex("010400340002309f"), b""),  # a serial frame: no Modbus TCP, the meter hangs up
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (bytes.fromhex("0001000000020111"), bytes.fromhex("000100000003019101")),  # short, but one: unknown
    ],
)
async def test_the_simulated_meter_takes_what_anybody_sends(
    server: ModbusMeterServer, sent: bytes, answer: bytes
) -> None:
    """`ampilot house` serves any program: what it cannot read ends the connection, without a traceback."""
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context["message"]))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    async with asyncio.timeout(5):
        heard = await reader.read(100)
    writer.close()
    await asyncio.sleep(0.05)
    assert (heard, failed) == (answer, [])
    assert (await good(meter_for(server))).grid_import_w == pytest.approx(640.0)
