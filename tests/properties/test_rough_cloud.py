"""The promises of the pipeline behind a cloud that fails in halves: it tells and takes not, or vice versa."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from controller.model import OutcomeKind
from tests.properties.test_pipeline_machine import House, at_length

SETTINGS = ("requested_a", "force", "phase_mode")


class RoughCloud(House):
    """The house of the pipeline's promises behind such a cloud."""

    @rule(seconds=st.integers(5, 400))
    def mute(self, seconds: int) -> None:
        """No read comes, and what is written is carried out."""
        self.world.mute = True
        self.world.run(seconds)
        self.world.mute = False
        self.world.run(20)

    @rule(seconds=st.integers(5, 200), kind=st.sampled_from([OutcomeKind.UNKNOWN, OutcomeKind.REFUSED]))
    def bad_answers(self, seconds: int, kind: OutcomeKind) -> None:
        """It takes what is written and does not say so, or refuses it."""
        self.world.answers = kind
        self.world.run(seconds)
        self.world.answers = OutcomeKind.ACCEPTED
        self.world.run(20)

    @rule(seconds=st.integers(5, 200))
    def crossing(self, seconds: int) -> None:
        """Of two writes the second arrives first."""
        self.world.crossing = True
        self.world.run(seconds)
        self.world.crossing = False
        self.world.run(30)

    @rule(seconds=st.integers(5, 200), left_out=st.sets(st.sampled_from(SETTINGS)))
    def says_less(self, seconds: int, left_out: set[str]) -> None:
        """Its reports lack some settings."""
        self.world.unsaid = frozenset(left_out)
        self.world.run(seconds)
        self.world.unsaid = frozenset()
        self.world.run(10)


RoughCloud.TestCase.settings = House.TestCase.settings
TestRoughCloud = RoughCloud.TestCase
TestLongRoughCloud = at_length(RoughCloud)
