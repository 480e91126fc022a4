"""The promises in seconds, with the timings people run it with. Slow: they pass in real time."""

import os
from pathlib import Path

import pytest

from tests.faults.rig import Rig

OFF_WITHIN_S = 82.0
"""60 s until a reading is stale, two ticks of 10 s, the request, and its way to the box."""


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_silent_meter_stops_the_car_within_82_s(tmp_path: Path) -> None:
    """Charging with default timings, the meter falls silent: off within 82 s; memory stays small."""
    rig = Rig(tmp_path, real_timings=True)
    rig.box.frc = 1  # a stop before the first sun is seen would cost the minimum off time of 300 s
    async with rig:
        await rig.until(lambda: rig.power_w > 1000 and rig.box.frc == 2, 60, "the car charges")
        assert rig.process is not None
        began_s = cpu_s(rig.process.pid)
        rig.served.meter.misbehave("silent")
        took_s = await rig.until(lambda: rig.box.frc == 1, 120, "off")
        spent_s = cpu_s(rig.process.pid) - began_s
        memory_mb = resident_mb(rig.process.pid)
        print(f"off after {took_s:.1f} s; {spent_s / took_s:.1%} of a core; {memory_mb:.1f} MB resident")
        assert took_s <= OFF_WITHIN_S
        assert memory_mb <= 65
