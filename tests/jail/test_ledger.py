"""The record of a jail under work, and how often an address is used."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.helpers.fake_jails import FakeJails

from carpio.jail.addresses import parse_addresses
from carpio.jail.host import Host
from carpio.jail.ledger import Ledger, made_alias
from carpio.jail.ports import MadeAlias


def alias(value: str, interface: str | None = None) -> MadeAlias:
    family = "inet6" if value.count(":") > 1 else "inet"
    return made_alias(parse_addresses([value], family, None)[0][0], interface)


ONE, OTHER, SIX = alias("em0|10.0.0.1/24"), alias("em0|10.0.0.2"), alias("em0|2001:DB8::1")


def ledger_of(host: Host, name: str) -> Ledger:
    with host.registry.locked():
        return Ledger(host.registry, host.registry.reserve(name, None, "/"))


def test_an_alias_keeps_how_it_is_removed_and_no_passphrase() -> None:
    made = alias("em0|10.0.0.1/24 vhid 1 pass s3cret")
    assert made.down == ("ifconfig", "em0", "inet", "10.0.0.1/24", "-alias")
    moved = alias("em0|10.0.0.1/24 vhid 1 pass s3cret", "em1")
    assert (moved.interface, moved.down[1]) == ("em1", "em1")
    assert SIX.address == "2001:db8::1"


def test_an_alias_is_recorded_while_it_is_made_and_not_when_that_fails() -> None:
    fake = FakeJails()
    ledger = ledger_of(fake.host(), "www")
    seen = []

    def call(is_good: bool) -> bool:
        seen.append(fake.records[1].aliases)
        return is_good

    assert ledger.add_alias(ONE, lambda: call(True))
    assert not ledger.add_alias(OTHER, lambda: call(False))
    assert seen == [(ONE,), (ONE, OTHER)]
    assert fake.records[1].aliases == (ONE,) == ledger.record.aliases


def test_aliases_are_in_order_ipv4_first_each_in_its_place() -> None:
    ledger = ledger_of(FakeJails().host(), "www")
    for one in (SIX, ONE, OTHER, ONE):
        ledger.expect_alias(one)
    assert ledger.record.aliases == (ONE, OTHER, SIX)
    moved = replace(ONE, interface="em1")
    ledger.expect_alias(moved, instead_of=ONE)
    assert ledger.record.aliases == (moved, OTHER, SIX)
    ledger.forget_alias(OTHER)
    assert ledger.record.aliases == (moved, SIX)


def test_an_alias_is_removed_by_the_last_jail_that_uses_it() -> None:
    fake = FakeJails()
    host = fake.host()
    first, second = ledger_of(host, "a"), ledger_of(host, "b")
    first.expect_alias(ONE)
    second.expect_alias(ONE)
    calls: list[MadeAlias] = []

    def call(one: MadeAlias) -> bool:
        calls.append(one)
        return True

    assert first.drop_alias(ONE, call)
    assert calls == []
    assert second.drop_alias(ONE, call)
    assert calls == [ONE]
    assert not any(record.aliases for record in fake.records.values())


def test_the_same_address_elsewhere_is_another_alias() -> None:
    host = FakeJails().host()
    first, second = ledger_of(host, "a"), ledger_of(host, "b")
    first.expect_alias(ONE)
    second.expect_alias(replace(ONE, interface="em1"))
    assert first.drop_alias(ONE, lambda _: True)
    assert first.record.aliases == ()


def test_an_alias_that_stays_stays_recorded() -> None:
    ledger = ledger_of(FakeJails().host(), "a")
    ledger.expect_alias(ONE)
    assert not ledger.drop_alias(ONE, lambda _: False)
    assert ledger.record.aliases == (ONE,)


def test_nobody_else_writes_while_an_alias_is_made_or_removed() -> None:
    host = FakeJails().host()
    ledger = ledger_of(host, "a")

    def call(*_: object) -> bool:
        with pytest.raises(AssertionError, match="twice"), host.registry.locked():
            pass  # pragma: no cover - the lock is taken
        return True

    host.registry._lock_timeout_s = 0.01  # type: ignore[attr-defined]
    assert ledger.add_alias(ONE, call)
    assert ledger.drop_alias(ONE, call)
