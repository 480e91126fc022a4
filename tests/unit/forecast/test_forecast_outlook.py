"""The outlook: what it learns of a made-up house, what it falls back to, and what it never says."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import cos, pi
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.forecast.answers import Sunlight
from controller.forecast.outlook import CLEAR_SKY, DAY_BEFORE, STALE_S, Outlook, Source, learned
from controller.forecast.sun import Place
from controller.simulation.sun import clear_sky_w_per_m2

BERLIN = ZoneInfo("Europe/Berlin")
MUNICH = Place(48.14, 11.58)
DAY_S, QUARTER_S = 86_400, 900
MONDAY_S = int(datetime(2026, 5, 3, 22, tzinfo=UTC).timestamp())
"""Midnight in Berlin, a Monday in May."""
Load = Callable[[datetime], float]


def flat(_: datetime) -> float:
    return 400.0


def roof_w(begin_s: int, share: float) -> float:
    """Return 8 kW of modules looking south at 30 degrees, by the simulator's geometry (other formulas)."""
    at = datetime.fromtimestamp(begin_s + 450, UTC)
    second = at.hour * 3600 + at.minute * 60
    light = clear_sky_w_per_m2(at.timetuple().tm_yday, second, MUNICH.latitude_deg, MUNICH.longitude_deg)
    return 8.0 * 0.85 * light * share


def level_w_per_m2(begin_s: int, share: float) -> float:
    """Return the light on level ground of a day of this share, by the sine of the sun's height."""
    at = datetime.fromtimestamp(begin_s + 450, UTC)
    hour = at.hour + at.minute / 60 + MUNICH.longitude_deg / 15
    declination = 23.45 * pi / 180 * cos(2 * pi * (at.timetuple().tm_yday - 172) / 365)
    height = 0.745 * declination + 0.667 * cos((hour - 12) * pi / 12) * cos(declination)
    return max(1000.0 * height, 0.0) * share


