"""The matrix in docs/faults.md is whole: each row has its test, each test its row."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = {"M": 13, "C": 18, "V": 12, "L": 8, "H": 15}
COLUMNS = 6


def table() -> dict[str, list[str]]:
    """Return the cells of each row of the document by its id."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "docs" / "faults.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if re.fullmatch(r"[MCVLH]\d+", cells[0]):
            assert cells[0] not in found, f"{cells[0]} is there twice"
            found[cells[0]] = cells
    return found


@cache
def names() -> frozenset[str]:
    """Return the names of all test functions under tests/faults."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests" / "faults").glob("test_*.py")]
    return frozenset(
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def rows_of(name: str) -> list[str]:
    """Return the ids a test's name begins with: `test_m7_m8_...` is of M7 and M8."""
    found = re.match(r"test((?:_[mcvlh]\d+)+)_", name)
    return [part.upper() for part in found[1].strip("_").split("_")] if found else []


@pytest.mark.parametrize("group", sorted(ROWS))
def test_every_row_is_there_with_a_test_and_a_measured_bound(group: str) -> None:
    rows, there = table(), names()
    assert [row for row in rows if row[0] == group] == [f"{group}{n}" for n in range(1, ROWS[group] + 1)]
    for row, cells in rows.items():
        if row[0] != group:
            continue
        assert len(cells) == COLUMNS, f"{row} has {len(cells)} columns"
        assert all(cells), f"{row} has an empty column"
        named = re.findall(r"test_\w+", cells[-1])
        assert named, f"{row} names no test"
        for name in named:
            assert name in there, f"{row} names {name}, which does not exist"
            assert row in rows_of(name), f"{row} names {name}, which is of another row"


@pytest.mark.parametrize("group", sorted(ROWS))
def test_every_test_of_a_row_has_its_row(group: str) -> None:
    rows = table()
    for name in sorted(names()):
        for row in rows_of(name):
            assert row[0] != group or row in rows, f"{name} is of {row}, which has no row in docs/faults.md"
