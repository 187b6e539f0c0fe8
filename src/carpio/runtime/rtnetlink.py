"""Route netlink for the datapath: prepared messages, sent in batches, answered one by one.

A takeover is one `send` of messages that were built long before. Builders return a `Request`;
`RouteSocket.execute` sends any number of them at once and returns one errno for each.
Formats: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h, linux/fib_rules.h.
"""

from __future__ import annotations

import errno
import itertools
import socket
import struct
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from typing import TypeVar

from carpio.errors import PlatformError
from carpio.runtime import rtobjects as rt
from carpio.runtime.rtobjects import Address, IpAddress, Link, LocalRoute, Notification, Route, Rule

__all__ = [
    "Request",
    "RouteSocket",
    "add_address",
    "add_local_route",
    "add_macvlan",
    "add_route",
    "add_rule",
    "attribute",
    "delete_address",
    "delete_link",
    "delete_links",
    "delete_macvlans",
    "delete_route",
    "delete_rule",
    "open_route_socket",
    "receive_notifications",
    "set_ipv4_setting",
    "set_link_alias",
    "set_link_down",
    "set_link_mtu",
    "set_link_up",
]

_T = TypeVar("_T")
_BATCH = 128
"""Messages in one send: their errors must fit the receive buffer."""
_PATIENCE = struct.pack("@ll", 5, 0)
"""A struct timeval. A time-out of Python would cost a poll for each message."""
_LINK_GROUP = 0x63727000
"""Group of our macvlans (ip-link(8)): hundreds of links go at once, or for 40 ms each."""
_DOOMED_GROUP = _LINK_GROUP + 1
"""Group of those among them that are about to go."""
_IPV4_SETTINGS = {"rp_filter": 8, "arp_announce": 18, "arp_ignore": 19, "arp_notify": 22}
"""IPV4_DEVCONF_* (linux/ip.h): settings that can also be written by netlink."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prepared message without its header; `what` names it in errors."""

    type: int
    flags: int
    body: bytes
    what: str


