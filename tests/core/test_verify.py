"""The checks of spec 5.1 in their order, each with its counter and its text."""

import pytest
from tests.helpers.builders import (
    advert,
    engine_config,
    group,
    key_of,
    payload_of,
    running_engine,
    seconds,
)
from tests.helpers.playbook import play

from carpio.core.effects import ReportDrop
from carpio.core.events import DatagramReceived, StateRequested
from carpio.core.model import State
from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import DropReason, Family
from carpio.wire.header import encode_advertisement

V6 = group("1@eth0", "2001:db8::1/64")
DUAL = group("1@eth0", "10.0.0.1/24", "2001:db8::1/64")
GOOD = payload_of(group())


def with_checksum(payload: bytes) -> bytes:
    """Return `payload` with its checksum repaired over all of it."""
    blank = payload[:6] + b"\0\0" + payload[8:]
    return payload[:6] + internet_checksum(blank).to_bytes(2, "big") + payload[8:]


def receive(datagram: DatagramReceived, *groups):
    """Return the effects and the counters that went up."""
    engine = running_engine(engine_config(*groups))
    effects = engine.handle(datagram, seconds(1))
    view = engine.snapshot()
    assert [it.state for it in view.instances] == [State.BACKUP] * len(view.instances)
    return effects, {name: value for name, value in view.counters.items() if value}


def version(number: int, length: int = 36) -> bytes:
    return bytes([number << 4 | 1]) + GOOD[1:length]


DROPS = [
    pytest.param(
        advert(payload=b"\x21" * 7),
        DropReason.BADLEN,
        "carp_input: received len 7 < sizeof(struct vrrpv3_header) on eth0",
        id="r051-shorter-than-any-header",
    ),
    pytest.param(
        advert(payload=version(1)),
        DropReason.BADVER,
        "carp_input: unsupported version 1 on eth0",
        id="r051-version-1",
    ),
    pytest.param(
        advert(payload=version(4)),
        DropReason.BADVER,
        "carp_input: unsupported version 4 on eth0",
        id="r051-version-4",
    ),
    pytest.param(
        advert(payload=GOOD[:35]),
        DropReason.BADLEN,
        "carp_input: received len 35 < 36 on eth0",
        id="r051-35-bytes",
    ),
    pytest.param(
        advert(payload=GOOD[:-1] + bytes([GOOD[-1] ^ 1])),
        DropReason.BADSUM,
        "carp_input: checksum failed on eth0",
        id="r051-checksum",
    ),
    pytest.param(
        advert(payload=payload_of(group("2@eth0"))), DropReason.BADVHID, "", id="r051-unknown-vhid"
    ),
    pytest.param(
        advert(payload=version(3, 12)),
        DropReason.BADVER,
        "eth0: invalid version 3",
        id="r173-vrrpv3-for-a-known-vhid",
    ),
    pytest.param(
        advert(payload=b"\x31\x02" + bytes(10)),
        DropReason.BADVHID,
        "",
        id="vrrpv3-for-an-unknown-vhid",
    ),
    pytest.param(
        advert(ttl=254),
        DropReason.BADTTL,
        "carp_input_c: received ttl 254 != 255 on eth0",
        id="r050-ttl",
    ),
    pytest.param(
        advert(payload=payload_of(group(passphrase="other"))),
        DropReason.BADAUTH,
        "carp_input_c: incorrect hash for VHID 1@eth0",
        id="r051-wrong-key",
    ),
    pytest.param(
        advert(payload=payload_of(group("1@eth0", "10.0.0.2/24"))),
        DropReason.BADAUTH,
        "carp_input_c: incorrect hash for VHID 1@eth0",
        id="r024-other-addresses",
    ),
]


@pytest.mark.parametrize(("datagram", "reason", "text"), DROPS)
def test_r051_r052_a_bad_packet_raises_one_error_counter_and_tells_why(datagram, reason, text):
    effects, counters = receive(datagram)
    assert [(it.reason, it.text) for it in effects] == [(reason, text)]
    assert counters == {"ipackets": 1, reason.value: 1}


