"""The snapshot by hand: trust by age and by what only looks alive, and the load without the car.

Times are seconds around a decision at 1000 s; the one before was at 990 s.
"""

import dataclasses

import pytest

from controller.limits import Limits
from controller.line.snapshot import Observations, build, car_power_w
from controller.model import (
    BatteryReading,
    CarState,
    ChargerStatus,
    GridReading,
    Need,
    PerPhase,
    Prices,
    PvReading,
    Quality,
    SiteSnapshot,
    Worth,
)

NOW_S = 1000.0
LIMITS = Limits()


def grid(at_s: float, watts: float = 100.0, **other: object) -> GridReading:
    return GridReading(at_s, watts, fingerprint=repr(at_s).encode(), **other)  # type: ignore[arg-type]


def charger(at_s: float, watts: float | None = 0.0, **other: object) -> ChargerStatus:
    return ChargerStatus(at_s, at_s, **{"car": CarState.CHARGING, "power_w": watts, **other})  # type: ignore[arg-type]


def seen(**change: object) -> Observations:
    values: dict[str, object] = {"grid": (grid(999.0),), "charger": (charger(998.0),), **change}
    return dataclasses.replace(Observations(NOW_S, NOW_S - 10.0, 0.0), **values)  # type: ignore[arg-type]


def snap(*, limits: Limits = LIMITS, last_write_s: float | None = None, **change: object) -> SiteSnapshot:
    return build(seen(**change), limits, last_write_s)


# -- trust by age -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "quality"),
    [
        (0.0, Quality.FRESH),
        (14.999, Quality.FRESH),
        (15.0, Quality.FRESH),
        (15.001, Quality.AGING),
        (60.0, Quality.AGING),
        (60.001, Quality.STALE),
        (3600.0, Quality.STALE),
        (-1.0, Quality.FRESH),  # two clocks of the same host may differ by a tick
        (-1.001, Quality.STALE),  # from the future: nothing of it is true
    ],
)
def test_the_meter_ages_by_the_ladder(age_s: float, quality: Quality) -> None:
    """Fresh to 15 s, ageing to 60 s, then stale; what comes from the future is stale too."""
    found = snap(grid=(grid(NOW_S - age_s),))
    assert found.grid_quality is quality
    assert found.grid_age_s == pytest.approx(max(age_s, 0.0))


@pytest.mark.parametrize(
    ("age_s", "quality"),
    [
        (40.0, Quality.FRESH),
        (40.001, Quality.AGING),
        (120.0, Quality.AGING),
        (120.001, Quality.STALE),
        (-1.0, Quality.FRESH),
        (-1.001, Quality.STALE),
    ],
)
def test_the_charger_ages_by_its_own_ladder(age_s: float, quality: Quality) -> None:
    """Fresh to 40 s, ageing to 120 s, then stale; by the age of the data, not of the answer."""
    status = dataclasses.replace(charger(NOW_S - age_s), received_s=NOW_S)
    found = snap(charger=(status,))
    assert found.charger_quality is quality
    assert found.charger_age_s == pytest.approx(max(age_s, 0.0))


@pytest.mark.parametrize(
    ("started_s", "meter", "box"),
    [
        (999.0, Quality.AGING, Quality.AGING),
        (940.0, Quality.AGING, Quality.AGING),
        (939.9, Quality.STALE, Quality.AGING),
        (880.0, Quality.STALE, Quality.AGING),
        (879.9, Quality.STALE, Quality.STALE),
    ],
)
def test_who_never_answered_ages_from_the_start(started_s: float, meter: Quality, box: Quality) -> None:
    """Nothing is never fresh; without a single answer blindness counts from the start of the loop."""
    found = snap(grid=(), charger=(), started_s=started_s)
    assert (found.grid_quality, found.charger_quality) == (meter, box)
    assert found.grid_age_s == found.charger_age_s == pytest.approx(NOW_S - started_s)
    assert (found.grid_import_w, found.base_import_w, found.surplus_w) == (None, None, None)
    assert (found.charger, found.car_connected, found.car_power_w) == (None, False, 0.0)


