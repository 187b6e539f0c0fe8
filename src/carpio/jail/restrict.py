"""Restrict the processes of a cgroup to the addresses of their jail, and say whether that works.

The programs are attached to the cgroup, which holds them: nothing has to run, and nothing is
kept in a file system. They act on sockets that are made in the cgroup, and go on acting on those
wherever they go; a socket that was made elsewhere is not restricted.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail import bpf
from carpio.jail.bpf import Hook
from carpio.jail.policy import FamilyPolicy, Mode, Policy, policy_of
from carpio.jail.restrict_programs import NAMES, programs

__all__ = ["FamilyPolicy", "Mode", "Policy", "policy_of", "restrict", "supported"]

_WAY_OUT: Final = "or let the jail use all addresses of the host: `carpio.unrestricted;`"
_REMEDIES: Final[Mapping[int, str]] = {
    errno.ENOSYS: "it needs a kernel with CONFIG_BPF_SYSCALL",
    errno.EPERM: "it needs root with CAP_BPF and CAP_NET_ADMIN, and a kernel not locked down",
    errno.EINVAL: "it needs Linux 5.16 with CONFIG_CGROUP_BPF",
    errno.ENODEV: "it needs a kernel with CONFIG_CGROUPS",
}
_OPERATION: Final = "restricting a jail to its addresses"


def restrict(cgroup: Path | int, policy: Policy) -> None:
    """Let sockets made in a cgroup2, a directory or a descriptor of one, obey a policy from now on.

    What was there of an earlier policy is replaced, hook by hook, with never a gap.
    Raises PlatformError; then an earlier policy may be replaced in part.
    """
    try:
        with _opened(cgroup) as directory, _loaded(policy) as loaded:
            for hook in Hook:
                _exchange(directory, hook, loaded.get(hook))
    except OSError as error:
        raise _failure(error) from error


def supported() -> str | None:
    """Return why this kernel, or this process, cannot restrict jails; None when it can.

    Tried with a policy that needs all programs; nothing is attached.
    """
    if (error := bpf.cgroup2_error()) is not None:
        return _reason(error, "no cgroup2: ")
    try:
        with _loaded(_SAMPLE):
            return None
    except OSError as failure:
        return _reason(failure)


_SAMPLE: Final = Policy(
    ip4=FamilyPolicy(mode=Mode.NEW, addresses=(IPv4Address("192.0.2.1"),)),
    ip6=FamilyPolicy(mode=Mode.NEW, addresses=(IPv6Address("2001:db8::1"),)),
)


@contextmanager
def _opened(cgroup: Path | int) -> Iterator[int]:
    if isinstance(cgroup, int):
        yield cgroup
        return
    directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield directory
    finally:
        os.close(directory)


@contextmanager
def _loaded(policy: Policy) -> Iterator[Mapping[Hook, int]]:
    """Load all programs of a policy, with errors of their own if the kernel can."""
    with ExitStack() as stack:
        loaded = {}
        with_errors = True
        for plain, rich in zip(
            programs(policy, with_errors=False), programs(policy, with_errors=True), strict=True
        ):
            descriptor = None
            if with_errors:
                try:
                    descriptor = bpf.load(rich)
                except OSError as error:
                    if error.errno not in (errno.EINVAL, errno.EACCES):
                        raise
                    with_errors = False
            loaded[plain.hook] = bpf.load(plain) if descriptor is None else descriptor
            stack.callback(os.close, loaded[plain.hook])
        yield loaded


def _exchange(directory: int, hook: Hook, program: int | None) -> None:
    """Let a program be the only one of ours at a hook; None: none."""
    old = bpf.attached(directory, hook, NAMES[hook])
    try:
        if program is not None:
            bpf.attach(directory, hook, program, instead_of=old)
        elif old is not None:
            bpf.detach(directory, hook, old)
    finally:
        if old is not None:
            os.close(old)


def _failure(error: OSError) -> PlatformError:
    return PlatformError(_OPERATION, errno=error.errno or 0, remedy=_remedy(error))


def _reason(error: OSError, before: str = "") -> str:
    return f"{before}{error.strerror}; {_remedy(error)}"


def _remedy(error: OSError) -> str:
    first = _REMEDIES.get(error.errno or 0, "")
    return f"{first}, {_WAY_OUT}" if first else _WAY_OUT
