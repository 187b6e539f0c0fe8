"""People see what changes, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from carpio.config.diff import has_secret, shown_changes

FILE = Path("/etc/carpio/carpio.toml")
GROUP = '[[vhid]]\nid = 1\ninterface = "eth0"\npassphrase = "s3cret"  # of the web\n'


def shown(before: str, after: str) -> str:
    """Return the lines that a diff shows, without its heading."""
    text = shown_changes(FILE, before, after)
    assert "s3cret" not in text
    assert "n3w" not in text
    lines = text.splitlines(keepends=True)
    assert lines[:2] == [f"--- {FILE}\n", f"+++ {FILE}\n"]
    return "".join(lines[3:])


def test_what_does_not_change_is_not_shown() -> None:
    assert shown_changes(FILE, GROUP, GROUP) == ""


def test_a_change_is_shown_with_what_is_around_it() -> None:
    same = ' interface = "eth0"\n passphrase = "********"  # of the web\n'
    assert shown(GROUP.replace("id = 1", "id = 1  # one"), GROUP) == (
        f" [[vhid]]\n-id = 1  # one\n+id = 1\n{same}"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"s3cret"', '"n3w"'),
        ("'s3cret'", "'n3w'"),
        ('"""\ns3cret\ns3cret"""', '"n3w"'),
        ("'''s3cret\n\n# s3cret'''", "'n3w'"),
        ('"s3\\u0063ret s3cret"', '"n3w"'),
    ],
)
def test_that_a_secret_changes_is_shown_but_neither_of_them(before: str, after: str) -> None:
    old, new = GROUP.replace('"s3cret"', before), GROUP.replace('"s3cret"', after)
    assert shown(old, new).endswith(
        '-passphrase = "********"  # of the web\n+passphrase = "******** (new)"  # of the web\n'
    )


def test_a_secret_in_hexadecimal_is_not_shown() -> None:
    text = '[[vhid]]\nid = 1\ninterface = "e"\npassphrase_hex = "n3w"\n'
    assert '\n+passphrase_hex = "********"\n' in shown("", f"# x\n{text}")


@pytest.mark.parametrize("key", ['"passphrase"', "'passphrase'", '"pass\\u0070hrase"'])
def test_a_secret_is_not_shown_however_its_key_is_written(key: str) -> None:
    text = f'[[vhid]]\nid = 1\ninterface = "e"\n{key} = "s3cret"\n'
    assert '= "********"' in shown("", text)


@pytest.mark.parametrize(
    "comment",
    [
        '# passphrase = "s3cret"',
        "#passphrase='s3cret'",
        '  # passphrase_hex = "s3cret" # since May',
        "# passphrase = s3cret",
        "log = 1 # passphrase = s3cret",
        "# ifconfig eth0 vhid 1 advskew 100 pass s3cret 10.0.0.1/24 alias",
    ],
)
def test_a_secret_that_was_commented_out_is_not_shown(comment: str) -> None:
    assert "********" in shown(f"{comment}\n", f"{comment}\ndscp = 1\n")


def test_a_comment_that_speaks_of_secrets_is_shown() -> None:
    text = "# The passphrase is in the safe, pass the door of vhid.\n"
    assert text in shown(text, f"{text}dscp = 1\n")


def test_the_file_with_a_passphrase_is_shown() -> None:
    text = '[[vhid]]\nid = 1\ninterface = "e"\npassphrase_file = "vhid-1.pass"\n'
    assert "vhid-1.pass" in shown("", text)


def test_a_last_line_without_its_end_is_marked() -> None:
    assert shown("log = 1", "log = 2\n") == ("-log = 1\n\\ No newline at end of file\n+log = 2\n")


def test_what_could_show_a_secret_is_not_shown_at_all() -> None:
    text = 'vhid = [{id = 1, interface = "e", passphrase = "s3cret"}]\n'
    assert shown_changes(FILE, text, f"log = 2\n{text}") == (
        f"{FILE} changes; how is not shown, for that could show secrets\n"
    )


@pytest.mark.parametrize(
    ("line", "has"),
    [
        ('passphrase = ""', True),
        ('passphrase_hex = "00"', True),
        ('passphrase_file = "p"', False),
        ('# passphrase = "x"\npassphrase_credential = "p"', False),
    ],
)
def test_a_file_has_a_secret_when_it_is_written_there(line: str, has: bool) -> None:
    assert has_secret(f"[[vhid]]\nid = 1\n{line}\n") is has
    assert not has_secret("")
