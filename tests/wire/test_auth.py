import hashlib
import hmac
import json
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.captures import VECTORS

from carpio.wire.auth import Authenticator, Key
from carpio.wire.header import decode_advertisement, encode_advertisement

CASES = json.loads((VECTORS / "carp_hmac.json").read_text())["cases"]
SECRET = Key.from_passphrase("secret")
COUNTER = bytes(range(8))


def key_of_case(case) -> Key:
    raw = bytes.fromhex(case["passphrase_hex"])
    if case["key_from"] == "ifconfig":
        return Key.from_passphrase(raw.decode())
    return Key.from_bytes(raw)


def authenticator_of_case(case) -> Authenticator:
    return Authenticator(
        key_of_case(case),
        case["vhid"],
        [ip_address(address) for address in (*case["ipv4"], *case["ipv6"])],
        omit_scoped=case["variant"] == "nov6ll",
        lladdr=bytes.fromhex(case["lladdr"].replace(":", "")) if case["lladdr"] else None,
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
class TestVectorsR020:
    def test_the_key_is_the_one_of_the_bsd(self, case):
        assert key_of_case(case).raw.hex() == case["key_hex"]

    def test_what_we_sign_is_what_the_bsd_signs_bit_for_bit(self, case):
        counter = bytes.fromhex(case["counter_hex"])
        digest = authenticator_of_case(case).digest(counter)
        payload = encode_advertisement(
            case["vhid"], case["advskew"], case["advbase"], counter, digest, case["demote"]
        )
        assert (digest.hex(), payload.hex()) == (case["digest_hex"], case["payload_hex"])

    def test_what_the_bsd_signs_we_decode_and_accept(self, case):
        header = decode_advertisement(bytes.fromhex(case["payload_hex"]))
        fields = (header.vhid, header.advskew, header.advbase, header.demote)
        assert fields == (case["vhid"], case["advskew"], case["advbase"], case["demote"])
        assert (header.version, header.type, header.authlen) == (2, 1, 7)
        assert int.from_bytes(header.counter, "big") == case["counter"]
        assert authenticator_of_case(case).verify(header.counter, header.digest)


def test_the_worked_example_of_the_specification_holds():
    example = Authenticator(Key.from_passphrase("foobar"), 1, [IPv4Address("10.0.0.1")])
    assert example.digest(bytes(7) + b"\1").hex() == "8a58f0eaf385e8782beadd6889b85e4130918307"


@given(
    st.binary(max_size=20),
    st.integers(1, 255),
    st.lists(st.ip_addresses(v=4), unique=True),
    st.binary(min_size=8, max_size=8),
)
def test_the_digest_is_a_plain_hmac_sha1_over_the_message(raw, vhid, addresses, counter):
    hashed = sorted(a.packed for a in addresses if int(a) not in (0, 0xFFFFFFFF))
    message = bytes((2, 1, vhid)) + b"".join(hashed) + counter
    expected = hmac.new(raw.ljust(20, b"\0"), message, hashlib.sha1).digest()
    assert Authenticator(Key.from_bytes(raw), vhid, addresses).digest(counter) == expected


@given(st.data())
def test_r021_order_and_repetition_of_addresses_do_not_matter(data):
    addresses = data.draw(st.lists(st.ip_addresses(), min_size=1, max_size=6))
    shuffled = data.draw(st.permutations(addresses + addresses[:2]))
    assert Authenticator(SECRET, 1, addresses).digest(COUNTER) == Authenticator(
        SECRET, 1, shuffled
    ).digest(COUNTER)


@pytest.mark.parametrize(
    "sentinel", ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
)
def test_search_sentinels_are_never_hashed(sentinel: str):
    plain = [IPv4Address("10.0.0.1"), IPv6Address("2001:db8::1")]
    with_sentinel = [ip_address(sentinel), *plain]
    assert Authenticator(SECRET, 1, with_sentinel).digest(COUNTER) == Authenticator(
        SECRET, 1, plain
    ).digest(COUNTER)


@pytest.mark.parametrize(
    ("embedded", "clean"),
    [
        ("fe80:5::1", "fe80::1"),
        ("febf:5::1", "febf::1"),
        ("ff02:5::99", "ff02::99"),
        ("ff31:5::99", "ff31::99"),
        ("fe80::1%7", "fe80::1"),
    ],
)
def test_r023_the_interface_index_does_not_matter(embedded: str, clean: str):
    assert Authenticator(SECRET, 1, [IPv6Address(embedded)]).digest(COUNTER) == Authenticator(
        SECRET, 1, [IPv6Address(clean)]
    ).digest(COUNTER)


@pytest.mark.parametrize("address", ["fec0:5::1", "ff05:5::1", "2001:5::1", "fd80:5::1"])
def test_addresses_without_a_scope_slot_are_hashed_whole(address: str):
    cleared = IPv6Address(IPv6Address(address).packed[:2] + bytes(2) + bytes(11) + b"\1")
    assert Authenticator(SECRET, 1, [IPv6Address(address)]).digest(COUNTER) != Authenticator(
        SECRET, 1, [cleared]
    ).digest(COUNTER)


def test_r031_adding_an_address_changes_the_digest():
    one, two = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
    assert Authenticator(SECRET, 1, [one]).digest(COUNTER) != Authenticator(
        SECRET, 1, [one, two]
    ).digest(COUNTER)


@given(st.integers(0, 28 * 8 - 1))
def test_r029_any_changed_bit_of_counter_or_digest_is_refused(bit: int):
    authenticator = Authenticator(SECRET, 1, [IPv4Address("10.0.0.1")])
    signed = COUNTER + authenticator.digest(COUNTER)
    changed = (int.from_bytes(signed, "big") ^ 1 << bit).to_bytes(28, "big")
    assert not authenticator.verify(changed[:8], changed[8:])


def test_r029_another_vhid_or_key_is_refused():
    digest = Authenticator(SECRET, 1, []).digest(COUNTER)
    assert Authenticator(SECRET, 1, []).verify(COUNTER, digest)
    assert not Authenticator(SECRET, 2, []).verify(COUNTER, digest)
    assert not Authenticator(Key.from_passphrase("secreT"), 1, []).verify(COUNTER, digest)


@given(st.binary(max_size=40))
def test_a_digest_of_any_length_is_refused_without_a_fuss(digest: bytes):
    assert not Authenticator(SECRET, 1, []).verify(COUNTER, digest)


def test_digests_do_not_influence_each_other():
    authenticator = Authenticator(SECRET, 1, [])
    first = authenticator.digest(COUNTER)
    authenticator.digest(bytes(8))
    assert authenticator.digest(COUNTER) == first


class TestKey:
    def test_r025_passphrases_that_agree_in_19_bytes_are_one_key(self):
        assert Key.from_passphrase("x" * 19 + "a") == Key.from_passphrase("x" * 19 + "bcd")
        assert Key.from_passphrase("x" * 18 + "a") != Key.from_passphrase("x" * 18 + "b")

    def test_a_passphrase_counts_in_utf8_bytes(self):
        assert Key.from_passphrase("ü" * 10).raw == ("ü" * 10).encode()[:19] + b"\0"

    def test_a_passphrase_ends_at_the_first_nul(self):
        assert Key.from_passphrase("ab\0cd") == Key.from_passphrase("ab")

    def test_r026_twenty_raw_bytes_all_count(self):
        assert Key.from_bytes(bytes(range(20))).raw == bytes(range(20))

    def test_r026_more_than_twenty_raw_bytes_are_refused(self):
        with pytest.raises(ValueError, match="at most 20 bytes, not 21"):
            Key.from_bytes(bytes(21))

    def test_r027_an_empty_passphrase_is_twenty_zero_bytes(self):
        assert Key.from_passphrase("").raw == bytes(20)

    def test_a_key_of_another_length_cannot_be_made(self):
        with pytest.raises(ValueError, match="20 bytes, not 3"):
            Key(b"abc")

    @pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r}".format])
    def test_a_key_never_shows_itself(self, show):
        assert show(Key.from_passphrase("hunter2")) == "Key(********)"

    def test_equal_keys_are_interchangeable_in_sets(self):
        assert len({Key.from_passphrase("a"), Key.from_bytes(b"a")}) == 1
