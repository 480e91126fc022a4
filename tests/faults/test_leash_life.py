"""L rows: the energy leash, with the product's own timings on a simulated clock.

The box here stops at its limit also under `frc=2`. Whether a real one does is not known.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.life import Life, limits, more

Bound = Callable[[str, str, float, float, str], None]
LEASH_WH = 3000.0
LIMITS = limits(leash_wh=LEASH_WH)


def house(folder: Path, **options: object) -> Life:
    """Return a house whose controller keeps a leash and whose box obeys it."""
    life = Life(folder, **{"limits": LIMITS, "strategy": "fast", **options})  # type: ignore[arg-type]
    life.box.limit_beats_force = True
    return life


def asked(life: Life) -> list[float | None]:
    """Return every energy limit that was asked for, oldest first."""
    return [keys["dwo"] for _, keys in life.sent if "dwo" in keys]


async def dead(life: Life, seconds: float) -> float:
    """Let the house go on without anybody who commands it; return what the car took, in Wh."""
    before_wh = life.box.eto_wh
    for _ in range(int(seconds)):
        life.clock.advance(1.0)
        life.charger.deliver()
        life.house.advance(life.house.now_s + 1.0)
    return life.box.eto_wh - before_wh


def open_limits(life: Life) -> list[tuple[float]]:
    """Return the limits of ours that may be at the charger, as the database has them."""
    return life.ledger.rows("SELECT ours_wh FROM leash WHERE ended_ms IS NULL")


async def charged(life: Life, more_wh: float) -> None:
    """Let the car take so much more."""
    goal_wh = life.box.eto_wh + more_wh
    await life.until(lambda: life.box.eto_wh >= goal_wh, 4 * 3600, f"{more_wh} Wh more")


@pytest.mark.parametrize("after_wh", [1900.0, *more(100.0, 4200.0)])
async def test_l1_a_dead_controller_ends_in_a_stopped_car(
    tmp_path: Path, bound: Bound, after_wh: float
) -> None:
    """Whenever it dies, the car takes at most the leash; the start already carries the limit."""
    async with house(tmp_path) as life:
        await life.charging()
        first = next(keys for _, keys in life.sent if keys.get("frc") == 2)
        assert first["dwo"] == LEASH_WH
        await charged(life, after_wh)
        assert life.car_w > 3000
        took_wh = await dead(life, 4 * 3600)
        bound("L1", f"dead after {after_wh:.0f} Wh: the car takes", LEASH_WH, took_wh, "Wh")
        assert took_wh > 900  # and it was not stopped by something else
        assert (life.car_w, life.box.frc, life.box.model_status) == (0.0, 2, 6)


async def test_l1_without_the_option_the_limit_is_never_touched(tmp_path: Path) -> None:
    """Off by default: no write names the limit, whatever stands there."""
    async with house(tmp_path, limits=limits()) as life:
        life.box.dwo = 30_000.0
        await life.charging()
        await charged(life, 6000)
        assert asked(life) == []
        assert await dead(life, 2 * 3600) > LEASH_WH


async def test_l2_a_dead_cloud_ends_in_a_stop_and_a_start_when_it_is_back(
    tmp_path: Path, bound: Bound
) -> None:
    """Nobody could renew: the charger stops; when all is well it is said, renewed and started again."""
    async with house(tmp_path) as life:
        await life.charging()
        await charged(life, 1000)
        before_wh, life.charger.down = life.box.eto_wh, True
        await life.run(3 * 3600)
        bound(
            "L2", "three hours without the cloud: the car takes", LEASH_WH, life.box.eto_wh - before_wh, "Wh"
        )
        assert life.car_w == 0.0
        count = len(life.sent)
        life.charger.down = False
        took_s = await life.until(lambda: life.car_w > 1000, 900, "it charges again")
        bound("L2", "the cloud is back: charging again", 420, took_s, "s")
        assert [keys for _, keys in life.sent[count:] if "dwo" in keys]
        assert any("energy leash" in text for text in life.events("leash"))


@pytest.mark.slow
async def test_l2_in_a_normal_day_nobody_is_late(tmp_path: Path) -> None:
    """Renewed before it is reached: the car never stops, at about a write for two kWh."""
    async with house(tmp_path) as life:
        await life.charging()
        starts, count = life.box.starts, len(asked(life))
        await charged(life, 20_000)
        assert life.box.starts == starts
        assert life.events("leash") == []
        assert 9 <= len(asked(life)) - count <= 11


@pytest.mark.parametrize("theirs", [4321.5, *more(20_000.0, None)])
async def test_l3_the_user_s_own_limit_is_never_loosened_and_restored_exactly(
    tmp_path: Path, bound: Bound, theirs: float | None
) -> None:
    """Theirs is nearer: left alone. Farther: shortened for the while, and back to the digit at unplug."""
    async with house(tmp_path) as life:
        life.box.dwo = theirs
        await life.charging()
        await charged(life, 2500)
        assert life.box.dwo is not None
        assert life.box.dwo <= (theirs or 1e9)
        if theirs == 4321.5:
            assert asked(life)[-1] == theirs  # the leash was longer than what the user left
        took_wh = await dead(life, 3 * 3600)
        bound("L3", f"with a limit of {theirs}: the car takes", LEASH_WH, took_wh, "Wh")
        life.box.unplug()
        took_s = await life.until(lambda: life.box.dwo == theirs, 120, "put back")
        bound("L3", f"a limit of {theirs} put back after unplug", 60, took_s, "s")
        await life.run(600)
        assert open_limits(life) == []


async def test_l3_a_limit_nearer_than_the_leash_is_left_alone(tmp_path: Path) -> None:
    """The user wants 2 kWh: nothing is asked, the charger stops there, and nobody starts it again."""
    async with house(tmp_path) as life:
        life.box.dwo = 2000.0
        await life.charging()
        await life.run(3 * 3600)
        assert (life.box.dwo, asked(life)) == (2000.0, [])
        assert 2000 <= life.box.wh < 2050
        assert life.car_w == 0.0


@pytest.mark.parametrize("new", [None, *more(9000.0, 2500.0)])
async def test_l3_what_the_app_sets_meanwhile_wins(tmp_path: Path, new: float | None) -> None:
    """Looser or tighter: theirs stays, also after the unplug; the next car has the leash again."""
    async with house(tmp_path) as life:
        life.box.dwo = 30_000.0
        await life.charging()
        await charged(life, 500)
        count = len(asked(life))
        life.box.dwo = new
        await life.until(lambda: bool(life.events("leash")), 60, "noticed")
        await life.run(1800)
        await life.restart()
        await life.run(1800)
        assert (life.box.dwo, len(asked(life))) == (new, count)
        car = life.box.unplug()
        await life.run(600)
        assert (life.box.dwo, len(asked(life))) == (new, count)
        assert car is not None
        car.taken_wh = 0.0
        life.box.plug(car)
        if new != 2500.0:
            await life.until(lambda: life.box.dwo not in (new, None), 1800, "the next car has the leash")
            assert life.box.dwo is not None
            assert 0 < life.box.dwo - life.box.wh <= LEASH_WH
        await life.restart()
        life.box.unplug()
        await life.until(lambda: life.box.dwo == new, 120, "put back as the app had it")


async def test_l3_setting_the_old_limit_back_in_the_app_wins_too(tmp_path: Path) -> None:
    """The very value they had before is theirs as well, once ours had been seen for a while."""
    async with house(tmp_path) as life:
        await life.charging()
        await life.run(200)
        life.box.dwo = None
        await life.until(lambda: bool(life.events("leash")), 60, "noticed")
        count = len(asked(life))
        await charged(life, 5000)
        assert (life.box.dwo, len(asked(life))) == (None, count)


async def test_l4_a_session_counter_that_begins_anew_shortens_the_limit(tmp_path: Path, bound: Bound) -> None:
    """go-e #68: `wh` falls to 0, `dwo` stays: the old limit would be far too long."""
    async with house(tmp_path) as life:
        await life.charging()
        await charged(life, 8000)
        assert life.box.dwo is not None
        assert life.box.dwo > 2 * LEASH_WH
        life.box.lose_session()
        await life.run(30)
        took_wh = await dead(life, 4 * 3600)
        bound("L4", "dead 30 s after the counter began anew: the car takes", LEASH_WH, took_wh, "Wh")
        assert took_wh > 1000


