"""bpf(2): load programs for cgroups, attach, replace and detach them.

Knows the system call, not what the programs do.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final

__all__ = [
    "DeviceHook",
    "DeviceProgram",
    "Hook",
    "Program",
    "attach",
    "attached",
    "cgroup2_error",
    "detach",
    "load",
]


@unique
class Hook(IntEnum):
    """Where a program of a cgroup is called: bpf_attach_type of linux/bpf.h."""

    INGRESS = 0
    EGRESS = 1
    SOCKET = 2
    BIND4 = 8
    BIND6 = 9
    CONNECT4 = 10
    CONNECT6 = 11
    SENDMSG4 = 14
    SENDMSG6 = 15


@unique
class DeviceHook(IntEnum):
    """The hook that is no matter of the network."""

    DEVICE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program for one hook. The name, at most 15 letters, is how it is found again."""

    hook: Hook
    name: str
    code: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProgram:
    """A program that allows devices."""

    hook: DeviceHook
    name: str
    code: bytes = field(repr=False)


_PROG_LOAD: Final = 5
_PROG_ATTACH: Final = 8
_PROG_DETACH: Final = 9
_PROG_GET_FD_BY_ID: Final = 13
_OBJ_GET_INFO_BY_FD: Final = 15
_PROG_QUERY: Final = 16

_CGROUP_SKB: Final = 8
_CGROUP_SOCK: Final = 9
_CGROUP_DEVICE: Final = 15
_CGROUP_SOCK_ADDR: Final = 18
_KINDS: Final[Mapping[Hook | DeviceHook, int]] = {
    Hook.INGRESS: _CGROUP_SKB,
    Hook.EGRESS: _CGROUP_SKB,
    Hook.SOCKET: _CGROUP_SOCK,
    DeviceHook.DEVICE: _CGROUP_DEVICE,
}
"""bpf_prog_type of a hook; of all others it is _CGROUP_SOCK_ADDR."""
_ALLOW_MULTI: Final = 2
"""BPF_F_ALLOW_MULTI: programs of others in this cgroup and below it stay, and ours stays too."""
_REPLACE: Final = 4
_LOG_SIZE: Final = 1 << 16
_MOST: Final = 64
"""BPF_CGROUP_MAX_PROGS of the kernel."""
_NAME_AT: Final = 64
"""Where bpf_prog_info has the name, which has 16 bytes."""

_CALLS: Final[Mapping[str, int]] = {
    "x86_64": 321,
    "i386": 357,
    "i686": 357,
    "armv6l": 386,
    "armv7l": 386,
    "ppc64": 361,
    "ppc64le": 361,
    "s390x": 351,
}
"""Number of the system call by machine; on all that came later it is _CALL."""
_CALL: Final = 280
_FSOPEN: Final = 430
"""The same on all machines."""


def load(program: Program | DeviceProgram) -> int:
    """Return a descriptor of a program that the kernel has checked. Raises OSError.

    The text of an error is why the kernel did not believe in the program.
    """
    log = ctypes.create_string_buffer(_LOG_SIZE)
    try:
        return _load(program, None)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EACCES):
            raise
    try:
        return _load(program, log)
    except OSError as error:
        text = log.value.decode(errors="replace").strip().splitlines()
        code = error.errno or 0
        raise OSError(code, " / ".join(text[-6:]) or os.strerror(code)) from error


def _load(program: Program | DeviceProgram, log: ctypes.Array[ctypes.c_char] | None) -> int:
    code, terms = ctypes.create_string_buffer(program.code), ctypes.create_string_buffer(b"BSD")
    log_words = (0, 0, 0) if log is None else (1, _LOG_SIZE, ctypes.addressof(log))
    kind = _KINDS.get(program.hook, _CGROUP_SOCK_ADDR)
    return _bpf(
        _PROG_LOAD,
        struct.pack(
            "=IIQQIIQII16sII",
            kind,
            len(program.code) // 8,
            ctypes.addressof(code),
            ctypes.addressof(terms),
            *log_words,
            0,  # kern_version
            0,  # prog_flags
            program.name.encode(),
            0,  # prog_ifindex
            program.hook,
        ),
    )


def attach(
    cgroup: int, hook: Hook | DeviceHook, program: int, instead_of: int | None = None
) -> None:
    """Attach a loaded program to a cgroup, or let it take the place of one. Raises OSError."""
    flags = _ALLOW_MULTI if instead_of is None else _ALLOW_MULTI | _REPLACE
    _bpf(_PROG_ATTACH, struct.pack("=IIIII", cgroup, program, hook, flags, instead_of or 0))


def detach(cgroup: int, hook: Hook, program: int) -> None:
    """Take a program off a cgroup. Raises OSError."""
    _bpf(_PROG_DETACH, struct.pack("=IIIII", cgroup, program, hook, 0, 0))


def attached(cgroup: int, hook: Hook, name: str) -> int | None:
    """Return a descriptor of the program of that name at a cgroup, or None. Raises OSError."""
    identities = (ctypes.c_uint32 * _MOST)()
    query = ctypes.create_string_buffer(
        struct.pack("=IIIIQI", cgroup, hook, 0, 0, ctypes.addressof(identities), _MOST), 64
    )
    _call(_PROG_QUERY, query)
    (count,) = struct.unpack_from("=I", query, 24)
    for identity in identities[:count]:
        with suppress(FileNotFoundError):  # gone since
            program = _bpf(_PROG_GET_FD_BY_ID, struct.pack("=III", identity, 0, 0))
            if _name(program) == name:
                return program
            os.close(program)
    return None


def _name(program: int) -> str:
    info = ctypes.create_string_buffer(_NAME_AT + 16)
    _bpf(
        _OBJ_GET_INFO_BY_FD,
        struct.pack("=IIQ", program, len(info), ctypes.addressof(info)),
    )
    return info.raw[_NAME_AT:].partition(b"\0")[0].decode(errors="replace")


def _bpf(command: int, attributes: bytes) -> int:
    return _call(command, ctypes.create_string_buffer(attributes, len(attributes)))


def _call(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    number = _CALLS.get(platform.machine(), _CALL)
    return _system_call(
        number, ctypes.c_int(command), attributes, ctypes.c_uint(ctypes.sizeof(attributes))
    )


def _system_call(number: int, *arguments: object) -> int:
    """Make a system call. Raises OSError."""
    result: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def cgroup2_error() -> OSError | None:
    """Return why no cgroup2 can be opened here, or None when it can; mounts nothing."""
    try:
        os.close(_system_call(_FSOPEN, ctypes.c_char_p(b"cgroup2"), ctypes.c_uint(1)))
    except OSError as error:
        return error
    return None
