"""The switch: who takes a frame for all, whatever changed before."""

from __future__ import annotations

from carpio.sim.entropy import stream
from carpio.sim.frames import AdvertFrames, Frame, arp_request
from carpio.sim.network import Port, Segment
from carpio.wire.constants import CARP_GROUP_V4_MAC, Family
from carpio.wire.ethernet import ethernet_header
from carpio.wire.ipv4 import carp_ipv4_header

VMAC, V4 = bytes.fromhex("00005e000101"), bytes((10, 0, 0, 1))
HEADER = ethernet_header(CARP_GROUP_V4_MAC, VMAC, 0x0800)
ADVERT = AdvertFrames(
    HEADER + carp_ipv4_header(V4, dscp=56, payload_length=36), "eth0"
).with_payload(bytes(36))
QUESTION = Frame(arp_request(VMAC, V4, V4))


class Hearer:
    """Remembers what it took."""

    def __init__(self) -> None:
        self.took: list[Frame] = []

    def receive(self, frame: Frame, now: int) -> None:
        """Take it."""
        self.took.append(frame)


class Switch:
    """A segment with a speaker, two hosts and a client, where everything arrives at once."""

    def __init__(self) -> None:
        self.segment = Segment("eth0", lambda at, act, what: act(what, at), stream(1, "links"))
        self.ports = {
            name: Port(name=name, owner=Hearer(), wants_adverts=name != "client")
            for name in ("speaker", "a", "b", "client")
        }
        for port in self.ports.values():
            self.segment.plug(port)

    def heard_by(self, frame: Frame) -> str:
        """Return who takes a frame of the speaker."""
        self.segment.transmit(self.ports["speaker"], frame, 0)
        names = []
        for name, port in self.ports.items():
            assert isinstance(port.owner, Hearer)
            names += [name] * len(port.owner.took)
            port.owner.took.clear()
        return " ".join(names)


def test_adverts_go_to_whoever_joined_the_group_and_questions_to_all():
    switch = Switch()
    for _ in range(2):
        assert switch.heard_by(ADVERT) == "a b"
        assert switch.heard_by(QUESTION) == "a b client"


def test_a_link_that_went_down_carries_nothing_until_it_is_up_again():
    switch = Switch()
    assert switch.heard_by(ADVERT) == "a b"
    switch.segment.set_link(switch.ports["a"], False)
    assert switch.heard_by(ADVERT) == "b"
    switch.segment.set_link(switch.ports["a"], True)
    assert switch.heard_by(ADVERT) == "a b"


def test_the_other_side_of_a_cut_trunk_hears_nothing():
    switch = Switch()
    assert switch.heard_by(QUESTION) == "a b client"
    switch.ports["b"].sides.append(1)
    switch.segment.rewire()
    assert switch.heard_by(QUESTION) == "a client"


def test_filtered_multicast_is_told_as_lost_and_all_else_passes():
    switch, lost = Switch(), []
    switch.segment.advert_lost = lambda frame, sender, receiver, now: lost.append(receiver)
    assert switch.heard_by(ADVERT) == "a b"
    switch.ports["a"].filtered.append(Family.IPV4)
    switch.segment.rewire()
    assert switch.heard_by(ADVERT) == "b"
    assert lost == [switch.ports["a"]]
    assert switch.heard_by(QUESTION) == "a b client"
