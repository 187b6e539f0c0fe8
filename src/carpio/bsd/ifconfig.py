"""ifconfig(8) of FreeBSD: words in, one control request out, FreeBSD's texts back.

Everything that can be judged without the daemon is judged before anything is sent, and all that
a call, or a file of calls, changes is one `configure` request: all or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from carpio.bsd.call import (
    Call,
    ChangeCall,
    FileCall,
    GroupCall,
    KindsCall,
    ListCall,
    parse_call,
)
from carpio.bsd.keywords import KINDS
from carpio.bsd.messages import USAGE, IfconfigError, no_such_interface
from carpio.bsd.options import OptionError
from carpio.bsd.world import World
from carpio.control.client import NotReachable
from carpio.control.network import Network, NetworkRequest
from carpio.errors import CarpioError, ConfigError

__all__ = ["run"]

_NAME = "ifconfig"


def run(argv: Sequence[str], world: World) -> int:
    """Be the command and return its exit status, 0 or 1. Raises OSError for the streams alone."""
    try:
        call = parse_call(argv, world.environ.get("IFCONFIG_FORMAT", ""))
    except OptionError as error:
        if str(error):
            world.remark(f"{_NAME}: {error}")
        world.remark(USAGE)
        return 1
    for remark in call.remarks:
        world.remark(f"{_NAME}: {remark}")
    try:
        return _carry_out(call, world)
    except NotReachable as error:
        world.remark(f"{_NAME}: {error}; or let it be started: {_NAME} --start ...")
    except ConfigError as error:
        for problem in error.problems:
            world.remark(problem)
    except CarpioError as error:
        world.remark(f"{_NAME}: {error}")
    return 1


def _carry_out(call: Call, world: World) -> int:
    """Do what a call asks for and return the exit status. Raises CarpioError."""
    if isinstance(call.what, KindsCall):
        world.say(" ".join(KINDS))
        return 0
    if call.start:
        world.start_daemon()  # first: it belongs in the namespace of the host
    if call.jail is not None:
        world.enter(call.jail)
    match call.what:
        case ChangeCall(interface=interface, words=words):
            return _change(interface, words, world)
        case FileCall(file=file):
            return _change_all(file, world)
        case GroupCall(group=group):
            _show_group(group, world)
        case ListCall():
            _show(call.what, world)
        case _:
            assert_never(call.what)
    return 0


# -- changing; each call imports only what it needs, for commands are to answer at once ------


def _change(interface: str, words: Sequence[str], world: World) -> int:
    """Change one interface. Raises CarpioError."""
    from carpio.bsd.change import Changer
    from carpio.bsd.hosts import resolver
    from carpio.bsd.words import PlacedChange, parse_change

    change = parse_change(interface, words, resolver(world.root))
    return Changer(world).apply([PlacedChange(_NAME, change)])


def _change_all(file: str, world: World) -> int:
    """Carry out the lines of a file. Raises CarpioError."""
    from carpio.bsd.batch import parse_lines
    from carpio.bsd.change import Changer
    from carpio.bsd.hosts import resolver

    text, name = _text_of(file, world)
    return Changer(world).apply(parse_lines(text, name, resolver(world.root)))


def _text_of(file: str, world: World) -> tuple[str, str]:
    """Return text and name of a file, or of standard input. Raises CarpioError."""
    if file != "-":
        from carpio.bsd.files import read_text_file

        return read_text_file(file), file
    try:
        return world.stdin.read(), "<stdin>"
    except UnicodeDecodeError as error:
        raise IfconfigError("<stdin>: not a text in UTF-8") from error


# -- looking ---------------------------------------------------------------------------------


def _show_group(group: str, world: World) -> None:
    from carpio.bsd.show import members_of

    with world.client() as client:
        network = client.ask(NetworkRequest(), Network)
    for name in members_of(network, group):
        world.say(name)


def _show(call: ListCall, world: World) -> None:
    """Print what is asked for. Raises CarpioError."""
    from carpio.bsd.hosts import namer
    from carpio.bsd.show import interface_lines, selected

    with world.client() as client:
        network = client.ask(NetworkRequest(keys=call.with_keys), Network)
    views = selected(network, call)
    if call.interface is not None and not views:
        raise IfconfigError(no_such_interface(call.interface))
    if call.only_names:
        world.say(" ".join(view.name for view in views))
        return
    name_of = namer(call.formats)
    for view in views:
        for line in interface_lines(view, network.interfaces, call, name_of):
            world.say(line)
