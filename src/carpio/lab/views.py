"""Who was master when, host by host, told from the adverts that each host could hear. Pure.

The rule holds when a scenario takes hosts apart, too: a host is master from its first advert that
is no bow-out, until its own bow-out, until it could hear a better host's advert, or until 3 x
advbase after its own last one. A worse host's advert deposes nobody; it is that host's fault, and
told as a takeover before the protocol's limit. CARP elects one master for both families, VRRP one
for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import TypeAlias

from carpio.lab.roles import (
    BOW_OUT_WAIT_NS,
    DOWN_FACTOR,
    GRACE_NS,
    SECOND,
    SKEW_NS,
    Ending,
    HeardAdvert,
    Mastership,
    begun,
    continued,
    ended,
)
from carpio.lab.sighting import Advert
from carpio.wire.constants import Family

__all__ = ["Apart", "masterships_by_view", "takeover_limit_before"]

Apart: TypeAlias = Callable[[str, str, int], bool]
"""Whether two hosts do not hear each other at a time."""


def masterships_by_view(adverts: Sequence[HeardAdvert], is_apart: Apart) -> tuple[Mastership, ...]:
    """Return all masterships of a group in order of their start; `adverts` are in order."""
    found = [
        mastership
        for election in _elections(adverts)
        for host in dict.fromkeys(heard.host for heard in election)
        for mastership in _of_host(host, election, is_apart)
    ]
    return tuple(sorted(found, key=lambda mastership: mastership.start_ns))


def _elections(adverts: Sequence[HeardAdvert]) -> Iterator[Sequence[HeardAdvert]]:
    """Yield what is heard in each election: VRRP holds one for each family (RFC 5798)."""
    if not any(heard.advert.is_vrrp for heard in adverts):
        yield adverts
        return
    for family in Family:
        yield [heard for heard in adverts if heard.advert.family is family]


def _of_host(own: str, adverts: Sequence[HeardAdvert], is_apart: Apart) -> list[Mastership]:
    done: list[Mastership] = []
    current: Mastership | None = None
    said: Advert | None = None
    for heard in adverts:
        if current is not None and heard.time_ns > current.expiry_ns:
            done.append(ended(current, Ending.EXPIRED, current.expiry_ns))
            current = None
        if heard.host != own:
            is_deposed = (
                current is not None
                and said is not None
                and not heard.advert.is_bow_out
                and _is_better(heard.advert, said)
                and not is_apart(own, heard.host, heard.time_ns)
            )
            if is_deposed and current is not None:
                done.append(ended(current, Ending.DEPOSED, heard.time_ns))
                current = None
            continue
        if heard.advert.is_bow_out:
            if current is not None:
                done.append(ended(current, Ending.BOW_OUT, heard.time_ns))
            current = None
        elif current is None:
            if not _has_crossed(heard, done):
                current, said = begun(heard), heard.advert
        else:
            current, said = continued(current, heard), heard.advert
    if current is not None:
        done.append(ended(current, Ending.EXPIRED, current.expiry_ns))
    return done


def _is_better(one: Advert, other: Advert) -> bool:
    return (one.advbase, one.advskew) < (other.advbase, other.advskew)


def _has_crossed(heard: HeardAdvert, done: Sequence[Mastership]) -> bool:
    return bool(
        done
        and done[-1].ending is Ending.DEPOSED
        and heard.time_ns - done[-1].ended_at_ns <= GRACE_NS
    )


def takeover_limit_before(
    new: Mastership, adverts: Sequence[HeardAdvert], is_apart: Apart, since_ns: int
) -> int | None:
    """Return the earliest moment at which the host of `new` may have taken over.

    None when there is none to tell: nobody else was heard since `since_ns`, when the host began to
    listen, or the one who was heard last is not better, so that it may be replaced at any time.
    """
    first = next(
        heard for heard in adverts if heard.host == new.host and heard.time_ns == new.start_ns
    ).advert
    before = [
        heard
        for heard in adverts
        if since_ns <= heard.time_ns < new.start_ns
        and heard.host != new.host
        and not is_apart(new.host, heard.host, heard.time_ns)
        and (not first.is_vrrp or heard.advert.family is first.family)
    ]
    if not before:
        return None
    last = before[-1]
    if last.advert.is_bow_out:
        goodbyes = takewhile(lambda heard: heard.advert.is_bow_out, reversed(before))
        *_, earliest = goodbyes  # one of each family; whichever came first may be acted on
        return earliest.time_ns + first.advskew * BOW_OUT_WAIT_NS // 256
    if _is_better(first, last.advert):
        return None
    times: dict[Family, int] = {
        heard.advert.family: heard.time_ns for heard in before if heard.host == last.host
    }
    down_ns = DOWN_FACTOR * last.advert.advbase * SECOND + first.advskew * SKEW_NS
    return min(times.values()) + down_ns
