"""What the commands share: the two consoles, the exit codes, a table and a progress bar."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.measure import Measurement

from controller.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

EX_CONFIG, EX_TEMPFAIL, EX_IO, EX_UNAVAILABLE = 78, 75, 74, 69
DEFAULT_CONFIG = Path("/etc/ampilot/ampilot.toml")

out, err = Console(highlight=False), Console(stderr=True, highlight=False)

Config = Annotated[Path, typer.Option("--config", "-c", help="the config file", show_default=True)]


def escaped(text: str, *, lines: bool = False) -> str:
    """Return the text with nothing in it that rich or the terminal would obey; line ends only if wanted."""
    kept = "".join(c if c.isprintable() or (lines and c == "\n") else " " for c in text)
    return kept.replace("[", r"\[")


def show(table: "Table") -> None:
    """Print a table as wide as it needs, so that no number is cut: a narrow terminal wraps its lines."""
    needed = Measurement.get(out, out.options.update(max_width=1000), table).maximum
    Console(highlight=False, width=max(needed, out.width)).print(table)


def bar(name: str) -> "Progress":
    """Return a progress bar on stderr that vanishes when it is done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(name), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)


def write_json(path: Path, document: Any) -> None:
    """Write a document people and programs can read. Raises ConfigError."""
    try:
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}. Remedy: choose another") from None
