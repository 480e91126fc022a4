"""Car energy against grid energy taken for the car: what `surplus` gives at a baseline's own grid energy."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks import intervals
from benchmarks.baselines import BASELINES
from benchmarks.intervals import Estimate
from benchmarks.scores import Case, Scores, Summary

FIELDS = ("ev_kwh", "writes", "starts", "phase_changes")


@dataclass(frozen=True, slots=True)
class Against:
    """A baseline's point and the frontier's values at its grid energy; None outside of the frontier.

    `more_pct` is how much more car energy the frontier has there.
    """

    baseline: Summary
    ours: dict[str, float] | None
    more_pct: Estimate | None


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
            ours = interpolated(points, summary.ev_grid_kwh)
            labels = [point.label for point in points]
            more = None if ours is None else _more_pct(scores, kind, name, labels, ours["ev_kwh"])
            found.append(Against(summary, ours, more))
    return found


def _more_pct(scores: Scores, kind: str, name: str, labels: Sequence[str], ours_kwh: float) -> Estimate:
    """Return by how much the frontier lies above a baseline's point; days are drawn for all at once."""
    cases = [Case(name, kind), *(Case(label, kind) for label in labels)]
    days = sorted(set.intersection(*(set(scores.days(case)) for case in cases)))
    energies = ("import_ev_kwh", "ev_kwh")
    columns = [[getattr(scores.days(case)[day], key) for day in days] for case in cases for key in energies]
    grid, car = intervals.resampled(np.asarray(columns, float)).reshape(len(cases), 2, -1).transpose(1, 0, 2)
    found = []
    for peer_grid, peer_car, ours_grid, ours_car in zip(grid[0], car[0], grid[1:].T, car[1:].T, strict=True):
        order = np.argsort(ours_grid)
        there = np.interp(peer_grid, ours_grid[order], ours_car[order], left=np.nan, right=np.nan)
        found.append(100 * (there / peer_car - 1))
    peer = scores.summary(cases[0])
    assert peer is not None
    return Estimate(100 * (ours_kwh / peer.ev_kwh - 1), *intervals.bounds(np.asarray(found)))


def interpolated(points: Sequence[Summary], grid_kwh: float) -> dict[str, float] | None:
    """Return the frontier's values at this grid energy, None beyond its ends."""
    for low, high in pairwise(points):
        if low.ev_grid_kwh <= grid_kwh <= high.ev_grid_kwh:
            span = high.ev_grid_kwh - low.ev_grid_kwh
            share = (grid_kwh - low.ev_grid_kwh) / span if span else 0.0
            ends = {name: (getattr(low, name), getattr(high, name)) for name in FIELDS}
            return {name: here + share * (there - here) for name, (here, there) in ends.items()}
    return None
