"""`python -m benchmarks`: run everybody on the recorded days and write the report."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks import split
from controller.days.traces import Day
from controller.errors import ConfigError

QUICK_DAYS = 1
"""Days of each kind in a quick run."""

app = typer.Typer(add_completion=False)
err = Console(stderr=True)


@app.command()
def main(
    days: Annotated[Path | None, typer.Option(help="folder of traces; default: the packed days")] = None,
    which: Annotated[str, typer.Option(help=", ".join(split.WHICH))] = "held-out",
    quick: Annotated[bool, typer.Option("--quick", help="one day of each kind, full PV only")] = False,
    scale: Annotated[list[float] | None, typer.Option(min=0.05, help="sizes of PV; 1 first")] = None,
    processes: Annotated[int, typer.Option(min=1, help="how many at once")] = os.cpu_count() or 1,
    cached: Annotated[bool, typer.Option(help="use and keep results in out/bench/")] = True,
    report: Annotated[Path, typer.Option(help="folder of the report")] = Path("out/bench"),
) -> None:
    """Measure the strategies and other controllers' rules on recorded days."""
    try:
        _run(days, _known(which), quick, scale, processes, cached, report)
    except ConfigError as error:
        err.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from None


def _known(which: str) -> split.Which:
    if which not in split.WHICH:
        raise ConfigError(f"--which: found {which!r}, accepted: {', '.join(split.WHICH)}")
    return which


def _run(
    folder: Path | None,
    which: split.Which,
    quick: bool,
    scales: list[float] | None,
    processes: int,
    cached: bool,
    target: Path,
) -> None:
    try:
        from benchmarks import report, runner
        from benchmarks.cache import Cache
        from benchmarks.entries import SCALES
    except ImportError as error:
        raise ConfigError(f"the benchmark needs {error.name}. Remedy: make bench, from this folder") from None
    began_s = time.monotonic()
    days = split.load(folder, which)
    if quick:
        days = _few(days)
    sizes = tuple(dict.fromkeys([1.0, *(scales or ([] if quick else SCALES))]))
    columns = (TextColumn("runs"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task("runs", total=1.0)
        cache = Cache(Path("out/bench/cache.jsonl") if cached else None)
        rows = runner.run(days, sizes, processes, cache, lambda share: bar.update(task, completed=share))
    path = report.write(rows, days, which, target)
    minutes = (time.monotonic() - began_s) / 60
    print(f"{len(days)} days, {len(rows)} scores in {minutes:.1f} min on {processes} processes: {path}")


def _few(days: list[Day]) -> list[Day]:
    """Return the first days of each kind."""
    chosen: dict[str, list[Day]] = {}
    for day in days:
        chosen.setdefault(split.kind(day), []).append(day)
    return [day for group in chosen.values() for day in group[:QUICK_DAYS]]


if __name__ == "__main__":
    sys.exit(app())
