"""What every run of tests gets: namespaces that nobody else sees, examples without a clock, logs.

How long hypothesis needs for an example says how busy the machine is, with several workers above
all, and nothing about the code. Of a failure that does not come again nothing is left but logs.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from tests.helpers.failing import pytest_runtest_makereport
from tests.helpers.seclusion import end_orphans, seclude

__all__ = ["pytest_configure", "pytest_runtest_makereport"]


def pytest_configure(config: pytest.Config) -> None:
    """Also in each worker of pytest-xdist, beside the others."""
    if not hasattr(config, "workerinput"):
        end_orphans()
    seclude()
    unhurried = [HealthCheck.too_slow]
    settings.register_profile("side by side", deadline=None, suppress_health_check=unhurried)
    settings.load_profile("side by side")
