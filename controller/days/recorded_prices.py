"""Prices of the past from a file, as they were known at the time: tomorrow's from the afternoon on."""

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.days.traces import open_csv, read_rows
from controller.errors import ConfigError
from controller.horizon import PriceSlot
from controller.tariffs.book import PriceBook
from controller.tariffs.quotes import Quote, within
from controller.tariffs.rules import Rules
from controller.tariffs.zones import Zones

PUBLISHED_H = 14
"""From this local hour on tomorrow's prices are known (the auction ends at noon, answers come by 14:00)."""

MEMORY_S = 9 * 86_400.0
"""How far back prices are shown to the estimate of hours that are not published yet."""

LONGEST_SLOT_S = 86_400


def read_quotes(path: Path) -> tuple[Quote, ...]:
    """Read `time,slot_s,eur_per_mwh` (gz allowed): an instant, its length in s, the price at the exchange.

    Raises ConfigError with file, line and remedy if the file is missing or not such a CSV.
    """
    quotes = tuple(_rows(path))
    if not quotes:
        raise ConfigError(f"{path}: holds no price. Remedy: rows of time,slot_s,eur_per_mwh below the header")
    for line, (before, after) in enumerate(pairwise(quotes), start=3):
        if after.begin_s < before.end_s:
            raise ConfigError(
                f"{path}, line {line}: overlaps the line before. Remedy: sort by time, each time once"
            )
    return quotes


def _rows(path: Path) -> Iterator[Quote]:
    try:
        with open_csv(path) as file:
            for number, row in read_rows(path, file, ("time", "slot_s", "eur_per_mwh")):
                yield _quote(path, number, row)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{path}: not a readable CSV of prices ({error}). Remedy: check the path; is it UTF-8?"
        ) from error


def _quote(path: Path, number: int, row: dict[str, str]) -> Quote:
    try:
        moment = datetime.fromisoformat(row["time"] or "")
        begin_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        slot_s, price = int(row["slot_s"] or ""), float(row["eur_per_mwh"] or "")
        if not 0 < slot_s <= LONGEST_SLOT_S or not math.isfinite(price):
            raise ValueError(f"found a slot of {slot_s} s at {price} EUR/MWh")
    except ValueError as error:
        raise ConfigError(
            f"{path}, line {number}: {error}. Accepted: an ISO time, whole s up to a day, a finite price"
        ) from error
    return Quote(begin_s, begin_s + slot_s, spot_ct_per_kwh=price / 10)


def _never(_day: date) -> bool:
    return False


def added_to_spot(zone: ZoneInfo, added_ct: float, vat: float, feed_in_ct: float) -> Rules:
    """Return rules: `(spot + added_ct) * (1 + vat)` for a kWh bought, `feed_in_ct` for one fed in, in ct."""
    return Rules(None, Zones((), added_ct, zone, _never), all_in=False, vat=vat, feed_in_ct=feed_in_ct)


class RecordedPrices:
    """What was paid, and what of it was known when. Working days are Monday to Friday, without holidays."""

    def __init__(self, quotes: Sequence[Quote], rules: Rules, zone: ZoneInfo) -> None:
        self._quotes, self._rules, self._zone = quotes, rules, zone

    def paid(self, begin_s: float, end_s: float) -> tuple[PriceSlot, ...]:
        """Return the prices of a span. Raises ConfigError where one is unknown."""
        slots = self._book(self._quotes).slots(begin_s, end_s)
        known_s = begin_s
        for slot in slots:
            if slot.begin_s > known_s:
                break
            known_s = slot.end_s
        if known_s < end_s:
            missing = datetime.fromtimestamp(known_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            raise ConfigError(
                f"the prices have none for {missing}. Remedy: prices of the very days of the traces"
            )
        return slots

    def known(self, now_s: float, until_s: float) -> tuple[PriceSlot, ...]:
        """Return what a plan made at an instant knows: what is published, and the controller's estimates."""
        published_s = self.published_until_s(now_s)
        known = [q for q in within(self._quotes, now_s - MEMORY_S, published_s) if q.begin_s < published_s]
        return self._book(known).outlook(now_s, until_s)

    def published_until_s(self, now_s: float) -> float:
        """Return the end of the last local day whose prices are published."""
        now = datetime.fromtimestamp(now_s, self._zone)
        days = 2 if now.hour >= PUBLISHED_H else 1
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=days)
        return midnight.replace(tzinfo=self._zone).timestamp()

    def _book(self, quotes: Sequence[Quote]) -> PriceBook:
        return PriceBook(self._rules, lambda: quotes, lambda: (), self._zone, _never)
