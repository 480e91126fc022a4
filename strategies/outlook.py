"""What the next minutes will probably cost: the past minutes as a forecast, for the engine to weigh.

Theory of operation. Nobody here sees the sky. What is known is what the sun covered lately, and that in calm
weather it goes on while under broken clouds it does not. So charging on one and on three phases each get an
expected cost: some time at the surplus of now, some at the mean of the last minutes, with the current
following the sun; and the calmer the surplus has been, the longer both times.

Only powers are remembered, never money: a price that changes changes the outlook at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from strategies.economics import Economics


@dataclass(frozen=True, slots=True)
class Weights:
    """How far each kind of knowledge reaches; found on half of the public days (docs/decisions.md).

    `next_s`: how long the last seconds are taken to go on, for the choice of the ampere. `trend`: how far
    the change within the last interval is carried on. `now_s` and `mean_s`: how long the surplus of now and
    the mean of the last `memory_s` are taken to hold, in middling weather. `calm`: how much longer in calm
    and how much shorter in wild weather (exponent); weather is middling where the surplus changes by
    `middling_w` between decisions, meaned over `weather_s`.
    """

    next_s: float = 117.8
    trend: float = 1.686
    now_s: float = 317.8
    mean_s: float = 516.7
    memory_s: float = 297.1
    calm: float = 3.713
    middling_w: float = 68.95
    weather_s: float = 1346.0


TUNED = Weights()


@dataclass(frozen=True, slots=True)
class Outlook:
    """Exponential means over the last minutes, in W.

    `tracked_w` is what a car that follows the sun would take on one and on three phases, `covered_w` the
    part of it the sun would cover. `change_w` is the change of the surplus between two decisions.
    """

    tracked_w: tuple[float, float]
    covered_w: tuple[float, float]
    change_w: float
    surplus_w: float


def follow(
    outlook: Outlook | None,
    surplus_w: float,
    duration_s: float,
    spans_w: Sequence[tuple[float, float]],
    weights: Weights = TUNED,
) -> Outlook:
    """Return the outlook after an interval; `spans_w` are least and most power on one and on three phases."""
    tracked = [min(max(surplus_w, low), high) for low, high in spans_w]
    room_w = max(surplus_w, 0.0)
    covered = [min(power_w, room_w) for power_w in tracked]
    if outlook is None:
        return Outlook((tracked[0], tracked[1]), (covered[0], covered[1]), 0.0, surplus_w)
    new = 1 - exp(-duration_s / weights.memory_s)
    fresh = 1 - exp(-duration_s / weights.weather_s)
    old_tracked, old_covered = outlook.tracked_w, outlook.covered_w
    change_w = abs(surplus_w - outlook.surplus_w)
    return Outlook(
        (
            old_tracked[0] + new * (tracked[0] - old_tracked[0]),
            old_tracked[1] + new * (tracked[1] - old_tracked[1]),
        ),
        (
            old_covered[0] + new * (covered[0] - old_covered[0]),
            old_covered[1] + new * (covered[1] - old_covered[1]),
        ),
        outlook.change_w + fresh * (change_w - outlook.change_w),
        surplus_w,
    )


def later(outlook: Outlook, duration_s: float, now: Outlook, weights: Weights = TUNED) -> Outlook:
    """Return the outlook after `duration_s` more of what is `now` (an outlook that began with it)."""
    keep, calmer = exp(-duration_s / weights.memory_s), exp(-duration_s / weights.weather_s)
    (t_1, t_3), (c_1, c_3) = outlook.tracked_w, outlook.covered_w
    (n_1, n_3), (m_1, m_3) = now.tracked_w, now.covered_w
    return Outlook(
        (n_1 + keep * (t_1 - n_1), n_3 + keep * (t_3 - n_3)),
        (m_1 + keep * (c_1 - m_1), m_3 + keep * (c_3 - m_3)),
        outlook.change_w * calmer,
        now.surplus_w,
    )


def expected_ct(
    outlook: Outlook, now: Outlook, economics: Economics, weights: Weights = TUNED
) -> tuple[float, float]:
    """Return what the next minutes cost on one and on three phases beside off, in ct (negative: a gain)."""
    wild = outlook.change_w / (outlook.change_w + weights.middling_w)
    reach = exp(weights.calm * (0.5 - wild))
    now_h, mean_h = reach * weights.now_s / 3.6e6, reach * weights.mean_s / 3.6e6
    uncovered_ct = economics.import_ct - economics.value_ct
    spread_ct = economics.import_ct - economics.export_ct
    one, three = (
        uncovered_ct * (now_h * now.tracked_w[i] + mean_h * outlook.tracked_w[i])
        - spread_ct * (now_h * now.covered_w[i] + mean_h * outlook.covered_w[i])
        for i in (0, 1)
    )
    return one, three
