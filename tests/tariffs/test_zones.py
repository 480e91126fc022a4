"""Prices by the clock on the wall: every instant has exactly one, on days of 23 and 25 hours too."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.settings.tariffs import DAYS, MONTHS, ZoneSettings
from controller.tariffs.zones import Zones

BERLIN = ZoneInfo("Europe/Berlin")
OUTSIDE_CT = 99.0
patient = settings(deadline=None, max_examples=50)
HOLIDAYS = {date(2026, 1, 1), date(2026, 5, 1), date(2026, 12, 26)}


def zones(*tables: dict[str, object], zone: ZoneInfo = BERLIN) -> Zones:
    windows = [ZoneSettings.model_validate(table).window() for table in tables]
    return Zones(windows, OUTSIDE_CT, zone, lambda day: day in HOLIDAYS)


def at(zones: Zones, text: str, fold: int = 0) -> float:
    local = datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)
    return zones.at(local.timestamp())


quarter = st.integers(0, 95)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, object]:
    """Return a zone as it may stand in a config."""

    def clock(quarters: int) -> str:
        return f"{quarters // 4:02d}:{quarters % 4 * 15:02d}"

    def span(names: tuple[str, ...]) -> str:
        first, last = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        return first if draw(st.booleans()) else f"{first}-{last}"

    table: dict[str, object] = {"ct_per_kwh": float(draw(st.integers(-20, 60)))}
    if draw(st.booleans()):
        table["months"] = [span(MONTHS) for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        table["days"] = [draw(st.sampled_from(["Holiday", span(DAYS)])) for _ in range(2)]
    if draw(st.booleans()):
        begin = draw(quarter)
        end = draw(st.integers(1, 96).filter(lambda e: e != begin))
        table["hours"] = [f"{clock(begin)}-{clock(end)}"]
    return table


def named(spans: list[str], names: tuple[str, ...]) -> set[str]:
    """Return the names in spans such as Oct-Feb, by walking from the first to the last."""
    found = set()
    for text in spans:
        first, _, last = text.partition("-")
        place = names.index(first)
        found.add(first)
        while names[place % len(names)] != (last or first):
            place += 1
            found.add(names[place % len(names)])
    return found


def minutes(clock: str) -> int:
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + int(rest)


def oracle(tables: list[dict[str, object]], local: datetime) -> float:
    """Return the price by reading the tables as a person would, from the text."""

    def day_fits(table: dict[str, object], day: date) -> bool:
        if "months" in table and MONTHS[day.month - 1] not in named(table["months"], MONTHS):  # type: ignore[arg-type]
            return False
        if "days" not in table:
            return True
        days: list[str] = table["days"]  # type: ignore[assignment]
        weekday = DAYS[day.weekday()]
        by_name = weekday in named([text for text in days if text != "Holiday"], DAYS)
        if day in HOLIDAYS:
            return "Holiday" in days or (by_name and weekday in ("Sat", "Sun"))
        return by_name

    price, now = OUTSIDE_CT, local.hour * 60 + local.minute
    for table in tables:
        if "hours" not in table:
            if day_fits(table, local.date()):
                price = table["ct_per_kwh"]  # type: ignore[assignment]
            continue
        begin, end = (minutes(text) for text in table["hours"][0].split("-"))  # type: ignore[index]
        if begin < end:
            fits = begin <= now < end and day_fits(table, local.date())
        else:
            evening = now >= begin and day_fits(table, local.date())
            morning = now < end and day_fits(table, local.date() - timedelta(days=1))
            fits = evening or morning
        if fits:
            price = table["ct_per_kwh"]  # type: ignore[assignment]
    return float(price)


@patient
@given(
    st.lists(tables(), max_size=4),
    st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 1, 1), date(2026, 6, 10)]),
    st.sampled_from(["Europe/Berlin", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_every_instant_has_the_price_a_person_would_read(
    parts: list[dict[str, object]], day: date, name: str
) -> None:
    """Through days of 23, 24 and 25 hours, by the minute: one price, that of the last table that fits."""
    zone = ZoneInfo(name)
    made = zones(*parts, zone=zone)
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=14)
    for minute in range(0, 30 * 60, 5):
        instant = begin + timedelta(minutes=minute)
        assert made.at(instant.timestamp()) == oracle(parts, instant.astimezone(zone))


@patient
@given(st.lists(tables(), max_size=4), st.sampled_from([date(2026, 3, 28), date(2026, 10, 24)]))
def test_between_borders_the_price_does_not_change(parts: list[dict[str, object]], day: date) -> None:
    """Borders cut two days into pieces of one price each, and no piece could be longer."""
    made = zones(*parts)
    begin_s = datetime(day.year, day.month, day.day, tzinfo=BERLIN).timestamp() + 420.0
    end_s = begin_s + 2 * 86_400.0
    edges = [begin_s, *made.borders(begin_s, end_s), end_s]
    assert edges == sorted(edges)
    before = None
    for from_s, to_s in pairwise(edges):
        prices = {made.at(from_s + step) for step in range(0, int(to_s - from_s), 300)}
        assert len(prices) == 1
        assert prices != before
        before = prices


def test_the_hour_that_exists_twice_and_the_one_that_does_not() -> None:
    """A window of 02:00 to 03:00 holds two hours in October, none in March, and never the hour beside it."""
    made = zones({"ct_per_kwh": 10.0, "hours": ["02:00-03:00"]})
    for day, hours in (("2026-10-25", 2), ("2026-03-29", 0), ("2026-06-10", 1)):
        begin_s = datetime.fromisoformat(day).replace(tzinfo=BERLIN).timestamp()
        cheap = [s for s in range(0, 25 * 3600, 900) if made.at(begin_s + s) == 10.0]
        assert len(cheap) == hours * 4, day
    assert at(made, "2026-10-25T02:59", fold=1) == 10.0


def test_across_midnight_the_evening_names_the_day() -> None:
    """Fri 22:00-06:00 ends on Saturday morning, and Friday morning is not part of it."""
    made = zones({"ct_per_kwh": 10.0, "days": ["Fri"], "hours": ["22:00-06:00"]})
    assert [
        at(made, f"2026-06-{t}") for t in ("12T21:59", "12T22:00", "13T05:59", "13T06:00", "12T03:00")
    ] == [
        OUTSIDE_CT,
        10.0,
        10.0,
        OUTSIDE_CT,
        OUTSIDE_CT,
    ]


def test_a_public_holiday_is_no_working_day() -> None:
    """On a holiday Mon-Fri does not hold; a holiday on a Saturday is a Saturday all the same."""
    work = zones({"ct_per_kwh": 10.0, "days": ["Mon-Fri"]})
    rest = zones({"ct_per_kwh": 10.0, "days": ["Sat", "Sun"]})
    free = zones({"ct_per_kwh": 10.0, "days": ["Holiday"]})
    assert [at(z, "2026-05-01T12:00") for z in (work, rest, free)] == [OUTSIDE_CT, OUTSIDE_CT, 10.0]
    assert [at(z, "2026-12-26T12:00") for z in (work, rest, free)] == [OUTSIDE_CT, 10.0, 10.0]


@pytest.mark.parametrize(
    "table",
    [
        {"hours": ["02:10-05:00"]},
        {"hours": ["24:00-05:00"]},
        {"hours": ["05:00-05:00"]},
        {"hours": ["5-6"]},
        {"hours": ["05:00-24:15"]},
        {"days": ["Mo-Fr"]},
        {"days": ["Holiday-Sun"]},
        {"months": ["January"]},
        {"months": ["1-3"]},
    ],
)
def test_other_words_are_refused(table: dict[str, object]) -> None:
    """A zone says what is accepted rather than guess."""
    with pytest.raises(ValidationError, match=r"accepted|begins where"):
        ZoneSettings.model_validate({"ct_per_kwh": 1.0, **table})
