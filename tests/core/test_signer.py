from tests.helpers.builders import FixedEntropy, group, payload_of

from carpio.core.signer import Signer
from carpio.wire.auth import Authenticator
from carpio.wire.constants import Family
from carpio.wire.header import decode_advertisement

V4 = Family.IPV4


def counters(signer: Signer, number: int) -> list[int]:
    headers = (decode_advertisement(signer.sign(1, 0, V4)) for _ in range(number))
    return [int.from_bytes(header.counter, "big") for header in headers]


def hear(signer: Signer, counter: int) -> bool:
    return signer.accepts(decode_advertisement(payload_of(group(), counter=counter)))


def test_r040_until_somebody_was_heard_counters_are_random():
    signer = Signer(group(), FixedEntropy(77, 3, 2**64 - 1))
    assert counters(signer, 3) == [77, 3, 2**64 - 1]


def test_r041_after_hearing_c_the_next_are_c_plus_1_and_c_plus_2():
    signer = Signer(group(), FixedEntropy(77))
    assert hear(signer, 500)
    assert counters(signer, 2) == [501, 502]


def test_r042_the_counter_wraps():
    signer = Signer(group(), FixedEntropy())
    assert hear(signer, 2**64 - 1)
    assert counters(signer, 2) == [0, 1]


def test_r043_a_smaller_or_repeated_counter_is_accepted():
    signer = Signer(group(), FixedEntropy())
    assert hear(signer, 500)
    assert hear(signer, 500)
    assert hear(signer, 3)
    assert counters(signer, 1) == [4]


def test_r044_a_bad_digest_does_not_touch_the_counter():
    signer = Signer(group(), FixedEntropy(77))
    foreign = group(passphrase="other")
    assert not signer.accepts(decode_advertisement(payload_of(foreign, counter=500)))
    assert counters(signer, 1) == [77]


def test_r184_a_constant_counter_is_accepted_for_ever_and_never_echoed():
    signer = Signer(group(), FixedEntropy())
    for _ in range(5):
        assert hear(signer, 42)
        assert counters(signer, 1) == [43]


def test_r031_r032_new_addresses_and_key_count_from_the_next_packet_on():
    old = group()
    new = group("1@eth0", "10.0.0.1/24", "10.0.0.2/24", passphrase="other")
    signer = Signer(old, FixedEntropy(5))
    signer.configure(new)
    header = decode_advertisement(signer.sign(1, 0, V4))
    addresses = [virtual.address for virtual in new.addresses]
    assert Authenticator(new.key, 1, addresses).verify(header.counter, header.digest)


def test_r043_the_counter_survives_a_change_of_key():
    signer = Signer(group(), FixedEntropy())
    hear(signer, 500)
    signer.configure(group(passphrase="other"))
    assert counters(signer, 1) == [501]


def test_r057_the_last_eight_of_our_own_are_known_again():
    signer = Signer(group(), FixedEntropy())
    sent = [decode_advertisement(signer.sign(1, 0, V4)) for _ in range(9)]
    assert [signer.has_sent(header, V4) for header in sent] == [False] + [True] * 8


def test_a_payload_carries_the_rank_it_was_given():
    header = decode_advertisement(Signer(group("9@eth0"), FixedEntropy()).sign(3, 240, V4))
    assert (header.vhid, header.advbase, header.advskew) == (9, 3, 240)


def test_r057_a_peer_of_another_rank_with_the_same_counter_is_no_echo():
    signer = Signer(group(), FixedEntropy())
    hear(signer, 500)
    signer.sign(1, 240, V4)
    assert not signer.has_sent(decode_advertisement(payload_of(group(), counter=501)), V4)
    demoted = payload_of(group(), counter=501, advskew=240)
    assert signer.has_sent(decode_advertisement(demoted), V4)


def test_r057_an_advert_of_the_other_family_is_not_the_same():
    signer = Signer(group(), FixedEntropy())
    header = decode_advertisement(signer.sign(1, 0, V4))
    assert not signer.has_sent(header, Family.IPV6)
