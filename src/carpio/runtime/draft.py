"""A namespace as it will be: links, ordinary addresses and groups, changed on paper first.

Knows what may hold what, and says with an errno(3) why something cannot be. Touches nothing.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from carpio.config.model import VhidConfig
from carpio.core.model import InstanceConfig, InstanceKey, IpAddress, Vhid, VirtualAddress
from carpio.runtime.inventory import is_of_a_group
from carpio.runtime.rtobjects import Address, Link
from carpio.wire.auth import Key

__all__ = ["Draft", "StepRefused"]


class StepRefused(Exception):
    """Why a step cannot be done: an errno(3) and a text for people."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.errno = number


class Draft:
    """What there is in one namespace, and what is planned."""

    def __init__(
        self,
        netns: str | None,
        links: Iterable[Link],
        addresses: Iterable[Address],
        vhids: Sequence[VhidConfig],
    ) -> None:
        """`vhids`: the groups of all namespaces; those of others stay as they are."""
        self.netns = netns
        self._links = {link.name: link for link in links}
        names = {one.index: one.name for one in self._links.values() if not is_of_a_group(one)}
        self._plain: dict[str, list[Address]] = {name: [] for name in self._links}
        for address in addresses:
            if address.index in names:
                self._plain[names[address.index]].append(address)
        self._vhids = list(vhids)
        self._new_indexes = itertools.count(-1, -1)
        self._leaving: list[tuple[str, Address]] = []

    # -- links -----------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """All names that are taken, also by the macvlans of groups."""
        return list(self._links)

    @property
    def visible_names(self) -> list[str]:
        """The names of interfaces, macvlans of groups left out."""
        return [name for name, link in self._links.items() if not is_of_a_group(link)]

    def link(self, name: str) -> Link:
        """The interface of that name. Raises StepRefused."""
        found = self._links.get(name)
        if found is None or is_of_a_group(found):
            raise StepRefused(errno.ENXIO, f"interface {name} does not exist")
        return found

    def has_link(self, name: str) -> bool:
        """Whether the name is taken."""
        return name in self._links

    def new_index(self) -> int:
        """A number for a new interface until the kernel gives it an index, which is positive."""
        return next(self._new_indexes)

    def name_of(self, index: int) -> str | None:
        """The name of the interface with that index."""
        return next((link.name for link in self._links.values() if link.index == index), None)

    def put_link(self, link: Link, *, instead_of: str | None = None) -> None:
        """Add a link, or change the one called `instead_of`."""
        former = instead_of or link.name
        addresses = self._plain.pop(former, [])
        self._links.pop(former, None)
        self._links[link.name], self._plain[link.name] = link, addresses

    def drop_link(self, name: str) -> None:
        """Remove a link without groups, with the addresses that it has."""
        del self._links[name]
        self._leaving += [(name, address) for address in self._plain.pop(name)]

    # -- ordinary addresses ----------------------------------------------------------------

    def plain_on(self, name: str, address: IpAddress) -> Address | None:
        """That ordinary address of an interface."""
        return next((a for a in self._plain.get(name, ()) if a.address == address), None)

    def first_ipv4(self, name: str) -> Address | None:
        """The first ordinary IPv4 address of an interface."""
        return next((a for a in self._plain.get(name, ()) if a.address.version == 4), None)

    def plain_elsewhere(self, name: str, address: IpAddress) -> str | None:
        """Another interface that has the address as an ordinary one."""
        if address.is_link_local and address.version == 6:
            return None
        return next(
            (
                other
                for other, held in self._plain.items()
                if other != name and any(a.address == address for a in held)
            ),
            None,
        )

    def put_plain(self, name: str, address: Address) -> None:
        """Add an ordinary address, as the last one."""
        self._plain[name].append(address)

    def drop_plain(self, name: str, address: Address) -> None:
        """Remove an ordinary address."""
        self._plain[name].remove(address)

    def take_leaving(self, address: IpAddress) -> list[tuple[str, Address]]:
        """Where the address is until a link that was removed is really gone; told once."""
        found = [one for one in self._leaving if one[1].address == address]
        self._leaving = [one for one in self._leaving if one not in found]
        return found

    # -- groups ----------------------------------------------------------------------------

    @property
    def vhids(self) -> tuple[VhidConfig, ...]:
        """The groups of all namespaces, in order of creation."""
        return tuple(self._vhids)

    @property
    def _here(self) -> list[VhidConfig]:
        return [one for one in self._vhids if one.netns == self.netns]

    def groups_on(self, name: str) -> list[VhidConfig]:
        """The groups of an interface, in order of creation."""
        return [one for one in self._here if one.instance.carpdev == name]

    def group(self, key: InstanceKey) -> VhidConfig | None:
        """The group of that number on that interface."""
        return next((one for one in self._here if one.instance.instance == key), None)

    def make_group(self, key: InstanceKey) -> VhidConfig:
        """Add a group with the defaults of spec 1.1. Raises StepRefused: its name is taken."""
        name = str(key)
        taken = [one for one in self._vhids if one.name == name]
        if taken and self.netns is not None:
            name, taken = f"{key}@{self.netns}", []
        if taken or any(one.name == name for one in self._vhids):
            raise StepRefused(errno.EEXIST, f"another group is called {name}")
        instance = InstanceConfig(vhid=Vhid(key.vhid), carpdev=key.carpdev, key=Key.from_bytes(b""))
        made = VhidConfig(instance=instance, netns=self.netns, name=name)
        self._vhids.append(made)
        return made

    def change_group(self, group: VhidConfig, instance: InstanceConfig) -> None:
        """Give a group other settings."""
        self._vhids[self._vhids.index(group)] = replace(group, instance=instance)

    def drop_group(self, group: VhidConfig) -> None:
        """Remove a group."""
        self._vhids.remove(group)

    def group_with(self, address: IpAddress, name: str) -> VhidConfig | None:
        """The group of this namespace that has the address; link-local ones are an interface's."""
        is_local = address.is_link_local and address.version == 6
        groups = self.groups_on(name) if is_local else self._here
        for group in groups:
            if any(held.address == address for held in group.instance.addresses):
                return group
        return None

    def first_group_with_ipv4(self, name: str) -> tuple[VhidConfig, VirtualAddress] | None:
        """The first IPv4 address of the groups on an interface."""
        for group in self.groups_on(name):
            for held in group.instance.addresses:
                if isinstance(held.address, IPv4Address):
                    return group, held
        return None

    def attach(self, key: InstanceKey, address: VirtualAddress) -> None:
        """Give an address to a group; one that it has gets the new prefix length.

        Raises StepRefused, with the numbers of spec 13.3.
        """
        group = self.group(key)
        if group is None:
            number = errno.ENOENT if self.groups_on(key.carpdev) else errno.ENOPROTOOPT
            raise StepRefused(number, f"there is no vhid {key.vhid} on {key.carpdev}")
        held = list(group.instance.addresses)
        places = [n for n, one in enumerate(held) if one.address == address.address]
        if places:
            held[places[0]] = address
        else:
            held.append(address)
        self.change_group(group, replace(group.instance, addresses=tuple(held)))

    def detach(self, group: VhidConfig, address: IpAddress, *, keep_empty: bool) -> None:
        """Take an address from a group, and remove the group with its last one (spec 14.2)."""
        held = tuple(one for one in group.instance.addresses if one.address != address)
        if held or keep_empty:
            self.change_group(group, replace(group.instance, addresses=held))
        else:
            self.drop_group(group)
