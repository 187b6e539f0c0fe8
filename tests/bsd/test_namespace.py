"""Going into a namespace by its name."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.netns import names

from carpio.bsd.namespace import enter_namespace, knows_namespace
from carpio.errors import PlatformError

CARPIO = Path(sys.executable).with_name("carpio")


@pytest.mark.parametrize("name", ["", ".", "..", "../net", "a/b", "none"])
def test_a_name_that_is_none_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").touch()
    with pytest.raises(PlatformError, match=rf'^jail "{name}" not found$'):
        enter_namespace(name, tmp_path)


def test_what_is_no_namespace_is_refused_by_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError) as caught:
        enter_namespace("file", tmp_path)
    assert caught.value.errno in (errno.EINVAL, errno.EPERM)


@pytest.fixture
def namespace() -> Iterator[str]:
    need("ip")
    name = next(names())
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


def run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.lab
def test_settings_of_linux_are_those_of_the_namespace_that_was_entered(namespace: str) -> None:
    before = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    inside = ("ip", "netns", "exec", namespace, "cat", "/proc/sys/net/ipv4/ip_forward")
    old = run(*inside).strip()
    new = "0" if old == "1" else "1"
    told = run(str(CARPIO), "sysctl", "-j", namespace, f"net.inet.ip.forwarding={new}")
    assert told == f"net.inet.ip.forwarding: {old} -> {new}\n"
    assert run(*inside).strip() == new
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == before


def test_it_is_known_which_names_are_those_of_ip_netns(tmp_path) -> None:
    (tmp_path / "web").touch()
    assert knows_namespace("web", tmp_path)
    for name in ("www", "", ".", "..", "../web", "a/b"):
        assert not knows_namespace(name, tmp_path)
