"""Withdrawing addresses of a jail that ended; that it does is shown in the lab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from carpio.jail.ports import MadeAlias
from carpio.jail.registry import FileRegistry
from carpio.jail.withdraw import withdraw

ALIAS = MadeAlias(interface="em0", family="inet", address="10.0.0.1", down=("ifconfig",))


def test_where_nothing_is_known_nothing_is_done(tmp_path: Path) -> None:
    withdraw(tmp_path / "jails", 1)
    assert not (tmp_path / "jails").exists()


@pytest.mark.parametrize(
    ("aliases", "control"), [((), "/none"), ((ALIAS,), "")], ids=["no address", "no daemon"]
)
def test_what_cannot_be_withdrawn_stays_as_it_is(
    tmp_path: Path, aliases: tuple[MadeAlias, ...], control: str
) -> None:
    registry = FileRegistry(tmp_path / "jails", lambda _: None)
    with registry.locked():
        record = registry.reserve("www", None, "/")
        record = replace(record, aliases=aliases, control=control, maker=None)
        registry.put(record)
    withdraw(tmp_path / "jails", record.jid)
    assert registry.find("www") == record
