"""A car that is not what it was taken for, met by the real process over real Modbus and HTTP."""

import asyncio
import signal
from pathlib import Path

from typer.testing import CliRunner

from controller.cli.main import app
from tests.faults.rig import Rig


async def test_a_one_phase_car_is_learned_kept_and_spared_phase_changes(tmp_path: Path) -> None:
    """Offered three phases it draws on one: known in seconds, on disk after a stop, believed after a start.

    From then on no phase setting is written, though less sun asks for it.
    """
    async with Rig(tmp_path, car="one_phase") as rig:
        await rig.until(lambda: rig.box.psm == 2, 30, "three phases are offered")
        await rig.until(lambda: b"this car uses one phase" in rig.output, 30, "it is seen to use one")
        known_at = len(rig.writes())
        rig.served.house.shade = 0.45  # 2.5 kW of sun: in 5 s at these prices one phase would be better
        await asyncio.sleep(8.0)
        assert len(rig.writes()) > known_at
        assert await rig.stop(signal.SIGTERM) == 0
        assert rig.rows("SELECT key, phases FROM cars WHERE phases_n >= 5") == [("default", 1.0)]
        assert ("this car uses one phase",) in rig.rows("SELECT text FROM events WHERE kind = 'car'")
        rig.served.house.shade = 1.0
        await rig.start()
        await rig.charging()
        assert not [write for write in rig.writes()[known_at:] if "psm" in write]
        said = await asyncio.to_thread(CliRunner().invoke, app, ["explain", "--config", str(rig.config)])
        assert "This car: one phase" in said.output
