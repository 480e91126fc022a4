"""What holds for the whole suite: no test leaves a secret behind, none fails because the machine is busy.

With AMPILOT_DRAW=same every search draws what it drew before: a run that decides over a change fails by the
change, not by luck. Without it each run searches anew, and `make hunt` does so for long.
"""

import os

import pytest
from hypothesis import settings

from tests.canary import pytest_runtest_makereport as pytest_runtest_makereport

settings.register_profile(
    "whatever the load", deadline=None, derandomize=os.environ.get("AMPILOT_DRAW") == "same"
)
settings.load_profile("whatever the load")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the long run begin with what may take longest, so that nobody waits for it in the end."""
    if config.option.markexpr.startswith("slow"):
        items.sort(key=_most_s, reverse=True)


def _most_s(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker is not None and marker.args else 0.0
