"""What this project wants to reach beside evcc, as numbers, and how far it is."""

from dataclasses import dataclass

from benchmarks import intervals
from benchmarks.entries import MAIN_VALUE_CT, OURS
from benchmarks.intervals import Estimate
from benchmarks.scores import Case, Scores

REGRET_RATIO = {12.0: 0.6, 16.0: 0.45, 20.0: 0.45, 26.0: 0.25}
SWITCHING_RATIO = {"writes": 0.4, "starts": 0.5, "phase_changes": 0.5}
NAMES = {"writes": "commands", "starts": "starts", "phase_changes": "phase changes"}


@dataclass(frozen=True, slots=True)
class Goal:
    """One ratio to evcc's better interval at that value, and the most it may be."""

    what: str
    kind: str
    value_ct: float
    other: str
    ratio: Estimate
    limit: float

    @property
    def verdict(self) -> str:
        """Return whether it is reached, or by how much it is missed."""
        if self.ratio.value <= self.limit:
            return "reached"
        return f"**missed by {self.ratio.value - self.limit:.2f}**"


def goals(scores: Scores, kind: str) -> list[Goal]:
    """Return all goals on one kind of days."""
    found = []
    for value_ct, limit in REGRET_RATIO.items():
        other = scores.better_evcc(kind, value_ct)
        pair = Case(OURS, kind, value_ct), Case(other, kind, value_ct)
        ratio = intervals.ratio(*scores.pairs(*pair, "regret_ct"))
        found.append(Goal(f"regret at {value_ct:g} ct/kWh", kind, value_ct, other, ratio, limit))
    other = scores.better_evcc(kind, MAIN_VALUE_CT)
    for name, limit in SWITCHING_RATIO.items():
        ratio = intervals.ratio(*scores.pairs(Case(OURS, kind), Case(other, kind), name))
        what = f"{NAMES[name]} at {MAIN_VALUE_CT:g} ct/kWh"
        found.append(Goal(what, kind, MAIN_VALUE_CT, other, ratio, limit))
    return found
