"""Car energy against grid energy taken for the car: what `surplus` gives at a baseline's own grid energy."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.baselines import BASELINES
from benchmarks.scores import Case, Scores, Summary

FIELDS = ("ev_kwh", "writes", "starts", "phase_changes")


@dataclass(frozen=True, slots=True)
class Against:
    """A baseline's point and the frontier's values at its grid energy; None outside of the frontier."""

    baseline: Summary
    ours: dict[str, float] | None


def curve(scores: Scores, kind: str, question: str = "share") -> list[Summary]:
    """Return the points of `surplus` under rising solar shares, least grid energy first.

    The question "free share" is that of the same engine without the gate's limits.
    """
    points = [scores.summary(Case(label, kind)) for label in scores.labels(question, kind)]
    return sorted((point for point in points if point), key=lambda point: point.ev_grid_kwh)


def against_baselines(scores: Scores, kind: str, question: str = "share") -> list[Against]:
    """Return every baseline beside the frontier, interpolated linearly between two shares."""
    points, found = curve(scores, kind, question), []
    for name in BASELINES:
        summary = scores.summary(Case(name, kind))
        if summary and points:
            found.append(Against(summary, interpolated(points, summary.ev_grid_kwh)))
    return found


def interpolated(points: Sequence[Summary], grid_kwh: float) -> dict[str, float] | None:
    """Return the frontier's values at this grid energy, None beyond its ends."""
    for low, high in pairwise(points):
        if low.ev_grid_kwh <= grid_kwh <= high.ev_grid_kwh:
            span = high.ev_grid_kwh - low.ev_grid_kwh
            share = (grid_kwh - low.ev_grid_kwh) / span if span else 0.0
            ends = {name: (getattr(low, name), getattr(high, name)) for name in FIELDS}
            return {name: here + share * (there - here) for name, (here, there) in ends.items()}
    return None
