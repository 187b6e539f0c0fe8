"""Numbers are read as atoi(3) does, and it is known when that was not all."""

import pytest

from carpio.bsd.numbers import leading_number


@pytest.mark.parametrize(
    ("text", "number", "is_plain"),
    [
        ("0", 0, True),
        ("100", 100, True),
        ("-1", -1, True),
        ("+7", 7, True),
        ("007", 7, True),
        (" 7", 7, True),
        ("7 ", 7, False),
        ("1o0", 1, False),
        ("0x10", 0, False),
        ("x", 0, False),
        ("", 0, False),
        ("-", 0, False),
        ("٣", 0, False),
        ("7\n", 7, False),
    ],
)
def test_the_digits_at_the_beginning_count(text: str, number: int, is_plain: bool):
    assert leading_number(text) == (number, is_plain)


def test_a_number_that_is_too_long_stays_out_of_every_range():
    number, _ = leading_number("1" * 5000)
    assert number > 2**40
    assert leading_number("0" * 5000 + "5") == (5, True)