@pytest.mark.parametrize("fault", ["lost", *more("late", "doubled")])
async def test_l5_a_limit_lost_late_or_doubled(tmp_path: Path, bound: Bound, fault: str) -> None:
    """Ours is known again whenever it arrives; a lost one is asked for again; at the end theirs is back."""
    async with house(tmp_path) as life:
        life.box.dwo = 40_000.0
        await life.charging()
        await charged(life, 1500)
        count = len(asked(life))
        if fault == "late":
            life.charger.delay_s = 40.0
        if fault == "lost":
            life.charger.lose = True
        await life.until(lambda: len(asked(life)) > count, 1800, "renewed")
        if fault == "lost":
            await life.run(60)
            life.charger.lose = False
        if fault == "doubled":
            life.charger.under_way += [(at_s + 60.0, keys) for at_s, keys in life.charger.under_way]
        starts = life.box.starts
        await charged(life, 3000)
        assert life.box.starts == starts  # never late
        assert life.events("leash") == []  # and never taken for a person
        assert life.box.dwo is not None
        bound("L5", f"{fault}: ahead of the car at most", LEASH_WH, life.box.dwo - life.box.wh, "Wh")
        life.box.unplug()
        await life.run(900)
        assert life.box.dwo == 40_000.0
        assert open_limits(life) == []


