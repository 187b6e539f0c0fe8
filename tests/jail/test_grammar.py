"""Texts give blocks or errors with their places, whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from tests.helpers.jail_conf import TEXTS, PaperFiles, bare, conf_text, config_of

from carpio.jail.grammar import Config, read_config
from carpio.jail.judge import judge
from carpio.jail.lexer import Variable
from carpio.jail.problems import JailFileError, Problem
from carpio.jail.resolve import resolve, warnings_of

COMMON = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(TEXTS)
@COMMON
@example('a "b" { } $x; ${y z} += "$x", c;')
@example("a { $x = 1; b { c; } } d; a { e; } f;")
def test_what_is_read_and_written_is_read_again(text: str) -> None:
    try:
        config = config_of(text, g="$x = 1;")
    except JailFileError:
        return
    again = config_of(conf_text(config))
    assert bare(again) == bare(config)
    assert resolve(again) == resolve(config)


@given(TEXTS, TEXTS)
@COMMON
def test_any_text_gives_jails_or_an_error_with_its_place(text: str, other: str) -> None:
    config = read_or_none(text, other)
    for jail in resolve(config) if config else ():
        assert bool(jail.settings) != bool(jail.problems)
        judge(jail)
    if config:
        list(warnings_of(config))


def read_or_none(text: str, other: str) -> Config | None:
    """Return what a text says, or check that its mistakes have places."""
    found: tuple[Problem, ...] = ()
    try:
        return config_of(text, g=other)
    except JailFileError as error:
        found = error.problems
    assert found
    assert all(one.text.startswith(one.file) or "line" in one.text for one in found)
    assert all(one.line or "No such file" in one.text for one in found)
    return None


def problems_of(text: str, **others: str) -> list[str]:
    with pytest.raises(JailFileError) as caught:
        config_of(text, **others)
    return [problem.text for problem in caught.value.problems]


def test_includes_may_be_32_deep_and_not_more() -> None:
    files = {f"i{n}": f'.include "i{n + 1}";' for n in range(1, 32)}
    chain = {**files, "i32": "www { persist; }"}
    assert config_of('.include "i1";', **chain).blocks[0].name == "www"
    deeper = {**files, "i32": '.include "i33";', "i33": ""}
    assert problems_of('.include "i1";', **deeper) == ["i32 line 1: maximum include depth exceeded"]


def test_few_files_cannot_include_each_other_for_ever() -> None:
    files = {f"i{n}": f'.include "i{n + 1}", "i{n + 1}";' for n in range(1, 31)}
    (problem,) = problems_of('.include "i1";', **files, i31="")
    assert problem.endswith("more than 1000 files included")


def test_blocks_may_be_32_deep_and_not_more() -> None:
    assert len(config_of("a { " * 32 + "}" * 32).blocks) == 32
    assert problems_of("a { " * 33 + "}" * 33) == ["f line 1: maximum block depth exceeded"]
    assert problems_of("a {" * 100_000) == ["f line 1: maximum block depth exceeded"]


def test_not_more_mistakes_are_told_than_anybody_reads() -> None:
    assert len(problems_of("a b c;\n" * 1000)) == 100


def test_mistakes_of_all_files_come_in_the_order_of_reading() -> None:
    found = problems_of('a b c;\n.include "g", "h";\nd e f;', g="x { y z }", h="'")
    assert found == [
        "f line 1: c: syntax error",
        "g line 1: }: syntax error",
        "h line 1: unterminated string",
    ]


def test_places_count_over_all_files() -> None:
    config = config_of('a { x; .include "g"; y; } z;', g="b { $p = 1; }")
    outer, inner, outside = config.blocks
    assert (outer.name, inner.name, outside.name) == ("a", "a.b", "*")
    assert [s.name for s in outer.statements] == ["x", "y"]
    assert outer.statements[0].order < inner.order < outer.statements[1].order < outside.order
    assert (inner.file, inner.statements[0].is_variable) == ("g", True)
    assert outside.is_hidden


def test_a_name_may_come_from_braces() -> None:
    (block,) = config_of("a { ${x y} = ${z.z}b; }").blocks
    assert block.statements[0].name == "x y"
    assert block.statements[0].values == ((Variable("z.z"), "b"),)


def test_a_file_beside_another_is_found_by_its_directory() -> None:
    files = PaperFiles({"d/f": '.include "g*";', "d/g2": "b { }", "d/g1": "a { }", "g3": "c { }"})
    assert [block.name for block in read_config("d/f", files).blocks] == ["a", "b"]
    files = PaperFiles({"d/f": '.include "/g";', "/g": "b { }"})
    assert [block.name for block in read_config("d/f", files).blocks] == ["b"]
