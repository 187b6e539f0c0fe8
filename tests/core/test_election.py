from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.builders import seconds

from carpio.core.election import Rank, interval, judge, master_down_time, turn_delay
from carpio.core.table import Trigger

ADVBASES = st.integers(1, 255)
SKEWS = st.integers(0, 255)


def microseconds(advbase: int, advskew: int) -> tuple[int, int]:
    """Return the interval as the BSDs compute it: (seconds, truncated microseconds)."""
    return advbase, advskew * 1_000_000 // 256


@given(ADVBASES, SKEWS, ADVBASES, SKEWS)
def test_nanoseconds_and_truncated_microseconds_come_to_the_same_order(
    base_a, skew_a, base_b, skew_b
):
    ours, bsd = interval(base_a, skew_a), microseconds(base_a, skew_a)
    other, bsd_other = interval(base_b, skew_b), microseconds(base_b, skew_b)
    assert (ours < other) == (bsd < bsd_other)
    assert (ours == other) == (bsd == bsd_other)


@given(ADVBASES, SKEWS, st.integers(1, 85), SKEWS)
def test_the_verdict_that_a_master_will_time_out_agrees_with_the_bsds(
    base, skew, own_base, own_skew
):
    rank = Rank.of(own_base, own_skew, 0, preempt=False)
    shown = min(own_skew, 240)
    bsd = microseconds(3 * own_base, shown) < microseconds(base, skew)
    assert (judge(interval(base, skew), rank) is Trigger.WILL_TIME_OUT) == bsd


def test_an_interval_is_exact():
    assert interval(1, 1) == 1_003_906_250
    assert interval(2, 128) == seconds(2.5)


def test_r061_r062_master_down_time_is_three_advbase_and_one_skew():
    assert master_down_time(1, 0) == seconds(3)
    assert master_down_time(2, 128) == seconds(6.5)


def test_r123_master_down_time_uses_the_configured_skew_beyond_240():
    assert master_down_time(1, 254) == seconds(3 + 254 / 256)


def test_r122_effective_skew_is_clamped_to_0_and_240():
    assert Rank.of(1, 254, 0, preempt=False).interval == interval(1, 240)
    assert Rank.of(1, 100, 1000, preempt=False).interval == interval(1, 240)
    assert Rank.of(1, 100, -1000, preempt=False).interval == interval(1, 0)


def test_r065_r068_an_equal_interval_is_better():
    for preempt in (False, True):
        rank = Rank.of(1, 100, 0, preempt=preempt)
        assert judge(interval(1, 100), rank) is Trigger.ADVERTISEMENT_BETTER
        assert judge(interval(1, 99), rank) is Trigger.ADVERTISEMENT_BETTER


def test_r067_a_slower_advert_is_preempted_only_with_preempt():
    assert judge(interval(1, 101), Rank.of(1, 100, 0, preempt=True)) is Trigger.PREEMPT_LIVING
    worse = judge(interval(1, 101), Rank.of(1, 100, 0, preempt=False))
    assert worse is Trigger.ADVERTISEMENT_WORSE


def test_r069_an_advert_beyond_our_patience_will_time_out():
    rank = Rank.of(1, 100, 0, preempt=False)
    assert judge(interval(3, 100), rank) is Trigger.ADVERTISEMENT_WORSE
    assert judge(interval(3, 101), rank) is Trigger.WILL_TIME_OUT
    assert judge(interval(3, 101), Rank.of(1, 100, 0, preempt=True)) is Trigger.PREEMPT_LEAVING


def test_r069_patience_uses_the_effective_skew():
    assert judge(interval(3, 150), Rank.of(1, 0, 200, preempt=False)) is Trigger.ADVERTISEMENT_WORSE


def test_r070_a_bow_out_will_time_out_for_every_advbase_up_to_85():
    bow_out = interval(255, 255)
    for advbase in range(1, 86):
        rank = Rank.of(advbase, 254, 0, preempt=False)
        assert judge(bow_out, rank) is Trigger.WILL_TIME_OUT
    assert judge(bow_out, Rank.of(86, 0, 0, preempt=False)) is Trigger.ADVERTISEMENT_WORSE


def test_better_backups_have_their_turn_earlier():
    assert turn_delay(0) == 0
    assert turn_delay(100) == 5_859_375
    assert turn_delay(240) == 14_062_500
