"""The real process with a market on loopback: what it pays, what it says, and what it never shows."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.tariffs.web import CET
from tests.faults.rig import Rig
from tests.tariffs.server import Asked, PriceServer, Reply
from tests.tariffs.speakers import TOKEN, Slot, acknowledgement, day_slots, entsoe
from tests.tariffs.test_config import HOUSE

TARIFF = """[tariff]
import_price = "market"
vat = 0.1
[tariff.market]
source = "entsoe"
token_file = "{token}"
base_url = "{url}"
"""
SPOT_CT = 41.5


def around_now() -> list[Slot]:
    """Return a flat price for today and tomorrow, whenever that is."""
    today = datetime.now(CET).date()
    days = (today - timedelta(days=1), today, today + timedelta(days=1))
    return [Slot(s.begin_s, s.end_s, SPOT_CT) for day in days for s in day_slots(day.isoformat())]


def token_file(folder: Path) -> Path:
    path = folder / "tariff_token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


def rows(ledger: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return what a reader of the ledger finds, nothing while it is not there yet."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def events(ledger: Path) -> list[str]:
    return [text for (text,) in rows(ledger, "SELECT text FROM events WHERE kind = 'tariff' ORDER BY rowid")]


def on_disk(folder: Path) -> bytes:
    """Return all that the controller has written."""
    kept = [*folder.glob("ledger.db*"), *folder.glob("prices/*")]
    return b"".join(path.read_bytes() for path in kept)


def books(ledger: Path) -> tuple[float, float]:
    """Return what the car took from the grid in Wh, and what it all cost in ct."""
    return next(iter(rows(ledger, "SELECT total(grid_wh), total(cost_ct) FROM energy")), (0.0, 0.0))


async def until(what: Callable[[], bool], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.1)


async def test_the_running_controller_pays_the_price_of_the_market(tmp_path: Path) -> None:
    """The ledger counts each kWh at the market's price with VAT, also after the market has gone silent."""
    async with PriceServer(lambda asked: Reply(entsoe(around_now()))) as market:
        tariff = TARIFF.format(token=token_file(tmp_path), url=market.url)
        async with Rig(tmp_path, strategy="fast", strategy_options=f"\n{tariff}", sun_w=0.0) as rig:
            await until(lambda: len(market.asked) >= 1 and (tmp_path / "prices" / "entsoe.json").exists())
            market.answer = lambda asked: Reply(b"", 500)
            await until(lambda: books(rig.ledger)[0] > 0)
            wh, ct = books(rig.ledger)
            await until(lambda: books(rig.ledger)[0] > wh + 20)
            more_wh, more_ct = books(rig.ledger)
            price = (more_ct - ct) / (more_wh - wh) * 1000
            assert abs(price - SPOT_CT * 1.1) < 0.05
            assert TOKEN.encode() not in rig.output
        assert market.asked[0].params["securityToken"] == TOKEN


@pytest.mark.slow
async def test_the_running_controller_without_prices_says_so_once_and_goes_on(tmp_path: Path) -> None:
    """A market that refuses: the fixed price counts, events say so, the token it repeats is shown nowhere."""

    def refuse(_asked: Asked) -> Reply:
        return Reply(acknowledgement("100", f"no such token {TOKEN}"), 400)

    async with PriceServer(refuse) as market:
        tariff = TARIFF.format(token=token_file(tmp_path), url=market.url) + '[log]\nlevel = "debug"\n'
        async with Rig(tmp_path, strategy="fast", strategy_options=f"\n{tariff}", sun_w=0.0) as rig:
            await until(lambda: books(rig.ledger)[0] > 20)
            wh, ct = books(rig.ledger)
            assert abs(ct / wh * 1000 - 32.0) < 0.05
            said = events(rig.ledger)
            assert [t for t in said if "32 ct/kWh" in t] == [said[0]]
            assert any("no such token ***" in text for text in said)
            assert len(market.asked) == 1
            assert b"no such token ***" in rig.output
            assert TOKEN.encode() not in rig.output
            assert TOKEN.encode() not in on_disk(tmp_path)


# -- the command ------------------------------------------------------------------------------------------


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    config = folder / "ampilot.toml"
    config.write_text(HOUSE.format(folder=folder) + text, encoding="utf-8")
    command = [sys.executable, "-m", "controller", "tariffs", "--config", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def is_png(path: Path) -> bool:
    return path.read_bytes()[:4] == b"\x89PNG"


async def test_the_command_fetches_shows_and_draws(tmp_path: Path) -> None:
    """With --fetch it asks; then it shows the same without network, with source and end."""
    async with PriceServer(lambda asked: Reply(entsoe(around_now()))) as market:
        text = TARIFF.format(token=token_file(tmp_path), url=market.url)
        picture = tmp_path / "prices.png"
        first = await asyncio.to_thread(run, tmp_path, text, "--fetch", "--plot", str(picture))
        assert first.returncode == 0, first.stderr
        assert is_png(picture)
        asked = len(market.asked)
    again = await asyncio.to_thread(run, tmp_path, text)
    assert again.returncode == 0, again.stderr
    assert asked == len(market.asked) == 1
    tomorrow = datetime.now(CET).date() + timedelta(days=2)
    for words in ("entsoe 10Y1001A1001A82H EUR", f"{tomorrow:%a %d %b} 00:00", "45.65", "10% VAT"):
        assert words in again.stdout, again.stdout
    rows = [line for line in again.stdout.splitlines() if "45.65" in line]
    assert len(rows) >= 46
    assert sum(row.startswith(">") for row in rows) == 1
    assert TOKEN not in first.stdout + first.stderr + again.stdout + again.stderr
    quarters = await asyncio.to_thread(run, tmp_path, text, "--quarters")
    assert len([line for line in quarters.stdout.splitlines() if "45.65" in line]) >= 4 * 46


def test_the_command_without_a_section(tmp_path: Path) -> None:
    """Fixed prices are said in words and shown for both days."""
    done = run(tmp_path, "")
    assert done.returncode == 0, done.stderr
    assert "Fixed prices" in done.stdout
    assert done.stdout.count("32.00") >= 46


async def test_the_command_when_the_market_is_down(tmp_path: Path) -> None:
    """A failed fetch is an error with its reason, after showing what is known."""
    async with PriceServer(lambda asked: Reply(b"", 500)) as market:
        text = TARIFF.format(token=token_file(tmp_path), url=market.url)
        done = await asyncio.to_thread(run, tmp_path, text, "--fetch")
    assert done.returncode == 69
    assert "not well (500)" in done.stdout
    assert "not every source" in done.stderr
    state = json.loads((tmp_path / "prices" / "entsoe.json").read_bytes())
    assert state["quotes"] == []
    assert state["tried_s"] <= datetime.now(UTC).timestamp()
