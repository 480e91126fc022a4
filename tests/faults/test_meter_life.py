"""M rows whose fault is in what the meter says: seconds and watt-hours with the product's own timings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.meters import load_profile
from controller.simulation.modbus_meter import ModbusMeterServer
from tests.faults.life import OFF_WITHIN_S, Life, limits

Bound = Callable[[str, str, float, float, str], None]
FIRST_START_WH = 95.0
"""Of M4: a start at 6 A on three phases for 82 s."""


async def blinded(life: Life, mode: str, row: str, bound: Bound, what: str) -> None:
    """Let a charging house's meter go wrong: off in time, nothing raised, and back by itself."""
    await life.charging()
    before, ev_wh = len(life.sent), life.house.ev_wh
    life.house.shade = 1.3  # a temptation
    life.server.misbehave(mode)
    took_s = await life.off()
    assert not life.raises_since(before)
    bound(row, f"{what}: off", OFF_WITHIN_S, took_s, "s")
    bound(row, f"{what}: energy until then", 250.0, life.house.ev_wh - ev_wh, "Wh")
    assert life.events("meter") or row == "M2"
    await life.run(120)
    assert not life.raises_since(before)
    life.server.misbehave("ok")
    await life.until(lambda: life.car_w > 1000, 1800, "it charges again by itself")
    assert life.latched() == []


@pytest.mark.parametrize("mode", ["silent", pytest.param("reset", marks=pytest.mark.slow)])
async def test_m1_a_meter_without_an_answer_ends_in_off(tmp_path: Path, bound: Bound, mode: str) -> None:
    async with Life(tmp_path) as life:
        await blinded(life, mode, "M1", bound, f"meter {mode}")


async def test_m2_a_frozen_meter_ends_in_off(tmp_path: Path, bound: Bound) -> None:
    async with Life(tmp_path) as life:
        await blinded(life, "frozen", "M2", bound, "one frame for ever")


@pytest.mark.slow
async def test_m2_alternating_frames_are_caught_by_the_car_s_own_steps(tmp_path: Path, bound: Bound) -> None:
    """Two frames in turn look alive; the import does not move with the car."""
    async with Life(tmp_path) as life:
        await life.run(30)
        life.server.misbehave("alternating")
        await life.until(lambda: life.car_w > 1000, 2400, "a first start")
        began_s, ev_wh = life.now_s, life.house.ev_wh
        await life.off()
        bound("M2", "alternating frames: first start stopped", OFF_WITHIN_S, life.now_s - began_s, "s")
        bound("M2", "alternating frames: energy", FIRST_START_WH, life.house.ev_wh - ev_wh, "Wh")
        await life.until(lambda: life.latched() == ["step_response"], 1800, "latched after one more try")


@pytest.mark.slow
async def test_m2_a_count_of_updates_that_stands_still_ends_in_off(tmp_path: Path, bound: Bound) -> None:
    """A logger whose own clock stands still serves old values, though they flicker."""
    async with Life(tmp_path, profile="solarlog") as life:
        await life.charging()
        life.server.misbehave("heartbeat_still")
        bound("M2", "heartbeat register stands still: off", OFF_WITHIN_S, await life.off(), "s")


async def test_m2_a_value_that_is_truly_constant_is_not_called_frozen(tmp_path: Path) -> None:
    """Four registers, a noiseless house, ten minutes of charging at one and the same import: it goes on."""
    async with Life(tmp_path, profile="solarlog", strategy="fixed", sun_w=0.0) as life:
        await life.charging()
        before = len(life.sent)
        await life.run(600)
        assert life.car_w > 1000
        assert len(life.sent) == before


@pytest.mark.parametrize(
    "mode",
    ["nan", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("infinite", "huge", "zeros"))],
)
async def test_m3_numbers_that_cannot_be_true_end_in_off(tmp_path: Path, bound: Bound, mode: str) -> None:
    async with Life(tmp_path) as life:
        await blinded(life, mode, "M3", bound, f"registers hold {mode}")


async def test_m4_sign_flip_is_latched(tmp_path: Path, bound: Bound) -> None:
    """A meter turned round, no sun, the oven on: it shows a surplus that grows with the car.

    The first start is the least there is, stopped when the import fell instead of rising; one more try after
    the minimum off time, then a person must look. A restart does not forget; acknowledged too early it is
    found again; with the wiring mended it charges.
    """
    async with Life(tmp_path, sun_w=0.0, load_w=(3000.0, 2500.0, 2500.0)) as life:
        life.server.misbehave("turned")
        await life.until(lambda: life.car_w > 1000, 2400, "a first start")
        began_s, ev_wh = life.now_s, life.house.ev_wh
        await life.off()
        assert max(keys.get("amp", 0) for _, keys in life.sent) == 6
        bound("M4", "turned sign: first start stopped", OFF_WITHIN_S, life.now_s - began_s, "s")
        bound("M4", "turned sign: energy of the first start", FIRST_START_WH, life.house.ev_wh - ev_wh, "Wh")
        await life.until(lambda: life.latched() == ["sign_flip"], 1800, "latched after one more try")
        await life.off(60)
        bound("M4", "turned sign: energy until latched", 2 * FIRST_START_WH, life.house.ev_wh - ev_wh, "Wh")
        count = len(life.sent)
        await life.run(1200)
        await life.restart()
        await life.run(1200)
        assert not life.raises_since(count)
        assert any("ampilot ack sign_flip" in text for text in life.events("latched_sign_flip"))
        life.server.misbehave("ok")
        life.house.weather.pv_w[:] = [16_000.0] * len(life.house.weather.pv_w)
        life.ack("sign_flip")
        await life.charging()
        assert life.latched() == []


