"""Who overrules whom (safety, people, strategy, timers, budget) and what blind means, at the box."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.errors import ChargerUnreachable
from controller.model import ChargerStatus
from controller.plugins import load_strategy
from tests.faults.life import OFF_WITHIN_S, Life, limits

Bound = Callable[[str, str, float, float, str], None]
LOWERED_WITHIN_S = 17.0
"""One decision of 10 s, 5 s from the last write, 2 s to the box."""


@pytest.mark.slow
async def test_m1_the_blind_level_is_commanded_where_there_is_one(tmp_path: Path, bound: Bound) -> None:
    """Twelve amperes were promised; blind, the installer's six are kept up, neither more nor off."""
    strategy = load_strategy("fixed", {"current_a": 12, "phases": 3})
    async with Life(tmp_path, strategy=strategy, limits=limits(blind_a=6)) as life:
        await life.until(lambda: life.box.amp == 12 and life.car_w > 5000, 900, "twelve amperes")
        await life.run(120)
        count = len(life.sent)
        life.server.misbehave("silent")
        took_s = await life.until(lambda: life.box.amp == 6, 200, "the blind level")
        bound("M1", "blind level of 6 A commanded", OFF_WITHIN_S, took_s, "s")
        await life.run(120)
        assert [keys for _, keys in life.sent[count:]] == [{"amp": 6}]
        assert life.car_w > 1000
        life.server.misbehave("ok")
        await life.until(lambda: life.box.amp == 12, 900, "back to twelve")


@pytest.mark.parametrize("spent", ["minimum on time", pytest.param("budget", marks=pytest.mark.slow)])
async def test_an_overload_is_lowered_past_timers_and_budget(
    tmp_path: Path, bound: Bound, spent: str
) -> None:
    """The oven comes on seconds after a start, or with no write for comfort left."""
    strategy = load_strategy("fixed", {"current_a": 14, "phases": 3})
    house = limits(fuse_a=25.0, writes_per_window=5 if spent == "budget" else 12)
    async with Life(tmp_path, strategy=strategy, sun_w=0.0, limits=house) as life:
        await life.until(lambda: life.box.amp == 14 and life.car_w > 5000, 900, "fourteen amperes")
        if spent == "budget":
            life.strategy = load_strategy("fixed", {"current_a": 12, "phases": 3})
            life.loop._strategy = life.strategy
            await life.run(30)
        life.house.kettle(4600.0)
        before_a = life.box.amp
        took_s = await life.until(lambda: life.box.amp <= 25 - 2 - 20 or life.box.frc == 1, 60, "lowered")
        bound("P4", f"overload beside spent {spent}: lowered", LOWERED_WITHIN_S, took_s, "s")
        assert life.box.frc == 1 or life.box.amp < before_a


async def test_fewer_phases_need_no_leave_to_raise(tmp_path: Path) -> None:
    """Full power, then the least is wished while something latched forbids raises: it is no raise."""
    strategy = load_strategy("fixed", {"current_a": 16, "phases": 3})
    async with Life(tmp_path, strategy=strategy, sun_w=0.0) as life:
        await life.until(lambda: life.car_w > 10_000, 900, "full power")
        await life.run(600)  # between two changes of phases
        life.loop.latch("guard", "by hand")
        life.loop._strategy = load_strategy("fixed", {"current_a": 6, "phases": 1})
        await life.until(lambda: (life.box.amp, life.box.psm) == (6, 1), LOWERED_WITHIN_S, "the least")


async def test_c1_a_start_that_no_read_has_shown_is_stopped_when_blind(tmp_path: Path, bound: Bound) -> None:
    """The charger is heard no more right after a start was sent: it may be in force, so it is stopped."""
    strategy = load_strategy("fixed", {"current_a": 16, "phases": 3})
    async with Life(tmp_path, strategy=strategy, sun_w=0.0) as life:
        await life.until(lambda: bool(life.sent), 400, "a start is sent")

        async def silent() -> ChargerStatus:
            raise ChargerUnreachable("no answer")

        life.charger.read = silent  # type: ignore[method-assign]
        await life.until(lambda: life.car_w > 1000, 60, "the car charges, unseen")
        took_s = await life.until(lambda: life.box.frc == 1, 300, "stopped")
        bound("C1", "a start that was never seen: stopped", 120.0 + 12.0, took_s, "s")
        assert [keys for _, keys in life.sent[1:2]] == [{"frc": 1}]