def test_the_ladder_is_the_sites_own() -> None:
    """The ages are configuration: 5, 8, 3 and 4 s here."""
    limits = Limits(meter_fresh_s=5, meter_stale_s=8, charger_fresh_s=3, charger_stale_s=4)
    for age_s, meter, box in ((3.0, 3, 3), (3.5, 3, 2), (4.5, 3, 1), (5.5, 2, 1), (8.0, 2, 1), (8.5, 1, 1)):
        found = snap(limits=limits, grid=(grid(NOW_S - age_s),), charger=(charger(NOW_S - age_s),))
        assert (found.grid_quality, found.charger_quality) == (meter, box), age_s


# -- what only looks alive --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("still_s", "watts", "quality"),
    [
        (59.9, 2000.0, Quality.FRESH),
        (60.0, 2000.0, Quality.STALE),
        (600.0, 2000.0, Quality.STALE),
        (600.0, 0.0, Quality.FRESH),  # nothing draws: a house may be that quiet
        (60.0, 1.0, Quality.STALE),
        (60.0, None, Quality.STALE),  # it may draw, and the charger does not say
    ],
)
def test_a_meter_whose_digits_stand_still_while_a_car_draws_is_frozen(
    still_s: float, watts: float | None, quality: Quality
) -> None:
    """The raw block has not changed for a minute of answers: the device hangs."""
    told = GridReading(999.0, 100.0, fingerprint=bytes(12))
    found = snap(grid=(told,), charger=(charger(998.0, watts),), grid_changed_s=999.0 - still_s)
    assert found.grid_quality is quality


def test_five_registers_may_truly_stand_still() -> None:
    """A power that a house battery holds at zero is constant and true: nothing is concluded from it."""
    told = GridReading(999.0, 0.0, fingerprint=bytes(10))
    found = snap(grid=(told,), charger=(charger(998.0, 2000.0),), grid_changed_s=1.0)
    assert found.grid_quality is Quality.FRESH


@pytest.mark.parametrize(("still_s", "quality"), [(59.9, Quality.FRESH), (60.0, Quality.STALE)])
def test_a_count_of_updates_that_stands_still_is_a_frozen_device(still_s: float, quality: Quality) -> None:
    """Whatever the values do, and though nothing charges."""
    told = GridReading(999.0, 100.0, fingerprint=b"x", heartbeat=b"\x00\x01")
    assert snap(grid=(told,), heartbeat_changed_s=999.0 - still_s).grid_quality is quality


@pytest.mark.parametrize(("wrong", "trusted"), [(2, True), (3, False)])
def test_phases_that_do_not_add_up_three_times_are_not_believed(wrong: int, trusted: bool) -> None:
    """Two wrong sums may be two moments in one reading."""
    readings = [
        GridReading(990.0 + at, 900.0, phase_current_a=(1.0, 1.0, 1.0), phases_doubtful=at >= 5 - wrong)
        for at in range(5)
    ]
    assert (snap(grid=readings).phase_import_a is not None) is trusted


def test_a_doubtful_phase_counts_as_the_worse_of_now_and_before() -> None:
    readings = (
        GridReading(998.0, 900.0, phase_current_a=(4.0, 1.0, -1.0)),
        GridReading(999.0, 900.0, phase_current_a=(-60.0, 3.0, -2.0), phases_doubtful=True),
    )
    assert snap(grid=readings).phase_import_a == (4.0, 3.0, -1.0)
    assert snap(grid=readings[1:]).phase_import_a is None
    each = (
        GridReading(998.0, 900.0, phase_current_a=(2.0, 8.0, 5.0)),
        GridReading(999.0, 900.0, phase_current_a=(7.0, 1.0, 6.0), phases_doubtful=True),
    )
    assert snap(grid=each).phase_import_a == (7.0, 8.0, 6.0)  # each phase by itself


