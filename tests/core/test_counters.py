from carpio.core.counters import COUNTER_NAMES, RECEIVED, SENT, new_counters
from carpio.wire.constants import DropReason, Family


def test_every_drop_reason_but_not_allowed_has_a_counter():
    reasons = {reason.value for reason in DropReason} - {DropReason.NOT_ALLOWED.value}
    assert reasons <= set(COUNTER_NAMES)


def test_every_family_has_counters_in_both_directions():
    for family in Family:
        assert {RECEIVED[family], SENT[family]} <= set(COUNTER_NAMES)


def test_new_counters_are_zero_and_independent():
    first, second = new_counters(), new_counters()
    first["badttl"] += 1
    assert set(second.values()) == {0}
    assert list(second) == list(COUNTER_NAMES)
