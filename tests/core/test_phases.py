"""Effects of many groups go together as far as each group's own order allows."""

from __future__ import annotations

import pytest

from carpio.core.effects import (
    AcquireAddresses,
    AnnounceAddresses,
    Effect,
    ReleaseAddresses,
    ReportDemotion,
    SendAdvertisement,
    ServeAddresses,
)
from carpio.core.model import InstanceKey, Vhid
from carpio.core.phases import Batch
from carpio.wire.constants import Family

ONE, OTHER = InstanceKey(Vhid(1), "eth0"), InstanceKey(Vhid(2), "eth0")


def advert(key: InstanceKey, *, bow_out: bool = False) -> SendAdvertisement:
    return SendAdvertisement(key, Family.IPV4, b"", bow_out)


def in_order(key: InstanceKey) -> list[Effect]:
    return [
        ReleaseAddresses(key),
        advert(key, bow_out=True),
        AcquireAddresses(key),
        advert(key),
        advert(key),
        ServeAddresses(key),
        AnnounceAddresses(key),
    ]


def test_effects_of_a_group_in_their_order_are_one_batch() -> None:
    batch = Batch()
    assert all(batch.add(effect) for effect in in_order(ONE))
    assert batch.release == batch.acquire == batch.serve == batch.announce == [ONE]
    assert batch.bow_outs == [advert(ONE, bow_out=True)]
    assert batch.adverts == [advert(ONE), advert(ONE)]


def test_groups_do_not_wait_for_each_other() -> None:
    batch = Batch()
    assert all(batch.add(effect) for effect in in_order(ONE))
    assert all(batch.add(effect) for effect in in_order(OTHER))
    assert batch.release == [ONE, OTHER]


@pytest.mark.parametrize("earlier", range(1, 7))
def test_effect_that_would_run_before_an_earlier_one_of_its_group_waits(earlier: int) -> None:
    effects = in_order(ONE)
    for later in range(earlier):
        batch = Batch()
        assert batch.add(effects[earlier])
        is_same_phase = type(effects[earlier]) is type(effects[later]) and later > 1
        assert batch.add(effects[later]) is is_same_phase


def test_reports_hold_nothing_up() -> None:
    batch = Batch()
    assert batch.add(AnnounceAddresses(ONE))
    assert batch.add(ReportDemotion(1, 1, "x"))