def open_route_socket(groups: Sequence[int] = ()) -> socket.socket:
    """Open a netlink socket in the calling thread's namespace, subscribed to `groups`."""
    opened = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
    )
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    opened.bind((0, 0))
    if groups:
        for group in groups:
            opened.setsockopt(rt.SOL_NETLINK, rt.NETLINK_ADD_MEMBERSHIP, group)
        opened.setblocking(False)
    else:
        opened.setsockopt(rt.SOL_NETLINK, rt.NETLINK_GET_STRICT_CHK, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
    return opened


def receive_notifications(
    opened: socket.socket, own_ports: Collection[int]
) -> list[Notification] | None:
    """Drain a subscribed socket; None when the kernel had to drop some (look at everything).

    Changes made through a socket of `own_ports` are left out, where the kernel tells.
    """
    found: list[Notification] = []
    while True:
        try:
            data = opened.recv(1 << 17)
        except BlockingIOError:
            return found
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return None
            raise
        for kind, _flags, _sequence, port, body in rt.messages(data):
            if port in own_ports:
                continue
            notification = rt.parse_object(kind, body)
            if notification is not None:
                found.append(notification)


class RouteSocket:
    """A netlink socket that is asked and answers in order; one thread at a time."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._sequence = itertools.count(1)
        self.executed = 0
        """Messages sent that may have changed something."""
        self._known: dict[tuple[int, bytes], dict[bytes, object]] = {}
        """What the last dump of a kind held, by message: most of it stays as it is."""

    @property
    def port(self) -> int:
        """The netlink port id, by which the kernel marks the changes of this socket."""
        return int(self._socket.getsockname()[0])

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def execute(self, requests: Sequence[Request]) -> list[int]:
        """Send all `requests`, 128 in one call; return for each 0 or its errno, in order."""
        results: list[int] = []
        for start in range(0, len(requests), _BATCH):
            results += self._execute_batch(requests[start : start + _BATCH])
        return results

    def require(self, requests: Sequence[Request], *, tolerate: Iterable[int] = ()) -> None:
        """Execute; raise PlatformError for the first failure whose errno is not tolerated."""
        allowed = {0, *tolerate}
        for request, error in zip(requests, self.execute(requests), strict=True):
            if error not in allowed:
                raise PlatformError(request.what, errno=error)

    def _execute_batch(self, requests: Sequence[Request]) -> list[int]:
        """Ask for an acknowledgement of the last only: of others the kernel tells the errors.

        It carries messages out and answers in their order.
        """
        positions: dict[int, int] = {}
        wire = bytearray()
        last = 0
        for position, request in enumerate(requests):
            last = next(self._sequence)
            positions[last] = position
            flags = request.flags | rt.NLM_F_REQUEST
            if position == len(requests) - 1:
                flags |= rt.NLM_F_ACK
            length = rt.HEADER.size + len(request.body)
            wire += rt.HEADER.pack(length, request.type, flags, last, 0) + request.body
        results = [0] * len(requests)
        self.executed += len(requests)
        self._socket.send(wire)
        while last in positions:
            for kind, _flags, sequence, _port, body in rt.messages(self._socket.recv(1 << 17)):
                if kind == rt.NLMSG_ERROR and sequence in positions:
                    results[positions.pop(sequence)] = -rt.INT.unpack_from(body)[0]
        return results

    def links(self) -> list[Link]:
        """All interfaces of the namespace."""
        body = rt.IFINFO.pack(0, 0, 0, 0, 0) + _u32(rt.IFLA_EXT_MASK, rt.RTEXT_FILTER_SKIP_STATS)
        return self._dump(rt.RTM_GETLINK, body, Link)

    def link(self, name: str) -> Link | None:
        """The interface of that name."""
        sequence = next(self._sequence)
        body = rt.IFINFO.pack(0, 0, 0, 0, 0) + attribute(rt.IFLA_IFNAME, name.encode() + b"\0")
        length = rt.HEADER.size + len(body)
        self._socket.send(
            rt.HEADER.pack(length, rt.RTM_GETLINK, rt.NLM_F_REQUEST, sequence, 0) + body
        )
        while True:
            for kind, _flags, answer_to, _port, found in rt.messages(self._socket.recv(1 << 17)):
                if answer_to != sequence:
                    continue
                parsed = rt.parse_object(kind, found)
                return parsed.subject if parsed and isinstance(parsed.subject, Link) else None

    def addresses(self) -> list[Address]:
        """All IPv4 and IPv6 addresses of the namespace, in the kernel's order."""
        return self._dump(rt.RTM_GETADDR, rt.IFADDR.pack(0, 0, 0, 0, 0), Address)

    def routes(self, table: int) -> list[Route]:
        """The unicast routes of `table`, both families."""
        return [route for route in self._table(table, Route) if route.table == table]

    def local_addresses(self) -> list[IpAddress]:
        """Addresses that the local table brings up to the host, both families."""
        return [route.address for route in self._table(rt.RT_TABLE_LOCAL, LocalRoute)]

    def _table(self, table: int, wanted: type[_T]) -> list[_T]:
        found: list[_T] = []
        for family in rt.FAMILIES.values():
            body = rt.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) + _u32(rt.RTA_TABLE, table)
            found += self._dump(rt.RTM_GETROUTE, body, wanted)
        return found

    def rules(self) -> list[Rule]:
        """All policy rules, both families."""
        found: list[Rule] = []
        for family in rt.FAMILIES.values():
            found += self._dump(rt.RTM_GETRULE, rt.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0), Rule)
        return found

    def _dump(self, kind: int, body: bytes, wanted: type[_T]) -> list[_T]:
        while True:
            found, complete = self._dump_once(kind, body)
            if complete:
                return [item for item in found if isinstance(item, wanted)]

    def _dump_once(self, kind: int, body: bytes) -> tuple[list[object], bool]:
        """Return the objects and False when the kernel says that they changed meanwhile."""
        sequence = next(self._sequence)
        flags = rt.NLM_F_REQUEST | rt.NLM_F_DUMP
        self._socket.send(
            rt.HEADER.pack(rt.HEADER.size + len(body), kind, flags, sequence, 0) + body
        )
        found: list[object] = []
        complete = True
        known, present = self._known.get((kind, body), {}), dict[bytes, object]()
        while True:
            for answer, answer_flags, answer_to, _port, answer_body in rt.messages(
                self._socket.recv(1 << 17)
            ):
                if answer_to != sequence:
                    continue
                complete = complete and not answer_flags & rt.NLM_F_DUMP_INTR
                if answer == rt.NLMSG_DONE:
                    self._known[kind, body] = present
                    return found, complete
                if answer == rt.NLMSG_ERROR:
                    error = -rt.INT.unpack_from(answer_body)[0]
                    if error in (errno.ENOENT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP):
                        return found, True  # the table or the family does not exist
                    raise PlatformError("reading the network state", errno=error)
                subject = known.get(answer_body)
                if subject is None:
                    parsed = rt.parse_object(answer, answer_body)
                    subject = parsed.subject if parsed is not None else None
                if subject is not None:
                    present[answer_body] = subject
                    found.append(subject)


