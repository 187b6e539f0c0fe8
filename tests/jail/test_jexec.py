import io
from pathlib import Path

import pytest

from carpio.bsd.main import run as run_command
from carpio.bsd.options import OptionError
from carpio.bsd.world import World
from carpio.jail.jexec import USAGE, parse_call
from carpio.jail.registry import FileRegistry


def test_words_behind_the_jail_are_the_command_whatever_they_are():
    call = parse_call(["-l", "-U", "joe", "www", "ls", "-l", "-u"])
    assert (call.jail, call.argv, call.is_clean) == ("www", ("ls", "-l", "-u"), True)
    assert (call.user, call.is_host_user) == ("joe", False)


def test_all_options_are_read():
    call = parse_call(["-d", "/tmp", "-e", "A=b=c", "-eB=", "-u", "ann", "7"])
    assert call.variables == {"A": "b=c", "B": ""}
    assert (call.directory, call.user, call.is_host_user, call.argv) == ("/tmp", "ann", True, ())


def test_variables_and_words_are_in_no_repr():
    assert "secret" not in repr(parse_call(["-e", "A=secret", "www", "secret"]))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["-l"], ""),
        (["-u", "a", "-U", "b", "www"], ""),
        (["-x", "www"], "illegal option -- x"),
        (["-u"], "option requires an argument -- u"),
        (["-e", "novalue", "www"], "novalue: not name=value"),
        (["-e", "=x", "www"], "=x: not name=value"),
    ],
)
def test_what_is_no_call_is_refused(words: list[str], text: str):
    with pytest.raises(OptionError) as caught:
        parse_call(words)
    assert str(caught.value) == text


def call(state: Path, *words: str) -> tuple[int, str]:
    stderr = io.StringIO()

    def nothing(*_: object) -> None:
        raise AssertionError

    world = World(
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=stderr,
        environ={"CARPIO_JAIL_STATE": str(state)},
        control=state / "socket",
        enter=nothing,
        start_daemon=nothing,
    )
    return run_command("jexec", words, world), stderr.getvalue()


def test_usage_is_told_with_status_1(tmp_path: Path):
    assert call(tmp_path) == (1, f"{USAGE}\n")
    assert call(tmp_path, "-x") == (1, f"jexec: illegal option -- x\n{USAGE}\n")


def test_a_jail_that_does_not_run_is_not_found(tmp_path: Path):
    state = tmp_path / "state"
    assert call(state, "www", "true") == (1, 'jexec: jail "www" not found\n')
    FileRegistry(state, print).reserve("www", None, "/")  # being made
    assert call(state, "www", "true") == (1, 'jexec: jail "www" not found\n')


def test_a_damaged_record_of_another_jail_is_told(tmp_path: Path):
    state = tmp_path / "state"
    FileRegistry(state, print).reserve("www", None, "/")
    (state / "5.json").write_text("{")
    status, said = call(state, "db", "true")
    assert status == 1
    assert said.startswith(f"jexec: {state}/5.json: damaged record")
    assert said.endswith('jexec: jail "db" not found\n')
