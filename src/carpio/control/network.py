"""Requests about one network namespace, that of the caller: look at it, change it, keep it.

A `configure` request is a list of lines, each a list of steps on one interface, carried out
in order and all or nothing: a reply is either the whole result or an error that names the line
and the step, with nothing changed. Within a line the caller decides the order; that an
address is never there without its group holds in any order, because address and group come in
one step.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import msgspec

from carpio.control.params import Params

__all__ = [
    "MOST_CHANGES",
    "NETWORK_SCHEMA",
    "AddAddress",
    "AddMember",
    "AddressView",
    "ChangeSettings",
    "Configuration",
    "ConfigurationRequest",
    "Configure",
    "ConfigureResult",
    "Create",
    "DeleteAddress",
    "DeleteMember",
    "Destroy",
    "GroupConfiguration",
    "GroupName",
    "GroupView",
    "InterfaceView",
    "Line",
    "MoveTo",
    "Network",
    "NetworkRequest",
    "SetLink",
    "SetVhid",
    "Setting",
    "SettingChange",
    "SettingResult",
    "SettingsRequest",
    "SettingsResult",
    "Step",
    "TakeFrom",
]

NETWORK_SCHEMA: Final = 1
MOST_CHANGES: Final = 64
"""Settings that one request may change; each costs some ms."""

Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
VhidNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=255)]
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


# -- steps -----------------------------------------------------------------------------------


class Create(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="create"):
    """Make the interface of the line.

    `kind` "epair" makes a veth pair: NAMEa and NAMEb; "lo" a dummy. If the line's interface is the
    bare kind ("bridge"), the first free number is added. "vlan" needs `vlan` and `parent`.
    """

    kind: Literal["bridge", "epair", "lo", "vlan"]
    vlan: Annotated[int, msgspec.Meta(ge=1, le=4094)] | None = None
    parent: Name | None = None


class Destroy(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="destroy"):
    """Remove the interface, of an epair both ends. Refused (EBUSY) while it carries groups."""


class SetLink(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="link"):
    """Change what is not None. `mac` is `aa:bb:cc:dd:ee:ff` or "random"; `description` "" is none.

    After `name` the line goes on with the interface's new name.
    """

    up: bool | None = None
    mtu: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    mac: str | None = None
    name: Name | None = None
    description: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    promisc: bool | None = None
    allmulti: bool | None = None
    arp: bool | None = None


class AddMember(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="member.add"):
    """Make an interface a port of the bridge."""

    member: Name


class DeleteMember(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="member.delete"
):
    """Take a port out of the bridge."""

    member: Name


class MoveTo(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="netns.move"):
    """Move the interface into the namespace that ip-netns(8) calls `netns`; ends the line."""

    netns: Name


class TakeFrom(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="netns.take"):
    """Fetch the interface out of that namespace into the caller's."""

    netns: Name


class SetVhid(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="vhid"):
    """Make the group on the interface, or change what is not None; `state` is forced at the end."""

    vhid: VhidNumber
    advbase: Annotated[int, msgspec.Meta(ge=1, le=255)] | None = None
    advskew: Annotated[int, msgspec.Meta(ge=0, le=254)] | None = None
    passphrase: str | None = None
    """19 bytes of UTF-8 count; an empty one leaves the key as it is."""
    state: Literal["master", "backup"] | None = None

    def __repr__(self) -> str:
        return f"SetVhid(vhid={self.vhid}, advbase={self.advbase}, advskew={self.advskew}, ...)"


class DeleteAddress(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="address.delete"
):
    """Remove an address, whether of a group or not; None: the first IPv4 address.

    With its last address a group goes as well.
    """

    address: str | None = None


class AddAddress(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="do", tag="address.add"
):
    """Add an address, or change it if the interface has it.

    With `vhid` it belongs to that group, which must be there, and is held by carpio alone;
    without it is an ordinary address. `replace`: an ordinary IPv4 address takes the place of
    the first one. Sets the interface up.
    """

    address: str
    """Without prefix length."""
    prefix_length: Annotated[int, msgspec.Meta(ge=0, le=128)]
    vhid: VhidNumber | None = None
    replace: bool = False
    broadcast: str | None = None
    peer: str | None = None
    """The other end of a point-to-point link."""
    no_dad: bool = False
    anycast: bool = False
    preferred_s: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    valid_s: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    """Lifetimes in seconds; None is for ever."""


Step: TypeAlias = (
    Create
    | Destroy
    | SetLink
    | AddMember
    | DeleteMember
    | MoveTo
    | TakeFrom
    | SetVhid
    | DeleteAddress
    | AddAddress
)


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Steps on one interface."""

    interface: Name
    steps: list[Step]


class Configure(Params, frozen=True):
    """Change interfaces, groups and addresses of the caller's namespace -> `ConfigureResult`."""

    method: ClassVar[str] = "configure"
    lines: list[Line]


