"""carpio check --host in a namespace made for it: a veth pair and a firewall."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from carpio.cli.exit_status import ExitStatus

pytestmark = pytest.mark.lab

RULES = (
    "table inet filter { chain input { type filter hook input priority 0; iifname %s accept; }; }"
)


@pytest.fixture
def netns() -> Iterator[str]:
    name = f"cfg-{os.getpid()}-a"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        ip(name, "link add v0 type veth peer name v1")
        ip(name, "link set v0 up")
        ip(name, "link set v1 up")
        ip(name, "addr add 10.0.0.2/24 dev v0")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def ip(netns: str, words: str) -> None:
    subprocess.run(["ip", "-n", netns, *words.split()], check=True)


def nft(netns: str, rules: str) -> None:
    command = ["ip", "netns", "exec", netns, "nft", "-f", "-"]
    subprocess.run(command, input=rules, text=True, check=True)


@pytest.fixture
def config(tmp_path: Path, netns: str) -> str:
    path = tmp_path / "c.toml"
    path.write_text(
        f'[[vhid]]\nid = 1\ninterface = "v0"\nnetns = "{netns}"\npassphrase = "x"\n'
        'addresses = ["10.0.0.1/24"]\n'
    )
    path.chmod(0o600)
    return "c.toml"


def test_a_good_namespace_has_nothing_in_the_way(run, config: str) -> None:
    outcome = run("check", "--host", config)
    assert outcome.exit_status is ExitStatus.DONE, outcome.stdout
    assert outcome.stdout.endswith("host: nothing in the way\n")


def test_a_rule_for_the_parent_alone_is_a_warning(run, config: str, netns: str) -> None:
    nft(netns, RULES % '"v0"')
    outcome = run("check", "--host", config)
    assert outcome.exit_status is ExitStatus.WARNINGS
    assert "warning: v0: the rule in inet filter input handle" in outcome.stdout


def test_a_rule_that_knows_the_children_is_none(run, config: str, netns: str) -> None:
    nft(netns, RULES % '{ "v0", "carp*" }')
    assert run("check", "--host", config).exit_status is ExitStatus.DONE


def test_the_address_on_an_interface_of_the_host_is_an_error(run, config: str, netns: str) -> None:
    ip(netns, "addr add 10.0.0.1/24 dev v1")
    outcome = run("check", "--host", config)
    assert outcome.exit_status is ExitStatus.FAILED
    assert "error: 1@v0: 10.0.0.1 is already on v1" in outcome.stdout


def test_another_owner_of_the_protocol_is_named_with_its_process(
    run, config: str, netns: str
) -> None:
    program = (
        "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112);"
        " print(flush=True); sys.stdin.read()"
    )
    command = ["ip", "netns", "exec", netns, "python3", "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        outcome = run("check", "--host", config)
        other.communicate()
    assert outcome.exit_status is ExitStatus.WARNINGS
    assert f"(process {other.pid}): speaks protocol 112 here too" in outcome.stdout
