"""What must hold at each step, and the record of what happened.

Judges every frame that leaves a host and every belief of a client, by what it sees of the wire
and by the states that the engines report. Two rules have no premise: nobody pairs an address with
another MAC than the virtual one, and nobody speaks for it but a host that is MASTER and whose
last advert left less than three intervals ago. The others are those of `watch`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypedDict

from carpio.core.effects import ReportDemotion, ReportTransition, SendAdvertisement
from carpio.core.model import InstanceKey, State
from carpio.sim.findings import Findings, Kind
from carpio.sim.frames import Echo, Frame, claims_of
from carpio.sim.network import Port
from carpio.sim.node import Nic, Node
from carpio.sim.watch import NEVER, GroupWatch
from carpio.wire.constants import Family
from carpio.wire.ethernet import format_mac, virtual_mac

__all__ = ["Change", "Invariants"]

_SECOND: Final = 1_000_000_000
_PATIENCE: Final = 3
"""Intervals without an advert after which a peer may come."""
_KEPT: Final = 20_000
_MASTER: Final = State.MASTER
_STANDS: Final = "its cause is still there"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of state that a host reported."""

    at: int
    host: str
    group: str
    old: State
    new: State
    reason: str


class Sent(TypedDict):
    """Counts of adverts."""

    adverts: int
    bow_outs: int
    failed_sends: int


@dataclass(slots=True)
class _Tenure:
    """What a host sent as master of a group."""

    last_advert: int | None = None
    sent: int = 0
    bow_outs: int = 0
    failed: int = 0


class _Claim(NamedTuple):
    """What a frame claims of a group."""

    watch: GroupWatch
    lie: Kind | None
    """None: the right MAC for one of its addresses."""


class _Place:
    """The groups of one carpdev of a host, by what frames say."""

    __slots__ = ("_by_address", "_by_mac", "_claims")

    def __init__(self, watches: Iterable[GroupWatch]) -> None:
        self._claims: dict[bytes, tuple[_Claim, ...]] = {}
        self._by_address: dict[bytes, list[GroupWatch]] = {}
        self._by_mac: dict[bytes, list[GroupWatch]] = {}
        for watch in watches:
            self._by_mac.setdefault(watch.mac, []).append(watch)
            for address in sorted(watch.addresses):
                self._by_address.setdefault(address, []).append(watch)

    def holders(self, address: bytes) -> Sequence[GroupWatch]:
        """Return the groups that have this address."""
        return self._by_address.get(address, ())

    def of_mac(self, mac: bytes) -> Sequence[GroupWatch]:
        """Return the groups whose virtual MAC this is."""
        return self._by_mac.get(mac, ())

    def claims(self, frame: Frame) -> tuple[_Claim, ...]:
        """Return what a frame claims; the bytes say it all, so equal ones are read once."""
        known = self._claims.get(frame.data)
        if known is None:
            known = self._claims[frame.data] = tuple(self._read(frame))
        return known

    def _read(self, frame: Frame) -> Iterator[_Claim]:
        packet = frame.packet
        if isinstance(packet, Echo):
            claims: Iterable[tuple[bytes, bytes]] = ((packet.source, frame.source),)
        else:
            claims = claims_of(frame)
        for address, mac in claims:
            holders = self.holders(address)
            others = [watch for watch in self.of_mac(mac) if watch not in holders]
            for watch in (*holders, *others):
                if address not in watch.addresses:
                    yield _Claim(watch, Kind.REVERSE_LIE)
                else:
                    yield _Claim(watch, None if mac == watch.mac else Kind.WRONG_MAC)


