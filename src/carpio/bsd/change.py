"""How ifconfig changes things: all changes of a call, or of a file of calls, in one request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from carpio.bsd.messages import IfconfigError, no_such_interface, not_permitted, refusal
from carpio.bsd.words import Change, PlacedChange, with_mac
from carpio.bsd.world import World
from carpio.control.client import ControlClient, NotPermitted, Refused
from carpio.control.network import (
    Configure,
    ConfigureResult,
    Line,
    Network,
    NetworkRequest,
    SetLink,
)
from carpio.errors import ConfigError

__all__ = ["Changer"]

_NAME = "ifconfig"


class Changer:
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
                self._require(placed[0].change.interface, client.ask(NetworkRequest(), Network))
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
        network = client.ask(NetworkRequest(), Network)
        completed = []
        for one in placed:
            change = one.change
            if change.wants_mac:
                try:
                    change = with_mac(change, self._mac_of(change, network))
                except IfconfigError as error:
                    raise ConfigError([f"{one.place}: {error}"]) from error
            completed.append(msgspec.structs.replace(one, change=change))
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