def attribute(kind: int, payload: bytes) -> bytes:
    """Return an attribute with its header, padded."""
    length = rt.ATTRIBUTE.size + len(payload)
    return rt.ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def _u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def add_macvlan(
    *, name: str, parent: int, mac: bytes, alias: str, target: int | None = None
) -> Request:
    """Create a macvlan in bridge mode, down, with its MAC from the first instant.

    `target`: an open file of the network namespace where it is to live; None: that of its parent.
    """
    data = attribute(rt.IFLA_INFO_DATA, _u32(rt.IFLA_MACVLAN_MODE, rt.MACVLAN_MODE_BRIDGE))
    body = rt.IFINFO.pack(0, 0, 0, 0, 0)
    body += attribute(rt.IFLA_IFNAME, name.encode() + b"\0")
    body += _u32(rt.IFLA_LINK, parent)
    body += attribute(rt.IFLA_ADDRESS, mac)
    body += attribute(rt.IFLA_IFALIAS, alias.encode())
    body += _u32(rt.IFLA_GROUP, _LINK_GROUP)
    if target is not None:
        body += _u32(rt.IFLA_NET_NS_FD, target)
    body += attribute(rt.IFLA_LINKINFO, attribute(rt.IFLA_INFO_KIND, b"macvlan\0") + data)
    flags = rt.NLM_F_CREATE | rt.NLM_F_EXCL
    return Request(rt.RTM_NEWLINK, flags, body, f"creating macvlan {name}")


def set_link_alias(index: int, alias: str) -> Request:
    """Name the owner of an interface in its alias."""
    body = rt.IFINFO.pack(0, 0, index, 0, 0) + attribute(rt.IFLA_IFALIAS, alias.encode())
    return Request(rt.RTM_SETLINK, 0, body, "setting an alias")


def set_link_mtu(index: int, mtu: int) -> Request:
    """Limit the size of packets."""
    body = rt.IFINFO.pack(0, 0, index, 0, 0) + attribute(rt.IFLA_MTU, struct.pack("=I", mtu))
    return Request(rt.RTM_SETLINK, 0, body, "setting the MTU")


def set_link_up(index: int) -> Request:
    """Bring an interface up."""
    body = rt.IFINFO.pack(0, 0, index, rt.IFF_UP, rt.IFF_UP)
    return Request(rt.RTM_SETLINK, 0, body, "bringing the link up")


def set_link_down(index: int) -> Request:
    """Take an interface down; holds the RTNL lock for 7 to 16 ms."""
    body = rt.IFINFO.pack(0, 0, index, 0, rt.IFF_UP)
    return Request(rt.RTM_SETLINK, 0, body, "taking the link down")


def delete_link(index: int) -> Request:
    """Remove an interface and what it holds."""
    return Request(rt.RTM_DELLINK, 0, rt.IFINFO.pack(0, 0, index, 0, 0), "deleting the link")


def delete_links(indexes: Sequence[int]) -> list[Request]:
    """Remove interfaces of ours in one step of the kernel: one by one each costs 10 to 40 ms."""
    if len(indexes) < 2:
        return [delete_link(index) for index in indexes]
    doomed = _u32(rt.IFLA_GROUP, _DOOMED_GROUP)
    requests = [
        Request(rt.RTM_SETLINK, 0, rt.IFINFO.pack(0, 0, index, 0, 0) + doomed, "choosing the link")
        for index in indexes
    ]
    body = rt.IFINFO.pack(0, 0, 0, 0, 0) + doomed
    return [*requests, Request(rt.RTM_DELLINK, 0, body, "deleting the links")]


def delete_macvlans() -> Request:
    """Remove all that `add_macvlan` made in this namespace, in one step of the kernel."""
    body = rt.IFINFO.pack(0, 0, 0, 0, 0) + _u32(rt.IFLA_GROUP, _LINK_GROUP)
    return Request(rt.RTM_DELLINK, 0, body, "deleting the macvlans")


def set_ipv4_setting(index: int, setting: str, value: int) -> Request:
    """Write an IPv4 setting of an interface where /proc/sys is read-only (IFLA_INET_CONF)."""
    conf = attribute(rt.IFLA_INET_CONF, _u32(_IPV4_SETTINGS[setting], value))
    body = rt.IFINFO.pack(0, 0, index, 0, 0)
    body += attribute(rt.IFLA_AF_SPEC, attribute(socket.AF_INET, conf))
    return Request(rt.RTM_SETLINK, 0, body, f"setting {setting} to {value} by netlink")


def add_address(index: int, address: IpAddress) -> Request:
    """Add a virtual address as a host address that no other traffic chooses as source."""
    body, flags = _host_address(index, address), rt.NLM_F_CREATE | rt.NLM_F_REPLACE
    if address.version == 4:
        return Request(
            rt.RTM_NEWADDR,
            flags,
            body + _u32(rt.IFA_FLAGS, rt.IFA_F_NOPREFIXROUTE),
            f"adding {address}",
        )
    body += _u32(rt.IFA_FLAGS, rt.IFA_F_NOPREFIXROUTE | rt.IFA_F_NODAD)
    # preferred lifetime 0, valid for ever: deprecated, so that nothing chooses it as its source
    body += attribute(rt.IFA_CACHEINFO, rt.CACHEINFO.pack(0, 0xFFFFFFFF, 0, 0))
    return Request(rt.RTM_NEWADDR, flags, body, f"adding {address}")


