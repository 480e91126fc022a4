"""Whole days as data: every file in `days/` says what the sun does and what the car must get from it.

`sun` are corners of a line in hours and W; `dip_w` falls away for `for_s` of every `every_s` seconds. A range
in `expect` is judged from the day itself; where it only guards against worse, the file says so. `evening_kwh`
is what the car got beyond the same day cut off at 16:00.
"""

import tomllib
from bisect import bisect_right
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.days.backtest import run_day
from controller.days.traces import Day
from controller.model import Prices
from controller.plugins import load_strategy

FILES = sorted((Path(__file__).parent / "days").glob("*.toml"))
CASES = [(path.stem, name) for path in FILES for name in tomllib.loads(path.read_text())["strategies"]]


def sun_w(corners: list[list[float]], hour: float) -> float:
    """Return the height of the line at an hour."""
    right = bisect_right([corner[0] for corner in corners], hour)
    if right in (0, len(corners)):
        return 0.0
    (from_h, from_w), (to_h, to_w) = corners[right - 1], corners[right]
    return from_w + (to_w - from_w) * (hour - from_h) / (to_h - from_h)


def day_of(name: str, facts: dict[str, Any]) -> Day:
    """Build the day a file describes, in steps of 10 s."""
    pv, load = [], []
    for second in range(0, 86_400, 10):
        hour = second / 3600
        power_w = sun_w(facts["sun"], hour)
        every_s = facts.get("every_s", 0)
        dips = every_s and second % every_s < facts["for_s"] and hour < facts.get("dips_until_h", 24)
        pv.append(max(power_w - facts["dip_w"], 0.0) if dips else power_w)
        load.append(float(facts["house_w"]))
    return Day(name, "2026-06-21", 10, pv, load)


@pytest.mark.parametrize(("name", "strategy"), CASES)
def test_a_day_as_described(name: str, strategy: str) -> None:
    """Energy, starts, phase changes and writes are what a person would expect of such a day."""
    facts = tomllib.loads((Path(__file__).parent / "days" / f"{name}.toml").read_text())
    day = day_of(name, facts)
    result = run_day(day, load_strategy(strategy, {}), strategy, Prices(), 20.0)
    expected = dict(facts["expect"])
    if "evening_kwh" in expected:
        low, high = expected.pop("evening_kwh")
        cut = replace(day, pv_w=[w if slot * 10 < 16 * 3600 else 0.0 for slot, w in enumerate(day.pv_w)])
        without = run_day(cut, load_strategy(strategy, {}), strategy, Prices(), 20.0)
        assert low <= result.ev_kwh - without.ev_kwh <= high
    for key, (low, high) in expected.items():
        assert low <= getattr(result, key) <= high, f"{key}: {getattr(result, key)}, {result}"
