"""Packet sockets of one carpdev: adverts in and out, and the ears for foreign claims.

One AF_PACKET socket for all protocols with a filter in the kernel (packet(7), socket(7)): a tap of
one protocol would run after the guard's ingress hook and miss what the guard drops. Own frames
are ignored; frames of a VLAN belong to other carpdevs, but a tag that gives only a priority (VLAN
number 0) changes nothing. Group membership is held by real group sockets, so that IGMP and MLD
reports leave with the carpdev's own MAC (R-152). Never sets PACKET_QDISC_BYPASS, which would
bypass the guard.
"""

from __future__ import annotations

import array
import contextlib
import errno
import socket
import struct
from collections.abc import Iterable
from typing import Final

from carpio.core.model import IpAddress
from carpio.errors import PlatformError
from carpio.runtime.namespace import Namespace
from carpio.wire.constants import CARP_GROUP_V4, CARP_GROUP_V6, CARP_PROTOCOL, Family

__all__ = ["GroupMembership", "PacketSocket", "receive_filter"]

_SOL_PACKET: Final = 263
_PACKET_IGNORE_OUTGOING: Final = 23
_SO_ATTACH_FILTER: Final = 26
_SO_RCVBUFFORCE: Final = 33
_ETH_P_ALL: Final = 0x0003
_RECEIVE_BUFFER: Final = 2 << 20
_SOLICITED_NODE_ZERO: Final = bytes.fromhex("ff0200000000000000000001ff000000")
"""Joined beside ff02::12 while a carpdev has IPv6 addresses (spec 15)."""

# Classic BPF (linux/filter.h). A program is a list of (code, jump if true, jump if false, k) with
# labels for jumps; a jump to "" goes to the next instruction.
_LD_W, _LD_H, _LD_B, _JEQ, _RET, _AND = 0x20, 0x28, 0x30, 0x15, 0x06, 0x54
_PACKET_TYPE: Final = 0xFFFFF000 + 4
_PACKET_OTHERHOST: Final = 3
_VLAN_TAG: Final = 0xFFFFF000 + 44
"""0 as well for frames without a tag."""
_VLAN_NUMBER: Final = 0x0FFF
_MAX_MATCHES: Final = 120
"""A conditional jump reaches 255 instructions; with more addresses all claims are passed up."""
_Line = tuple[str, int, str, str, int]


def receive_filter(addresses: Iterable[IpAddress]) -> bytes:
    """Build the filter: adverts, and whatever claims one of `addresses`.

    ARP whose sender address is one of them; neighbour advertisements and duplicate address
    detection whose target is (by its last 32 bits; the reader compares all of it).
    """
    known = list(addresses)
    v4 = sorted({int(a) for a in known if a.version == 4})
    v6 = sorted({int(a) & 0xFFFFFFFF for a in known if a.version == 6})
    return _assemble(
        [
            ("", _LD_W, "", "", _VLAN_TAG),
            ("", _AND, "", "", _VLAN_NUMBER),
            ("", _JEQ, "", "drop", 0),
            ("", _LD_H, "", "", 12),
            ("", _JEQ, "ipv4", "", 0x0800),
            ("", _JEQ, "ipv6", "", 0x86DD),
            ("", _JEQ, "arp", "drop", 0x0806),
            ("ipv4", _LD_B, "", "", 23),
            ("", _JEQ, "advert", "drop", CARP_PROTOCOL),
            ("ipv6", _LD_B, "", "", 20),
            ("", _JEQ, "advert", "", CARP_PROTOCOL),
            ("", _JEQ, "", "drop", socket.IPPROTO_ICMPV6),
            ("", _LD_B, "", "", 54),
            ("", _JEQ, "target", "", 136),
            ("", _JEQ, "", "drop", 135),
            ("", _LD_W, "", "", 22),  # duplicate address detection comes from ::
            ("", _JEQ, "", "drop", 0),
            ("", _LD_W, "", "", 34),
            ("", _JEQ, "", "drop", 0),
            ("target", _LD_W, "", "", 74),
            *_match_any(v6),
            ("accept", _RET, "", "", 0xFFFF),
            ("drop", _RET, "", "", 0),
            ("advert", _LD_B, "", "", _PACKET_TYPE),  # a stack hears nothing addressed to others
            ("", _JEQ, "drop3", "", _PACKET_OTHERHOST),
            ("", _RET, "", "", 0xFFFF),
            ("drop3", _RET, "", "", 0),
            ("arp", _LD_W, "", "", 28),
            *_match_any(v4, accept="accept2", drop="drop2"),
            ("accept2", _RET, "", "", 0xFFFF),
            ("drop2", _RET, "", "", 0),
        ]
    )


