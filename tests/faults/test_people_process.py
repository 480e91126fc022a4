"""V rows through the real process, over real Modbus and HTTP."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.rig import Rig


@pytest.mark.slow
async def test_v1_the_app_wins_until_unplug(tmp_path: Path) -> None:
    """Somebody sets 7 A in the app: it stays, until the car is unplugged."""
    async with Rig(tmp_path) as rig:
        await rig.charging()
        await rig.settled()
        ours = {write.get("amp") for write in rig.writes()}  # a late one of ours is not a person
        theirs = next(amp for amp in (7, 6, 8, 14) if str(amp) not in ours)
        rig.box.amp = theirs
        await rig.until(lambda: b"changed from outside" in rig.output, 20, "it is noticed")
        before = len(rig.writes())
        await asyncio.sleep(3.0)
        assert rig.box.amp == theirs
        assert len(rig.writes()) == before
        assert rig.rows("SELECT kind FROM latches WHERE acked_ms IS NULL") == [("app",)]
        car = rig.box.unplug()
        assert car is not None
        await rig.until(lambda: b"event=latched_app_recovered" in rig.output, 20, "the claim has ended")
        rig.box.plug(car)
        await rig.charging()


async def test_v2_a_second_instance_is_refused(tmp_path: Path) -> None:
    """One controller per ledger: the second ends with exit code 75 and says why; the first goes on."""
    async with Rig(tmp_path) as rig:
        await rig.charging()
        first, rig.process = rig.process, None
        await rig.start()
        assert rig.process is not None
        assert await asyncio.wait_for(rig.process.wait(), 15) == 75
        rig.process = first
        assert rig.process is not None
        assert rig.process.returncode is None


@pytest.mark.slow
async def test_v4_unplugged_while_the_box_switches(tmp_path: Path) -> None:
    """The car leaves while the box switches: no start, parked low, ready for the next car."""
    # The box began unasked on three phases at plug-in; 6 A on one are wanted. The car is there before the
    # controller: one that is there first would have parked the box on one phase, and nothing would switch.
    rig = Rig(tmp_path, strategy="fixed")
    rig.served.house.arrives_s = 0
    async with rig:
        await rig.until(lambda: rig.box.switching, 30, "a phase change is under way")
        rig.box.unplug()
        await rig.until(lambda: rig.box.amp == 6 and rig.box.psm == 1, 15, "parked")
        assert rig.box.frc != 2
