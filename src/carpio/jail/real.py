"""This host as jails need it: the real ports, put together. Tests have another one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from carpio.bsd.world import World
from carpio.errors import CarpioError
from carpio.jail.addresses import Family
from carpio.jail.aliases import DaemonInterfaces
from carpio.jail.commands import RealCommands
from carpio.jail.containers import OciContainers
from carpio.jail.host import Host
from carpio.jail.makers import is_running, myself
from carpio.jail.registry import FileRegistry, state_directory

__all__ = ["host_at", "resolved", "this_host"]

_PATIENCE_S: Final = 30.0
"""How long a name server may take."""


def this_host(world: World) -> Host:
    """Return the host that this process runs on."""
    return host_at(state_directory(world.environ), world)


def host_at(state: Path, world: World) -> Host:
    """Return the host with the jails of one state directory."""
    containers = OciContainers(state)
    return Host(
        containers=containers,
        commands=RealCommands(containers.site),
        registry=FileRegistry(state, lambda text: world.remark(f"jail: {text}")),
        interfaces=DaemonInterfaces(world),
        environ=world.environ,
        links=_links(world),
        control=str(world.control.absolute()),
        me=myself(),
        is_running=is_running,
        resolve=resolved,
    )


def _links(world: World) -> str | None:
    """Return the directory with our commands by their names of the BSDs."""
    try:
        found = world.links()
    except CarpioError as error:
        world.remark(f"jail: {error}")
        return None
    return None if found is None else str(found)


def resolved(name: str) -> Sequence[tuple[Family, str]]:
    """Return all addresses of a host name. Raises OSError."""
    answers: list[Sequence[tuple[Family, str]] | OSError] = []

    def ask() -> None:
        try:
            answers.append(_asked(name))
        except (OSError, UnicodeError) as error:
            answers.append(error if isinstance(error, OSError) else OSError(str(error)))

    # in a thread of its own, for nothing else ends a call of the resolver
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE_S)
    answer = answers[0] if answers else OSError(f"no answer within {_PATIENCE_S:g} s")
    if isinstance(answer, OSError):
        raise answer
    return answer


def _asked(name: str) -> Sequence[tuple[Family, str]]:
    import socket  # few jails ask

    found: dict[tuple[Family, str], None] = {}
    for family, _, _, _, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
        if family == socket.AF_INET:
            found["inet", str(address[0])] = None
        elif family == socket.AF_INET6 and "%" not in str(address[0]):
            found["inet6", str(address[0])] = None
    return list(found)
