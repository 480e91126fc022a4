"""The generated sun against the almanac: when it rises, how high it stands, what clouds leave."""

import itertools

import pytest

from controller.simulation.sun import SKIES, clear_sky_w_per_m2, sunny_day
from controller.units import DAY_S

MUNICH = (48.2, 11.6)
NOON_S = int((12 - 11.6 / 15) * 3600)
"""The sun is highest at 11:14 UTC there, leaving out the equation of time (as the model does)."""


def daylight_h(day_of_year: int, latitude_deg: float = 48.2) -> float:
    lit = [clear_sky_w_per_m2(day_of_year, s, latitude_deg, 11.6) > 0 for s in range(0, DAY_S, 60)]
    return sum(lit) / 60


@pytest.mark.parametrize(
    ("day_of_year", "latitude_deg", "hours"),
    [
        (172, 48.2, 16.0),  # Munich, solstice: 16 h 05 by the almanac
        (355, 48.2, 8.3),  # 8 h 21
        (80, 48.2, 12.0),  # equinox
        (172, 0.0, 12.0),
        (172, 69.0, 24.0),  # beyond the polar circle
        (355, 69.0, 0.0),
    ],
)
def test_the_length_of_the_day(day_of_year: int, latitude_deg: float, hours: float) -> None:
    """As the almanac has it, within 20 minutes."""
    assert daylight_h(day_of_year, latitude_deg) == pytest.approx(hours, abs=0.35)


def test_noon_is_highest_and_the_day_symmetric() -> None:
    """Two hours before and after true noon the sun is equally strong, and less than at noon."""
    noon = clear_sky_w_per_m2(172, NOON_S, *MUNICH)
    before, after = (clear_sky_w_per_m2(172, NOON_S + shift, *MUNICH) for shift in (-7200, 7200))
    assert before == pytest.approx(after, rel=1e-3)
    assert before < noon
    assert 850 < noon < 1100


def test_a_tilted_roof_in_winter() -> None:
    """At the winter solstice the noon sun stands 18.4 degrees high: 500 to 700 W/m2 on 30 degrees south."""
    assert 500 < clear_sky_w_per_m2(355, NOON_S, *MUNICH) < 700


@pytest.mark.parametrize("sky", SKIES)
def test_a_day_is_repeatable_and_within_the_plant(sky: str) -> None:
    """One value a second, the same for the same seed, dark at night, never beyond the inverter."""
    day = sunny_day(3, sky, inverter_w=6000.0)
    assert len(day) == DAY_S
    assert day == sunny_day(3, sky, inverter_w=6000.0)
    assert set(day[: 2 * 3600]) == set(day[22 * 3600 :]) == {0.0}
    assert min(day) == 0.0
    assert max(day) <= 6000.0


def test_another_seed_is_another_day() -> None:
    """Clouds come elsewhere."""
    assert sunny_day(1, "broken") != sunny_day(2, "broken")


def edges(day: list[float]) -> int:
    """Return how often the share of a clear sky passes 0.7 between ten and two o'clock."""
    clear_w = [clear_sky_w_per_m2(172, second, *MUNICH) * 8.7 for second in range(36_000, 50_400)]
    bright = [power_w > 0.7 * clear for power_w, clear in zip(day[36_000:50_400], clear_w, strict=True)]
    return sum(now != then for then, now in itertools.pairwise(bright))


def test_skies_are_as_their_names() -> None:
    """Clear gives most, overcast less than half of it; broken has by far the most edges, clear hardly any."""
    days = {sky: sunny_day(5, sky) for sky in SKIES}
    energy = {sky: sum(day) for sky, day in days.items()}
    assert energy["clear"] > max(energy["mixed"], energy["broken"])
    assert energy["overcast"] < 0.5 * energy["clear"]
    passes = {sky: edges(day) for sky, day in days.items()}
    assert passes["broken"] > 3 * max(passes["mixed"], passes["overcast"])
    assert passes["clear"] <= 2


def test_a_clear_summer_day_of_ten_kilowatts() -> None:
    """Between 55 and 80 kWh, as such roofs in southern Germany give on their best days."""
    assert 55 < sum(sunny_day(1, "clear")) / 3.6e6 < 80


def test_twice_the_panels_twice_the_power_until_the_inverter() -> None:
    """The plant scales the sun; the inverter cuts it."""
    small, large = sunny_day(1, "clear", peak_w=2000.0), sunny_day(1, "clear", peak_w=4000.0)
    assert sum(large) == pytest.approx(2 * sum(small))
    assert max(sunny_day(1, "clear", peak_w=20_000.0)) == 10_000.0


def test_an_unknown_sky_is_named() -> None:
    """With the ones that are known."""
    with pytest.raises(ValueError, match=r"'purple'.*clear, broken, mixed, overcast"):
        sunny_day(1, "purple")
