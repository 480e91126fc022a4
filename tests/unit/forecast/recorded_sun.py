"""Recorded houses for the forecast: their quarters, and the skill of an outlook that lives through them."""

import random
from dataclasses import dataclass
from datetime import date
from math import exp
from zoneinfo import ZoneInfo

from benchmarks import packed
from benchmarks.split import PACKED_DAYS, is_tuning
from controller.forecast.answers import Kind, Sunlight
from controller.forecast.outlook import Outlook, Source
from controller.forecast.skill import Skill, skill
from controller.forecast.spread import Issued
from controller.forecast.sun import Place, Plane, clear_sky_w_per_m2, on_plane_w_per_m2, sun_at

BERLIN = ZoneInfo("Europe/Berlin")
NATIVE, NORTH = Place(35.05, 13.4), Place(48.2, 11.6)
"""Where the sun of the traces stands: Albuquerque moved by eight hours, and 48 degrees north."""
SOUTH = (Plane(30, 0, 10),)
EAST_WEST = (Plane(30, -90, 5), Plane(30, 90, 5))


@dataclass(frozen=True)
class House:
    """One recorded house: weeks of it by file, its place and its roofs."""

    name: str
    files: tuple[str, ...]
    place: Place
    roofs: tuple[Plane, ...]


TWO_WEEKS = House(
    "a week in March, one in July",
    ("psel_2012w11_north48_s35__uci2008", "psel_2012w27_north48_s35__uci2008"),
    NORTH,
    (Plane(35, 0, 10),),
)
HELD_OUT = (
    House(
        "native s30",
        tuple(f"psel_2012w{week}_native_s30__uci2007" for week in ("05", "09", "21", "25", "37", "41")),
        NATIVE,
        SOUTH,
    ),
    House(
        "north48 s35",
        tuple(f"psel_2012w{week}_north48_s35__uci2008" for week in ("11", "27", "43")),
        NORTH,
        (Plane(35, 0, 10),),
    ),
    House(
        "north48 ew30",
        tuple(f"psel_2012w{week}_north48_ew30__uci2008" for week in ("07", "23", "39")),
        NORTH,
        EAST_WEST,
    ),
)


def quarters(house: House) -> list[tuple[int, float, float]]:
    """Return begin, PV and load in W of every quarter-hour, by the mean of its samples."""
    found = []
    for name in house.files:
        assert not is_tuning(name)
        for day in packed.read(PACKED_DAYS / f"{name}{packed.SUFFIX}"):
            midnight_s = (date.fromisoformat(day.date) - date(1970, 1, 1)).days * 86_400
            width = 900 // day.step_s
            for at in range(0, len(day.pv_w) - width + 1, width):
                means = (sum(values[at : at + width]) / width for values in (day.pv_w, day.load_w))
                found.append((midnight_s + at * day.step_s, *means))
    return found


def level_w_per_m2(house: House, begin_s: int, pv_w: float) -> float:
    """Return a global irradiance that fits the roof's power: a clear sky times the measured share."""
    sun = sun_at(house.place, begin_s + 450)
    clear = clear_sky_w_per_m2(sun)
    if clear <= 5:
        return 0.0
    roof_w = sum(0.87 * roof.peak_kw * on_plane_w_per_m2(sun, clear, roof) for roof in house.roofs)
    return min(pv_w / max(roof_w, 50.0), 1.25) * clear


def told_of(
    house: House, rows: list[tuple[int, float, float]], kind: Kind, error: float, seed: int
) -> dict[int, Sunlight]:
    """Return a source's words: the truth, or with `error` its 3-h mean times a lognormal factor a day."""
    rng, factors = random.Random(seed), {}
    powers = [pv_w for _, pv_w, _ in rows]
    found = {}
    for n, (begin_s, pv_w, _) in enumerate(rows):
        if error:
            around = powers[max(0, n - 6) : n + 7]
            day = begin_s // 86_400
            factor = factors.setdefault(day, exp(rng.gauss(-(error**2) / 2, error)))
            pv_w = sum(around) / len(around) * factor
        value = pv_w if kind == "power" else level_w_per_m2(house, begin_s, pv_w)
        found[begin_s] = Sunlight(value, None, None)
    return found


def live(
    house: House,
    *,
    kind: Kind = "ghi",
    error: float = 0.0,
    told: bool = True,
    seed: int = 3,
    first_days: int = 3,
) -> list[Skill]:
    """Live through a house by the quarter, as the forecaster does; return the skill after some days."""
    rows = quarters(house)
    light = told_of(house, rows, kind, error, seed)
    outlook = Outlook(BERLIN, house.place, kind)
    came_w: dict[int, float] = {}
    issued: list[Issued] = []
    waiting: dict[int, list[Issued]] = {}
    for begin_s, pv_w, load_w in rows:
        if told:
            outlook.source = Source("recorded", kind, begin_s - 1800.0, light)
        for row in outlook.issued(begin_s):
            issued.append(row)
            waiting.setdefault(row.begin_s, []).append(row)
        came_w[begin_s] = pv_w - load_w
        outlook.learn(begin_s, pv_w - load_w, light[begin_s].value if told else None)
        for row in waiting.pop(begin_s, ()):
            outlook.settle(row, came_w[begin_s])
    from_s = rows[0][0] + first_days * 86_400
    return skill([row for row in issued if row.begin_s >= from_s], came_w)


def line(name: str, one: Skill) -> str:
    """Return one row of a table."""
    return (
        f"{name:<34} {one.lead_h:>3} h {one.error_w:6.0f} {one.bias_w:+6.0f} {one.held_error_w:6.0f} "
        f"{one.yesterday_error_w:6.0f} {100 * one.inside:5.1f} % {one.quarters:6d}"
    )
