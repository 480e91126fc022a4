"""What sources say, as stretches of time with a price each: checked, merged, averaged. Pure.

Instants are UTC seconds since 1970. A gap means "not known"; nothing is ever carried over it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from controller.errors import TariffImplausible

QUARTER_S = 900
STEPS_S = (900, 1800, 3600)
"""Lengths a market uses: quarter, half and full hour."""

LATE_S = 1
"""Some services say 12:59:59 where they mean 13:00 (seen by users of several sources)."""

FAR_S = 40 * 86_400
"""Prices further away than this are of another unit of time (ms for s) or another year."""

LONGEST_S = 20 * 86_400
"""Longest a single price may hold: one that is open-ended is cut to the span that was asked for."""


@dataclass(frozen=True, slots=True)
class Quote:
    """One stretch of time as a source gives it; ct/kWh net at the exchange, and all-in for the customer."""

    begin_s: float
    end_s: float
    spot_ct_per_kwh: float | None = None
    all_in_ct_per_kwh: float | None = None
    co2_g_per_kwh: float | None = None
    estimated: bool = False

    def values(self) -> tuple[float | None, float | None, float | None]:
        """Return what it says, without the time."""
        return self.spot_ct_per_kwh, self.all_in_ct_per_kwh, self.co2_g_per_kwh


def ends_of(starts: Sequence[float], alone_s: float = QUARTER_S) -> list[float]:
    """Return where each of strictly increasing starts ends, for sources that give no end.

    A step to the neighbour that is a length of the market is the length, pair by pair, so that hours and
    quarters may follow each other. Where the next start is further away something is missing: the length of
    the slot before holds, else that of the next one, else `alone_s`; never beyond the next start.
    """
    steps = [after - before for before, after in pairwise(starts)]
    usual = [step if step in STEPS_S else None for step in steps]
    ends = []
    for index, start in enumerate(starts):
        step = usual[index] if index < len(usual) else None
        if step is None:
            before = next((s for s in reversed(usual[:index]) if s), None)
            after = next((s for s in usual[index:] if s), None)
            step = before or after or alone_s
            if index < len(steps):
                step = min(step, steps[index])
        ends.append(start + step)
    return ends


def checked(quotes: Sequence[Quote], most_ct: float, near_s: float) -> tuple[Quote, ...]:
    """Return quotes in order of time, without doubles and with ends that are a second early put right.

    Raises TariffImplausible for an overlap, an end before its begin, a price beyond `most_ct` either way, or
    times far from `near_s`: then nothing of the answer is believed.
    """
    found: list[Quote] = []
    for quote in sorted(quotes, key=lambda q: (q.begin_s, q.end_s)):
        mended = _mended(quote)
        _believable(mended, most_ct, near_s)
        if found and mended.begin_s < found[-1].end_s:
            if mended == found[-1]:
                continue
            raise TariffImplausible(f"two prices for the same time ({mended.begin_s:.0f})")
        found.append(mended)
    return tuple(found)


def _mended(quote: Quote) -> Quote:
    if (quote.end_s + LATE_S) % QUARTER_S == 0:
        return replace(quote, end_s=quote.end_s + LATE_S)
    return quote


def _believable(quote: Quote, most_ct: float, near_s: float) -> None:
    if not 0 < quote.end_s - quote.begin_s <= LONGEST_S:
        raise TariffImplausible(f"a price that holds for {quote.end_s - quote.begin_s:.0f} s")
    if abs(quote.begin_s - near_s) > FAR_S:
        raise TariffImplausible("the times are far from now; another unit of time?")
    for price in (quote.spot_ct_per_kwh, quote.all_in_ct_per_kwh):
        if price is not None and not abs(price) <= most_ct:  # NaN is refused here too
            raise TariffImplausible(f"a price of {price:g} ct/kWh; at most {most_ct:g} is believed")
    if quote.co2_g_per_kwh is not None and not 0 <= quote.co2_g_per_kwh <= 3000:
        raise TariffImplausible(f"a CO2 intensity of {quote.co2_g_per_kwh:g} g/kWh")


def merged(old: Sequence[Quote], new: Sequence[Quote], keep_from_s: float) -> tuple[Quote, ...]:
    """Return the new quotes, and of the old what they do not cover; what ended by `keep_from_s` goes."""
    kept: list[Quote] = []
    index = 0
    for quote in old:
        begin_s = quote.begin_s
        while index < len(new) and new[index].end_s <= begin_s:
            index += 1
        at = index
        while begin_s < quote.end_s:
            if at == len(new) or new[at].begin_s >= quote.end_s:
                kept.append(replace(quote, begin_s=begin_s))
                break
            if new[at].begin_s > begin_s:
                kept.append(replace(quote, begin_s=begin_s, end_s=new[at].begin_s))
            begin_s = new[at].end_s
            at += 1
    both = sorted([*kept, *new], key=lambda q: q.begin_s)
    return tuple(quote for quote in both if quote.end_s > keep_from_s)


def known_until_s(quotes: Sequence[Quote], from_s: float) -> float:
    """Return until when prices are known without a gap from an instant on; the instant if it has none."""
    until_s = from_s
    for index in range(max(bisect_right(quotes, from_s, key=begin_of) - 1, 0), len(quotes)):
        if quotes[index].begin_s > until_s:
            break
        until_s = max(until_s, quotes[index].end_s)
    return until_s


def within(quotes: Sequence[Quote], begin_s: float, end_s: float) -> Sequence[Quote]:
    """Return those of quotes in order of time that touch a span."""
    first = max(bisect_right(quotes, begin_s, key=begin_of) - 1, 0)
    return quotes[first : bisect_left(quotes, end_s, lo=first, key=begin_of)]


def begin_of(quote: Quote) -> float:
    """Return when it begins."""
    return quote.begin_s


def spot_of(quote: Quote) -> float | None:
    """Return its price at the exchange."""
    return quote.spot_ct_per_kwh


def all_in_of(quote: Quote) -> float | None:
    """Return its price for the customer."""
    return quote.all_in_ct_per_kwh


def mean_price(
    quotes: Sequence[Quote], begin_s: float, end_s: float, price_of: Callable[[Quote], float | None] = spot_of
) -> tuple[float, float]:
    """Return the time-weighted mean price of a span in ct/kWh, and how many s of it are known."""
    weight_s = total = 0.0
    for quote in within(quotes, begin_s, end_s):
        inside_s = min(quote.end_s, end_s) - max(quote.begin_s, begin_s)
        price = price_of(quote)
        if inside_s > 0 and price is not None:
            weight_s += inside_s
            total += inside_s * price
    return (total / weight_s if weight_s else 0.0), weight_s
