"""Requirements of the specification that cross the modules of the core."""

from dataclasses import replace
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.builders import (
    advert,
    engine_config,
    group,
    key_of,
    payload_of,
    running_engine,
)
from tests.helpers.captures import known_capture
from tests.helpers.playbook import play

from carpio.core.counters import COUNTER_NAMES
from carpio.core.engine import Engine
from carpio.core.events import DatagramReceived, LinkWentUp, Started
from carpio.core.model import InstanceConfig, State
from carpio.core.table import RULES
from carpio.wire.auth import Authenticator
from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import Family
from carpio.wire.header import encode_advertisement
from carpio.wire.packet import Datagram, dissect

DUAL = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64")


def with_checksum(payload: bytes) -> bytes:
    """Return `payload` with its checksum repaired over all of it."""
    blank = payload[:6] + b"\0\0" + payload[8:]
    return payload[:6] + internet_checksum(blank).to_bytes(2, "big") + payload[8:]


def is_signed_for(payload: bytes, settings: InstanceConfig) -> bool:
    addresses = [virtual.address for virtual in settings.addresses]
    authenticator = Authenticator(settings.key, settings.vhid, addresses)
    return authenticator.verify(payload[8:16], payload[16:])


# -- digest -------------------------------------------------------------------------------


def test_r024_the_adverts_of_both_families_are_signed_over_all_addresses():
    stage = play(running_engine(engine_config(DUAL))).deadline()
    stage.expect(
        "1@eth0: BACKUP -> MASTER (master timed out)",
        "1@eth0: acquire",
        "1@eth0: advert v4 1/0",
        "1@eth0: advert v6 1/0",
    )
    assert [is_signed_for(payload, DUAL) for payload in stage.payloads()] == [True, True]
    assert not is_signed_for(stage.payloads()[0], group())


@pytest.mark.parametrize(
    ("ours", "theirs"), [("10.0.0.1/24", "10.0.0.1/32"), ("2001:db8::1/64", "2001:db8::1/128")]
)
def test_r030_a_peer_with_another_prefix_length_is_heard(ours, theirs):
    settings, other = group("1@eth0", ours), group("1@eth0", theirs)
    family = settings.addresses[0].family
    stage = play(running_engine(engine_config(settings))).at(2)
    stage.on(advert(other, family=family)).expect().due(5)


@pytest.mark.parametrize(
    ("addresses", "heard"),
    [
        (("10.0.0.1/24", "2001:db8::1/64"), ""),
        (("10.0.0.1/24", "2001:db8::1/64", "fe80::1/64"), "1@eth0: drop badauth"),
    ],
)
def test_r183_openbsds_digest_without_link_local_addresses_counts_only_where_there_are_none(
    addresses, heard
):
    settings = group("1@eth0", *addresses)
    counter = bytes(8)
    digest = Authenticator(
        settings.key, settings.vhid, [it.address for it in settings.addresses], omit_scoped=True
    ).digest(counter)
    payload = encode_advertisement(1, 0, 1, counter, digest)
    stage = play(running_engine(engine_config(settings))).at(2)
    stage.on(advert(settings, payload=payload)).expect(*[heard] * bool(heard))


@given(st.integers(0, 255))
def test_r029_an_advert_whose_vhid_was_changed_is_badvhid_or_badauth(vhid):
    groups = (group(), group("2@eth0", "10.0.0.2/24"))
    good = payload_of(groups[0])
    changed = with_checksum(good[:1] + bytes((vhid,)) + good[2:])
    stage = play(running_engine(engine_config(*groups))).at(1)
    stage.on(advert(payload=changed))
    told = {1: [], 2: ["2@eth0: drop badauth"]}.get(vhid, ["eth0: drop badvhid"])
    stage.expect(*told)


# -- reception ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["0.0.0.0", "10.0.0.1", "192.0.2.77", "255.255.255.255"])
def test_r011_the_source_of_an_advert_is_not_checked(source):
    play(running_engine(engine_config())).at(2).on(advert(source=source)).expect().due(5)


@pytest.mark.parametrize("key", ["advskew", "advbase", "demote"])
@pytest.mark.parametrize("value", [0, 1, 2, 255])
def test_r028_fields_outside_the_digest_may_be_changed_by_whoever_repairs_the_checksum(key, value):
    at = {"advskew": 2, "demote": 4, "advbase": 5}[key]
    good = payload_of(group(), advskew=7)
    changed = with_checksum(good[:at] + bytes((value,)) + good[at + 1 :])
    stage = play(running_engine(engine_config(group(advskew=100))))
    stage.at(2).on(advert(payload=changed)).expect()
    (rival,) = stage.view().rivals
    assert getattr(rival, key) == value


