"""How good answers become bad ones: bytes changed at random, values of a document replaced by odd ones."""

import contextlib
import json
from typing import Any

from hypothesis import strategies as st

ODD_TEXTS = (
    "",
    "NaN",
    "1e999",
    "-Infinity",
    "\x1b[2J",
    "a\nb",
    "\u202e",
    "\x00",
    "9" * 400,
    "2026-13-45",
    "é" * 3000,
)
ODD_NUMBERS = (
    0,
    -1,
    1,
    1e308,
    -1e308,
    5e-324,
    2**63,
    10**40,
    -(10**40),
    1e16,
    65535,
    0.1,
    float("nan"),
    float("inf"),
)
SNIPPETS = (
    b"",
    b"NaN",
    b"1e999",
    b"[" * 3000,
    b"{}",
    b"null",
    b'"',
    b"\xff\xfe",
    b"\x00",
    b"-",
    b"9" * 5000,
    b"<!--",
)

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_NUMBERS),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-5, 5), max_size=20),
)


@st.composite
def bent(draw: st.DrawFn, good: bytes) -> bytes:
    """Return bytes with some stretches replaced, left out or doubled; sometimes the good ones."""
    body = bytearray(good)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        end = at + draw(st.integers(0, min(40, len(body) - at)))
        new = draw(st.sampled_from(SNIPPETS) | st.binary(max_size=8))
        body[at:end] = bytes(body[at:end]) * 2 if draw(st.booleans()) else new
    return bytes(body)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


@st.composite
def odd_json(draw: st.DrawFn, good: Any) -> bytes:
    """Return a document with up to three of its values replaced by odd ones or left out, as bytes."""
    document = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([place for place in _places(document) if place] or [(None,)]))
        if last is None:
            break
        parent = document
        for step in way:
            parent = parent[step]
        if isinstance(parent, dict) and draw(st.integers(0, 5)) == 0:
            del parent[last]
        else:
            parent[last] = draw(odd)
        if not _places(document)[1:]:
            break
    return json.dumps(document).encode()


def any_body(good: bytes) -> st.SearchStrategy[bytes]:
    """Return bodies near a good one, and bodies of nothing."""
    near = [bent(good), st.binary(max_size=60)]
    with contextlib.suppress(ValueError):  # not JSON: bent only
        near.append(odd_json(json.loads(good)))
    return st.one_of(near)