class ConfigureResult(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `configure`: the name of each line's interface at the end of the line.

    Of a created epair it is the first end's.
    """

    interfaces: list[str]


# -- looking ---------------------------------------------------------------------------------


class NetworkRequest(Params, frozen=True):
    """Which interfaces, addresses and groups has the caller's namespace? -> `Network`.

    With `keys` the keys of groups are told to those who may change the namespace.
    """

    method: ClassVar[str] = "network"
    keys: bool = False


class AddressView(msgspec.Struct, frozen=True, kw_only=True):
    """One address of an interface."""

    address: str
    prefix_length: int
    peer: str | None = None
    broadcast: str | None = None
    vhid: int | None = None
    flags: list[str] = []
    """Of: tentative, duplicated, deprecated, temporary, autoconf, anycast."""
    preferred_s: int | None = None
    valid_s: int | None = None


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """One group on an interface. `advskew` is the configured one."""

    vhid: int
    state: Literal["INIT", "BACKUP", "MASTER"]
    advbase: int
    advskew: int
    key: str | None = None
    """20 bytes in hexadecimal, or None when the caller may not know it or did not ask."""


class InterfaceView(msgspec.Struct, frozen=True, kw_only=True):
    """One interface; the macvlans of groups are left out, what they hold is told here."""

    index: int
    name: str
    kind: str
    """As ip-link(8) calls it: "bridge", "veth", "vlan" ...; empty for hardware and loopback."""
    mac: str | None
    """None where there is none (loopback, tunnels)."""
    permanent_mac: str | None = None
    """As burnt in, where the driver tells."""
    flags: int
    """IFF_* of Linux (netdevice(7))."""
    is_ethernet: bool
    has_carrier: bool
    mtu: int
    metric: int = 0
    description: str = ""
    master: str | None = None
    """The bridge or bond that it is a port of."""
    parent: str | None = None
    """The interface below a VLAN."""
    vlan: int | None = None
    addresses: list[AddressView] = []
    groups: list[GroupView] = []
    """In order of creation."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `network`, interfaces in the kernel's order."""

    schema: int = NETWORK_SCHEMA
    interfaces: list[InterfaceView]


# -- settings --------------------------------------------------------------------------------

Setting: TypeAlias = Literal[
    "allow",
    "preempt",
    "dscp",
    "log",
    "demotion",
    "ifdown_demotion_factor",
    "senderr_demotion_factor",
    "stats",
]


class SettingsRequest(Params, frozen=True):
    """Which settings and counters has CARP in the caller's namespace? -> `SettingsResult`."""

    method: ClassVar[str] = "settings"


class SettingsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `settings`; `stats` are the counters of spec 17 by their names."""

    allow: int
    preempt: int
    dscp: int
    log: int
    demotion: int
    ifdown_demotion_factor: int
    senderr_demotion_factor: int
    stats: dict[str, int]


class SettingChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new value; `demotion` is added to what is there, `stats` can only become 0."""

    name: Setting
    value: Number


class ChangeSettings(Params, frozen=True):
    """Change settings of CARP in the caller's namespace, all or none -> list of `SettingResult`."""

    method: ClassVar[str] = "settings.change"
    changes: Annotated[list[SettingChange], msgspec.Meta(max_length=MOST_CHANGES)]


class SettingResult(msgspec.Struct, frozen=True, kw_only=True):
    """One setting before and after."""

    name: Setting
    old: int
    new: int


# -- keeping ---------------------------------------------------------------------------------


class ConfigurationRequest(Params, frozen=True):
    """What is configured now, keys included, in all namespaces? -> `Configuration`."""

    method: ClassVar[str] = "configuration"


class GroupConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """One group as it runs."""

    id: int
    interface: str
    netns: str | None
    name: str
    key: str
    """20 bytes in hexadecimal."""
    advbase: int
    advskew: int
    addresses: list[str]
    preempt: bool | None
    attach: str | None = None
    """Network namespace of the container in which the addresses live."""
    is_lasting: bool = True
    """False when its namespace has no name by which a file could speak of it."""

    def __repr__(self) -> str:
        return f"GroupConfiguration({self.name}, ...)"


class GroupName(msgspec.Struct, frozen=True, kw_only=True):
    """Which group it is; `netns` as a file says it."""

    id: int
    interface: str
    netns: str | None


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `configuration`. `settings` are the keys of the file's top level."""

    file: str
    """The main configuration file, absolute."""
    files: list[str]
    """All files that were read last, the main one first."""
    has_unsaved: bool
    """True when something runs that the files do not say."""
    settings: dict[str, int]
    netns_settings: dict[str, dict[str, int]]
    """Of namespaces with settings of their own, those that differ from the top level."""
    groups: list[GroupConfiguration]
    digests: list[str] = []
    """For each of `files` what tells its text as it was read from another one."""
    removed: list[GroupName] = []
    """Groups that the files had when they were read, and that were taken away since."""
