"""carpio check: the verdict and every exit status of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from carpio.cli.exit_status import ExitStatus

GROUP = (
    '[[vhid]]\nid = 1\ninterface = "no-such-if"\npassphrase = "x"\naddresses = ["10.0.0.1/24"]\n'
)


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str, mode: int = 0o600) -> str:
        path = tmp_path / "c.toml"
        path.write_text(text)
        path.chmod(mode)
        return "c.toml"

    return write


def test_a_valid_file_whose_interface_need_not_exist(run, file) -> None:
    outcome = run("check", file(GROUP))
    assert outcome.exit_status is ExitStatus.DONE
    assert outcome.stdout.endswith("c.toml: valid, 1 group with 1 address\n")
    assert outcome.stderr == ""


def test_an_empty_file_is_valid(run, file) -> None:
    assert run("check", file("")).exit_status is ExitStatus.DONE


def test_a_file_with_warnings(run, file, tmp_path: Path) -> None:
    outcome = run("check", file(GROUP, mode=0o644))
    assert outcome.exit_status is ExitStatus.WARNINGS
    assert outcome.stderr.startswith(f"warning: {tmp_path}/c.toml:4: passphrase: ")
    assert outcome.stdout.endswith("1 group with 1 address, 1 warning\n")


def test_all_problems_of_an_invalid_file(run, file, tmp_path: Path) -> None:
    outcome = run("check", file("a = 1\nallow = 1\n"))
    assert outcome.exit_status is ExitStatus.INVALID
    lines = outcome.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{tmp_path}/c.toml:1", "a"],
        [f"{tmp_path}/c.toml:2", "allow"],
    ]
    assert outcome.stdout.endswith("c.toml: not valid, 2 problems\n")


def test_a_file_that_is_not_there_is_invalid(run) -> None:
    assert run("check", "none.toml").exit_status is ExitStatus.INVALID


def test_a_credential_cannot_be_checked_outside_of_its_service(run, file) -> None:
    text = '[[vhid]]\nid = 1\ninterface = "e"\npassphrase_credential = "c"\n'
    outcome = run("check", file(text))
    assert outcome.exit_status is ExitStatus.WARNINGS
    assert outcome.stderr.endswith("not checked\n")


def test_with_host_a_missing_interface_is_a_finding(run, file) -> None:
    outcome = run("check", "--host", file(GROUP))
    assert outcome.exit_status is ExitStatus.FAILED
    assert "error: no-such-if: there is no such interface; see" in outcome.stdout


def test_with_host_a_namespace_that_is_missing_is_a_finding_and_is_not_made(run, file) -> None:
    outcome = run("check", "--host", file(GROUP + 'netns = "cfg-no-such"\n'))
    assert outcome.exit_status is ExitStatus.FAILED
    assert "error: netns cfg-no-such: cannot be examined" in outcome.stdout
    assert not Path("/run/netns/cfg-no-such").exists()


def test_with_host_an_invalid_file_is_judged_before_the_host(run, file) -> None:
    assert run("check", "--host", file("a = 1\n")).exit_status is ExitStatus.INVALID