def delete_address(index: int, address: IpAddress) -> Request:
    """Remove a virtual address."""
    return Request(rt.RTM_DELADDR, 0, _host_address(index, address), f"removing {address}")


def _host_address(index: int, address: IpAddress) -> bytes:
    family = rt.FAMILIES[address.version]
    body = rt.IFADDR.pack(family, address.max_prefixlen, 0, 0, index)
    body += attribute(rt.IFA_LOCAL, address.packed)
    return body + attribute(rt.IFA_ADDRESS, address.packed)


def add_route(
    destination: str,
    *,
    oif: int,
    table: int,
    source: IpAddress | None = None,
    priority: int = 0,
    replace: bool = True,
) -> Request:
    """Add an on-link route to `destination`, a network in CIDR form.

    An equal one is replaced, or left alone (EEXIST, and nobody is notified).
    """
    body = _route(destination, oif=oif, table=table, source=source, priority=priority)
    flags = rt.NLM_F_CREATE | (rt.NLM_F_REPLACE if replace else rt.NLM_F_EXCL)
    return Request(rt.RTM_NEWROUTE, flags, body, f"adding a route to {destination}")


@lru_cache(maxsize=8192)
def add_local_route(index: int, address: IPv6Address) -> Request:
    """Bring what is sent to an address of an interface up to the host, from this instant.

    For IPv6 the kernel makes this route itself, but from a work queue, some ms after the link is
    up. Both vanish when it goes down.
    """
    body = rt.RTMSG.pack(
        socket.AF_INET6,
        address.max_prefixlen,
        *(0, 0, rt.RT_TABLE_LOCAL, rt.RTPROT_KERNEL, rt.RT_SCOPE_UNIVERSE, rt.RTN_LOCAL, 0),
    )
    body += attribute(rt.RTA_DST, address.packed) + _u32(rt.RTA_OIF, index)
    flags = rt.NLM_F_CREATE | rt.NLM_F_REPLACE
    return Request(rt.RTM_NEWROUTE, flags, body, f"adding the local route to {address}")


def delete_route(destination: str, *, oif: int, table: int, priority: int = 0) -> Request:
    """Remove a route made by `add_route`."""
    body = _route(destination, oif=oif, table=table, source=None, priority=priority)
    return Request(rt.RTM_DELROUTE, 0, body, f"removing the route to {destination}")


def _route(
    destination: str, *, oif: int, table: int, source: IpAddress | None, priority: int
) -> bytes:
    network = ip_network(destination)
    family = rt.FAMILIES[network.version]
    scope = rt.RT_SCOPE_LINK if network.version == 4 else rt.RT_SCOPE_UNIVERSE
    short = table if table < 256 else rt.RT_TABLE_UNSPEC
    body = rt.RTMSG.pack(
        family, network.prefixlen, 0, 0, short, rt.RTPROT_STATIC, scope, rt.RTN_UNICAST, 0
    )
    body += attribute(rt.RTA_DST, network.network_address.packed)
    body += _u32(rt.RTA_TABLE, table) + _u32(rt.RTA_OIF, oif)
    if priority:
        body += _u32(rt.RTA_PRIORITY, priority)
    if source is not None:
        body += attribute(rt.RTA_PREFSRC, source.packed)
    return body


def add_rule(family: int, *, priority: int, table: int) -> Request:
    """Add a rule that looks up `table` for everything, marked as the kernel's own.

    systemd-networkd removes rules of others at its start, but not those of protocol kernel.
    """
    flags = rt.NLM_F_CREATE | rt.NLM_F_EXCL
    body = _rule(family, priority, table) + attribute(rt.FRA_PROTOCOL, bytes((rt.RTPROT_KERNEL,)))
    return Request(rt.RTM_NEWRULE, flags, body, f"adding rule {priority} lookup {table}")


def delete_rule(family: int, *, priority: int, table: int) -> Request:
    """Remove the rule of this priority and table."""
    body = _rule(family, priority, table)
    return Request(rt.RTM_DELRULE, 0, body, f"removing rule {priority} lookup {table}")


def _rule(family: int, priority: int, table: int) -> bytes:
    short = table if table < 256 else rt.RT_TABLE_UNSPEC
    body = rt.RTMSG.pack(family, 0, 0, 0, short, 0, 0, rt.FR_ACT_TO_TBL, 0)
    return body + _u32(rt.FRA_TABLE, table) + _u32(rt.FRA_PRIORITY, priority)
