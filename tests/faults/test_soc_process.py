"""The state of charge in the real process: said by the real command beside it, over a kill."""

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.faults.host_rig import HostRig

CAR = '[[car]]\nname = "Zoe"\nbattery_kwh = 1.0\ncharge_efficiency = 0.8\n'
PCT_PER_WH = 0.8 / 10.0  # 80 % of a Wh, in percent of 1 kWh: small, so that little energy shows


async def said(rig: HostRig, *words: str) -> str:
    """Run `ampilot soc` and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", "soc", *words, "--config", str(rig.config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, printed.decode()
    return " ".join(printed.decode().split())


def taken_up(rig: HostRig) -> list[float]:
    """Return where the counter stood at each report that was taken up."""
    rows = rig.rows("SELECT counter_wh FROM soc_reports WHERE counter_wh IS NOT NULL ORDER BY id")
    return [row[0] for row in rows]


def last_fact(rig: HostRig) -> str:
    """Return what the newest decision on record says of it."""
    found = rig.rows("SELECT facts FROM decisions ORDER BY id DESC LIMIT 1")
    return str(json.loads(found[0][0])["this_soc"])


@pytest.mark.timeout(400)
async def test_it_is_said_counted_and_kept_over_a_kill(tmp_path: Path) -> None:
    """30 % said while it charges; the counter goes on while nothing runs too, and a new run knows it all.

    The truth is the simulated box's own counter.
    """
    async with HostRig(tmp_path, more=CAR) as rig:
        await rig.until(lambda: rig.power_w > 1000 and rig.box.frc == 2, 100, "the car charges")
        assert "How full Zoe is, is not known" in await said(rig)
        before_wh = rig.box.status()["eto"]
        assert "Understood: Zoe is 30 % full now." in await said(rig, "30")
        await rig.until(lambda: len(taken_up(rig)) == 1, 60, "it is taken up")
        begun_wh = taken_up(rig)[0]
        assert before_wh <= begun_wh <= rig.box.status()["eto"]
        await rig.until(lambda: rig.box.status()["eto"] >= begun_wh + 50, 60, "50 Wh flow")
        await rig.killed()
        unseen_wh = rig.box.status()["eto"]
        await rig.until(lambda: rig.box.status()["eto"] >= unseen_wh + 50, 60, "50 Wh flow unseen")
        await rig.start()
        rows_before = rig.rows("SELECT max(id) FROM decisions")[0][0]
        await rig.until(
            lambda: (
                rig.rows("SELECT max(id) FROM decisions WHERE json_extract(facts, '$.car_connected')")[0][0]
                > rows_before
                and last_fact(rig) != ""
            ),
            60,
            "the new run knows",
        )
        known = float(last_fact(rig).split(" %")[0])
        least = 30.0 + (unseen_wh + 50 - begun_wh) * PCT_PER_WH
        most = 30.0 + (rig.box.status()["eto"] - begun_wh) * PCT_PER_WH
        assert least - 1.0 <= known <= most + 0.5  # shown in whole percent, data some seconds old


def leaves_in(minutes: int) -> str:
    """Return a departure of every day at that time, in percent, for a battery that cannot be full by then."""
    at = datetime.now(ZoneInfo("Europe/Berlin")) + timedelta(minutes=minutes)
    return (
        f'[[car]]\nname = "Bus"\nbattery_kwh = 300.0\n[[departure]]\ntime = "{at:%H:%M}"\ntarget_pct = 90.0\n'
    )


@pytest.mark.timeout(400)
async def test_a_departure_in_percent_waits_for_a_word_and_ends_with_one(tmp_path: Path) -> None:
    """Without sun: nothing while nobody says how full it is; all that is allowed at 20 %; off at 95 %."""
    async with HostRig(tmp_path, strategy="ready_by", sun_w=0.0, more=leaves_in(40)) as rig:
        await rig.until(lambda: rig.power_w < 100 and rig.box.frc == 1, 60, "nothing flows")
        assert "How full Bus is, is not known" in await said(rig)
        assert "20 % full now" in await said(rig, "20")
        await rig.until(lambda: rig.box.frc == 2 and rig.box.amp == 16, 60, "all that is allowed")
        await rig.until(lambda: rig.power_w > 3000, 60, "the car charges")
        assert "95 % full now" in await said(rig, "95")
        await rig.until(lambda: rig.box.frc == 1 and rig.power_w < 100, 60, "it has what it needs")
