"""What a source said, kept on disk beside the ledger: one JSON file each, always whole.

Written to a new file, synced, then renamed over the old one, so that a power cut leaves either. A file that
cannot be read is moved aside and said; the source is asked again. The last bodies are kept too, for people,
as `NAME.raw`.
"""

import contextlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.errors import TariffImplausible
from controller.tariffs.quotes import LONGEST_S, Quote

FORMAT = 1
MOST_BYTES = 4 * 1024 * 1024
MOST_RAW_BYTES = 512 * 1024


@dataclass(slots=True)
class Stored:
    """What is known of a source: its quotes, when they came, what the last try said, when the next one is.

    `not_before_s` is the pause the service asked for, which holds over a restart.
    """

    quotes: tuple[Quote, ...] = ()
    fetched_s: float | None = None
    tried_s: float | None = None
    due_s: float | None = None
    not_before_s: float = 0.0
    failure: str = ""
    notes: dict[str, str] = field(default_factory=dict)


class PriceFile:
    """The file of one source. `identity` is what its prices are of; prices of something else are not read."""

    def __init__(self, path: Path, identity: str) -> None:
        self.path, self._identity = path, identity
        self.complaint = ""

    def load(self) -> Stored:
        """Return what is on disk, nothing if there is none. What is wrong with it is in `complaint`."""
        self.complaint = ""
        try:
            if self.path.stat().st_size > MOST_BYTES:
                raise ValueError("it is too large")
            document = json.loads(self.path.read_bytes())
            if document["format"] != FORMAT:
                raise ValueError(f"it has format {document['format']!r}")
            if document["of"] != self._identity:
                return Stored()  # another tariff, chosen earlier: its prices would be lies here
            return _stored(document)
        except FileNotFoundError:
            return Stored()
        except OSError as error:
            self.complaint = f"{self.path}: cannot be read ({error.strerror}); prices are fetched anew"
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError, TariffImplausible) as error:
            aside = self.path.with_suffix(".damaged")
            with contextlib.suppress(OSError):
                os.replace(self.path, aside)
            self.complaint = (
                f"{self.path}: damaged ({error}); moved aside as {aside.name}, prices are fetched anew"
            )
        return Stored()

    def save(self, stored: Stored, raw: Sequence[bytes] = ()) -> None:
        """Write it all, and the bodies of an answer if there are some. Raises OSError."""
        document = {
            "format": FORMAT,
            "of": self._identity,
            "fetched_s": stored.fetched_s,
            "tried_s": stored.tried_s,
            "due_s": stored.due_s,
            "not_before_s": stored.not_before_s,
            "failure": stored.failure,
            "notes": stored.notes,
            "quotes": [[q.begin_s, q.end_s, *q.values()] for q in stored.quotes],
        }
        make_folder(self.path.parent)
        if raw:
            write_whole(self.path.with_suffix(".raw"), b"\n".join(raw)[:MOST_RAW_BYTES])
        write_whole(self.path, json.dumps(document, separators=(",", ":"), allow_nan=False).encode())


def make_folder(folder: Path) -> None:
    """Make the folder of prices where there is none, the service's own whoever asks. Raises OSError."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        _give_to_owner(folder)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that after any interruption the old or the new one is there. Raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _give_to_owner(fresh)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _give_to_owner(path: Path) -> None:
    """Let the service read what root wrote for it from the command line."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _stored(document: dict[str, Any]) -> Stored:
    quotes: list[Quote] = []
    for begin_s, end_s, *values in document["quotes"]:
        spot, all_in, co2 = (None if value is None else _finite(value) for value in values)
        quote = Quote(_finite(begin_s), _finite(end_s), spot, all_in, co2)
        if not 0 < quote.end_s - quote.begin_s <= LONGEST_S or (quotes and quote.begin_s < quotes[-1].end_s):
            raise ValueError("its times are out of order")
        quotes.append(quote)
    times = (document[key] for key in ("fetched_s", "tried_s", "due_s"))
    fetched_s, tried_s, due_s = (None if at is None else _finite(at) for at in times)
    if not isinstance(document["notes"], dict):
        raise ValueError("its notes are none")
    notes = {str(key): str(text) for key, text in document["notes"].items()}
    pause_s = _finite(document["not_before_s"])
    return Stored(tuple(quotes), fetched_s, tried_s, due_s, pause_s, str(document["failure"])[:300], notes)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a number is none")
    return float(value)