ORDER = [
    pytest.param(advert(payload=version(1, 35)), DropReason.BADVER, id="version-before-length"),
    pytest.param(advert(payload=bytes(35)), DropReason.BADVER, id="version-0-before-length"),
    pytest.param(
        advert(payload=b"\x21\x02" + GOOD[2:]), DropReason.BADSUM, id="checksum-before-vhid"
    ),
    pytest.param(
        advert(payload=payload_of(group("2@eth0")), ttl=1), DropReason.BADVHID, id="vhid-before-ttl"
    ),
    pytest.param(
        advert(payload=version(3, 12), ttl=1), DropReason.BADVER, id="configured-version-before-ttl"
    ),
    pytest.param(
        advert(payload=payload_of(group(passphrase="x")), ttl=1),
        DropReason.BADTTL,
        id="ttl-before-digest",
    ),
]


@pytest.mark.parametrize(("datagram", "reason"), ORDER)
def test_the_first_failing_check_of_spec_5_1_counts(datagram, reason):
    effects, _ = receive(datagram)
    assert [it.reason for it in effects] == [reason]


def test_ipv6_texts_begin_with_the_ipv6_routine():
    datagram = advert(V6, family=Family.IPV6)._replace(payload=GOOD[:35])
    effects, counters = receive(datagram, V6)
    assert effects[0].text == "carp6_input: received len 35 < 36 on eth0"
    assert counters == {"ipackets6": 1, "badlen": 1}


def test_r053_an_ipv4_advert_for_a_vhid_with_only_ipv6_addresses_is_badvhid():
    effects, _ = receive(advert(V6), V6)
    assert [it.reason for it in effects] == [DropReason.BADVHID]


def test_an_ipv6_advert_for_a_vhid_with_only_ipv4_addresses_is_badvhid():
    effects, counters = receive(advert(family=Family.IPV6, source="fe80::2"))
    assert [it.reason for it in effects] == [DropReason.BADVHID]
    assert counters == {"ipackets6": 1, "badvhid": 1}


def test_r024_both_families_of_a_group_are_accepted_with_the_same_addresses_hashed():
    for family in Family:
        effects, _ = receive(advert(DUAL, family=family), DUAL)
        assert effects == []


def test_r054_type_and_authlen_are_not_checked():
    odd = with_checksum(b"\x27" + GOOD[1:3] + b"\x09" + GOOD[4:])
    effects, counters = receive(advert(payload=odd))
    assert effects == []
    assert counters == {"ipackets": 1}


def test_r182_a_demote_byte_is_accepted():
    effects, _ = receive(advert(demote=17))
    assert effects == []


def test_r028_an_advert_with_changed_rank_and_repaired_checksum_is_accepted():
    changed = with_checksum(GOOD[:2] + b"\x37" + GOOD[3:5] + b"\x02" + GOOD[6:])
    effects, _ = receive(advert(payload=changed))
    assert effects == []


