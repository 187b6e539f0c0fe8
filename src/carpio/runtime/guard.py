"""The guard: nftables rules under which no frame of this host lies about our addresses.

One table per network namespace, owned by this process where the kernel can (6.9): nobody else
can change or flush it, and it stays when the process dies. A gate is an element with a time-out
in the set of virtual MACs that may speak: the dead-man timer that ends a mastership in the
kernel, whatever has become of the daemon. A contest is an element in a set that packets fill: the
virtual MAC is silent since a rival advertised from it, until it is dismissed. The rules
themselves are in `guard_rules`.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from carpio.errors import PlatformError
from carpio.runtime import guard_table as table
from carpio.runtime.guard_rules import (
    GuardedGroup,
    Rule,
    Ruleset,
    contest_set,
    gate_set,
    make_ruleset,
    parent_of_contest_set,
    parent_of_gate_set,
)
from carpio.runtime.nfnetlink import (
    NLM_F_EXCL,
    Message,
    NetfilterSocket,
    open_netfilter_socket,
    touched_tables,
    watch_tables,
)
from carpio.runtime.privileges import has_net_admin

__all__ = ["Gate", "Guard", "GuardedGroup"]

_OWNER_PERSIST = 0x6
"""NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST: Linux 6.9. Without the second, a table dies with us."""
_INSTALL_ATTEMPTS = 3
_LONG_ENOUGH_MS = 60_000
"""So that a gate that is added to be deleted cannot expire in between."""
_TRUSTED_S = 9.0
"""How long the table is believed to be as it was, as long as the kernel tells of no change."""
_NO_SUPPORT = (errno.EOPNOTSUPP, errno.EINVAL)
_NEEDS = "needs Linux 5.16 or later with nf_tables and the netdev egress hook"


@dataclass(frozen=True, slots=True)
class Gate:
    """Permission for a virtual MAC to speak on a parent for so long."""

    parent: str
    mac: bytes
    timeout_ms: int


class Guard:
    """The guard of one namespace; all methods raise PlatformError when the kernel refuses."""

    def __init__(
        self,
        *,
        open_socket: Callable[[], socket.socket] = open_netfilter_socket,
        plain: bool = False,
    ) -> None:
        """`open_socket` opens sockets in the namespace to guard; `plain`: never own the table."""
        self._open_socket = open_socket
        self._plain = plain
        self._netlink: NetfilterSocket | None = None
        self._watch: socket.socket | None = None
        self._flags = 0
        """Of the table, as the kernel accepted them."""
        self._gate_sets: tuple[str, ...] = ()
        """Names of the sets of gates in the table."""
        self._contest_sets: tuple[str, ...] = ()
        """Names of the sets of contested virtual MACs in the table."""
        self._ruleset = Ruleset()
        self._handles: Mapping[str, tuple[int, ...]] = {}
        """Of the rules as we wrote them; empty until then, also after a claim."""
        self._content: table.Content | None = None
        """All that is in the table, as read back when it was installed last."""
        self._checked_at = 0.0
        """When the table was last seen to be as installed; 0: others touched it since."""

    # -- the table ---------------------------------------------------------------------------

    def claim(self) -> bool:
        """Create the table, or take over what a dead process left, with its open gates.

        Return True if there was something in it. Refused (EBUSY) while another lives.
        """
        self.detach()
        try:
            self._netlink = NetfilterSocket(self._open_socket())
            self._watch = self._open_socket()
            watch_tables(self._watch, ignore_port=self._netlink.port)
        except OSError as error:
            raise PlatformError("opening netfilter netlink", errno=error.errno or 0) from error
        try:
            self._claim_table()
        except PlatformError:
            self.detach()
            raise
        content = table.read_content(self._netlink)
        self._note_sets(content.sets)
        return bool(content.chains or content.sets)

    def _claim_table(self) -> None:
        try:
            if not self._plain:
                try:
                    self._transact([table.new_table(_OWNER_PERSIST)])
                    self._flags = _OWNER_PERSIST
                    return
                except PlatformError as error:
                    if error.errno not in _NO_SUPPORT:
                        raise
            self._transact([table.new_table(0)])
            self._flags = 0
        except PlatformError as error:
            code, remedy = error.errno, _NEEDS
            if code == errno.EPERM and has_net_admin(
                Path("/proc/thread-self/status").read_text(), was_root=True
            ):
                code = errno.EBUSY
                remedy = "another carpio daemon serves this network namespace: stop it first"
            elif code == errno.EPERM:
                remedy = "run it as root, or with CAP_NET_ADMIN and CAP_NET_RAW"
            raise PlatformError(error.operation, errno=code, remedy=remedy) from error

    def detach(self) -> None:
        """Let go of the table: it stays, and its gates close when their time is over."""
        for opened in (self._netlink, self._watch):
            if opened is not None:
                opened.close()
        self._netlink = self._watch = None
        self._note_sets(())
        self._ruleset, self._handles, self._content = Ruleset(), {}, None
        self._checked_at = 0.0

    def remove(self) -> None:
        """Remove the table and detach; fine if it is gone already."""
        try:
            if self._netlink is not None:
                self._tolerate_missing([table.delete_table()])
        finally:
            self.detach()

    def install(
        self,
        groups: Sequence[GuardedGroup],
        bystanders: Sequence[str] = (),
        ports: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Make the table guard exactly these groups, in one transaction.

        `bystanders` are the other devices of the host, which must claim none of our addresses;
        `ports` those below a parent, with that parent: what passes through them must be true.
        Gates of groups that stay are not touched, so an open one stays open, and an expired one
        expired. What others have removed is put back; chains follow the names of devices.
        """
        wanted = make_ruleset(groups, bystanders, ports)
        if wanted == self._ruleset and not self._is_doubtful():
            return
        for attempt in range(_INSTALL_ATTEMPTS):
            try:
                self._install(wanted)
                return
            except PlatformError as error:
                # a gate expired, or somebody changed a plain table, since we looked
                self._checked_at = 0.0
                last = attempt == _INSTALL_ATTEMPTS - 1
                if last or error.errno not in (errno.ENOENT, errno.EEXIST):
                    remedy = _NEEDS if error.errno in _NO_SUPPORT else ""
                    raise PlatformError(
                        error.operation, errno=error.errno, remedy=remedy
                    ) from error

    def _install(self, wanted: Ruleset) -> None:
        present = self._present()
        intact: dict[str, tuple[Rule, ...]] = {
            chain.name: chain.rules
            for chain in self._ruleset.chains
            if present.rules.get(chain.name) == self._handles.get(chain.name)
        }
        messages = table.changes(present, wanted, intact=intact)
        if messages:
            self._transact([table.new_table(self._flags), *messages])
            after = table.with_elements_of(present, wanted, intact=intact)
            present = after if after is not None else table.read_content(self._socket)
        self._note_sets(present.sets)
        self._ruleset, self._handles, self._content = wanted, present.rules, present
        self._checked_at = time.monotonic()

    def _present(self) -> table.Content:
        """What is in the table; read only where it can have changed since it was read last."""
        if self._content is None or self._is_doubtful():
            return table.read_content(self._socket)
        lively = {
            name: {key: data for key, data, _left in table.read_elements(self._socket, name)}
            for name in (*self._gate_sets, *self._contest_sets)
        }
        return replace(self._content, elements={**self._content.elements, **lively})

    def _note_sets(self, names: Iterable[str]) -> None:
        known = tuple(names)
        self._gate_sets = tuple(n for n in known if parent_of_gate_set(n) is not None)
        self._contest_sets = tuple(n for n in known if parent_of_contest_set(n) is not None)

    def _is_doubtful(self) -> bool:
        """True when the table may be another than the one that was installed last."""
        self.changed()
        return not self._checked_at or time.monotonic() - self._checked_at > _TRUSTED_S

    def verify(self) -> str | None:
        """None if all that was installed is there; else what is missing or changed."""
        present = table.read_content(self._socket)
        return table.difference(present, self._ruleset, self._handles) or None

    # -- gates -------------------------------------------------------------------------------

    def open(self, gates: Sequence[Gate]) -> None:
        """Open gates for their time, in one transaction; one that is open gets the new time.

        Whatever contested these virtual MACs before is dismissed.
        """
        dismissed = self._dismissal((gate.parent, gate.mac) for gate in gates)
        added = [m for s, e in _by_set(gates) for m in table.add_elements(s, e, flags=NLM_F_EXCL)]
        try:
            self._transact([*dismissed, *added])
        except PlatformError as error:
            if error.errno != errno.EEXIST:
                raise
            reopened = [message for s, e in _by_set(gates) for message in _reopen(s, e)]
            self._transact([*dismissed, *reopened])

    def refresh(self, gates: Sequence[Gate]) -> list[Gate]:
        """Give open gates their full time again; return those that had expired.

        Strict: an element is deleted before it is added, and the kernel refuses to delete one
        that has expired. An expired gate never opens again by a refresh. All gates go in one
        transaction; if that is refused, the expired ones are found and left out. Whatever is
        returned is closed.
        """
        refused: list[Gate] = []
        remaining = list(gates)
        while not self._tolerate_missing(_refresh(remaining)):
            alive = self.gates()
            expired = [gate for gate in remaining if (gate.parent, gate.mac) not in alive]
            refused += expired or remaining  # no reason in sight: refuse rather than ask for ever
            remaining = [gate for gate in remaining if gate not in refused]
        if refused:
            self.close([(gate.parent, gate.mac) for gate in refused])
        return refused

    def close(self, parent_macs: Iterable[tuple[str, bytes]]) -> None:
        """Close gates at once; those that are not open, or have just expired, are fine.

        Adding before deleting makes sure that there is something to delete: a transaction
        that is refused would leave the others open, and cost 10 ms.
        """
        gates = [Gate(parent, mac, _LONG_ENOUGH_MS) for parent, mac in parent_macs]
        by_set = [
            [*table.add_elements(name, elements), *table.delete_elements(name, elements)]
            for name, elements in _by_set(gates)
            if name in self._gate_sets
        ]
        if not self._tolerate_missing([message for one in by_set for message in one]):
            for one in by_set:  # somebody removed a set: the others shall close all the same
                self._tolerate_missing(one)

    def gates(self) -> dict[tuple[str, bytes], int]:
        """The open gates by parent and virtual MAC, with the milliseconds that they have left."""
        return {
            (parent, mac): remaining
            for name in self._gate_sets
            if (parent := parent_of_gate_set(name)) is not None
            for mac, _data, remaining in table.read_elements(self._socket, name)
        }

    # -- contests ----------------------------------------------------------------------------

    def dismiss(self, parent_macs: Iterable[tuple[str, bytes]]) -> None:
        """Let virtual MACs speak again: the rivals heard so far are not MASTER.

        Those that are not contested are fine. What is heard from now on contests anew.
        """
        self._tolerate_missing(self._dismissal(parent_macs))

    def contested(self) -> set[tuple[str, bytes]]:
        """The virtual MACs, with their parent, that wait to be judged or were lost to a rival."""
        return {
            (parent, mac)
            for name in self._contest_sets
            if (parent := parent_of_contest_set(name)) is not None
            for mac, _data, _left in table.read_elements(self._socket, name)
        }

    def _dismissal(self, parent_macs: Iterable[tuple[str, bytes]]) -> list[Message]:
        """Adding before deleting makes sure that there is something to delete."""
        macs: dict[str, dict[bytes, None]] = {}
        for parent, mac in parent_macs:
            macs.setdefault(contest_set(parent), {})[mac] = None
        return [
            message
            for name, found in macs.items()
            if name in self._contest_sets
            for elements in [[table.element(mac) for mac in found]]
            for message in (
                *table.add_elements(name, elements),
                *table.delete_elements(name, elements),
            )
        ]

    # -- looking -----------------------------------------------------------------------------

    def fileno(self) -> int:
        """Readable when somebody else changed nf_tables; then ask `changed`."""
        if self._watch is None:
            raise PlatformError("watching nftables before the guard is claimed")
        return self._watch.fileno()

    def changed(self) -> bool:
        """Drain the notifications; True if others touched our table (or some were lost)."""
        found = False
        while self._watch is not None:
            try:
                found = table.TABLE in touched_tables(self._watch.recv(1 << 18)) or found
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found = True
        if found:
            self._checked_at = 0.0
        return found

    def counters(self) -> dict[str, int]:
        """Frames that rules of the table refused, by `chain: comment`; only those that did."""
        return {
            f"{rule.chain}: {rule.comment}": rule.packets
            for rule in table.read_rules(self._socket)
            if rule.packets
        }

    # -- inside ------------------------------------------------------------------------------

    @property
    def _socket(self) -> NetfilterSocket:
        if self._netlink is None:
            raise PlatformError("using the guard before it is claimed")
        return self._netlink

    def _transact(self, messages: Sequence[Message]) -> None:
        self._socket.transact(messages)

    def _tolerate_missing(self, messages: Sequence[Message]) -> bool:
        """Transact; False if something was missing (ENOENT), so nothing was done."""
        try:
            self._transact(messages)
        except PlatformError as error:
            if error.errno != errno.ENOENT:
                raise
            return False
        return True


def _by_set(gates: Sequence[Gate]) -> list[tuple[str, list[bytes]]]:
    """The gates as set elements, by the set that they belong to; of equal MACs the last."""
    grouped: dict[str, dict[bytes, bytes]] = {}
    for gate in gates:
        elements = grouped.setdefault(gate.parent, {})
        elements[gate.mac] = table.gate_element(gate.mac, gate.timeout_ms)
    return [(gate_set(parent), list(elements.values())) for parent, elements in grouped.items()]


def _refresh(gates: Sequence[Gate]) -> list[Message]:
    return [
        message
        for name, elements in _by_set(gates)
        for message in (
            *table.delete_elements(name, elements),
            *table.add_elements(name, elements, flags=NLM_F_EXCL),
        )
    ]


def _reopen(name: str, elements: Sequence[bytes]) -> list[Message]:
    """Open gates whether or not they are open: after the first step they all are."""
    return [
        *table.add_elements(name, elements),
        *table.delete_elements(name, elements),
        *table.add_elements(name, elements, flags=NLM_F_EXCL),
    ]
