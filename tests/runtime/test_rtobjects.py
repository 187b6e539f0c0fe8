"""What the kernel tells of a link, judged as CARP needs it."""

from __future__ import annotations

import pytest

from carpio.runtime.rtobjects import Link

UP, LOWER_UP = 0x1, 0x10000


def link(flags: int, operstate: int) -> Link:
    return Link(
        index=2,
        name="eth0",
        kind="",
        mac=bytes(6),
        hardware=1,
        flags=flags,
        operstate=operstate,
        lower=0,
        lower_elsewhere=False,
        master=0,
        mtu=1500,
        alias="",
    )


@pytest.mark.parametrize(
    ("flags", "operstate", "works"),
    [
        (UP | LOWER_UP, 6, True),
        (UP, 6, False),
        (UP, 0, False),
        (UP | LOWER_UP, 0, True),
        (UP | LOWER_UP, 2, False),
        (UP | LOWER_UP, 3, False),
        (UP | LOWER_UP, 5, False),
    ],
    ids=[
        "up",
        "up without carrier",
        "unknown without carrier",
        "unknown with carrier",
        "down",
        "lower layer down",
        "dormant",
    ],
)
def test_r075_a_link_works_only_with_carrier_and_when_nothing_is_said_against_it(
    flags: int, operstate: int, works: bool
) -> None:
    assert link(flags, operstate).has_carrier is works


def test_r076_a_link_that_is_administratively_down_is_not_up() -> None:
    assert not link(0, 2).is_up
    assert link(UP, 2).is_up
