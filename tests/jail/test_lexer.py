"""Words and marks with their lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from tests.helpers.jail_conf import TEXTS

from carpio.jail.lexer import Kind, Lexer, Token, Variable
from carpio.jail.problems import JailFileError


def tokens(text: str) -> list[Token]:
    lexer, found = Lexer(text, "f"), []
    while (token := lexer.next_token()).kind is not Kind.END:
        found.append(token)
    return found


def values(text: str) -> list[object]:
    return [token.value or token.kind for token in tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", [("a",), ("b",)]),
        ("a\"b\"'c'", [("abc",)]),
        ('""', [("",)]),
        ('"$x"', [(Variable("x"),)]),
        ("'$x'", [("$x",)]),
        ('a"$x"b', [("a", Variable("x"), "b")]),
        ("$x$y", [(Variable("x"), Variable("y"))]),
        ("$1", [("$1",)]),
        ("${a b}", [(Variable("a b"),)]),
        (r"${a\}b}", [(Variable("a}b"),)]),
        ("a+=b", [("a",), Kind.APPEND, ("b",)]),
        ("a+b", [("a+b",)]),
        ("a+ =", [("a+",), Kind.SET]),
        ("{},;", [Kind.OPEN, Kind.CLOSE, Kind.COMMA, Kind.SEMICOLON]),
        ("\\", [("\\",)]),
        (r"\{\;", [("{;",)]),
        ("\\\na", [("a",)]),
        (r"\xg\x4g\x414", [("xg\x04gA4",)]),
        ("a#b\nc", [("a",), ("c",)]),
        ("a//b\nc", [("a",), ("c",)]),
        ("a/*b\n*/c", [("a",), ("c",)]),
        ("/*/ a */b", [("b",)]),
        ("a/b", [("a/b",)]),
        ("\x01", [Kind.STRAY]),
    ],
)
def test_a_text_becomes_words_and_marks(text: str, expected: list[object]) -> None:
    assert values(text) == expected


def test_lines_are_those_where_a_token_begins() -> None:
    found = tokens("a\n'b\nc' d /*\n*/ e\\\nf \"\n$x\" ;")
    assert [token.line for token in found] == [1, 2, 3, 4, 5, 6]


def test_a_message_shows_the_first_piece_on_one_line() -> None:
    assert [token.shown for token in tokens("'a\nb'\"c\" d'e' \x01")] == ["'a", "d", "\\x01"]
    assert len(tokens("a" * 500)[0].shown) == 60


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\n'a\n", "f line 2: unterminated string"),
        ('\n"a\n\\"', "f line 2: unterminated string"),
        ("a/* b *", "f line 1: unterminated comment"),
        ("\n${a\n}", "f line 2: unterminated variable"),
        ('"${a"}', "f line 1: unterminated variable"),
        ('"\\377"', "f line 1: a word that is not text in UTF-8"),
        ("'\udc80'", "f line 1: a word that is not text in UTF-8"),
        ("${\\0}", "f line 1: a word with NUL in it"),
    ],
)
def test_what_has_no_end_or_is_no_text_is_told(text: str, problem: str) -> None:
    with pytest.raises(JailFileError) as caught:
        tokens(text)
    assert str(caught.value) == problem


def test_bytes_that_escapes_make_are_read_together() -> None:
    assert values(r'"\xc3"\244') == [("ä",)]


def test_a_comment_glued_to_a_word_is_told_and_others_are_not() -> None:
    lexer = Lexer("a //b\n/c//d\n'e'/* */ #", "f")
    while lexer.next_token().kind is not Kind.END:
        pass
    assert [warning.line for warning in lexer.warnings] == [2, 3]


@given(TEXTS)
def test_reading_always_goes_on(text: str) -> None:
    lexer = Lexer(text, "f")
    try:
        for _ in range(len(text) + 1):
            if lexer.next_token().kind is Kind.END:
                break
        assert lexer.next_token().kind is Kind.END
    except JailFileError:
        pass
