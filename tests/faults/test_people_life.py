"""V rows: the charger, the car and people, with the product's own timings on a simulated clock."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.simulation.car import Car, CarProfile
from tests.faults.life import Life, limits, more

Bound = Callable[[str, str, float, float, str], None]
READ_S = 15.0
"""One read of the charger (5 s) and the decision after it (10 s)."""

STOP_S = 22.0
"""Two decisions and the way to the box."""


MOMENTS = ("before", "between", "after")


async def own_write(life: Life) -> None:
    """Wait until a write of ours leaves, provoked by more sun."""
    count = len(life.sent)
    life.house.shade = 1.5
    await life.until(lambda: len(life.sent) > count, 600, "a write of ours")


@pytest.mark.parametrize(
    ("knob", "moment"),
    [("amp", "after"), *more(("amp", "before"), ("amp", "between"), *(("frc", at) for at in MOMENTS))],
)
async def test_v1_the_app_wins_at_every_point_of_a_write_s_life(
    tmp_path: Path, bound: Bound, moment: str, knob: str
) -> None:
    """Nothing under way; between the answer and the box; and just applied, not yet read."""
    async with Life(tmp_path, sun_w=6000.0) as life:
        await life.charging()
        if moment != "before":
            await own_write(life)
        if moment == "after":
            await life.until(lambda: not life.charger.under_way, 10, "applied")
        if (moment, knob) == ("between", "amp"):
            await life.until(lambda: life.charger.under_way[0][0] - life.now_s < 1.5, 5, "almost there")
            life.charger.under_way = []  # of two writers to one setting only the last can be seen
        began_s, count = life.now_s, len(life.sent)
        setattr(life.box, knob, 7 if knob == "amp" else 1)
        await life.until(lambda: bool(life.events("latched_app")), 60, "noticed")
        bound("V1", f"{knob} changed {moment} a write of ours: yielded", READ_S, life.now_s - began_s, "s")
        assert len(life.sent) == count
        life.house.shade = 0.0
        await life.run(300)
        life.house.shade = 1.5
        await life.run(900)
        assert getattr(life.box, knob) == (7 if knob == "amp" else 1)
        assert len(life.sent) == count
        await life.restart()
        await life.run(300)
        assert len(life.sent) == count
        car = life.box.unplug()
        assert car is not None
        await life.run(60)
        life.box.plug(car)
        await life.until(lambda: len(life.sent) > count + 1, 1200, "the next plug-in is ours again")
        assert life.latched() == []


async def test_v1_only_safety_goes_below_what_the_app_set(tmp_path: Path) -> None:
    """At 10 A by app the oven overloads L1: lowered; when it is off again, never raised."""
    async with Life(tmp_path, strategy="fixed", limits=limits(fuse_a=20.0)) as life:
        await life.charging()
        life.box.amp = 10
        await life.until(lambda: bool(life.events("latched_app")), 60, "noticed")
        count = len(life.sent)
        life.house.kettle(6000.0)
        await life.run(60)
        assert [keys for _, keys in life.sent[count:]]
        assert all(keys.get("amp", 0) < 10 for _, keys in life.sent[count:])
        life.house.kettle(0.0)
        count = len(life.sent)
        await life.run(600)
        assert len(life.sent) == count


async def test_v1_an_acknowledged_claim_hands_control_back(tmp_path: Path) -> None:
    async with Life(tmp_path) as life:
        await life.charging()
        life.box.frc = 1
        await life.until(lambda: life.latched() == ["app"], 60, "noticed")
        await life.run(600)
        assert life.box.frc == 1
        life.ack("app")
        await life.until(lambda: life.car_w > 1000, 900, "control is back")


async def test_v2_a_rival_that_writes_after_us_is_latched(tmp_path: Path, bound: Bound) -> None:
    """Another controller sets its own current every two minutes: we leave, and say so until acknowledged."""
    async with Life(tmp_path) as life:
        await life.charging()
        began_s, count = life.now_s, len(life.sent)
        life.house.shade = 1.4
        for turn in range(8):
            if life.latched() == ["two_controllers"]:
                break
            life.box.amp = 13 + turn % 2
            await life.run(120, lambda: life.latched() == ["two_controllers"])
        assert life.latched() == ["two_controllers"]
        bound("V2", "a rival: latched", 900.0, life.now_s - began_s, "s")
        bound("V2", "a rival: writes of ours until then", 6, len(life.sent) - count, "writes")
        count = len(life.sent)
        car = life.box.unplug()
        assert car is not None
        await life.run(120)
        life.box.plug(car)
        await life.run(600)
        assert len(life.sent) == count
        life.ack("two_controllers")
        life.house.shade = 0.5
        await life.until(lambda: len(life.sent) > count, 900, "ours again")


@pytest.mark.parametrize("mode", [4, *more(5)])
async def test_v2_a_logic_of_the_charger_s_own_is_not_fought(tmp_path: Path, mode: int) -> None:
    """Eco or Daily trip is on: nothing is written until the app says Basic."""
    async with Life(tmp_path) as life:
        life.box.lmo = mode
        await life.run(900)
        assert life.sent == []
        assert any("decides by itself" in text for text in life.events("other_logic"))
        life.box.lmo = 3
        await life.until(lambda: life.car_w > 1000, 1200, "ours after the switch")


async def test_v3_a_restart_of_the_charger_counts_as_just_switched(tmp_path: Path, bound: Bound) -> None:
    """Settings kept, car off: noticed at the first read, nobody yields, no start for five minutes."""
    async with Life(tmp_path, sun_w=0.0) as life:
        await life.run(600)
        assert life.sent == []
        life.house.weather.pv_w[:] = [9000.0] * len(life.house.weather.pv_w)
        life.box.reboot()
        await life.until(lambda: life.box.dark_s == 0, 60, "up again")
        began_s = life.now_s
        await life.until(lambda: "the charger restarted" in life.events("charger"), 60, "noticed")
        bound("V3", "restart noticed after it is back", READ_S, life.now_s - began_s, "s")
        await life.until(lambda: life.box.frc == 2, 1200, "a start")
        assert life.now_s - began_s >= 300.0 - 2.0
        assert life.latched() == []


@pytest.mark.slow
async def test_v3_defaults_after_a_restart_are_no_person(tmp_path: Path, bound: Bound) -> None:
    """The box comes back neutral at 16 A on three phases and charges: decided at once, nobody yields."""
    async with Life(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.box.reboot()
        life.box.amp, life.box.frc, life.box.psm = 16, 0, 0
        await life.until(lambda: life.box.dark_s == 0, 60, "up again")
        life.house.shade = 0.0
        began_s, count = life.now_s, len(life.sent)
        await life.until(lambda: len(life.sent) > count, 120, "a decision")
        assert life.latched() == []
        await life.off(600)
        bound("V3", "charging by default without sun: off", 600.0, life.now_s - began_s, "s")


@pytest.mark.parametrize("after_s", [8, *more(1, 4, 14, 25, 45)])
async def test_v4_unplugged_during_a_phase_change(tmp_path: Path, bound: Bound, after_s: int) -> None:
    """In every state of the change: idle, no start, parked low; the next car is met as ever."""
    async with Life(tmp_path, sun_w=2500.0) as life:
        await life.charging()
        life.house.shade = 3.6
        await life.until(lambda: "psm" in life.sent[-1][1], 1800, "a phase change of ours")
        await life.run(after_s)
        count, began_s = len(life.sent), life.now_s
        car = life.box.unplug()
        assert car is not None
        await life.until(lambda: "the car was unplugged" in life.events("charger"), 120, "noticed")
        bound(
            "V4", f"unplugged {after_s} s into a phase change: idle", 25.0 + READ_S, life.now_s - began_s, "s"
        )
        await life.run(120)
        assert not [keys for _, keys in life.sent[count:] if keys.get("frc") == 2]
        assert (life.box.amp, life.box.psm) == (6, 1)
        life.box.plug(car)
        await life.until(lambda: life.car_w > 1000, 1200, "and on")


@pytest.mark.parametrize("known", [True, False], ids=["at plug-in", "while we were down"])
async def test_v5_a_start_nobody_asked_for_is_decided_at_once(
    tmp_path: Path, bound: Bound, known: bool
) -> None:
    """Parked at 6 A the box starts by itself, without sun: off after the first read, minimum on or not."""
    async with Life(tmp_path, sun_w=0.0) as life:
        car = life.box.unplug()
        assert car is not None
        if known:
            await life.run(120)
        life.box.amp, life.box.frc, life.box.psm = 6, 0, 0
        ev_wh, began_s = life.house.ev_wh, life.now_s
        life.box.plug(car)
        if not known:
            life.house.advance(life.house.now_s + 600.0)
            ev_wh = life.house.ev_wh
        await life.off(300)
        bound("V5", "unasked start: off", READ_S + STOP_S, life.now_s - began_s, "s")
        bound("V5", "unasked start at 6 A x3: energy", 60.0, life.house.ev_wh - ev_wh, "Wh")


@pytest.mark.parametrize("code", [8, *more(1, 2, 3, 4, 5, 6, 7, 9, 10)])
async def test_v6_an_electrical_error_stops_and_is_latched(tmp_path: Path, bound: Bound, code: int) -> None:
    async with Life(tmp_path, strategy="fixed") as life:
        await life.charging()
        life.box.err = code
        took_s = await life.off(60)
        bound("V6", f"err {code}: stop commanded", READ_S + STOP_S, took_s, "s")
        assert life.latched() == ["charger_error"]
        life.box.err = 0
        await life.run(900)
        assert life.box.frc == 1
        life.ack("charger_error")
        await life.until(lambda: life.car_w > 1000, 900, "on again")


@pytest.mark.parametrize("code", [16, *more(12, 17)])
async def test_v6_another_error_forbids_starts_and_ends_by_itself(tmp_path: Path, code: int) -> None:
    async with Life(tmp_path, strategy="fixed") as life:
        life.box.err = code
        await life.run(900)
        assert not [keys for _, keys in life.sent if keys.get("frc") == 2]
        assert life.latched() == []
        life.box.err = 0
        await life.until(lambda: life.car_w > 1000, 900, "on again")


@pytest.mark.parametrize(("key", "value"), [("amt", 10), *more(("cbl", 13), ("ama", 10))])
async def test_v6_the_lowest_limit_of_the_charger_is_followed(
    tmp_path: Path, bound: Bound, key: str, value: int
) -> None:
    """Temperature, cable or installation say 10 A: the offer goes down, and up again only with them."""
    async with Life(tmp_path, sun_w=14_000.0) as life:
        await life.charging()
        assert life.box.amp == 16
        setattr(life.box, key, value)
        took_s = await life.until(lambda: life.box.amp <= value, 120, "lowered")
        bound("V6", f"{key} {value} A: offer lowered", READ_S + STOP_S, took_s, "s")
        setattr(life.box, key, 16)
        await life.until(lambda: life.box.amp == 16, 900, "and up again")


async def test_v7_a_car_that_draws_more_than_offered_is_lowered_then_latched(
    tmp_path: Path, bound: Bound
) -> None:
    """3 A beside the offer: one step down, then off, until a person has looked; a replug is no cure."""
    greedy = CarProfile("greedy", offset_a=3.0, max_a=32.0)
    async with Life(tmp_path, strategy="fixed", sun_w=14_000.0, car=greedy) as life:
        from controller.plugins import load_strategy

        life.strategy = load_strategy("fixed", {"current_a": 12, "phases": 3})
        await life.restart()
        await life.until(lambda: life.car_w > 5000, 600, "it charges")
        began_s = life.now_s
        await life.until(lambda: life.box.amp < 12 or life.box.frc == 1, 120, "a step down")
        await life.off(120)
        bound("V7", "over-draw: first step and stop", 2 * (20.0 + READ_S + STOP_S), life.now_s - began_s, "s")
        assert life.latched() == ["over_draw"]
        assert any("draws" in text for text in life.events("car"))
        life.box.unplug()
        await life.run(120)
        life.box.plug(Car(CarProfile("honest")))
        await life.run(600)
        assert life.car_w == 0
        life.ack("over_draw")
        await life.until(lambda: life.car_w > 1000, 900, "on again")


@pytest.mark.slow
@pytest.mark.parametrize(
    "car",
    [CarProfile("thirteen", max_a=13.0), CarProfile("two_phase", phases=2), CarProfile("zoe", min_a=8.0)],
)
async def test_v7_a_car_that_takes_less_is_not_wound_up_against(tmp_path: Path, car: CarProfile) -> None:
    """The sun is followed by what the car draws: with half of it gone, little comes from the grid."""
    async with Life(tmp_path, sun_w=14_000.0, car=car) as life:
        await life.charging()
        life.house.shade = 0.45  # 6.3 kW less 0.6 kW of house
        await life.run(180)
        imported_wh = life.house.import_wh
        await life.run(900)
        assert life.house.import_wh - imported_wh < 60.0
        assert life.car_w > 1000


@pytest.mark.slow
async def test_v8_a_car_that_does_not_resume_is_tried_once_and_left_alone(
    tmp_path: Path, bound: Bound
) -> None:
    """It sleeps after its first pause: one gentle stop and start after five minutes, then it is let be."""
    async with Life(tmp_path, car=CarProfile("sleeper", sleeps_after=1)) as life:
        await life.charging()
        life.house.shade = 0.0
        await life.off(900)
        life.house.shade = 1.0
        await life.until(lambda: life.box.frc == 2, 1200, "a start it does not answer")
        began_s = life.now_s
        await life.until(
            lambda: any("one more stop and start follows" in text for text in life.events("car")),
            600,
            "noticed",
        )
        await life.off(600)
        bound("V8", "a car that does not resume: the retry", 600.0, life.now_s - began_s, "s")
        await life.until(lambda: any("left alone" in text for text in life.events("car")), 1800, "left alone")
        count = len(life.sent)
        await life.run(3600)
        assert len(life.sent) - count <= 6


async def test_v9_counters_that_jump_are_a_new_baseline(tmp_path: Path, bound: Bound) -> None:
    """`wh` to zero, `eto` a megawatt-hour up and down: what is booked is what flowed, and it is noted."""
    async with Life(tmp_path) as life:
        await life.charging()
        ev_wh, booked_wh = life.house.ev_wh, life.booked_wh()
        before = booked_wh
        for change_wh in (1e6, -1e6, -50.0):
            life.box.eto_wh += change_wh
            life.box.wh = 0.0
            for _ in range(30):
                await life.run(10)
                assert life.booked_wh() >= before
                before = life.booked_wh()
        flowed_wh = life.house.ev_wh - ev_wh
        off_by = abs(life.booked_wh() - booked_wh - flowed_wh)
        bound("V9", "counters jump: booked beside what flowed", 0.03 * flowed_wh + 20.0, off_by, "Wh")
        noted = life.events("energy")
        assert any("jumped" in text for text in noted)
        assert any("went back" in text for text in noted)
        assert not [text for text in life.events("charger") if "outside" in text]


async def test_v9_what_flowed_while_nobody_looked_is_booked_by_the_counter(
    tmp_path: Path, bound: Bound
) -> None:
    """The controller is down for a quarter of an hour, the charger goes on."""
    async with Life(tmp_path) as life:
        await life.charging()
        await life.run(130)
        ev_wh, booked_wh = life.house.ev_wh, life.booked_wh()
        life.house.advance(life.house.now_s + 900.0)
        life.clock.advance(900.0)
        await life.restart()
        await life.run(600)
        flowed_wh = life.house.ev_wh - ev_wh
        missing_wh = abs(life.booked_wh() - booked_wh - flowed_wh)
        assert flowed_wh > 1000.0
        bound("V9", "down for 15 min: energy not booked", 150.0 + 0.03 * flowed_wh, missing_wh, "Wh")
        assert any("unseen" in text for text in life.events("energy"))


async def test_v10_a_charger_that_refuses_to_pause_is_noticed_and_asked_again(
    tmp_path: Path, bound: Bound
) -> None:
    """`frc` reads as written but it charges on (`modelStatus` 20): not taken for applied."""
    async with Life(tmp_path) as life:
        await life.charging()
        life.box.pause_refused = True
        life.house.shade = 0.0
        await life.until(lambda: life.sent[-1][1] == {"frc": 1}, 900, "a stop is sent")
        began_s = life.now_s
        await life.until(
            lambda: any("did not arrive: off" in text for text in life.events("charger")), 120, "noticed"
        )
        bound("V10", "a stop that is ignored: noticed", 60.0, life.now_s - began_s, "s")
        count = len(life.sent)
        await life.run(60)
        assert len(life.sent) > count
        life.box.pause_refused = False
        await life.until(lambda: life.car_w < 100, 60, "stopped in the end")


@pytest.mark.slow
async def test_v11_a_full_car_costs_neither_raises_nor_the_budget(tmp_path: Path, bound: Bound) -> None:
    """It has enough, the sun shines on: an hour with next to no commands, and no raise."""
    async with Life(tmp_path) as life:
        life.car.need_wh = 600.0
        await life.charging()
        await life.until(lambda: life.car.full and life.car_w < 100, 3600, "full")
        await life.run(300)
        count = len(life.sent)
        await life.run(3600)
        bound("V11", "a full car: commands in an hour", 3, len(life.sent) - count, "writes")
        assert not life.raises_since(count)


@pytest.mark.parametrize("strategy", ["surplus", *more("timers", "tariff")])
async def test_v12_a_car_whose_draw_is_a_secret_does_not_charge_on_in_the_dark(
    tmp_path: Path, bound: Bound, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    """Its reports never again have `nrg`, and the sun goes down: on 8 kW from the grid it must not stay."""
    async with Life(tmp_path, strategy=strategy, sun_w=9000.0) as life:
        await life.charging()
        whole = type(life.box).status
        monkeypatch.setattr(type(life.box), "status", lambda box: {**whole(box), "nrg": None})
        await life.run(60)
        life.house.shade = 0.0
        off_s = await life.off(3600)
        if strategy == "surplus":
            bound("V12", "no draw told, no sun: until off", 1200, off_s, "s")
        assert off_s <= 1200
        assert any("what the car draws" in text for text in life.events("car_power"))
        count = len(life.sent)
        await life.run(3600)
        assert not life.raises_since(count)
