"""Days out of the ledger: local midnights, gaps, slow and thinned rows, all counted by hand."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.clock import SimClock
from controller.days.recorded import RecordedDay, read_day, recorded_dates
from controller.ledger.ledger import Ledger
from controller.ledger.report import Report
from controller.ledger.upkeep import maintain
from tests.unit.recordings import BERLIN_MIDNIGHT, fill

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 5, 5)
NOON = 12 * 3600


def recorded(path: Path, day: date = DAY) -> RecordedDay:
    found = read_day(Report(path), day, BERLIN)
    assert found is not None
    return found


def bought_wh(seen: RecordedDay) -> float:
    """Return the energy imported, 10 s at a time."""
    return sum(max(watts, 0.0) for watts in seen.grid_w) / 360


def test_a_day_is_the_sites_own(tmp_path: Path) -> None:
    """The first row ends at 00:00:10 local time, the last at midnight; both belong to this day alone."""
    path = fill(tmp_path / "l.db")
    assert recorded_dates(Report(path), BERLIN) == [DAY]
    seen = recorded(path)
    assert (seen.known_s, seen.gaps, len(seen.day.pv_w)) == (86_400, 0, 8640)
    assert seen.day.load_w[0] == seen.day.load_w[-1] == 500.0
    assert [seen.day.pv_w[n] for n in (2159, 2160, 6479, 6480)] == [0.0, 3000.0, 3000.0, 0.0]
    assert read_day(Report(path), date(2026, 5, 6), BERLIN) is None


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_change_of_the_clocks_makes_days_of_23_and_25_hours(tmp_path: Path, day: date, hours: int) -> None:
    """Three days of rows around the change: each row is in one day, the middle one has its real length."""
    before = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC) - timedelta(days=1)
    path = fill(tmp_path / "l.db", before, 24 + hours + 24, lambda second: 1000.0)
    report = Report(path)
    days = recorded_dates(report, BERLIN)
    assert [(d - day).days for d in days] == [-1, 0, 1]
    assert [recorded(path, d).known_s for d in days] == [86_400, hours * 3600, 86_400]
    assert bought_wh(recorded(path, day)) == pytest.approx(hours * 1000)


def test_three_missing_samples_hold_the_last_value_and_four_are_a_gap(tmp_path: Path) -> None:
    """Held samples count as known; in a longer gap nothing is, and nothing is guessed."""

    def missing(second: int) -> bool:
        return 3600 <= second < 3630 or NOON <= second < NOON + 40

    def base_w(second: int) -> float:
        return 700.0 if second == 3590 else 500.0

    seen = recorded(fill(tmp_path / "l.db", base_import_w=base_w, skip=missing))
    assert seen.day.load_w[359:364] == [700.0, 700.0, 700.0, 700.0, 500.0]
    assert (seen.gaps, seen.gap_s, seen.known_s) == (1, 40, 86_360)
    assert seen.day.lost == {4320, 4321, 4322, 4323}


def test_a_row_without_a_base_load_is_a_missing_one(tmp_path: Path) -> None:
    """An hour whose rows say "unknown" is a gap of an hour."""
    path = fill(tmp_path / "l.db", base_import_w=lambda s: None if NOON <= s < NOON + 3600 else 500.0)
    seen = recorded(path)
    assert (seen.gaps, seen.gap_s, seen.known_s) == (1, 3600, 23 * 3600)


def test_a_short_day_is_what_it_is(tmp_path: Path) -> None:
    """Six hours from 10:00 are six hours; what lies before and after is no gap, and not counted."""
    path = fill(tmp_path / "l.db", BERLIN_MIDNIGHT + timedelta(hours=10), 6, lambda second: 500.0)
    seen = recorded(path)
    assert (seen.known_h, seen.gaps, len(seen.day.lost)) == (6.0, 0, 18 * 360)
    assert bought_wh(seen) == pytest.approx(6 * 500)


def test_a_slow_controller_leaves_no_gaps(tmp_path: Path) -> None:
    """With a decision every 30 s two missing rows are held and six minutes are a gap."""

    def missing(second: int) -> bool:
        return 3600 <= second < 3660 or NOON <= second < NOON + 360

    seen = recorded(fill(tmp_path / "l.db", pace_s=30, skip=missing))
    assert (seen.gaps, seen.gap_s) == (1, 360)
    assert seen.known_s == pytest.approx(86_400 - 360, abs=30)


def test_thinned_rows_keep_the_energy(tmp_path: Path) -> None:
    """After a week the ledger keeps minutes: the same bill, and it is said."""
    path = fill(tmp_path / "l.db", base_import_w=lambda second: float(second % 60) * 10)
    assert not recorded(path).minutes
    ledger = Ledger.open(path, SimClock(BERLIN_MIDNIGHT + timedelta(days=20)))
    maintain(ledger, keep_10s_days=7, keep_60s_days=90)
    ledger.close()
    seen = recorded(path)
    assert seen.minutes
    assert seen.known_s == pytest.approx(86_400, abs=60)
    assert bought_wh(seen) == pytest.approx(24 * 250.0, rel=0.001)  # the mean of 0, 100 ... 500 W
