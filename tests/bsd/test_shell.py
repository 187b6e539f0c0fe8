"""Lines of sh(1) without a shell."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carpio.bsd.shell import statements, words_of


def read(text: str) -> list[tuple[int, list[str] | str]]:
    return [(statement.line, words_of(statement)) for statement in statements(text)]


def words(text: str) -> list[str] | str:
    (statement,) = statements(text)
    return words_of(statement)


def test_comments_begin_with_a_word_and_not_within_one():
    assert read("# all\na b # rest\na#b c\n'#d' \\#e\n") == [
        (2, ["a", "b"]),
        (3, ["a#b", "c"]),
        (4, ["#d", "#e"]),
    ]


def test_quotes_and_escapes():
    assert words(r"""a'b c'"d e"\ f '' "" """) == ["ab cd e f", "", ""]
    assert words(r""""a\"b\\c\$d\e" '\x' """) == ['a"b\\c$d\\e', "\\x"]


def test_continued_lines_count_as_one():
    assert read("a \\\n b\\\nc\nd") == [(1, ["a", "bc"]), (4, ["d"])]
    assert read('a "b\\\nc\nd" e\nf') == [(1, ["a", "bc\nd", "e"]), (4, ["f"])]
    assert read("'a\nb'\nc") == [(1, ["a\nb"]), (3, ["c"])]


def test_lines_may_end_as_elsewhere():
    assert read("a b\r\nc\r\n") == [(1, ["a", "b"]), (2, ["c"])]


@pytest.mark.parametrize("text", ["a $b", "a ${b}", 'a "$b"', "a `b`", 'a "x`b`"', "a pa$$word"])
def test_what_a_shell_would_replace_is_told(text: str):
    assert "only a shell can replace" in str(words(text))


@pytest.mark.parametrize("text", ["a; b", "a && b", "a | b", "(a)", "a > b", "a & "])
def test_what_a_shell_would_do_is_told(text: str):
    assert "which only a shell reads" in str(words(text))


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a 'b\nc", 'a "b\\"'])
def test_an_open_quote_is_told(text: str):
    assert words(text) == "a quote is not closed"


def test_quoted_signs_are_signs():
    assert words("a '$b;`c`' \\$d \\;") == ["a", "$b;`c`", "$d", ";"]


@given(st.lists(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]))))
def test_what_is_quoted_comes_back(texts: list[str]):
    line = " ".join(shlex.quote(text) for text in texts)
    assert [word for _, found in read(line) for word in found] == texts


@given(st.text(st.sampled_from("ab #'\"\\\n$;=")))
def test_any_text_has_words_or_problems(text: str):
    numbers = [line for line, _ in read(text)]
    assert numbers == sorted(set(numbers))
