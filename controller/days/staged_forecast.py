"""A forecast for recorded days, made of what really came: smoothed over hours, wrong by a factor a day."""

from collections.abc import Mapping, Sequence

from controller.days.traces import DAY_S, Day
from controller.horizon import SurplusSlot
from controller.planner.task import SLOT_S

SMOOTHED_S = 3 * 3600.0
"""A forecast knows no cloud: it is the mean over three hours (planning.md 4.5)."""

SPREAD = (0.6, 1.0, 1.3)
"""The tenth, middle and ninetieth percentile of the sun beside what is expected (planning.md 3.5)."""

EXACT = (1.0, 1.0, 1.0)


def staged(
    day: Day,
    begin_s: float,
    *,
    smoothed_s: float = SMOOTHED_S,
    spread: tuple[float, float, float] = SPREAD,
    factors: Mapping[int, float] | None = None,
) -> tuple[SurplusSlot, ...]:
    """Return quarter-hours of surplus over a recording that begins at `begin_s` (UTC, at a whole quarter).

    Sun and house are meaned over `smoothed_s`; the sun of the n-th day of the recording (of 24 h each) is
    multiplied by `factors[n]`, and its quantiles are `spread` times that. The house's load is not doubted.
    """
    width = int(SLOT_S) // day.step_s
    reach = int(smoothed_s / SLOT_S) // 2
    pv_w, load_w = (_smoothed(_means(values, width), reach) for values in (day.pv_w, day.load_w))
    slots = []
    for place, (sun_w, house_w) in enumerate(zip(pv_w, load_w, strict=True)):
        offset_s = place * SLOT_S
        expected_w = sun_w * (factors or {}).get(int(offset_s // DAY_S), 1.0)
        p10_w, p50_w, p90_w = (expected_w * share - house_w for share in spread)
        at_s = begin_s + offset_s
        slots.append(SurplusSlot(at_s, at_s + SLOT_S, p10_w, p50_w, p90_w))
    return tuple(slots)


def _means(values: Sequence[float], width: int) -> list[float]:
    """Return the means of stretches of `width` values; the last one may be shorter."""
    parts = [values[begin : begin + width] for begin in range(0, len(values), width)]
    return [sum(part) / len(part) for part in parts]


def _smoothed(values: Sequence[float], reach: int) -> list[float]:
    """Return each value's mean with `reach` neighbours on either side, fewer at the ends."""
    parts = [values[max(place - reach, 0) : place + reach + 1] for place in range(len(values))]
    return [sum(part) / len(part) for part in parts]
