"""What holds for the whole suite: no test leaves a secret behind."""

from tests.canary import pytest_runtest_makereport as pytest_runtest_makereport
