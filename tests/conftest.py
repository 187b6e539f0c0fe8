"""What every run of tests gets: namespaces that nobody else sees, examples without a clock.

How long hypothesis needs for an example says how busy the machine is, with several workers above
all, and nothing about the code.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from tests.helpers.seclusion import end_orphans, seclude


def pytest_configure(config: pytest.Config) -> None:
    """Also in each worker of pytest-xdist, beside the others."""
    if not hasattr(config, "workerinput"):
        end_orphans()
    seclude()
    unhurried = [HealthCheck.too_slow]
    settings.register_profile("side by side", deadline=None, suppress_health_check=unhurried)
    settings.load_profile("side by side")
