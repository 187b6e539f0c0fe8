"""FRR's vrrpd as a peer: zebra, vrrpd, and the macvlan interfaces that its manual wants made.

Knows the chapter on VRRP of FRR's manual. Its programs see the directory of the host as /var/tmp,
where they would otherwise leave files of their own, so that all that they write lies there.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwuid
from typing import Final

from carpio.errors import PlatformError
from carpio.lab.plan import Interface
from carpio.lab.post import Command, Duty, Post
from carpio.lab.sighting import virtual_mac, vrrp_mac_v6

__all__ = ["VRRPD", "FrrPeer", "groups_with"]

PROGRAMS: Final = "/usr/lib/frr"
VRRPD: Final = f"{PROGRAMS}/vrrpd"
INSIDE: Final = "/var/tmp"  # noqa: S108 - the directory of the host, in a mount namespace of its own
ZEBRA_SOCKET: Final = "zserv.api"
GROUP_OF_FRR: Final = "frrvty"
"""FRR starts only as a user of this group, which root is not."""
INTERVAL_MS: Final = 1000
SCRIPT: Final = """\
{links}
{zebra} &
zebra=$!
# As Debian's script stops them: first vrrpd, which says goodbye, then zebra.
trap 'kill "${{vrrpd:-$zebra}}"' TERM
until [ -S {socket} ]; do kill -0 "$zebra"; sleep 0.05; done
{vrrpd} &
vrrpd=$!
while kill -0 "$vrrpd" 2>/dev/null; do wait "$vrrpd" || true; done
kill "$zebra"
wait "$zebra"
"""


@dataclass(frozen=True, slots=True)
class FrrPeer:
    """Debian's FRR with VRRP version 3."""

    name: str = "frr"
    needs: tuple[str, ...] = (VRRPD, "unshare")
    is_vrrp: bool = True

    def commands(self, post: Post) -> Sequence[Command]:
        groups = groups_with(_user(), Path("/etc/group").read_text())
        settings = "".join(f"{line}\n" for duty in post.duties for line in _settings(duty, post))
        script = SCRIPT.format(
            links="\n".join(_links(post.duties)),
            zebra=_program("zebra"),
            vrrpd=_program("vrrpd"),
            socket=f"{INSIDE}/{ZEBRA_SOCKET}",
        )
        files = {"group": groups, "zebra.conf": "", "vrrpd.conf": settings, "frr.sh": script}
        for name, text in files.items():
            (post.directory / name).write_text(text)
        (post.directory / ZEBRA_SOCKET).unlink(missing_ok=True)
        directory = shlex.quote(str(post.directory))
        begin = (
            f"mount --bind {directory}/group /etc/group && mount --bind {directory} {INSIDE}"
            f" && exec sh -e {INSIDE}/frr.sh"
        )
        return (("unshare", "--mount", "sh", "-c", begin),)


def _user() -> str:
    """Return the name of the user that FRR is to stay."""
    try:
        return getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise PlatformError(
            f"FRR needs a name for user {os.geteuid()}", remedy="run the lab as a user that has one"
        ) from error


def groups_with(user: str, groups: str) -> str:
    """Return the text of /etc/group with a user in FRR's group."""
    lines = []
    for line in groups.splitlines():
        if line.startswith(f"{GROUP_OF_FRR}:"):
            line += user if line.endswith(":") else f",{user}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _program(name: str) -> str:
    return shlex.join(
        (
            f"{PROGRAMS}/{name}",
            *("--user", _user(), "--vty_port", "0", "--log", "stdout"),
            *("--vty_socket", INSIDE, "--socket", f"{INSIDE}/{ZEBRA_SOCKET}"),
            *("--config_file", f"{INSIDE}/{name}.conf", "--pid_file", f"{INSIDE}/{name}.pid"),
        )
    )


def _settings(duty: Duty, post: Post) -> Iterator[str]:
    yield f"interface {duty.interface}"
    yield f" vrrp {duty.vhid} version 3"
    yield f" vrrp {duty.vhid} priority {max(1, 254 - duty.advskew)}"
    yield f" vrrp {duty.vhid} advertisement-interval {duty.advbase * INTERVAL_MS}"
    if not post.preempt:
        yield f" no vrrp {duty.vhid} preempt"
    for address in duty.addresses:
        family = "ip" if address.version == 4 else "ipv6"
        yield f" vrrp {duty.vhid} {family} {address.ip}"
    yield "!"


def _links(duties: Sequence[Duty]) -> Iterator[str]:
    """Yield shell lines that make an interface for each group and family, unless it is there."""
    parents = list(dict.fromkeys(duty.interface for duty in duties))
    for duty in duties:
        for version, mac in ((4, virtual_mac(duty.vhid)), (6, vrrp_mac_v6(duty.vhid))):
            name = f"vrrp{version}-{parents.index(duty.interface) + 1}-{duty.vhid}"
            addresses = duty.of_version(version)
            if addresses:
                yield f"if [ ! -e /sys/class/net/{name} ]; then"
                yield from (
                    f"    {line}" for line in _link(name, duty.interface, mac.hex(":"), addresses)
                )
                yield "fi"


def _link(name: str, parent: str, mac: str, addresses: Sequence[Interface]) -> Iterator[str]:
    yield f"ip link add {name} link {parent} type macvlan mode bridge"
    yield f"ip link set dev {name} addrgenmode random"
    yield f"ip link set dev {name} address {mac}"
    yield from (f"ip addr add {address} dev {name}" for address in addresses)
    yield f"ip link set dev {name} up"
