"""ifconfig(8) of FreeBSD: words in, one control request out, FreeBSD's texts back.

Everything that can be judged without the daemon is judged before anything is sent, and all that
a call, or a file of calls, changes is one `configure` request: all or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from carpio.bsd.batch import PlacedChange, parse_lines
from carpio.bsd.call import (
    Call,
    ChangeCall,
    FileCall,
    GroupCall,
    KindsCall,
    ListCall,
    parse_call,
)
from carpio.bsd.hosts import namer, resolver
from carpio.bsd.messages import (
    USAGE,
    IfconfigError,
    no_such_interface,
    not_permitted,
    refusal,
)
from carpio.bsd.options import OptionError
from carpio.bsd.words import KINDS, Change, parse_change, with_mac
from carpio.bsd.world import World
from carpio.control.client import ControlClient, NotPermitted, NotReachable, Refused
from carpio.control.network import (
    Configure,
    ConfigureResult,
    Line,
    Network,
    NetworkRequest,
    SetLink,
)
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
            change = parse_change(interface, words, resolver(world.root))
            return _Changer(world).apply([PlacedChange(_NAME, change)])
        case FileCall(file=file):
            text, name = _text_of(file, world)
            return _Changer(world).apply(parse_lines(text, name, resolver(world.root)))
        case GroupCall(group=group):
            _show_group(group, world)
        case ListCall():
            _show(call.what, world)
        case _:
            assert_never(call.what)
    return 0


def _text_of(file: str, world: World) -> tuple[str, str]:
    """Return text and name of a file, or of standard input. Raises IfconfigError."""
    name = "<stdin>" if file == "-" else file
    try:
        text = world.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise IfconfigError(f"{name}: not a text in UTF-8") from error
    except OSError as error:
        raise IfconfigError(f"{name}: {error.strerror or error}") from error
    return text, name


# -- looking ---------------------------------------------------------------------------------


def _network(client: ControlClient, *, keys: bool = False) -> Network:
    return client.ask(NetworkRequest(keys=keys), Network)


def _show_group(group: str, world: World) -> None:
    from carpio.bsd.show import members_of

    with world.client() as client:
        network = _network(client)
    for name in members_of(network, group):
        world.say(name)


def _show(call: ListCall, world: World) -> None:
    """Print what is asked for. Raises CarpioError."""
    from carpio.bsd.show import interface_lines, selected  # changes need no rendering

    with world.client() as client:
        network = _network(client, keys=call.with_keys)
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


# -- changing --------------------------------------------------------------------------------


class _Changer:
    """Sends changes as one request, and tells what came of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def apply(self, placed: Sequence[PlacedChange]) -> int:
        """Carry out all changes or none; return the exit status. Raises CarpioError."""
        for one in placed:
            for remark in one.change.remarks:
                self._tell(one.place, remark)
        with self._world.client() as client:
            placed = self._completed(placed, client)
            if len(placed) == 1 and not placed[0].change.steps:
                self._require(placed[0].change.interface, _network(client))
            placed = [one for one in placed if one.change.steps]
            if not placed:
                return 0
            return self._send(placed, client)

    def _send(self, placed: Sequence[PlacedChange], client: ControlClient) -> int:
        lines = [Line(one.change.interface, list(one.change.steps)) for one in placed]
        try:
            result = client.ask(Configure(lines), ConfigureResult)
        except NotPermitted as error:
            for text in not_permitted(lines, str(error)):
                self._tell(placed[0].place, text)
            return 1
        except Refused as error:
            number, texts = refusal(lines, error)
            for text in texts:
                self._tell(_NAME if number is None else placed[number].place, text)
            return 1
        for one, name in zip(placed, result.interfaces, strict=False):
            if one.change.is_renaming or name != one.change.interface:
                self._world.say(name)
        return 0

    def _completed(
        self, placed: Sequence[PlacedChange], client: ControlClient
    ) -> list[PlacedChange]:
        """Return the changes with the addresses that are made from MACs. Raises CarpioError."""
        if not any(one.change.wants_mac for one in placed):
            return list(placed)
        network = _network(client)
        completed = []
        for one in placed:
            change = one.change
            if change.wants_mac:
                try:
                    change = with_mac(change, self._mac_of(change, network))
                except IfconfigError as error:
                    raise ConfigError([f"{one.place}: {error}"]) from error
            completed.append(replace(one, change=change))
        return completed

    def _mac_of(self, change: Change, network: Network) -> str:
        """Return the MAC that the interface will have. Raises IfconfigError."""
        view = next((v for v in network.interfaces if v.name == change.interface), None)
        if view is None:
            raise IfconfigError(no_such_interface(change.interface))
        given = [s.mac for s in change.steps if isinstance(s, SetLink) and s.mac is not None]
        mac = given[-1] if given else view.mac
        if mac is None or mac == "random":
            raise IfconfigError(f"eui64: the MAC of {view.name} is not known")
        return mac

    def _require(self, interface: str, network: Network) -> None:
        if all(view.name != interface for view in network.interfaces):
            raise IfconfigError(no_such_interface(interface))

    def _tell(self, place: str, text: str) -> None:
        print(text if text.startswith("\t") else f"{place}: {text}", file=self._world.stderr)
