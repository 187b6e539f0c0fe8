"""The commands of the BSDs as this process: their world is made here.

They bypass the parser of the other commands: their words are their own, and so is the time they
may take to start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from carpio.bsd.names import COMMANDS
from carpio.cli.environment import Environment
from carpio.errors import CarpioError

if TYPE_CHECKING:
    from carpio.bsd.world import World

__all__ = ["COMMANDS", "be", "call_in"]


def call_in(argv: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """Return name and words when `argv` is a command of the BSDs, but for `NAME --help`."""
    words = list(argv[1:] if argv and argv[0] == "--debug" else argv)
    if not words or words[0] not in COMMANDS or words[1:] == ["--help"]:
        return None
    return words[0], words[1:]


def be(name: str, argv: Sequence[str], environment: Environment) -> int:
    """Be the command `name`. Raises CarpioError for an incomplete option of ours."""
    from carpio.bsd.main import call_of, run  # no other command needs it

    call = call_of(argv)
    world = _world(name, environment, environment.control_path(call.control))
    return run(name, call.words, world, starts=call.starts)


def _world(name: str, environment: Environment, control: Path) -> World:
    from carpio.bsd.world import World

    def enter(namespace: str) -> None:
        from carpio.bsd.namespace import enter_namespace, knows_namespace

        if not knows_namespace(namespace):
            namespace = _network_of_jail(namespace, environment)
        enter_namespace(namespace)

    def start() -> None:
        from carpio.cli.installation import script_of
        from carpio.control.start import start_daemon

        command = [str(script_of(environment.program))]
        for remark in start_daemon(control, command=command):
            environment.remark(f"{name}: {remark}")

    def links() -> Path:
        from carpio.cli.installation import provide_links, script_of

        return provide_links(script_of(environment.program), COMMANDS)

    return World(
        stdin=environment.stdin,
        stdout=environment.stdout,
        stderr=environment.stderr,
        environ=environment.environ,
        control=control,
        enter=enter,
        start_daemon=start,
        links=links,
    )


def _network_of_jail(name: str, environment: Environment) -> str:
    """Return the network namespace of the jail of that name or jid. Raises CarpioError.

    A name that no jail has is returned as it is.
    """
    from carpio.jail.registry import FileRegistry, state_directory

    registry = FileRegistry(state_directory(environment.environ), environment.remark)
    jail = registry.find(name)
    if jail is None:
        return name
    if jail.values.get("vnet") != "new":
        raise CarpioError(f'jail "{name}" has no vnet: it shares the network of the host')
    return f"jail-{jail.name}"
