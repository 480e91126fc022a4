"""How far a forecast may be off: first guesses by the sky, widened or narrowed by what came. Pure.

Each width has a factor for each lead time, sky and side. Whenever a forecast meets what came, the factor of
the lower side grows a little if it came below the tenth percentile and shrinks a ninth of that if not; so
in the long run a tenth lies below. This is adaptive conformal inference, Gibbs and Candes, NeurIPS 34
(2021), in factors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import exp

LEADS_H = (1, 6, 24)
"""Forecasts are kept as of this many hours before the end of their quarter."""
NIGHT, OVERCAST, MIXED, CLEAR = range(4)
SKIES = ("night", "overcast", "mixed", "clear")
OUTSIDE = 0.1
STEP = 0.03
NARROWEST, WIDEST = 0.15, 6.0
WEATHER = {NIGHT: (0.0, 0.0), OVERCAST: (0.5, 0.9), MIXED: (0.45, 0.45), CLEAR: (0.25, 0.12)}
"""First guess of how much less and more sun there may be, in shares of what is expected."""
LOAD_DOWN, LOAD_UP = (0.8, 100.0), (0.4, 50.0)
"""First guess of how much more and less the house may take: a share of its load, and W."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A forecast as it was given: for which quarter, how long before its end, and on what it stood."""

    begin_s: int
    lead_h: int
    p10_w: float
    p50_w: float
    p90_w: float
    sky: int
    basis: str
    own_w: float
    """What the own clear sky alone, or the day before, said."""
    told_w: float | None = None
    """What the source alone said."""


def sky_of(elevation_deg: float, share_of_usual: float) -> int:
    """Return the kind of sky: by the sun expected as a share of what the season usually gives."""
    if elevation_deg < 2.0:
        return NIGHT
    return OVERCAST if share_of_usual < 0.5 else MIXED if share_of_usual < 1.0 else CLEAR


def lead_of(ahead_s: float) -> int:
    """Return the place in `LEADS_H` of the lead time whose errors are nearest."""
    return 0 if ahead_s <= 2.5 * 3600 else 1 if ahead_s <= 12 * 3600 else 2


@dataclass(slots=True)
class Spread:
    """The factors, by lead time, sky and side."""

    factors: list[list[list[float]]] = field(
        default_factory=lambda: [[[1.0, 1.0] for _ in SKIES] for _ in LEADS_H]
    )

    def widths_w(
        self,
        lead: int,
        sky: int,
        sun_w: float,
        load_w: float,
        told_w: tuple[float, float] | None,
    ) -> tuple[float, float]:
        """Return how far below and above the expectation the percentiles lie, in W.

        `told_w` is the sun at its tenth and ninetieth percentile, where the source knows it.
        """
        if told_w is None:
            weather = tuple(share * sun_w for share in WEATHER[sky])
        else:
            weather = (max(sun_w - told_w[0], 0.0), max(told_w[1] - sun_w, 0.0))
        load = (LOAD_DOWN[0] * abs(load_w) + LOAD_DOWN[1], LOAD_UP[0] * abs(load_w) + LOAD_UP[1])
        below, above = self.factors[lead][sky]
        return below * (weather[0] ** 2 + load[0] ** 2) ** 0.5, above * (
            weather[1] ** 2 + load[1] ** 2
        ) ** 0.5

    def settle(self, issued: Issued, came_w: float) -> None:
        """Let a forecast meet what came."""
        factors = self.factors[LEADS_H.index(issued.lead_h)][issued.sky]
        for side, outside in enumerate((came_w < issued.p10_w, came_w > issued.p90_w)):
            changed = factors[side] * exp(STEP * ((1.0 if outside else 0.0) - OUTSIDE))
            factors[side] = min(max(changed, NARROWEST), WIDEST)


def settled(past: Iterable[Issued], came_w: Sequence[float]) -> Spread:
    """Return the factors after a history of forecasts and what came, in order of time."""
    spread = Spread()
    for issued, came in zip(past, came_w, strict=True):
        spread.settle(issued, came)
    return spread