@pytest.mark.slow
async def test_m4_a_lie_that_never_moves_is_stopped_at_the_first_start(tmp_path: Path, bound: Bound) -> None:
    """A meter that always reports 20 kW of export (X8)."""
    async with Life(tmp_path, sun_w=0.0) as life:
        life.server.misbehave("exports_20_kw")
        await life.until(lambda: life.car_w > 1000, 2400, "a first start")
        began_s = life.now_s
        await life.off()
        bound("M4", "20 kW of export for ever: stopped", OFF_WITHIN_S, life.now_s - began_s, "s")
        assert max(keys.get("amp", 0) for _, keys in life.sent) == 6
        await life.until(lambda: life.latched() == ["step_response"], 1800, "latched after one more try")


async def test_m4_export_at_night_is_suspect(tmp_path: Path, bound: Bound) -> None:
    """Nothing can feed in; acknowledged, it is left alone until the next night."""
    async with Life(tmp_path, sun_w=0.0, dark=True) as life:
        life.server.misbehave("turned")
        took_s = await life.until(lambda: life.latched() == ["sign_flip"], 300, "latched")
        bound("M4", "feed-in at night latched", OFF_WITHIN_S, took_s, "s")
        life.ack("sign_flip")
        await life.run(300)
        assert life.latched() == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 8])
async def test_m4_clouds_never_latch_a_good_meter(tmp_path: Path, seed: int) -> None:
    """Two hours of a broken sky: the car is stopped for doubt at most once, and nothing is latched."""
    from controller.simulation.sun import sunny_day

    async with Life(tmp_path) as life:
        life.house.weather.pv_w[:] = [*sunny_day(seed, "broken")[36_000:], *([0.0] * 36_000)]
        await life.run(7200)
        assert life.house.ev_wh > 2000
        assert life.latched() == []
        assert len([text for text in life.events("charger") if "does not follow" in text]) <= 1


@pytest.mark.parametrize("mode", ["phases_swapped", pytest.param("phase_dead", marks=pytest.mark.slow)])
async def test_m10_phases_that_are_not_believed_count_as_one(tmp_path: Path, bound: Bound, mode: str) -> None:
    """Half of the fuse on each phase: fine by phase, too much if all of it may flow on one."""
    load_w = (2500.0, 2500.0, 2500.0)
    house = limits(fuse_a=25.0)
    async with Life(tmp_path, strategy="fixed", sun_w=0.0, load_w=load_w, limits=house) as life:
        await life.charging()
        life.server.misbehave(mode)
        took_s = await life.run(60, lambda: life.box.frc == 1)
        assert life.box.frc == 1
        bound("M10", f"{mode}: all is taken for one phase", 30.0, took_s, "s")
        if mode == "phases_swapped":
            assert any("do not add up" in text for text in life.events("phases"))
        life.server.misbehave("ok")
        await life.until(lambda: life.car_w > 1000, 900, "and back")


async def test_m11_zeros_of_a_reboot_count_for_nothing(tmp_path: Path, bound: Bound) -> None:
    """Zeros for 20 s, then counters from 0: no raise on them, energy never less, and on it goes."""
    async with Life(tmp_path) as life:
        await life.charging()
        before, booked_wh = len(life.sent), life.booked_wh()
        life.house.shade = 1.3
        life.server.misbehave("zeros")
        asked = len(life.server.requests)
        await life.until(
            lambda: any("no phase has a voltage" in text for text in life.events("meter")),
            20,
            "called invalid",
        )
        bound("M11", "zeros are called invalid", 1, len(life.server.requests) - asked, "read")
        await life.run(19)
        assert not life.raises_since(before)
        life.house.import_wh = life.house.export_wh = 0.0
        life.server.misbehave("ok")
        for _ in range(30):
            await life.run(10)
            assert life.booked_wh() >= booked_wh
            booked_wh = life.booked_wh()
        assert life.car_w > 1000
        assert life.latched() == []


async def test_m12_another_device_at_the_address_is_latched(tmp_path: Path, bound: Bound) -> None:
    """The meter's address goes to another device while we run: nothing it says counts, a person looks."""
    async with Life(tmp_path, profile="cg-em24-e1") as life:
        await life.charging()
        before, port = len(life.sent), life.server.port
        await life.server.stop()
        other = ModbusMeterServer(load_profile("eastron-sdm630"), life.house.quantities, port=port)
        await other.start()
        took_s = await life.until(lambda: life.latched() == ["wrong_device"], 60, "latched")
        bound("M12", "another device: latched at the third connection", 30.0, took_s, "s")
        await life.off(20)
        assert not life.raises_since(before)
        await other.stop()
        life.server.port = port
        await life.server.start()
        await life.run(400)
        assert life.box.frc == 1
        life.ack("wrong_device")
        await life.charging()
