"""X7, X17: foreign text in logs and terminals, and what leaves the house."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from controller.chargers.goe import parse_body, parse_status
from controller.cli.terminal import escaped
from controller.clock import SystemClock
from controller.delivery.wording import worded
from controller.events import Event
from controller.ledger.latch_store import LatchStore
from controller.ledger.ledger import Ledger
from controller.ledger.tick_store import TickStore
from controller.line.latches import Latch
from controller.logging_setup import JournalFormatter
from controller.model import ChargerStatus
from tests.contract.test_forecast_sources import NOW_S, as_json, ensemble_body, open_meteo_body, sources
from tests.weather import WeatherServer

NASTY = {
    "clears the screen": "\x1b[2J\x1b[1;31mroot",
    "forges a line": "x\n<0>ampilot: all is well",
    "carriage return": "bad\rgood",
    "turns the direction": "\u202egnp.exe",
    "eight-bit control": "\x9b31m",
    "no width": "a\u200bb\u2066c",
    "markup": "[bold red]wrong[/] [link=http://evil.example]x[/link]",
    "a megabyte": "A" * 1_000_000,
    "nul": "a\x00b",
}
every = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)


def harmless(text: str) -> bool:
    """Return whether a line can neither move a cursor nor begin another line."""
    return all(letter.isprintable() for letter in text)


@every
def test_x7_names_of_the_charger_are_short_and_printable(text: str) -> None:
    """Model, firmware and serial number, whatever the cloud sends."""
    body = json.dumps({"typ": text[:9000], "fwv": text[:9000], "sse": text[:9000], "car": 1}).encode()
    status = parse_status(parse_body(body), data_s=0.0, received_s=0.0)
    assert isinstance(status, ChargerStatus)
    for shown in (status.model, status.firmware, status.serial):
        assert shown is not None
        assert harmless(shown)
        assert len(shown) <= 64


@every
def test_x7_the_log_is_one_printable_line(text: str) -> None:
    """No second line, no escape, no severity of its own."""
    import logging

    record = logging.LogRecord("x", logging.WARNING, "f", 1, "event=x %s", (text,), None)
    line = JournalFormatter(journal=True, secrets=list).format(record)
    assert line.startswith("<4>event=x ")
    assert harmless(line.replace("\t", " "))


@every
def test_x7_a_message_has_the_lines_it_should(text: str) -> None:
    """What a device said is one short line of it; title and subject stay one line."""
    message = worded(Event(text[:40], "error", text), "error", offered="", when="14:03")
    assert harmless(message.title)
    assert len(message.title) <= 80
    assert all(harmless(line) for line in message.text.split("\n"))
    assert len(message.text.split("\n")) == 2
    assert len(message.text) < 800


@every
def test_x7_the_terminal_shows_it_and_does_not_obey(tmp_path: Path, text: str) -> None:
    """`ampilot explain` on a ledger with such an event: no control character but line ends, no markup."""
    assert harmless(escaped(text))
    assert escaped("a\n\x1bb", lines=True) == "a\n b"
    ledger = Ledger.open(tmp_path / "ledger.db", SystemClock())
    ledger.record_event("charger", "warning", text[:2000])
    LatchStore(ledger).keep((), (Latch("guard", text[:2000]),))
    TickStore(ledger).record_decision(
        in_force="off", wish=f"off: {text[:2000]}", action="hold", reason=text[:2000], ceiling="x", facts={}
    )
    ledger.close()
    config = tmp_path / "ampilot.toml"
    config.write_text(
        '[grid]\nprofile = "eastron-sdm630"\nhost = "192.0.2.1"\n[charger]\nserial = "1"\n'
        f'[ledger]\npath = "{tmp_path / "ledger.db"}"\n'
    )
    for name in ("explain", "ack"):
        command = [sys.executable, "-m", "controller", name, "--config", str(config)]
        result = subprocess.run(command, capture_output=True, timeout=60)
        assert result.returncode == 0, result.stderr
        said = result.stdout.decode()
        assert harmless(said.replace("\n", " ")), ascii(said)
        assert not [line for line in said.split("\n") if line.startswith("<0>")]
        if text.startswith("[bold"):
            assert "[bold red]" in said


async def test_x17_the_place_leaves_with_two_decimals() -> None:
    """Who forecasts the sun learns of the house no more than a kilometre, and no name."""
    async with WeatherServer() as server:
        server.replies = {
            "/v1/forecast": as_json(open_meteo_body()),
            "/v1/ensemble": as_json(ensemble_body()),
        }
        source = sources(server.url)[0]
        await source.fetch(NOW_S, 1)
        await source.close()
        assert len(server.asked) >= 2
        for asked in server.asked:
            for key in ("latitude", "longitude"):
                assert len(asked.query[key].partition(".")[2]) <= 2
            assert asked.headers["user-agent"] == "ampilot"
