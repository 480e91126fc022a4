"""The file of prices: whole after any interruption, moved aside when damaged, never of another tariff."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.tariffs.quotes import Quote
from controller.tariffs.store import PriceFile, Stored

QUOTES = (
    Quote(900.0, 1800.0, 8.25),
    Quote(1800.0, 2700.0, None, 31.5),
    Quote(3600.0, 7200.0, None, None, 300.0),
)


def stored(quotes: tuple[Quote, ...] = QUOTES) -> Stored:
    return Stored(quotes, 1000.0, 1100.0, 1200.0, 1150.0, "a failure", {"compared": "2026-01-15"})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """All of it, and the raw bodies beside it, readable by the service alone."""
    path = tmp_path / "prices" / "awattar.json"
    PriceFile(path, "awattar de").save(stored(), [b"body one", b"body two"])
    file = PriceFile(path, "awattar de")
    assert file.load() == stored()
    assert file.complaint == ""
    assert path.with_suffix(".raw").read_bytes() == b"body one\nbody two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == ["awattar.json", "awattar.raw"]


def test_prices_of_another_tariff_are_not_read(tmp_path: Path) -> None:
    """After a change of zone or product the old prices are nothing, and no damage either."""
    path = tmp_path / "p.json"
    PriceFile(path, "octopus A C").save(stored())
    file = PriceFile(path, "octopus A D")
    assert file.load() == Stored()
    assert file.complaint == ""
    assert PriceFile(tmp_path / "none.json", "x").load() == Stored()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\x00" * 100,
        b"[]",
        b'{"format":99}',
        b'{"format":1,"of":"x","quotes":[[1,NaN,1,1,1]]}',
        b'{"format":1,"of":"x","quotes":[[900,1800,1,null,null],[900,1800,2,null,null]],"fetched_s":null,'
        b'"tried_s":null,"due_s":null,"not_before_s":0,"failure":"","notes":{}}',
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "zeros", "list", "format", "nan", "overlap", "deep"],
)
def test_a_damaged_file_is_moved_aside_and_said(tmp_path: Path, damage: bytes) -> None:
    """What cannot be read is kept under another name, a sentence says so, and saving works again."""
    path = tmp_path / "p.json"
    path.write_bytes(damage)
    file = PriceFile(path, "x")
    assert file.load() == Stored()
    assert "damaged" in file.complaint
    assert str(path) in file.complaint
    assert path.with_suffix(".damaged").read_bytes() == damage
    file.save(stored())
    assert PriceFile(path, "x").load() == stored()


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 400))
def test_any_bytes_are_prices_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    """Bytes overwritten anywhere: what loads is in order, and nothing is raised."""
    path = tmp_path_factory.mktemp("store") / "p.json"
    PriceFile(path, "x").save(stored())
    body = bytearray(path.read_bytes())
    body[at : at + len(junk)] = junk
    path.write_bytes(bytes(body))
    found = PriceFile(path, "x").load()
    ends = [0.0]
    for quote in found.quotes:
        assert ends[-1] <= quote.begin_s < quote.end_s or len(ends) == 1
        ends.append(quote.end_s)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from controller.tariffs import store
    from controller.tariffs.quotes import Quote
    real = os.{call}
    def die(*arguments, **options):
        if {after}:
            real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    os.{call} = die
    quotes = tuple(Quote(900.0 * i, 900.0 * (i + 1), 7.0) for i in range(1000))
    store.PriceFile(Path(sys.argv[1]), "x").save(store.Stored(quotes), [b"new"])
"""


@pytest.mark.parametrize(
    ("call", "after"),
    [("fsync", False), ("fsync", True), ("replace", False), ("replace", True)],
    ids=["before-sync", "after-sync", "before-rename", "after-rename"],
)
def test_killed_at_any_moment_of_a_write_nothing_is_lost(tmp_path: Path, call: str, after: bool) -> None:
    """A process that is killed while writing leaves the old prices or the new ones, whole."""
    path = tmp_path / "p.json"
    PriceFile(path, "x").save(stored())
    code = textwrap.dedent(KILLED.format(call=call, after=after))
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60, check=False)
    assert done.returncode == -9
    file = PriceFile(path, "x")
    assert file.load().quotes in (QUOTES, tuple(Quote(900.0 * i, 900.0 * (i + 1), 7.0) for i in range(1000)))
    assert file.complaint == ""
    file.save(stored())
    assert file.load() == stored()


def test_a_disk_that_refuses_loses_nothing(tmp_path: Path) -> None:
    """A file that cannot be written raises, and the old one is as it was."""
    path = tmp_path / "p.json"
    file = PriceFile(path, "x")
    file.save(stored())
    fresh = tmp_path / f"p.json.{os.getpid()}.new"
    fresh.mkdir()  # root may write anything; a folder in the way refuses root too
    with pytest.raises(OSError):
        file.save(Stored())
    assert file.load() == stored()
    assert json.loads(path.read_bytes())["of"] == "x"
