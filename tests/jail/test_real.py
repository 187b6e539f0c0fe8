"""The real host of jails, as far as it is made without root."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from carpio.bsd.world import World
from carpio.errors import PlatformError
from carpio.jail.makers import myself
from carpio.jail.real import resolved, this_host


def world(tmp_path: Path, links: Path | PlatformError | None) -> World:
    def give() -> Path | None:
        if isinstance(links, PlatformError):
            raise links
        return links

    return World(
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        environ={"CARPIO_JAIL_STATE": str(tmp_path / "jails"), "X": "y"},
        control=tmp_path / "none",
        enter=lambda _name: None,
        start_daemon=lambda: None,
        links=give,
    )


def test_a_host_without_jails_has_none_and_makes_nothing(tmp_path: Path) -> None:
    host = this_host(world(tmp_path, Path("/links")))
    assert list(host.registry.records()) == []
    assert host.me == myself()
    assert host.is_running(host.me)
    assert (host.links, host.environ["X"]) == ("/links", "y")
    assert not (tmp_path / "jails").exists()


def test_our_commands_may_be_missing(tmp_path: Path) -> None:
    assert this_host(world(tmp_path, None)).links is None
    broken = world(tmp_path, PlatformError("making links", remedy="call it as root"))
    assert this_host(broken).links is None
    assert isinstance(broken.stderr, io.StringIO)
    assert broken.stderr.getvalue() == "jail: making links; call it as root\n"


def test_addresses_are_looked_up() -> None:
    assert ("inet", "127.0.0.1") in resolved("127.0.0.1")
    assert resolved("::1") == [("inet6", "::1")]


@pytest.mark.parametrize("name", ["", "not a name", "x" * 300])
def test_what_is_no_name_has_no_address(name: str) -> None:
    with pytest.raises(OSError, match=r"."):
        resolved(name)
