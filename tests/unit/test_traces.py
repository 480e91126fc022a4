"""Reading recorded days: cutting, holding, and what is said of files that are none."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.days.traces import read_days
from controller.errors import ConfigError

DAY = datetime(2026, 6, 21, tzinfo=UTC)
HEAD = "time,pv_w,load_w"


def stamp(second: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return (DAY + timedelta(seconds=second)).strftime(form)


def trace(folder: Path, rows: list[str], name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    return path


def hourly(first: int, count: int) -> list[str]:
    return [f"{stamp(3600 * n)},{n},{100 + n}" for n in range(first, first + count)]


def test_a_day_is_a_utc_day(tmp_path: Path) -> None:
    """48 hours are two days of 24 values, in order, named by trace and date."""
    one, two = read_days(trace(tmp_path, hourly(0, 48)))
    assert (one.trace, one.date, two.date) == ("t.csv", "2026-06-21", "2026-06-22")
    assert (one.step_s, one.duration_s) == (3600, 86_400)
    assert one.pv_w == [float(n) for n in range(24)]
    assert two.load_w == [float(n) for n in range(124, 148)]


@pytest.mark.parametrize(("hours", "days"), [(19, 0), (20, 1), (24, 1), (43, 1), (44, 2)])
def test_a_day_has_at_least_twenty_hours(tmp_path: Path, hours: int, days: int) -> None:
    """A score needs the night before and after the sun."""
    assert len(read_days(trace(tmp_path, hourly(0, hours)))) == days


def test_one_sample_is_no_day(tmp_path: Path) -> None:
    """A lonely row says nothing of the other hours, nor does a first row after midnight."""
    assert read_days(trace(tmp_path, hourly(0, 1))) == []
    assert [day.date for day in read_days(trace(tmp_path, hourly(0, 25)))] == ["2026-06-21"]


@pytest.mark.parametrize(
    ("form", "shift_h"),
    [
        ("%Y-%m-%dT%H:%M:%S+02:00", 2),
        ("%Y-%m-%d %H:%M:%S", 0),  # without a zone it is UTC
        ("%Y-%m-%dT%H:%M:%S.500Z", 0),
        ("%Y-%m-%dT%H:%MZ", 0),
        ("%Y-%m-%dT%H:%M:%S-01:00", -1),
    ],
)
def test_every_iso_form_of_time_is_read(tmp_path: Path, form: str, shift_h: int) -> None:
    """Zones are turned into UTC before the days are cut."""
    rows = [f"{stamp(3600 * (n + shift_h), form)},{n},0" for n in range(24)]
    (day,) = read_days(trace(tmp_path, rows))
    assert (day.date, day.pv_w) == ("2026-06-21", [float(n) for n in range(24)])


def test_a_day_may_begin_late(tmp_path: Path) -> None:
    """From 03:00 on: what was before is not made up from the future."""
    (day,) = read_days(trace(tmp_path, hourly(3, 21)))
    assert len(day.pv_w) == 24
    assert day.pv_w[:5] == [0.0, 0.0, 0.0, 3.0, 4.0]


def test_gaps_hold_the_last_value(tmp_path: Path) -> None:
    """A missing row, an empty field; each column for itself."""
    rows = hourly(0, 24)
    rows[5] = f"{stamp(5 * 3600)},,777"
    rows[6] = f"{stamp(6 * 3600)},66,"
    del rows[10]
    (day,) = read_days(trace(tmp_path, rows))
    assert (day.pv_w[4:8], day.load_w[4:8]) == ([4.0, 4.0, 66.0, 7.0], [104.0, 777.0, 777.0, 107.0])
    assert (day.pv_w[9:12], len(day.pv_w)) == ([9.0, 9.0, 11.0], 24)


def test_a_gap_over_midnight_holds_the_day_before(tmp_path: Path) -> None:
    """The night's load goes on until the next sample says otherwise."""
    rows = [*hourly(0, 24), f"{stamp(86_400 + 7200)},1,2", *hourly(27, 21)]
    _, two = read_days(trace(tmp_path, rows))
    assert two.load_w[:4] == [123.0, 123.0, 2.0, 127.0]


def test_samples_beside_the_beat_are_not_lost(tmp_path: Path) -> None:
    """A logger that drifts by a second an hour: each sample counts from its slot on."""
    rows = [f"{stamp(600 * n + n // 6)},{n},{n}" for n in range(144)]
    (day,) = read_days(trace(tmp_path, rows))
    assert day.step_s == 600
    assert day.pv_w == [float(n) for n in range(144)]


