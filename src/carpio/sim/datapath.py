"""What a host's kernel does with the addresses: the steps of the real datapath, as values.

One macvlan per group behind a guard that judges every frame that leaves or arrives; a gate per
group that the kernel closes by itself (the dead-man); addresses configured in every state. Order
up: gate, adverts, dead-man wound, link up, announcements. Order down: gate, bow-out, link. Knows
nothing of elections. `Datapath` does what docs/adr/0007 decides; `NaiveDatapath` what FreeBSD bug
191832 tells: the address on the NIC first, tied to its group a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from carpio.core.model import InstanceConfig, InstanceKey, Nanoseconds
from carpio.sim.frames import (
    Echo,
    Frame,
    arp_reply,
    claims_of,
    echo_frame,
    neighbour_reply,
)
from carpio.wire.arp import ArpMessage, gratuitous_arp_frame
from carpio.wire.constants import NEIGHBOR_SOLICITATION
from carpio.wire.ethernet import virtual_mac
from carpio.wire.ndp import NeighbourMessage, unsolicited_na_frame

__all__ = ["DEAD_MAN", "Datapath", "NaiveDatapath", "announcements", "dead_man_time"]

DEAD_MAN: Final = 2.9
"""In units of advbase, as the daemon's (docs/adr/0007, 0013)."""
_CLOSED: Final = Nanoseconds(0)
_NEVER: Final = Nanoseconds(1 << 62)


def dead_man_time(advbase: int) -> Nanoseconds:
    """How long an open gate lives after an advertisement."""
    return Nanoseconds(int(DEAD_MAN * advbase * 1_000_000_000))


def announcements(mac: bytes, addresses: Iterable[bytes]) -> list[bytes]:
    """Return gratuitous ARP for IPv4 first, then NA, each in attach order (R-090..R-092)."""
    known = list(addresses)
    frames = [gratuitous_arp_frame(mac, a) for a in known if len(a) == 4]
    return frames + [unsolicited_na_frame(mac, a, source=a) for a in known if len(a) == 16]


@dataclass(slots=True, kw_only=True)
class _Holding:
    """What the host holds for one group."""

    config: InstanceConfig
    mac: bytes
    addresses: tuple[bytes, ...]
    dead_man: Nanoseconds
    """How long an open gate lives after an advertisement."""
    gate_until: Nanoseconds = _CLOSED
    """Machine time at which the kernel closes the gate; 0 while it is closed."""
    is_up: bool = False
    """The macvlan's link."""
    serving: bool = False
    replies: dict[tuple[bytes, bytes, bytes], Frame] = field(default_factory=dict)
    echoes: dict[bytes, Frame] = field(default_factory=dict)
    """Echo replies by the bytes of the request."""


