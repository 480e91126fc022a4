"""`python -m benchmarks.year`: how long a year of days takes on one core, and how long a decision.

The recorded days follow each other until there are 365, each in steps of a second with a decision every ten,
through the whole line and its plant. Time is the processor's own, so that others on the machine do not count.
"""

import sys
import time
from itertools import cycle, islice
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks import split
from benchmarks.entries import OURS, Entry
from benchmarks.runner import lived, run_entry
from controller.days.backtest import TICK_S

YEAR = 365
GOAL_MIN, GOAL_MS = 8.0, 0.5
"""Processor time a year, and a decision, may take."""

app = typer.Typer(add_completion=False)


@app.command()
def main(days: Annotated[int, typer.Option(min=1, help="how many days; a year has 365")] = YEAR) -> None:
    """Live a year of recorded days in one process and say what it took."""
    recorded = split.load(None, "held-out")
    entry, decisions, spent_s = Entry("main", OURS, OURS), 0, 0.0
    year = islice(cycle(recorded), days)
    for day in track(year, total=days, description="days", console=Console(stderr=True), transient=True):
        whole = lived(day)
        began_s = time.process_time()
        run_entry(whole, entry)
        spent_s += time.process_time() - began_s
        decisions += whole.duration_s // TICK_S - 1
    print(f"{days} days of 1-s steps ({len(recorded)} recorded ones in turn), {decisions} decisions:")
    print(f"  {spent_s / 60:.2f} min of one core ({GOAL_MIN:g} wanted for {YEAR} days)")
    print(f"  {1000 * spent_s / decisions:.3f} ms for a decision and its ten seconds ({GOAL_MS:g} wanted)")


if __name__ == "__main__":
    sys.exit(app())
