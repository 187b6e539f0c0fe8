"""From a `configure` request to a plan: what changes in Linux, and which groups there will be.

Every step is first taken on a `Draft`, so that what cannot be is refused before anything is
touched. Linux is changed in two parts: `before` the groups (interfaces made and changed,
ordinary addresses removed, which a group may be about to take over) and `after` them (ordinary
addresses added, interfaces moved, and at the very end removed, which cannot be taken back). So an
address that moves between an interface and a group is never with both.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from carpio.config.model import VhidConfig
from carpio.control.messages import StepError
from carpio.control.network import (
    AddAddress,
    AddMember,
    Create,
    DeleteAddress,
    DeleteMember,
    Destroy,
    Line,
    MoveTo,
    SetLink,
    SetVhid,
    Step,
    TakeFrom,
)
from carpio.core.model import InstanceKey, IpAddress, State, Vhid
from carpio.errors import PlatformError
from carpio.runtime import rtobjects as rt
from carpio.runtime.draft import Draft, StepRefused
from carpio.runtime.inventory import Inventory, check_parent, is_of_a_group
from carpio.runtime.namespace import Namespace
from carpio.runtime.operations import (
    Action,
    AddPlain,
    ChangeLink,
    CreateLink,
    FetchLink,
    MoveLink,
    Operation,
    RemoveLink,
    RemovePlain,
    SetFlags,
)
from carpio.runtime.rtobjects import Address, Link
from carpio.runtime.step_values import (
    check_name,
    ordinary_address,
    parse_address,
    parse_mac,
    parse_virtual,
)
from carpio.wire.auth import Key

__all__ = ["Others", "Plan", "plan"]

_MADE_KINDS = {"bridge": "bridge", "epair": "veth", "lo": "dummy", "vlan": "vlan"}
_FIRST_NUMBER = {"lo": 1}
"""The loopback that is always there counts as number 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What a plan may ask about other namespaces."""

    open: Callable[[str], Namespace]
    """Open the namespace of a jail if the caller may change it. Raises StepRefused."""
    names: Callable[[], Iterable[str]]
    """Names of interfaces in other namespaces, which new ones do not take."""
    look: Callable[[Namespace], Sequence[Link]]
    """The interfaces of another namespace."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """What is to be done."""

    before: list[Action] = field(default_factory=list)
    vhids: tuple[VhidConfig, ...] = ()
    """The groups of all namespaces that there will be."""
    after: list[Action] = field(default_factory=list)
    states: list[tuple[InstanceKey, State]] = field(default_factory=list)
    """States to force at the end."""
    touched: dict[InstanceKey, tuple[int, int]] = field(default_factory=dict)
    """Groups that were made or changed, each with line and step for errors."""
    interfaces: list[str] = field(default_factory=list)
    """What the interface of each line is called at its end."""


def plan(lines: Sequence[Line], draft: Draft, others: Others) -> Plan:
    """Plan all lines. Raises StepError for the first step that cannot be done."""
    made = Plan()
    for number, line in enumerate(lines):
        writer = _LineWriter(made, draft, others, number, line.interface)
        for position, step in enumerate(line.steps):
            writer.take(position, step)
        made.interfaces.append(writer.interface)
    made.vhids = draft.vhids
    made.after.sort(key=lambda action: action.undo is None)
    left = {(one.netns, one.instance.instance) for one in draft.vhids}
    gone = [key for key in made.touched if (draft.netns, key) not in left]
    for key in gone:
        del made.touched[key]
    made.states = [(key, state) for key, state in made.states if key in made.touched]
    return made


class _LineWriter:
    """Writes the steps of one line into the plan."""

    def __init__(
        self, made: Plan, draft: Draft, others: Others, number: int, interface: str
    ) -> None:
        self._plan = made
        self._draft = draft
        self._others = others
        self._number = number
        self._position = 0
        self.interface = interface

    def take(self, position: int, step: Step) -> None:
        """Plan one step. Raises StepError."""
        self._position = position
        try:
            self._take(step)
        except StepRefused as refusal:
            raise StepError(
                str(refusal), line=self._number, step=position, errno=refusal.errno
            ) from refusal

    def _take(self, step: Step) -> None:
        match step:
            case Create():
                self._create(step)
            case Destroy():
                self._destroy()
            case SetLink():
                self._set_link(step)
            case AddMember(member):
                self._add_member(member)
            case DeleteMember(member):
                self._delete_member(member)
            case MoveTo(netns):
                self._move_to(netns)
            case TakeFrom(netns):
                self._take_from(netns)
            case SetVhid():
                self._set_vhid(step)
            case DeleteAddress():
                self._delete_address(step)
            case AddAddress():
                self._add_address(step)
            case _:
                assert_never(step)

    def _before(self, do: Operation, undo: Operation | None) -> None:
        action = Action(do=do, undo=undo, line=self._number, step=self._position)
        self._plan.before.append(action)

    def _after(self, do: Operation, undo: Operation | None) -> None:
        action = Action(do=do, undo=undo, line=self._number, step=self._position)
        self._plan.after.append(action)

    # -- interfaces ------------------------------------------------------------------------

    def _create(self, step: Create) -> None:
        name = self._free_name(step.kind) if self.interface == step.kind else self.interface
        names = [name]
        if step.kind == "epair":
            base = name.removesuffix("a")
            names = [f"{base}a", f"{base}b"]
        for one in names:
            check_name(one)
            if self._draft.has_link(one):
                raise StepRefused(errno.EEXIST, f"interface {one} already exists")
        if step.kind == "vlan" and (step.vlan is None or step.parent is None):
            raise StepRefused(errno.EINVAL, "a vlan needs its number and the interface below")
        parent = self._draft.link(step.parent) if step.parent else None
        creation = CreateLink(
            kind=step.kind,
            name=names[0],
            other=names[-1] if len(names) > 1 else "",
            vlan=step.vlan or 0,
            parent=parent.name if parent else "",
        )
        self._before(creation, RemoveLink(names[0]))
        for link in self._new_links(names, _MADE_KINDS[step.kind]):
            self._draft.put_link(link)
        self.interface = names[0]

    def _new_links(self, names: Sequence[str], kind: str) -> list[Link]:
        """New interfaces; of two each is the other's other end."""
        indexes = [self._draft.new_index() for _ in names]
        others = reversed(indexes) if len(indexes) > 1 else [0]
        return [
            _new_link(name, kind, index, other)
            for name, index, other in zip(names, indexes, others, strict=True)
        ]

    def _free_name(self, kind: str) -> str:
        taken = {*self._draft.names, *self._others.names()}
        number = _FIRST_NUMBER.get(kind, 0)
        while taken & {f"{kind}{number}", f"{kind}{number}a", f"{kind}{number}b"}:
            number += 1
        return f"{kind}{number}"

    def _destroy(self) -> None:
        link = self._draft.link(self.interface)
        if link.kind not in _MADE_KINDS.values():
            raise StepRefused(errno.EINVAL, f"{link.name} is not an interface that can be removed")
        going = [link]
        if link.kind == "veth" and link.lower and not link.lower_elsewhere:
            other = self._draft.name_of(link.lower)
            going += [self._draft.link(other)] if other else []
        for one in going:
            self._refuse_groups(one)
        self._after(RemoveLink(link.name), None)
        for one in going:
            self._draft.drop_link(one.name)

    def _set_link(self, step: SetLink) -> None:
        link = self._draft.link(self.interface)
        if "\0" in (step.description or ""):
            raise StepRefused(errno.EINVAL, "a description has no NUL")
        flags = {
            rt.IFF_PROMISC: step.promisc,
            rt.IFF_ALLMULTI: step.allmulti,
            rt.IFF_NOARP: None if step.arp is None else not step.arp,
            rt.IFF_UP: step.up,
        }
        mac = parse_mac(step.mac) if step.mac is not None else None
        values = {"mtu": step.mtu, "mac": mac, "alias": step.description}
        changes = {name: value for name, value in values.items() if value is not None}
        if changes:
            former = {name: getattr(link, name) for name in changes}
            self._before(_change(link.name, changes), _change(link.name, former))
            link = replace(link, **changes)  # type: ignore[arg-type]  # as the values above
        mask = sum(bit for bit, wanted in flags.items() if wanted is not None)
        if mask:
            wanted = sum(bit for bit, value in flags.items() if value)
            self._before(SetFlags(link.name, wanted, mask), SetFlags(link.name, link.flags, mask))
            link = replace(link, flags=(link.flags & ~mask) | wanted)
        self._draft.put_link(link)
        if step.name is not None:
            self._rename(link, step.name)

    def _rename(self, link: Link, name: str) -> None:
        check_name(name)
        if name == link.name:
            return
        if self._draft.has_link(name):
            raise StepRefused(errno.EEXIST, f"interface {name} already exists")
        self._refuse_groups(link)
        self._before(ChangeLink(link=link.name, name=name), ChangeLink(link=name, name=link.name))
        self._plan.after = [_renamed(action, link.name, name) for action in self._plan.after]
        self._draft.put_link(replace(link, name=name), instead_of=link.name)
        self.interface = name

    def _refuse_groups(self, link: Link) -> None:
        groups = self._draft.groups_on(link.name)
        if groups:
            names = ", ".join(str(one.instance.vhid) for one in groups)
            raise StepRefused(
                errno.EBUSY, f"{link.name} carries vhid {names}; remove their addresses first"
            )

    def _add_member(self, member: str) -> None:
        bridge, port = self._bridge(), self._draft.link(member)
        self._refuse_groups(port)
        if port.master or port.name == bridge.name:
            raise StepRefused(errno.EBUSY, f"{member} is already a port of a bridge")
        self._before(
            ChangeLink(link=member, master=bridge.name), ChangeLink(link=member, master="")
        )
        self._draft.put_link(replace(port, master=bridge.index))

    def _delete_member(self, member: str) -> None:
        bridge, port = self._bridge(), self._draft.link(member)
        if port.master != bridge.index:
            raise StepRefused(errno.ENOENT, f"{member} is not a port of {bridge.name}")
        self._before(
            ChangeLink(link=member, master=""), ChangeLink(link=member, master=bridge.name)
        )
        self._draft.put_link(replace(port, master=0))

    def _bridge(self) -> Link:
        bridge = self._draft.link(self.interface)
        if bridge.kind != "bridge":
            raise StepRefused(errno.EOPNOTSUPP, f"{bridge.name} is not a bridge")
        return bridge

    def _move_to(self, netns: str) -> None:
        link = self._draft.link(self.interface)
        self._refuse_groups(link)
        namespace = self._others.open(netns)
        self._after(MoveLink(link.name, namespace), FetchLink(link.name, namespace))
        self._draft.drop_link(link.name)

    def _take_from(self, netns: str) -> None:
        namespace = self._others.open(netns)
        if self._draft.has_link(self.interface):
            raise StepRefused(errno.EEXIST, f"interface {self.interface} already exists")
        for link in self._others.look(namespace):
            if link.name == self.interface and not is_of_a_group(link):
                self._before(FetchLink(link.name, namespace), MoveLink(link.name, namespace))
                index = self._draft.new_index()
                self._draft.put_link(replace(link, index=index, lower=0, master=0, flags=0))
                return
        raise StepRefused(errno.ENXIO, f"interface {self.interface} does not exist")

    # -- groups ----------------------------------------------------------------------------

    def _key(self, vhid: int) -> InstanceKey:
        return InstanceKey(Vhid(vhid), self.interface)

    def _set_vhid(self, step: SetVhid) -> None:
        link = self._draft.link(self.interface)
        key = self._key(step.vhid)
        group = self._draft.group(key)
        if group is None:
            self._check_parent(link)
            group = self._draft.make_group(key)
        changes = {
            name: value
            for name, value in (("advbase", step.advbase), ("advskew", step.advskew))
            if value is not None
        }
        instance = replace(group.instance, **changes)  # type: ignore[arg-type]  # integers all
        if step.passphrase:
            instance = replace(instance, key=Key.from_passphrase(step.passphrase))
        self._draft.change_group(group, instance)
        self._touch(key)
        if step.state is not None:
            self._plan.states.append((key, State[step.state.upper()]))

    def _touch(self, key: InstanceKey) -> None:
        self._plan.touched[key] = (self._number, self._position)

    def _check_parent(self, link: Link) -> None:
        known = (self._draft.link(name) for name in self._draft.visible_names)
        look = Inventory(links=tuple(known), addresses=(), rules=(), backup_routes=())
        try:
            check_parent(look, link)
        except PlatformError as error:
            raise StepRefused(errno.EOPNOTSUPP, str(error)) from error

    # -- addresses -------------------------------------------------------------------------

    def _delete_address(self, step: DeleteAddress) -> None:
        name = self.interface
        if not self._draft.groups_on(name):  # which may have outlived their interface
            self._draft.link(name)
        if step.address is None:
            self._delete_first(name)
            return
        address = parse_address(step.address)
        if self._remove_plain(name, address):
            return
        group = self._draft.group_with(address, name)
        if group is None or group.instance.carpdev != name:
            raise StepRefused(errno.EADDRNOTAVAIL, f"{address} is not on {name}")
        self._detach(group, address)

    def _delete_first(self, name: str) -> None:
        if plain := self._draft.first_ipv4(name):
            self._remove_one(name, plain)
        elif found := self._draft.first_group_with_ipv4(name):
            self._detach(found[0], found[1].address)
        else:
            raise StepRefused(errno.EADDRNOTAVAIL, f"{name} has no IPv4 address")

    def _detach(self, group: VhidConfig, address: IpAddress) -> None:
        """Take an address from a group; one that goes with it is forced into no state."""
        key = group.instance.instance
        self._touch(key)
        self._draft.detach(group, address, keep_empty=False)
        if self._draft.group(key) is None:
            self._plan.states = [(one, state) for one, state in self._plan.states if one != key]

    def _remove_plain(self, name: str, address: IpAddress) -> bool:
        """Remove an ordinary address, with whichever prefix lengths; False if there is none."""
        found = False
        while plain := self._draft.plain_on(name, address):
            self._remove_one(name, plain)
            found = True
        return found

    def _remove_one(self, name: str, address: Address) -> None:
        self._draft.drop_plain(name, address)
        self._take_away(name, address)

    def _take_away(self, name: str, address: Address) -> None:
        """Let an ordinary address be removed, or not added in the first place."""
        adding = AddPlain(name, address)
        waiting = [action for action in self._plan.after if action.do != adding]
        if len(waiting) == len(self._plan.after):
            self._before(RemovePlain(name, address), adding)
        self._plan.after = waiting

    def _add_address(self, step: AddAddress) -> None:
        link = self._draft.link(self.interface)
        address = parse_address(step.address)
        if step.prefix_length > address.max_prefixlen:
            raise StepRefused(errno.EINVAL, f"{address}: bad value (width too large)")
        if holder := self._draft.plain_elsewhere(link.name, address):
            raise StepRefused(errno.EEXIST, f"{address} is on {holder}")
        if step.vhid is not None:
            self._attach(step, step.vhid, address)
        else:
            self._add_plain(step, address)
        if not link.is_up:
            self._before(
                SetFlags(link.name, rt.IFF_UP, rt.IFF_UP), SetFlags(link.name, 0, rt.IFF_UP)
            )
            self._draft.put_link(replace(link, flags=link.flags | rt.IFF_UP))

    def _attach(self, step: AddAddress, vhid: int, address: IpAddress) -> None:
        key = self._key(vhid)
        virtual = parse_virtual(address, step.prefix_length)
        if step.replace and address.version == 4:
            self._replace_first(address, key)
        holder = self._draft.group_with(address, self.interface)
        if holder is not None and holder.instance.carpdev != self.interface:
            raise StepRefused(errno.EEXIST, f"{address} belongs to {holder.name}")
        self._remove_plain(self.interface, address)
        for name, leaving in self._draft.take_leaving(address):
            self._take_away(name, leaving)
        if holder is not None and holder.instance.instance != key:
            self._touch(holder.instance.instance)
            self._draft.detach(holder, address, keep_empty=True)
        self._draft.attach(key, virtual)
        self._touch(key)

    def _replace_first(self, address: IpAddress, attaching: InstanceKey | None) -> None:
        """Remove the first IPv4 address of the interface unless it is `address`.

        That of a group makes place only for one that is `attaching` to a group; another group
        that loses its last address so is gone.
        """
        name = self.interface
        if plain := self._draft.first_ipv4(name):
            if plain.address != address:
                self._remove_one(name, plain)
            return
        found = self._draft.first_group_with_ipv4(name) if attaching else None
        if found is not None and found[1].address != address:
            key = found[0].instance.instance
            self._touch(key)
            self._draft.detach(found[0], found[1].address, keep_empty=key == attaching)

    def _add_plain(self, step: AddAddress, address: IpAddress) -> None:
        name = self.interface
        if holder := self._draft.group_with(address, name):
            raise StepRefused(
                errno.EEXIST,
                f"{address} belongs to {holder.name}; take it from there first, with -alias",
            )
        if step.anycast:
            raise StepRefused(errno.EOPNOTSUPP, "anycast addresses are not supported")
        if step.replace and address.version == 4:
            self._replace_first(address, None)
        self._remove_plain(name, address)
        added = ordinary_address(step, address)
        self._after(AddPlain(name, added), RemovePlain(name, added))
        self._draft.put_plain(name, added)


def _change(link: str, values: Mapping[str, object]) -> ChangeLink:
    """A change of the interface from values called as in `Link`."""
    mtu, mac, alias = values.get("mtu"), values.get("mac"), values.get("alias")
    return ChangeLink(
        link=link,
        mtu=mtu if isinstance(mtu, int) else None,
        mac=mac if isinstance(mac, bytes) and mac else None,  # that of a new one is not known
        description=alias if isinstance(alias, str) else None,
    )


def _renamed(action: Action, former: str, name: str) -> Action:
    """The same for an interface that has another name by then."""
    do, undo = action.do, action.undo
    if isinstance(do, AddPlain) and isinstance(undo, RemovePlain) and do.link == former:
        return replace(action, do=replace(do, link=name), undo=replace(undo, link=name))
    return action


def _new_link(name: str, kind: str, index: int, lower: int) -> Link:
    return Link(
        index=index,
        name=name,
        kind=kind,
        mac=b"",
        hardware=rt.ARPHRD_ETHER,
        flags=0,
        operstate=0,
        lower=lower,
        lower_elsewhere=False,
        master=0,
        mtu=1500,
        alias="",
    )
