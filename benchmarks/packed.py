"""Recorded days in few bytes: whole W as differences, LZMA. The format is described in days/README.md."""

import json
import lzma
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

from controller.days.traces import Day
from controller.errors import ConfigError

SUFFIX = ".days.xz"
FORMAT = 1


def write(path: Path, trace: str, days: Sequence[Day]) -> None:
    """Write a trace's days, powers rounded to 1 W."""
    header = {
        "format": FORMAT,
        "trace": trace,
        "days": [{"date": day.date, "step_s": day.step_s, "samples": len(day.pv_w)} for day in days],
    }
    body = bytearray(json.dumps(header, separators=(",", ":")).encode() + b"\n")
    for values in chain.from_iterable((day.pv_w, day.load_w) for day in days):
        _pack(values, body)
    path.write_bytes(lzma.compress(bytes(body), preset=9 | lzma.PRESET_EXTREME))


def read(path: Path) -> list[Day]:
    """Return the days of a packed trace. Raises ConfigError for anything else."""
    try:
        head, _, body = lzma.decompress(path.read_bytes()).partition(b"\n")
        header = json.loads(head)
        if header["format"] != FORMAT:
            raise ValueError(f"format {header['format']}, known: {FORMAT}")
        at, days = 0, []
        for entry in header["days"]:
            pv_w, at = _unpack(body, at, entry["samples"])
            load_w, at = _unpack(body, at, entry["samples"])
            days.append(Day(header["trace"], entry["date"], entry["step_s"], pv_w, load_w))
        if at != len(body):
            raise ValueError(f"{len(body) - at} bytes too many")
    except (OSError, lzma.LZMAError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"{path}: no packed days ({error}). Remedy: make it with benchmarks/pack_days.py."
        ) from error
    return days


def _pack(values: Sequence[float], into: bytearray) -> None:
    """Append differences: zigzag (0, -1, 1, -2 ... become 0, 1, 2, 3 ...), seven bits to a byte."""
    whole = [round(value) for value in values]
    for before, after in pairwise([0, *whole]):
        step = after - before
        code = 2 * step if step >= 0 else -2 * step - 1
        while code > 127:
            into.append(code & 127 | 128)
            code >>= 7
        into.append(code)


def _unpack(body: bytes, at: int, count: int) -> tuple[list[float], int]:
    """Return `count` powers in W and where the next begin."""
    values, held = [], 0
    for _ in range(count):
        code = shift = 0
        while (byte := body[at]) > 127:
            code |= (byte & 127) << shift
            shift += 7
            at += 1
        code |= byte << shift
        at += 1
        held += -(code + 1 >> 1) if code & 1 else code >> 1
        values.append(float(held))
    return values, at
