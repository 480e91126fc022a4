"""A generated day of sun: clear-sky shape, clouds as a seeded process, one value a second."""

import random
from math import cos, exp, pi, radians, sin

from controller.units import DAY_S

SKIES = ("clear", "broken", "mixed", "overcast")


def clear_sky_w_per_m2(day_of_year: int, second: float, latitude_deg: float, longitude_deg: float) -> float:
    """Return clear-sky irradiance on a roof tilted 30 degrees south, at this second of the UTC day.

    Sun position by Cooper's declination, irradiance by Haurwitz (1945); the tilt is a geometric factor on it.
    """
    declination = radians(23.45) * sin(2 * pi * (284 + day_of_year) / 365)
    hour_angle = radians((second / 3600 - 12) * 15 + longitude_deg)
    latitude = radians(latitude_deg)
    height = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)
    if height <= 0.01:
        return 0.0
    horizontal = 1098 * height * exp(-0.057 / height)
    tilted = sin(latitude - radians(30)) * sin(declination)
    tilted += cos(latitude - radians(30)) * cos(declination) * cos(hour_angle)
    return horizontal * min(max(tilted, 0.0) / height, 2.5) if tilted > 0 else horizontal * 0.15


def sunny_day(
    seed: int,
    sky: str,
    *,
    peak_w: float = 10_000.0,
    inverter_w: float = 10_000.0,
    day_of_year: int = 172,
    latitude_deg: float = 48.2,
    longitude_deg: float = 11.6,
) -> list[float]:
    """Return PV power in W for every second of a UTC day; the same for the same seed.

    Raises ValueError for an unknown sky.
    """
    if sky not in SKIES:
        raise ValueError(f"sky {sky!r} is unknown, known: {', '.join(SKIES)}")
    clouds = _clouds(random.Random(f"{seed}/{sky}"), sky)  # noqa: S311 - weather, not a secret
    power = []
    irradiance = 0.0
    for second in range(DAY_S):
        if second % 10 == 0:
            irradiance = clear_sky_w_per_m2(day_of_year, second, latitude_deg, longitude_deg)
        power.append(min(irradiance / 1000 * peak_w * 0.87 * clouds[second], inverter_w))
    return power


def _clouds(rng: random.Random, sky: str) -> list[float]:
    """Return the share of clear sky that arrives, per second: cloud edges pass within 5 to 20 s."""
    gaps, covers, depth = {
        "clear": ((20_000, 40_000), (20, 60), (0.8, 0.95)),
        "broken": ((40, 420), (20, 240), (0.18, 0.6)),
        "mixed": ((600, 4000), (60, 900), (0.25, 0.7)),
        "overcast": ((5, 20), (1200, 5000), (0.08, 0.3)),
    }[sky]
    share = 1.0
    result: list[float] = []
    while len(result) < DAY_S:
        target = rng.uniform(*depth) if share > 0.97 else 1.0
        edge = rng.randint(5, 20)
        result += [share + (target - share) * (step + 1) / edge for step in range(edge)]
        share = target
        stay = rng.randint(*(covers if share < 0.97 else gaps))
        flicker = 0.015 if share > 0.97 else 0.06
        level = share
        for _ in range(stay):
            level += rng.uniform(-flicker, flicker) * 0.2 + (share - level) * 0.1
            result.append(min(max(level, 0.03), 1.05))
    return result[:DAY_S]
