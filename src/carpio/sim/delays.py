"""Which faults make adverts of a pair take an interval or longer: what is on one way adds up.

Knows faults and the members of a group; must not know what comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from carpio.sim.faults import Fault, FaultKind
from carpio.sim.watch import GroupWatch, Member
from carpio.wire.constants import Family

__all__ = ["cause_of", "too_slow"]

_SECOND: Final = 1_000_000_000


def cause_of(fault: Fault) -> str:
    """Return what a fault on a link is as a cause."""
    return f"{fault.kind.value} on the link of {fault.host}"


def too_slow(watch: GroupWatch, faults: Sequence[Fault]) -> list[str]:
    """Return the causes that an advert can take an interval of the fastest member; none: it cannot.

    `faults`: all that delay something now.
    """
    limit = _SECOND * min((one.advbase for one in watch.members if one.advbase), default=1)
    if sum(fault.by for fault in faults) < limit:
        return []
    hosts = {fault.host for fault in faults}
    slowed = [member for member in watch.members if member.node.name in hosts]
    found: dict[str, None] = {}
    for sender, receiver in permutations((None, *slowed), 2):  # None: one without delays
        for family in Family:
            out = [it for it in faults if _meets(it, sender, "out", family)]
            back = [it for it in faults if _meets(it, receiver, "in", family)]
            if _longest(out) + _longest(back) >= limit:
                found |= dict.fromkeys(map(cause_of, (*out, *back)))
    return list(found)


def _meets(fault: Fault, member: Member | None, direction: str, family: Family) -> bool:
    """Whether a fault is on the way of what a member sends or hears."""
    return (
        member is not None
        and fault.host == member.node.name
        and fault.interface in ("", member.key.carpdev)
        and fault.direction in ("", direction)
        and fault.family in (None, family)
    )


def _longest(faults: Sequence[Fault]) -> int:
    """Return how long a frame can take through them; what is overtaken is so once."""
    overtaken = [fault.by for fault in faults if fault.kind is FaultKind.REORDER]
    return sum(fault.by for fault in faults) - sum(overtaken) + max(overtaken, default=0)