def test_frozen_is_counted_to_the_last_answer_not_to_now() -> None:
    """59 s still and then silent for 10 s is a quiet line, not a frozen device."""
    found = snap(grid=(grid(990.0),), charger=(charger(998.0, 2000.0),), grid_changed_s=931.0)
    assert found.grid_quality is Quality.FRESH


def test_a_meter_without_a_raw_block_cannot_look_frozen() -> None:
    """No fingerprint, or no change on record: nothing is concluded."""
    bare = GridReading(999.0, 100.0)
    assert snap(grid=(bare,), charger=(charger(998.0, 2000.0),), grid_changed_s=1.0).grid_quality == 3
    assert snap(charger=(charger(998.0, 2000.0),), grid_changed_s=None).grid_quality == 3
    never = snap(grid=(), charger=(charger(998.0, 2000.0),), grid_changed_s=1.0, started_s=999.0)
    assert never.grid_quality is Quality.AGING


@pytest.mark.parametrize(
    ("age_s", "quality"), [(1.0, Quality.INVALID), (60.0, Quality.INVALID), (60.1, Quality.STALE)]
)
def test_nonsense_is_invalid_until_the_last_good_value_is_stale(age_s: float, quality: Quality) -> None:
    """A senseless answer makes a fresh reading invalid at once; after a minute it is plain blindness."""
    assert snap(grid=(grid(NOW_S - age_s),), grid_invalid=True).grid_quality is quality


# -- the load without the car -----------------------------------------------------------------------------


def test_the_cars_power_is_taken_at_the_time_of_each_reading() -> None:
    """The car ramped from 1000 W at 990 s to 3000 W at 1000 s; the house was 500 W all along.

    Meter: 500 + 1500 at 992.5, 500 + 2000 at 995, 500 + 2800 at 999. The newest report alone would give
    -1000, -500 and 300 W.
    """
    readings = (grid(992.5, 2000.0), grid(995.0, 2500.0), grid(999.0, 3300.0))
    found = snap(grid=readings, charger=(charger(990.0, 1000.0), charger(1000.0, 3000.0)))
    assert found.base_import_w == pytest.approx(500.0)
    assert found.surplus_w == pytest.approx(-500.0)


def test_the_readings_since_the_last_decision_are_meaned() -> None:
    """(100 + 200 + 600) / 3; what came at or before 990 s was used before, 1000 s counts."""
    readings = (
        grid(980.0, 9e3),
        grid(990.0, 9e3),
        grid(990.1, 100.0),
        grid(995.0, 200.0),
        grid(1000.0, 600.0),
    )
    assert snap(grid=readings).base_import_w == pytest.approx(300.0)


def test_outside_of_the_reports_the_cars_power_is_held() -> None:
    """Before the first and after the last report their values are the best guess."""
    readings = (grid(991.0, 1000.0), grid(999.0, 3000.0))
    found = snap(grid=readings, charger=(charger(993.0, 400.0), charger(996.0, 2000.0)))
    assert found.base_import_w == pytest.approx((600.0 + 1000.0) / 2)


def test_a_car_that_starts_by_itself_between_two_reports_is_no_sun() -> None:
    """Plugged in, 11 kW at once at 997 s, read at 970 and 1000 s; the house takes 300 W all along.

    Spread over the thirty seconds the car would be there before it was, as a sun of up to 10 kW. What cannot
    be known waits; from the second report on all is paired again.
    """
    meter = [grid(float(at_s), 300.0 + (11_000.0 if at_s >= 997 else 0.0)) for at_s in range(985, 1001)]
    reports = (charger(970.0, 0.0), charger(1000.0, 11_000.0))
    found = snap(grid=meter[:-1], charger=reports)
    assert (found.base_import_w, found.latest_base_import_w) == (None, None)
    assert snap(grid=meter, charger=reports).base_import_w == pytest.approx(300.0)


