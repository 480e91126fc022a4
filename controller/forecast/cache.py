"""The last good answer, on disk: one JSON beside the ledger, replaced whole or not at all."""

import contextlib
import json
import logging
import os
from dataclasses import astuple
from pathlib import Path
from typing import Any

from controller.errors import ForecastImplausible
from controller.forecast.answers import MOST, Answer, SunStep, checked

log = logging.getLogger(__name__)
FORMAT = 1
MAX_BYTES = 4 * 1024 * 1024


def save(path: Path, answer: Answer) -> bool:
    """Write the answer; return whether it is on disk. A full disk leaves the former one."""
    document = {
        "format": FORMAT,
        "source": answer.source,
        "kind": answer.kind,
        "fetched_s": answer.fetched_s,
        "steps": [astuple(step) for step in answer.steps],
    }
    aside = path.with_name(path.name + ".new")
    try:
        with aside.open("w", encoding="utf-8") as file:
            json.dump(document, file, separators=(",", ":"), allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except (OSError, ValueError) as error:
        log.warning("event=forecast_not_kept reason=%s", type(error).__name__)
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        return False
    return True


def load(path: Path) -> Answer | None:
    """Return the kept answer; None if there is none or it cannot be read, which the next fetch mends."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        return _answer(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, KeyError, TypeError, ForecastImplausible) as error:
        log.warning("event=forecast_cache_unreadable reason=%s", type(error).__name__)
        return None


def _answer(found: Any) -> Answer:
    if found["format"] != FORMAT or found["kind"] not in MOST or not isinstance(found["source"], str):
        raise ValueError("another format")
    steps = []
    for begin_s, end_s, value, *spread in found["steps"]:
        low, high = (None if number is None else float(number) for number in spread)
        steps.append(SunStep(float(begin_s), float(end_s), float(value), low, high))
    return Answer(found["source"], found["kind"], float(found["fetched_s"]), checked(found["kind"], steps))
