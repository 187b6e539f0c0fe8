"""Changes of ordinary links and addresses, each with its reverse, done in order or not at all.

Knows netlink; what should be done, and in which order, is the plan's business.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, assert_never

from carpio.control.messages import StepError
from carpio.errors import PlatformError
from carpio.runtime import rtlinks
from carpio.runtime import rtobjects as rt
from carpio.runtime.namespace import Namespace
from carpio.runtime.rtnetlink import Request, RouteSocket, delete_link, open_route_socket
from carpio.runtime.rtobjects import Address

__all__ = [
    "Action",
    "AddPlain",
    "ChangeLink",
    "CreateLink",
    "FetchLink",
    "MoveLink",
    "Operation",
    "Operator",
    "RemoveLink",
    "RemovePlain",
    "SetFlags",
]

log = logging.getLogger("carpio")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLink:
    """Make an interface; `other` is the second end of an epair."""

    kind: Literal["bridge", "epair", "lo", "vlan"]
    name: str
    other: str = ""
    vlan: int = 0
    parent: str = ""


@dataclass(frozen=True, slots=True)
class RemoveLink:
    """Remove an interface."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLink:
    """Change what is not None; `master` "" takes a port out of its bridge."""

    link: str
    mtu: int | None = None
    mac: bytes | None = None
    name: str | None = None
    description: str | None = None
    master: str | None = None


@dataclass(frozen=True, slots=True)
class SetFlags:
    """Set the IFF_* flags of `mask` as in `flags`."""

    link: str
    flags: int
    mask: int


@dataclass(frozen=True, slots=True)
class MoveLink:
    """Move an interface into another namespace."""

    link: str
    namespace: Namespace


@dataclass(frozen=True, slots=True)
class FetchLink:
    """Move an interface from another namespace into this one."""

    link: str
    namespace: Namespace


@dataclass(frozen=True, slots=True)
class AddPlain:
    """Add an ordinary address; the index in `address` does not count."""

    link: str
    address: Address


@dataclass(frozen=True, slots=True)
class RemovePlain:
    """Remove an ordinary address, and nothing else."""

    link: str
    address: Address


Operation: TypeAlias = (
    CreateLink | RemoveLink | ChangeLink | SetFlags | MoveLink | FetchLink | AddPlain | RemovePlain
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An operation for a step of the request; `undo` None cannot be taken back."""

    do: Operation
    undo: Operation | None
    line: int
    step: int


class Operator:
    """Performs operations in one namespace, through a netlink socket of its own."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._routes = RouteSocket(namespace.call(open_route_socket))
        self._indexes: dict[str, int] = {}
        self._done: list[Action] = []

    def close(self) -> None:
        """Let go of the namespace."""
        self._routes.close()

    def perform(self, actions: Sequence[Action]) -> None:
        """Do all. Raises StepError at the first that fails; `undo` then takes the others back."""
        for action in actions:
            try:
                self._do(action.do)
            except PlatformError as error:
                raise StepError(
                    str(error), line=action.line, step=action.step, errno=error.errno
                ) from error
            self._done.append(action)

    def undo(self, down_to: int = 0) -> None:
        """Take back what was performed, the last first, until only `down_to` actions are left.

        What cannot be taken back is logged.
        """
        while len(self._done) > down_to:
            action = self._done.pop()
            if action.undo is None:
                log.error("carpio: cannot take back: %s", action.do)
                continue
            try:
                self._do(action.undo)
            except PlatformError as error:
                log.error("carpio: taking back a change: %s", error)

    def _do(self, operation: Operation) -> None:
        match operation:
            case CreateLink():
                self._routes.require([self._creation(operation)])
            case RemoveLink(name):
                self._routes.require([delete_link(self._index(name))])
            case ChangeLink():
                self._change(operation)
            case SetFlags(link, flags, mask):
                self._routes.require([rtlinks.set_link_flags(self._index(link), flags, mask)])
            case MoveLink(link, namespace):
                request = rtlinks.move_link(self._index(link), namespace.descriptor)
                self._routes.require([request])
            case FetchLink(link, namespace):
                self._fetch(link, namespace)
            case AddPlain(link, address):
                placed = replace(address, index=self._index(link))
                self._routes.require([rtlinks.add_plain_address(placed)])
            case RemovePlain(link, address):
                self._remove_plain(self._index(link), address)
            case _:
                assert_never(operation)
        if not isinstance(operation, AddPlain | RemovePlain | SetFlags):
            self._indexes.clear()  # names or indexes have changed

    def _creation(self, wanted: CreateLink) -> Request:
        match wanted.kind:
            case "bridge":
                return rtlinks.create_bridge(wanted.name)
            case "lo":
                return rtlinks.create_dummy(wanted.name)
            case "epair":
                return rtlinks.create_veth(wanted.name, wanted.other)
            case "vlan":
                return rtlinks.create_vlan(wanted.name, self._index(wanted.parent), wanted.vlan)
            case _:
                assert_never(wanted.kind)

    def _change(self, wanted: ChangeLink) -> None:
        master = None if wanted.master is None else self._index(wanted.master or None)
        self._routes.require(
            [
                rtlinks.change_link(
                    self._index(wanted.link),
                    mtu=wanted.mtu,
                    mac=wanted.mac,
                    name=wanted.name,
                    description=wanted.description,
                    master=master,
                )
            ]
        )

    def _fetch(self, link: str, namespace: Namespace) -> None:
        there = Operator(namespace)
        try:
            there.perform_one(MoveLink(link, self._namespace))
        finally:
            there.close()

    def perform_one(self, operation: Operation) -> None:
        """Do one operation that is not remembered. Raises PlatformError."""
        self._do(operation)

    def _remove_plain(self, index: int, address: Address) -> None:
        """Remove an address; those of its subnet that the kernel takes along are put back.

        Without promote_secondaries (ip-sysctl) it removes them with the first one.
        """
        before = self._addresses_on(index)
        self._routes.require([rtlinks.delete_plain_address(replace(address, index=index))])
        if address.address.version != 4:
            return
        left = {a.address for a in self._addresses_on(index)} | {address.address}
        lost = [a for a in before if a.address.version == 4 and a.address not in left]
        self._routes.require([rtlinks.add_plain_address(_as_made(a)) for a in lost])

    def _addresses_on(self, index: int) -> list[Address]:
        return [a for a in self._routes.addresses() if a.index == index]

    def _index(self, name: str | None) -> int:
        if name is None:
            return 0
        if name not in self._indexes:
            self._indexes = {link.name: link.index for link in self._routes.links()}
        index = self._indexes.get(name)
        if index is None:
            raise PlatformError("no such interface", interface=name, errno=errno.ENXIO)
        return index


_MADE_BY_KERNEL = rt.IFA_F_SECONDARY | rt.IFA_F_PERMANENT
"""They follow from what is there."""


def _as_made(address: Address) -> Address:
    return replace(address, flags=address.flags & ~_MADE_BY_KERNEL)
