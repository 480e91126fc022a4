"""What a source said of the sun: steps of any length, checked, and cut into quarters of an hour. Pure.

A source tells either the irradiance on level ground (`ghi`, W/m2) or the power of the described roofs
(`power`, W). Steps that are longer than a quarter take the shape of a clear sky, which keeps their energy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple

from controller.errors import ForecastImplausible
from controller.forecast.sun import Place, clear_sky_w_per_m2, sun_at

QUARTER_S = 900
Kind = Literal["ghi", "power"]
MOST: Mapping[Kind, float] = {"ghi": 1600.0, "power": 1e6}
"""Above what the sun can do, even past the edge of a cloud; above any roof this controller meets."""
MOST_STEPS = 12_000
LONGEST_S = 3 * 3600.0
KEPT_S = 3 * 86_400.0
"""How long what is past is kept of former answers."""


@dataclass(frozen=True, slots=True)
class SunStep:
    """Mean from `begin_s` until `end_s`, UTC; `low` and `high` are its tenth and ninetieth percentile."""

    begin_s: float
    end_s: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a source, as it was at `fetched_s`."""

    source: str
    kind: Kind
    fetched_s: float
    steps: tuple[SunStep, ...]


class Sunlight(NamedTuple):
    """The sun of one quarter of an hour: what is expected, and its percentiles where they are told."""

    value: float
    low: float | None
    high: float | None


def checked(kind: Kind, steps: Sequence[SunStep]) -> tuple[SunStep, ...]:
    """Return the steps in order of time. Raises ForecastImplausible for what cannot be true."""
    if not steps:
        raise ForecastImplausible("the answer holds no forecast")
    if len(steps) > MOST_STEPS:
        raise ForecastImplausible(f"the answer holds {len(steps)} steps, at most {MOST_STEPS} are read")
    ordered = sorted(steps, key=lambda step: step.begin_s)
    end_s = 0.0
    for step in ordered:
        values = [step.value, *(v for v in (step.low, step.high) if v is not None)]
        if not all(isfinite(v) and 0 <= v <= MOST[kind] for v in values):
            raise ForecastImplausible(f"found {max(values, key=abs):g}, possible are 0 to {MOST[kind]:g}")
        if not 0 < step.end_s - step.begin_s <= LONGEST_S:
            raise ForecastImplausible(f"a step of {step.end_s - step.begin_s:g} s")
        if step.begin_s < end_s - 1:
            raise ForecastImplausible("two steps overlap")
        end_s = step.end_s
    return tuple(ordered)


def merged(old: Answer | None, new: Answer) -> Answer:
    """Return the new answer with what the old one knew of the time before it, some days back."""
    if old is None or (old.source, old.kind) != (new.source, new.kind):
        return new
    first_s = new.steps[0].begin_s
    kept = [s for s in old.steps if s.end_s <= first_s and s.begin_s >= new.fetched_s - KEPT_S]
    return Answer(new.source, new.kind, new.fetched_s, (*kept, *new.steps))


def quarters(answer: Answer, place: Place) -> dict[int, Sunlight]:
    """Return the answer by the begin of each quarter of an hour that it covers by half at least."""
    sums: dict[int, list[float]] = {}
    for step in answer.steps:
        scale = _shape(step, place)
        first = int(step.begin_s // QUARTER_S) * QUARTER_S
        for begin in range(first, int(-(-step.end_s // QUARTER_S)) * QUARTER_S, QUARTER_S):
            share = (min(step.end_s, begin + QUARTER_S) - max(step.begin_s, begin)) / QUARTER_S
            factor = share * scale(begin)
            total = sums.setdefault(begin, [0.0, 0.0, 0.0, 0.0, 0.0])
            low, high = step.low, step.high
            total[0] += share
            total[1] += factor * step.value
            if low is not None and high is not None:
                total[2] += share
                total[3] += factor * low
                total[4] += factor * high
    found = {}
    for begin, (known, value, spread, low_sum, high_sum) in sums.items():
        if known < 0.5:
            continue
        told = spread >= 0.5
        found[begin] = Sunlight(
            value / known, low_sum / spread if told else None, high_sum / spread if told else None
        )
    return found


def _shape(step: SunStep, place: Place) -> Callable[[int], float]:
    """Return by what a step's mean is multiplied in each of its quarters: the course of a clear sky."""
    if step.end_s - step.begin_s <= QUARTER_S or step.value <= 0:
        return lambda _: 1.0
    first = int(step.begin_s // QUARTER_S) * QUARTER_S
    clear: dict[int, float] = {}
    total = weight = 0.0
    for begin in range(first, int(-(-step.end_s // QUARTER_S)) * QUARTER_S, QUARTER_S):
        share = (min(step.end_s, begin + QUARTER_S) - max(step.begin_s, begin)) / QUARTER_S
        clear[begin] = clear_sky_w_per_m2(sun_at(place, begin + QUARTER_S / 2))
        total += share * clear[begin]
        weight += share
    mean = total / weight
    if mean < 1.0:
        return lambda _: 1.0
    return lambda begin: clear[begin] / mean
