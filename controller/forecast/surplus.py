"""The surplus a house leaves over, learned from its grid meter alone. Pure.

Theory of operation. S(t) = k*x(t) - L(q): x is the sun on up to three planes, k at least 0, L the house's
load by quarter-hour of the local day. Sun and load share the clock, so L must not be guessed first: it is
eliminated. Of every quarter-hour only sums are kept (weights, sun, surplus, their products); minimising
over all L, each drawn a little towards their mean, leaves a system for k and that mean alone, solved anew
whenever it is asked for. That is recursive least squares in its information form: a day fades by
`KEEP_A_DAY` when the next one of its kind comes. Working days and weekends have sums of their own; k is
learned from both, L from both and then from its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.forecast.solve import least_squares

QUARTERS = 96
"""Quarter-hours by the clock on the wall; a day of 25 hours meets four of them twice."""
CLASSES = 2
WORKDAY, WEEKEND = 0, 1
KEEP_A_DAY = 0.92
"""What a day still counts when the next of its kind has come: half after eight of them."""
TO_MEAN = 6.0
"""How many days' worth the mean load weighs against a quarter-hour's own."""
TO_BOTH = 8.0
"""How many days' worth the load of all days weighs against that of the class."""
NEIGHBOURS = (1.0, 0.8, 0.6, 0.4, 0.2)
"""Weights of a quarter-hour and of its neighbours on each side, in the load."""
RIDGE = 0.1
"""Keeps planes that see the same sky from playing against each other; in days of full sun."""
CLIP = 5.0
"""A quarter-hour further off than this many usual errors is taken as just so far off."""
LEARNED_QUARTERS = 150
"""From here on, a day and a half, errors are known well enough to clip by."""


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter-hour of the past: sun on the planes (kW/m2 or kW), the surplus that was measured in W."""

    sun: tuple[float, ...]
    surplus_w: float
    quarter: int
    weekend: int
    day: int
    """Number of the local day; only whether it changes matters."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What is known: W of surplus for each unit of sun, and the load in W by class and quarter-hour."""

    gain_w: tuple[float, ...]
    load_w: tuple[tuple[float, ...], tuple[float, ...]]

    def surplus_w(self, sun: Sequence[float], quarter: int, weekend: int) -> float:
        """Return the expected surplus."""
        return self.sun_w(sun) - self.load_w[weekend][quarter]

    def sun_w(self, sun: Sequence[float]) -> float:
        """Return the part of it that comes from the sun."""
        return sum(gain * value for gain, value in zip(self.gain_w, sun, strict=True))


class SurplusModel:
    """The sums behind a fit. Changed in place: 192 quarters of numbers are too many to copy each time."""

    def __init__(
        self, planes: int, *, gain_w: float = 0.0, gain_days: float = 0.0, load_w: float = 300.0
    ) -> None:
        """Begin with nothing known but what is expected: a gain, if the system is known, and a load in W."""
        self._planes = planes
        self._width = planes + 2  # sun, one, surplus
        self._pairs = [(a, b) for a in range(self._width) for b in range(a, self._width)]
        self._sums = [[[0.0] * len(self._pairs) for _ in range(QUARTERS)] for _ in range(CLASSES)]
        self._gain_w, self._gain_days, self._expected_load_w = gain_w, gain_days, load_w
        self._day: list[int | None] = [None] * CLASSES
        self._error_w = 0.0
        self._fit: Fit | None = None
        self.quarters = 0
        """How many quarter-hours were ever learned."""
        self.highest_w = 0.0
        """The most surplus a quarter-hour ever had."""

    def learn(self, seen: Quarter) -> None:
        """Take in one quarter-hour; call in order of time."""
        kind = seen.weekend
        if self._day[kind] != seen.day:
            self._day[kind] = seen.day
            for sums in self._sums[kind]:
                for n in range(len(sums)):
                    sums[n] *= KEEP_A_DAY
            self._fit = None
        surplus_w = self._clipped_w(seen)
        values = (*seen.sun, 1.0, surplus_w / 1000)
        sums = self._sums[kind][seen.quarter]
        for n, (a, b) in enumerate(self._pairs):
            sums[n] += values[a] * values[b]
        self.quarters += 1
        self.highest_w = max(self.highest_w, seen.surplus_w)

    def _clipped_w(self, seen: Quarter) -> float:
        expected_w = self.fit().surplus_w(seen.sun, seen.quarter, seen.weekend)
        off_w = seen.surplus_w - expected_w
        known = self.quarters >= LEARNED_QUARTERS
        if known:
            most_w = CLIP * self._error_w
            off_w = max(min(off_w, most_w), -most_w)
        share = max(1 / (self.quarters + 1), 1 / 300)
        self._error_w += share * (abs(off_w) - self._error_w)
        return expected_w + off_w

    def fit(self) -> Fit:
        """Return what the sums say, at most a day old."""
        if self._fit is None:
            self._fit = self._solved()
        return self._fit

    def _solved(self) -> Fit:
        planes, one, last = self._planes, self._planes, self._planes + 1
        both = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(*self._sums, strict=True)]
        place = {pair: n for n, pair in enumerate(self._pairs)}
        size = planes + 1  # gains and the mean load, whose regressor is -1
        signs = [1.0] * planes + [-1.0]
        matrix = [[0.0] * size for _ in range(size)]
        right = [0.0] * size
        for sums in both:
            weight = sums[place[one, one]]
            if weight <= 0:
                continue
            share = 1 / (weight + TO_MEAN)
            to_one = [sums[place[a, one]] for a in range(one)] + [weight]
            surplus = sums[place[one, last]]
            for a in range(size):
                for b in range(a, size):
                    matrix[a][b] += signs[a] * signs[b] * (sums[place[a, b]] - to_one[a] * to_one[b] * share)
                right[a] += signs[a] * (sums[place[a, last]] - to_one[a] * surplus * share)
        for a in range(size):
            for b in range(a):
                matrix[a][b] = matrix[b][a]
        for a in range(planes):
            matrix[a][a] += RIDGE + self._gain_days
            right[a] += (RIDGE + self._gain_days) * self._gain_w / 1000
        matrix[planes][planes] += RIDGE
        right[planes] += RIDGE * self._expected_load_w / 1000
        solved = least_squares(matrix, right, planes)
        gains, mean = solved[:planes], solved[planes]
        everyday = self._loads(both, gains, [mean] * QUARTERS, TO_MEAN, place)
        kinds = [self._loads(sums, gains, everyday, TO_BOTH, place) for sums in self._sums]
        workday, weekend = (tuple(1000 * load for load in loads) for loads in kinds)
        return Fit(tuple(1000 * gain for gain in gains), (workday, weekend))

    def _loads(
        self,
        sums: Sequence[Sequence[float]],
        gains: Sequence[float],
        towards: Sequence[float],
        pull: float,
        place: dict[tuple[int, int], int],
    ) -> list[float]:
        """Return the load in kW by quarter-hour, smoothed with its neighbours, drawn towards `towards`."""
        one, last = self._planes, self._planes + 1
        weights = [s[place[one, one]] for s in sums]
        off = [
            sum(gain * s[place[n, one]] for n, gain in enumerate(gains))
            - s[place[one, last]]
            - towards[q] * s[place[one, one]]
            for q, s in enumerate(sums)
        ]
        result = []
        for q in range(QUARTERS):
            weight = total = 0.0
            for distance, share in enumerate(NEIGHBOURS):
                for n in {(q + distance) % QUARTERS, (q - distance) % QUARTERS}:
                    weight += share * weights[n]
                    total += share * off[n]
            result.append(towards[q] + total / (weight + pull))
        return result
