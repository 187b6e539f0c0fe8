"""All parameters of jail.conf(5): what each is here, and what becomes of it on Linux."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

__all__ = ["PARAMETERS", "Fate", "Kind", "Parameter", "base_name", "is_reserved", "parameter"]


@unique
class Kind(Enum):
    """What the values of a parameter are; the value is what documents call it."""

    BOOLEAN = "boolean"
    INTEGER = "number"
    STRING = "text"
    """The last value counts."""
    LIST = "list"
    MODE = "mode"
    """One of the parameter's `modes`; standing alone it is `new`."""


@unique
class Fate(Enum):
    """What becomes of a parameter."""

    READ = "read"
    IGNORED = "ignored with a warning"
    REFUSED = "refused, so that the jail is not created"
    REFUSED_UNLESS_ZERO = "refused unless it is 0"
    READ_ONLY = "cannot be set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter. A name that ends in `.*` or `*` stands for all that begin so."""

    name: str
    kind: Kind
    doc: str
    """What it means, or why it is not supported."""
    default: str = ""
    fate: Fate = Fate.READ
    is_create_only: bool = False
    """Whether it cannot be changed while the jail runs."""
    modes: tuple[str, ...] = ()
    lowest: int = -(2**31)
    highest: int = 2**31 - 1
    """Limits of a number."""
    is_free: bool = False
    """Whether a variable may be called so, as on FreeBSD, as long as it is not set itself."""


def _booleans(default: str, docs: Mapping[str, str]) -> Iterator[Parameter]:
    for name, doc in docs.items():
        yield Parameter(name=name, kind=Kind.BOOLEAN, doc=doc, default=default)


def _lists(docs: Mapping[str, str]) -> Iterator[Parameter]:
    for name, doc in docs.items():
        yield Parameter(name=name, kind=Kind.LIST, doc=doc)


def _texts(docs: Mapping[str, str], *, is_free: bool = False) -> Iterator[Parameter]:
    for name, doc in docs.items():
        yield Parameter(name=name, kind=Kind.STRING, doc=doc, is_free=is_free)


def _without(fate: Fate, kind: Kind, docs: Mapping[str, str]) -> Iterator[Parameter]:
    for name, doc in docs.items():
        yield Parameter(name=name, kind=kind, doc=doc, fate=fate, is_free="." not in name)


def _modes(docs: Mapping[str, tuple[str, tuple[str, ...], str]]) -> Iterator[Parameter]:
    for name, (default, modes, doc) in docs.items():
        yield Parameter(
            name=name,
            kind=Kind.MODE,
            doc=doc,
            default=default,
            modes=modes,
            is_create_only=name in ("ip4", "ip6", "vnet"),
            is_free=name != "vnet",
        )


_TWO: Final = ("new", "inherit")
_THREE: Final = ("new", "inherit", "disable")

