"""The promises where a day has few phase changes: they hold, and what is left of the car's day is not lost.

The changes of the machine next door are seldom used up: they are six, and ten minutes apart. Here none, one
or two are all there is, so that most lives go on without any.
"""

import os
from dataclasses import replace

from hypothesis import settings

from tests.properties.test_pipeline_machine import House, at_length


class FewChanges(House):
    """The house with two phase changes a day or fewer, where nobody turns the knobs."""

    names = ("eager", "min_surplus", "surplus", "tariff", "timers")

    def app_user(self) -> None:
        """Leave the app alone: who uses it keeps the car for the rest of the stay."""

    def evening_before(self, sun_kw: int) -> None:
        """Draw how many changes there are."""
        self.per_day = sun_kw % 3
        self.world.limits = replace(self.world.limits, phase_changes_per_day=self.per_day)

    def willing(self, sun_kw: float) -> bool:
        """Let it be dark until the car is off; return whether it may charge now, with much sun."""
        self.world.sun_w = 0.0
        self.world.run(900)
        return super().willing(max(sun_kw, 6.0))


FewChanges.TestCase.settings = settings(
    House.TestCase.settings, max_examples=int(os.environ.get("AMPILOT_EXAMPLES", "15"))
)
TestFewChanges = FewChanges.TestCase
TestLongFewChanges = at_length(FewChanges)
