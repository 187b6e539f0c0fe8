"""What FreeBSD says about an interface as a whole: its flags and its interface groups.

Linux has other bits, and no groups of interfaces: both are told as FreeBSD would tell them
of an interface of this kind.
"""

from __future__ import annotations

import re
from typing import Final

from carpio.control.network import InterfaceView

__all__ = ["flags_text", "groups_of", "is_loopback", "is_up"]

_UP: Final = 0x1
_BROADCAST: Final = 0x2
_LOOPBACK: Final = 0x8
_POINTOPOINT: Final = 0x10
_RUNNING: Final = 0x40
_NOARP: Final = 0x80
_PROMISC: Final = 0x100
_ALLMULTI: Final = 0x200
_SIMPLEX: Final = 0x800
_MULTICAST: Final = 0x8000
_PPROMISC: Final = 0x20000
_LINUX_MULTICAST: Final = 0x1000
_SAME: Final = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x40 | 0x80 | 0x200
"""Bits that mean the same to both, from <linux/if.h> and <net/if.h>."""
_NAMES: Final = (
    (_UP, "UP"),
    (_BROADCAST, "BROADCAST"),
    (0x4, "DEBUG"),
    (_LOOPBACK, "LOOPBACK"),
    (_POINTOPOINT, "POINTOPOINT"),
    (_RUNNING, "RUNNING"),
    (_NOARP, "NOARP"),
    (_PROMISC, "PROMISC"),
    (_ALLMULTI, "ALLMULTI"),
    (_SIMPLEX, "SIMPLEX"),
    (_MULTICAST, "MULTICAST"),
    (_PPROMISC, "PPROMISC"),
)
_MADE_LOOPBACK: Final = re.compile(r"lo[0-9]+")
_EPAIR: Final = re.compile(r"epair[0-9]+[ab]")


def is_up(view: InterfaceView) -> bool:
    """Return whether the interface is up, whatever its carrier."""
    return bool(view.flags & _UP)


def is_loopback(view: InterfaceView) -> bool:
    """Return whether it is a loopback interface, or one made as such."""
    if view.flags & _LOOPBACK:
        return True
    return view.kind == "dummy" and _MADE_LOOPBACK.fullmatch(view.name) is not None


def flags_text(view: InterfaceView, *, is_port: bool) -> str:
    """Return `8843<UP,BROADCAST,...>`; `is_port`: it is a port of a bridge."""
    flags = _freebsd_flags(view, is_port=is_port)
    names = ",".join(name for bit, name in _NAMES if flags & bit)
    return f"{flags:x}<{names}>"


def _freebsd_flags(view: InterfaceView, *, is_port: bool) -> int:
    if is_loopback(view):
        running = _RUNNING if is_up(view) else 0
        return (view.flags & _UP) | _LOOPBACK | running | _MULTICAST
    flags = view.flags & _SAME
    if view.flags & _LINUX_MULTICAST:
        flags |= _MULTICAST
    if view.is_ethernet:
        flags = (flags & ~_RUNNING) | _BROADCAST | _SIMPLEX | _MULTICAST
        flags |= _RUNNING if is_up(view) and view.has_carrier else 0
    if view.flags & _PROMISC:
        flags |= _PROMISC | _PPROMISC  # Linux tells only what somebody asked for
    if view.groups or is_port:
        flags |= _PROMISC
    return flags


def groups_of(view: InterfaceView) -> tuple[str, ...]:
    """Return the interface groups that FreeBSD puts such an interface in, beside "all"."""
    if is_loopback(view):
        return ("lo",)
    if view.kind in ("bridge", "vlan"):
        return (view.kind,)
    return ("epair",) if view.kind == "veth" and _EPAIR.fullmatch(view.name) else ()
