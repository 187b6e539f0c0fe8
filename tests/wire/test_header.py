import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.errors import DecodeError
from carpio.wire.checksum import internet_checksum
from carpio.wire.constants import DropReason, Family
from carpio.wire.header import CarpHeader, decode_advertisement, encode_advertisement

COUNTER = bytes(range(1, 9))
DIGEST = bytes(range(100, 120))
GOOD = encode_advertisement(7, 100, 2, COUNTER, DIGEST)
EITHER = st.sampled_from(Family)


def resummed(payload: bytes) -> bytes:
    """Repair the checksum over all of `payload`."""
    blank = payload[:6] + b"\0\0" + payload[8:]
    return blank[:6] + internet_checksum(blank).to_bytes(2, "big") + blank[8:]


def refusal(payload: bytes, family: Family = Family.IPV4) -> tuple[DropReason, str]:
    with pytest.raises(DecodeError) as caught:
        decode_advertisement(payload, family)
    return caught.value.reason, str(caught.value)


def test_r001_an_advert_is_36_bytes_that_begin_with_0x21():
    assert (len(GOOD), GOOD[0]) == (36, 0x21)


def test_r002_r004_each_field_is_at_its_place():
    assert GOOD[1:6] == bytes((7, 100, 7, 0, 2))
    assert (GOOD[8:16], GOOD[16:]) == (COUNTER, DIGEST)


def test_r003_the_words_of_an_advert_add_up_to_ffff():
    assert internet_checksum(GOOD) == 0


@given(
    vhid=st.integers(0, 255),
    advskew=st.integers(0, 255),
    advbase=st.integers(0, 255),
    demote=st.integers(0, 255),
    counter=st.binary(min_size=8, max_size=8),
    digest=st.binary(min_size=20, max_size=20),
    family=EITHER,
)
def test_what_was_encoded_decodes_to_the_same(
    vhid, advskew, advbase, demote, counter, digest, family
):
    payload = encode_advertisement(vhid, advskew, advbase, counter, digest, demote)
    assert decode_advertisement(payload, family) == CarpHeader(
        vhid=vhid,
        advskew=advskew,
        advbase=advbase,
        counter=counter,
        digest=digest,
        demote=demote,
    )


def decoded(payload: bytes, family: Family) -> CarpHeader | DropReason:
    try:
        return decode_advertisement(payload, family)
    except DecodeError as error:
        return error.reason


@given(st.binary(max_size=80), EITHER)
def test_any_bytes_decode_or_give_a_drop_reason(payload: bytes, family: Family):
    result = decoded(payload, family)
    refusals = (DropReason.BADLEN, DropReason.BADVER, DropReason.BADSUM)
    assert isinstance(result, CarpHeader) or result in refusals


@given(st.binary(min_size=35, max_size=80), EITHER)
def test_bytes_that_begin_like_an_advert_are_judged_by_their_sum(rest: bytes, family: Family):
    result = decoded(b"\x21" + rest, family)
    assert result is DropReason.BADSUM or (
        isinstance(result, CarpHeader) and result.vhid == rest[0]
    )


@pytest.mark.parametrize("length", [0, 1, 7])
def test_less_than_8_bytes_are_badlen_whatever_they_are(length: int):
    text = f"received len {length} < sizeof(struct vrrpv3_header)"
    assert refusal(b"\x41" * length) == (DropReason.BADLEN, text)


@pytest.mark.parametrize("version", [0, 1, 4, 15])
@pytest.mark.parametrize("length", [8, 36])
def test_r051_another_version_is_badver_before_length_and_sum_are_looked_at(version, length):
    payload = bytes((version << 4 | 1,)) + GOOD[1:length]
    assert refusal(payload) == (DropReason.BADVER, f"unsupported version {version}")


@pytest.mark.parametrize("length", [8, 20, 35])
def test_r051_less_than_36_bytes_are_badlen_before_the_sum_is_looked_at(length: int):
    text = f"received len {length} < 36"
    assert refusal(resummed(GOOD[:length])) == (DropReason.BADLEN, text)


def test_a_vrrp2_advert_with_our_vhid_is_badlen():
    vrrp2 = bytes.fromhex("210764010001ba520a00000100000000 00000000")
    assert refusal(vrrp2)[0] is DropReason.BADLEN


@given(st.integers(8, 36 * 8 - 1), EITHER)
def test_any_changed_bit_behind_the_version_is_badsum(bit: int, family: Family):
    changed = bytearray(GOOD)
    changed[bit // 8] ^= 0x80 >> bit % 8
    assert refusal(bytes(changed), family) == (DropReason.BADSUM, "checksum failed")


@pytest.mark.parametrize("tail", [b"\x5a", b"\x5a" * 4, b"\x5a" * 20])
class TestR058Trailers:
    def test_ipv4_accepts_a_sum_over_the_whole_payload(self, tail: bytes):
        assert decode_advertisement(resummed(GOOD + tail)).digest == DIGEST

    def test_ipv6_refuses_a_sum_over_the_whole_payload(self, tail: bytes):
        assert refusal(resummed(GOOD + tail), Family.IPV6)[0] is DropReason.BADSUM

    @pytest.mark.parametrize("family", Family)
    def test_a_sum_over_the_first_36_bytes_is_accepted(self, tail: bytes, family: Family):
        assert decode_advertisement(GOOD + tail, family) == decode_advertisement(GOOD)

    @pytest.mark.parametrize("family", Family)
    def test_a_sum_over_neither_is_badsum(self, tail: bytes, family: Family):
        payload = GOOD[:10] + b"\xee" + GOOD[11:] + tail
        assert refusal(payload, family)[0] is DropReason.BADSUM


def test_r054_type_and_authlen_are_told_but_not_judged():
    header = decode_advertisement(resummed(b"\x2f" + GOOD[1:3] + b"\x05" + GOOD[4:]))
    assert (header.type, header.authlen) == (15, 5)


@pytest.mark.parametrize("length", [8, 12, 36])
def test_a_vrrp3_packet_passes_for_the_caller_to_say_whose_it_is(length: int):
    header = decode_advertisement(b"\x31" + GOOD[1:length])
    assert (header.version, header.type, header.vhid) == (3, 1, 7)
    assert (header.counter, header.digest) == (b"", b"")
