"""Departures as people say them, as instants: weeks, single days, and the two nights the clocks change."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from controller.departures import Habit, Leaving, leavings

BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = frozenset(range(5))
DAILY = frozenset(range(7))
DAY_S = 86_400.0


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def daily(at: str, need_wh: float = 9000.0, days: frozenset[int] = DAILY) -> Habit:
    return Habit(time.fromisoformat(at), days, None, need_wh)


def test_a_working_week_leaves_out_the_weekend() -> None:
    """From Thursday 26 November 2026 on: Friday, then Monday; local seven is six in UTC."""
    found = leavings(
        [daily("07:00", days=WORKDAYS)], BERLIN, utc("2026-11-26T12:00"), utc("2026-11-30T12:00")
    )
    assert [leaving.at_s for leaving in found] == [utc("2026-11-27T06:00"), utc("2026-11-30T06:00")]


def test_now_is_past_and_the_end_counts() -> None:
    """A departure that is just now is over; one at the very end of the span is in it."""
    begin, end = utc("2026-11-26T06:00"), utc("2026-11-27T06:00")
    assert leavings([daily("07:00")], BERLIN, begin, end) == (Leaving(end, daily("07:00")),)


def test_in_spring_the_hour_that_is_missing_is_the_next() -> None:
    """02:30 on 28 March 2027 does not exist; 03:30 summer time does (01:30 UTC)."""
    found = leavings([daily("02:30")], BERLIN, utc("2027-03-27T12:00"), utc("2027-03-28T12:00"))
    assert [leaving.at_s for leaving in found] == [utc("2027-03-28T01:30")]


def test_in_autumn_the_first_of_two_counts() -> None:
    """02:30 on 25 October 2026 exists twice; the first is 00:30 UTC."""
    found = leavings([daily("02:30")], BERLIN, utc("2026-10-24T12:00"), utc("2026-10-25T12:00"))
    assert [leaving.at_s for leaving in found] == [utc("2026-10-25T00:30")]


def test_a_single_day_comes_once() -> None:
    """Within four days around it, and never again."""
    trip = Habit(time(5, 15), frozenset(), date(2026, 12, 24), 30_000.0)
    assert leavings([trip], BERLIN, utc("2026-12-23T00:00"), utc("2026-12-27T00:00")) == (
        Leaving(utc("2026-12-24T04:15"), trip),
    )
    assert leavings([trip], BERLIN, utc("2026-12-24T05:00"), utc("2026-12-28T00:00")) == ()


def test_a_departure_of_another_car_is_none_of_ours() -> None:
    """One for the Zoe, one for any car; an unknown car keeps what is for any."""
    zoe = Habit(time(6, 0), DAILY, None, 9000.0, car="Zoe")
    habits, span = [zoe, daily("07:00")], (utc("2026-11-26T12:00"), utc("2026-11-27T12:00"))
    assert [leaving.habit for leaving in leavings(habits, BERLIN, *span, "Zoe")] == habits
    assert [leaving.habit for leaving in leavings(habits, BERLIN, *span, "Twizy")] == habits[1:]
    assert [leaving.habit for leaving in leavings(habits, BERLIN, *span)] == habits[1:]