def shares(days: int, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [rng.choice((0.25, 0.6, 1.0, 0.95)) for _ in range(days)]


def house(
    days: int, *, begin_s: int = MONDAY_S, load: Load = flat, told: bool = True, place: Place | None = MUNICH
) -> tuple[Outlook, list[float]]:
    """Return an outlook that has lived through so many days, and the cloudiness of those and the next."""
    sky = shares(days + 3)
    outlook = Outlook(BERLIN, place)
    for n in range(days * 96):
        at_s = begin_s + n * QUARTER_S
        share = sky[n // 96]
        surplus_w = roof_w(at_s, share) - load(datetime.fromtimestamp(at_s, BERLIN))
        outlook.learn(at_s, surplus_w, level_w_per_m2(at_s, share) if told else None)
    return outlook, sky


def light(begin_s: int, sky: list[float], days: int, spread: float | None = None) -> dict[int, Sunlight]:
    found = {}
    for n in range(days * 96):
        at_s = begin_s + n * QUARTER_S
        value = level_w_per_m2(at_s, sky[n // 96])
        low, high = (None, None) if spread is None else (value * (1 - spread), value * (1 + spread))
        found[at_s] = Sunlight(value, low, high)
    return found


def test_an_empty_ledger_gives_nothing_and_breaks_nothing() -> None:
    """Nothing known is a gap for the planner, with and without a place, with and without a source."""
    for place in (None, MUNICH):
        outlook = Outlook(BERLIN, place)
        assert outlook.slots(MONDAY_S, MONDAY_S + DAY_S, MONDAY_S) == ()
        assert outlook.issued(MONDAY_S) == []
        outlook.source = Source("x", "ghi", MONDAY_S, light(MONDAY_S, [1.0], 1))
        assert outlook.slots(MONDAY_S, MONDAY_S + DAY_S, MONDAY_S) == ()


def test_after_three_days_the_next_is_known() -> None:
    """Three days of meter and irradiance, nothing configured: a dull and a bright day are known to 300 W."""
    outlook, _ = house(3)
    day_s = MONDAY_S + 3 * DAY_S
    for share in (0.25, 1.0):
        outlook.source = Source("x", "ghi", day_s, light(day_s, [share], 1))
        slots = outlook.slots(day_s, day_s + DAY_S, day_s)
        errors = [abs(slot.p50_w - (roof_w(int(slot.begin_s), share) - 400)) for slot in slots]
        assert len(slots) == 96
        assert sum(errors) / len(errors) < 300


def test_cloud_and_sun_are_told_apart_after_two_weeks() -> None:
    """The mean error on a dull and on a bright day is below a twentieth of the roof's power."""
    outlook, _ = house(14)
    day_s = MONDAY_S + 14 * DAY_S
    for share in (0.25, 1.0):
        outlook.source = Source("x", "ghi", day_s, light(day_s, [share], 1))
        slots = outlook.slots(day_s, day_s + DAY_S, day_s)
        errors = [abs(slot.p50_w - (roof_w(int(slot.begin_s), share) - 400)) for slot in slots]
        assert sum(errors) / len(errors) < 400


def test_the_clock_on_the_wall_sets_the_load_when_the_clocks_change() -> None:
    """An oven at seven every evening: also on the first summer day, an hour earlier by the sun."""

    def oven(local: datetime) -> float:
        return 3000.0 if local.hour == 19 else 300.0

    begin_s = int(datetime(2026, 3, 14, 23, tzinfo=UTC).timestamp())
    outlook, _ = house(14, begin_s=begin_s, load=oven, told=False)
    day_s = begin_s + 14 * DAY_S
    slots = outlook.slots(day_s, day_s + 23 * 3600, day_s)
    dearest = min(slots, key=lambda slot: slot.p50_w)
    assert datetime.fromtimestamp(dearest.begin_s, BERLIN).hour == 19
    assert datetime.fromtimestamp(dearest.begin_s, UTC).hour == 17


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-05-20", 96)])
def test_days_of_23_and_25_hours_have_no_hole(day: str, quarters: int) -> None:
    """Each quarter-hour of a local day comes once, whatever the clocks do."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN)
    begin_s = int(midnight.timestamp())
    end_s = int((midnight + timedelta(days=1)).astimezone(UTC).timestamp())
    end_s = int(datetime.fromisoformat(day).replace(tzinfo=BERLIN, hour=12).timestamp()) + 12 * 3600
    outlook, _ = house(4, begin_s=begin_s - 4 * DAY_S, told=False)
    slots = outlook.slots(begin_s, end_s, begin_s)
    assert len(slots) == quarters
    assert all(a.end_s == b.begin_s for a, b in pairwise(slots))


def test_slots_are_cut_to_the_span_that_was_asked() -> None:
    """The first quarter-hour is usually begun; an empty span is empty; a month is cut to a week."""
    outlook, _ = house(3, told=False)
    now_s = MONDAY_S + 3 * DAY_S + 100.0
    slots = outlook.slots(now_s, now_s + 1000, now_s)
    assert [(slot.begin_s, slot.end_s) for slot in slots] == [
        (now_s, now_s + 800),
        (now_s + 800, now_s + 1000),
    ]
    assert outlook.slots(now_s, now_s, now_s) == ()
    assert outlook.slots(now_s, now_s - 5000, now_s) == ()
    assert len(outlook.slots(now_s, now_s + 40 * DAY_S, now_s)) <= 7 * 96 + 1


def test_the_chain_goes_from_the_source_over_the_clear_sky_to_the_day_before() -> None:
    """Fresh, it is the source; two days old or silent, the own clear sky; without a place, the day before."""
    outlook, sky = house(5)
    now_s = MONDAY_S + 5 * DAY_S
    noon_s = now_s + 12 * 3600

    def basis(age_s: float) -> tuple[str, float]:
        outlook.source = Source("open_meteo", "ghi", now_s - age_s, light(MONDAY_S, [0.25] * 9, 8))
        (one,) = outlook.estimates(noon_s, noon_s + 1, now_s)
        return one.basis, one.p50_w

    fresh, old, dead = basis(0), basis(20 * 3600), basis(STALE_S)
    assert [name for name, _ in (fresh, old, dead)] == ["open_meteo", "open_meteo", CLEAR_SKY]
    assert fresh[1] < old[1] < dead[1]  # the source sees clouds, the last days were brighter
    outlook.source = None
    (alone,) = outlook.estimates(noon_s, noon_s + 1, now_s)
    assert (alone.basis, alone.p50_w) == (CLEAR_SKY, pytest.approx(dead[1]))
    homeless, _ = house(5, place=None)
    (before,) = homeless.estimates(noon_s, noon_s + 1, now_s)
    assert (before.basis, before.p50_w) == (DAY_BEFORE, pytest.approx(roof_w(noon_s - DAY_S, sky[4]) - 400))


def test_a_source_with_a_hole_falls_back_for_the_hole_only() -> None:
    """What the source does not say of an hour, the clear sky says."""
    outlook, sky = house(5)
    now_s = MONDAY_S + 5 * DAY_S
    told = light(MONDAY_S, sky, 7)
    hole_s = now_s + 12 * 3600
    del told[hole_s]
    outlook.source = Source("open_meteo", "ghi", now_s, told)
    names = [one.basis for one in outlook.estimates(hole_s - QUARTER_S, hole_s + 2 * QUARTER_S, now_s)]
    assert names == ["open_meteo", CLEAR_SKY, "open_meteo"]


def test_clouds_of_the_last_days_dim_the_clear_sky() -> None:
    """Three dull days after a fortnight of all sorts: less is expected than after three bright ones."""
    sums = []
    for share in (0.25, 1.0):
        outlook, _ = house(11, told=False)
        begin_s = MONDAY_S + 11 * DAY_S
        for n in range(3 * 96):
            at_s = begin_s + n * QUARTER_S
            outlook.learn(at_s, roof_w(at_s, share) - 400, None)
        day_s = begin_s + 3 * DAY_S
        sums.append(sum(slot.p50_w for slot in outlook.slots(day_s, day_s + DAY_S, day_s)))
    assert sums[0] < 0.75 * sums[1]


def test_what_was_just_measured_moves_the_next_hours_and_then_fades() -> None:
    """A surplus 2 kW below the forecast is expected to stay for a while, and is forgotten by the evening."""
    plain, _ = house(7, told=False)
    off, _ = house(7, told=False)
    noon_s = MONDAY_S + 7 * DAY_S + 11 * 3600
    (expected,) = plain.estimates(noon_s, noon_s + 1, noon_s)
    off.learn(noon_s, expected.p50_w - 2000, None)
    now_s = noon_s + QUARTER_S
    before = plain.slots(now_s, now_s + 8 * 3600, now_s)
    after = off.slots(now_s, now_s + 8 * 3600, now_s)
    gaps = [a.p50_w - b.p50_w for a, b in zip(after, before, strict=True)]
    assert gaps[0] == pytest.approx(-2000, abs=500)
    assert gaps[0] < gaps[3] < gaps[8] < -200
    assert abs(gaps[-1]) < 100


def test_the_percentiles_of_an_ensemble_widen_the_band() -> None:
    """Where the source is unsure, so is the forecast."""
    outlook, sky = house(5)
    now_s = MONDAY_S + 5 * DAY_S
    noon_s = now_s + 12 * 3600
    widths = []
    for spread in (0.05, 0.6):
        outlook.source = Source("x", "ghi", now_s, light(MONDAY_S, sky, 7, spread))
        (one,) = outlook.estimates(noon_s, noon_s + 1, now_s)
        widths.append(one.p50_w - one.p10_w)
    assert widths[1] > 2 * widths[0]


def test_a_system_that_is_described_has_an_idea_of_its_gain_from_the_start() -> None:
    """With power told, two days without any sun do not teach that there never is one."""
    outlook = Outlook(BERLIN, MUNICH, "power", 8.0)
    for n in range(2 * 96):
        outlook.learn(MONDAY_S + n * QUARTER_S, -400.0, 0.0)
    fit = outlook.fit()
    assert fit is not None
    assert fit.gain_w[0] == pytest.approx(900, rel=0.01)


def test_the_forecast_of_a_past_is_that_of_living_through_it() -> None:
    """What a restart rebuilds from the ledger is what was there before."""
    lived, sky = house(5)
    rows = [
        (MONDAY_S + n * QUARTER_S, roof_w(MONDAY_S + n * QUARTER_S, sky[n // 96]) - 400)
        for n in range(5 * 96)
    ]
    told = {at_s: level_w_per_m2(at_s, sky[(at_s - MONDAY_S) // DAY_S]) for at_s, _ in rows}
    rebuilt = learned(Outlook(BERLIN, MUNICH), rows, told)
    now_s = MONDAY_S + 5 * DAY_S
    assert rebuilt.slots(now_s, now_s + DAY_S, now_s) == lived.slots(now_s, now_s + DAY_S, now_s)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_percentiles_are_in_order_and_never_above_the_highest_seen(data: st.DataObject) -> None:
    """Whatever was measured and whatever is told: P10 <= P50 <= P90 <= the most a quarter-hour ever had."""
    rng = random.Random(data.draw(st.integers(0, 10**6), label="seed"))
    place = data.draw(st.sampled_from([None, MUNICH, Place(-33.9, 151.2), Place(65.0, 25.0)]))
    kind = data.draw(st.sampled_from(["ghi", "power"]))
    most_w = data.draw(st.sampled_from([50.0, 5000.0, 60_000.0]))
    outlook = Outlook(BERLIN, place, kind, 5.0)
    highest_w = 0.0
    for n in range(data.draw(st.integers(0, 300), label="quarters")):
        surplus_w = rng.uniform(-most_w, most_w)
        highest_w = max(highest_w, surplus_w)
        outlook.learn(MONDAY_S + n * QUARTER_S, surplus_w, rng.choice([None, rng.uniform(0, 1400)]))
    now_s = MONDAY_S + 310 * QUARTER_S
    told = {
        now_s + n * QUARTER_S: Sunlight(
            v := rng.uniform(0, 1500), v * rng.uniform(0, 1), v * rng.uniform(1, 3)
        )
        for n in range(96)
    }
    outlook.source = Source("x", kind, now_s - rng.uniform(0, 3 * DAY_S), told)
    for row in outlook.issued(now_s):
        outlook.settle(row, rng.uniform(-most_w, most_w))
    for slot in outlook.slots(now_s, now_s + DAY_S, now_s):
        assert slot.p10_w <= slot.p50_w <= slot.p90_w <= max(highest_w, 0.0)
