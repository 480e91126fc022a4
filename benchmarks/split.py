"""Which recorded days tuned the engine and which judge it: one rule by the trace's name, used everywhere.

A number of the engine (prices of budgets, anything measured) may only be chosen on tuning days. The report
judges held-out days. Weeks stay whole, and summer and winter are in both parts.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from benchmarks import packed
from controller.days.traces import Day, read_days
from controller.errors import ConfigError

Which = Literal["held-out", "tuning", "all"]
WHICH: tuple[Which, ...] = ("held-out", "tuning", "all")

PACKED_DAYS = Path(__file__).parent / "days"

_TUNING = (
    r"payerne_2016060[6-9]_1s_|payerne_2016061[0-2]_1s_|cimhub_day1_|opendss_solar2_|utrecht_20140421_",
    r"payerne_2016w23_|turin_20190306_",
)
_PSEL_TUNING = (0, 1, 6, 7)
"""Of every eight weeks of `psel`, in the order of the year, these are for tuning."""


def is_tuning(trace: str) -> bool:
    """Return whether a trace may be used to choose numbers; a trace nobody has seen yet is held out."""
    if psel := re.match(r"psel_\d{4}w(\d\d)_", trace):  # the set holds every other week: 01, 03, ... 51
        return (int(psel[1]) - 1) // 2 % 8 in _PSEL_TUNING
    return any(re.match(pattern, trace) for pattern in _TUNING)


def kind(day: Day) -> str:
    """Return "1 s" for days with seconds in them and "60 s" for the others; they are never averaged."""
    return "1 s" if day.step_s <= 2 else "60 s"


def load(folder: Path | None, which: Which) -> list[Day]:
    """Return the days of a folder (packed or CSV, subfolders too; None: the packed ones of this project).

    Raises ConfigError if there is none.
    """
    root = PACKED_DAYS if folder is None else folder
    files = [
        path for path in sorted(root.rglob("*")) if path.name.endswith((".csv", ".csv.gz", packed.SUFFIX))
    ]
    days: list[Day] = []
    for path in files:
        name = path.name.removesuffix(packed.SUFFIX)
        if which == "all" or (which == "tuning") == is_tuning(name):
            days += packed.read(path) if path.name.endswith(packed.SUFFIX) else _pairs_only(path)
    if not days:
        raise ConfigError(
            f"{root}: found no {which} day of at least 20 h. Remedy: a folder with traces time,pv_w,load_w "
            f"(.csv, .csv.gz, {packed.SUFFIX}), or another --which ({', '.join(WHICH)})."
        )
    return days


def _pairs_only(path: Path) -> Iterable[Day]:
    """Return a CSV's days, none if it is another table that lies in the same folder (prices, index)."""
    try:
        return read_days(path)
    except ConfigError as error:
        if "is missing" in str(error):
            return []
        raise
