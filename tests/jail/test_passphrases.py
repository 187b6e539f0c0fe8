"""The word after `pass` is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.jail.passphrases import masked, masked_words, mentions_passphrase


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("vhid 1 pass x advskew 1", "vhid 1 pass *** advskew 1"),
        ("pass x", "pass ***"),
        ("pass\t x\n", "pass\t ***\n"),
        ("pass 'a b' c", "pass *** c"),
        ('pass "a \\" b"c d', "pass *** d"),
        ("pass a\\ b c", "pass *** c"),
        ("pass \\\n x", "pass \\\n ***"),
        ("pass 'a b", "pass ***"),
        ('pass "a b', "pass ***"),
        ("pass pass x", "pass *** ***"),
        ("'pass' x", "'pass' ***"),
        ("pass x; ifconfig em0 pass y", "pass *** ifconfig em0 pass ***"),
        ("bypass x passes y pass", "bypass x passes y pass"),
        ("pass ", "pass "),
    ],
)
def test_the_word_behind_pass_is_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(st.text(alphabet="pas '\"\\\n\tx", max_size=40))
def test_no_text_around_it_shows_a_passphrase(text: str) -> None:
    shown = masked(text + " pass SECRET")
    assert "SECRET" not in shown
    assert "SECRET" not in masked(f"pass SECRET {text}")


def test_words_of_a_call_are_masked_one_by_one() -> None:
    words = ["ifconfig", "em0", "vhid", "1", "pass", "a b", "pass", "c", "sh -c 'pass d'"]
    assert masked_words(words) == [*words[:5], "***", "pass", "***", "sh -c 'pass ***"]
    assert masked_words(["pass"]) == ["pass"]
    assert masked_words([]) == []


def test_a_mention_is_a_word_of_its_own() -> None:
    assert mentions_passphrase("vhid 1 pass")
    assert mentions_passphrase('"pass\tx"')
    assert not mentions_passphrase("bypass passes pass_x")
