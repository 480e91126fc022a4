"""Every shipped profile, read by the product's client from pymodbus's own server, against packed fixtures.

The fixtures were packed from the register facts with `struct`, not by the code under test.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from controller.clock import SystemClock
from controller.errors import ConfigError, MeterError, MeterImplausible
from controller.meters import open_meters
from controller.meters.plan import plan
from controller.meters.profile import WIDTH, Role, load_profile, profile_names
from controller.settings import MeterSettings
from controller.simulation.modbus_meter import ModbusMeterServer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "meters"


def fixture(name: str) -> dict[str, Any]:
    return json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))


class Served:
    """pymodbus's server with the registers of a fixture; gaps read 0."""

    def __init__(self, name: str, words: dict[int, int]) -> None:
        self.profile = load_profile(name)
        for start, count in self.profile.blocks:  # blocks known to be readable in one go
            if any(start <= address < start + count for address in words):
                words = dict.fromkeys(range(start, start + count), 0) | words
        low, high = min(words), max(words)
        runs: list[SimData] = []
        start, values = low, [words[low]]
        for address in range(low + 1, high + 1):
            if address in words or any(address + gap in words for gap in range(130)):
                values.append(words.get(address, 0))
                continue
            if values:
                runs.append(SimData(start, values=values, datatype=DataType.REGISTERS))
                values = []
            start = address + 1
        runs.append(SimData(start, values=values, datatype=DataType.REGISTERS))
        self.device = SimDevice(id=self.profile.unit_id, simdata=runs)

    async def __aenter__(self) -> int:
        self.server = ModbusTcpServer(self.device, address=("127.0.0.1", 0))
        await self.server.serve_forever(background=True)
        return int(self.server.transport.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        await self.server.shutdown()


def settings(name: str, port: int, **more: Any) -> MeterSettings:
    return MeterSettings(profile=name, host="127.0.0.1", port=port, timeout_s=0.5, min_gap_s=0.0, **more)


@pytest.mark.parametrize("name", profile_names())
async def test_profile_reads_its_fixture(name: str) -> None:
    """The physical values that were packed come out, for every role of the profile."""
    data = fixture(name)
    words = {int(at): word for table in data["registers"].values() for at, word in table.items()}
    assert data["expected"]
    async with Served(name, words) as port:
        for role, expected in data["expected"].items():
            meter = open_meters({role: settings(name, port)}, SystemClock())[role]
            reading = await meter.read()
            for key, value in expected.items():
                got = getattr(reading, key)
                assert got is not None, key
                assert list(got) if isinstance(got, tuple) else got == pytest.approx(value, rel=1e-6), key
                if isinstance(got, tuple):
                    assert got == pytest.approx(tuple(value), rel=1e-6), key
            await meter.close()


@pytest.mark.parametrize("name", profile_names())
def test_plan_respects_the_device(name: str) -> None:
    """No request is longer than the device allows, odd where it must be even, or cuts a value."""
    profile = load_profile(name)
    if profile.sunspec:
        return
    for role in profile.roles:
        todo = plan(profile, role)
        assert todo.live
        for block in (*todo.live, *todo.counters):
            assert block.count <= profile.limits.max_registers
            assert not profile.limits.even or (block.start % 2 == 0 and block.count % 2 == 0)


@pytest.mark.parametrize("name", profile_names())
async def test_sentinels_never_become_zero(name: str) -> None:
    """Where the device says "not available" there is no grid reading at all."""
    profile = load_profile(name)
    if "grid" not in profile.roles or profile.grid is None or not profile.grid.power:
        return
    term = profile.grid.power[0]
    sentinels = [*term.invalid, *profile.invalid.get(term.type, [])]
    if term.type.startswith("float"):
        sentinels.append("0x7FC00000" if term.type == "float32" else "0x7FF8000000000000")
    data = fixture(name)
    for sentinel in sentinels:
        raw = int(sentinel, 16).to_bytes(2 * WIDTH[term.type], "big")
        words = [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
        if (term.word_order or profile.word_order) == "low_first":
            words.reverse()
        table = {int(at): word for part in data["registers"].values() for at, word in part.items()}
        table |= {term.at + index: word for index, word in enumerate(words)}
        async with Served(name, table) as port:
            meter = open_meters({"grid": settings(name, port)}, SystemClock())["grid"]
            with pytest.raises(MeterImplausible):
                await meter.read()
            await meter.close()


@pytest.mark.parametrize("name", profile_names())
async def test_swapped_words_are_noticed(name: str) -> None:
    """A device whose words are the other way round is refused, wherever a multi-word voltage tells."""
    profile = load_profile(name)
    if profile.grid is None or not profile.grid.voltage or WIDTH[profile.grid.voltage[0][0].type] == 1:
        return
    data = fixture(name)
    words = {int(at): word for table in data["registers"].values() for at, word in table.items()}
    other = "low_first" if profile.word_order == "high_first" else "high_first"
    async with Served(name, words) as port:
        meter = open_meters({"grid": settings(name, port, word_order=other)}, SystemClock())["grid"]
        with pytest.raises(MeterImplausible):
            await meter.read()
        await meter.close()


@pytest.mark.parametrize("name", [n for n in profile_names() if not load_profile(n).sunspec])
async def test_simulated_meter_speaks_every_profile(name: str) -> None:
    """The simulated meter encodes physical values so that a client reads them back."""
    profile = load_profile(name)
    values = {
        "grid_import_w": -1720.0,
        "phase_import_w": (-1830.0, 420.0, -310.0),
        "phase_current_a": (-7.9, 1.8, -1.3),
        "voltage_v": (231.0, 230.0, 229.0),
        "frequency_hz": 50.0,
        "pv_yield_w": 5200.0,
        "battery_charge_w": -1400.0,
        "soc_pct": 64.0,
    }
    server = ModbusMeterServer(profile, lambda: values)
    await server.start()
    for role in profile.roles:
        if role == "pv" and "grid" in profile.roles and profile.pv and not profile.battery:
            continue
        meter = open_meters({role: settings(name, server.port)}, SystemClock())[role]
        reading = await meter.read()
        key: dict[Role, str] = {"grid": "grid_import_w", "pv": "pv_yield_w", "battery": "battery_charge_w"}
        assert getattr(reading, key[role]) == pytest.approx(values[key[role]], rel=0.02, abs=60)
        await meter.close()
    await server.stop()


def test_54_devices_are_shipped() -> None:
    """Every device whose registers two independent sources confirm has a profile and a fixture."""
    assert len(profile_names()) == 54
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(profile_names())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("id = 'x'\n", "name"),
        ("id = 'x'\nname = 'x'\nroles = ['grid']\ntransports = ['tcp']\n", "[grid]"),
        ("id = 'x'\nname = 'x'\nroles = ['grid']\ntransports = ['tcp']\n[grid]\npower = {at = 1}\n", "type"),
        ("nonsense", "readable"),
    ],
)
def test_a_wrong_profile_is_explained(tmp_path: Path, text: str, named: str) -> None:
    """A mistake in a profile of one's own names the file and the key."""
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"own\.toml") as caught:
        load_profile(str(path))
    assert named in str(caught.value)
    assert not isinstance(caught.value, MeterError)
