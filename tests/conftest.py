"""What every run of tests gets: namespaces of its own, which nobody else on the machine sees."""

from __future__ import annotations

import pytest
from tests.helpers.seclusion import end_orphans, seclude


def pytest_configure(config: pytest.Config) -> None:
    """Also in each worker of pytest-xdist, beside the others."""
    if not hasattr(config, "workerinput"):
        end_orphans()
    seclude()