def test_of_two_samples_in_one_slot_the_later_counts(tmp_path: Path) -> None:
    """An extra sample between two beats ends the slot's value."""
    rows = hourly(0, 24)
    rows.insert(11, f"{stamp(10 * 3600 + 1800)},55,66")
    (day,) = read_days(trace(tmp_path, rows))
    assert (day.pv_w[9:12], len(day.pv_w)) == ([9.0, 55.0, 11.0], 24)


def test_the_sun_gives_nothing_below_zero(tmp_path: Path) -> None:
    """An inverter's own draw at night is no negative sun; a load may be anything."""
    rows = hourly(0, 24)
    rows[0] = f"{stamp(0)},-7.5,-20"
    (day,) = read_days(trace(tmp_path, rows))
    assert (day.pv_w[0], day.load_w[0]) == (0.0, -20.0)


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_spreadsheet_writes_is_read(tmp_path: Path, packed: bool) -> None:
    """Byte-order mark, CRLF, other columns, another order; packed or not."""
    rows = ["load_w,note,time,pv_w"] + [f"{100 + n},x,{stamp(3600 * n)},{n}" for n in range(24)]
    data = b"\xef\xbb\xbf" + "\r\n".join(rows).encode()
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    (day,) = read_days(path)
    assert (day.pv_w[23], day.load_w[23]) == (23.0, 123.0)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([f"{stamp(0)},1,2", f"{stamp(0)},1,2"], ["line 3", "does not increase", "sort"]),
        (["2026-10-25T02:59:00,1,2", "2026-10-25T02:00:00,1,2"], ["line 3", "local times need their offset"]),
        ([f"{stamp(60)},1,2", f"{stamp(0)},1,2"], ["line 3", "sort"]),
        ([f"{stamp(86_400)},1,2", f"{stamp(0)},1,2"], ["line 3", "sort"]),  # days the wrong way round
        (["yesterday,1,2"], ["line 2", "yesterday"]),
        ([",1,2"], ["line 2"]),
        ([f"{stamp(0)},inf,2"], ["line 2", "finite"]),
        ([f"{stamp(0)},1,nan"], ["line 2", "finite"]),
        ([f"{stamp(0)},1,two"], ["line 2", "two"]),
        (["2026-06-21T25:00:00Z,1,2"], ["line 2", "25:00"]),
        (["2026-06-21T12:60:00Z,1,2"], ["line 2", "12:60"]),
        (["2026-06-21T12:00:61Z,1,2"], ["line 2", "00:61"]),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, rows: list[str], named: list[str]) -> None:
    """File, line, what was found, what is accepted."""
    path = trace(tmp_path, rows)
    with pytest.raises(ConfigError) as caught:
        read_days(path)
    assert [word for word in [str(path), *named] if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", ["time", "pv_w", "load_w", "header"]),
        (b"time,pv_w\n", ["load_w is missing"]),
        (b"time,pv_w,load_w\n2026-06-21T12:00:00Z,1500,5,300,0\n", ["line 2", "points in numbers"]),
        (b"time,pv_w,load_w\n2026-06-21T12:00:00Z,1e9,300\n", ["line 2", "1e9", "more than a house"]),
        (b"time;pv_w;load_w\n2026-06-21T12:00:00Z;1,5;2\n", ["semicolons", "commas between columns"]),
        (b"\xff\xfe\x00", ["not a readable CSV"]),
    ],
)
def test_a_file_that_is_no_trace_says_what_is_missing(tmp_path: Path, data: bytes, named: list[str]) -> None:
    """Columns by name, and what to do."""
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_days(path)
    wanted = ["Accepted" if "1e9" in named else "Remedy", *named]
    assert [word for word in wanted if word not in str(caught.value)] == []


def test_blanks_after_commas_count_for_nothing(tmp_path: Path) -> None:
    """As people type them, in the header and below."""
    path = tmp_path / "t.csv"
    path.write_text(", ".join(HEAD.split(",")) + "\n" + "\n".join(hourly(0, 24)).replace(",", ", "))
    assert len(read_days(path)) == 1


def test_a_cut_off_archive_and_a_missing_file(tmp_path: Path) -> None:
    """Half a gz and no file at all: one sentence each, no traceback."""
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(("\n".join([HEAD, *hourly(0, 48)])).encode())[:200])
    for missing in (path, tmp_path / "nothing.csv"):
        with pytest.raises(ConfigError, match="Remedy: check the path"):
            read_days(missing)
