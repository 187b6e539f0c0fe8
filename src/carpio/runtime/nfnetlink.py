"""Netfilter netlink for nf_tables: messages, atomic transactions, dumps.

Knows how messages are framed, sent and answered; must not know what a guard is. A transaction
is BATCH_BEGIN, any number of messages, BATCH_END: the kernel commits all of them or none.
Formats: linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h. Numbers
inside attributes are big-endian, headers are in host order.
"""

from __future__ import annotations

import errno
import itertools
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.errors import PlatformError

__all__ = [
    "Message",
    "NetfilterSocket",
    "attribute",
    "attributes",
    "be32",
    "be64",
    "nested",
    "number",
    "open_netfilter_socket",
    "repeated",
    "request",
    "text",
    "touched_tables",
    "watch_tables",
]

NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_DUMP: Final = 0x300
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_APPEND: Final = 0x800
_NLA_F_NESTED: Final = 0x8000
_NLA_TYPE_MASK: Final = 0x3FFF
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_BATCH_BEGIN: Final = 16
_BATCH_END: Final = 17
_SUBSYSTEM_NFTABLES: Final = 10
_GROUP_NFTABLES: Final = 7
_NETLINK_NETFILTER: Final = 12
_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_CAP_ACK: Final = 10
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_SO_ATTACH_FILTER: Final = 26
_NFPROTO_NETDEV: Final = 5

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port."""
_GENERIC = struct.Struct(">BBH")
"""struct nfgenmsg: family, version, resource (the subsystem, in batch messages)."""
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_BE32 = struct.Struct(">I")
_BE64 = struct.Struct(">Q")
_NETDEV = _GENERIC.pack(_NFPROTO_NETDEV, 0, 0)
_BATCH = _GENERIC.pack(socket.AF_UNSPEC, 0, _SUBSYSTEM_NFTABLES)
_SEND_BUFFER: Final = 8 << 20
"""A transaction must fit into one send."""
_RECEIVE: Final = 1 << 18
_DUMP_ATTEMPTS: Final = 10


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NLA_F_NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """A NUL-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def be32(kind: int, value: int) -> bytes:
    """A 32-bit number; negative ones (priorities, verdicts) as two's complement."""
    return attribute(kind, _BE32.pack(value & 0xFFFFFFFF))


def be64(kind: int, value: int) -> bytes:
    """A 64-bit number."""
    return attribute(kind, _BE64.pack(value))


def number(payload: bytes) -> int:
    """The unsigned number in an attribute; 0 if the attribute was missing."""
    return int.from_bytes(payload, "big")


def repeated(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (type, payload) of every attribute in `data`, repeated ones too."""
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NLA_TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in `data` by type."""
    return dict(repeated(data))


@dataclass(frozen=True, slots=True)
class Message:
    """One nf_tables message for the netdev family; `what` names it in errors."""

    kind: int
    flags: int
    body: bytes
    what: str


def request(kind: int, *parts: bytes, flags: int = 0, what: str) -> Message:
    """A message made of attributes."""
    return Message(kind, flags, b"".join(parts), what)


def open_netfilter_socket() -> socket.socket:
    """A netfilter netlink socket in the calling thread's namespace. Raises OSError."""
    opened = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER
    )
    opened.bind((0, 0))
    return opened


def watch_tables(opened: socket.socket, *, ignore_port: int) -> None:
    """Subscribe `opened` to changes of nf_tables made by other ports than `ignore_port`.

    The filter runs in the kernel, so that our own transactions do not even wake us.
    """
    port = socket.htonl(ignore_port)  # the filter loads big-endian, the header is in host order
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 12),  # ld [12]: nlmsg_pid
            (0x15, 0, 1, port),  # jeq ignore_port, next, skip one
            (0x06, 0, 0, 0),  # ret: drop
            (0x06, 0, 0, 0xFFFFFFFF),  # ret: take whole
        )
    )
    _set_filter(opened, program)
    opened.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _GROUP_NFTABLES)
    opened.setblocking(False)