PARAMETERS: Final = (
    Parameter(
        name="jid",
        kind=Kind.INTEGER,
        doc="number of the jail",
        default="next free",
        lowest=0,
        highest=999_999,
        is_create_only=True,
    ),
    Parameter(
        name="name",
        kind=Kind.STRING,
        doc="name of the jail; not all digits, unless they are the jid",
        default="the jid",
    ),
    Parameter(
        name="path",
        kind=Kind.STRING,
        doc="root directory, absolute",
        default="/",
        is_create_only=True,
    ),
    *_lists(
        {
            "ip4.addr": "addresses, the first is primary; `[interface|]address[/mask] [word ...]`",
            "ip6.addr": "the same for IPv6",
        }
    ),
    *_modes(
        {
            "ip4": ("disable", _THREE, "`new` only those of the list, `inherit` all of the host"),
            "ip6": ("disable", _THREE, "the same for IPv6"),
            "vnet": ("inherit", _TWO, "`new`: a network namespace of its own"),
            "host": ("new", _TWO, "`inherit`: the host's name"),
            "sysvmsg": ("new", _THREE, "System V message queues"),
            "sysvsem": ("new", _THREE, "System V semaphores"),
            "sysvshm": ("new", _THREE, "System V shared memory"),
        }
    ),
    *_booleans(
        "true",
        {
            "ip4.saddrsel": "`false`: always the primary address as source",
            "ip6.saddrsel": "the same for IPv6",
            "allow.set_hostname": "the jail may change its host name",
            "allow.reserved_ports": "the jail may bind to ports below 1024",
            "allow.suser": "`false`: no powers for root",
        },
    ),
    *_booleans(
        "false",
        {
            "persist": "keep the jail when it has no processes",
            "ip_hostname": "add all addresses of `host.hostname`",
            "exec.clean": "commands in the jail get an empty environment",
            "exec.system_jail_user": "`exec.jail_user` is a user of the host",
            "mount.devfs": "a small /dev",
            "mount.fdescfs": "/dev/fd",
            "mount.procfs": "/proc",
            "allow.raw_sockets": "raw sockets, hence ping",
            "allow.chflags": "immutable files",
            "allow.mlock": "locked memory",
            "allow.mount": "mounting; it weakens the jail",
            "allow.mount.*": "mounting one kind of file system; it weakens the jail",
            "allow.socket_af": "other address families than unix, inet, inet6",
            "allow.sysvipc": "the host's System V IPC",
            "allow.routing": "the host's network, routes and daemon included; it weakens the jail",
            "allow.settime": "the clock",
            "allow.adjtime": "the speed of the clock",
        },
    ),
    Parameter(
        name="carpio.unrestricted",
        kind=Kind.BOOLEAN,
        doc="carpio only: the jail may use all addresses of the host, whatever `ip4` and `ip6` say",
        default="false",
        is_create_only=True,
    ),
    *_lists(
        {
            "exec.prepare": "commands before the addresses are added",
            "exec.prestart": "commands before the jail is made, after the addresses are added",
            "exec.created": "commands after the jail is made",
            "exec.start": "commands in the jail",
            "exec.poststart": "commands after those in the jail",
            "exec.prestop": "commands before those of `exec.stop`",
            "exec.stop": "commands in the jail, before it is removed",
            "exec.poststop": "commands after the jail is removed",
            "exec.release": "commands after all else",
            "command": "like `exec.start`; on the command line, one command with its arguments",
            "depend": "jails that must run before",
            "mount": "lines as in fstab(5)",
            "mount.fstab": "files of such lines",
            "vnet.interface": "interfaces that the jail gets",
        }
    ),
    *_texts(
        {
            "interface": "where addresses go that name no interface",
            "host.hostname": "host name; also `hostname`",
            "host.domainname": "NIS domain name",
            "exec.jail_user": "who runs commands in the jail",
            "exec.system_user": "who runs commands on the host",
            "exec.consolelog": "file for the output of commands in the jail",
        }
    ),
    *_texts(
        {"meta": "free text", "meta.*": "free text", "env": "free text", "env.*": "free text"},
        is_free=True,
    ),
    Parameter(
        name="exec.timeout",
        kind=Kind.INTEGER,
        doc="seconds that each command may take; 0: any",
        default="0",
        lowest=0,
    ),
    Parameter(
        name="stop.timeout",
        kind=Kind.INTEGER,
        doc="seconds between SIGTERM and removal; 0: no SIGTERM",
        default="10",
        lowest=0,
    ),
    *_without(
        Fate.IGNORED,
        Kind.BOOLEAN,
        {
            "allow.dying": "deprecated there too",
            "allow.quotas": "quotas are those of the file system",
            "allow.read_msgbuf": "the kernel's log is guarded by other means",
            "allow.extattr": "extended attributes are guarded by other means",
            "allow.unprivileged_proc_debug": "no counterpart",
            "allow.unprivileged_parent_tampering": "no counterpart",
            "allow.setaudit": "no counterpart",
        },
    ),
    Parameter(
        name="devfs_ruleset",
        kind=Kind.INTEGER,
        doc="no rules: /dev of a jail is always small",
        fate=Fate.IGNORED,
    ),
    *_without(
        Fate.IGNORED,
        Kind.STRING,
        {
            "enforce_statfs": "mounts of others are never seen",
            "host.hostid": "no counterpart",
            "host.hostuuid": "no counterpart",
            "osrelease": "it is Linux",
            "osreldate": "it is Linux",
            "linux*": "it is Linux",
        },
    ),
    *_without(
        Fate.REFUSED_UNLESS_ZERO,
        Kind.INTEGER,
        {
            "exec.fib": "there are no FIBs",
            "children.max": "jails cannot be made from inside a jail",
        },
    ),
    Parameter(
        name="securelevel",
        kind=Kind.INTEGER,
        doc="it would promise protection that is not there; also -1 is accepted",
        fate=Fate.REFUSED_UNLESS_ZERO,
    ),
    *_without(
        Fate.REFUSED,
        Kind.LIST,
        {
            "zfs.dataset": "no datasets in jails",
            "zfs.mount_snapshot": "no datasets in jails",
            "mac.label": "no counterpart",
        },
    ),
    *_without(
        Fate.REFUSED,
        Kind.BOOLEAN,
        {
            "allow.mount.zfs": "no datasets in jails",
            "allow.vmm": "no counterpart",
            "allow.vmm_ppt": "no counterpart",
            "allow.nfsd": "no counterpart",
        },
    ),
    *_without(
        Fate.READ_ONLY,
        Kind.INTEGER,
        {
            "dying": "shown by jls(8)",
            "parent": "shown by jls(8)",
            "children.cur": "shown by jls(8)",
            "cpuset.id": "shown by jls(8)",
        },
    ),
)

_BY_NAME: Final = {each.name: each for each in PARAMETERS}
_FAMILIES: Final = tuple(each for each in PARAMETERS if each.name.endswith("*"))
_ALIASES: Final = {"hostname": "host.hostname"}


def parameter(name: str) -> Parameter | None:
    """Return what is known of a parameter by its base name, or None when nothing is."""
    if name.endswith("*"):
        return None
    return _BY_NAME.get(_ALIASES.get(name, name)) or _family(name)


def _family(name: str) -> Parameter | None:
    for family in _FAMILIES:
        beginning = family.name[:-1]
        if name.startswith(beginning) and (name != beginning or not beginning.endswith(".")):
            return family
    return None


def base_name(name: str) -> str:
    """Return the name by which a parameter is known: without the `no` of a boolean or mode."""
    front, dot, last = name.rpartition(".")
    if last.startswith("no"):
        positive = f"{front}{dot}{last[2:]}"
        found = parameter(positive)
        if found is not None and found.kind in (Kind.BOOLEAN, Kind.MODE):
            return positive
    return name


def is_reserved(name: str) -> bool:
    """Return whether no variable may be called so."""
    found = parameter(name)
    return found is not None and not found.is_free and name not in _ALIASES
