"""A short run of every target; `make fuzz` goes on for as long as it is told."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import STORED, Target, targets

EXAMPLES = {"ledger file": 8, "ledger row": 5, "config": 25}
TARGETS = targets()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_parser_keeps_its_word(target: Target) -> None:
    """Only documented errors, only finite values in their range."""
    few = 10 if target.name.startswith("meter ") else 40
    limits = settings(
        max_examples=EXAMPLES.get(target.name, few),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    limits(given(target.inputs)(target.feed))()


FOUND = [
    ("meter profile", b"id = " + b"[" * 3000),
    ("tariff file", json.dumps(STORED | {"notes": None}).encode()),
    ("tariff file", json.dumps(STORED | {"due_s": 10**400}).encode()),
]
"""Inputs that once broke their parser."""


@pytest.mark.parametrize(("name", "body"), FOUND)
def test_what_was_found_stays_mended(name: str, body: bytes) -> None:
    next(target for target in TARGETS if target.name == name).feed(body)


def test_the_fuzzer_finds_what_is_broken() -> None:
    """A parser that forgets one case is found: the search is not blind."""

    def careless(body: bytes) -> None:
        assert b"NaN" not in body

    target = next(target for target in TARGETS if target.name == "charger body")
    limits = settings(
        max_examples=400,
        deadline=None,
        database=None,
        derandomize=True,  # a search that finds most of the time would fail now and then
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        limits(given(target.inputs)(careless))()