def _set_filter(opened: socket.socket, program: bytes) -> None:
    import ctypes  # struct sock_fprog wants the address of the program

    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("@HL", len(program) // 8, ctypes.addressof(buffer))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)


def touched_tables(data: bytes) -> set[str]:
    """Names of the netdev tables that the notifications in one datagram speak of."""
    names: set[str] = set()
    for kind, _flags, _sequence, body in _messages(data):
        is_table_event = kind >> 8 == _SUBSYSTEM_NFTABLES and body[:1] == _NETDEV[:1]
        if is_table_event:  # attribute 1 names the table, in every kind of message
            names.add(attributes(body[4:]).get(1, b"").rstrip(b"\0").decode(errors="replace"))
    return names


class NetfilterSocket:
    """Transactions and dumps over one socket, whose port may own a table."""

    def __init__(self, opened: socket.socket) -> None:
        forced = {_SO_SNDBUFFORCE: socket.SO_SNDBUF, _SO_RCVBUFFORCE: socket.SO_RCVBUF}
        for option, plain in forced.items():
            try:
                opened.setsockopt(socket.SOL_SOCKET, option, _SEND_BUFFER)
            except PermissionError:  # in a user namespace: as much as the host allows
                opened.setsockopt(socket.SOL_SOCKET, plain, _SEND_BUFFER)
        opened.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket = opened
        self._sequence = itertools.count(1)

    @property
    def port(self) -> int:
        """The netlink port: owner of the tables that were claimed by this socket."""
        address: tuple[int, int] = self._socket.getsockname()
        return address[0]

    def close(self) -> None:
        """Give the socket back; a table that it owned becomes an orphan."""
        self._socket.close()

    def transact(self, messages: Sequence[Message]) -> None:
        """Do all of `messages` or nothing. Raises PlatformError for the first refused one."""
        if not messages:
            return
        first = next(self._sequence)
        wire = [_HEADER.pack(20, _BATCH_BEGIN, NLM_F_REQUEST, first, 0), _BATCH]
        names = {first: messages[0].what}
        last = len(messages) - 1
        for position, message in enumerate(messages):
            sequence = next(self._sequence)
            names[sequence] = message.what
            # errors always come back; one acknowledgement tells that the end was reached
            flags = message.flags | NLM_F_REQUEST | (NLM_F_ACK if position == last else 0)
            kind = _SUBSYSTEM_NFTABLES << 8 | message.kind
            length = _HEADER.size + len(_NETDEV) + len(message.body)
            wire += (_HEADER.pack(length, kind, flags, sequence, 0), _NETDEV, message.body)
        end = next(self._sequence)
        wire += (_HEADER.pack(20, _BATCH_END, NLM_F_REQUEST, end, 0), _BATCH)
        try:
            self._socket.send(b"".join(wire))
        except OSError as error:
            raise PlatformError(messages[0].what, errno=error.errno or 0) from error
        self._check_answers(names)

    def _check_answers(self, names: dict[int, str]) -> None:
        """Read what the kernel answered: all of it is there once send has returned."""
        acknowledged = False
        while True:
            try:
                data = self._socket.recv(_RECEIVE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            for kind, _flags, sequence, body in _messages(data):
                if kind != _NLMSG_ERROR or sequence not in names:
                    continue
                (code,) = _ERROR.unpack_from(body)
                if code:
                    self._discard_answers()
                    raise PlatformError(names[sequence], errno=-code)
                acknowledged = True
        if not acknowledged:
            raise PlatformError(next(iter(names.values())), errno=errno.EPROTO)

    def _discard_answers(self) -> None:
        try:
            while True:
                self._socket.recv(_RECEIVE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return

    def dump(self, message: Message) -> list[dict[int, bytes]]:
        """The attributes of each object that `message` asks for. Raises PlatformError.

        Asks again when the kernel says that the objects changed while it answered. A table or
        set that does not exist holds nothing.
        """
        for _attempt in range(_DUMP_ATTEMPTS):
            found, complete = self._dump_once(message)
            if complete:
                return found
        raise PlatformError(message.what, errno=errno.EINTR)

    def _dump_once(self, message: Message) -> tuple[list[dict[int, bytes]], bool]:
        sequence = next(self._sequence)
        kind = _SUBSYSTEM_NFTABLES << 8 | message.kind
        body = _NETDEV + message.body
        length = _HEADER.size + len(body)
        flags = NLM_F_REQUEST | NLM_F_DUMP
        found: list[dict[int, bytes]] = []
        complete = True
        try:
            self._socket.send(_HEADER.pack(length, kind, flags, sequence, 0) + body)
            while True:
                for answer, flags, answered, content in _messages(self._socket.recv(_RECEIVE)):
                    if answered != sequence:
                        continue
                    complete = complete and not flags & NLM_F_DUMP_INTR
                    if answer == _NLMSG_DONE:
                        return found, complete
                    if answer == _NLMSG_ERROR:
                        (code,) = _ERROR.unpack_from(content)
                        if code == -errno.EINTR:
                            return found, False
                        if code == -errno.ENOENT:
                            return [], True
                        raise PlatformError(message.what, errno=-code)
                    found.append(attributes(content[len(_NETDEV) :]))
        except OSError as error:
            raise PlatformError(message.what, errno=error.errno or 0) from error


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield (type, flags, sequence, body) of each message in one datagram."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _port = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3
