from __future__ import annotations

from ipaddress import ip_address

import pytest
from tests.helpers.builders import group, key_of

from carpio.core.model import Nanoseconds
from carpio.runtime import plane
from carpio.sim import datapath
from carpio.sim.datapath import Datapath, NaiveDatapath
from carpio.sim.frames import Frame, arp_reply, arp_request, claims_of, echo_frame, solicitation

KEY = key_of("1@eth0")
VMAC = bytes.fromhex("00005e000101")
NIC = bytes.fromhex("020000000001")
CLIENT = bytes.fromhex("0200000000fe")
V4, V6, V4_CLIENT, V6_CLIENT = (
    ip_address(t).packed for t in ("10.0.0.1", "2001:db8::1", "198.18.0.254", "fe80::fe")
)
CONFIG = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64")
ASK_V4 = Frame(arp_request(CLIENT, V4_CLIENT, V4))
ASK_V6 = Frame(solicitation(CLIENT, V6_CLIENT, V6))
PROBE = Frame(echo_frame(source_mac=CLIENT, source=V4_CLIENT, mac=VMAC, destination=V4))


class Host:
    def __init__(self, **settings: bool) -> None:
        self.now = 0
        self.path = Datapath({"eth0": NIC}, lambda: Nanoseconds(self.now), **settings)
        self.path.install([CONFIG])

    def answers(self, frame: Frame) -> list[bytes]:
        """Return the MACs that leave the host as an answer."""
        answers, _ = self.path.receive("eth0", frame)
        return [one.source for one in answers if self.path.lets_out("eth0", one)]

    def be_master(self) -> None:
        self.path.acquire([KEY])
        self.path.serve([KEY])


def test_the_dead_man_is_that_of_the_daemon():
    assert datapath.DEAD_MAN == plane.DEAD_MAN
    assert datapath.dead_man_time(3) == plane.dead_man_time(3)


@pytest.mark.parametrize("question", [ASK_V4, ASK_V6])
def test_a_backup_answers_nothing_and_a_master_with_the_virtual_mac(question: Frame):
    host = Host()
    assert host.answers(question) == []
    host.be_master()
    assert host.answers(question) == [VMAC]
    host.path.release([KEY])
    assert host.answers(question) == []


def test_an_open_gate_alone_answers_nothing():
    host = Host()
    host.path.acquire([KEY])
    assert host.answers(ASK_V4) == []


def test_the_kernel_closes_the_gate_and_winding_never_opens_it():
    host = Host()
    host.be_master()
    host.now = 2_899_999_999
    assert host.answers(ASK_V4) == [VMAC]
    assert host.path.refresh([KEY]) == {}
    host.now += 2_900_000_000
    assert host.answers(ASK_V4) == []
    assert host.path.receive("eth0", PROBE) == ([], False)
    assert host.path.refresh([KEY]) == {KEY: "dead-man closed the gate"}
    assert host.path.expired() == []


def test_an_expired_gate_is_told_once():
    host = Host()
    host.be_master()
    host.now = 3_000_000_000
    assert host.path.expired() == [KEY]
    assert host.path.expired() == []


@pytest.mark.parametrize("is_guarded", [True, False])
def test_without_guard_and_settings_it_answers_with_the_nic_as_linux_would(is_guarded: bool):
    host = Host(guarded=is_guarded, settled=False)
    assert host.answers(ASK_V4) == ([] if is_guarded else [NIC])


def test_the_guard_drops_the_virtual_mac_for_another_address():
    host = Host()
    host.be_master()
    lie = Frame(arp_reply(VMAC, V4_CLIENT, CLIENT, V4_CLIENT))
    assert not host.path.lets_out("eth0", lie)


def test_traffic_is_taken_and_answered_by_a_master_only():
    host = Host()
    assert host.path.receive("eth0", PROBE) == ([], False)
    host.be_master()
    answers, taken = host.path.receive("eth0", PROBE)
    assert taken
    assert [one.source for one in answers] == [VMAC]


def test_a_refused_group_cannot_be_acquired():
    host = Host()
    host.path.refused[KEY] = "no"
    assert host.path.install([CONFIG]) == {KEY: "no"}
    assert host.path.acquire([KEY]) == {KEY: "no"}
    assert host.path.gate_until(KEY) == 0


def test_a_later_process_adopts_open_gates_of_unchanged_groups():
    host = Host()
    host.be_master()
    assert host.path.adopt([CONFIG]) == [KEY]
    changed = group("1@eth0", "10.0.0.2/24")
    assert host.path.adopt([changed]) == []
    assert not host.path.speaks(KEY)


def test_the_naive_one_claims_with_the_nic_until_the_addresses_are_tied():
    path = NaiveDatapath({"eth0": NIC}, lambda: Nanoseconds(0))
    said = path.put_on_nic([CONFIG])
    assert {mac for _, frame in said for _, mac in claims_of(frame)} == {NIC}
    assert [one.source for one in path.receive("eth0", ASK_V4)[0]] == [NIC]
    path.tie()
    assert path.receive("eth0", ASK_V4) == ([], False)


def test_a_gate_that_the_kernel_closed_is_told_once_however_often_it_was_asked_before():
    host = Host()
    host.path.acquire([KEY])
    for host.now in range(0, 2_900_000_000, 100_000_000):
        assert host.path.expired() == []
    host.path.refresh([KEY])
    host.now = 5_600_000_000
    assert host.path.expired() == []
    host.now = 5_700_000_000
    assert host.path.expired() == [KEY]
    assert host.path.expired() == []
    host.path.acquire([KEY])
    host.now += 2_900_000_000
    assert host.path.expired() == [KEY]
