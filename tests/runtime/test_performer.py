"""The performer keeps the order of each group and gathers those of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carpio.core.effects import (
    AcquireAddresses,
    AnnounceAddresses,
    Effect,
    ReleaseAddresses,
    SendAdvertisement,
    ServeAddresses,
)
from carpio.core.events import AddressesAvailable, AddressesRefused, SendFailed, SendSucceeded
from carpio.core.model import InstanceConfig, InstanceKey, Vhid
from carpio.runtime.performer import Performer
from carpio.wire.constants import Family

A = InstanceKey(Vhid(1), "eth0")
B = InstanceKey(Vhid(2), "eth0")


class Recorder:
    """A plane and a carpdev that write down what they are told."""

    def __init__(self, *, errno: int = 0, refuse: Mapping[InstanceKey, str] | None = None) -> None:
        self.steps: list[str] = []
        self._errno = errno
        self._refuse = dict(refuse or {})

    def install(self, instances: Sequence[InstanceConfig]) -> Mapping[InstanceKey, str]:
        raise AssertionError("the performer installs nothing")

    def _note(self, what: str, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        self.steps.append(f"{what} {' '.join(map(str, instances))}")
        return {key: why for key, why in self._refuse.items() if key in instances}

    def acquire(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        return self._note("open", instances)

    def refresh(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        return self._note("wind", instances)

    def serve(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        return self._note("serve", instances)

    def release(self, instances: Sequence[InstanceKey]) -> None:
        self._note("close", instances)

    def dismiss(self, instances: Sequence[InstanceKey]) -> None:
        self._note("dismiss", instances)

    def settle(self) -> None:
        self.steps.append("settle")

    def send(self, advert: SendAdvertisement) -> int:
        self.steps.append(f"{'bow-out' if advert.bow_out else 'advert'} {advert.instance}")
        return self._errno

    def announce(self, key: InstanceKey) -> None:
        self.steps.append(f"announce {key}")


def perform(recorder: Recorder, *effects: Effect) -> list[object]:
    performer = Performer(recorder, recorder.settle, {"eth0": recorder})  # type: ignore[dict-item]
    return list(performer.perform(effects))


def advert(key: InstanceKey, *, bow_out: bool = False) -> SendAdvertisement:
    return SendAdvertisement(key, Family.IPV4, b"", bow_out)


def test_gates_of_all_groups_open_together_before_any_advert() -> None:
    recorder = Recorder()
    perform(recorder, AcquireAddresses(A), advert(A), AcquireAddresses(B), advert(B))
    assert recorder.steps == ["open 1@eth0 2@eth0", "advert 1@eth0", "advert 2@eth0"]


def test_a_leaving_group_is_silent_before_it_bows_out_and_settles_last() -> None:
    recorder = Recorder()
    perform(recorder, ReleaseAddresses(A), advert(A, bow_out=True))
    assert recorder.steps == ["close 1@eth0", "bow-out 1@eth0", "settle"]


def test_the_dead_man_is_wound_after_the_adverts_left() -> None:
    recorder = Recorder()
    events = perform(recorder, advert(A), advert(B))
    assert recorder.steps == ["advert 1@eth0", "advert 2@eth0", "wind 1@eth0 2@eth0"]
    assert events == [SendSucceeded(A, Family.IPV4), SendSucceeded(B, Family.IPV4)]


def test_the_dead_man_is_not_wound_when_an_advert_was_not_sent() -> None:
    recorder = Recorder(errno=105)
    events = perform(recorder, advert(A))
    assert recorder.steps == ["advert 1@eth0"]
    assert events == [SendFailed(A, Family.IPV4, 105)]


def test_a_refused_group_sends_nothing_and_is_told() -> None:
    recorder = Recorder(refuse={A: "no guard"})
    events = perform(recorder, AcquireAddresses(A), advert(A), AcquireAddresses(B), advert(B))
    assert recorder.steps == ["open 1@eth0 2@eth0", "advert 2@eth0"]
    assert events[:2] == [AddressesRefused(A, "no guard"), AddressesAvailable(A)]


def test_an_expired_gate_is_a_refusal() -> None:
    recorder = Recorder(refuse={A: "dead-man closed the gate"})
    events = perform(recorder, advert(A))
    assert AddressesRefused(A, "dead-man closed the gate") in events


def test_effects_of_one_group_that_go_back_start_a_new_batch() -> None:
    recorder = Recorder()
    perform(recorder, AcquireAddresses(A), advert(A), ReleaseAddresses(A), AcquireAddresses(A))
    assert recorder.steps == [
        "open 1@eth0",
        "advert 1@eth0",
        "close 1@eth0",
        "open 1@eth0",
        "settle",
    ]


def test_who_does_not_give_way_to_a_rival_speaks_again_before_all_else() -> None:
    recorder = Recorder()
    performer = Performer(recorder, recorder.settle, {"eth0": recorder})  # type: ignore[dict-item]
    performer.perform([ReleaseAddresses(A), advert(B), AnnounceAddresses(B)], [A, B])
    assert recorder.steps == [
        "dismiss 2@eth0",
        "close 1@eth0",
        "advert 2@eth0",
        "wind 2@eth0",
        "announce 2@eth0",
        "settle",
    ]
    recorder.steps.clear()
    performer.perform([], [A])
    assert recorder.steps == ["dismiss 1@eth0"]


def test_serving_comes_before_announcing() -> None:
    recorder = Recorder()
    perform(recorder, ServeAddresses(A), AnnounceAddresses(A), ServeAddresses(B))
    assert recorder.steps == ["serve 1@eth0 2@eth0", "announce 1@eth0"]
