"""The sun's place, a clear sky and tilted planes, against published numbers."""

from datetime import UTC, datetime
from math import acos, degrees

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.forecast.sun import (
    Place,
    Plane,
    clear_sky_w_per_m2,
    diffuse_share,
    incidence_cosine,
    on_plane_w_per_m2,
    sun_at,
    towards_equator_deg,
)

GOLDEN = Place(39.742476, -105.1786)
"""Example of Reda and Andreas, NREL/TP-560-34302 (2008), appendix A.5: 2003-10-17 12:30:30, UTC-7."""
GOLDEN_S = datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC).timestamp()


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_sun_stands_where_nrel_puts_it() -> None:
    """NREL: zenith 50.11162 (refracted by 0.0163), azimuth 194.34024, on the example's plane 25.18700."""
    sun = sun_at(GOLDEN, GOLDEN_S)
    assert 90 - sun.elevation_deg == pytest.approx(50.11162 + 0.0163, abs=0.02)
    assert sun.azimuth_deg + 180 == pytest.approx(194.34024, abs=0.02)
    on_plane = degrees(acos(incidence_cosine(sun, Plane(30, -10))))
    assert on_plane == pytest.approx(25.18700, abs=0.03)


@pytest.mark.parametrize("local", ["2003-10-17T06:12:43-07:00", "2003-10-16T17:20:19-07:00"])
def test_it_rises_and_sets_when_nrel_says_so(local: str) -> None:
    """NREL's example: 06:12:43 and 17:20:19, its centre 0.8333 degrees below the horizon.

    The sunset is that of the example's UTC day, which is the evening before at this place.
    """
    assert sun_at(GOLDEN, stamp(local)).elevation_deg == pytest.approx(-0.8333, abs=0.03)


@pytest.mark.parametrize(
    ("when", "declination_deg"),
    [
        ("2025-03-20T09:01:00+00:00", 0.0),
        ("2025-06-21T02:42:00+00:00", 23.44),
        ("2025-09-22T18:19:00+00:00", 0.0),
        ("2025-12-21T15:03:00+00:00", -23.44),
    ],
)
def test_the_seasons_turn_when_the_almanac_says_so(when: str, declination_deg: float) -> None:
    """Equinoxes and solstices of 2025, UTC, as the US Naval Observatory lists them: seen from the pole."""
    assert sun_at(Place(90, 0), stamp(when)).elevation_deg == pytest.approx(declination_deg, abs=0.01)


def test_light_above_the_air_follows_the_distance() -> None:
    """NREL's example gives 0.9965422974 astronomical units: 1361 W/m2 become 1370.5."""
    assert sun_at(GOLDEN, GOLDEN_S).extra_w_per_m2 == pytest.approx(1361 / 0.9965422974**2, rel=1e-4)


@pytest.mark.parametrize(("elevation_deg", "expected_w"), [(90, 1037.1), (30, 489.8), (10, 137.3)])
def test_a_clear_sky_is_haurwitz(elevation_deg: float, expected_w: float) -> None:
    """1098 sin(h) exp(-0.057 / sin(h)), worked out by hand for three heights."""
    zenith = min(
        (sun_at(Place(0, 0), stamp("2025-03-20T12:00:00+00:00") + 60 * n) for n in range(-500, 500)),
        key=lambda sun: abs(sun.elevation_deg - elevation_deg),
    )
    assert zenith.elevation_deg == pytest.approx(elevation_deg, abs=0.3)
    assert clear_sky_w_per_m2(zenith) == pytest.approx(expected_w, rel=0.03)


@pytest.mark.parametrize(("kt", "share"), [(0.1, 0.991), (0.5, 0.6592), (0.9, 0.165)])
def test_the_diffuse_share_is_that_of_erbs(kt: float, share: float) -> None:
    """The three branches of Erbs, Klein and Duffie (1982), worked out by hand."""
    assert diffuse_share(kt) == pytest.approx(share, abs=0.002)


@given(st.floats(0, 1200), st.floats(0, 90), st.floats(-180, 180), st.floats(0, 86_400 * 366))
def test_a_plane_gets_something_sane(light: float, tilt: float, azimuth: float, second: float) -> None:
    """Never negative, and never more than the direct light on the best plane beside sky and ground."""
    sun = sun_at(Place(48.14, 11.58), 1_767_225_600 + second)
    found = on_plane_w_per_m2(sun, light, Plane(tilt, azimuth))
    assert 0 <= found <= light / 0.087 + 1.5 * light


@given(st.floats(0, 1200), st.floats(0, 86_400 * 366))
def test_level_ground_gets_what_it_is_given(light: float, second: float) -> None:
    """A flat plane has the irradiance of the ground, whatever the share of sky."""
    sun = sun_at(Place(48.14, 11.58), 1_767_225_600 + second)
    if sun.up > 0.1:
        assert on_plane_w_per_m2(sun, light, Plane(0, 0)) == pytest.approx(light, rel=1e-9)


def test_an_east_roof_has_its_sun_in_the_morning() -> None:
    """Munich at midsummer: at 8 the east roof gets more, at 16 the west roof as much more."""
    place = Place(48.14, 11.58)
    morning, evening = (sun_at(place, stamp(f"2026-06-21T{hour}:14:00+00:00")) for hour in ("08", "14"))
    east, west = Plane(30, -90), Plane(30, 90)
    assert morning.azimuth_deg < 0 < evening.azimuth_deg
    assert on_plane_w_per_m2(morning, 600, east) > 1.3 * on_plane_w_per_m2(morning, 600, west)
    assert on_plane_w_per_m2(evening, 600, west) > 1.3 * on_plane_w_per_m2(evening, 600, east)


def test_south_of_the_equator_roofs_look_north() -> None:
    """What stands for an unknown roof is turned towards the sun there, mornings staying mornings."""
    sydney, munich = Place(-33.9, 151.2), Place(48.14, 11.58)
    assert towards_equator_deg(munich, -45) == -45
    noon = sun_at(sydney, stamp("2026-06-21T02:00:00+00:00"))
    turned = Plane(45, towards_equator_deg(sydney, 0))
    assert on_plane_w_per_m2(noon, 400, turned) > 1.5 * on_plane_w_per_m2(noon, 400, Plane(45, 0))
    morning = sun_at(sydney, stamp("2026-06-20T23:00:00+00:00"))
    early, late = (Plane(45, towards_equator_deg(sydney, azimuth)) for azimuth in (-45, 45))
    assert on_plane_w_per_m2(morning, 300, early) > on_plane_w_per_m2(morning, 300, late)
