"""`ampilot check`: what it says about devices that are well, odd, or not there, over real sockets."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller import checkup
from controller.checkup import check_site, check_strategy, describe, describe_charger
from controller.model import (
    BatteryReading,
    CarState,
    ChargerStatus,
    GridReading,
    PvReading,
    Reading,
)
from controller.simulation.serve import HouseOptions, ServedHouse

TOKEN = "canary-77aa"


class Said:
    """Collects the lines, good and bad."""

    def __init__(self) -> None:
        self.good: list[str] = []
        self.bad: list[str] = []

    def __call__(self, text: str, good: bool) -> None:
        (self.good if good else self.bad).append(text)


# -- in plain words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (PvReading(0.0, 3999.6), ["the sun gives 4000 W"]),
        (BatteryReading(0.0, 1500.4, 55.4), ["charges with 1500 W", "55 % full"]),
        (BatteryReading(0.0, -800.0), ["gives 800 W"]),
        (GridReading(0.0, 1234.4), ["takes 1234 W", "taken to flow on one", "reverse = true"]),
        (GridReading(0.0, -1234.4), ["feeds in 1234 W"]),
        (
            GridReading(0.0, 600.0, phase_import_w=(900.0, -500.0, 200.0), voltage_v=(229.0, 233.6, 230.0)),
            ["takes 600 W (L1 900 W, L2 -500 W, L3 200 W), 234 V", "Switch on a kettle"],
        ),
    ],
)
def test_a_reading_in_plain_words(reading: Reading, words: list[str]) -> None:
    """Direction as a verb, watts without sign, phases by name."""
    text = describe(reading)
    assert [word for word in words if word not in text] == []


def test_no_phases_is_said_only_where_it_is_true() -> None:
    """Currents per phase are enough for the fuse; a battery without charge state says nothing of it."""
    with_currents = GridReading(0.0, 600.0, phase_current_a=(1.0, 1.0, 0.6))
    assert "flow on one" not in describe(with_currents)
    assert "%" not in describe(BatteryReading(0.0, 10.0))


def test_a_strategy_tells_its_options() -> None:
    """By the names they have in [strategy] options."""
    said = Said()
    assert check_strategy("fixed", said) == 0
    assert "options  current_a, phases" in said.good
    check_strategy("off", said)
    assert said.good[-1] == "options  none"


def status(**change: object) -> ChargerStatus:
    values: dict[str, object] = {"car": CarState.CHARGING, "requested_a": 10, "power_w": 2300.0, **change}
    return ChargerStatus(0.0, 0.0, **values)  # type: ignore[arg-type]


def test_a_well_charger_is_one_line() -> None:
    """Model, firmware, car, draw and setting; nothing to complain about."""
    well = status(model="go-eCharger_V4", firmware="59.4", hardware_limit_a=16)
    assert describe_charger(well, 16) == ["go-eCharger_V4 59.4, car charging, draws 2300 W, set to 10 A"]


def test_unknown_values_are_question_marks() -> None:
    """What the charger does not tell is not invented."""
    assert describe_charger(status(power_w=None, requested_a=None), 16)[0].endswith("draws ? W, set to ? A")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hardware_limit_a": 13}, "allow 13 A"),
        ({"use_pv_surplus": True}, "two cooks"),
        ({"logic_mode": 4}, "two cooks"),
        ({"logic_mode": 5}, "two cooks"),
        ({"access_control": 1}, "authorise"),
        ({"pause_allowed": False}, "acp"),
        ({"can_switch_phases": False}, "phases will not be switched"),
        ({"error": 3}, "error 3"),
    ],
)
def test_each_conflict_is_one_more_line(change: dict[str, object], words: str) -> None:
    """What would surprise later is said now."""
    found = describe_charger(status(**change), 16)
    assert len(found) == 2
    assert words in found[1]


@pytest.mark.parametrize(
    "change",
    [
        {"hardware_limit_a": 16},
        {"hardware_limit_a": 20},
        {"logic_mode": 3},
        {"use_pv_surplus": False},
        {"access_control": 1, "transaction": 1},
        {"access_control": 0},
        {"pause_allowed": True},
        {"error": 0},
    ],
)
def test_what_is_as_it_should_be_is_not_mentioned(change: dict[str, object]) -> None:
    """No warnings about nothing."""
    assert len(describe_charger(status(**change), 16)) == 1


# -- over real sockets ------------------------------------------------------------------------------------


@pytest.fixture
async def house() -> AsyncIterator[ServedHouse]:
    served = ServedHouse(HouseOptions(modbus_port=0, http_port=0, profile="eastron-sdm630", token=TOKEN))
    served.advance(30.0)
    await served.start()
    yield served
    await served.stop()


def config(
    folder: Path, house: ServedHouse, *, meter_port: int | None = None, strategy: str = "surplus"
) -> Path:
    token = folder / "token"
    if not token.exists():
        token.write_text(TOKEN)
        token.chmod(0o600)
    path = folder / "ampilot.toml"
    path.write_text(
        f"""
