"""When to ask a source again: by need, spread at random, ever more seldom while it fails. Pure."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

FIRST_RETRY_S = 60.0
LONGEST_RETRY_S = 3600.0
REFUSED_S = 3600.0
MOST_PAUSE_S = 86_400.0
SPREAD_S = 20 * 60.0
SOON_S = 15 * 60.0
HOURLY_S = 3600.0
IDLE_S = 6 * 3600.0
EVENING = 18
LAST_HOUR = 22
"""Tomorrow counts as published when it is known up to this hour."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a source publishes the next day, in its local time; `idle_s` between questions with no need."""

    zone: ZoneInfo
    published: time | None = time(13, 5)
    idle_s: float = IDLE_S


@dataclass(frozen=True, slots=True)
class Tries:
    """What was tried so far; instants in UTC s. `draw` and `day_draw` are random numbers from 0 to 1."""

    last_s: float | None = None
    failures: int = 0
    refused: bool = False
    not_before_s: float = 0.0
    draw: float = 0.5
    day_draw: float = 0.5


def tomorrow_until_s(now_s: float, zone: ZoneInfo) -> float:
    """Return up to when prices must be known for tomorrow to count as published."""
    tomorrow = datetime.fromtimestamp(now_s, zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(LAST_HOUR), zone).timestamp()


def due_s(now_s: float, tries: Tries, until_s: float, rhythm: Rhythm) -> float:
    """Return when the source is to be asked next, in UTC s; `until_s` is up to when its prices are known.

    At once if it was never asked. After failures in 1, 2, 4 ... 60 min; after a refusal in an hour; never
    before the source allows it. From publication on (13:05 and up to 20 min) every quarter of an hour until
    tomorrow is there, hourly from 18:00 on. Otherwise when there is need: at publication, at the latest after
    `idle_s`.
    """
    last_s = tries.last_s
    if last_s is None or last_s > now_s:  # the clock was put back: what it said before is no guide
        return now_s
    jitter = 0.9 + 0.2 * tries.draw
    if tries.refused:
        return max(last_s + REFUSED_S * jitter, tries.not_before_s)
    if tries.failures:
        wait_s = min(FIRST_RETRY_S * 2.0 ** min(tries.failures - 1, 10), LONGEST_RETRY_S)
        return max(last_s + wait_s * jitter, tries.not_before_s)
    idle_s = rhythm.idle_s if until_s > now_s else SOON_S
    at_rest_s = last_s + idle_s * jitter
    if rhythm.published is None or until_s >= tomorrow_until_s(now_s, rhythm.zone):
        return at_rest_s
    local = datetime.fromtimestamp(now_s, rhythm.zone)
    published = datetime.combine(local.date(), rhythm.published, rhythm.zone)
    published_s = published.timestamp() + tries.day_draw * SPREAD_S
    if last_s < published_s:
        return min(at_rest_s, max(published_s, last_s + FIRST_RETRY_S))
    return last_s + (SOON_S if local.hour < EVENING else HOURLY_S) * jitter
