"""Latched faults: what they forbid, that they outlive restarts, and that only a person ends them."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.main import app
from controller.clock import SimClock
from controller.ledger.latch_store import LatchStore, acknowledge, waiting
from controller.ledger.ledger import Ledger
from controller.limits import Limits
from controller.line import latches
from controller.line.latches import Effect, Latch
from controller.model import Ceiling

TOP = Ceiling(16, 16, 12, "configured maximum")
FLIP = Latch("sign_flip", "the import fell when the car began")
GUARD = Latch("guard", "the guard refused 6 A x1")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "ledger.db", SimClock(datetime(2026, 6, 21, 9, tzinfo=UTC)))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("kind", "raise_a", "reduce_a"),
    [("plugin", 16, 12), ("guard", 0, 12), ("app", 0, 12), ("sign_flip", 0, 6), ("over_draw", 0, 0)],
)
def test_each_effect_bounds_the_ceiling(kind: str, raise_a: int, reduce_a: int) -> None:
    top = latches.bounded(TOP, (Latch(kind, "seen"),), Limits(blind_a=6))
    assert (top.raise_one_a, top.raise_three_a, top.reduce_to_a) == (raise_a, raise_a, reduce_a)
    if raise_a == 0:
        assert f"ampilot ack {kind}" in top.source


def test_the_worst_of_several_counts_and_nothing_is_ever_allowed_more() -> None:
    both = (Latch("app", "by app"), Latch("over_draw", "20 A of 16 A"))
    assert latches.bounded(TOP, both, Limits()).reduce_to_a == 0
    low = Ceiling(0, 0, 0, "blind", "blind")
    assert latches.bounded(low, (FLIP,), Limits(blind_a=6)).reduce_to_a == 0


def test_a_kind_nobody_knows_holds() -> None:
    assert Latch("from_a_newer_version", "x").effect is Effect.HOLD


def test_one_of_a_kind_is_enough() -> None:
    once = latches.with_new((), FLIP)
    assert latches.with_new(once, Latch("sign_flip", "again")) is once


def test_only_the_app_s_claim_ends_with_the_car() -> None:
    assert latches.after_unplug((FLIP, Latch("app", "by app"))) == (FLIP,)


def test_a_restart_finds_what_was_latched_and_an_acknowledgement_ends_it(ledger: Ledger) -> None:
    store = LatchStore(ledger)
    store.keep((), (FLIP, GUARD))
    again = LatchStore(ledger)
    assert again.load() == (FLIP, GUARD)
    assert again.acknowledged((FLIP, GUARD)) == frozenset()
    acknowledge(ledger.path, ["sign_flip"], 1)  # a second connection, as the command has it
    assert again.acknowledged((FLIP, GUARD)) == {"sign_flip"}
    assert again.acknowledged((GUARD,)) == frozenset()
    assert LatchStore(ledger).load() == (GUARD,)


def test_what_was_latched_while_the_disk_refused_is_not_taken_for_acknowledged(ledger: Ledger) -> None:
    store = LatchStore(ledger)
    ledger._writer.connection.execute("PRAGMA query_only = 1")  # what a file system gone read-only does
    store.keep((), (FLIP,))
    assert ledger.degraded
    assert store.acknowledged((FLIP,)) == frozenset()
    ledger._writer.connection.execute("PRAGMA query_only = 0")
    ledger.record_event("disk", "info", "well again")
    assert store.acknowledged((FLIP,)) == frozenset()
    acknowledge(ledger.path, ["sign_flip"], 1)
    assert store.acknowledged((FLIP,)) == {"sign_flip"}


def test_it_can_latch_again_after_it_was_acknowledged(ledger: Ledger) -> None:
    store = LatchStore(ledger)
    for _ in range(2):
        store.keep((), (FLIP,))
        acknowledge(ledger.path, ["sign_flip"], 1)
        assert store.acknowledged((FLIP,)) == {"sign_flip"}
    assert ledger.rows("SELECT count(*) FROM latches") == [(2,)]


def test_an_acknowledged_row_stays_so(ledger: Ledger) -> None:
    LatchStore(ledger).keep((), (FLIP,))
    acknowledge(ledger.path, ["sign_flip"], 1)
    with pytest.raises(sqlite3.IntegrityError, match="stays acknowledged"):
        ledger._writer.connection.execute("UPDATE latches SET acked_ms = NULL")


def run(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    config = tmp_path / "ampilot.toml"
    config.write_text(
        '[grid]\nprofile = "eastron-sdm630"\nhost = "127.0.0.1"\n[charger]\nserial = "000001"\n'
        f'token_file = "{tmp_path / "token"}"\n[ledger]\npath = "{tmp_path / "ledger.db"}"\n'
    )
    done = CliRunner().invoke(app, ["ack", *arguments, "--config", str(config)])
    return done.exit_code, " ".join(done.output.split())


def test_the_command_lists_and_acknowledges(ledger: Ledger, tmp_path: Path) -> None:
    assert run(tmp_path) == (0, "Nothing is latched.")
    LatchStore(ledger).keep((), (FLIP, GUARD))
    code, text = run(tmp_path)
    assert code == 0
    assert "the import fell when the car began" in text
    assert "check the wiring of the meter" in text
    assert "ampilot ack sign_flip" in text
    assert run(tmp_path, "sign_flip") == (0, "acknowledged: sign_flip")
    assert [item.latch for item in waiting(ledger.path)] == [GUARD]
    code, text = run(tmp_path, "sign_flip")
    assert code == 1
    assert "latched: guard" in text
    assert run(tmp_path, "all") == (0, "acknowledged: guard")
    assert run(tmp_path, "all")[0] == 1