[grid]
profile = "eastron-sdm630"
host = "127.0.0.1"
port = {house.meter.port if meter_port is None else meter_port}
timeout_s = 0.5
[charger]
serial = "000001"
token_file = "{token}"
base_url = "{house.cloud.url}"
timeout_s = 1.0
[strategy]
name = "{strategy}"
"""
    )
    return path


async def test_a_site_that_is_well(tmp_path: Path, house: ServedHouse) -> None:
    """Config, strategy, token, meter and charger: all good, in numbers, and nothing was written."""
    said = Said()
    assert await check_site(config(tmp_path, house), said) == 0
    assert said.bad == []
    assert [line.split()[0] for line in said.good] == ["config", "strategy", "token", "grid", "charger"]
    assert "the house takes" in said.good[3]
    assert "set to 16 A" in said.good[4]
    assert house.cloud.writes == []
    assert not any(TOKEN in line for line in said.good)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("token_revoked", "create the token in the go-e app"),
        ("forbidden", "cloud API enabled"),
        ("outdated_404", "is the box online"),
        ("bad_gateway", "internet connection"),
        ("html", "internet connection"),
    ],
)
async def test_a_charger_that_cannot_be_reached_gets_its_remedy(
    tmp_path: Path, house: ServedHouse, fault: str, words: str
) -> None:
    """One failure, with what to do about exactly this one; the meter is checked all the same."""
    house.cloud.fail(fault)
    said = Said()
    assert await check_site(config(tmp_path, house), said) == 1
    assert words in said.bad[0]
    assert said.bad[0].count("Remedy") == 1
    assert any(line.startswith("grid") for line in said.good)


async def test_both_roads_to_the_charger_are_tried(tmp_path: Path) -> None:
    """The second road is needed when the first is gone: a typing error in it must not show only then."""
    served = ServedHouse(
        HouseOptions(modbus_port=0, http_port=0, local_port=0, profile="eastron-sdm630", token=TOKEN)
    )
    await served.start()
    assert served.local is not None
    path = config(tmp_path, served)
    both = f'transport = "cloud+local"\nhost = "127.0.0.1:{served.local.port}"\nserial'
    path.write_text(path.read_text("utf-8").replace("serial", both), "utf-8")
    said = Said()
    assert await check_site(path, said) == 0
    assert [line.split()[1] for line in said.good if line.startswith("charger")] == ["cloud:", "local:"]
    await served.local.stop()
    said = Said()
    assert await check_site(path, said) == 1
    assert said.bad[0].startswith("charger  local: no connection")
    path.write_text(path.read_text("utf-8").replace('"000001"', '"000002"'), "utf-8")
    said = Said()
    assert await check_site(path, said) == 2
    assert "Remedy: compare serial in [charger] with the number on the box" in said.bad[0]
    await served.stop()


async def test_a_departure_that_nobody_keeps(tmp_path: Path, house: ServedHouse) -> None:
    """The default strategy does not: one failure that names the one that does, which is content."""
    path = config(tmp_path, house)
    departure = '\n[[departure]]\ntime = "07:00"\ndays = ["Mon-Fri"]\nneed_kwh = 9.0\n'
    path.write_text(path.read_text("utf-8") + departure, "utf-8")
    said = Said()
    assert await check_site(path, said) == 1
    assert said.bad == [
        'leaves   07:00 Mon-Fri with 9 kWh: strategy surplus keeps no departures. Remedy: name = "ready_by"'
    ]
    path.write_text(path.read_text("utf-8").replace('name = "surplus"', 'name = "ready_by"'), "utf-8")
    said = Said()
    assert await check_site(path, said) == 0
    assert "leaves   07:00 Mon-Fri with 9 kWh" in said.good


async def test_a_meter_that_does_not_listen(tmp_path: Path, house: ServedHouse) -> None:
    """A port nobody listens on: one failure, address, port and cable are named; the charger is checked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = Said()
    assert await check_site(config(tmp_path, house, meter_port=port), said) == 1
    assert said.bad[0].startswith("grid")
    assert "Remedy: check address, port and cable" in said.bad[0]
    assert any(line.startswith("charger") for line in said.good)


async def test_a_meter_that_is_silent(tmp_path: Path, house: ServedHouse) -> None:
    """It accepts and says nothing: perhaps somebody else holds its only connection."""
    house.meter.misbehave("silent")
    said = Said()
    assert await check_site(config(tmp_path, house), said) == 1
    assert "Remedy: " in said.bad[0]


