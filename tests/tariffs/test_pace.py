"""When a source is asked again: by need, never in a rush, never against its word."""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.tariffs.pace import Rhythm, Tries, due_s

BERLIN = ZoneInfo("Europe/Berlin")
RHYTHM = Rhythm(BERLIN)


def instant(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def due(now: str, last: str | None, until: str, **more: object) -> str:
    """Return the local time at which a source is due, with the middle of every draw."""
    tries = Tries(None if last is None else instant(last), **more)  # type: ignore[arg-type]
    at_s = due_s(instant(now), tries, instant(until), RHYTHM)
    return f"{datetime.fromtimestamp(at_s, BERLIN):%d %H:%M}"


@pytest.mark.parametrize(
    ("now", "last", "until", "expected"),
    [
        ("2026-01-14T09:00", None, "2026-01-14T09:00", "14 09:00"),  # never asked: now
        ("2026-01-14T09:00", "2026-01-14T08:00", "2026-01-15T00:00", "14 13:15"),  # waits for publication
        ("2026-01-14T03:00", "2026-01-14T01:00", "2026-01-15T00:00", "14 07:00"),  # at the latest in 6 h
        ("2026-01-14T13:30", "2026-01-14T12:00", "2026-01-15T00:00", "14 13:15"),  # is due since
        ("2026-01-14T13:20", "2026-01-14T13:16", "2026-01-15T00:00", "14 13:31"),  # every quarter of an hour
        ("2026-01-14T17:59", "2026-01-14T17:50", "2026-01-15T00:00", "14 18:05"),
        ("2026-01-14T18:10", "2026-01-14T18:05", "2026-01-15T00:00", "14 19:05"),  # hourly in the evening
        ("2026-01-14T13:40", "2026-01-14T13:31", "2026-01-16T00:00", "14 19:31"),  # tomorrow is there
        ("2026-01-14T09:00", "2026-01-14T08:59", "2026-01-14T09:00", "14 09:14"),  # nothing for now
        ("2026-01-14T09:00", "2026-01-14T12:00", "2026-01-15T00:00", "14 09:00"),  # the clock was put back
        ("2026-03-28T23:00", "2026-03-28T13:20", "2026-03-30T00:00", "28 19:20"),  # over the change of clocks
    ],
)
def test_by_need(now: str, last: str | None, until: str, expected: str) -> None:
    """Asked at once, at publication, every 15 min, hourly, or every 6 h, as need is."""
    assert due(now, last, until) == expected


def test_failures_wait_longer_and_longer() -> None:
    """1, 2, 4 ... minutes, at most an hour; a refusal waits an hour at once."""
    waits = []
    for failures in range(1, 12):
        tries = Tries(0.0, failures=failures)
        waits.append(due_s(1.0, tries, 1.0, RHYTHM) / 60)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert due_s(1.0, Tries(0.0, failures=1, refused=True), 1.0, RHYTHM) == 3600


def test_a_pause_is_kept() -> None:
    """Whatever the need, not before the service allows it."""
    for refused in (False, True):
        tries = Tries(0.0, failures=1, refused=refused, not_before_s=20_000.0)
        assert due_s(1.0, tries, 1.0, RHYTHM) == 20_000.0


@settings(deadline=None)
@given(
    st.integers(0, 3 * 86_400),
    st.integers(0, 40) | st.none(),
    st.integers(-10, 48),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 20),
)
def test_never_in_a_rush_and_never_for_long(
    at: int, last_h: int | None, until_h: int, draw: float, day_draw: float, failures: int
) -> None:
    """After a try there is at least most of a minute of quiet, and within 6.6 h of a try there is another."""
    now_s = instant("2026-03-28T00:00") + at
    last_s = None if last_h is None else now_s - last_h * 600
    tries = Tries(last_s, failures, draw=draw, day_draw=day_draw)
    next_s = due_s(now_s, tries, now_s + until_h * 3600, RHYTHM)
    if last_s is None:
        assert next_s == now_s
    else:
        assert last_s + 54 <= next_s <= last_s + 6.6 * 3600


def test_ten_thousand_houses_do_not_come_at_once() -> None:
    """The first question after publication is spread over 20 minutes."""
    now_s = instant("2026-01-14T12:00")
    tries = Tries(instant("2026-01-14T11:00"))
    dues = [
        due_s(now_s, replace(tries, day_draw=i / 99), instant("2026-01-15T00:00"), RHYTHM) for i in range(100)
    ]
    first = instant("2026-01-14T13:05")
    assert min(dues) == first
    assert max(dues) == first + 1200


def test_octopus_publishes_later() -> None:
    """A source with its own hour is asked at that hour, in its own zone."""
    london = Rhythm(ZoneInfo("Europe/London"), time(16, 5))
    now = datetime(2026, 7, 1, 12, tzinfo=london.zone).timestamp()
    until = datetime(2026, 7, 1, 23, tzinfo=london.zone).timestamp()
    at_s = due_s(now, Tries(now - 3600, day_draw=0.0), until, london)
    assert datetime.fromtimestamp(at_s, london.zone).strftime("%H:%M") == "16:05"
