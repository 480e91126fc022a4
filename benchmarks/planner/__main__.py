"""`python -m benchmarks.planner`: how far from the exact optimum, how quick, how small the planner is."""

import statistics
import sys
import time
import tracemalloc
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.planner.exact import optimum
from benchmarks.planner.horizons import horizon
from controller.planner.plan import make_plan
from controller.planner.shadow import solve
from controller.planner.task import Task

RUNS = 3
"""Each task is planned so often; its fastest run counts, because others are at work on the machine too."""

app = typer.Typer(add_completion=False)
err = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Score:
    """One task: the track dearer than the optimum, and certified at most, in ct; time and memory of the plan.

    Time is the processor's in ms, memory in kB; both are those of all that the service calls.
    """

    dearer_ct: float
    certified_ct: float
    cpu_ms: float
    peak_kb: float


@app.command()
def main(tasks: Annotated[int, typer.Option(min=2, help="how many random tasks")] = 200) -> None:
    """Solve random tasks of 36 hours, and each of them exactly too."""
    seeds = track(range(tasks), description="tasks", console=err, transient=True)
    scores = [score(horizon(seed)) for seed in seeds]
    table = Table("", "median", "mean", "95 %", "worst", title=f"{tasks} tasks of 36 hours, three scenarios")
    rows = {
        "dearer than the optimum, ct": [one.dearer_ct for one in scores],
        "certified at most, ct": [one.certified_ct for one in scores],
        "processor time, ms": [one.cpu_ms for one in scores],
        "memory while it plans, kB": [one.peak_kb for one in scores],
    }
    for name, numbers in rows.items():
        high = statistics.quantiles(numbers, n=20)[-1]
        shown = (statistics.median(numbers), statistics.mean(numbers), high, max(numbers))
        table.add_row(name, *[f"{number:.2f}" if "ct" in name else f"{number:.0f}" for number in shown])
    Console().print(table)


def score(task: Task) -> Score:
    """Solve one task, and exactly too. Raises ValueError where the certificate is wrong."""
    cpu_s = []
    for _ in range(RUNS):
        began_s = time.process_time()
        make_plan(task)
        cpu_s.append(time.process_time() - began_s)
    found = solve(task)
    tracemalloc.start()
    make_plan(task)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    dearer_ct = found.track.objective_ct - optimum(task)
    if not -1e-6 <= dearer_ct <= found.gap_ct + 1e-6:
        raise ValueError(f"dearer by {dearer_ct} ct, certified {found.gap_ct} ct: {task}")
    return Score(dearer_ct, found.gap_ct, min(cpu_s) * 1000, peak / 1000)


if __name__ == "__main__":
    sys.exit(app())
