"""`python -m benchmarks.sessions`: recorded sessions with this project's plan and with a blind one."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn, track

from benchmarks import split
from benchmarks.session_cases import cases, read_visits
from benchmarks.session_runs import DYNAMIC, Known, Market, Row, run, session_of
from controller.days.recorded_prices import read_quotes
from controller.errors import ConfigError
from controller.tariffs.quotes import Quote

app = typer.Typer(add_completion=False)
err = Console(stderr=True)


@app.command()
def main(
    traces: Annotated[Path, typer.Option(help="folder with days, prices/ and ev_sessions/")],
    report: Annotated[Path, typer.Option(help="folder of the page")] = Path("out/bench"),
    processes: Annotated[int, typer.Option(min=1, help="how many at once")] = min(os.cpu_count() or 1, 2),
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="begin no run after this long; the page says how many were lived"),
    ] = None,
    only_known: Annotated[bool, typer.Option("--only-known", help="report what was lived before")] = False,
) -> None:
    """Live every session at fixed and at dynamic prices, write sessions.md; results stay in out/bench/."""
    os.nice(10)
    began_s = time.monotonic()
    try:
        folder = traces / "ev_sessions"
        found = cases(split.load(traces, "all"), read_visits(folder / "norway_residential.csv.gz"))
        quotes = tuple(
            quote for path in sorted((traces / "prices").glob("*.csv*")) for quote in read_quotes(path)
        )
        columns = (TextColumn("sessions"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
        with Progress(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err, transient=True
        ) as bar:
            task = bar.add_task("sessions", total=1.0)
            until_s = None if minutes is None else began_s + minutes * 60
            rows = run(
                found,
                quotes,
                processes,
                Known(Path("out/bench/sessions.jsonl")),
                lambda share: bar.update(task, completed=share),
                until_s=began_s if only_known else until_s,
            )
        from benchmarks import session_report

        path = session_report.write(rows, Market(DYNAMIC, quotes), _least(rows, quotes), report, len(found))
    except ConfigError as error:
        err.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from None
    took = (time.monotonic() - began_s) / 60
    print(f"{len(rows)} runs of {len(found)} sessions in {took:.1f} min on {processes} processes: {path}")


def _least(rows: Sequence[Row], quotes: tuple[Quote, ...]) -> dict[tuple[str, str], float]:
    """Return what nobody can go below in the sessions that were lived."""
    from benchmarks.session_least import least_ct

    lived = {(row.case.name, row.tariff): row.case for row in rows}
    return {
        (name, tariff): least_ct(session_of(case, Market(tariff, quotes))[0])
        for (name, tariff), case in track(
            lived.items(), description="the least they could cost", console=err, transient=True
        )
    }


if __name__ == "__main__":
    sys.exit(app())
