import json
import struct
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from tests.helpers.capture_files import (
    enhanced_packet,
    interface_block,
    pcap,
    section,
    simple_packet,
)
from tests.helpers.captures import CAPTURES, GroupSettings, known_capture

from carpio.errors import CarpioError
from carpio.insight.decode import DecodedFrame, KnownGroup, KnownGroups, Verdict, decode_capture
from carpio.wire.auth import Authenticator, Key
from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import CARP_GROUP_V4_MAC, CARP_GROUP_V6_MAC, Family
from carpio.wire.ethernet import ethernet_header, virtual_mac
from carpio.wire.header import encode_advertisement
from carpio.wire.ipv4 import carp_ipv4_header
from carpio.wire.ipv6 import carp_ipv6_header

MAC = virtual_mac(1)
COUNTER = (123).to_bytes(8, "big")
ADDRESSES = (IPv4Address("10.77.0.1"), IPv6Address("2001:db8::1"))
V4, V6 = Family.IPV4, Family.IPV6


def group(passphrase: str = "secret", vhid: int = 1, addresses=ADDRESSES) -> KnownGroup:
    return KnownGroup(
        authenticator=Authenticator(Key.from_passphrase(passphrase), vhid, addresses),
        families=frozenset(Family(address.version) for address in addresses),
    )


def advert(vhid: int = 1, passphrase: str = "secret") -> bytes:
    digest = group(passphrase, vhid).authenticator.digest(COUNTER)
    return encode_advertisement(vhid, 100, 1, COUNTER, digest)


def packet4(payload: bytes, ttl: int = 255) -> bytes:
    source = IPv4Address("10.77.0.2").packed
    header = carp_ipv4_header(source, dscp=56, payload_length=len(payload))
    header = header[:8] + bytes((ttl,)) + header[9:10] + b"\0\0" + header[12:]
    return header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:] + payload


def packet6(payload: bytes) -> bytes:
    source = IPv6Address("fe80::2").packed
    return carp_ipv6_header(source, dscp=56, payload_length=len(payload)) + payload


def frame4(payload: bytes, ttl: int = 255) -> bytes:
    return ethernet_header(CARP_GROUP_V4_MAC, MAC, 0x0800) + packet4(payload, ttl)


def frame6(payload: bytes) -> bytes:
    return ethernet_header(CARP_GROUP_V6_MAC, MAC, 0x86DD) + packet6(payload)


KNOWN = {1: [group()]}
GOOD = DecodedFrame(
    frame=1,
    time=1.000002,
    family=4,
    source="10.77.0.2",
    ethernet_source="00:00:5e:00:01:01",
    ttl=255,
    vhid=1,
    advbase=1,
    advskew=100,
    counter=123,
    verdict=Verdict.OK,
)


@pytest.fixture
def decode(tmp_path: Path):
    """Return a function that decodes the frames given to it, captured at 1.000002 s."""

    def run(
        *frames: bytes, groups: KnownGroups | None = KNOWN, link_type: int = 1
    ) -> list[DecodedFrame]:
        path = tmp_path / "some.pcap"
        path.write_bytes(pcap(*((1, 2, frame) for frame in frames), link_type=link_type))
        return list(decode_capture(path, groups))

    return run


def verdicts(decoded: Iterable[DecodedFrame]) -> list[str]:
    return [frame.verdict.value for frame in decoded]


def test_a_good_advert_is_ok_with_all_that_it_says(decode):
    assert decode(frame4(advert())) == [GOOD]


def test_an_ipv6_advert_is_ok(decode):
    assert decode(frame6(advert())) == [replace(GOOD, family=6, source="fe80::2")]


def test_the_json_object_is_the_documented_one():
    assert json.dumps(GOOD.as_json()) == (
        '{"frame": 1, "time": 1.000002, "family": 4, "source": "10.77.0.2", '
        '"ethernet_source": "00:00:5e:00:01:01", "ttl": 255, "vhid": 1, "advbase": 1, '
        '"advskew": 100, "counter": 123, "verdict": "ok"}'
    )


def test_frames_are_counted_over_the_whole_file(decode):
    decoded = decode(b"x" * 60, frame4(advert()), b"", frame6(advert()))
    assert [frame.frame for frame in decoded] == [2, 4]


def resummed(payload: bytes) -> bytes:
    blank = payload[:6] + b"\0\0" + payload[8:]
    return blank[:6] + internet_checksum(blank).to_bytes(2, "big") + blank[8:]


VRRP3 = b"\x31" + advert()[1:]


