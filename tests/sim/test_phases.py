"""The simulator's order of doing things must be the daemon's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.builders import key_of

from carpio.core.effects import (
    AcquireAddresses,
    AnnounceAddresses,
    Effect,
    ReleaseAddresses,
    SendAdvertisement,
    ServeAddresses,
)
from carpio.core.model import InstanceConfig, InstanceKey
from carpio.runtime.performer import Performer
from carpio.sim.phases import Batch
from carpio.wire.constants import Family

KEYS = [key_of("1@eth0"), key_of("2@eth0")]


class Recorder:
    """A plane and a carpdev that write down what they are told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def install(self, instances: Sequence[InstanceConfig]) -> Mapping[InstanceKey, str]:
        raise AssertionError(instances)

    def acquire(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        self.said += [("acquire", str(key)) for key in instances]
        return {}

    def refresh(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        return {}

    def serve(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        self.said += [("serve", str(key)) for key in instances]
        return {}

    def release(self, instances: Sequence[InstanceKey]) -> None:
        self.said += [("release", str(key)) for key in instances]

    def send(self, advert: SendAdvertisement) -> int:
        self.said.append(("bow out" if advert.bow_out else "send", str(advert.instance)))
        return 0

    def announce(self, instance: InstanceKey) -> None:
        self.said.append(("announce", str(instance)))


def by_batches(effects: Sequence[Effect]) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []

    def perform(batch: Batch) -> None:
        said.extend(("release", str(key)) for key in batch.release)
        said.extend(("bow out", str(one.instance)) for one in batch.bow_outs)
        said.extend(("acquire", str(key)) for key in batch.acquire)
        said.extend(("send", str(one.instance)) for one in batch.adverts)
        said.extend(("serve", str(key)) for key in batch.serve)
        said.extend(("announce", str(key)) for key in batch.announce)

    batch = Batch()
    for effect in effects:
        if not batch.add(effect):
            perform(batch)
            batch = Batch()
            batch.add(effect)
    perform(batch)
    return said


def effects_of(key: InstanceKey) -> st.SearchStrategy[Effect]:
    return st.sampled_from(
        [
            ReleaseAddresses(key),
            SendAdvertisement(key, Family.IPV4, b"", bow_out=True),
            AcquireAddresses(key),
            SendAdvertisement(key, Family.IPV4, b""),
            ServeAddresses(key),
            AnnounceAddresses(key),
        ]
    )


@given(st.lists(st.one_of([effects_of(key) for key in KEYS]), max_size=12))
def test_batches_are_those_of_the_daemon(effects: list[Effect]):
    recorder = Recorder()
    performer = Performer(recorder, lambda: None, {"eth0": recorder})  # type: ignore[dict-item]
    performer.perform(effects)
    assert by_batches(effects) == recorder.said
