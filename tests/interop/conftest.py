"""The lab for tests that put another implementation beside a real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.lab import need

from carpio.lab.observe import Capture
from carpio.lab.topology import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Two hosts `a` and `b` on a switch."""
    need()
    with Lab(out=tmp_path / "lab") as lab:
        yield lab


@pytest.fixture
def capture(lab: Lab) -> Capture:
    """All ports of the switch, captured within `with capture:`."""
    return Capture(lab)
