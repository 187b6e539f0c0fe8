"""Each frame that real kernels sent or were sent, against what is known about it."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address

import pytest
from tests.helpers.captures import CAPTURES, known_capture

from carpio.errors import DecodeError
from carpio.wire.constants import DropReason
from carpio.wire.ethernet import ETHERTYPE_OFFSET, format_mac
from carpio.wire.header import CarpHeader, decode_advertisement
from carpio.wire.packet import Datagram, dissect_typed

FRAMES_WITH_ADVERTS = 2765
"""Of all captures together, by their descriptions."""


def frames(name: str) -> Iterator[tuple[Datagram | None, Mapping]]:
    """Yield what we see in each frame beside what is known about it."""
    capture = known_capture(name)
    for frame, facts in zip(capture.frames, capture.facts, strict=True):
        packet = dissect_typed(frame, ETHERTYPE_OFFSET, frame[6:12])
        yield packet if isinstance(packet, Datagram) else None, facts


def adverts(name: str) -> Iterator[tuple[Datagram, Mapping]]:
    return ((datagram, facts) for datagram, facts in frames(name) if datagram is not None)


def fault(facts: Mapping) -> DropReason | None:
    """Return what is wrong with the payload, by the description; `csum_ok` is over all of it."""
    is_ipv4 = "tos" in facts
    if facts["kind"] == "vrrp3":
        return None
    if facts["version"] != 2:
        return DropReason.BADVER
    if facts["carp_len"] < 36:
        return DropReason.BADLEN
    if facts["carp_len"] > 36:  # one of the two sums of R-058 is right in each of these
        return None if is_ipv4 else DropReason.BADSUM
    return None if facts["csum_ok"] else DropReason.BADSUM


def outcome(datagram: Datagram) -> CarpHeader | DropReason:
    try:
        return decode_advertisement(datagram.payload, datagram.family)
    except DecodeError as error:
        return error.reason


def test_no_capture_and_no_advert_is_missing():
    assert len(CAPTURES) == 45
    assert sum(1 for name in CAPTURES for _ in adverts(name)) == FRAMES_WITH_ADVERTS


@pytest.mark.parametrize("name", CAPTURES)
def test_each_frame_is_seen_for_what_it_is(name: str):
    for datagram, facts in frames(name):
        assert (datagram is not None) == (facts["kind"] in ("carp", "vrrp3"))


@pytest.mark.parametrize("name", CAPTURES)
def test_the_headers_around_each_advert_are_read(name: str):
    for datagram, facts in adverts(name):
        assert datagram.ttl == facts["ttl"]
        assert datagram.source_address == ip_address(facts["ip_src"])
        assert ip_address(datagram.destination) == ip_address(facts["ip_dst"])
        assert format_mac(datagram.ethernet_source) == facts["src"]


@pytest.mark.parametrize("name", CAPTURES)
def test_each_payload_decodes_to_the_known_fields_or_its_fault(name: str):
    for datagram, facts in adverts(name):
        header = outcome(datagram)
        if isinstance(header, DropReason):
            assert header is fault(facts)
        elif facts["kind"] == "vrrp3":
            assert header.version == 3
        else:
            assert fault(facts) is None
            names = ("version", "type", "vhid", "advskew", "authlen", "advbase")
            assert [getattr(header, field) for field in names] == [facts[n] for n in names]
            assert header.demote == facts["pad1"]
            assert (header.counter.hex(), header.digest.hex()) == (facts["counter"], facts["md"])


@pytest.mark.parametrize("name", CAPTURES)
def test_each_digest_fits_exactly_the_settings_that_made_it(name: str):
    authenticators = [config.authenticator() for config in known_capture(name).configs]
    for datagram, facts in adverts(name):
        header = outcome(datagram)
        if isinstance(header, CarpHeader) and header.version == 2:
            matching = [
                index
                for index, authenticator in enumerate(authenticators)
                if authenticator.verify(header.counter, header.digest)
            ]
            assert matching == facts["hmac_matches_config"]
