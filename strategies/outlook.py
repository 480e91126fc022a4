"""What the next minutes will probably cost: the past minutes as a forecast, for the engine to weigh.

Theory of operation. Nobody here sees the sky. What is known is what the sun covered lately, and that in calm
weather it goes on while under broken clouds it does not. So charging on one and on three phases each get an
expected cost: some time at the surplus of now, some at the mean of the last minutes, with the current
following the sun; and the calmer the surplus has been, the longer both times.

Only powers are remembered, never money: a price that changes changes the outlook at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp

from strategies.economics import Economics, Leaning

SURE_W = 1e-6
"""Below this there is no doubt: its inverse would be no number any more."""

NEXT_S = Leaning(104.4, -0.831)
NOW_S = Leaning(287.1, -0.531)
MEAN_S = Leaning(490.8, -2.37)
MEMORY_S = Leaning(767.8, 0.226)
CALM = Leaning(4.1, 0.547)
LEAD_S = Leaning(831.0, 0.314)
"""What leans: where much sun is needed, less is trusted to last. Found on half of the public days
(docs/decisions.md)."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How far each kind of knowledge reaches; found on half of the public days (docs/decisions.md).

    `next_s`: how long the last seconds are taken to go on, for the choice of the ampere. `trend`: how far
    the change within the last interval is carried on. `spread`: how far the surplus of these seconds may lie
    from that, as a multiple of its usual change. `now_s` and `mean_s`: how long the surplus of now and
    the mean of the last `memory_s` are taken to hold, in middling weather. `calm`: how much longer in calm
    and how much shorter in wild weather (exponent); weather is middling where the surplus changes by
    `middling_w` between decisions, meaned over `weather_s`. `lead_s`: how far the drift of the surplus, from
    its mean over `long_s` to that over `short_s`, is carried on: mornings rise and evenings fall.
    """

    next_s: float = NEXT_S.usual
    trend: float = 1.437
    spread: float = 3.753
    now_s: float = NOW_S.usual
    mean_s: float = MEAN_S.usual
    memory_s: float = MEMORY_S.usual
    calm: float = CALM.usual
    middling_w: float = 97.51
    weather_s: float = 1016.0
    lead_s: float = LEAD_S.usual
    short_s: float = 510.1
    long_s: float = 4238.0


TUNED = Weights()


@lru_cache(maxsize=64)
def leaned(economics: Economics) -> Weights:
    """Return how far each kind of knowledge reaches where these prices hold."""
    return replace(
        TUNED,
        next_s=NEXT_S.at(economics),
        now_s=NOW_S.at(economics),
        mean_s=MEAN_S.at(economics),
        memory_s=MEMORY_S.at(economics),
        calm=CALM.at(economics),
        lead_s=LEAD_S.at(economics),
    )


Spans = Sequence[tuple[float, float]]
"""Least and most power in W, on one and on three phases."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Exponential means over the last minutes, in W.

    `tracked_w` is what a car that follows the sun would take on one and on three phases, `covered_w` the
    part of it the sun would cover. `change_w` is the change of the surplus between two decisions, `short_w`
    and `long_w` are means of the surplus itself, `surplus_w` is the latest.
    """

    tracked_w: tuple[float, float]
    covered_w: tuple[float, float]
    change_w: float
    short_w: float
    long_w: float
    surplus_w: float

    def drift_w_per_s(self, weights: Weights) -> float:
        """Return how fast the surplus rises (negative: falls): its two means lag by their memories."""
        return (self.short_w - self.long_w) / (weights.long_s - weights.short_s)


def follow(
    outlook: Outlook | None, surplus_w: float, duration_s: float, spans_w: Spans, weights: Weights = TUNED
) -> Outlook:
    """Return the outlook after an interval."""
    tracked, covered = _charging(surplus_w, spans_w)
    if outlook is None:
        return Outlook(tracked, covered, 0.0, surplus_w, surplus_w, surplus_w)
    change_w = abs(surplus_w - outlook.surplus_w)
    latest = Outlook(tracked, covered, change_w, surplus_w, surplus_w, surplus_w)
    return later(outlook, duration_s, latest, weights)


def later(outlook: Outlook, duration_s: float, now: Outlook, weights: Weights = TUNED) -> Outlook:
    """Return the outlook after `duration_s` more of what is `now`."""
    keep, calmer = exp(-duration_s / weights.memory_s), exp(-duration_s / weights.weather_s)
    short, long = exp(-duration_s / weights.short_s), exp(-duration_s / weights.long_s)
    (t_1, t_3), (c_1, c_3) = outlook.tracked_w, outlook.covered_w
    (n_1, n_3), (m_1, m_3) = now.tracked_w, now.covered_w
    return Outlook(
        (n_1 + keep * (t_1 - n_1), n_3 + keep * (t_3 - n_3)),
        (m_1 + keep * (c_1 - m_1), m_3 + keep * (c_3 - m_3)),
        now.change_w + calmer * (outlook.change_w - now.change_w),
        now.surplus_w + short * (outlook.short_w - now.surplus_w),
        now.surplus_w + long * (outlook.long_w - now.surplus_w),
        now.surplus_w,
    )


def _charging(surplus_w: float, spans_w: Spans) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return what a car that follows this surplus takes on one and on three phases, and what of it is sun."""
    (low_1, high_1), (low_3, high_3) = spans_w
    one_w, three_w = min(max(surplus_w, low_1), high_1), min(max(surplus_w, low_3), high_3)
    room_w = max(surplus_w, 0.0)
    return (one_w, three_w), (min(one_w, room_w), min(three_w, room_w))


def expected_ct(
    outlook: Outlook, spans_w: Spans, economics: Economics, weights: Weights = TUNED
) -> tuple[float, float]:
    """Return what the next minutes cost on one and on three phases beside off, in ct (negative: a gain)."""
    calmness = 0.5 - outlook.change_w / (outlook.change_w + weights.middling_w)
    reach = exp(weights.calm * calmness)
    ahead_w = outlook.surplus_w + weights.lead_s * outlook.drift_w_per_s(weights)
    tracked, covered = _charging(ahead_w, spans_w)
    now_h, mean_h = reach * weights.now_s / 3.6e6, reach * weights.mean_s / 3.6e6
    uncovered_ct, spread_ct = economics.import_ct - economics.value_ct, economics.spread_ct
    one, three = (
        uncovered_ct * (now_h * tracked[i] + mean_h * outlook.tracked_w[i])
        - spread_ct * (now_h * covered[i] + mean_h * outlook.covered_w[i])
        for i in (0, 1)
    )
    return one, three


def doubt_ct(
    powers_w: Sequence[float], soon_w: float, spread_w: float, duration_s: float, economics: Economics
) -> list[float]:
    """Return what it costs each power in ct that the surplus of the next seconds is known to `spread_w` only.

    If every surplus up to `spread_w` to either side is as likely, a power p imports
    (spread_w - |p - soon_w|)^2 / (4 spread_w) more than beside `soon_w` itself; off is the reference. So the
    ampere is chosen below the surplus where import is dear, and above it where the sun would be lost.
    """
    if spread_w < SURE_W:
        return [0.0] * len(powers_w)
    per_w2 = economics.spread_ct * duration_s / 3.6e6 / (4 * spread_w)
    idle_w = max(spread_w - abs(soon_w), 0.0)
    idle_ct = per_w2 * idle_w * idle_w
    low_w, high_w = soon_w - spread_w, soon_w + spread_w
    return [
        per_w2 * (spread_w - abs(power_w - soon_w)) ** 2 - idle_ct if low_w < power_w < high_w else -idle_ct
        for power_w in powers_w
    ]