@pytest.mark.parametrize(
    ("apart_s", "moved_w", "known"), [(12.0, 5e3, True), (12.1, 200.0, True), (12.1, 200.1, False)]
)
def test_reports_near_each_other_or_alike_say_all_between_them(
    apart_s: float, moved_w: float, known: bool
) -> None:
    """A car that hardly moved, or that is read often enough, is known at every moment."""
    reports = (charger(1000.0 - apart_s, 1000.0), charger(1000.0, 1000.0 + moved_w))
    assert (snap(grid=(grid(995.0),), charger=reports).base_import_w is not None) is known


@pytest.mark.parametrize(
    ("write_s", "base_w"),
    [
        (None, 2000.0),  # (100 + 3900) / 2
        (980.0, 2000.0),  # 15 s old at the report of 995 s: the car has settled
        (980.001, 100.0),  # may still be moving it: readings after the report are left out
        (994.0, 100.0),
    ],
)
def test_while_a_command_may_move_the_car_later_readings_wait(write_s: float | None, base_w: float) -> None:
    """The meter sees the ramp before the charger tells of it: 3900 W here are the car, not the house."""
    readings = (grid(995.5, 100.0), grid(997.0, 3900.0))
    assert snap(grid=readings, charger=(charger(995.0),), last_write_s=write_s).base_import_w == base_w


def test_a_reading_one_second_after_the_report_still_belongs_to_it() -> None:
    """Both are of the same moment as far as anybody can tell; later ones are not."""
    report = (charger(995.0),)
    early, late = grid(996.0, 50.0), grid(996.001, 70.0)
    assert snap(grid=(early, late), charger=report, last_write_s=994.0).base_import_w == 50.0


def test_without_anything_new_the_newest_pair_is_kept() -> None:
    """No reading since the last decision: the one before it still stands while it is fresh."""
    assert snap(grid=(grid(986.0, 70.0), grid(988.0, 80.0))).base_import_w == 80.0
    held = snap(grid=(grid(984.0, 70.0), grid(999.0, 9e3)), charger=(charger(984.5),), last_write_s=985.0)
    assert held.base_import_w == 70.0
    edge = snap(grid=(grid(985.5, 60.0),), charger=(charger(984.5),), last_write_s=985.0)
    assert edge.base_import_w == 60.0  # one second after the report, to the letter


def test_nothing_that_can_be_paired_is_unknown() -> None:
    """A command is moving the car and every reading is later than the report."""
    assert snap(charger=(charger(980.0),), last_write_s=985.0).base_import_w is None


@pytest.mark.parametrize(
    ("meter_age_s", "box_age_s", "known"),
    [(15.0, 1.0, True), (15.001, 1.0, False), (1.0, 120.0, True), (1.0, 120.001, False)],
)
def test_old_data_gives_no_load(meter_age_s: float, box_age_s: float, known: bool) -> None:
    """A meter beyond 15 s or a charger beyond 120 s: the load is not known."""
    found = snap(grid=(grid(NOW_S - meter_age_s),), charger=(charger(NOW_S - box_age_s),))
    assert (found.base_import_w is not None) is known


def test_one_side_missing_gives_no_load() -> None:
    """Neither can be spared."""
    assert snap(grid=()).base_import_w is None
    assert snap(charger=()).base_import_w is None


def test_a_charging_car_of_unknown_power_hides_the_load() -> None:
    """What it draws at the last report is not known: no guess."""
    assert snap(charger=(charger(998.0, None),)).base_import_w is None
    for between in ((None, 3000.0), (3000.0, None)):
        reports = (charger(985.0, between[0]), charger(1000.0, between[1]))
        assert snap(charger=reports).base_import_w is None
    mixed = snap(
        grid=(grid(992.0, 1.0), grid(999.0, 3100.0)), charger=(charger(995.0, None), charger(998.0, 3000.0))
    )
    assert mixed.base_import_w == pytest.approx(100.0)  # only what can be paired is meaned


