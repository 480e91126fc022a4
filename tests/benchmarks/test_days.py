"""The recorded days: packing loses nothing, and the split is the one that was promised."""

import gzip
import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import packed, split
from benchmarks.pack_days import pack
from controller.days.traces import Day, read_days
from controller.errors import ConfigError

HELD_OUT_WEEKS = (5, 7, 9, 11, 21, 23, 25, 27, 37, 39, 41, 43)


def test_packing_loses_nothing(tmp_path: Path) -> None:
    """Wild whole powers of two days, negative load included, come back as they were."""
    dice = random.Random(5)
    days = [
        Day("a.csv.gz", date, 60, *([float(dice.randint(-900, 30_000)) for _ in range(1440)] for _ in "pl"))
        for date in ("2026-06-21", "2026-06-22")
    ]
    path = tmp_path / f"a{packed.SUFFIX}"
    packed.write(path, "a.csv.gz", days)
    assert packed.read(path) == days


def test_the_bytes_are_those_of_the_description(tmp_path: Path) -> None:
    """days/README.md is enough to write a file by hand: JSON line, zigzag differences, seven bits a byte."""
    import lzma

    head = b'{"format":1,"trace":"t.csv","days":[{"date":"2026-01-01","step_s":2,"samples":3}]}\n'
    # pv 0, 100, 37: 0, +100 -> 200 = 0xC8 0x01, -63 -> 125
    # load 70, 70, 69: +70 -> 140 = 0x8C 0x01, 0, -1 -> 1
    path = tmp_path / f"t{packed.SUFFIX}"
    path.write_bytes(lzma.compress(head + bytes([0, 0xC8, 1, 125, 0x8C, 1, 0, 1])))
    assert packed.read(path) == [Day("t.csv", "2026-01-01", 2, [0.0, 100.0, 37.0], [70.0, 70.0, 69.0])]


def test_a_broken_file_is_explained(tmp_path: Path) -> None:
    """A cut file names itself and the remedy."""
    path = tmp_path / f"cut{packed.SUFFIX}"
    packed.write(path, "cut.csv", [Day("cut.csv", "2026-01-01", 60, [1.0] * 1440, [2.0] * 1440)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ConfigError, match=r"cut\.days\.xz"):
        packed.read(path)


@pytest.mark.parametrize(
    ("trace", "tuning"),
    [
        ("payerne_20160606_1s__tracebase_h2.csv.gz", True),
        ("payerne_20160612_1s__tracebase_h4.csv.gz", True),
        ("payerne_20160620_1s__tracebase_h4.csv.gz", False),
        ("payerne_20160626_1s__tracebase_h2.csv.gz", False),
        ("cimhub_day1_1s__tracebase_h2.csv.gz", True),
        ("cimhub_day2_1s__tracebase_h3.csv.gz", False),
        ("opendss_solar2_1s__tracebase_h3.csv.gz", True),
        ("utrecht_20140421_2s__tracebase_h1.csv.gz", True),
        ("utrecht_20150409_2s__tracebase_h2.csv.gz", False),
        ("payerne_2016w23_native_s30__uci2008.csv.gz", True),
        ("payerne_2016w25_native_s30__uci2008.csv.gz", False),
        ("turin_20190306_measured__uci2008.csv.gz", True),
        ("turin_20190330_measured__uci2008.csv.gz", False),
        ("my_own_house.csv", False),
    ],
)
def test_the_split_by_name(trace: str, tuning: bool) -> None:
    """Each trace has its part."""
    assert split.is_tuning(trace) is tuning


def test_the_split_of_the_weeks() -> None:
    """Of the 26 weeks of the long year, twelve are held out, from every season."""
    weeks = [
        week for week in range(1, 52, 2) if not split.is_tuning(f"psel_2012w{week:02d}_native_s30.csv.gz")
    ]
    assert tuple(weeks) == HELD_OUT_WEEKS


def test_the_days_that_come_along_are_the_held_out_ones() -> None:
    """101 days, 9 of them with seconds, none of a tuning trace, at most 3 MB."""
    days = split.load(None, "held-out")
    assert Counter(split.kind(day) for day in days) == {"1 s": 9, "60 s": 92}
    assert len({(day.trace, day.date) for day in days}) == 101
    assert all(min(day.pv_w) >= 0 and max(day.pv_w) <= 10_000 for day in days)
    assert sum(path.stat().st_size for path in split.PACKED_DAYS.iterdir()) < 3_000_000
    with pytest.raises(ConfigError, match="--which"):
        split.load(None, "tuning")


def test_a_folder_of_traces_is_packed(tmp_path: Path) -> None:
    """Only held-out traces are packed; other tables in the folder are passed over; the days are the same."""
    source, target = tmp_path / "traces", tmp_path / "packed"
    (source / "sub").mkdir(parents=True)
    lines = [
        f"2026-06-21T{minute // 60:02d}:{minute % 60:02d}:00Z,{minute * 3 % 5000},{300 + minute % 7}"
        for minute in range(1440)
    ]
    data = "\n".join(["time,pv_w,load_w", *lines]).encode()
    own = source / "sub" / "own.csv.gz"
    own.write_bytes(gzip.compress(data))
    (source / "turin_20190306_x.csv").write_bytes(data)
    (source / "index.csv").write_text("file,rows\na,1\n")
    (path,) = pack(source, target)
    assert path.name == "own.days.xz"
    assert split.load(target, "all") == read_days(own)
