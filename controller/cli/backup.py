"""`ampilot backup`: a complete copy of the ledger, also while the controller writes."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.terminal import DEFAULT_CONFIG, Config, escaped, out

commands = typer.Typer()


@commands.command()
def backup(
    target: Annotated[Path, typer.Argument(help="the file to write; it must not exist yet")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Copy the ledger to another file. Copying the file by other means loses its last minutes."""
    from controller.load_settings import load_settings

    source = Path(load_settings(config).ledger.path)
    size = copy_ledger(source, target)
    out.print(f"{escaped(str(target))}: {size / 1e6:.1f} MB, complete")


def copy_ledger(source: Path, target: Path) -> int:
    """Write a checked copy and return its size in bytes. Raises LedgerError."""
    from controller.errors import LedgerError
    from controller.ledger.opening import beside, copy_database, must_exist

    must_exist(source)
    if target.exists():
        raise LedgerError(f"{target}: exists already. Remedy: name a new file")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with beside(source, "ro") as reader:
            copy_database(reader, part)
        with contextlib.closing(sqlite3.connect(part)) as copy:
            if copy.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise LedgerError(f"{source}: is damaged, the copy is of no use. Remedy: restart ampilot")
        part.rename(target)
    except OSError as error:
        why = f"cannot be written ({error.strerror})"
        raise LedgerError(f"{target}: {why}. Remedy: choose another place") from None
    except sqlite3.Error as error:
        raise LedgerError(f"{source}: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return target.stat().st_size