def test_r185_a_vrrpv2_packet_as_long_as_an_advert_is_badsum_or_badauth_in_every_state():
    addresses = b"".join(bytes((10, 0, 0, number)) for number in range(1, 6))
    vrrp = with_checksum(bytes((0x21, 1, 255, 5, 0, 1, 0, 0)) + addresses + bytes(8))
    assert len(vrrp) == 36
    stage = play(running_engine(engine_config())).at(1)
    stage.on(advert(payload=vrrp)).expect("1@eth0: drop badauth").due(3)
    stage.on(advert(payload=vrrp[:-1] + b"x")).expect("eth0: drop badsum").due(3)
    stage.master()
    stage.on(advert(payload=vrrp)).expect("1@eth0: drop badauth")
    assert stage.view().state is State.MASTER


UCARP = [name for side in ("freebsd13", "netbsd") for name in (f"{side}-s18", f"{side}-s19")]


@pytest.mark.parametrize("name", UCARP)
def test_r181_adverts_of_ucarp_with_its_own_kind_of_ethernet_source_are_accepted(name):
    preempt = "on" if name.endswith("s19") else "off"
    capture = known_capture(f"{name}-with-ucarp-bsd-preempt-{preempt}")
    settings = capture.configs[0]
    (address,) = settings.addresses
    mine = replace(group("1@em0", f"{address}/24", advskew=100), key=settings.key)
    stage = play(running_engine(engine_config(mine)))
    heard = 0
    for frame in capture.frames:
        datagram = dissect(frame)
        if isinstance(datagram, Datagram) and frame[6:12] == bytes.fromhex("00005e000001"):
            heard += 1
            stage.on(
                DatagramReceived(
                    carpdev="em0",
                    family=Family.IPV4,
                    source=ip_address(datagram.source),
                    ttl=datagram.ttl,
                    payload=datagram.payload,
                    is_own_source=False,
                )
            ).expect()
    counters = stage.view("1@em0").counters
    assert heard
    assert {name: value for name, value in counters.items() if value} == {"ipackets": heard}


# -- words --------------------------------------------------------------------------------


def test_the_states_have_the_names_of_the_bsds():
    assert [state.value for state in State] == ["INIT", "BACKUP", "MASTER"]


REASONS_OF_THE_BSDS = {
    "initialization complete",
    "hardware interface up",
    "hardware interface down",
    "master timed out",
    "master will time out",
    "preempting a slower master",
    "more frequent advertisement received",
    "user requested via ifconfig",
}
REASONS_OF_OURS = {"shutdown", "vhid removed", "stalled", "resumed"}
"""For what FreeBSD has no event, or no word: see `docs/reference/conformance.md`."""


def test_r150_the_reasons_are_all_those_of_the_bsds_and_four_of_ours():
    said = {rule.reason for rules in RULES.values() for rule in rules.values() if rule.next}
    assert said - {""} == REASONS_OF_THE_BSDS | REASONS_OF_OURS


def test_r151_the_statistics_have_the_names_and_the_order_of_the_bsds():
    assert " ".join(COUNTER_NAMES) == (
        "ipackets ipackets6 badif badttl hdrops badsum badver badlen badauth badvhid badaddrs "
        "opackets opackets6 onomem ostates preempt"
    )


# -- life ---------------------------------------------------------------------------------


def test_r127_each_group_counts_its_own_send_errors():
    groups = (group(), group("2@eth0", "10.0.0.2/24"))
    stage = play(running_engine(engine_config(*groups))).deadline().not_sent(100).expect()
    stage.deadline().not_sent(100).expect()
    assert stage.engine.snapshot().demotion == 0


def test_r060_until_it_is_master_a_group_sends_nothing_whatever_it_hears():
    stage = play(Engine(Random(1))).on(Started(config=engine_config(DUAL)))
    for family in Family:
        stage.on(advert(DUAL, family=family, advskew=9)).expect()
    stage.on(LinkWentUp("eth0")).expect("1@eth0: INIT -> BACKUP (initialization complete)")
    for family in Family:
        stage.on(advert(DUAL, family=family, advskew=9)).expect()
    assert stage.view().counters["opackets"] == stage.view().counters["opackets6"] == 0


def test_r145_a_transition_of_one_group_leaves_its_namesake_on_another_link_alone():
    groups = (group(), group("1@eth1", "10.0.1.1/24"))
    stage = play(running_engine(engine_config(*groups))).master()
    before = stage.view("1@eth1")
    stage.on(advert(), advert(advskew=3))
    assert stage.view("1@eth0").state is State.BACKUP
    assert stage.view("1@eth1") == before
    assert before.instance == key_of("1@eth1")