@pytest.mark.parametrize("transport", ["rtu_over_tcp", "tcp"])
async def test_a_meter_asked_in_the_wrong_way(tmp_path: Path, house: ServedHouse, transport: str) -> None:
    """Serial frames to a Modbus TCP meter, or the wrong unit: what to look at is named."""
    path = config(tmp_path, house)
    wrong = 'transport = "rtu_over_tcp"' if transport == "rtu_over_tcp" else "unit_id = 77"
    path.write_text(path.read_text("utf-8").replace("timeout_s = 0.5", f"timeout_s = 0.2\n{wrong}"), "utf-8")
    said = Said()
    assert await check_site(path, said) == 1
    assert "Remedy: check transport, unit_id and profile" in said.bad[0]


async def test_a_token_that_is_not_there(tmp_path: Path, house: ServedHouse) -> None:
    """Where it belongs is said, once in each line, without the words of Python."""
    path = config(tmp_path, house)
    (tmp_path / "token").unlink()
    said = Said()
    assert await check_site(path, said) == 2
    for line in said.bad:
        assert line.count("Remedy: write the token there, one line, mode 0600") == line.count("Remedy") == 1
        assert "FileNotFoundError" not in line


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            '[tariff]\nimport_price = "market"\n[tariff.market]\nsource = "tibber"\n',
            "[tariff.market] token_file",
        ),
        (
            '[[notify.ntfy]]\nurl = "https://ntfy.invalid/a"\nsecret_file = "/nowhere/secret"\n',
            "/nowhere/secret",
        ),
    ],
)
async def test_what_would_keep_the_service_down_is_found(
    tmp_path: Path, house: ServedHouse, more: str, words: str
) -> None:
    """A valid config whose secrets are missing: `run` would refuse it, so `check` does."""
    path = config(tmp_path, house)
    path.write_text(path.read_text("utf-8") + f'[ledger]\npath = "{tmp_path}/ledger.db"\n' + more, "utf-8")
    said = Said()
    assert await check_site(path, said) == 1
    assert said.bad[0].startswith("secrets")
    assert words in said.bad[0]
    assert "Remedy" in said.bad[0]


async def test_a_token_that_others_can_read(tmp_path: Path, house: ServedHouse) -> None:
    """The file is named, the remedy is given, its content is not."""
    path = config(tmp_path, house)
    (tmp_path / "token").chmod(0o644)
    said = Said()
    assert await check_site(path, said) >= 1
    assert said.bad[0].startswith("token")
    assert "chmod 600" in said.bad[0]
    assert not any(TOKEN in line for line in said.bad + said.good)


@pytest.mark.parametrize(
    ("token", "mode", "good", "words"),
    [
        (None, 0, True, "port 8770, on this machine, without a token"),
        ("canary-0123456789ab", 0o600, True, "port 8770, to those with the token"),
        ("canary-0123456789ab", 0o644, False, "chmod 600"),
        ("canary-short", 0o600, False, "shorter than 16"),
    ],
)
async def test_who_is_listened_to(
    tmp_path: Path, house: ServedHouse, token: str | None, mode: int, good: bool, words: str
) -> None:
    """Where, and whether what callers must show is private and long enough; never what it is."""
    path, said = config(tmp_path, house), Said()
    more = "[interface]\nport = 8770\n"
    if token is not None:
        caller = tmp_path / "caller"
        caller.write_text(token)
        caller.chmod(mode)
        more += f'token_file = "{caller}"\n'
    path.write_text(path.read_text() + more)
    assert await check_site(path, said) == (0 if good else 1)
    lines = [line for line in (said.good if good else said.bad) if line.startswith("listens")]
    assert len(lines) == 1
    assert words in lines[0]
    assert token is None or token not in lines[0]


async def test_an_unknown_strategy_is_one_failure_among_the_rest(tmp_path: Path, house: ServedHouse) -> None:
    """Everything else is still checked."""
    said = Said()
    assert await check_site(config(tmp_path, house, strategy="magic"), said) == 1
    assert "magic" in said.bad[0]
    assert len(said.good) == 4


def test_a_strategy_that_always_fails_is_told_in_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first snapshots by number and the rest by count, not a screen of the same."""

    class Failing:
        def initial(self) -> None:
            return None

        def decide(self, snap: object, memory: object) -> None:
            raise ValueError("x")

    monkeypatch.setattr(checkup, "load_strategy", lambda name, options: Failing())
    said = Said()
    found = check_strategy("mine", said)
    assert found > 20
    assert said.bad[0] == "snapshot 0: raised ValueError: x"
    assert said.bad[5:] == [f"and {found - 5} more"]


def test_the_conformance_suite_says_what_it_found() -> None:
    """A shipped strategy keeps its contract: no faults, one good line."""
    said = Said()
    assert check_strategy("fixed", said) == 0
    assert said.bad == []
    assert "keeps its contract" in said.good[0]
