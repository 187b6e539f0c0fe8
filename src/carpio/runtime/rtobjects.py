"""What rtnetlink tells: links, addresses, routes and rules as values, and its constants.

Knows the message formats of rtnetlink(7) (linux/rtnetlink.h, linux/if_link.h); parses, never sends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6
from typing import Final, TypeAlias

__all__ = [
    "Address",
    "IpAddress",
    "Link",
    "LocalRoute",
    "Notification",
    "Route",
    "Rule",
    "parse_object",
]

IpAddress: TypeAlias = IPv4Address | IPv6Address

# linux/rtnetlink.h, linux/netlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK = 0x1, 0x4
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NLM_F_DUMP: Final = 0x300
NLM_F_DUMP_INTR: Final = 0x10
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_EXT_ACK = 270, 1, 11
NETLINK_GET_STRICT_CHK: Final = 12
IFF_UP, IFF_LOOPBACK, IFF_LOWER_UP = 0x1, 0x8, 0x10000
IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI = 0x80, 0x100, 0x200
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_GROUP, IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_PERM_ADDRESS = 27, 28, 29, 54
RTEXT_FILTER_SKIP_STATS: Final = 8
IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_LINK_NETNSID = 16, 18, 20, 26, 37
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE = 1, 4
IFLA_VLAN_ID = 1
VETH_INFO_PEER = 1
IFLA_INET_CONF: Final = 1
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST = 1, 2, 3, 4
IFA_CACHEINFO, IFA_FLAGS, IFA_RT_PRIORITY, IFA_PROTO = 6, 8, 9, 11
IFAPROT_KERNEL_RA = 2
IFA_F_NODAD, IFA_F_TENTATIVE, IFA_F_DADFAILED, IFA_F_NOPREFIXROUTE = 0x02, 0x40, 0x08, 0x200
IFA_F_SECONDARY: Final = 0x01
IFA_F_TEMPORARY, IFA_F_DEPRECATED, IFA_F_PERMANENT = 0x01, 0x20, 0x80
FOREVER = 0xFFFFFFFF
"""A lifetime without end, in seconds."""
RTA_DST, RTA_OIF, RTA_PRIORITY, RTA_PREFSRC, RTA_TABLE = 1, 4, 6, 7, 15
RTN_UNICAST, RTN_LOCAL = 1, 2
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST = 0, 253, 254
RTPROT_KERNEL, RTPROT_STATIC = 2, 4
FRA_PRIORITY, FRA_TABLE, FRA_PROTOCOL = 6, 15, 21
FR_ACT_TO_TBL: Final = 1
RT_TABLE_UNSPEC, RT_TABLE_LOCAL = 0, 255
ARPHRD_ETHER: Final = 1
IF_OPER_UP: Final = 6

HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
IFINFO = struct.Struct("=BxHiII")
IFADDR = struct.Struct("=BBBBI")
RTMSG = struct.Struct("=BBBBBBBBI")
CACHEINFO = struct.Struct("=IIII")
INT = struct.Struct("=i")
FAMILIES = {4: AF_INET, 6: AF_INET6}

GROUP_LINK, GROUP_IPV4_IFADDR, GROUP_IPV6_IFADDR = 1, 5, 9
GROUP_IPV4_ROUTE, GROUP_IPV4_RULE, GROUP_IPV6_ROUTE, GROUP_IPV6_RULE = 7, 8, 11, 19
MONITOR_GROUPS: Final = (
    GROUP_LINK,
    GROUP_IPV4_IFADDR,
    GROUP_IPV6_IFADDR,
    GROUP_IPV4_ROUTE,
    GROUP_IPV6_ROUTE,
    GROUP_IPV4_RULE,
    GROUP_IPV6_RULE,
)
"""Everything that somebody else could change under the datapath."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network interface as the kernel tells it."""

    index: int
    name: str
    kind: str
    mac: bytes
    hardware: int
    """ARPHRD_* (linux/if_arp.h)."""
    flags: int
    operstate: int
    lower: int
    """Index of the device below (macvlan, vlan ...) in this namespace, or 0."""
    lower_elsewhere: bool
    """True when the device below lives in another namespace."""
    master: int
    mtu: int
    alias: str
    permanent_mac: bytes = b""
    """As burnt in; empty where the driver does not tell."""
    vlan: int = 0
    """VLAN id of a vlan device."""

    @property
    def is_up(self) -> bool:
        """Administratively up."""
        return bool(self.flags & IFF_UP)

    @property
    def has_carrier(self) -> bool:
        """The link works: operational, or unknown to the driver but with carrier."""
        return bool(self.flags & IFF_LOWER_UP) and self.operstate in (0, IF_OPER_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address on an interface."""

    index: int
    address: IpAddress
    prefix_length: int
    flags: int
    peer: IpAddress | None = None
    """The other end of a point-to-point address."""
    broadcast: IpAddress | None = None
    label: str = ""
    scope: int = RT_SCOPE_UNIVERSE
    """RT_SCOPE_*; of IPv6 addresses the kernel knows it."""
    metric: int = 0
    """Of the route to its network; 0: the default."""
    preferred_s: int = FOREVER
    valid_s: int = FOREVER
    is_autoconfigured: bool = False
    """Made from a router advertisement (told by kernels since 5.18)."""

    @property
    def is_usable(self) -> bool:
        """False while duplicate address detection runs or after it failed."""
        return not self.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A unicast route."""

    family: int
    destination: str
    table: int
    oif: int
    source: IpAddress | None
    priority: int
    protocol: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy rule that only looks a table up (or something else: `plain` False)."""

    family: int
    priority: int
    table: int
    protocol: int
    plain: bool


@dataclass(frozen=True, slots=True)
class LocalRoute:
    """The kernel's own route that makes packets to `address` come up to the host."""

    address: IpAddress


@dataclass(frozen=True, slots=True)
class Notification:
    """Something changed: `added` False means removed."""

    subject: Link | Address | Route | LocalRoute | Rule
    added: bool


def parse_object(kind: int, body: bytes) -> Notification | None:
    """Make a value of one message, or None when it is of no interest here."""
    if kind in (RTM_NEWLINK, RTM_DELLINK):
        link = _parse_link(body)
        return Notification(link, kind == RTM_NEWLINK) if link else None
    if kind in (RTM_NEWADDR, RTM_DELADDR):
        address = _parse_address(body)
        return Notification(address, kind == RTM_NEWADDR) if address else None
    if kind in (RTM_NEWROUTE, RTM_DELROUTE):
        route = _parse_route(body)
        return Notification(route, kind == RTM_NEWROUTE) if route else None
    if kind in (RTM_NEWRULE, RTM_DELRULE):
        rule = _parse_rule(body)
        return Notification(rule, kind == RTM_NEWRULE) if rule else None
    return None


def messages(data: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Yield (type, flags, sequence, port, body) of each netlink message in one datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, port = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield kind, flags, sequence, port, data[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Return the attributes from `offset` on; of repeated ones the last."""
    found: dict[int, bytes] = {}
    while offset + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[offset + ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found


def _number(data: bytes | None) -> int:
    return int.from_bytes(data, "little") if data else 0


def _text(data: bytes | None) -> str:
    return data.rstrip(b"\0").decode(errors="replace") if data else ""


def _parse_link(body: bytes) -> Link | None:
    family, hardware, index, flags, _change = IFINFO.unpack_from(body)
    if family != 0:  # bridge port messages (AF_BRIDGE) speak of the same links again
        return None
    found = attributes(body, IFINFO.size)
    info = attributes(found.get(IFLA_LINKINFO, b""))
    kind = _text(info.get(IFLA_INFO_KIND))
    data = attributes(info.get(IFLA_INFO_DATA, b"")) if kind == "vlan" else {}
    return Link(
        index=index,
        name=_text(found.get(IFLA_IFNAME)),
        kind=kind,
        mac=found.get(IFLA_ADDRESS, b""),
        hardware=hardware,
        flags=flags,
        operstate=_number(found.get(IFLA_OPERSTATE)),
        lower=_number(found.get(IFLA_LINK)),
        lower_elsewhere=IFLA_LINK_NETNSID in found,
        master=_number(found.get(IFLA_MASTER)),
        mtu=_number(found.get(IFLA_MTU)),
        alias=_text(found.get(IFLA_IFALIAS)),
        permanent_mac=found.get(IFLA_PERM_ADDRESS, b""),
        vlan=_number(data.get(IFLA_VLAN_ID)),
    )


def _parse_address(body: bytes) -> Address | None:
    family, prefix_length, flags, scope, index = IFADDR.unpack_from(body)
    found = attributes(body, IFADDR.size)
    raw = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS)
    address = _ip(family, raw)
    if address is None:
        return None
    other = _ip(family, found.get(IFA_ADDRESS))
    lifetimes = found.get(IFA_CACHEINFO)
    preferred, valid = CACHEINFO.unpack(lifetimes)[:2] if lifetimes else (FOREVER, FOREVER)
    return Address(
        index=index,
        address=address,
        prefix_length=prefix_length,
        flags=_number(found.get(IFA_FLAGS)) or flags,
        peer=None if other == address else other,
        broadcast=_ip(family, found.get(IFA_BROADCAST)),
        label=_text(found.get(IFA_LABEL)),
        scope=scope,
        metric=_number(found.get(IFA_RT_PRIORITY)),
        preferred_s=preferred,
        valid_s=valid,
        is_autoconfigured=_number(found.get(IFA_PROTO)) == IFAPROT_KERNEL_RA,
    )


def _ip(family: int, raw: bytes | None) -> IpAddress | None:
    if raw is None:
        return None
    if family == AF_INET:
        return IPv4Address(raw)
    return IPv6Address(raw) if family == AF_INET6 else None


def _parse_route(body: bytes) -> Route | LocalRoute | None:
    family, dst_len, _src, _tos, table, protocol, _scope, kind, _flags = RTMSG.unpack_from(body)
    if kind not in (RTN_UNICAST, RTN_LOCAL) or family not in (AF_INET, AF_INET6):
        return None
    found = attributes(body, RTMSG.size)
    if kind == RTN_LOCAL:
        address = _ip(family, found.get(RTA_DST))
        whole = address is not None and dst_len == address.max_prefixlen
        return LocalRoute(address) if address is not None and whole else None
    size = 4 if family == AF_INET else 16
    destination = _ip(family, found.get(RTA_DST) or bytes(size))
    return Route(
        family=family,
        destination=f"{destination}/{dst_len}",
        table=_number(found.get(RTA_TABLE)) or table,
        oif=_number(found.get(RTA_OIF)),
        source=_ip(family, found.get(RTA_PREFSRC)),
        priority=_number(found.get(RTA_PRIORITY)),
        protocol=protocol,
    )


def _parse_rule(body: bytes) -> Rule | None:
    family, dst, src, tos, table, _r1, _r2, action, flags = RTMSG.unpack_from(body)
    if family not in (AF_INET, AF_INET6):
        return None
    found = attributes(body, RTMSG.size)
    selectors = set(found) - {FRA_PRIORITY, FRA_TABLE, FRA_PROTOCOL, 14}  # 14: suppress_prefixlen
    return Rule(
        family=family,
        priority=_number(found.get(FRA_PRIORITY)),
        table=_number(found.get(FRA_TABLE)) or table,
        protocol=_number(found.get(FRA_PROTOCOL)),
        plain=action == FR_ACT_TO_TBL and not (dst or src or tos or flags or selectors),
    )
