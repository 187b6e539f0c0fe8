from hypothesis import given
from hypothesis import strategies as st

from carpio.core.demotion import DemotionLedger
from carpio.core.model import DemotionCause


def test_shares_add_up_and_are_listed():
    ledger = DemotionLedger()
    ledger.add("backup running", 30)
    ledger.add("sysctl", 100)
    ledger.add("backup running", 12)
    assert ledger.total == 142
    assert set(ledger.causes()) == {
        DemotionCause("backup running", 42),
        DemotionCause("sysctl", 100),
    }


def test_a_share_of_zero_is_forgotten():
    ledger = DemotionLedger()
    ledger.add("sysctl", 100)
    ledger.add("sysctl", -100)
    ledger.add("nothing", 0)
    assert ledger.causes() == ()
    assert not ledger.holds("sysctl")


def test_clearing_takes_back_exactly_the_share():
    ledger = DemotionLedger()
    ledger.add("disk", -30)
    ledger.add("link", 240)
    assert ledger.clear("disk") == 30
    assert ledger.total == 240
    assert ledger.clear("disk") == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-300, 300))))
def test_the_total_is_the_sum_of_the_shares(adjustments):
    ledger = DemotionLedger()
    for cause, delta in adjustments:
        ledger.add(cause, delta)
    assert ledger.total == sum(share.value for share in ledger.causes())
    for cause in "abc":
        ledger.clear(cause)
    assert ledger.total == 0
