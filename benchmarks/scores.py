"""The scores by controller: lookup, means over days, pairs of the same day."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import intervals
from benchmarks.baselines import BASELINES
from benchmarks.entries import EVCC, MAIN_VALUE_CT, OURS, Row
from benchmarks.intervals import Estimate
from controller.days.backtest import DayResult

DayKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """Which scores: one controller on one kind of days at one value and size of PV."""

    label: str
    kind: str
    value_ct: float = MAIN_VALUE_CT
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over the days of a case. Money in ct a day, energy in kWh a day."""

    question: str
    label: str
    kind: str
    scale: float
    value_ct: float
    days: int
    regret_ct: float
    regret_low_ct: float
    regret_high_ct: float
    cost_ct: float
    ev_kwh: float
    ev_grid_kwh: float
    ev_sun_kwh: float
    writes: float
    most_writes: int
    starts: float
    phase_changes: float


class Scores:
    """All rows of a benchmark."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._by_case: dict[Case, dict[DayKey, DayResult]] = defaultdict(dict)
        self._question: dict[Case, str] = {}
        for row in rows:
            case = Case(row.label, row.kind, row.result.value_ct, row.scale)
            self._by_case[case][row.result.trace, row.result.date] = row.result
            self._question[case] = row.question

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of days there are, finest first."""
        return sorted({case.kind for case in self._by_case})

    @property
    def scales(self) -> list[float]:
        """Return the sizes of PV, the full one first."""
        return sorted({case.scale for case in self._by_case}, reverse=True)

    def labels(self, question: str, kind: str, scale: float = 1.0) -> list[str]:
        """Return who answered a question, in the order they came in."""
        found = [
            case.label
            for case, asked in self._question.items()
            if asked == question and case.kind == kind and case.scale == scale
        ]
        return list(dict.fromkeys(found))

    def days(self, case: Case) -> dict[DayKey, DayResult]:
        """Return the results of a case by day, none if it did not run."""
        return self._by_case.get(case, {})

    def regrets(self, case: Case) -> dict[DayKey, float]:
        """Return the regret of every day in ct."""
        return {day: result.regret_ct or 0.0 for day, result in self.days(case).items()}

    def complete(self, case: Case) -> bool:
        """Return whether it ran on every day this project's strategy ran on."""
        return len(self.days(case)) == len(self.days(Case(OURS, case.kind, case.value_ct, case.scale)))

    def summary(self, case: Case, only: Sequence[DayKey] | None = None) -> Summary | None:
        """Return the means over a case's days (or over `only` these), None if it ran on none."""
        days = self.days(case)
        results = [result for day, result in days.items() if only is None or day in only]
        if not results:
            return None
        regret = intervals.mean([result.regret_ct or 0.0 for result in results])

        def average(name: str) -> float:
            return float(sum(getattr(result, name) for result in results)) / len(results)

        ev_kwh, grid_kwh = average("ev_kwh"), average("import_ev_kwh")
        return Summary(
            question=self._question[case],
            label=case.label,
            kind=case.kind,
            scale=case.scale,
            value_ct=case.value_ct,
            days=len(results),
            regret_ct=regret.value,
            regret_low_ct=regret.low,
            regret_high_ct=regret.high,
            cost_ct=average("cost_ct"),
            ev_kwh=ev_kwh,
            ev_grid_kwh=grid_kwh,
            ev_sun_kwh=ev_kwh - grid_kwh,
            writes=average("writes"),
            most_writes=max(result.writes for result in results),
            starts=average("starts"),
            phase_changes=average("phase_changes"),
        )

    def summaries(self) -> list[Summary]:
        """Return the means of every case, in an order that does not depend on who was ready first."""
        found = [found for case in self._by_case if (found := self.summary(case)) is not None]
        return sorted(found, key=lambda one: (one.question, one.label, one.kind, one.scale, one.value_ct))

    def pairs(self, one: Case, other: Case, name: str = "cost_ct") -> tuple[list[float], list[float]]:
        """Return a number of both on the days both ran, in the order of the days."""
        first, second = self.days(one), self.days(other)
        common = sorted(first.keys() & second.keys())
        return (
            [getattr(first[day], name) or 0.0 for day in common],
            [getattr(second[day], name) or 0.0 for day in common],
        )

    def difference(self, one: Case, other: Case) -> Estimate | None:
        """Return the mean difference in cost, day by day, in ct; foresight's cost drops out of it."""
        first, second = self.pairs(one, other)
        return intervals.mean([a - b for a, b in zip(first, second, strict=True)]) if first else None

    def better_evcc(self, kind: str, value_ct: float, scale: float = 1.0) -> str:
        """Return which interval of evcc has the smaller mean regret here."""
        return self._least(EVCC, kind, value_ct, scale)

    def best_baseline(self, kind: str, value_ct: float, scale: float = 1.0) -> str:
        """Return the baseline with the smallest mean regret here."""
        return self._least(tuple(BASELINES), kind, value_ct, scale)

    def _least(self, names: tuple[str, ...], kind: str, value_ct: float, scale: float) -> str:
        def regret(name: str) -> float:
            found = self.summary(Case(name, kind, value_ct, scale))
            return found.regret_ct if found else float("inf")

        return min(names, key=regret)
