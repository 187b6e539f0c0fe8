"""How to print what may hold the passphrase of a vhid: the word after `pass` becomes `***`.

A word is what a shell would take for one, which is never less than what ifconfig gets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["HIDDEN", "masked", "masked_words", "mentions_passphrase"]

HIDDEN: Final = "***"

_WORD: Final = re.compile(
    r"""(?:"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|'[^']*(?:'|\Z)|\\.|\\\Z|[^\s"'\\])+""", re.DOTALL
)
_BEFORE: Final = re.compile(r"""(?<!\w)pass["']?(?:\s|\\\n)+""")
_KEYWORD: Final = re.compile(r"(?<!\w)pass(?!\w)")


def masked(text: str) -> str:
    """Return a value, a command or a message without the passphrases in it."""
    if "pass" not in text:
        return text
    parts: list[str] = []
    shown = 0
    """Up to where the text is in the parts, or hidden."""
    for before in _BEFORE.finditer(text):
        word = _WORD.match(text, before.end())
        if word is None or shown == len(text):
            continue
        if word.start() >= shown:
            parts += [text[shown : word.start()], HIDDEN]
        shown = max(shown, word.end())
    return "".join([*parts, text[shown:]])


def masked_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command without the passphrases among them."""
    is_secret = [False, *(word == "pass" for word in words)]
    return [HIDDEN if hide else masked(word) for hide, word in zip(is_secret, words, strict=False)]


def mentions_passphrase(text: str) -> bool:
    """Return whether a passphrase may be in this text or behind it."""
    return _KEYWORD.search(text) is not None
