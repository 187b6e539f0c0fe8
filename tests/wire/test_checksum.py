import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.wire.checksum import internet_checksum


def reference(data: bytes) -> int:
    """RFC 1071, 4.1, word by word."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def test_the_example_of_rfc_1071_has_its_sum():
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0xFFFF), (bytes(36), 0xFFFF), (b"\xff\xff" * 18, 0), (b"\x01", 0xFEFF)],
    ids=["empty", "zeros", "all-ones", "odd"],
)
def test_corner_cases_have_their_sum(data: bytes, expected: int):
    assert internet_checksum(data) == expected


@given(st.binary(max_size=200))
def test_the_sum_is_that_of_adding_word_by_word(data: bytes):
    assert internet_checksum(data) == reference(data)


@given(st.binary(min_size=2, max_size=100).filter(lambda data: len(data) % 2 == 0))
def test_data_that_carries_its_sum_checks_to_zero(data: bytes):
    assert internet_checksum(data + internet_checksum(data).to_bytes(2, "big")) == 0
