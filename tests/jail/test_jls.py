"""jls as a whole: transcripts of calls, and lines that `jail -c` takes again."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.jls import (
    JlsTranscript,
    PaperRegistry,
    judged_words,
    read_jls_transcripts,
    record_of,
)

from carpio.bsd.world import World
from carpio.errors import CarpioError
from carpio.jail.jls import list_jails, run
from carpio.jail.jls_values import is_shown, value_of
from carpio.jail.makers import myself
from carpio.jail.parameters import PARAMETERS, Fate, Kind, Parameter
from carpio.jail.ports import Record
from carpio.jail.registry import FileRegistry

TRANSCRIPTS = Path(__file__).parent / "transcripts" / "jls"
ALL = [one for file in sorted(TRANSCRIPTS.glob("*.txt")) for one in read_jls_transcripts(file)]

SPECIAL = {
    "ip4.addr": "192.0.2.7", "ip6.addr": "2001:db8::7", "name": "www", "jid": "7", "path": "/x",
    "ip4.saddrsel": "false", "ip6.saddrsel": "false", "allow.set_hostname": "false",
    "allow.reserved_ports": "false", "allow.suser": "false",
}  # fmt: skip
VALUES = {Kind.BOOLEAN: "true", Kind.STRING: "/x", Kind.MODE: "inherit"}
ALWAYS_SO = ("ip4", "ip6", "vnet")
"""With a list of addresses: `new`, whatever is said, and never an own network."""
RICH = [
    "jid=1", "name=www", "path=/jails/www", "host.hostname=w", "ip4.addr=em0|192.0.2.1/24 vhid 1",
    "ip6=inherit", "persist", "allow.mount.tmpfs", "meta.a=b c", "mount.nodevfs",
]  # fmt: skip


def world_of(out: io.StringIO, err: io.StringIO, **environ: str) -> World:
    return World(
        stdin=io.StringIO(),
        stdout=out,
        stderr=err,
        environ=environ,
        control=Path("/nowhere"),
        enter=lambda _: None,
        start_daemon=lambda: None,
    )


def called(records: list[Record], *argv: str) -> tuple[int, str, str]:
    """Call jls; return its exit status, output and remarks."""
    out, err = io.StringIO(), io.StringIO()
    world = world_of(out, err)
    try:
        status = list_jails(argv, world, PaperRegistry(records))
    except CarpioError as error:  # as carpio.bsd.main does
        world.remark(f"jls: {error}")
        status = 1
    return status, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("transcript", ALL, ids=lambda one: f"{one.place} {one.title}")
def test_a_call_says_what_its_transcript_tells(transcript: JlsTranscript) -> None:
    expected = (transcript.status, transcript.stdout, transcript.stderr)
    assert called(transcript.records, *transcript.argv) == expected


def test_records_are_read_from_the_directory_of_jails(tmp_path: Path) -> None:
    state = tmp_path / "jails"
    registry = FileRegistry(state, lambda _: None)
    registry.put(replace(record_of(["jid=1", "name=www"]), holder=myself()))
    registry.put(record_of(["jid=2", "name=gone"]))  # its process never was
    (state / "3.json").write_text("{")
    out, err = io.StringIO(), io.StringIO()
    world = world_of(out, err, CARPIO_JAIL_STATE=str(state))
    assert run(["name", "dying"], world) == 0
    assert out.getvalue() == "www false\n"
    assert err.getvalue().startswith(f"jls: {state}/3.json: damaged")
    assert run(["-d", "name", "dying"], world) == 0
    assert out.getvalue() == "www false\nwww false\ngone true\n"


def test_no_passphrase_of_a_vhid_is_printed() -> None:
    records = [record_of(["jid=1", "ip4.addr=em0|192.0.2.1/24 vhid 1 pass secret"])]
    for words in ([], ["-v"], ["-n"], ["-s"], ["-h"], ["--libxo", "json", "-n"], ["ip4.addr"]):
        status, stdout, _ = called(records, *words)
        assert status == 0
        assert "secret" not in stdout
    assert "192.0.2.1" in called(records, "-s")[1]


# -- lines for jail -c -------------------------------------------------------------------------


def settable_line(record: Record) -> str:
    status, stdout, stderr = called([record], "-s")
    assert (status, stderr) == (0, "")
    return stdout


@pytest.mark.parametrize(
    "words",
    [RICH, ["jid=2", "vnet", "host=inherit"], ["jid=3", "ip4=new"], ["jid=4", "securelevel=0"]],
)
def test_a_settable_line_makes_the_same_jail_again(words: list[str]) -> None:
    line = settable_line(record_of(words))
    again = judged_words(shlex.split(line))
    assert again.problems == ()
    assert settable_line(record_of(shlex.split(line))) == line


KEPT = [p for p in PARAMETERS if p.fate is Fate.READ and is_shown(p.name.replace("*", "x"))]


@pytest.mark.parametrize("each", KEPT, ids=lambda each: each.name)
def test_each_parameter_of_a_jail_survives_the_line(each: Parameter) -> None:
    name = each.name.replace("*", "x")
    value = SPECIAL.get(name) or VALUES[each.kind]
    words = dict.fromkeys(["jid=1", "ip4.addr=192.0.2.1", "ip6.addr=2001:db8::1", "host"])
    record = record_of([*(w for w in words if not w.startswith(f"{name}=")), f"{name}={value}"])
    again = record_of(shlex.split(settable_line(record)))
    assert value_of(again, name) == value_of(record, name)
    without = record_of(["jid=2", *list(words)[1:]])
    assert value_of(without, name) != value_of(record, name) or name in ALWAYS_SO


def test_what_the_tool_works_with_is_not_the_jails() -> None:
    known = {p.name for p in PARAMETERS if p.fate is Fate.READ}
    hidden = known - {p.name for p in KEPT}
    assert all(
        name.startswith(("exec.", "mount"))
        or name in ("command", "depend", "interface", "ip_hostname", "stop.timeout")
        or name == "vnet.interface"
        for name in hidden
    )
    assert {"exec.start", "mount.devfs", "depend"} <= hidden


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@given(text=TEXT)
def test_any_text_survives_the_line(text: str) -> None:
    record = record_of(["jid=1", f"meta.x={text}", f"host.hostname={text}"])
    line = settable_line(record)
    again = record_of(shlex.split(line))
    assert again.values["meta.x"] == text
    assert again.values["host.hostname"] == text


@pytest.mark.parametrize(
    "text",
    ["it's", 'say "x"', "$HOME", "it's `id`", "a\\b", "'\\\"$x", "a;b", "*", "a\nb", "~", "#"],
)
def test_a_shell_reads_the_line_as_it_is_meant(text: str) -> None:
    line = settable_line(record_of(["jid=1", f"meta.x={text}"]))
    script = f'for word in {line.strip()}; do printf "%s\\0" "$word"; done'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert record_of(done.stdout.split("\0")[:-1]).values["meta.x"] == text


# -- for programs ------------------------------------------------------------------------------


@given(text=TEXT)
def test_any_text_is_json(text: str) -> None:
    record = record_of(["jid=1", f"host.hostname={text}"])
    _, stdout, _ = called([record], "--libxo", "json")
    (jail,) = json.loads(stdout)["jail-information"]["jail"]
    assert jail["hostname"] == text
    _, pretty, _ = called([record], "--libxo", "json,pretty")
    assert json.loads(pretty) == json.loads(stdout)


@given(text=TEXT)
def test_any_text_makes_well_formed_xml(text: str) -> None:
    record = record_of(["jid=1", f"host.hostname={text}", f"meta.x={text}"])
    _, stdout, _ = called([record], "--libxo", "xml", "-n")
    root = ElementTree.fromstring(stdout)
    assert root.findtext("jail/jid") == "1"
