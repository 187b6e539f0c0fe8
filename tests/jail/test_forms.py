"""Whole calls of jail on a host on paper: what is done and said, in order, and the status."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.jail_runs import FakeRun, Session, read_sessions

RUNS = Path(__file__).parent / "transcripts" / "runs"
ALL = [one for file in sorted(RUNS.glob("*.txt")) for one in read_sessions(file)]


def place_of(session: Session) -> str:
    return f"{session.place} {session.title}"


@pytest.mark.parametrize("session", ALL, ids=place_of)
def test_a_call_does_and_says_what_its_transcript_tells(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in session.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    run = FakeRun()
    found: list[str] = []
    for mark, text in session.script:
        if mark == "%":
            run.prepare(text)
            found.append(f"% {text}")
        elif mark == "$":
            command, *argv = shlex.split(text)
            assert command == "jail"
            status, lines = run.jail(*argv)
            found += [f"$ {text}", *lines, f"= {status}"]
    assert found == [f"{mark} {text}" for mark, text in session.script]


SECRET = "Zq7Xw"
VALUES = {
    "ip4.addr": (
        "em0|10.0.0.1/24 vhid 1 pass Zq7Xw advskew 3",
        "em0|10.0.0.2 vhid 2 pass Zq7Xw",
        "em0|10.0.0.3",
        "10.0.0.4 pass Zq7Xw",
    ),
    "ip6.addr": ("em0|2001:db8::1/64 vhid 1 pass Zq7Xw",),
    "exec.prepare": ("ifconfig em0 vhid 3 pass Zq7Xw", "/sbin/ifconfig em0 vhid 3 pass 'Zq7Xw'"),
    "exec.prestart": (
        "/sbin/ifconfig em0 vhid 1 pass Zq7Xw alias 10.0.0.3/32",
        "ifconfig em0 vhid 1 pass 'Zq7Xw Zq7Xw' up",
        "ifconfig -v em0 vhid 1 pass Zq7Xw",
    ),
    "exec.start": ("ifconfig em0 vhid 1 pass Zq7Xw", "sh -c 'ifconfig em0 pass Zq7Xw'"),
    "exec.poststop": ("echo pass Zq7Xw; true",),
    "meta": ("pass Zq7Xw",),
    "mount": ("/a /srv/a none pass Zq7Xw", "pass Zq7Xw"),
    "path": ("/pass Zq7Xw",),
    "exec.system_user": ("op",),
    "depend": ("pass Zq7Xw",),
}
"""By parameter values with a passphrase in them."""


@given(
    chosen=st.fixed_dictionaries(
        {}, optional={name: st.lists(st.sampled_from(of)) for name, of in VALUES.items()}
    ),
    fail_at=st.none() | st.integers(0, 12),
)
@settings(max_examples=150, deadline=None)
def test_no_passphrase_is_said_or_given_to_a_child_that_needs_none(
    chosen: dict[str, list[str]], fail_at: int | None
) -> None:
    lines = [f"{name} += {','.join(map(quoted, of))};" for name, of in chosen.items() if of]
    run = FakeRun(stdin="www { persist; " + " ".join(lines) + " }")
    run.fake.fail_at = fail_at
    for options in ("-c", "-m", "-mr", "-rc", "-r", "-C"):
        _, said = run.jail("-v", "-f", "-", options, "www")
        shown = "\n".join(line for line in said if not line.startswith(">"))
        assert SECRET not in shown
    for record in run.fake.records.values():
        assert SECRET not in repr(record.aliases)
        assert SECRET not in repr([v for n, v in record.values.items() if n.endswith(".addr")])
    own = {
        value.removeprefix("/sbin/")
        for name in VALUES
        for value in VALUES[name]
        if name.startswith("exec.")
    }
    for command in run.fake.commands_run:
        words = " ".join(command.argv).removeprefix("/bin/sh -c ")
        words = words.replace("/opt/carpio/libexec/carpio/ifconfig", "ifconfig")
        assert SECRET not in words or words in own
        assert SECRET not in repr(replace(command, record=None))
        others = [value for name, value in command.environment.items() if name != "JPATH"]
        assert SECRET not in "".join(others)
        is_plain = words.startswith("ifconfig em0") and command.record is None
        assert not is_plain or command.user is not None


def quoted(value: str) -> str:
    return f'"{value}"'


def test_a_file_gets_a_line_for_each_jail_that_was_made(tmp_path: Path) -> None:
    run = FakeRun(stdin='www { path = "/"; persist; } "d b" { path = "/tmp"; exec.start = x; } ')
    run.fake.refused.add("create www")
    assert run.jail("-f", "-", "-p", "1", "-J", str(tmp_path / "out"), "-c")[0] == 1
    assert (tmp_path / "out").read_text() == 'jid=2\tname="d b"\tpath=/tmp\n'
    run.fake.refused.clear()
    assert run.jail("-J", str(tmp_path / "out"), "-c", "name=x", "persist")[0] == 0
    assert (tmp_path / "out").read_text() == "jid=3\tname=x\tpath=/\n"
