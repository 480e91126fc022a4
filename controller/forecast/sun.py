"""Where the sun stands, what a clear sky gives, and what a tilted plane gets of it. Pure.

Angles in degrees at the border. Azimuths of planes are as installers write them: 0 south, -90 east, 90 west.
"""

from dataclasses import dataclass
from math import asin, atan2, cos, degrees, exp, radians, sin

SOLAR_CONSTANT_W_PER_M2 = 1361.0
"""Kopp and Lean, Geophysical Research Letters 38 (2011), L01706."""
GROUND_ALBEDO = 0.2
LOWEST_SINE = 0.087
"""Sine of 5 degrees: below, direct light on a tilted plane is no longer told from the horizontal one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the house stands, degrees north and east."""

    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True, slots=True)
class Plane:
    """One roof: 0 degrees of tilt lies flat, azimuth 0 looks south."""

    tilt_deg: float
    azimuth_deg: float
    peak_kw: float = 1.0


@dataclass(frozen=True, slots=True)
class SunAt:
    """The sun at an instant: unit vector to east, north and up, and the light above the air in W/m2."""

    east: float
    north: float
    up: float
    extra_w_per_m2: float

    @property
    def elevation_deg(self) -> float:
        """Return the height above the horizon, without refraction."""
        return degrees(asin(max(min(self.up, 1.0), -1.0)))

    @property
    def azimuth_deg(self) -> float:
        """Return the direction, 0 south, negative in the morning."""
        return degrees(atan2(-self.east, -self.north))


def sun_at(place: Place, at_s: float) -> SunAt:
    """Return the sun at UTC seconds since 1970.

    The Astronomical Almanac's formula as given by Michalsky, Solar Energy 40 (1988) 227, good to 0.01 degrees
    until 2050; sidereal time by the US Naval Observatory's approximation.
    """
    day = at_s / 86_400 - 10_957.5  # since noon of 2000-01-01
    anomaly = radians(357.528 + 0.9856003 * day)
    longitude = radians(280.460 + 0.9856474 * day + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    obliquity = radians(23.439 - 4e-7 * day)
    ascension = atan2(cos(obliquity) * sin(longitude), cos(longitude))
    sine = sin(obliquity) * sin(longitude)
    cosine = (1 - sine * sine) ** 0.5
    sidereal = radians((18.697374558 + 24.06570982441908 * day) % 24 * 15 + place.longitude_deg)
    hour = sidereal - ascension
    latitude = radians(place.latitude_deg)
    distance_au = 1.00014 - 0.01671 * cos(anomaly) - 0.00014 * cos(2 * anomaly)
    return SunAt(
        east=-cosine * sin(hour),
        north=sine * cos(latitude) - cosine * cos(hour) * sin(latitude),
        up=sine * sin(latitude) + cosine * cos(hour) * cos(latitude),
        extra_w_per_m2=SOLAR_CONSTANT_W_PER_M2 / distance_au**2,
    )


def clear_sky_w_per_m2(sun: SunAt) -> float:
    """Return the global horizontal irradiance under a clear sky.

    Haurwitz, Journal of Meteorology 2 (1945) 154, the best of the models that need the sun's height alone in
    Reno, Hansen and Stein, SAND2012-2389.
    """
    return 1098.0 * sun.up * exp(-0.057 / sun.up) if sun.up > 0.01 else 0.0


def diffuse_share(clearness_index: float) -> float:
    """Return how much of the global light is diffuse, by its share of the light above the air.

    Erbs, Klein and Duffie, Solar Energy 28 (1982) 293.
    """
    kt = clearness_index
    if kt <= 0.22:
        return 1.0 - 0.09 * kt
    if kt <= 0.8:
        return 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    return 0.165


def incidence_cosine(sun: SunAt, plane: Plane) -> float:
    """Return the cosine of the angle between the sun and the plane's normal."""
    tilt, azimuth = radians(plane.tilt_deg), radians(plane.azimuth_deg)
    return sin(tilt) * (-sin(azimuth) * sun.east - cos(azimuth) * sun.north) + cos(tilt) * sun.up


def on_plane_w_per_m2(sun: SunAt, global_w_per_m2: float, plane: Plane) -> float:
    """Return what a plane gets of this global horizontal irradiance: direct, sky and ground.

    Isotropic sky: Liu and Jordan, Solar Energy 7 (1963) 53. Never negative.
    """
    if global_w_per_m2 <= 0 or sun.up <= 0:
        return max(global_w_per_m2, 0.0)
    share = diffuse_share(global_w_per_m2 / (sun.extra_w_per_m2 * max(sun.up, LOWEST_SINE)))
    flat = cos(radians(plane.tilt_deg))
    direct = global_w_per_m2 * (1 - share) * max(incidence_cosine(sun, plane), 0.0) / max(sun.up, LOWEST_SINE)
    sky = global_w_per_m2 * share * (1 + flat) / 2
    return direct + sky + global_w_per_m2 * GROUND_ALBEDO * (1 - flat) / 2


def towards_equator_deg(place: Place, azimuth_deg: float) -> float:
    """Return an azimuth, mirrored from south to north for a house south of the equator."""
    return azimuth_deg if place.latitude_deg >= 0 else -azimuth_deg % 360.0 - 180.0
