"""The bound each fault test measured, printed beside the promised one at the end of a run."""

from collections.abc import Callable

import pytest

BOUND = "bound"


@pytest.fixture
def bound(request: pytest.FixtureRequest) -> Callable[[str, str, float, float, str], None]:
    """Return `bound(row, what, promised, measured, unit)`: it records, and asserts measured <= promised."""

    def record(row: str, what: str, promised: float, measured: float, unit: str) -> None:
        request.node.user_properties.append((BOUND, (row, what, promised, measured, unit)))
        assert measured <= promised, f"{row}: {what}: {measured:g} {unit}, promised {promised:g} {unit}"

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line per recorded bound."""
    lines = [
        value
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        for key, value in getattr(report, "user_properties", [])
        if key == BOUND
    ]
    if lines:
        terminalreporter.section("bounds: promised and measured")
    for row, what, promised, measured, unit in sorted(lines, key=lambda line: (line[0][0], int(line[0][1:]))):
        terminalreporter.write_line(
            f"{row:<4} {what:<58} <= {promised:g} {unit}, measured {measured:.3g} {unit}"
        )