class Invariants:
    """The witness of a world."""

    def __init__(self) -> None:
        self.watches: tuple[GroupWatch, ...] = ()
        self.findings = Findings()
        self.changes: list[Change] = []
        self.uncounted = 0
        self.check_at = NEVER
        """When `check` is due, if nothing happens until then."""
        self._watch: dict[tuple[str, InstanceKey], GroupWatch] = {}
        self._of: dict[str, list[GroupWatch]] = {}
        self._on: dict[tuple[str, str], list[GroupWatch]] = {}
        self._places: dict[Nic, _Place] = {}
        """Those made since the settings of a group were compared last."""
        self._tenures: dict[tuple[str, InstanceKey], _Tenure] = {}

    def follow(self, watches: Sequence[GroupWatch]) -> None:
        """Watch these groups, whose hosts tell it all from the beginning."""
        self.watches = tuple(watches)
        for watch in watches:
            watch.compared = self._places.clear
            for member in watch.members:
                self._watch[member.node.name, member.key] = watch
                self._of.setdefault(member.node.name, []).append(watch)
                self._on.setdefault((member.node.name, member.key.carpdev), []).append(watch)
                self._tenures[member.node.name, member.key] = _Tenure()
        self.reschedule()

    # -- what hosts do -------------------------------------------------------------------------

    def transition(self, node: Node, report: ReportTransition, now: int) -> None:
        """An instance changed its state."""
        watch = self._watch[node.name, report.instance]
        tenure = self._tenures[node.name, report.instance]
        if report.new is State.MASTER:
            tenure.last_advert = None
        if len(self.changes) < _KEPT:
            place = (now, node.name, watch.name)
            self.changes.append(Change(*place, report.old, report.new, report.reason))
        else:
            self.uncounted += 1
        self._expect_deadline(node, report.instance, now)
        self.changed(node, report.instance, now)

    def demotion(self, node: Node, report: ReportDemotion, now: int) -> None:
        """The demotion number changed: ranks did."""
        for watch in self._of.get(node.name, ()):
            watch.touch(now)
        self.reschedule()

    def advertised(self, node: Node, advert: SendAdvertisement, error: int, now: int) -> None:
        """An advert was sent, or was not."""
        tenure = self._tenures[node.name, advert.instance]
        if error:
            tenure.failed += 1
            return
        if advert.bow_out:
            tenure.bow_outs += 1
            return
        tenure.sent += 1
        tenure.last_advert = now
        self._expect_deadline(node, advert.instance, now)
        if node.states.get(advert.instance) is not _MASTER:
            watch = self._watch[node.name, advert.instance]
            self._expect(False, node, watch, now, "advert of a host that is not MASTER")

    def stuck(self, node: Node, key: InstanceKey, now: int) -> None:
        """An instance awaits nothing though it is not INIT."""
        self._expect(False, node, self._watch[node.name, key], now, "no deadline")

    def _expect_deadline(self, node: Node, key: InstanceKey, now: int) -> None:
        if node.engine is not None and node.engine.is_stuck(key.carpdev, key.vhid):
            self.stuck(node, key, now)

    def spoke(self, nic: Nic, frame: Frame, now: int) -> None:
        """A frame that is no advert left the host: judge what it claims."""
        place = self._places.get(nic) or self._place(nic)
        for watch, lie in place.claims(frame):
            if lie is None:
                self._judge_speaker(nic.node, watch, frame, now)
            else:
                self._add(lie, watch, nic.node.name, now, frame)

    def _place(self, nic: Nic) -> _Place:
        watches = self._on.get((nic.node.name, nic.carpdev), ())
        place = self._places[nic] = _Place(watches)
        return place

    def _judge_speaker(self, node: Node, watch: GroupWatch, frame: Frame, now: int) -> None:
        """The right MAC: is it the right host?"""
        member = watch.member_of[node.name]
        last = self._tenures[node.name, member.key].last_advert
        if node.states.get(member.key) is not _MASTER:
            self._add(Kind.NOT_MASTER, watch, node.name, now, frame)
        elif last is None:
            self._add(Kind.BEFORE_FIRST_ADVERT, watch, node.name, now, frame)
        elif now - last > (patience := _PATIENCE * member.advbase * _SECOND):
            has_stood = last < node.thawed_at and now - node.thawed_at <= patience
            cause = _cause_of_late_gate(node, watch, now, has_stood=has_stood)
            self._add(Kind.NOT_MASTER, watch, node.name, now, frame, cause)

    def took(self, nic: Nic, frame: Frame, now: int) -> None:
        """A host took in traffic for an address."""
        packet = frame.packet
        if not isinstance(packet, Echo):
            return
        place = self._places.get(nic) or self._place(nic)
        for watch in place.holders(packet.destination):
            if frame.destination != watch.mac:
                self._add(Kind.AT_BACKUP, watch, nic.node.name, now, frame)

    def changed(self, node: Node, key: InstanceKey | None, now: int) -> None:
        """Who answers may have changed."""
        if key is not None:
            watch = self._watch[node.name, key]
            watch.update(now)
            self.check_at = min(self.check_at, watch.check_at)  # a check too early does no harm
            return
        for watch in self._of.get(node.name, ()):
            watch.update(now)
            watch.touch(now)
        self.reschedule()

    # -- what the network and clients do ---------------------------------------------------------

    def learned(
        self, watch: GroupWatch, address: bytes, mac: bytes, frame: Frame, now: int
    ) -> None:
        """A client believes something new about an address."""
        if mac != watch.mac:
            self._add(Kind.CACHE, watch, self._owner(mac), now, frame)

    def led(self, frame: Frame, port: Port, now: int) -> None:
        """The switch sent a frame to one port alone."""
        nic = port.owner
        if not isinstance(nic, Nic) or not isinstance(frame.packet, Echo):
            return
        name = nic.node.name
        place = self._places.get(nic) or self._place(nic)
        for watch in place.of_mac(frame.destination):
            if name in watch.speakers:
                continue
            if len(watch.speakers) != 1:
                continue  # nobody to lead to, or split brain, which is told as such
            settled = max(watch.changes[-1][0], watch.premises.bad_until)
            if not watch.premises.hold:
                cause = watch.premises.cause()
                self._add(Kind.MISLED, watch, name, now, frame, cause)
            elif now - settled > watch.bounds.propagation + watch.lag:
                self._add(Kind.MISLED, watch, name, now, frame)

    def advert_lost(self, frame: Frame, sender: Port, receiver: Port | None, now: int) -> None:
        """A link swallowed an advert: for a moment a pair does not deliver."""
        if receiver is not None and not isinstance(receiver.owner, Nic):
            return
        advert, nic = frame.advert, sender.owner
        if advert is None or not isinstance(nic, Nic):
            return
        family = "IPv4" if advert.family is Family.IPV4 else "IPv6"
        to = f" to {receiver.name}" if receiver is not None else ""
        place = self._places.get(nic) or self._place(nic)
        for watch in place.of_mac(virtual_mac(advert.payload[1])):
            watch.disturb(f"an {family} advert from {sender.name}{to} was lost", now)
        self.reschedule()

    # -- time --------------------------------------------------------------------------------------

    def reschedule(self) -> None:
        """Something may be due earlier than before."""
        self.check_at = min((watch.check_at for watch in self.watches), default=NEVER)

    def check(self, now: int) -> None:
        """Look for what lasts too long."""
        for watch in self.watches:
            if watch.check_at <= now:
                watch.check(now, self.findings)
        self.reschedule()

    def finish(
        self, nodes: Sequence[Node], standing: Collection[tuple[str, str]], now: int
    ) -> None:
        """The last look: no demotion is left of which the cause is gone.

        `standing`: (host, cause) of what operators added and did not take back.
        """
        self.check(now)
        for node in nodes:
            if node.engine is None or not node.is_working:
                continue
            for config in node.config.instances:
                self._expect_deadline(node, config.instance, now)
            for one in node.engine.snapshot().causes:
                excuse = self._excuse(node, one.cause, standing)
                if excuse != _STANDS:
                    text = f"{one.value:+} left: {one.cause}"
                    self.findings.add(
                        Kind.DEMOTION, now, group="", host=node.name, cause=excuse, evidence=text
                    )

    def _excuse(self, node: Node, cause: str, standing: Collection[tuple[str, str]]) -> str:
        """Say why a share of demotion is still there; nothing: it should not be."""
        if (node.name, cause) in standing:
            return _STANDS
        for key in (config.instance for config in node.config.instances):
            nic = node.nics[key.carpdev]
            may_run = nic.port.is_up and node.config.allow
            if cause == f"interface down {key}" and not may_run:
                return _STANDS
            if cause == f"send error {key}":
                if nic.refuses_to_send:
                    return _STANDS
                # only three good sends take it back, and only a MASTER sends (spec 10.1)
                is_master = node.states.get(key) is _MASTER
                return "" if is_master else "a BACKUP sends nothing that could succeed"
        return ""

    def sent(self, node: str, key: InstanceKey) -> Sent:
        """Return what left a host for a group."""
        tenure = self._tenures[node, key]
        return {
            "adverts": tenure.sent,
            "bow_outs": tenure.bow_outs,
            "failed_sends": tenure.failed,
        }

    # -- telling -----------------------------------------------------------------------------------

    def _add(
        self, kind: Kind, watch: GroupWatch, host: str, now: int, frame: Frame, cause: str = ""
    ) -> None:
        self.findings.add(kind, now, group=watch.name, host=host, cause=cause, evidence=str(frame))

    def _expect(self, is_so: bool, node: Node, watch: GroupWatch, now: int, text: str) -> None:
        if not is_so:
            self.findings.add(Kind.ENGINE, now, group=watch.name, host=node.name, evidence=text)

    def _owner(self, mac: bytes) -> str:
        """Return whose MAC it is."""
        for watch in self.watches:
            for member in watch.members:
                if member.node.nics[member.key.carpdev].mac == mac:
                    return member.node.name
        return format_mac(mac)


def _cause_of_late_gate(node: Node, watch: GroupWatch, now: int, *, has_stood: bool) -> str:
    """Say why a gate may be open for longer than three intervals; nothing: it must not.

    `has_stood`: the clock that the gate goes by stood still since it was opened.
    """
    if has_stood:  # the one case that no host can help (docs/explanation/windows.md)
        return "a machine stood still with its clocks"
    is_excused = not watch.premises.hold or now <= watch.premises.bad_until
    if node.was_slow and is_excused:
        return f"the clock of {node.name} is slow by more than 1 %"
    return ""
