"""Which system calls a jail has: what no capability guards and a jail does not need is refused.

- Sockets of other families than unix, inet, inet6 and netlink, unless `allow.socket_af`.
- New namespaces: they would be jails made from inside a jail, with all capabilities in them.
- Keyrings, which are not per jail; io_uring, which makes sockets past a filter; eBPF, performance
  counters and page faults for programs.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Final

from carpio.jail.capabilities import may_mount
from carpio.jail.values import Setpoint

__all__ = ["filter_of"]

_FAMILIES: Final = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""
_NAMESPACES: Final = 0x7E020000
"""CLONE_NEW* of linux/sched.h that are flags of clone and unshare."""
_NEWTIME: Final = 0x80
_ARCHITECTURES: Final = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
    "s390x": ("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
}
_WITHOUT_USE: Final = (
    "add_key",
    "bpf",
    "keyctl",
    "perf_event_open",
    "request_key",
    "userfaultfd",
)
_URING: Final = ("io_uring_enter", "io_uring_register", "io_uring_setup")

Rule = dict[str, object]


def filter_of(values: Mapping[str, Setpoint], machine: str | None = None) -> dict[str, object]:
    """Return the part `linux.seccomp` of an OCI configuration."""
    rules = [_refuse(_WITHOUT_USE, errno.EPERM)]
    if not may_mount(values):
        rules += _namespaces(machine or os.uname().machine)
    if values.get("allow.socket_af") is not True:
        rules += _socket_families()
    architectures = _ARCHITECTURES.get(machine or os.uname().machine, ())
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        **({"architectures": list(architectures)} if architectures else {}),
        "syscalls": rules,
    }


def _refuse(names: tuple[str, ...], code: int, *conditions: Rule) -> Rule:
    rule: Rule = {"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": code}
    return {**rule, "args": list(conditions)} if conditions else rule


def _namespaces(machine: str) -> list[Rule]:
    flags = 1 if machine == "s390x" else 0
    """Where clone(2) has its flags."""
    rules = [_refuse(("clone3",), errno.ENOSYS)]  # its flags cannot be seen; libraries use clone
    for bit in range(32):
        if _NAMESPACES >> bit & 1:
            rules.append(_refuse(("clone",), errno.EPERM, _has_bits(flags, 1 << bit)))
            rules.append(_refuse(("unshare",), errno.EPERM, _has_bits(0, 1 << bit)))
    return [*rules, _refuse(("unshare",), errno.EPERM, _has_bits(0, _NEWTIME))]


def _has_bits(index: int, bits: int) -> Rule:
    return {"index": index, "value": bits, "valueTwo": bits, "op": "SCMP_CMP_MASKED_EQ"}


def _socket_families() -> list[Rule]:
    """Refuse what is between and beyond the families that jails have."""
    rules = [
        _refuse(_URING, errno.ENOSYS),
        _refuse(("socketcall",), errno.ENOSYS),  # of 32-bit programs; its words cannot be seen
    ]
    names = ("socket", "socketpair")
    for family in range(_FAMILIES[-1]):
        if family not in _FAMILIES:
            condition: Rule = {"index": 0, "value": family, "op": "SCMP_CMP_EQ"}
            rules += [_refuse((name,), errno.EAFNOSUPPORT, condition) for name in names]
    beyond: Rule = {"index": 0, "value": _FAMILIES[-1], "op": "SCMP_CMP_GT"}
    return [*rules, *(_refuse((name,), errno.EAFNOSUPPORT, beyond) for name in names)]
