"""jail as a whole: transcripts of calls, one at least for every statement about the language."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.helpers.bsd_calls import Caller
from tests.helpers.jail_transcripts import JailTranscript, read_jail_transcripts

from carpio.bsd.main import run
from carpio.bsd.world import World

TRANSCRIPTS = Path(__file__).parent / "transcripts"
ALL = [one for file in sorted(TRANSCRIPTS.glob("*.txt")) for one in read_jail_transcripts(file)]

STATEMENTS = {
    "language": (
        "blocks", "semicolons", "set", "append", "lists", "pieces", "block names",
        "parameter names", "bare words", "reserved", "strangers", "hash", "slashes", "quotes",
        "substitution", "escapes", "dollar", "comments",
    ),
    "variables": (
        "variable names", "one name space", "per jail", "without a value", "several values",
        "chains", "loops", "redefine",
    ),
    "blocks": (
        "wildcards", "outside", "merge order", "nested", "numbers", "include", "include form",
        "include relative", "include patterns", "include depth", "booleans", "empty values",
        "files",
    ),
    "messages": (
        "syntax error", "unterminated", "unexpected EOF", "boolean value", "integer value",
        "absolute path", "vnet and addresses", "modes", "names", "ignored", "refused", "unknown",
        "weak", "twice",
    ),
    "addresses": ("report", "cure", "passphrases", "addresses", "masks", "interfaces"),
    "cmdline": ("usage", "separator", "default file"),
}  # fmt: skip
"""By file: what is said about the language, the messages and the command line."""


def place_of(transcript: JailTranscript) -> str:
    return f"{transcript.place} {transcript.statement}"


@pytest.mark.parametrize("transcript", ALL, ids=place_of)
def test_a_call_says_what_its_transcript_tells(
    transcript: JailTranscript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in transcript.files.items():
        if name != "-":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    call = Caller(tmp_path / "none", tmp_path, stdin=transcript.files.get("-", ""))
    outcome = call("jail", *transcript.argv)
    stdout = outcome.stdout.encode("latin-1").decode()
    assert (outcome.status, stdout, outcome.stderr) == (
        transcript.status,
        transcript.stdout,
        transcript.stderr,
    )


def test_every_statement_has_a_transcript_and_no_transcript_is_about_nothing() -> None:
    shown = {name: [] for name in STATEMENTS}
    for one in ALL:
        shown[one.place.partition(".")[0]].append(one.statement)
    assert {name: tuple(dict.fromkeys(found)) for name, found in shown.items()} == STATEMENTS


def test_every_message_of_the_file_and_of_variables_is_shown() -> None:
    said = "".join(one.stderr for one in ALL)
    for message in (
        "jail.conf line 1: }: syntax error\n",
        "jail.conf line 1: unterminated comment\n",
        "jail.conf line 1: unterminated string\n",
        "jail.conf line 1: unterminated variable\n",
        "jail.conf: unexpected EOF\n",
        "missing.conf: No such file or directory\n",
        "maximum include depth exceeded\n",
        'www: meta.a: variable "x" not found\n',
        "www: a: variable loop\n",
        "www: meta.a: array cannot be substituted inline\n",
        'www: variable "$x" cannot have the same name as a parameter.\n',
        'www: cannot redefine parameter "name".\n',
        'www: persist: unknown boolean value "maybe"\n',
        'www: jid: non-integer value "x"\n',
        "www: path jails/www: not an absolute pathname\n",
        "www: vnet jails cannot have IP address restrictions\n",
    ):
        assert message in said


def test_without_a_file_it_is_that_of_the_system(tmp_path: Path) -> None:
    outcome = Caller(tmp_path / "none", tmp_path)("jail", "-e", " ")
    if not Path("/etc/jail.conf").exists():
        assert outcome.stderr == "jail: /etc/jail.conf: No such file or directory\n"


# -- passphrases -------------------------------------------------------------------------------

SECRET = "Zq7Xw"
TEXTS = (
    'ip4.addr = "em0|10.0.0.1/24 vhid 1 pass SECRET advskew 1";',
    "ip4.addr = 'em0|10.0.0.1 pass SECRET', '10.0.0.1 pass SECRET';",
    'ip6.addr = "x|y pass SECRET";',
    'ip4.addr = "10.0.0.1/24\tpass\tSECRET";',
    "exec.start = \"ifconfig em0 vhid 1 pass 'SECRET SECRET' up\";",
    'exec.start = \'sh -c "ifconfig em0 pass SECRET"\';',
    'exec.start = "ifconfig em0 pass \\\\\nSECRET", "ifconfig em0 pass a\\\\ SECRET";',
    'jid = "1 pass SECRET";',
    'persist = "pass SECRET";',
    'vnet = "pass SECRET";',
    'path = "pass SECRET";',
    'meta.a = "pass "SECRET;',
    'meta.a = "pass" SECRET;',
    'meta.a = "pass "SECRET SECRET;',
    'meta.a = "pass \'SECRET" SECRET "\'";',
    "meta.a = vhid 1 pass SECRET;",
    '"pass SECRET" = x;',
    '"pass SECRET" SECRET SECRET;',
    '.include "pass SECRET";',
    "interface = 'pass SECRET'; exec.consolelog = 'pass SECRET';",
    '"pass SECRET" { persist; }',
    "}", "{", ";", '"', "'", "/*", "$x", "pass", "\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(TEXTS), max_size=6), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_is_printed_has_a_passphrase(texts: list[str], is_within: bool) -> None:
    text = "\n".join(texts).replace("SECRET", SECRET)
    outcome = called(f"www {{ {text} }}" if is_within else f"{text} www {{ persist; }}")
    assert SECRET not in outcome


def called(text: str) -> str:
    """Return all that `jail -e` says about a text."""
    said = io.StringIO()
    world = World(
        stdin=io.StringIO(text),
        stdout=said,
        stderr=said,
        environ={},
        control=Path("none"),
        enter=lambda _name: None,
        start_daemon=lambda: None,
    )
    status = run("jail", ["-f", "-", "-e", "; "], world)
    assert (status == 0) <= ("syntax error" not in said.getvalue())
    return said.getvalue()


def test_only_what_is_needed_is_imported() -> None:
    program = (
        "import sys, carpio.cli.main, carpio.cli.bsd, carpio.bsd.main, carpio.jail.command\n"
        "print(*[m for m in ('argparse', 'carpio.cli.parser', 'carpio.cli.spec', 'carpio.config',"
        " 'carpio.runtime', 'ctypes', 'subprocess', 'json', 'rich', 'pyroute2', 'carpio.core')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
