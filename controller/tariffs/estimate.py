"""Prices of the hours no market has published yet, from the days before. Pure.

Each quarter of an hour takes the price of the same clock time on the latest known day of its kind (working
day or not), moved by how much the level has changed since. What a plan needs of it is which hours are
cheaper, not how much; where even that is unknown there is no estimate.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from controller.horizon import slot_at
from controller.tariffs.quotes import QUARTER_S, Quote, all_in_of, known_until_s, mean_price, spot_of

PriceOf = Callable[[Quote], float | None]
DAYS_BACK = 8
"""How far to look for a day of the same kind: over a weekend with a holiday on either side."""

ENOUGH_S = 12 * 3600
"""A day counts as known for its mean from this many seconds on."""


def workday(day: date, is_holiday: Callable[[date], bool]) -> bool:
    """Return whether shops and factories work that day."""
    return day.weekday() < 5 and not is_holiday(day)


def estimated(
    known: Sequence[Quote],
    now_s: float,
    until_s: float,
    zone: ZoneInfo,
    is_holiday: Callable[[date], bool],
) -> tuple[Quote, ...]:
    """Return estimates from the end of what is known until `until_s`; flagged, never over a known price."""
    begin_s = max(known_until_s(known, now_s), now_s)
    at_s = begin_s // QUARTER_S * QUARTER_S
    if at_s < begin_s:
        at_s += QUARTER_S
    past = _Past(known, zone, is_holiday)
    last_day = datetime.fromtimestamp(begin_s - 1, zone).date()
    found = []
    while at_s < until_s:
        if slot_at(known, at_s) is None:
            quote = past.like(at_s, last_day)
            if quote is not None:
                found.append(quote)
        at_s += QUARTER_S
    return tuple(found)


class _Past:
    """The known days, asked by kind of day and time of day."""

    def __init__(
        self,
        known: Sequence[Quote],
        zone: ZoneInfo,
        is_holiday: Callable[[date], bool],
    ) -> None:
        self._known, self._zone = known, zone
        self._is_holiday = is_holiday
        self._means: dict[tuple[PriceOf, date], float | None] = {}

    def like(self, at_s: float, last_day: date) -> Quote | None:
        """Return an estimate for a quarter of an hour, None if no day of its kind is known."""
        local = datetime.fromtimestamp(at_s, self._zone)
        kind = workday(local.date(), self._is_holiday)
        for back in range(1, DAYS_BACK + 1):
            day = local.date() - timedelta(days=back)
            if workday(day, self._is_holiday) is not kind:
                continue
            then = datetime.combine(day, local.time(), self._zone).replace(fold=local.fold)
            quote = slot_at(self._known, then.timestamp())
            if quote is None:
                continue
            spot_ct, all_in_ct = (self._moved(quote, of, day, last_day) for of in (spot_of, all_in_of))
            return Quote(at_s, at_s + QUARTER_S, spot_ct, all_in_ct, estimated=True)
        return None

    def _moved(self, quote: Quote, price_of: PriceOf, day: date, last_day: date) -> float | None:
        price = price_of(quote)
        return None if price is None else price + self._shift(price_of, day, last_day)

    def _shift(self, price_of: PriceOf, reference: date, last_day: date) -> float:
        """Return how the level moved: the last known day against the one of its kind by the reference."""
        latest = self._mean(price_of, last_day)
        kind = workday(last_day, self._is_holiday)
        for back in range(DAYS_BACK):
            day = reference - timedelta(days=back)
            if workday(day, self._is_holiday) is kind:
                before = self._mean(price_of, day)
                return 0.0 if latest is None or before is None else latest - before
        return 0.0

    def _mean(self, price_of: PriceOf, day: date) -> float | None:
        if (price_of, day) not in self._means:
            begin_s = datetime.combine(day, time(), self._zone).timestamp()
            end_s = datetime.combine(day + timedelta(days=1), time(), self._zone).timestamp()
            mean, known_s = mean_price(self._known, begin_s, end_s, price_of)
            self._means[price_of, day] = mean if known_s >= ENOUGH_S else None
        return self._means[price_of, day]
