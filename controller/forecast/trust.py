"""How far a source is to be believed against the own clear sky: learned from both, by lead time. Pure.

The weight w of the source in `w * told + (1 - w) * own` that would have had the least squared error of
late, drawn towards 1 as long as little is known. That is least squares with one unknown; Bates and Granger,
Operational Research Quarterly 20 (1969) 451, for combining forecasts. A source that errs is followed less,
a good one in full.
"""

from dataclasses import dataclass, field

from controller.forecast.spread import LEADS_H, NIGHT, Issued

KEEP_A_QUARTER = 0.999
"""A daylight quarter-hour counts half after about a fortnight."""
AT_FIRST = 200 * 0.5**2
"""What belief at the start weighs: as 200 quarter-hours in which both are half a kW apart (kW^2)."""


@dataclass(slots=True)
class Trust:
    """Sums by lead time: squared distance of the two, and distance times what the own one missed, in kW^2."""

    apart: list[float] = field(default_factory=lambda: [0.0] * len(LEADS_H))
    missed: list[float] = field(default_factory=lambda: [0.0] * len(LEADS_H))

    def weight(self, lead: int) -> float:
        """Return the weight of the source, 0 to 1."""
        return min(max((self.missed[lead] + AT_FIRST) / (self.apart[lead] + AT_FIRST), 0.0), 1.0)

    def settle(self, issued: Issued, came_w: float) -> None:
        """Let both meet what came; at night there is nothing to tell them apart by."""
        if issued.told_w is None or issued.sky == NIGHT:
            return
        lead = LEADS_H.index(issued.lead_h)
        apart = (issued.told_w - issued.own_w) / 1000
        missed = (came_w - issued.own_w) / 1000
        self.apart[lead] = KEEP_A_QUARTER * self.apart[lead] + apart * apart
        self.missed[lead] = KEEP_A_QUARTER * self.missed[lead] + apart * missed
