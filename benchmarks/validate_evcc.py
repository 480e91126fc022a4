"""How near the evcc model comes to evcc's own decision code, day by day (python -m benchmarks.validate_evcc).

The reference (`days/evcc.json` for the packed days) is a list with one object per day and interval: `day`
("trace#i", the i-th day of the trace that is long enough), `interval_s`, and what its code made of it on a
plant with the same numbers, PV moving linearly between samples. That plant let power fade at a phase change
and cut it at a stop, this one does it the other way round: about 10 kWs per phase change and 3 kWs per start,
which is all there is of a difference in energy.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import StatisticsError, correlation, fmean
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import split
from benchmarks.baselines.evcc import Evcc
from benchmarks.contest import Order, View, run_baseline
from benchmarks.days import moving, whole
from controller.days.traces import Day
from controller.errors import ConfigError
from controller.model import Prices

REFERENCE = split.PACKED_DAYS / "evcc.json"

KEYS = {
    "ev_kwh": "car kWh",
    "import_kwh": "import kWh",
    "import_ev_kwh": "car from grid kWh",
    "starts": "starts",
    "phase_switches": "phase changes",
    "idle_phase_writes": "phase commands while off",
    "writes": "commands",
}

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """One day as evcc's own code and as the model lived it, by the keys of the reference."""

    name: str
    kind: str
    interval_s: int
    theirs: Mapping[str, float]
    ours: Mapping[str, float]


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


def read_reference(path: Path) -> list[dict[str, Any]]:
    """Read the reference. Raises ConfigError if it is none."""
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: {error}. Remedy: a JSON list with one object per day and interval"
        ) from error
    return rows


def compared(days: Sequence[Day], reference: Sequence[Mapping[str, Any]]) -> Iterator[Pair]:
    """Yield the model beside each row of the reference whose trace is among these days."""
    by_trace: dict[str, list[Day]] = defaultdict(list)
    for day in days:
        by_trace[day.trace].append(day)
    for row in reference:
        trace, _, index = row["day"].rpartition("/")[2].partition("#")
        found = by_trace.get(trace)
        if found:
            day = found[
                min(int(index), len(found) - 1)
            ]  # the last one, where the reference counts short days too
            theirs = {key: float(row[key]) for key in KEYS}
            ours = model_day(moving(whole(day)), row["interval_s"])
            yield Pair(f"{trace} {day.date}", split.kind(day), row["interval_s"], theirs, ours)


def rows(pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """Return a row a quantity: means of both, difference in percent, the largest of a day, correlation."""
    return [
        (name, *_cells([(pair.theirs[key], pair.ours[key]) for pair in pairs])) for key, name in KEYS.items()
    ]


def _cells(pairs: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    theirs, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    percent = 100 * (fmean(ours) / fmean(theirs) - 1) if fmean(theirs) else 0.0
    largest = max((b - a for a, b in pairs), key=abs)
    try:
        r = f"{correlation(theirs, ours):.4f}"
    except StatisticsError:
        r = "–"
    return f"{fmean(theirs):.3f}", f"{fmean(ours):.3f}", f"{percent:+.2f} %", f"{largest:+.3f}", r


HEADS = ("evcc", "model", "mean difference", "largest on a day", "correlation")


@app.command()
def main(
    days: Annotated[Path | None, typer.Option(help="folder of traces; default: the packed days")] = None,
    reference: Annotated[Path, typer.Option(help="JSON of what evcc's own code did")] = REFERENCE,
    each: Annotated[bool, typer.Option("--each", help="also print every day")] = False,
) -> None:
    """Say how near the model comes, by kind of days and interval."""
    try:
        found = list(compared(split.load(days, "all"), read_reference(reference)))
    except ConfigError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from None
    for pair in found if each else []:
        text = "  ".join(f"{key} {pair.theirs[key]:g}/{pair.ours[key]:.4g}" for key in KEYS)
        print(f"{pair.name} {pair.interval_s} s: {text}")
    for kind, interval_s, group in grouped(found):
        print(f"\n{len(group)} days of {kind}, interval {interval_s} s")
        for name, *cells in [("", *HEADS), *rows(group)]:
            print(f"{name:26}" + "".join(f"{cell:>18}" for cell in cells))


def grouped(pairs: Sequence[Pair]) -> list[tuple[str, int, list[Pair]]]:
    """Return the pairs by kind of days and interval."""
    groups: dict[tuple[str, int], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.kind, pair.interval_s].append(pair)
    return [(kind, interval_s, group) for (kind, interval_s), group in sorted(groups.items())]


if __name__ == "__main__":
    sys.exit(app())