def _match_any(words: list[int], accept: str = "accept", drop: str = "drop") -> list[_Line]:
    """Compare the accumulator with each of `words`."""
    if not words:
        return [("", _RET, "", "", 0)]
    if len(words) > _MAX_MATCHES:
        return []
    lines: list[_Line] = [("", _JEQ, accept, "", word) for word in words]
    return [*lines[:-1], ("", _JEQ, accept, drop, words[-1])]


def _assemble(program: list[_Line]) -> bytes:
    labels = {line[0]: position for position, line in enumerate(program) if line[0]}

    def distance(label: str, position: int) -> int:
        return labels[label] - position - 1 if label else 0

    return b"".join(
        struct.pack("=HBBI", code, distance(yes, position), distance(no, position), k)
        for position, (_label, code, yes, no, k) in enumerate(program)
    )


class PacketSocket:
    """The ears and the mouth of a carpdev."""

    def __init__(self, namespace: Namespace, interface: str, index: int) -> None:
        """Open and bind. Hears nothing until `listen_for`. Raises PlatformError."""
        self.interface = interface
        self.index = index
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with contextlib.ExitStack() as undo:
            try:
                self._socket = namespace.call(lambda: socket.socket(socket.AF_PACKET, kind))
                undo.callback(self._socket.close)
                self._make_room()
                self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
                self.listen_for(())
                self._socket.bind((interface, _ETH_P_ALL))
            except OSError as error:
                raise PlatformError(
                    "opening the packet socket", interface=interface, errno=error.errno or 0
                ) from error
            undo.pop_all()

    def _make_room(self) -> None:
        """More than the host allows to others, where we may: one burst is a thousand frames."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:  # in a user namespace
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    def fileno(self) -> int:
        """For the selector."""
        return self._socket.fileno()

    def listen_for(self, addresses: Iterable[IpAddress]) -> None:
        """Hear adverts and foreign claims for `addresses` from now on."""
        program = receive_filter(addresses)
        code = array.array("B", program)
        fprog = struct.pack("HL", len(program) // 8, code.buffer_info()[0])
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)

    def receive(self, limit: int) -> list[bytes]:
        """Return up to `limit` waiting frames, oldest first."""
        frames: list[bytes] = []
        receive = self._socket.recv
        try:
            while len(frames) < limit:
                frames.append(receive(2048))
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno not in (errno.ENETDOWN, errno.ENXIO, errno.ENODEV):
                raise
        return frames

    def send(self, frame: bytes) -> int:
        """Put a frame on the wire; return 0 or the errno (ENOBUFS: the guard refused it)."""
        try:
            self._socket.send(frame)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class GroupMembership:
    """Membership in the multicast groups of one carpdev and family."""

    def __init__(self, namespace: Namespace, index: int, family: Family) -> None:
        """Join. Raises PlatformError."""
        kind = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
        try:
            self._socket = namespace.call(
                lambda: socket.socket(kind, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            )
            try:
                self._join(index, family)
            except OSError:
                self._socket.close()
                raise
        except OSError as error:
            raise PlatformError("joining the multicast group", errno=error.errno or 0) from error

    def _join(self, index: int, family: Family) -> None:
        if family is Family.IPV4:
            request = struct.pack("=4s4si", CARP_GROUP_V4, bytes(4), index)
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            return
        for group in (CARP_GROUP_V6, _SOLICITED_NODE_ZERO):
            request = struct.pack("=16si", group, index)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)

    def close(self) -> None:
        """Leave."""
        self._socket.close()