@pytest.mark.parametrize("bit", range(8 * 8, 36 * 8))
def test_r029_any_changed_bit_of_counter_or_digest_is_badauth(bit):
    broken = bytearray(GOOD)
    broken[bit // 8] ^= 1 << bit % 8
    effects, _ = receive(advert(payload=with_checksum(bytes(broken))))
    assert [it.reason for it in effects] == [DropReason.BADAUTH]


def test_r058_a_longer_payload_is_accepted_with_either_checksum():
    short_sum = GOOD + b"tail"
    long_sum = with_checksum(short_sum)
    assert short_sum != long_sum
    for payload in (short_sum, long_sum):
        effects, _ = receive(advert(payload=payload))
        assert effects == []


def test_r058_over_ipv6_only_the_first_36_bytes_are_summed():
    good = payload_of(V6)
    effects, _ = receive(advert(V6, family=Family.IPV6, payload=good + b"tail"), V6)
    assert effects == []
    summed = with_checksum(good + b"tail")
    effects, _ = receive(advert(V6, family=Family.IPV6, payload=summed), V6)
    assert [it.reason for it in effects] == [DropReason.BADSUM]


def test_r055_with_allow_off_only_the_received_counter_goes_up():
    engine = running_engine(engine_config(allow=False))
    for datagram in (advert(), advert(payload=b"")):
        (effect,) = engine.handle(datagram, seconds(1))
        assert effect == ReportDrop("eth0", DropReason.NOT_ALLOWED, "")
    view = engine.snapshot()
    assert {name: value for name, value in view.counters.items() if value} == {"ipackets": 2}
    assert view.instances[0].last_advert_heard is None


def test_r056_an_advert_on_an_interface_without_vhids_changes_no_instance():
    for family, reason in ((Family.IPV4, "badvhid"), (Family.IPV6, "badif")):
        engine = running_engine(engine_config())
        before = engine.snapshot()
        foreign = advert(family=family)._replace(carpdev="eth9")
        (effect,) = engine.handle(foreign, seconds(1))
        after = engine.snapshot()
        assert effect.reason.value == reason
        assert after.instances == before.instances
        assert engine.next_deadline() == seconds(3)
    assert effect.text == "carp6_input: packet received on non-carp interface: eth9"


def test_vhid_0_from_one_of_our_addresses_is_a_loop():
    looped = encode_advertisement(0, 0, 1, bytes(8), bytes(20))
    effects, counters = receive(advert(payload=looped, source="10.0.0.1"))
    assert effects[0].text == "dropping looped packet on interface eth0"
    assert counters == {"ipackets": 1, "badif": 1}
    effects, counters = receive(advert(payload=looped, source="10.0.0.7"))
    assert counters == {"ipackets": 1, "badvhid": 1}


def test_r057_an_echo_of_our_own_advert_is_dropped_and_does_not_touch_the_counter():
    stage = play(running_engine(engine_config())).deadline()
    echo = stage.payloads()[0]
    stage.sent().at(3.5)
    stage.on(advert(payload=echo, is_own_source=True)).expect("1@eth0: drop badif").due(4)
    assert stage.view().rivals == ()
    assert stage.view().counters["badif"] == 1
    stage.on(advert(advskew=50, counter=500)).at(4).deadline()
    assert stage.payloads()[0][8:16] == (501).to_bytes(8, "big")


def test_r057_an_echoed_bow_out_does_not_bring_its_sender_back():
    stage = play(running_engine(engine_config())).master()
    stage.on(StateRequested(key_of("1@eth0"), State.BACKUP))
    (bow_out,) = stage.payloads()
    stage.on(advert(payload=bow_out, is_own_source=True)).expect("1@eth0: drop badif").due(6)


def test_r044_a_bad_digest_changes_nothing_but_counters():
    stage = play(running_engine(engine_config())).at(2)
    stage.on(advert(payload=payload_of(group(passphrase="x"), counter=500))).due(3)
    assert stage.view().rivals == ()
    stage.deadline()
    assert stage.payloads()[0][8:16] != (501).to_bytes(8, "big")


def test_drops_are_counted_with_the_instance_when_it_is_known():
    stage = play(running_engine(engine_config(group(), group("2@eth0", "10.0.0.2/24"))))
    stage.at(1).on(advert(ttl=1), advert(payload=payload_of(group("3@eth0"))))
    assert stage.view("1@eth0").counters["badttl"] == 1
    assert set(stage.view("2@eth0").counters.values()) == {0}
    assert stage.effects[0].instance == key_of("1@eth0")


def test_r043_a_replayed_advert_is_accepted_and_restarts_the_timer():
    stage = play(running_engine(engine_config(group(advskew=100))))
    stage.at(1).on(advert(counter=9)).at(2).on(advert(counter=9)).expect()
    stage.due(5 + 100 / 256)


def test_r185_a_vrrpv2_packet_with_our_vhid_is_dropped():
    vrrp = with_checksum(bytes.fromhex("2101640100010000") + bytes([10, 0, 0, 1]) + bytes(8))
    effects, counters = receive(advert(payload=vrrp))
    assert [it.reason for it in effects] == [DropReason.BADLEN]
    assert counters == {"ipackets": 1, "badlen": 1}
