"""Manual pages and reference say what the code says, and their examples work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from carpio.cli import man, reference, roff
from carpio.cli.spec import COMMANDS
from carpio.config.load import load_config
from carpio.config.schema import NETNS, TOP_LEVEL, VHID
from carpio.control.messages import Demote, Status, parse_reply, parse_request
from carpio.control.network import Configure

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documents_are_what_their_sources_generate() -> None:
    stale = [str(path) for path, text in man.outputs(DOCS).items() if path.read_text() != text]
    assert stale == [], "run `make man`"


def test_writing_the_documents_anew_changes_nothing_else(tmp_path: Path) -> None:
    shutil.copytree(DOCS / "reference", tmp_path / "reference")
    assert man.main([str(tmp_path)]) == 0
    for path in man.outputs(DOCS):
        assert (tmp_path / path.relative_to(DOCS)).read_text() == path.read_text()


def test_a_document_that_lost_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="should have"):
        reference.with_parts("nothing", {"part": "text"})


def test_each_command_and_key_is_in_its_page() -> None:
    commands, keys = man.carpio_8(), man.carpio_toml_5()
    assert all(f'.B "carpio {roff.escaped(command.name)}"' in commands for command in COMMANDS)
    assert all(f'.B "{field.name}"' in keys for field in (*TOP_LEVEL, *VHID, *NETNS))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (".dot", "\\&.dot"),
        ("'tick", "\\&'tick"),
        ("a-b\\c", "a\\-b\\ec"),
        ('"q"', "\\(dqq\\(dq"),
        ("plain", "plain"),
    ],
)
def test_text_stands_for_itself_in_a_page(text: str, shown: str) -> None:
    assert roff.escaped(text) == shown


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("page", ["carpio.8", "carpio.toml.5"])
def test_groff_reads_the_pages_without_complaint(page: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-z", DOCS / "man" / page],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def blocks(document: str, kind: str) -> list[str]:
    text = (DOCS / "reference" / document).read_text()
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_example_of_a_configuration_works(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("secret")
    (tmp_path / "p").chmod(0o600)
    for text in blocks("configuration.md", "toml"):
        path = tmp_path / "c.toml"
        path.write_text(text.replace("/etc/carpio/vhid-1.pass", "p"))
        config = load_config(path, environ={})
        assert [str(a) for a in config.vhids[0].instance.addresses] == [
            "10.10.10.11/24",
            "2001:db8::11/64",
        ]
        assert config.warnings == ()


def test_the_example_of_a_status_is_one_and_complete() -> None:
    (text,) = blocks("control.md", "json status")
    status = msgspec.json.decode(text, type=Status, strict=True)
    assert json.loads(msgspec.json.encode(status)) == json.loads(text)


def test_the_examples_of_messages_are_messages() -> None:
    request, result, error, change = blocks("control.md", "json")
    assert isinstance(parse_request(change.encode())[1], Configure)
    assert parse_request(request.encode()) == (1, Demote("maintenance", 200))
    assert parse_reply(result.encode()).error is None
    refused = parse_reply(error.encode()).error
    assert refused is not None
    assert refused.code == 5
