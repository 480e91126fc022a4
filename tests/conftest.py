"""What holds for the whole suite: no test leaves a secret behind, none fails because the machine is busy."""

from hypothesis import settings

from tests.canary import pytest_runtest_makereport as pytest_runtest_makereport

settings.register_profile("whatever the load", deadline=None)
settings.load_profile("whatever the load")
