"""A lab for tests that run real daemons: two hosts, a switch, a router, ears and a client.

    def test_it(lab, capture, probe, flood):
        daemon = lab["a"].start_carpio(TOML)
        with capture, probe, flood(5000):
            daemon.wait_for_log("BACKUP -> MASTER")
        assert tally_of(capture.files, GROUP).count_wrong() == 0

Every test that uses `lab` is marked `lab` and skipped, with the reason, where it cannot run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.helpers.lab import need

from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.topology import Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.lab)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Two hosts `a` and `b`, kernel default settings; logs and captures in tmp_path/lab."""
    need()
    with Lab(out=tmp_path / "lab") as lab:
        yield lab


@pytest.fixture
def capture(lab: Lab) -> Capture:
    """All ports of the switch, captured within `with capture:`."""
    return Capture(lab)


@pytest.fixture
def probe(lab: Lab) -> Probe:
    """1 kHz echo requests to both shared addresses, sent within `with probe:`."""
    return Probe(lab)


@pytest.fixture
def flood(lab: Lab) -> Callable[[int], Flood]:
    """ARP requests and neighbour solicitations, sent within `with flood(RATE):`."""
    return lambda rate: Flood(lab, rate)
