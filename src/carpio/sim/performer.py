"""Effects carried out on the kernel and the wire of one host, in the phases of the daemon.

Takes no time. Knows frames, gates and the order of things; must not know how a host lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from carpio.core.effects import (
    Effect,
    ReportDemotion,
    ReportDrop,
    ReportTransition,
    SendAdvertisement,
)
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    Event,
    SendFailed,
    SendSucceeded,
)
from carpio.core.model import InstanceConfig, InstanceKey, State
from carpio.core.phases import Batch
from carpio.sim.datapath import announcements
from carpio.sim.frames import AdvertFrames, Frame
from carpio.sim.nic import Nic
from carpio.sim.witness import Witness
from carpio.wire.constants import (
    CARP_GROUP_V4_MAC,
    CARP_GROUP_V6_MAC,
    CARP_LENGTH,
    DEFAULT_DSCP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    Family,
)
from carpio.wire.ethernet import ethernet_header, virtual_mac
from carpio.wire.ipv4 import carp_ipv4_header
from carpio.wire.ipv6 import carp_ipv6_header

if TYPE_CHECKING:
    from carpio.sim.node import Node

__all__ = ["Performer", "refusals"]

ENETDOWN: Final = 100
ENOBUFS: Final = 105
_MASTER: Final = State.MASTER
_NOTHING: Final[Mapping[InstanceKey, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Voice:
    """A group in one family: all that does not change from advert to advert."""

    nic: Nic
    adverts: AdvertFrames
    bow_outs: AdvertFrames
    succeeded: SendSucceeded


class Performer:
    """The hands of a node."""

    def __init__(
        self,
        node: Node,
        witness: Witness,
        schedule: Callable[[int, Callable[[Any, int], None], Any], None],
    ) -> None:
        self._node = node
        self._witness = witness
        self._schedule = schedule
        self._voices: dict[tuple[InstanceKey, Family], _Voice] = {}
        self._announcements: dict[InstanceKey, list[Frame]] = {}
        self._gates: dict[InstanceKey, int] = {}
        """When the witness is told next that the kernel may have closed the gate."""

    def build(self, instances: Iterable[InstanceConfig]) -> None:
        """Make all that does not change from advert to advert."""
        self._voices, self._announcements = {}, {}
        for config in instances:
            key, nic = config.instance, self._node.nics[config.carpdev]
            mac = virtual_mac(config.vhid)
            bow_outs = _headers(nic.mac, nic.sources)
            for family, header in _headers(mac, nic.sources).items():
                self._voices[key, family] = _Voice(
                    nic=nic,
                    adverts=AdvertFrames(header, config.carpdev),
                    bow_outs=AdvertFrames(bow_outs[family], config.carpdev),
                    succeeded=SendSucceeded(key, family),
                )
            packed = [a.address.packed for a in config.addresses]
            self._announcements[key] = [Frame(data) for data in announcements(mac, packed)]

    def perform(self, effects: Sequence[Effect], now: int) -> list[Event]:
        """Carry out; return what came of it."""
        for effect in effects:
            if type(effect) is not SendAdvertisement or effect.bow_out:
                return self._perform_all(effects, now)
        return self._advertise(effects, (), _NOTHING, now)  # what masters do nearly all the time

    def _perform_all(self, effects: Iterable[Effect], now: int) -> list[Event]:
        events: list[Event] = []
        batch = Batch()
        released = False
        for effect in effects:
            if not batch.add(effect):
                events += self._perform_batch(batch, now)
                released = released or bool(batch.release)
                batch = Batch()
                batch.add(effect)
            self._note(effect, now)  # in turn: one burst can make a master and unmake it
        events += self._perform_batch(batch, now)
        if released or batch.release:
            self._node.datapath.settle()
        return events

    def _note(self, effect: Effect, now: int) -> None:
        node = self._node
        if isinstance(effect, ReportTransition):
            node.states[effect.instance] = effect.new
            node.masters = sum(state is _MASTER for state in node.states.values())
            self._witness.transition(node, effect, now)
        elif isinstance(effect, ReportDemotion):
            node.demotion = effect.total
            self._witness.demotion(node, effect, now)
        elif isinstance(effect, ReportDrop):
            node.drops[effect.reason.value] += 1

    def _perform_batch(self, batch: Batch, now: int) -> list[Event]:
        events: list[Event] = []
        node, datapath = self._node, self._node.datapath
        if batch.release:
            datapath.release(batch.release)
            self._tell_changed(batch.release, now)
        for bow_out in batch.bow_outs:
            self._bow_out(bow_out, now)
        refused = datapath.acquire(batch.acquire) if batch.acquire else {}
        events += refusals(refused)
        if batch.adverts:
            events += self._advertise(batch.adverts, batch.acquire, refused, now)
        if batch.serve:
            events += refusals(datapath.serve(batch.serve))
            self._tell_changed(batch.serve, now)
        for key in batch.announce:
            for frame in self._announcements[key]:
                node.say(node.nics[key.carpdev], frame, now)
        return events

    def _tell_changed(self, keys: Sequence[InstanceKey], now: int) -> None:
        for key in keys:
            self._witness.changed(self._node, key, now)

    # -- adverts -------------------------------------------------------------------------------

    def _advertise(
        self,
        adverts: Iterable[Effect],
        acquired: Sequence[InstanceKey],
        refused: Mapping[InstanceKey, str],
        now: int,
    ) -> list[Event]:
        """Send adverts, then wind the dead-man of groups of which every advert left (ADR 13)."""
        events: list[Event] = []
        errors: dict[InstanceKey, int] = {}
        for advert in adverts:
            assert isinstance(advert, SendAdvertisement)  # noqa: S101 - chosen by the callers
            key = advert.instance
            if key in refused:
                continue
            voice = self._voices[key, advert.family]
            error = self._send(voice.nic, voice.adverts, advert, now)
            if error:
                events.append(SendFailed(key, advert.family, error))
                errors[key] = error
            else:
                events.append(voice.succeeded)
                errors.setdefault(key, 0)
        wind = [key for key, error in errors.items() if not error and key not in acquired]
        if wind:
            outcome = self._node.datapath.refresh(wind)
            if outcome:
                events += refusals(outcome)
        for key in errors:
            if key not in self._gates:
                self.watch_gate(key, now)
        return events

    def _bow_out(self, advert: SendAdvertisement, now: int) -> None:
        voice = self._voices[advert.instance, advert.family]
        self._send(voice.nic, voice.bow_outs, advert, now)

    def _send(self, nic: Nic, frames: AdvertFrames, advert: SendAdvertisement, now: int) -> int:
        node, port = self._node, nic.port
        if not port.is_up:
            error = ENETDOWN
        elif nic.refuses_to_send:
            error = ENOBUFS
        else:
            frame = frames.with_payload(advert.payload)
            if node.datapath.lets_out(nic.carpdev, frame):
                nic.segment.transmit(port, frame, now)
                error = 0
            else:
                error = ENOBUFS
        self._witness.advertised(node, advert, error, now)
        return error

    # -- gates ---------------------------------------------------------------------------------

    def watch_gate(self, key: InstanceKey, now: int) -> None:
        """Tell the witness when the kernel closes a gate."""
        node = self._node
        until = node.datapath.gate_until(key)
        if until and key not in self._gates and not node.is_frozen:
            at = max(node.clock.when(until), now)
            self._gates[key] = at
            self._schedule(at, self._check_gate, (key, at))

    def thaw(self, now: int) -> None:
        """Reckon anew when gates close: the clock stood still."""
        for key in list(self._gates):
            del self._gates[key]
            self.watch_gate(key, now)

    def _check_gate(self, what: tuple[InstanceKey, int], now: int) -> None:
        key, at = what
        if self._gates.get(key) != at:
            return
        del self._gates[key]
        node = self._node
        if node.is_frozen:
            self._gates[key] = -1  # told again when it thaws
        elif node.speaks(key, now):
            self.watch_gate(key, now)
        else:
            self._witness.changed(node, key, now)


def _headers(mac: bytes, sources: Mapping[Family, bytes]) -> dict[Family, bytes]:
    v4, v6 = sources[Family.IPV4], sources[Family.IPV6]
    return {
        Family.IPV4: ethernet_header(CARP_GROUP_V4_MAC, mac, ETHERTYPE_IPV4)
        + carp_ipv4_header(v4, dscp=DEFAULT_DSCP, payload_length=CARP_LENGTH),
        Family.IPV6: ethernet_header(CARP_GROUP_V6_MAC, mac, ETHERTYPE_IPV6)
        + carp_ipv6_header(v6, dscp=DEFAULT_DSCP, payload_length=CARP_LENGTH),
    }


def refusals(refused: Mapping[InstanceKey, str]) -> list[Event]:
    """A refusal of the moment: the group gives up and may try again later."""
    events: list[Event] = []
    for key, reason in refused.items():
        events += [AddressesRefused(key, reason), AddressesAvailable(key)]
    return events
