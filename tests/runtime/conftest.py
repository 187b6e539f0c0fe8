"""Namespaces for tests of what talks to the kernel; tests that use one are marked `lab`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.helpers.lab import need
from tests.helpers.netns import Netns, names


@pytest.fixture
def make_netns() -> Iterator[Callable[[], Netns]]:
    """Make any number of namespaces; those that are left are removed."""
    need("ip")
    made: list[Netns] = []
    free = names()

    def make() -> Netns:
        made.append(Netns(next(free)))
        return made[-1]

    yield make
    for netns in made:
        if netns.process.poll() is None:
            netns.remove()


@pytest.fixture
def netns(make_netns: Callable[[], Netns]) -> Netns:
    """One namespace."""
    return make_netns()
