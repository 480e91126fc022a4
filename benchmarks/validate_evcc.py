"""How near the evcc model comes to evcc's own decision code, day by day (python -m benchmarks.validate_evcc).

The reference is a JSON list with one object per day and interval: `day` ("folder/trace.csv.gz#i", the i-th
UTC day of the trace that is long enough), `interval_s`, and what evcc made of it on a plant with the same
numbers, PV moving linearly between samples. That plant let the power fade at a phase change and cut it at a
stop, this one does it the other way round: about 10 kWs per phase change and 3 kWs per start, which is all
there is of a difference in energy.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from statistics import StatisticsError, correlation, fmean
from typing import Any

from benchmarks.baselines.evcc import Evcc
from benchmarks.contest import Order, View, run_baseline
from benchmarks.days import moving, whole
from controller.days.traces import Day, read_days
from controller.model import Prices

KEYS = ("ev_kwh", "import_kwh", "import_ev_kwh", "starts", "phase_switches", "idle_phase_writes", "writes")


class Counting(Evcc):
    """The model, counting the phase commands to a box that is on and to one that is off."""

    idle_phase_writes = 0
    phase_switches = 0

    def decide(self, view: View) -> list[Order]:
        """Decide as always."""
        orders = list(super().decide(view))
        commands = sum(order.phases is not None for order in orders)
        if view.enabled:
            self.phase_switches += commands
        else:
            self.idle_phase_writes += commands
        return orders


def model_day(day: Day, interval_s: int) -> dict[str, float]:
    """Return what the model makes of one day, by the keys of the reference."""
    made: list[Counting] = []

    def make() -> Counting:
        made.append(Counting(interval_s))
        return made[-1]

    scored = run_baseline(day, make, "evcc", Prices(), 20.0)
    return {key: float(getattr(scored if hasattr(scored, key) else made[0], key)) for key in KEYS}


def compared(
    folder: Path, reference: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], dict[str, float]]]:
    """Yield each reference row with the model's row, trace by trace."""
    by_trace: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in reference:
        by_trace[row["day"].partition("#")[0]].append(row)
    for trace, rows in by_trace.items():
        days = read_days(folder / trace)
        for row in rows:
            index = int(row["day"].partition("#")[2])
            day = days[min(index, len(days) - 1)]  # the last one, where the reference counts short days too
            yield row, model_day(moving(whole(day)), row["interval_s"])


def main() -> None:
    """Print mean, mean difference, largest difference and correlation per folder and interval."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=Path, required=True, help="folder of the traces")
    parser.add_argument("--reference", type=Path, required=True, help="JSON of evcc's own results")
    parser.add_argument("--only", default="", help="part of a trace's name")
    parser.add_argument("--each", action="store_true", help="also print every day")
    args = parser.parse_args()
    try:
        rows = json.loads(args.reference.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"--reference {args.reference}: {error}; a JSON list of days is needed")
    reference = [row for row in rows if args.only in row["day"]]
    groups: dict[tuple[str, int], list[tuple[dict[str, Any], dict[str, float]]]] = defaultdict(list)
    for row, own in compared(args.days, reference):
        groups[(str(PurePosixPath(row["day"]).parent), row["interval_s"])].append((row, own))
        if args.each:
            text = "  ".join(f"{key} {row[key]:g}/{own[key]:.4g}" for key in KEYS)
            print(f"{row['day']} {row['interval_s']} s: {text}")
    for (name, interval_s), pairs in groups.items():
        print(f"\n{name}, {interval_s} s, {len(pairs)} days")
        print(f"{'':18}{'evcc':>9}{'model':>9}{'mean':>9}{'largest':>9}{'r':>8}")
        for key in KEYS:
            print(f"{key:18}{line([(float(row[key]), own[key]) for row, own in pairs])}")


def line(pairs: list[tuple[float, float]]) -> str:
    """Return the numbers of one quantity as text; the mean difference in percent, the largest as it is."""
    theirs, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    percent = 100 * (fmean(ours) / fmean(theirs) - 1) if fmean(theirs) else 0.0
    largest = max((b - a for a, b in pairs), key=abs)
    try:
        r = f"{correlation(theirs, ours):8.4f}"
    except StatisticsError:
        r = f"{'-':>8}"
    return f"{fmean(theirs):9.3f}{fmean(ours):9.3f}{percent:8.2f}%{largest:9.3f}{r}"


if __name__ == "__main__":
    main()
