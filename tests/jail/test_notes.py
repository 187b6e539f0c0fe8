"""What is printed where."""

from __future__ import annotations

import io

import pytest

from carpio.jail.notes import Notes


def said(
    *, is_quiet: bool = False, is_verbose: bool = False, jids: bool = False
) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    notes = Notes(out, err, is_quiet=is_quiet, is_verbose=is_verbose, prints_jids=jids)
    notes.note("www", "note")
    notes.note("", "nameless note")
    notes.created("www", 3)
    notes.created("", 4)
    notes.detail("www", "detail")
    notes.remark("www", "remark")
    notes.remark("", "nameless remark")
    notes.warn("www", "warning")
    notes.output("output\n")
    notes.output("")
    return out.getvalue(), err.getvalue()


REMARKS = "jail: www: remark\njail: nameless remark\n"


def test_usually_notes_are_those_of_named_jails() -> None:
    assert said() == ("www: note\nwww: created\noutput\n", f"{REMARKS}jail: www: warning\n")


def test_quiet_are_only_errors() -> None:
    assert said(is_quiet=True) == ("output\n", REMARKS)


def test_verbose_is_everything() -> None:
    out, _ = said(is_verbose=True)
    assert out == ("www: note\nnameless note\nwww: created\ncreated\nwww: detail\noutput\n")


@pytest.mark.parametrize("is_quiet", [False, True])
def test_jids_are_printed_instead_of_what_was_created(is_quiet: bool) -> None:
    out, _ = said(is_quiet=is_quiet, jids=True)
    assert out == ("3\n4\noutput\n" if is_quiet else "www: note\n3\n4\noutput\n")


def test_a_warning_about_one_thing_comes_once() -> None:
    err = io.StringIO()
    notes = Notes(io.StringIO(), err)
    for label in ("a", "b"):
        notes.warn_once(label, "x", "thing")
    notes.warn_once("c", "y", "other")
    assert err.getvalue() == "jail: a: x\njail: c: y\n"


def test_passphrases_and_control_characters_are_hidden_everywhere() -> None:
    stream = io.StringIO()
    notes = Notes(stream, stream, is_verbose=True)
    for tell in (notes.note, notes.detail, notes.remark, notes.warn):
        tell("www", "vhid 1 pass s3cret\n\x1b[0m")
    assert "s3cret" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 4
