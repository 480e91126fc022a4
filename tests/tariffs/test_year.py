"""A year of real prices through HTTP, file and book to the price of now; both changes of the clocks."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.tariffs.recorded import hours_of_2024, quarters
from tests.tariffs.speakers import Slot
from tests.tariffs.world import World, midnight

BERLIN = ZoneInfo("Europe/Berlin")
TARIFF = {
    "import_price": "market",
    "vat": 0.19,
    "supplier_ct_per_kwh": 15.0,
    "feed_in": "zero_if_negative",
    "market": {"source": "energy_charts"},
}


async def lived(folder: Path, days: dict[date, list[Slot]], first: date, last: date) -> tuple[int, int]:
    """Live from day to day and check each; return the questions asked and the slots seen."""
    known = {day: {s.begin_s: s.ct for s in slots} for day, slots in days.items()}

    def published(now: datetime) -> Sequence[Slot]:
        local = now.astimezone(BERLIN)
        reach = [local.date() + timedelta(days=d) for d in range(2 if local.hour >= 13 else 1)]
        return [s for day in reach for s in days.get(day, ())]

    async with World(folder, f"{first}T00:00", TARIFF) as world:
        world.slots = published
        day, seen = first, 0
        while day < last:
            begin_s, end_s = midnight(day.isoformat()), midnight((day + timedelta(days=1)).isoformat())
            while world.now_s < end_s:
                await world.tariffs.step()
                at = world.now_s
                step_s = days[day][0].end_s - days[day][0].begin_s
                spot = known[day][begin_s + (at - begin_s) // step_s * step_s]
                assert spot is not None
                prices = world.tariffs.now()
                assert prices.import_ct_per_kwh == pytest.approx((spot + 15) * 1.19)
                assert prices.export_ct_per_kwh == (0.0 if spot < 0 else 8.0)
                world.clock.advance(1800)
                if f"{world.now:%H:%M}" == "14:00":
                    tomorrow = midnight((day + timedelta(days=2)).isoformat())
                    slots = world.tariffs.book.slots(end_s, tomorrow)
                    expected = known[day + timedelta(days=1)]
                    assert {s.begin_s for s in slots} == set(expected)
                    assert sum(s.end_s - s.begin_s for s in slots) == tomorrow - end_s
                    seen += len(slots)
            day += timedelta(days=1)
        assert not world.said("warning")
        return len(world.server.asked), seen


@pytest.mark.parametrize("change", [date(2025, 10, 26), date(2026, 3, 29)])
async def test_the_week_the_clocks_change(tmp_path: Path, change: date) -> None:
    """Real quarters around the day of 25 hours and the day of 23."""
    first, last = change - timedelta(days=2), change + timedelta(days=2)
    asked, seen = await lived(tmp_path, quarters(), first, last)
    longer = 4 if change.month == 10 else -4
    assert seen == 4 * 96 + longer
    assert asked <= 4 * 8


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_year_of_hours(tmp_path: Path) -> None:
    """Every hour of 2024 has its price, tomorrow is known by 14:00, a few questions are asked a day."""
    asked, seen = await lived(tmp_path, hours_of_2024(), date(2024, 1, 1), date(2024, 12, 30))
    assert seen == 364 * 24
    assert asked <= 364 * 6
    assert (tmp_path / "prices" / "energy_charts.json").stat().st_size < 60_000


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
async def test_half_a_year_of_quarters(tmp_path: Path) -> None:
    """The same with quarters, through both changes of the clocks."""
    asked, seen = await lived(tmp_path, quarters(), date(2025, 10, 1), date(2026, 3, 30))
    assert seen == 180 * 96
    assert asked <= 180 * 6
    assert (tmp_path / "prices" / "energy_charts.json").stat().st_size < 150_000
