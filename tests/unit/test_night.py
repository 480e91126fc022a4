"""The height of the sun against almanac values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from controller.line.night import elevation_deg, is_dark

VIENNA = (48.2, 16.4)


@pytest.mark.parametrize(
    ("at", "place", "height_deg"),
    [
        (datetime(2026, 6, 21, 10, 56, tzinfo=UTC), VIENNA, 65.2),  # solar noon: 90 - 48.2 + 23.4
        (datetime(2026, 12, 21, 10, 52, tzinfo=UTC), VIENNA, 18.4),
        (datetime(2026, 3, 20, 12, 7, tzinfo=UTC), (0.0, 0.0), 90.0),
        (datetime(2026, 6, 21, 22, 56, tzinfo=UTC), VIENNA, -18.4),
        (datetime(2026, 9, 23, 16, 48, tzinfo=UTC), VIENNA, 0.0),  # sunset at the equinox, about 18:48 local
    ],
)
def test_the_sun_stands_where_the_almanac_says(
    at: datetime, place: tuple[float, float], height_deg: float
) -> None:
    assert elevation_deg(at, *place) == pytest.approx(height_deg, abs=1.5)


def test_dark_is_below_six_degrees_in_any_time_zone() -> None:
    noon = datetime(2026, 6, 21, 13, 0, tzinfo=timezone(timedelta(hours=2)))
    assert not is_dark(noon, *VIENNA)
    assert is_dark(noon + timedelta(hours=12), *VIENNA)
    dusk = datetime(2026, 9, 23, 17, 0, tzinfo=UTC)
    assert not is_dark(dusk, *VIENNA)
    assert is_dark(dusk + timedelta(minutes=40), *VIENNA)
