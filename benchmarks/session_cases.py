"""Which sessions are lived: recorded days of sun and house, recorded prices, recorded stays of cars, joined.

* Each recorded day has one session, every second pair of days and every day with seconds in it another one.
* A day is put on the calendar of the prices: the same ISO week and weekday of the newest year that has them.
* A session is drawn from the recorded ones of the same weekday, stays of 8 to 36 h with 4 to 40 kWh: its
  plug-in by the clock, its stay and its energy, which is the need at departure. Half of the cars are full
  then, the others take 2 to 20 kWh more (drawn).
* Where a stay goes on over midnight the trace's next day follows; where it has none, the same day once more.

The draw hangs on trace, date and number alone, so that adding days changes no other session.
"""

import csv
import gzip
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks import split
from benchmarks.days import moving, whole
from controller.days.traces import Day
from controller.errors import ConfigError
from controller.units import DAY_S

SEED = 5
STAY_H, ENERGY_KWH, BEYOND_KWH = (8, 36), (4, 40), (2, 20)
ERROR = 0.3
"""Standard deviation of the logarithm of the forecast's daily error."""

PRICE_YEARS = ((1, 13, 2026), (14, 25, 2025), (26, 40, 2024), (41, 53, 2025))
"""First and last ISO week, and the year whose prices they get."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One recorded session: second of the UTC day, weekday, length, energy."""

    weekday: int
    second: int
    stay_s: int
    energy_wh: float


@dataclass(frozen=True)
class Case:
    """One session to live; instants are UTC s on the calendar of the prices.

    `place` is the recorded day's in the list of all: sessions of even days may be used for tuning. `factors`
    is the forecast's error by day.
    """

    trace: str
    date: str
    number: int
    place: int
    days: tuple[Day, ...]
    midnight_s: float
    second: int
    stay_s: int
    need_wh: float
    room_wh: float
    factors: tuple[float, ...]

    @property
    def name(self) -> str:
        """Return what it is called."""
        return f"{self.trace} {self.date} {self.number}"

    @property
    def begin_s(self) -> float:
        """Return when the car is plugged in."""
        return self.midnight_s + self.second

    @property
    def end_s(self) -> float:
        """Return when it leaves."""
        return self.begin_s + self.stay_s

    @property
    def tuning(self) -> bool:
        """Return whether numbers may be chosen on it."""
        return self.place % 2 == 0

    @property
    def full(self) -> bool:
        """Return whether the car is full when the need is met."""
        return self.room_wh <= self.need_wh

    def recording(self) -> Day:
        """Return its days as one, second by second, PV moving steadily between samples."""
        lived = [moving(whole(day)) for day in self.days]
        pv_w = [power for day in lived for power in day.pv_w]
        load_w = [power for day in lived for power in day.load_w]
        return replace(lived[0], pv_w=pv_w, load_w=load_w)


def read_visits(path: Path) -> list[Visit]:
    """Read `plugin,plugout,energy_kwh` and return the stays in question. Raises ConfigError."""
    found = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                came, left = (datetime.fromisoformat(row[key]) for key in ("plugin", "plugout"))
                stay_s, energy_kwh = int((left - came).total_seconds()), float(row["energy_kwh"])
                if STAY_H[0] <= stay_s / 3600 <= STAY_H[1] and ENERGY_KWH[0] <= energy_kwh <= ENERGY_KWH[1]:
                    second = came.hour * 3600 + came.minute * 60
                    found.append(Visit(came.weekday(), second, stay_s // 60 * 60, energy_kwh * 1000))
    except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: not a file of sessions ({error}). Remedy: check --traces") from error
    return found


def price_date(recorded: date) -> date:
    """Return the day whose prices a recorded day gets: same ISO week and weekday."""
    _, week, weekday = recorded.isocalendar()
    year = next(year for first, last, year in PRICE_YEARS if first <= week <= last)
    return date.fromisocalendar(year, min(week, 52), weekday)


def cases(days: Sequence[Day], visits: Iterable[Visit]) -> list[Case]:
    """Return the sessions of all recorded days, in order of the days."""
    by_weekday: dict[int, list[Visit]] = {}
    for visit in visits:
        by_weekday.setdefault(visit.weekday, []).append(visit)
    known = {(day.trace, day.date): day for day in days}
    found = []
    for place, day in enumerate(days):
        twice = place % 4 < 2 or split.kind(day) == "1 s"
        for number in range(2 if twice else 1):
            found.append(_drawn(day, number, place, known, by_weekday))
    return found


def _drawn(
    day: Day,
    number: int,
    place: int,
    known: dict[tuple[str, str], Day],
    by_weekday: dict[int, list[Visit]],
) -> Case:
    rng = random.Random(f"{SEED} {day.trace} {day.date} {number}")
    priced = price_date(date.fromisoformat(day.date))
    visit = rng.choice(by_weekday[priced.weekday()])
    beyond_wh = rng.uniform(*BEYOND_KWH) * 1000 if rng.random() < 0.5 else 0.0
    count = -(-(visit.second + visit.stay_s) // DAY_S)
    return Case(
        trace=day.trace,
        date=day.date,
        number=number,
        place=place,
        days=tuple(_followed(day, count, known)),
        midnight_s=datetime(priced.year, priced.month, priced.day, tzinfo=UTC).timestamp(),
        second=visit.second,
        stay_s=visit.stay_s,
        need_wh=visit.energy_wh,
        room_wh=visit.energy_wh + beyond_wh,
        factors=tuple(rng.lognormvariate(0.0, ERROR) for _ in range(3)),
    )


def _followed(day: Day, count: int, known: dict[tuple[str, str], Day]) -> list[Day]:
    """Return the day with those after it; where the trace ends its last day is there again."""
    found = [day]
    while len(found) < count:
        next_date = date.fromisoformat(found[-1].date) + timedelta(days=1)
        after = known.get((day.trace, next_date.isoformat()))
        found.append(after if after is not None else found[-1])
    return found
