"""The book of prices: what a kWh costs and brings, slot by slot, all-in. What planner and loop read. Pure."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

from controller.horizon import PriceSlot, slot_at
from controller.tariffs.estimate import estimated
from controller.tariffs.quotes import QUARTER_S, Quote, within
from controller.tariffs.rules import Rules


class PriceBook:
    """Prices made of what a market said (`quotes`, in order of time), the wall clock, and the rules."""

    def __init__(
        self,
        rules: Rules,
        quotes: Callable[[], Sequence[Quote]],
        co2: Callable[[], Sequence[Quote]],
        zone: ZoneInfo,
        is_holiday: Callable[[date], bool],
    ) -> None:
        self._rules, self._quotes, self._co2 = rules, quotes, co2
        self._zone, self._is_holiday = zone, is_holiday

    def slots(self, begin_s: float, end_s: float) -> tuple[PriceSlot, ...]:
        """Return what is known of a span, cut to it; an unknown price is a gap, never the last one.

        A slot is `estimated` here only if its feed-in price hangs on a spot price nobody has published.
        """
        return self._made_of(self._quotes(), begin_s, end_s)

    def outlook(self, begin_s: float, end_s: float) -> tuple[PriceSlot, ...]:
        """Return the same with estimates for the hours no market has published yet; each is flagged."""
        known = self._quotes()
        guesses = estimated(known, begin_s, end_s, self._zone, self._is_holiday)
        both = sorted([*known, *guesses], key=lambda quote: quote.begin_s)
        return self._made_of(both, begin_s, end_s)

    def at(self, at_s: float) -> PriceSlot | None:
        """Return what holds at an instant, None if it is not known."""
        found = self.slots(at_s, at_s + 1.0)
        return found[0] if found and found[0].begin_s <= at_s else None

    def likely(self, at_s: float) -> PriceSlot | None:
        """Return what holds at an instant or is estimated for its quarter, None if not even that is known."""
        begin_s = at_s // QUARTER_S * QUARTER_S
        return self.at(at_s) or slot_at(self.outlook(begin_s, begin_s + QUARTER_S), at_s)

    def _made_of(self, quotes: Sequence[Quote], begin_s: float, end_s: float) -> tuple[PriceSlot, ...]:
        if end_s <= begin_s:
            return ()
        quotes, co2 = within(quotes, begin_s, end_s), within(self._co2(), begin_s, end_s)
        borders = {begin_s, end_s}
        for said in (quotes, co2):
            borders |= {b for q in said for b in (q.begin_s, q.end_s) if begin_s < b < end_s}
        for zones in (self._rules.energy, self._rules.grid_fee):
            if zones is not None:
                borders.update(zones.borders(begin_s, end_s))
        edges = sorted(borders)
        found = []
        for from_s, to_s in pairwise(edges):
            slot = self._slot(from_s, to_s, slot_at(quotes, from_s), slot_at(co2, from_s))
            if slot is not None:
                found.append(slot)
        return tuple(found)

    def _slot(self, from_s: float, to_s: float, quote: Quote | None, co2: Quote | None) -> PriceSlot | None:
        rules = self._rules
        if rules.energy is not None:
            energy_ct: float | None = rules.energy.at(from_s)
        elif quote is None:
            energy_ct = None
        else:
            energy_ct = quote.all_in_ct_per_kwh if rules.all_in else quote.spot_ct_per_kwh
        if energy_ct is None:
            return None
        spot_ct = quote.spot_ct_per_kwh if quote is not None else None
        guessed = quote is not None and quote.estimated and (rules.energy is None or rules.feed_in_needs_spot)
        return PriceSlot(
            from_s,
            to_s,
            rules.import_ct(energy_ct, rules.grid_fee.at(from_s)),
            rules.export_ct(spot_ct),
            co2.co2_g_per_kwh if co2 is not None else None,
            guessed or (rules.feed_in_needs_spot and spot_ct is None),
        )
