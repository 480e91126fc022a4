"""A car that comes and goes as a real one did: the backtest's plant with the cable pulled now and then."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from controller.days.plant import NEVER_S, Plant
from controller.model import CarState, ChargerStatus, Force


@dataclass(slots=True)
class VisitedPlant(Plant):
    """A plant with a car in the spans of `visits_s` only: (came, left) in s of the day, in order."""

    visits_s: Sequence[tuple[float, float]] = ()

    def steady_until_s(self, at_s: int) -> int:
        """Return until when nothing changes by itself: the dead time, or the car."""
        ends = (border_s for visit in self.visits_s for border_s in visit if border_s > at_s)
        return min(Plant.steady_until_s(self, at_s), ceil(min(ends, default=NEVER_S)))

    def target_w(self, at_s: int) -> float:
        """Return what the car tends to, in W; without one the box goes neutral (documented)."""
        if not self._car_at(at_s):
            self.force, self.power_w = Force.NEUTRAL, 0.0
            return 0.0
        return Plant.target_w(self, at_s)

    def status(self, at_s: float) -> ChargerStatus:
        """Return what the box reports."""
        report = Plant.status(self, at_s)
        return report if self._car_at(at_s) else replace(report, car=CarState.IDLE)

    def _car_at(self, at_s: float) -> bool:
        place = bisect_right(self.visits_s, (at_s, float("inf"))) - 1
        return place >= 0 and at_s < self.visits_s[place][1]