@pytest.mark.parametrize(
    ("frame", "with_groups", "without"),
    [
        (frame4(advert()), "ok", "unverified"),
        (frame4(advert(passphrase="other")), "badauth", "unverified"),
        (frame4(advert(), ttl=254), "badttl", "badttl"),
        (frame4(advert(passphrase="other"), ttl=254), "badttl", "badttl"),
        (frame4(advert(vhid=2)), "badvhid", "unverified"),
        (frame4(advert(vhid=2), ttl=1), "badvhid", "badttl"),
        (frame4(advert(vhid=0)), "badvhid", "badvhid"),
        (frame4(advert()[:-1] + b"\0"), "badsum", "badsum"),
        (frame4(advert(vhid=2)[:-1] + b"\0", ttl=1), "badsum", "badsum"),
        (frame4(advert()[:35]), "badlen", "badlen"),
        (frame4(b"\x41" + advert()[1:]), "badver", "badver"),
        (frame4(b"\x41" + advert()[1:7]), "badlen", "badlen"),
        (frame4(VRRP3), "badver", "badver"),
        (frame4(VRRP3, ttl=1), "badver", "badver"),
        (frame4(b"\x31\x02" + VRRP3[2:]), "badvhid", "badver"),
        (frame4(advert())[:24] + b"\xee\xee" + frame4(advert())[26:], "badsum", "badsum"),
        (frame4(advert())[:24] + b"\0\0" + frame4(advert())[26:], "ok", "unverified"),
        (frame4(advert())[:-1], "badlen", "badlen"),
    ],
    ids=[
        "good",
        "key",
        "ttl",
        "ttl-before-key",
        "vhid",
        "vhid-before-ttl",
        "vhid-0",
        "sum",
        "sum-before-vhid",
        "length",
        "version",
        "length-before-version",
        "vrrp3",
        "version-before-ttl",
        "vrrp3-of-another-vhid",
        "ip-sum",
        "ip-sum-left-to-hardware",
        "cut-by-the-capture",
    ],
)
def test_the_first_failing_check_of_the_specification_gives_the_verdict(
    decode, frame, with_groups, without
):
    assert verdicts(decode(frame)) == [with_groups]
    assert verdicts(decode(frame, groups=None)) == [without]


def test_a_configuration_without_groups_knows_no_vhid(decode):
    assert verdicts(decode(frame4(advert()), groups={})) == ["badvhid"]


def test_r053_a_group_without_addresses_of_the_family_does_not_count(decode):
    only_v6 = {1: [group(addresses=ADDRESSES[1:])]}
    assert verdicts(decode(frame4(advert()), frame6(advert()), groups=only_v6)) == [
        "badvhid",
        "badauth",
    ]


def test_the_same_vhid_on_several_interfaces_is_ok_when_one_fits(decode):
    groups = {1: [group("other"), group()], 2: [group("third", 2)]}
    frames = (frame4(advert()), frame4(advert(2, "third")), frame4(advert(1, "fourth")))
    assert verdicts(decode(*frames, groups=groups)) == ["ok", "ok", "badauth"]


@pytest.mark.parametrize(
    ("length", "fields"),
    [
        (0, (None, None, None, None)),
        (1, (None, None, None, None)),
        (2, (1, None, None, None)),
        (3, (1, 100, None, None)),
        (6, (1, 100, 1, None)),
        (15, (1, 100, 1, None)),
        (16, (1, 100, 1, 123)),
    ],
)
def test_what_a_short_packet_does_not_hold_is_null(decode, length, fields):
    (decoded,) = decode(frame4(advert()[:length]))
    assert (decoded.vhid, decoded.advskew, decoded.advbase, decoded.counter) == fields
    assert decoded.verdict is Verdict.BADLEN


def test_a_later_fragment_shows_no_fields(decode):
    frame = frame4(advert())
    (decoded,) = decode(frame[:20] + b"\x00\x03" + frame[22:])
    assert (decoded.vhid, decoded.verdict) == (None, Verdict.BADLEN)


@pytest.mark.parametrize("tags", ["8100000a", "88a800648100000a"])
def test_tagged_frames_are_included(decode, tags):
    frame = frame4(advert())
    assert decode(frame[:12] + bytes.fromhex(tags) + frame[12:]) == [GOOD]


COOKED = struct.pack("!HHH6s2x", 2, 1, 6, MAC)
COOKED_2 = struct.pack("!HIHBB6s2x", 0, 3, 1, 2, 6, MAC)


@pytest.mark.parametrize(
    ("link_type", "head", "ethernet_source"),
    [
        (0, b"\x02\0\0\0", None),
        (108, b"\0\0\0\x02", None),
        (12, b"", None),
        (14, b"", None),
        (101, b"", None),
        (228, b"", None),
        (113, COOKED + b"\x08\x00", "00:00:5e:00:01:01"),
        (113, COOKED + b"\x81\x00\x00\x0a\x08\x00", "00:00:5e:00:01:01"),
        (113, COOKED[:5] + b"\0" + COOKED[6:] + b"\x08\x00", None),
        (276, b"\x08\x00" + COOKED_2, "00:00:5e:00:01:01"),
    ],
)
def test_other_link_layers_are_read(decode, link_type, head, ethernet_source):
    expected = replace(GOOD, ethernet_source=ethernet_source)
    assert decode(head + packet4(advert()), link_type=link_type) == [expected]


