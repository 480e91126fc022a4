"""The surplus of the hours ahead, from all that is known. Pure: time comes as an argument.

The chain: what the source says, as long as it is fresh; over two days it fades into the clear sky as dimmed
as of late; without a place on earth or enough days there remains the day before. The error of the last
measured quarter of an hour is carried into the next ones, ever less. Nothing above the most ever measured
is promised.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import exp
from typing import Literal
from zoneinfo import ZoneInfo

from controller.forecast.answers import QUARTER_S, Kind, Sunlight
from controller.forecast.climate import Clearness
from controller.forecast.spread import LEADS_H, MIXED, NIGHT, Issued, Spread, lead_of, sky_of
from controller.forecast.sun import (
    Place,
    Plane,
    SunAt,
    clear_sky_w_per_m2,
    on_plane_w_per_m2,
    sun_at,
    towards_equator_deg,
)
from controller.forecast.surplus import Fit, Quarter, SurplusModel
from controller.forecast.trust import Trust
from controller.horizon import SurplusSlot
from controller.units import DAY_S

FRESH_S, STALE_S = 6 * 3600.0, 48 * 3600.0
"""Until then an answer counts in full, from then on not at all."""
ENOUGH_QUARTERS = 192
"""Two days: what a fit must have seen before it is asked."""
CARRIED_FOR = 12.0
"""Quarters after which e-fold less of the last error is left. On the tuning days 0.9 of it are found again
a quarter later, 0.7 an hour, 0.5 two hours and 0.25 four hours later, by day and by night alike."""
CARRIED_QUARTERS = 24
LEAST_LOAD_W = 100.0
"""A house takes this much at least, when an error is parted between sun and house."""
REMEMBERED_S = 8 * DAY_S
LONGEST_S = 7 * DAY_S
CLEAR_SKY, DAY_BEFORE = "clear sky", "day before"
BASIS = ((0.0, 0.0), (45.0, -45.0), (45.0, 45.0))
"""Tilt and azimuth of the planes that stand for an unknown roof: flat, towards morning, towards evening."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One quarter of an hour: percentiles in W, the sky, and on what it stands."""

    begin_s: int
    p10_w: float
    p50_w: float
    p90_w: float
    sky: int
    basis: str
    own_w: float
    told_w: float | None


