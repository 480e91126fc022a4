"""The real process with a weather service on loopback: it learns, asks, shows, and charges regardless."""

import asyncio
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.clock import SimClock
from controller.ledger.ledger import Ledger
from controller.ledger.tick_store import ReadingRow, TickStore
from controller.simulation.sun import clear_sky_w_per_m2
from controller.units import DAY_S
from tests.faults.rig import Rig
from tests.weather import Reply, WeatherServer, as_json

DAYS = 4
DRIPS_S = 20.0
"""An answer that drips is left after 25 s."""
EVENTS = "SELECT text FROM events WHERE kind = 'forecast'"
ASKED_WITHIN_S = 150.0
"""5 to 60 s of jitter, a look every 15 s, and the rig's slack on a busy machine."""
OPTIONS = """value_ct_per_kwh = 20.0
[forecast]
latitude_deg = 48.14
longitude_deg = 11.58
base_url = "{url}"
"""


def light(at_s: float) -> float:
    at = datetime.fromtimestamp(at_s, UTC)
    return clear_sky_w_per_m2(at.timetuple().tm_yday, at.hour * 3600 + at.minute * 60, 48.14, 11.58)


def sky(now_s: float) -> dict[str, Any]:
    first = int(now_s // 86_400 - DAYS - 1) * 86_400
    stamps = list(range(first + 900, first + (DAYS + 4) * 86_400, 900))
    values = [light(stamp - 450) * 0.8 for stamp in stamps]
    return {"minutely_15": {"time": stamps, "shortwave_radiation": values}}


def fill(path: Path) -> None:
    """Write some days of minutes up to now, as an earlier life of the house."""
    end_s = int(time.time())
    ledger = Ledger.open(path, SimClock(datetime.now(UTC)))
    ticks = TickStore(ledger)
    for at_s in range(end_s - DAYS * 86_400, end_s, 60):
        base_w = 400 - 6 * light(at_s)
        ticks.record_reading(ReadingRow(at_s * 1000, base_w, base_w, None, None, 0.0, 0, 1))
    ledger.close()


def rows(path: Path, sql: str) -> list[Any]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()
    except sqlite3.Error:
        return []


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_service_learns_asks_and_shows(tmp_path: Path) -> None:
    """From a ledger of some days to a forecast with the source's name, while the car charges."""
    fill(tmp_path / "ledger.db")
    async with WeatherServer() as weather:
        weather.replies = {"/v1/forecast": as_json(sky(time.time()))}
        async with Rig(tmp_path, strategy_options=OPTIONS.format(url=weather.url)) as rig:
            first = "SELECT 1 FROM forecasts WHERE basis = 'clear sky'"
            await rig.until(lambda: bool(rows(rig.ledger, first)), 60, "a forecast is on record")
            await rig.until(lambda: rig.power_w > 1000, 60, "the car charges")
            sunlight = "SELECT 1 FROM sunlight"
            await rig.until(lambda: bool(rows(rig.ledger, sunlight)), ASKED_WITHIN_S, "an answer is kept")
            await rig.until((tmp_path / "ledger.db.forecast.json").exists, 30, "the answer is on disk")
            asked = [one for one in weather.asked if one.path == "/v1/forecast"]
            assert len(asked) == 1
            assert asked[0].query["past_days"] == "31"
            shown = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "controller", "forecast", "--config", str(rig.config)),
                stdout=asyncio.subprocess.PIPE,
            )
            text = (await asyncio.wait_for(shown.communicate(), 60))[0].decode()
            assert shown.returncode == 0
            assert "Source: open_meteo, 0.0 h old" in text
            assert "will be left over (from open_meteo)" in " ".join(text.split())
            assert rig.power_w > 1000


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_weather_service_that_hangs_or_lies_costs_no_tick(tmp_path: Path) -> None:
    """While the answer drips, and then turns out to be nonsense, the car still follows the sun."""
    reply = Reply(b"<html>" * 2000, drip_s=0.01)
    async with WeatherServer() as weather:
        weather.replies = {"/v1/": reply}
        async with Rig(tmp_path, strategy_options=OPTIONS.format(url=weather.url)) as rig:
            await rig.until(lambda: rig.power_w > 1000, 60, "the car charges")
            await rig.until(lambda: bool(weather.asked), ASKED_WITHIN_S, "the service is asked")
            await rig.charging()
            assert rig.power_w > 5500
            rig.served.house.weather.pv_w = [0.0] * DAY_S
            await rig.until(lambda: rig.power_w < 4500, DRIPS_S, "the car is lowered without sun")
            assert not rows(rig.ledger, EVENTS)  # the answer is still dripping
            await rig.until(lambda: bool(rows(rig.ledger, EVENTS)), 60, "the trouble is said")
            assert "no forecast from open_meteo" in rows(rig.ledger, EVENTS)[0][0]
