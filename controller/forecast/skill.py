"""How good the forecasts were against what came, beside two simple guesses. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.forecast.answers import QUARTER_S
from controller.forecast.spread import LEADS_H, Issued
from controller.units import DAY_S


@dataclass(frozen=True, slots=True)
class Skill:
    """Of one lead time: mean errors in W over `quarters` quarter-hours, the same ones for all guesses."""

    lead_h: int
    quarters: int
    error_w: float
    bias_w: float
    """Above 0: more came than was forecast."""
    held_error_w: float
    """Error of persistence: the surplus measured last before the forecast, held."""
    yesterday_error_w: float
    """Error of the same time on the day before the forecast was given."""
    inside: float
    """Share that came between the tenth and the ninetieth percentile; 0.8 is right."""


def skill(issued: Iterable[Issued], came_w: Mapping[int, float], *, day: bool = False) -> list[Skill]:
    """Return the skill of each lead time that can be judged; with `day` only where the sun was up."""
    found = []
    rows = [row for row in issued if row.begin_s in came_w and not (day and row.sky == 0)]
    for lead_h in LEADS_H:
        sums, count = [0.0] * 5, 0
        for row in rows:
            held = came_w.get(row.begin_s - lead_h * 3600)
            yesterday = came_w.get(row.begin_s - DAY_S)
            if row.lead_h != lead_h or held is None or yesterday is None:
                continue
            came = came_w[row.begin_s]
            count += 1
            sums[0] += abs(came - row.p50_w)
            sums[1] += came - row.p50_w
            sums[2] += abs(came - held)
            sums[3] += abs(came - yesterday)
            sums[4] += row.p10_w <= came <= row.p90_w
        if count:
            means = [value / count for value in sums]
            found.append(Skill(lead_h, count, *means))
    return found


def slot_to_record(issue_s: int, lead_h: int) -> int:
    """Return the begin of the quarter that ends `lead_h` after the issue, which is the begin of a quarter."""
    return issue_s + lead_h * 3600 - QUARTER_S