@dataclass(frozen=True, slots=True)
class Source:
    """What the source said, by quarter of an hour, and since when it is known."""

    name: str
    kind: Kind
    fetched_s: float
    light: Mapping[int, Sunlight]

    def freshness(self, now_s: float) -> float:
        """Return how much it may count by its age: 1 while fresh, then falling to 0."""
        return min(max((STALE_S - (now_s - self.fetched_s)) / (STALE_S - FRESH_S), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """One quarter of an hour without the memory of the last: W of sun and of load, the sun's percentiles."""

    sun_w: float
    load_w: float
    range_w: tuple[float, float] | None
    sky: int
    basis: str
    own_w: float
    told_w: float | None = None


@dataclass(frozen=True, slots=True)
class LastError:
    """By how much the last measured quarter was off, and what was expected of sun and load in it."""

    begin_s: int
    off_w: float
    sun_w: float
    load_w: float

    def carried_w(self, begin_s: int, sun_w: float) -> float:
        """Return what is left of it later; the part that was the sun's goes up and down with the sun."""
        quarters = (begin_s - self.begin_s) // QUARTER_S
        if not 0 < quarters <= CARRIED_QUARTERS:
            return 0.0
        suns = self.sun_w / (self.sun_w + self.load_w)
        follows = min(sun_w / self.sun_w, 1.5) if self.sun_w > 0 else 0.0
        return self.off_w * exp(-quarters / CARRIED_FOR) * (suns * follows + 1 - suns)


class Outlook:
    """What is learned of one house. `learn` takes quarters in order of time; `source` is set from outside."""

    def __init__(self, zone: ZoneInfo, place: Place | None, kind: Kind = "ghi", peak_kw: float = 0.0) -> None:
        """Begin with nothing known; `peak_kw` is that of the described roofs, 0 if there are none."""
        self._zone, self._place, self._kind = zone, place, kind
        self._planes = tuple(
            Plane(tilt, towards_equator_deg(place, azimuth) if place else azimuth) for tilt, azimuth in BASIS
        )
        known = kind == "power"
        self._told = (
            SurplusModel(1, gain_w=900.0, gain_days=0.5 * peak_kw) if known else SurplusModel(len(BASIS))
        )
        self._clear = SurplusModel(len(BASIS))
        self._clearness = Clearness()
        self.spread, self.trust = Spread(), Trust()
        self.recent_w: dict[int, float] = {}
        self.highest_w = 0.0
        self.source: Source | None = None

    @property
    def quarters(self) -> int:
        """Return how many quarters were learned without and with a source."""
        return self._clear.quarters

    @property
    def told_quarters(self) -> int:
        """Return how many quarters were learned with what the source said of them."""
        return self._told.quarters

    def fit(self) -> Fit | None:
        """Return what was learned with the source, None if that is too little."""
        return self._told.fit() if self._told.quarters >= ENOUGH_QUARTERS else None

    def learn(self, begin_s: int, surplus_w: float, told: float | None) -> None:
        """Take in a quarter of an hour: its mean surplus, and its sun as the source told it, if it did."""
        self.highest_w = max(self.highest_w, surplus_w)
        self.recent_w[begin_s] = surplus_w
        for old in [b for b in self.recent_w if b < begin_s - REMEMBERED_S]:
            del self.recent_w[old]
        if self._place is None:
            return
        quarter, weekend, day = self._calendar(begin_s)
        sun = sun_at(self._place, begin_s + QUARTER_S / 2)
        clear = self._regressors(sun, clear_sky_w_per_m2(sun), "ghi")
        self._clear.learn(Quarter(clear, surplus_w, quarter, weekend, day))
        if told is not None:
            told_sun = self._regressors(sun, told, self._kind)
            self._told.learn(Quarter(told_sun, surplus_w, quarter, weekend, day))
        if sun.up > 0:
            fit = self._clear.fit()
            seen_w = surplus_w + fit.load_w[weekend][quarter]
            self._clearness.learn(day, sun.elevation_deg, sun.azimuth_deg < 0, seen_w, fit.sun_w(clear))

    def settle(self, issued: Issued, came_w: float) -> None:
        """Let a forecast meet what came: how wide the percentiles must be, how far the source is believed."""
        self.spread.settle(issued, came_w)
        self.trust.settle(issued, came_w)

    def estimates(self, begin_s: float, end_s: float, now_s: float) -> list[Estimate]:
        """Return what to expect of every quarter of an hour that touches the span, a week at most."""
        if end_s <= begin_s:
            return []
        first = int(begin_s // QUARTER_S) * QUARTER_S
        until_s = min(end_s, begin_s + LONGEST_S)
        last = self._last_error(now_s)
        found = []
        for at_s in range(first, int(-(-until_s // QUARTER_S)) * QUARTER_S, QUARTER_S):
            one = self._estimate(at_s, now_s, last)
            if one is not None:
                found.append(one)
        return found

    def slots(self, begin_s: float, end_s: float, now_s: float) -> tuple[SurplusSlot, ...]:
        """Return the same for the planner, cut to the span; what nothing is known of is a gap."""
        return tuple(
            SurplusSlot(
                max(one.begin_s, begin_s),
                min(one.begin_s + QUARTER_S, end_s),
                one.p10_w,
                one.p50_w,
                one.p90_w,
            )
            for one in self.estimates(begin_s, end_s, now_s)
        )

    def issued(self, issue_s: int) -> list[Issued]:
        """Return what is put on record at the begin of a quarter, to be judged later."""
        found = []
        for lead_h in LEADS_H:
            begin_s = issue_s + lead_h * 3600 - QUARTER_S
            for one in self.estimates(begin_s, begin_s + QUARTER_S, issue_s):
                found.append(Issued(lead_h=lead_h, **asdict(one)))
        return found

    # -- inside ---------------------------------------------------------------------------------

    def _calendar(self, begin_s: float) -> tuple[int, Literal[0, 1], int]:
        """Return quarter-hour of the local day, whether it is a weekend, and the day's number."""
        local = datetime.fromtimestamp(begin_s, self._zone)
        return local.hour * 4 + local.minute // 15, 1 if local.weekday() >= 5 else 0, local.toordinal()

    def _regressors(self, sun: SunAt, value: float, kind: Kind) -> tuple[float, ...]:
        if kind == "power":
            return (value / 1000,)
        return tuple(on_plane_w_per_m2(sun, value, plane) / 1000 for plane in self._planes)

    def _last_error(self, now_s: float) -> LastError | None:
        """Return by how much the last measured quarter was off, None if it is too long ago."""
        last = int(now_s // QUARTER_S) * QUARTER_S - QUARTER_S
        for begin_s in (last, last - QUARTER_S):
            if begin_s not in self.recent_w:
                continue
            expected = self._expected(begin_s, now_s)
            if expected is None or expected.basis == DAY_BEFORE:
                return None
            off_w = self.recent_w[begin_s] - (expected.sun_w - expected.load_w)
            return LastError(begin_s, off_w, expected.sun_w, max(expected.load_w, LEAST_LOAD_W))
        return None

    def _estimate(self, begin_s: int, now_s: float, last: LastError | None) -> Estimate | None:
        expected = self._expected(begin_s, now_s)
        if expected is None:
            return None
        lead = lead_of(begin_s + QUARTER_S - now_s)
        below_w, above_w = self.spread.widths_w(
            lead, expected.sky, expected.sun_w, expected.load_w, expected.range_w
        )
        carried_w = last.carried_w(begin_s, expected.sun_w) if last is not None else 0.0
        p50_w = min(expected.sun_w - expected.load_w + carried_w, self.highest_w)
        p90_w = min(p50_w + above_w, self.highest_w)
        return Estimate(
            begin_s,
            p50_w - below_w,
            p50_w,
            p90_w,
            expected.sky,
            expected.basis,
            expected.own_w,
            expected.told_w,
        )

    def _expected(self, begin_s: int, now_s: float) -> Expected | None:
        if self._place is None or self._clear.quarters < ENOUGH_QUARTERS:
            return self._day_before(begin_s)
        quarter, weekend, _ = self._calendar(begin_s)
        sun = sun_at(self._place, begin_s + QUARTER_S / 2)
        fit = self._clear.fit()
        usual_w = fit.sun_w(self._regressors(sun, clear_sky_w_per_m2(sun), "ghi"))
        of_late = self._clearness.at(sun.elevation_deg, sun.azimuth_deg < 0) if sun.up > 0 else 1.0
        sun_w, load_w, basis = of_late * usual_w, fit.load_w[weekend][quarter], CLEAR_SKY
        own_w, told_w, range_w = sun_w - load_w, None, None
        light = self.source.light.get(begin_s) if self.source is not None else None
        told_fit = self.fit()
        if self.source is not None and light is not None and told_fit is not None:
            told_sun_w = told_fit.sun_w(self._regressors(sun, light.value, self._kind))
            told_load_w = told_fit.load_w[weekend][quarter]
            told_w = told_sun_w - told_load_w
            share = self.source.freshness(now_s) * self.trust.weight(lead_of(begin_s + QUARTER_S - now_s))
            sun_w += share * (told_sun_w - sun_w)
            load_w += share * (told_load_w - load_w)
            if share > 0.5:
                basis = self.source.name
                if light.low is not None and light.high is not None:
                    low_w, high_w = (
                        told_fit.sun_w(self._regressors(sun, value, self._kind))
                        for value in (light.low, light.high)
                    )
                    range_w = (sun_w - (told_sun_w - low_w), sun_w + (high_w - told_sun_w))
        sky = sky_of(sun.elevation_deg, sun_w / max(usual_w, 1.0))
        return Expected(sun_w, load_w, range_w, sky, basis, own_w, told_w)

    def _day_before(self, begin_s: int) -> Expected | None:
        """Return the same time on the last day it was measured, a week back at most."""
        for days in range(1, 8):
            surplus_w = self.recent_w.get(begin_s - days * DAY_S)
            if surplus_w is not None:
                sky = MIXED if surplus_w > 0 else NIGHT
                sun_w, load_w = max(surplus_w, 0.0), max(-surplus_w, 0.0)
                return Expected(sun_w, load_w, None, sky, DAY_BEFORE, surplus_w)
        return None


def learned(
    outlook: Outlook,
    past_w: Iterable[tuple[int, float]],
    told: Mapping[int, float],
    issued: Iterable[Issued] = (),
) -> Outlook:
    """Return the outlook after a whole past, in order of time; what a start of the controller does."""
    came_w = {}
    for begin_s, surplus_w in past_w:
        came_w[begin_s] = surplus_w
        outlook.learn(begin_s, surplus_w, told.get(begin_s))
    for row in sorted(issued, key=lambda row: row.begin_s):
        if row.begin_s in came_w:
            outlook.settle(row, came_w[row.begin_s])
    return outlook
