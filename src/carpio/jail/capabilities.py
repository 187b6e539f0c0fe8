"""Which capabilities root of a jail has, by the `allow.*` parameters.

What jails of FreeBSD may do by themselves is in BASE; nothing that reaches beyond a jail is. There
is no CAP_MKNOD, CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH by any parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from carpio.jail.values import Setpoint

__all__ = ["capabilities_of", "may_mount"]

BASE: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_SETFCAP",
    "CAP_SYS_CHROOT",
    "CAP_AUDIT_WRITE",
)
_BY_PARAMETER: Final = {
    "allow.raw_sockets": "CAP_NET_RAW",
    "allow.reserved_ports": "CAP_NET_BIND_SERVICE",
    "allow.chflags": "CAP_LINUX_IMMUTABLE",
    "allow.mlock": "CAP_IPC_LOCK",
    "allow.routing": "CAP_NET_ADMIN",
    "allow.settime": "CAP_SYS_TIME",
    "allow.adjtime": "CAP_SYS_TIME",
}
_DEFAULTS: Final = {"allow.reserved_ports": True}
_OF_VNET: Final = ("CAP_NET_ADMIN", "CAP_NET_RAW")
"""As on FreeBSD, where root of a vnet jail may do with its network what he likes."""


def may_mount(values: Mapping[str, Setpoint]) -> bool:
    """Return whether `allow.mount` or one of `allow.mount.*` is given."""
    return any(value is True for name, value in values.items() if _is_of_mounting(name))


def _is_of_mounting(name: str) -> bool:
    return name == "allow.mount" or name.startswith("allow.mount.")


def capabilities_of(values: Mapping[str, Setpoint]) -> tuple[str, ...]:
    """Return the capabilities of root in a jail, each once."""
    if values.get("allow.suser") is False:
        return ()
    found = [*BASE]
    for name, capability in _BY_PARAMETER.items():
        if values.get(name, _DEFAULTS.get(name, False)) is True:
            found.append(capability)
    if may_mount(values):
        found.append("CAP_SYS_ADMIN")
    if values.get("vnet") == "new":
        found += _OF_VNET
    return tuple(dict.fromkeys(found))
