"""A car that comes and goes as a real one did: the backtest's plant with the cable pulled now and then."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.backtest import Plant
from controller.model import CarState, ChargerStatus, Force


@dataclass(slots=True)
class VisitedPlant(Plant):
    """A plant with a car in the spans of `visits_s` only: (came, left) in s of the day, in order."""

    visits_s: Sequence[tuple[float, float]] = ()

    def advance(self, at_s: int) -> float:
        """Return the car's power in W; without a car the box falls back to neutral, as go-e documents."""
        if not self._car_at(at_s):
            self.force, self.power_w = Force.NEUTRAL, 0.0
            return 0.0
        return Plant.advance(self, at_s)

    def status(self, at_s: float) -> ChargerStatus:
        """Return what the box reports."""
        report = Plant.status(self, at_s)
        return report if self._car_at(at_s) else replace(report, car=CarState.IDLE)

    def _car_at(self, at_s: float) -> bool:
        place = bisect_right(self.visits_s, (at_s, float("inf"))) - 1
        return place >= 0 and at_s < self.visits_s[place][1]
