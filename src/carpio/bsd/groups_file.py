"""Groups as ifconfig lines make them, one after another, and carpio.toml for what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from carpio.bsd.words import Change
from carpio.control.network import (
    AddAddress,
    DeleteAddress,
    SetLink,
    SetVhid,
)

__all__ = ["GroupsFile"]


@dataclass(slots=True, kw_only=True)
class _Group:
    interface: str
    vhid: int
    passphrase: str = ""
    advbase: int = 1
    advskew: int = 0
    addresses: dict[str, int] = field(default_factory=dict)
    """Prefix lengths by address, in order of attachment."""


class GroupsFile:
    """Takes changes in order, as if they were carried out, and keeps the groups."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, int], _Group] = {}

    def take(self, change: Change, remark: Callable[[str], None]) -> None:
        """Carry out a change on paper; what is none of a group's is told to `remark`."""
        interface = change.interface
        left_out: list[str] = []
        for step in change.steps:
            match step:
                case SetVhid():
                    self._set(interface, step, left_out)
                case AddAddress(vhid=int(vhid)):
                    self._attach(interface, vhid, step)
                case DeleteAddress(address=str(address)) if self._detach(interface, address):
                    pass
                case AddAddress(address=address, prefix_length=width):
                    left_out.append(f"the address {address}/{width}")
                case DeleteAddress():
                    left_out.append("the removal of an address")
                case SetLink(name=str(name)):
                    left_out.append(f"the name {name}")
                    interface = name
                case _:
                    left_out.append(f"settings of {interface}")
        if left_out:
            what = " and ".join(dict.fromkeys(left_out))
            remark(f"left out: {what}; that is for the system's own network configuration")

    def _set(self, interface: str, step: SetVhid, left_out: list[str]) -> None:
        key = interface, step.vhid
        group = self._groups.setdefault(key, _Group(interface=interface, vhid=step.vhid))
        group.passphrase = step.passphrase or group.passphrase
        group.advbase = group.advbase if step.advbase is None else step.advbase
        group.advskew = group.advskew if step.advskew is None else step.advskew
        if step.state is not None:
            left_out.append(f"the forced state of vhid {step.vhid}")

    def _attach(self, interface: str, vhid: int, step: AddAddress) -> None:
        for group in self._groups.values():
            if group.interface == interface and group.vhid != vhid:
                group.addresses.pop(step.address, None)
        self._groups[interface, vhid].addresses[step.address] = step.prefix_length

    def _detach(self, interface: str, address: str) -> bool:
        """Remove an address, and a group with its last one; False when no group has it."""
        for key, group in self._groups.items():
            if group.interface == interface and group.addresses.pop(address, None) is not None:
                if not group.addresses:
                    del self._groups[key]
                return True
        return False

    def remarks(self) -> Iterator[str]:
        """Yield what is odd about the groups that are left."""
        for group in self._groups.values():
            name = f"vhid {group.vhid} on {group.interface}"
            if not group.passphrase:
                yield f"{name} has no passphrase: anybody can forge its advertisements"
            if not group.addresses:
                yield f"{name} has no address"

    def toml(self) -> str:
        """Return the `[[vhid]]` tables."""
        return "\n".join(_table(group) for group in self._groups.values())


def _table(group: _Group) -> str:
    addresses = ", ".join(_quoted(f"{a}/{width}") for a, width in group.addresses.items())
    return (
        "[[vhid]]\n"
        f"id = {group.vhid}\n"
        f"interface = {_quoted(group.interface)}\n"
        f"passphrase = {_quoted(group.passphrase)}\n"
        f"advbase = {group.advbase}\n"
        f"advskew = {group.advskew}\n"
        f"addresses = [{addresses}]\n"
    )


def _quoted(text: str) -> str:
    """Return a basic string of TOML."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    is_control = ord(character) < 0x20 or ord(character) == 0x7F
    return f"\\u{ord(character):04x}" if is_control else character
