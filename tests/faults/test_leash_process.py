"""L rows: the energy leash over HTTP with the real process; the box obeys its limit, a real one may not."""

import signal
from pathlib import Path

from tests.faults.rig import Rig

THEIRS_WH = 12_345.5
LEASH = "energy_leash_kwh = 2"


def rig(folder: Path) -> Rig:
    """Return a house whose box has a limit of the user and obeys it."""
    made = Rig(folder, charger=LEASH)
    made.box.limit_beats_force, made.box.dwo = True, THEIRS_WH
    return made


async def test_l1_a_killed_process_leaves_a_car_that_stops(tmp_path: Path) -> None:
    """Nobody restarts it: hours later the car has taken no more than the leash."""
    async with rig(tmp_path) as house:
        await house.charging()
        await house.until(lambda: house.box.dwo != THEIRS_WH, 20, "the leash is on")
        await house.stop(signal.SIGKILL)
        before_wh = house.box.eto_wh
        house.served.advance(house.served.house.now_s + 3 * 3600)
        # And what flows in the 6 s a car may take to stop: 18 Wh at 11 kW.
        assert 0 < house.box.eto_wh - before_wh <= 2000 + 18
        assert (house.power_w, house.box.frc, house.box.model_status) == (0.0, 2, 6)


async def test_l6_a_process_killed_and_then_stopped_in_order_gives_the_limit_back(tmp_path: Path) -> None:
    """The second life knows from the ledger whose limit is whose; its SIGTERM stops first, then puts back."""
    async with rig(tmp_path) as house:
        await house.charging()
        await house.until(lambda: house.box.dwo != THEIRS_WH, 20, "the leash is on")
        await house.stop(signal.SIGKILL)
        [(last,)] = house.rows("SELECT max(id) FROM decisions")
        await house.start()
        count = len(house.writes())
        seen = f"SELECT 1 FROM decisions WHERE in_force <> 'off' AND id > {last}"
        await house.until(lambda: bool(house.rows(seen)), 20, "the new one has seen the car charge")
        assert await house.stop(signal.SIGTERM) == 0
        await house.until(lambda: house.box.dwo == THEIRS_WH, 5, "put back")
        assert house.box.frc == 1
        assert house.writes()[-2:] == [{"frc": "1"}, {"dwo": "12345.5"}]
        assert len(house.writes()) >= count + 2
        assert house.rows("SELECT count(*) FROM events WHERE kind = 'leash'") == [(0,)]
        intents = house.rows("SELECT command, keys FROM intents ORDER BY id DESC LIMIT 2")
        assert intents == [("energy limit 12345.5 Wh", '{"dwo": 12345.5}'), ("off", '{"frc": 1}')]
