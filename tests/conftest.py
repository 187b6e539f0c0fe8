"""What every run of tests gets: namespaces that nobody else sees, examples without a clock, logs.

How long hypothesis needs for an example says how busy the machine is, with several workers above
all, and nothing about the code. Of a failure that does not come again nothing is left but logs.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from tests.helpers.failing import add_logs
from tests.helpers.seclusion import end_orphans, seclude


def pytest_configure(config: pytest.Config) -> None:
    """Also in each worker of pytest-xdist, beside the others."""
    if not hasattr(config, "workerinput"):
        end_orphans()
    seclude()
    unhurried = [HealthCheck.too_slow]
    settings.register_profile("side by side", deadline=None, suppress_health_check=unhurried)
    settings.load_profile("side by side")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of a test that failed."""
    report = yield
    add_logs(item, report)
    return report