class Datapath:
    """The kernel of one host; implements `ports.AddressPlane`."""

    def __init__(
        self,
        nics: Mapping[str, bytes],
        clock: Callable[[], Nanoseconds],
        *,
        guarded: bool = True,
        settled: bool = True,
    ) -> None:
        """`nics`: MACs by carpdev. Without guard and parent settings it is what Linux would do."""
        self.nics = dict(nics)
        self._clock = clock
        self._is_guarded = guarded
        self._is_settled = settled
        self.refused: dict[InstanceKey, str] = {}
        """Groups that the host will not hold, with the reason."""
        self.on_nic: dict[str, tuple[bytes, ...]] = {}
        """Addresses that the NIC itself has, by carpdev: what should never be."""
        self._holdings: dict[InstanceKey, _Holding] = {}
        self._by_mac: dict[tuple[str, bytes], _Holding] = {}
        self._by_address: dict[tuple[str, bytes], _Holding] = {}
        self._unsettled: list[InstanceKey] = []
        self._none_expires_before = _CLOSED
        """No gate is closed by the kernel before this time; most are wound long before."""

    # -- ports.AddressPlane ----------------------------------------------------------------

    def install(self, instances: Sequence[InstanceConfig]) -> Mapping[InstanceKey, str]:
        """Hold exactly these groups, silent unless already MASTER."""
        old, self._holdings = self._holdings, {}
        self._by_mac, self._by_address = {}, {}
        for config in instances:
            key = config.instance
            holding = old.get(key) or _Holding(
                config=config, mac=virtual_mac(config.vhid), addresses=(), dead_man=_CLOSED
            )
            holding.config = config
            holding.dead_man = dead_man_time(config.advbase)
            holding.addresses = tuple(a.address.packed for a in config.addresses)
            holding.replies.clear()
            holding.echoes.clear()
            self._holdings[key] = holding
            self._by_mac[key.carpdev, holding.mac] = holding
            for address in holding.addresses:
                self._by_address[key.carpdev, address] = holding
        return {key: self.refused[key] for key in self._holdings if key in self.refused}

    def acquire(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Open gates for one dead-man time; nothing can answer yet."""
        refusals = {key: self.refused[key] for key in instances if key in self.refused}
        now = self._clock()
        for key in instances:
            holding = self._holdings.get(key)
            if holding is not None and key not in refusals and holding.gate_until <= now:
                holding.gate_until = Nanoseconds(now + holding.dead_man)
                self._none_expires_before = min(self._none_expires_before, holding.gate_until)
        return refusals

    def refresh(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Wind the dead-man; a gate that has expired is refused, never opened again."""
        now = self._clock()
        outcome: dict[InstanceKey, str] = {}
        for key in instances:
            holding = self._holdings.get(key)
            if holding is None:
                continue
            if holding.gate_until <= now:
                holding.gate_until = _CLOSED
                outcome[key] = "dead-man closed the gate"
            else:
                holding.gate_until = until = Nanoseconds(now + holding.dead_man)
                if until < self._none_expires_before:
                    self._none_expires_before = until
        return outcome

    def serve(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Link up: from now on the kernel answers, as far as the guard lets it."""
        for holding in filter(None, map(self._holdings.get, instances)):
            holding.is_up = holding.serving = True
        return {}

    def release(self, instances: Sequence[InstanceKey]) -> None:
        """Close the gates, nothing else."""
        for key in instances:
            holding = self._holdings.get(key)
            if holding is not None:
                holding.gate_until = _CLOSED
                holding.serving = False
                self._unsettled.append(key)

    def settle(self) -> None:
        """After `release`, when bow-outs are out: links down."""
        keys, self._unsettled = self._unsettled, []
        for key in keys:
            holding = self._holdings.get(key)
            if holding is not None and not holding.serving:
                holding.is_up = False

    # -- what the daemon asks ----------------------------------------------------------------

    def gate_until(self, key: InstanceKey) -> Nanoseconds:
        """Machine time at which the kernel will close the gate; 0 when it is closed."""
        holding = self._holdings.get(key)
        return holding.gate_until if holding else _CLOSED

    def expired(self) -> list[InstanceKey]:
        """Groups whose gate the kernel has closed by now, each told once."""
        now = self._clock()
        if now < self._none_expires_before:
            return []
        found = [h for h in self._holdings.values() if h.gate_until and h.gate_until <= now]
        for holding in found:
            holding.gate_until = _CLOSED
        left = (h.gate_until for h in self._holdings.values() if h.gate_until)
        self._none_expires_before = min(left, default=_NEVER)
        return [holding.config.instance for holding in found]

    def adopt(self, instances: Sequence[InstanceConfig]) -> list[InstanceKey]:
        """Take over open gates of an earlier process with the same settings; close all others."""
        kept = []
        same = {config.instance: config for config in instances}
        for key, holding in self._holdings.items():
            if self.speaks(key) and same.get(key) == holding.config:
                kept.append(key)
            else:
                self.release([key])
        self.settle()
        self.refresh(kept)
        return kept

    def speaks(self, key: InstanceKey) -> bool:
        """Whether the host can answer for the group now: link up and gate open."""
        holding = self._holdings.get(key)
        return holding is not None and holding.is_up and holding.gate_until > self._clock()

    def clear(self) -> None:
        """Power is off, or the daemon removed everything."""
        self._holdings.clear()
        self._by_mac.clear()
        self._by_address.clear()
        self.on_nic.clear()

    # -- the guard -------------------------------------------------------------------------

    def lets_out(self, carpdev: str, frame: Frame) -> bool:
        """Judge a frame that wants to leave, as the egress chains do."""
        if not self._is_guarded:
            return True
        speaker = self._by_mac.get((carpdev, frame.source))
        if speaker is not None and speaker.gate_until <= self._clock():
            return False
        if frame.advert is not None or type(frame.packet) is Echo:
            return True  # claims nothing
        for address, mac in claims_of(frame):
            owner = self._by_address.get((carpdev, address))
            if owner is not None and mac != owner.mac:
                return False
            claimed = self._by_mac.get((carpdev, mac))
            if claimed is not None and claimed is not owner:
                return False
        return True

    # -- the kernel ------------------------------------------------------------------------

    def receive(self, carpdev: str, frame: Frame) -> tuple[list[Frame], bool]:
        """Return the answers to a frame from the wire, and whether it was taken in as traffic.

        Answers have not passed the guard.
        """
        packet = frame.packet
        if isinstance(packet, Echo):
            return self._receive_echo(carpdev, frame, packet)
        if isinstance(packet, ArpMessage):
            if packet.operation == 1 and packet.sender != packet.target:
                return self._resolve(
                    carpdev, packet.target, packet.sender_mac, packet.sender
                ), False
        elif isinstance(packet, NeighbourMessage) and packet.type == NEIGHBOR_SOLICITATION:
            asker = packet.link_layer or packet.ethernet_source
            return self._resolve(carpdev, packet.target, asker, packet.source), False
        return [], False

    def _resolve(self, carpdev: str, target: bytes, mac: bytes, asker: bytes) -> list[Frame]:
        """Answer who has `target`: the macvlan when it is up, and the NIC unless told not to."""
        answers = []
        reply = arp_reply if len(target) == 4 else neighbour_reply
        holding = self._by_address.get((carpdev, target))
        if holding is not None and holding.is_up:
            answers.append(self._reply(holding, target, mac, asker))
        is_here = holding is not None and not self._is_settled
        if is_here or target in self.on_nic.get(carpdev, ()):
            answers.append(Frame(reply(self.nics[carpdev], target, mac, asker)))
        return answers

    def _reply(self, holding: _Holding, target: bytes, mac: bytes, asker: bytes) -> Frame:
        known = holding.replies.get((target, mac, asker))
        if known is None:
            reply = arp_reply if len(target) == 4 else neighbour_reply
            known = Frame(reply(holding.mac, target, mac, asker))
            holding.replies[target, mac, asker] = known
        return known

    def _receive_echo(self, carpdev: str, frame: Frame, echo: Echo) -> tuple[list[Frame], bool]:
        owner = self._by_address.get((carpdev, echo.destination))
        if frame.destination == self.nics[carpdev]:
            return [], owner is not None or echo.destination in self.on_nic.get(carpdev, ())
        if owner is None or frame.destination != owner.mac:
            return [], False
        if self._is_guarded and owner.gate_until <= self._clock():
            return [], False  # ingress: to a virtual MAC whose gate is closed
        if not owner.is_up:
            return [], False
        answer = owner.echoes.get(frame.data)
        if answer is None:
            data = echo_frame(
                source_mac=owner.mac,
                source=echo.destination,
                mac=frame.source,
                destination=echo.source,
                is_reply=True,
            )
            answer = owner.echoes[frame.data] = Frame(data)
        return [answer], True


class NaiveDatapath(Datapath):
    """Puts the addresses on the NIC before anything ties them to their group."""

    def put_on_nic(self, instances: Iterable[InstanceConfig]) -> list[tuple[str, Frame]]:
        """Configure the addresses; return what the kernel says of its own accord, by carpdev."""
        said = []
        for config in instances:
            nic = config.carpdev
            packed = tuple(a.address.packed for a in config.addresses)
            self.on_nic[nic] = (*self.on_nic.get(nic, ()), *packed)
            said += [(nic, Frame(data)) for data in announcements(self.nics[nic], packed)]
        return said

    def tie(self) -> None:
        """Give the addresses to their groups: the NIC answers for them no longer."""
        self.on_nic.clear()