@pytest.mark.parametrize(
    ("battery_w", "age_s", "base_w"),
    [
        (-1500.0, 1.0, 1600.0),  # it gives 1.5 kW: that is no sun
        (1500.0, 1.0, 100.0),  # what it takes is left to it
        (0.0, 1.0, 100.0),
        (0.5, 1.0, 100.0),
        (-1500.0, 60.0, 1600.0),
        (-1500.0, 60.1, 100.0),  # too old to say
    ],
)
def test_a_discharging_battery_counts_as_import(battery_w: float, age_s: float, base_w: float) -> None:
    """The car shall not drain the house battery by mistaking it for sun."""
    found = snap(battery=BatteryReading(NOW_S - age_s, battery_w, 55.0))
    assert found.base_import_w == pytest.approx(base_w)
    assert found.latest_base_import_w == pytest.approx(base_w)
    assert found.battery_soc_pct == (55.0 if age_s <= 60 else None)
    assert found.battery_charge_w == (battery_w if age_s <= 60 else None)


# -- the rest of the picture ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "watts"),
    [
        (charger(0.0, 2300.0), 2300.0),
        (charger(0.0, -3.0), 0.0),
        (charger(0.0, None, current_a=(10.0, 10.0, 0.0), voltage_v=(230.0, 240.0, 0.0)), 4700.0),
        (charger(0.0, None, current_a=(10.0, 0.0, 0.0)), 2300.0),
        (charger(0.0, None), None),
        (charger(0.0, None, car=CarState.WAITING), 0.0),
        (charger(0.0, None, car=CarState.COMPLETE), 0.0),
        (charger(0.0, 7.0, car=CarState.IDLE), 0.0),  # its own electronics
        (charger(0.0, 7.0, car=CarState.ERROR), 0.0),
        (charger(0.0, 5000.0, car=CarState.UNKNOWN), 5000.0),  # the key is missing, the car is not
        (charger(0.0, None, car=CarState.UNKNOWN), None),
    ],
)
def test_the_cars_power(status: ChargerStatus, watts: float | None) -> None:
    """Power as measured, else voltage times current, else unknown while it may charge; no car, no power."""
    assert car_power_w(status) == watts


@pytest.mark.parametrize(
    ("reading", "currents"),
    [
        ({"phase_current_a": (1.0, -2.0, 3.0), "phase_import_w": (9.0, 9.0, 9.0)}, (1.0, -2.0, 3.0)),
        ({"phase_import_w": (2300.0, -460.0, 0.0)}, (10.0, -2.0, 0.0)),
        ({"phase_import_w": (2400.0, 480.0, 0.0), "voltage_v": (240.0, 240.0, 240.0)}, (10.0, 2.0, 0.0)),
        ({"phase_import_w": (2300.0, 1800.0, 2700.0), "voltage_v": (0.0, 180.0, 270.0)}, (10.0, 10.0, 10.0)),
        ({"phase_import_w": (2300.0, 2300.0, 0.0), "voltage_v": (179.9, 270.1, 1.0)}, (10.0, 10.0, 0.0)),
        ({}, None),
    ],
)
def test_the_import_of_each_phase(reading: dict[str, PerPhase], currents: PerPhase | None) -> None:
    """Currents as measured, else power over voltage; a voltage outside of 180 to 270 V counts as 230."""
    found = snap(grid=(grid(999.0, 0.0, **reading),)).phase_import_a
    assert found == (None if currents is None else pytest.approx(currents))


@pytest.mark.parametrize(
    ("at_meter", "at_box", "volts"),
    [
        ((236.0, 236.0, 236.0), (229.0, 232.0, 231.0), 231.0),  # the charger's own first: 230.67
        ((236.0, 236.0, 236.0), (231.0, 0.0, 0.0), 231.0),
        ((236.0, 236.0, 236.0), (0.0, 0.0, 0.0), 236.0),
        ((236.0, 236.0, 236.0), None, 236.0),
        (None, (400.0, 100.0, 0.0), 230.0),
        (None, None, 230.0),
        (None, (180.0, 180.0, 270.0), 210.0),
    ],
)
def test_the_voltage(at_meter: PerPhase | None, at_box: PerPhase | None, volts: float) -> None:
    """The mean of what is plausible, of the charger before the meter, in whole volts; else nominal."""
    found = snap(grid=(grid(999.0, voltage_v=at_meter),), charger=(charger(998.0, voltage_v=at_box),))
    assert found.voltage_v == volts


