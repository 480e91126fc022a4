"""`ampilot ack`: what waits for a person, and telling the controller that it is cured."""

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from controller.cli.terminal import DEFAULT_CONFIG, Config, err, escaped, out

if TYPE_CHECKING:
    from controller.ledger.latch_store import OpenLatch

commands = typer.Typer()


@commands.command()
def ack(
    fault: Annotated[str | None, typer.Argument(help="the fault to acknowledge, or all")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Show what is latched, or acknowledge it. A running ampilot takes it up at its next decision."""
    from controller.ledger import latch_store
    from controller.load_settings import load_settings

    settings = load_settings(config)
    path = Path(settings.ledger.path)
    found = latch_store.waiting(path)
    if fault is None:
        _show(found, ZoneInfo(settings.site.timezone))
        return
    kinds = [item.latch.kind for item in found]
    wanted = kinds if fault == "all" else [fault]
    if not wanted or not set(wanted) <= set(kinds):
        there = f"latched: {', '.join(kinds)}" if kinds else "nothing is latched"
        err.print(f"[bold red]ampilot:[/] {escaped(fault)} is not latched; {escaped(there)}")
        raise typer.Exit(1)
    latch_store.acknowledge(path, wanted, time.time_ns() // 1_000_000)
    out.print(f"acknowledged: {escaped(', '.join(wanted))}")


def _show(found: list["OpenLatch"], zone: ZoneInfo) -> None:
    if not found:
        out.print("Nothing is latched.")
        return
    for item in found:
        since = datetime.fromtimestamp(item.wall_ms / 1000, zone)
        latch = item.latch
        out.print(f"[bold]{escaped(latch.kind)}[/] since {since:%Y-%m-%d %H:%M}: {escaped(latch.text)}")
        out.print(f"  now      {escaped(latch.effect.value)}")
        out.print(f"  do       {escaped(latch.remedy)}")
        out.print(f"  then     ampilot ack {escaped(latch.kind)}")
