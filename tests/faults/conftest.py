"""The bound each fault test measured, printed beside the promised one at the end of a run."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

BOUND = "bound"
Line = tuple[str, str, float, float, str]
MATRIX = Path(__file__).parents[2] / "docs" / "faults.md"


@pytest.fixture
def bound(request: pytest.FixtureRequest) -> Callable[[str, str, float, float, str], None]:
    """Return `bound(row, what, promised, measured, unit)`: it records, and asserts measured <= promised."""

    def record(row: str, what: str, promised: float, measured: float, unit: str) -> None:
        request.node.user_properties.append((BOUND, (row, what, promised, measured, unit)))
        assert measured <= promised, f"{row}: {what}: {measured:g} {unit}, promised {promised:g} {unit}"

    return record


def recorded(reporter: pytest.TerminalReporter) -> list[Line]:
    """Return what the tests of this run measured, by row."""
    lines = [
        value
        for kind in ("passed", "failed")
        for report in reporter.stats.get(kind, [])
        for key, value in getattr(report, "user_properties", [])
        if key == BOUND
    ]
    return sorted(lines, key=lambda line: (line[0][0], int(line[0][1:])))


def unmeasured(lines: list[Line]) -> list[str]:
    """Return the rows of docs/faults.md without a line, where `make faults` asks for every one."""
    if not os.environ.get("AMPILOT_EVERY_ROW"):
        return []
    rows = re.findall(r"^\| ([MCVLH]\d+) \|", MATRIX.read_text("utf-8"), re.MULTILINE)
    return sorted(set(rows) - {row for row, *_ in lines})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line per recorded bound, and which rows have none."""
    lines = recorded(terminalreporter)
    if lines:
        terminalreporter.section("bounds: promised and measured")
    for row, what, promised, measured, unit in lines:
        terminalreporter.write_line(
            f"{row:<4} {what:<58} <= {promised:g} {unit}, measured {measured:.3g} {unit}"
        )
    if missing := unmeasured(lines):
        terminalreporter.write_line(f"MISSING: no bound of {', '.join(missing)}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that was to measure every row and did not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(session.config, "workerinput") and unmeasured(recorded(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
