"""Whether the sun is well below the horizon: then a house without a battery cannot feed in."""

from datetime import UTC, datetime
from math import asin, cos, degrees, pi, radians, sin

DARK_DEG = -6.0
"""Civil twilight ends here; no module yields anything below it."""


def elevation_deg(at: datetime, latitude_deg: float, longitude_deg: float) -> float:
    """Return the height of the sun over the horizon at an instant (aware), true to about a degree.

    Declination by Cooper (1969); the equation of time, up to 4 degrees of hour angle, by Spencer (1971).
    """
    utc = at.astimezone(UTC)
    day = utc.timetuple().tm_yday
    turn = 2 * pi * (day - 1) / 365
    minutes = 229.2 * (
        0.000075
        + 0.001868 * cos(turn)
        - 0.032077 * sin(turn)
        - 0.014615 * cos(2 * turn)
        - 0.040849 * sin(2 * turn)
    )
    hours = utc.hour + (utc.minute + minutes) / 60
    hour_angle = radians((hours - 12) * 15 + longitude_deg)
    declination = radians(23.45) * sin(2 * pi * (284 + day) / 365)
    latitude = radians(latitude_deg)
    height = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)
    return degrees(asin(max(-1.0, min(1.0, height))))


def is_dark(at: datetime, latitude_deg: float, longitude_deg: float) -> bool:
    """Return whether the sun is more than 6 degrees below the horizon."""
    return elevation_deg(at, latitude_deg, longitude_deg) < DARK_DEG