def test_what_was_read_is_passed_on_as_it_is() -> None:
    """Import, sun, car, prices, times: unchanged, and a degraded ledger is told."""
    prices = Prices(27.5, 6.5)
    found = snap(pv=PvReading(998.0, 4000.0), prices=prices, charger=(charger(998.0, 1400.0),))
    assert (found.now_s, found.interval_s, found.grid_import_w) == (NOW_S, 10.0, 100.0)
    assert (found.pv_yield_w, found.car_power_w, found.car_connected) == (4000.0, 1400.0, True)
    assert found.prices == prices
    assert not found.ledger_degraded
    assert snap(ledger_degraded=True).ledger_degraded
    assert snap(since_s=1005.0).interval_s == 0.0


@pytest.mark.parametrize(("age_s", "sun_w"), [(60.0, 4000.0), (60.1, None)])
def test_an_old_reading_of_the_sun_is_none(age_s: float, sun_w: float | None) -> None:
    """After a minute the sun may be anything."""
    assert snap(pv=PvReading(NOW_S - age_s, 4000.0)).pv_yield_w == sun_w


# -- a meter that repeats itself --------------------------------------------------------------------------


def test_a_meter_that_stands_still_does_not_see_a_sun_that_grows_with_the_car() -> None:
    """Frozen at 2000 W of import while the car goes from 2 to 6 kW: the load is unknown, no sun of 4 kW."""
    frozen = [GridReading(at_s, 2000.0, fingerprint=b"same") for at_s in range(985, 1000)]
    boxes = (charger(985.0, 2000.0), charger(995.0, 4000.0), charger(999.0, 6000.0))
    found = snap(grid=frozen, charger=boxes)
    assert (found.base_import_w, found.latest_base_import_w) == (None, None)
    steady = snap(grid=frozen, charger=(charger(985.0, 2000.0), charger(999.0, 2150.0)))
    assert steady.base_import_w == steady.latest_base_import_w == 0.0


def test_a_meter_that_updates_seldom_is_paired_with_the_car_of_that_moment() -> None:
    """New every 5 s, read every second: only 990 and 995 speak, each with the car's power then."""
    said = {990: 1000.0, 995: 3000.0}
    readings = [
        GridReading(float(at_s), said[at_s // 5 * 5], fingerprint=str(at_s // 5).encode())
        for at_s in range(990, 1000)
    ]
    found = snap(grid=readings, charger=(charger(990.0, 0.0), charger(1000.0, 4000.0)))
    # At 990 s the decision before was made; 995 s: 3000 - 2000 W.
    assert found.base_import_w == pytest.approx(1000.0)


def test_the_last_seconds_are_meaned_by_themselves() -> None:
    """Of ten readings the last three tell the trend; the mean is of all."""
    readings = [grid(float(at_s), 100.0 * (at_s - 990)) for at_s in range(991, 1001)]
    found = snap(grid=readings, charger=(charger(998.0, 0.0, car=CarState.WAITING),))
    assert found.base_import_w == pytest.approx(550.0)
    assert found.latest_base_import_w == pytest.approx(900.0)


# -- what the plan says ------------------------------------------------------------------------------------


def test_an_expired_worth_and_a_passed_departure_are_no_longer_seen() -> None:
    old, fresh = Worth(20.0, "target", NOW_S), Worth(20.0, "target", NOW_S + 0.1)
    gone, ahead = Need(NOW_S, 5000.0), Need(NOW_S + 3600.0, 9000.0)
    assert snap(worth=old, needs=(gone, ahead)).worth is None
    assert snap(worth=fresh).worth == fresh
    assert snap(worth=old, needs=(gone, ahead)).needs == (ahead,)
