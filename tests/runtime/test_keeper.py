"""What one daemon wrote down the next one uses; trouble with the file is said and stops nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.builders import group
from tests.helpers.netns import Netns

from carpio.config.model import DaemonConfig, NamespaceSettings, VhidConfig
from carpio.errors import PlatformError
from carpio.runtime.keeper import Keeper, Running
from carpio.runtime.namespace import Namespace

FILES = DaemonConfig()
SECRET = "geheimnis"


def with_groups(*netns: str | None) -> DaemonConfig:
    return DaemonConfig(
        vhids=tuple(
            VhidConfig(
                instance=group(f"{number}@eth0", f"10.0.0.{number}/24", passphrase=SECRET),
                netns=name,
                name=f"group {number}",
            )
            for number, name in enumerate(netns, start=1)
        )
    )


def running(config: DaemonConfig, **demotions: int) -> Running:
    shares = {None: demotions} if demotions else {}
    return Running(files=FILES, config=config, demotions=shares)


def keeper(directory: Path, own: str | None = None) -> Keeper:
    return Keeper(directory, own, own)


def test_next_daemon_has_what_the_last_one_had(tmp_path: Path) -> None:
    config = replace(with_groups(None), preempt=True)
    before = running(config, maintenance=50)
    keeper(tmp_path).keep(before, [])
    after, nameless = keeper(tmp_path).recall(FILES)
    assert (after, nameless) == (before, ())


def test_without_a_difference_there_is_no_file(tmp_path: Path) -> None:
    one = keeper(tmp_path)
    one.keep(running(FILES), [])
    assert list(tmp_path.iterdir()) == []
    one.keep(running(with_groups(None)), [])
    assert one.path.stat().st_mode & 0o777 == 0o600
    one.keep(running(FILES), [])
    assert list(tmp_path.iterdir()) == []
    assert keeper(tmp_path).recall(FILES)[0] == running(FILES)


def test_what_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    one = keeper(tmp_path)
    one.keep(running(with_groups(None)), [])
    one.path.unlink()
    one.keep(running(with_groups(None)), [])
    assert not one.path.exists()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged since it was asked last."""
    caplog.set_level(logging.INFO, "carpio")

    def take() -> list[str]:
        lines = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return lines

    return take


def test_what_cannot_be_written_is_told_once_and_tried_again(
    tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    directory = tmp_path / "run"
    directory.write_text("in the way")
    one = keeper(directory)
    for _ in range(3):
        one.keep(running(with_groups(None)), [])
    (line,) = told()
    assert "works, and will be as before when the daemon is restarted: writing" in line
    assert SECRET not in line
    directory.unlink()
    one.keep(running(with_groups(None)), [])
    assert told() == ["carpio: what was configured at run time is recorded again"]
    assert keeper(directory).recall(FILES)[0] == running(with_groups(None))


def test_name_that_cannot_be_written_stops_nothing(
    tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    one = keeper(tmp_path)
    one.keep(running(with_groups("\udcff")), [])
    assert len(told()) == 1
    assert not one.path.exists()


@pytest.mark.parametrize("damage", [b"", b"\xff", b"[" * 100_000, b'{"version": 9}'])
def test_damaged_file_is_told_and_the_files_count(
    tmp_path: Path, told: Callable[[], list[str]], damage: bytes
) -> None:
    one = keeper(tmp_path)
    one.path.write_bytes(damage)
    assert one.recall(FILES) == (running(FILES), ())
    (line,) = told()
    assert line.startswith(f"carpio: {one.path}: it ")
    assert line.endswith("is lost: only the configuration files count")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_file_of_another_user_is_not_believed(
    tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    one = keeper(tmp_path)
    one.keep(running(with_groups(None)), [])
    os.chown(one.path, 65534, 65534)
    assert one.recall(FILES) == (running(FILES), ())
    assert "Operation not permitted" in told()[0]


def test_what_changed_files_say_is_told(tmp_path: Path, told: Callable[[], list[str]]) -> None:
    keeper(tmp_path).keep(running(replace(with_groups(None), dscp=8)), [])
    after, _ = keeper(tmp_path).recall(replace(FILES, dscp=40))
    assert after.config == replace(with_groups(None), dscp=40)
    assert told() == [
        "carpio: what was configured at run time is given up: dscp: the configuration files "
        "changed, and say what it is",
        "carpio: configured at run time before, and in use again: 1 groups, 0 settings",
    ]


def test_namespace_that_is_missing_ends_it(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="nobody-made"):
        Keeper(tmp_path, "nobody-made", None)


# -- other namespaces ----------------------------------------------------------------------------


@pytest.mark.lab
def test_namespace_counts_as_long_as_it_is_the_same(
    tmp_path: Path, make_netns: Callable[[], Netns], told: Callable[[], list[str]]
) -> None:
    there = make_netns()
    config = replace(
        with_groups(None, there.name), namespaces=((there.name, NamespaceSettings(dscp=1)),)
    )
    one = keeper(tmp_path)
    one.keep(running(config), [there.namespace])
    assert keeper(tmp_path).recall(FILES)[0].config == config
    there.remove()
    told()
    assert keeper(tmp_path).recall(FILES)[0].config == with_groups(None)
    assert f"opening network namespace {there.name}" in told()[0]
    again = Netns(there.name)
    try:
        assert keeper(tmp_path).recall(FILES)[0].config == with_groups(None)
        assert f"{there.name} is another one now" in told()[0]
    finally:
        again.remove()


@pytest.mark.lab
def test_namespace_that_is_not_served_yet_is_not_forgotten(tmp_path: Path, netns: Netns) -> None:
    keeper(tmp_path).keep(running(with_groups(netns.name)), [netns.namespace])
    second = keeper(tmp_path)
    second.keep(second.recall(FILES)[0], [])
    assert keeper(tmp_path).recall(FILES)[0].config == with_groups(netns.name)


@pytest.mark.lab
def test_daemon_may_be_told_its_namespace_by_name_or_run_there(
    tmp_path: Path, netns: Netns
) -> None:
    keeper(tmp_path, netns.name).keep(running(with_groups(netns.name)), [netns.namespace])
    inside = netns.namespace.call(lambda: Keeper(tmp_path, None, None))
    assert inside.recall(FILES)[0].config == with_groups(None)


@pytest.mark.lab
def test_namespace_without_a_name_is_handed_over_open(tmp_path: Path, netns: Netns) -> None:
    with open(f"/proc/{netns.process.pid}/ns/net") as opened:
        namespace = Namespace.of_descriptor(opened.fileno())
    namespace.forget_name()
    config = with_groups(namespace.name)
    keeper(tmp_path).keep(running(config), [namespace])
    again, (found,) = keeper(tmp_path).recall(FILES)
    assert again.config == config
    assert (found.name, found.has_name) == (namespace.name, False)
    assert found.identity == namespace.identity
    found.close()
    namespace.close()
