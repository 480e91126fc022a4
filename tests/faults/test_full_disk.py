"""H7: the disk of the real process refuses to grow; control goes on, raises do not."""

import asyncio
import resource
from pathlib import Path

from tests.faults.rig import Rig


def let_files_grow(process: asyncio.subprocess.Process, most_bytes: int) -> None:
    """Set how large a file this child may write; beyond it every write fails as on a full disk."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))


def raises(writes: list[dict[str, str]], amp: int) -> int:
    """Return how many of these writes raise, one after the other, beginning at `amp`."""
    count, psm = 0, 1
    for write in writes:
        new_amp, new_psm = int(write.get("amp", amp)), int(write.get("psm", psm))
        count += write.get("frc") != "1" and (new_amp > amp or new_psm > psm)
        amp, psm = (0 if write.get("frc") == "1" else new_amp), new_psm
    return count


AT_ONCE = "start_delay_s = 0.4\nstop_delay_s = 0.6\nup_delay_s = 0.4\ndown_delay_s = 0.6\ninterval_s = 0.2"
"""Delays on the rig's scale of time; the money strategies think in minutes of real sky."""


async def test_h7_a_full_disk_stops_raises_and_nothing_else(tmp_path: Path) -> None:
    """Announced at once; one raise at most though the sun comes twice, stops as ever, all on record later."""
    async with Rig(tmp_path, sun_w=9000.0, strategy="timers", strategy_options=AT_ONCE) as rig:
        await rig.charging()
        assert rig.process is not None
        let_files_grow(rig.process, 1)
        await rig.until(lambda: b"event=ledger_fault" in rig.output, 5, "the full disk is announced")
        amp, before = rig.box.amp, len(rig.writes())
        for shade in (0.7, 1.2, 0.7, 1.2):  # more sun than ever, twice
            rig.served.house.shade = shade
            await asyncio.sleep(1.6)
        assert raises(rig.writes()[before:], amp) <= 1
        assert rig.process.returncode is None
        rig.served.house.shade = 0.0
        await rig.until(lambda: rig.box.frc == 1, 20, "the stop for want of sun")
        let_files_grow(rig.process, resource.RLIM_INFINITY)
        await rig.until(lambda: b"event=ledger_recovered" in rig.output, 10, "the ledger is well again")
        rig.served.house.shade = 1.0
        await rig.charging()
        stored = [row[0] for row in rig.rows("SELECT keys FROM intents ORDER BY id")]
        assert len(stored) == len(rig.writes())
        assert b"Traceback" not in rig.output
