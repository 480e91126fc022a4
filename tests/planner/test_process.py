"""The real process with a departure: it charges in the dark for it, and stops when it has enough."""

import asyncio
import contextlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from controller.simulation.box import Box
from tests.faults.rig import Rig

NEED_WH = 150
FULL_W = 10_000.0


def facts(ledger: Path) -> dict[str, Any]:
    """Return what the newest decision is made of, nothing while there is none."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(ledger)) as db:
        row = db.execute("SELECT facts FROM decisions ORDER BY id DESC LIMIT 1").fetchone()
        return {} if row is None else json.loads(row[0])
    return {}


def events(ledger: Path) -> list[str]:
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(ledger)) as db:
        return [text for (text,) in db.execute("SELECT text FROM events WHERE kind = 'plan'")]
    return []


async def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.1)


async def test_the_running_controller_has_the_car_ready_and_says_so(tmp_path: Path) -> None:
    """No sun, 32 ct, the car leaves in two minutes: full power until it has what it needs, then off.

    The box wants a card until plan and start are there, so that the load of this machine decides nothing. A
    car that charges as it comes may have all it needs before there is a plan. And in here, ten times as fast,
    its first amperes beside a meter read a moment before look like 2 kW of sun: the first thing the engine
    knows, and at five decisions a second it holds on to that for minutes, at 6 A instead of off.
    """
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    leaves = now + timedelta(minutes=2 if now.second < 45 else 3)  # 75 to 135 s: only full power is in time
    departure = f'\n[[departure]]\ntime = "{leaves:%H:%M}"\nneed_kwh = {NEED_WH / 1000}\n[plan]\n'
    rig = Rig(tmp_path, strategy="ready_by", strategy_options=departure, sun_w=0.0)
    rig.box.acs = 1
    async with rig:
        await until(lambda: bool(events(rig.ledger)))
        assert f"kWh until {leaves:%a %H:%M}" in events(rig.ledger)[0]
        await until(lambda: rig.box.frc == 2 and rig.box.psm == 2)
        rig.box.acs = 0
        await until(lambda: rig.power_w > FULL_W)
        await until(lambda: rig.box.eto_wh - Box().eto_wh >= NEED_WH)
        await until(lambda: rig.power_w == 0 and rig.box.frc == 1)
        await until(lambda: facts(rig.ledger).get("need_wh") == 0)
        shown = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "controller",
            "plan",
            "--config",
            str(rig.config),
            stdout=asyncio.subprocess.PIPE,
        )
        lines = (await asyncio.wait_for(shown.communicate(), 60))[0].decode()
        text = " ".join(lines.split())  # before midnight the departure is "tomorrow", and the line is broken
        assert "The car has what it needs for" in text
        assert "kWh since it was plugged in" in text