async def test_l5_a_renewal_that_arrives_after_the_unplug_is_undone(tmp_path: Path) -> None:
    """It left before the car did and is delivered after theirs was put back."""
    async with house(tmp_path) as life:
        await life.charging()
        await charged(life, 1500)
        count = len(asked(life))
        await life.until(lambda: len(asked(life)) > count, 1800, "renewed")
        late = [(at_s + 60.0, keys) for at_s, keys in life.charger.under_way]
        assert late
        life.charger.under_way = late
        life.box.unplug()
        await life.until(lambda: life.box.dwo is not None and not life.charger.under_way, 120, "it arrived")
        await life.until(lambda: life.box.dwo is None, 120, "and was undone")
        await life.run(900)
        assert life.box.dwo is None
        assert open_limits(life) == []


async def test_l6_a_clean_exit_puts_it_back_after_the_stop(tmp_path: Path) -> None:
    """SIGTERM while charging: the stop is sent first and alone, then theirs."""
    async with house(tmp_path) as life:
        life.box.dwo = 25_000.0
        await life.charging()
        count = len(life.sent)
        await life.loop.stop()
        assert [keys for _, keys in life.sent[count:]] == [{"frc": 1}, {"dwo": 25_000}]
        await dead(life, 10)
        assert (life.box.frc, life.box.dwo) == (1, 25_000)
        await life.restart()
        await life.run(200)
        assert life.events("leash") == []
        assert life.ledger.rows("SELECT id FROM intents WHERE state = 'open'") == []


async def test_l6_a_clean_exit_at_the_limit_does_not_start_the_car(tmp_path: Path) -> None:
    """The charger waits at the leash with `frc=2`: putting theirs back alone would start it."""
    async with house(tmp_path) as life:
        await life.charging()
        await dead(life, 3 * 3600)
        assert life.box.model_status == 6
        await life.run(20)
        before_wh = life.box.eto_wh
        await life.loop.stop()
        assert (await dead(life, 600), life.box.frc, life.box.dwo) == (0.0, 1, None)
        assert life.box.eto_wh == before_wh


@pytest.mark.parametrize("with_car", [False, *more(True)])
async def test_l6_after_a_kill_the_next_start_knows_whose_limit_is_whose(
    tmp_path: Path, bound: Bound, with_car: bool
) -> None:
    """Killed between leash and put-back: the ledger knows what the user had."""
    async with house(tmp_path) as life:
        life.box.dwo = 18_765.5
        await life.charging()
        await charged(life, 500)
        if not with_car:
            life.box.unplug()
        await life.restart()
        await life.run(60)
        assert life.events("leash") == []
        if with_car:
            await charged(life, 4000)
            assert life.box.dwo != 18_765.5
            life.box.unplug()
        took_s = await life.until(lambda: life.box.dwo == 18_765.5, 300, "put back")
        bound("L6", f"put back after a kill, {'unplugged later' if with_car else 'no car'}", 120, took_s, "s")
        await life.run(600)
        assert open_limits(life) == []


async def test_l6_a_start_without_the_option_puts_back_what_was_left(tmp_path: Path) -> None:
    """Killed, the option taken out, started again: theirs comes back, and nothing more is asked."""
    async with house(tmp_path) as life:
        life.box.dwo = 18_000.0
        await life.charging()
        life.limits = limits()
        await life.restart()
        await life.until(lambda: life.box.dwo == 18_000.0, 300, "put back")
        count = len(asked(life))
        await life.run(1800)
        assert len(asked(life)) == count


async def test_l6_who_takes_the_charger_has_their_limit_back(tmp_path: Path) -> None:
    """Current changed in the app: we write nothing but what gives the limit back."""
    async with house(tmp_path) as life:
        life.box.dwo = 22_000.0
        await life.charging()
        await life.run(200)
        count = len(life.sent)
        life.box.amp = 7
        await life.until(lambda: life.box.dwo == 22_000.0, 120, "put back")
        await life.run(1800)
        assert [keys for _, keys in life.sent[count:]] == [{"dwo": 22_000}]
        assert life.box.amp == 7


async def test_l7_a_charger_that_ignores_its_limit_is_told(tmp_path: Path, bound: Bound) -> None:
    """Force beats the limit: one the user had set is passed, and people must know what the leash is worth."""
    async with house(tmp_path) as life:
        life.box.limit_beats_force = False
        life.box.dwo = 1500.0
        await life.charging()
        await life.until(lambda: life.box.wh > 1500, 3600, "passed")
        before_wh = life.box.wh
        await life.until(lambda: any("does not obey" in text for text in life.events("leash")), 600, "told")
        bound("L7", "told after the limit was passed by", 250, life.box.wh - before_wh + 100, "Wh")
        await life.run(1800)
        assert len(life.events("leash")) == 1


async def test_l8_a_stop_never_waits_for_the_leash(tmp_path: Path, bound: Bound) -> None:
    """A blind meter right after a renewal ends in off as fast as ever, and the stop carries no limit."""
    async with house(tmp_path) as life:
        await life.charging()
        await charged(life, 1500)
        count = len(asked(life))
        await life.until(lambda: len(asked(life)) > count, 1800, "renewed")
        life.server.misbehave("silent")
        took_s = await life.off()
        bound("L8", "blind right after a renewal: off", 82, took_s, "s")
        assert life.sent[-1][1] == {"frc": 1}
