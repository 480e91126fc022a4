"""The simulated house balances: on each phase, each second, and in its counters."""

from pathlib import Path

import pytest

from controller.errors import ConfigError
from controller.simulation.box import Box
from controller.simulation.house import House, Weather, generated, recorded
from controller.units import DAY_S

NOON_S = 43_200


def steady(
    pv_w: float = 6000.0, loads_w: tuple[float, float, float] = (300.0, 200.0, 100.0), **change: object
) -> House:
    """Return a house under a sun and a load that do not change, its car expected at 10 s."""
    one, two, three = loads_w
    weather = Weather([pv_w] * DAY_S, ([one] * DAY_S, [two] * DAY_S, [three] * DAY_S))
    values: dict[str, object] = {"box": Box(frc=1), "arrives_s": 10, "leaves_s": 1000, **change}
    return House(weather, **values)  # type: ignore[arg-type]


def test_each_phase_is_load_less_a_third_of_the_sun() -> None:
    """300, 200 and 100 W under 6 kW: -1700, -1800 and -1900; together -5400."""
    house = steady()
    house.advance(5.0)
    assert house.phase_w == pytest.approx((-1700.0, -1800.0, -1900.0))
    assert house.grid_import_w == pytest.approx(-5400.0)
    assert house.load_w == pytest.approx(600.0)


def test_the_car_comes_draws_on_its_phases_and_leaves() -> None:
    """At its second it is there, at its second it is gone; its power is in the meter."""
    house = steady(box=Box(frc=2, amp=10, psm=1))
    house.advance(10.0)
    assert house.box.car is None
    house.advance(11.0)
    assert house.box.car is not None
    house.advance(100.0)
    car_w = house.box.phase_power_w
    assert car_w[0] == pytest.approx(2300.0, rel=0.02)
    assert car_w[1:] == (0.0, 0.0)
    assert house.phase_w[0] == pytest.approx(-1700.0 + car_w[0])
    house.advance(1001.0)
    assert house.box.car is None
    house.advance(1010.0)
    assert house.phase_w[0] == pytest.approx(-1700.0)


@pytest.mark.parametrize(("pv_w", "name"), [(6000.0, "export_wh"), (0.0, "import_wh")])
def test_the_meter_counts_one_direction_at_a_time(pv_w: float, name: str) -> None:
    """An hour of 5400 W out or 600 W in, netted over the phases; the other counter stands."""
    house = steady(pv_w, arrives_s=DAY_S - 1)
    before = {key: getattr(house, key) for key in ("import_wh", "export_wh")}
    house.advance(3600.0)
    moved = {key: getattr(house, key) - value for key, value in before.items()}
    assert moved[name] == pytest.approx(abs(600.0 - pv_w))
    assert sum(moved.values()) == pytest.approx(moved[name])
    assert house.yield_wh - 3_000_000 == pytest.approx(pv_w)
    assert house.load_wh == pytest.approx(600.0)


def test_energy_balances_over_a_generated_morning() -> None:
    """Sun plus import is load plus car plus export, to the watt-hour."""
    house = House(generated(2, "broken"), Box(frc=2, amp=8, psm=1), now_s=7 * 3600.0)
    begun = (house.import_wh, house.export_wh, house.yield_wh)
    house.advance(11 * 3600.0)
    imported, exported, sun = (
        now - then
        for now, then in zip((house.import_wh, house.export_wh, house.yield_wh), begun, strict=True)
    )
    assert house.ev_wh > 5000
    assert sun + imported == pytest.approx(house.load_wh + house.ev_wh + exported, abs=0.5)


def test_only_whole_seconds_pass() -> None:
    """Asked for half seconds, it waits until one is full; never back."""
    house = steady()
    house.advance(0.9)
    assert house.now_s == 0.0
    house.advance(2.4)
    assert house.now_s == 2.0
    house.advance(1.0)
    assert house.now_s == 2.0


def test_the_day_repeats() -> None:
    """Second 5 of the next day has the sun of second 5."""
    house = steady(arrives_s=DAY_S - 1, now_s=DAY_S - 2.0)
    house.weather.pv_w[5] = 1234.0
    house.advance(DAY_S + 6.0)
    assert house.pv_w == 1234.0


def test_kettle_and_shade_are_at_hand() -> None:
    """A kettle on L2 adds to L2 alone until it is switched off; a shade scales the sun."""
    house = steady()
    house.kettle(2000.0, phase=1)
    house.advance(1.0)
    assert house.phase_w == pytest.approx((-1700.0, 200.0, -1900.0))
    assert house.load_w == pytest.approx(2600.0)
    house.kettle(0.0, phase=1)
    house.shade = 0.5
    house.advance(2.0)
    assert house.phase_w == pytest.approx((-700.0, -800.0, -900.0))


def test_what_meters_show_hangs_together() -> None:
    """Power is the sum of the phases; current is power by voltage; voltage gives way under load."""
    house = steady()
    house.advance(5.0)
    shown = house.quantities()
    assert shown["grid_import_w"] == pytest.approx(sum(shown["phase_import_w"]))
    for watts, volts, amperes in zip(
        shown["phase_import_w"], shown["voltage_v"], shown["phase_current_a"], strict=True
    ):
        assert amperes == pytest.approx(watts / volts)
        assert 225 < volts < 240
    loaded = steady(0.0, (9000.0, 0.0, 0.0))
    loaded.advance(5.0)
    assert loaded.voltage_v[0] < loaded.voltage_v[1] - 2


def test_the_last_digits_move_and_repeat_with_the_seed() -> None:
    """Two seconds never show the same voltages; two houses of one seed always do."""
    first, second, other = steady(), steady(), steady(seed=2)
    seen = []
    for at_s in range(1, 20):
        for house in (first, second, other):
            house.advance(float(at_s))
        seen.append(first.voltage_v)
        assert first.voltage_v == second.voltage_v
    assert len(set(seen)) == len(seen)
    assert first.voltage_v != other.voltage_v


def test_an_unknown_car_is_named() -> None:
    """With the kinds that are known."""
    with pytest.raises(ConfigError, match=r"'tank'.*ideal.*zoe"):
        steady(car="tank")


def test_a_recorded_day_is_lived_second_by_second(tmp_path: Path) -> None:
    """Each sample for its step, the load on the phases by 50, 30 and 20 %, the last one held to midnight."""
    rows = [f"2026-06-21T{hour:02d}:00:00Z,{hour * 100},{1000 + hour}" for hour in range(22)]
    path = tmp_path / "day.csv"
    path.write_text("\n".join(["time,pv_w,load_w", *rows]))
    weather = recorded(path)
    assert len(weather.pv_w) == len(weather.load_w[0]) == DAY_S
    assert (weather.pv_w[NOON_S - 1], weather.pv_w[NOON_S]) == (1100.0, 1200.0)
    assert [phase[NOON_S] for phase in weather.load_w] == pytest.approx([506.0, 303.6, 202.4])
    assert weather.pv_w[-1] == 0.0  # no sun is made up
    assert sum(phase[-1] for phase in weather.load_w) == pytest.approx(1021.0)


def test_a_trace_without_a_whole_day_is_refused(tmp_path: Path) -> None:
    """The file is named."""
    path = tmp_path / "short.csv"
    path.write_text("time,pv_w,load_w\n2026-06-21T00:00:00Z,1,1\n")
    with pytest.raises(ConfigError, match=r"short\.csv"):
        recorded(path)
