"""What is remembered of the network of a jail; real ones are in tests/lab/test_jail_network.py."""

from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.jail.netns import JailNetwork


def test_a_name_that_was_not_written_to_its_end_is_none(tmp_path: Path):
    network = JailNetwork(tmp_path)
    assert network.name is None
    (tmp_path / "network").write_text("")
    assert network.name is None
    network.remove()


def test_a_jail_without_a_network_gets_no_interface(tmp_path: Path):
    with pytest.raises(PlatformError, match="no network of its own"):
        JailNetwork(tmp_path).give("eth0")


def test_an_interface_that_was_not_given_is_not_taken(tmp_path: Path):
    (tmp_path / "network").write_text("jail-x")
    (tmp_path / "interfaces.json").write_text('{"eth1": 7')  # not written to its end
    JailNetwork(tmp_path).take("eth0")