@pytest.mark.parametrize(
    ("link_type", "head"),
    [(0, b"\x1e\0\0\0"), (101, b""), (229, b""), (113, COOKED + b"\x86\xdd")],
)
def test_other_link_layers_carry_ipv6_too(decode, link_type, head):
    (decoded,) = decode(head + packet6(advert()), link_type=link_type)
    assert (decoded.family, decoded.verdict) == (6, Verdict.OK)


def test_an_unreadable_link_type_is_an_error_with_file_and_frame(decode, tmp_path):
    with pytest.raises(CarpioError) as caught:
        decode(b"x", link_type=147)
    assert str(caught.value) == (
        f"{tmp_path / 'some.pcap'}: frame 1 has link type 147, which carpio cannot read"
    )


def test_a_frame_without_time_has_none(tmp_path):
    path = tmp_path / "simple.pcapng"
    path.write_bytes(section() + interface_block() + simple_packet(frame4(advert())))
    assert list(decode_capture(path, KNOWN)) == [replace(GOOD, time=None)]


def test_the_time_is_rounded_to_microseconds(tmp_path):
    path = tmp_path / "fine.pcapng"
    nanoseconds = bytes.fromhex("0900010009000000")
    path.write_bytes(
        section()
        + interface_block(options=nanoseconds)
        + enhanced_packet(1_795_448_395_210_704_499, frame4(advert()))
    )
    assert [frame.time for frame in decode_capture(path)] == [1795448395.210704]


def test_what_was_read_before_damage_is_decoded(tmp_path):
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap((1, 2, frame4(advert())), (1, 2, frame4(advert())))[:-1])
    decoded: list[DecodedFrame] = []
    with pytest.raises(CarpioError, match=r"cut\.pcap: the file ends within a frame"):
        decoded.extend(decode_capture(path, KNOWN))
    assert decoded == [GOOD]


def known_groups(configs: Iterable[GroupSettings]) -> KnownGroups:
    groups: dict[int, list[KnownGroup]] = {}
    for config in configs:
        families = frozenset(Family(address.version) for address in config.addresses)
        known = KnownGroup(authenticator=config.authenticator(), families=families)
        groups.setdefault(config.vhid, []).append(known)
    return groups


@pytest.mark.parametrize("name", [name for name in CAPTURES if "crafted" not in name])
def test_adverts_of_real_kernels_are_ok_exactly_when_a_configuration_fits(name: str):
    capture = known_capture(name)
    decoded = {
        frame.frame: frame for frame in decode_capture(capture.path, known_groups(capture.configs))
    }
    adverts = {facts["frame"]: facts for facts in capture.facts if facts["kind"] == "carp"}
    assert decoded.keys() == adverts.keys()
    for number, facts in adverts.items():
        assert (decoded[number].verdict is Verdict.OK) == bool(facts["hmac_matches_config"])
        assert decoded[number].counter == int(facts["counter"], 16)


NEWER_THAN_THE_KERNELS = {
    f"{count} trailing bytes, in the IP length and in the checksum": ("badsum", "ok")
    for count in (1, 4, 20)
}
"""R-058: FreeBSD 14 and later take the sum over the whole IPv4 payload; both are accepted."""
NOT_FOR_CARP = {
    "ip header checksum wrong": (None, "badsum"),
    "fragment (MF set)": (None, "badlen"),
    "unicast to the parent address, frame to the virtual mac": (None, "ok"),
}
"""What the kernels drop before CARP: a verdict is about the packet, not about who would hear it."""


@pytest.mark.parametrize("name", [name for name in CAPTURES if "crafted" in name])
def test_crafted_adverts_get_the_verdict_of_the_kernel(name: str):
    capture = known_capture(name)
    decoded = {
        capture.frames[frame.frame - 1]: frame.verdict.value
        for frame in decode_capture(capture.path, known_groups(capture.configs))
    }
    different = {} if name.endswith("ipv6") else NEWER_THAN_THE_KERNELS | NOT_FOR_CARP
    for case in capture.cases:
        drops = [counter for counter in case["counters_moved"] if counter[:5] != "ipack"]
        kernel = "ok" if case["accepted"] else next(iter(drops), None)
        expected = different.get(case["case"], (kernel, kernel))
        assert (kernel, decoded[bytes.fromhex(case["frame"])]) == expected, case["case"]
