"""The command line. Each command loads only what it needs."""

import asyncio
import errno
import io
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from controller import __version__
from controller.cli import (
    ack,
    backup,
    days,
    forecast,
    notify,
    plan,
    replay,
    soc,
    tariffs,
)
from controller.cli.terminal import (
    DEFAULT_CONFIG,
    EX_CONFIG,
    EX_IO,
    EX_TEMPFAIL,
    EX_UNAVAILABLE,
    Config,
    err,
    escaped,
    out,
    show,
)
from controller.errors import AmpilotError, ConfigError, StrategyError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing to a file, a pipe or a terminal ends with when there is no room, or no disk."""

app = typer.Typer(
    help="ampilot charges an electric car from your own sun, deciding in cents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; errors become one message and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a locale without the euro gets a question mark
    code: int | None = None
    try:
        code = app(standalone_mode=False)  # what a command ends with by typer.Exit, 130 after Ctrl-C
    except (ConfigError, StrategyError) as error:
        _fail(str(error), EX_CONFIG)
    except AmpilotError as error:
        codes = {"LedgerLocked": EX_TEMPFAIL, "LedgerNewer": EX_CONFIG}  # only a person can end the second
        _fail(str(error), codes.get(type(error).__name__, EX_UNAVAILABLE))
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename is not None:
            raise
        _turn_away_output()
        _fail(f"cannot write what it has to say: {error.strerror}", EX_IO)
    except Exception as error:
        show: Callable[[], None] | None = getattr(error, "show", None)
        if show is None:
            raise
        show()
        code = 2
    sys.exit(code)


def _turn_away_output() -> None:
    """Let what is still to be printed go nowhere, or the interpreter complains of it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _fail(text: str, code: int) -> None:
    err.print(f"[bold red]ampilot:[/] {escaped(text, lines=True)}")
    sys.exit(code)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@app.command()
def run(config: Config = DEFAULT_CONFIG) -> None:
    """Control the charger until stopped: what the service runs."""
    from controller import daemon

    asyncio.run(daemon.run(config))


@app.command()
def check(
    config: Config = DEFAULT_CONFIG,
    strategy: Annotated[str | None, typer.Option(help="run the conformance suite on this strategy")] = None,
    profiles: Annotated[bool, typer.Option("--profiles", help="list the shipped meter profiles")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON schema of the config")] = False,
) -> None:
    """Reach meter and charger, show what they say, and what to do where they do not. Changes nothing."""
    if schema:
        from controller.settings import json_schema

        typer.echo(json.dumps(json_schema(), indent=1))
        return
    from controller import checkup

    def say(text: str, good: bool) -> None:
        out.print(("[green]ok[/]    " if good else "[red]wrong[/] ") + escaped(text, lines=True))

    if profiles:
        _list_profiles()
        return
    if strategy is not None:
        failures = checkup.check_strategy(strategy, say)
    else:
        failures = asyncio.run(checkup.check_site(config, say))
    if failures:
        raise typer.Exit(1)


def _list_profiles() -> None:
    from rich.table import Table

    from controller.meters.profile import load_profile, profile_names

    table = Table("profile", "device", "roles", "reached by", box=None)
    for name in profile_names():
        profile = load_profile(name)
        table.add_row(name, profile.name, ", ".join(profile.roles), ", ".join(profile.transports))
    show(table)


@app.command()
def explain(config: Config = DEFAULT_CONFIG) -> None:
    """Say why it is doing what it does now, with amounts and time left."""
    from controller import explain as words
    from controller.ledger.report import Report
    from controller.load_settings import load_settings

    settings = load_settings(config)
    report = Report(Path(settings.ledger.path))
    decision = report.last_decision()
    if decision is None:
        out.print("Nothing has been decided yet.")
        return
    now = datetime.now(ZoneInfo(settings.site.timezone))
    for line in words.explain(decision, report.events(5), now, report.last_verdict()):
        out.print(escaped(line))


app.add_typer(ack.commands)
app.add_typer(backup.commands)
app.add_typer(days.commands)
app.add_typer(forecast.commands)
app.add_typer(notify.commands)
app.add_typer(plan.commands)
app.add_typer(replay.commands)
app.add_typer(soc.commands)
app.add_typer(tariffs.commands)
