from __future__ import annotations

from dataclasses import replace

from carpio.lab.roles import Ending, HeardAdvert
from carpio.lab.sighting import Advert, virtual_mac
from carpio.lab.views import masterships_by_view, takeover_limit_before
from carpio.wire.constants import Family

S = 1_000_000_000
MS = 1_000_000
SKEW = {"a": 0, "b": 100}
LIMIT_AFTER_A = 3 * S + 100 * S // 256


def heard(at_ns: int, host: str, *, bow_out: bool = False, v6: bool = False) -> HeardAdvert:
    advert = Advert(
        vhid=1,
        advbase=255 if bow_out else 1,
        advskew=255 if bow_out else SKEW[host],
        family=Family.IPV6 if v6 else Family.IPV4,
        ethernet_source=virtual_mac(1),
    )
    return HeardAdvert(at_ns, host, advert)


def together(one: str, other: str, time_ns: int) -> bool:
    return False


def taken_apart(one: str, other: str, time_ns: int) -> bool:
    return True


def test_better_host_deposes_a_worse_one_which_does_not_depose_a_better_one() -> None:
    adverts = [heard(0, "b"), heard(S, "a"), heard(S + MS, "b"), heard(2 * S, "a")]
    found = [(m.host, m.ending) for m in masterships_by_view(adverts, together)]
    assert found == [("b", Ending.DEPOSED), ("a", Ending.EXPIRED)]


def test_worse_host_that_goes_on_after_the_grace_is_master_again_by_its_own_fault() -> None:
    adverts = [heard(0, "b"), heard(S, "a"), heard(S + 6 * MS, "b")]
    assert [m.host for m in masterships_by_view(adverts, together)] == ["b", "a", "b"]


def test_hosts_that_are_apart_are_both_master() -> None:
    adverts = [heard(0, "a"), heard(S // 2, "b"), heard(S, "a"), heard(3 * S // 2, "b")]
    found = masterships_by_view(adverts, taken_apart)
    assert [(m.host, m.ending) for m in found] == [("a", Ending.EXPIRED), ("b", Ending.EXPIRED)]
    assert found[0].ended_at_ns == 4 * S


def test_silent_host_is_master_until_a_peer_may_take_over() -> None:
    (only,) = masterships_by_view([heard(0, "a"), heard(0, "a", v6=True)], together)
    assert (only.end_ns, only.expiry_ns) == (3 * S, 3 * S)


def test_bow_out_ends_a_mastership_at_once() -> None:
    (only,) = masterships_by_view([heard(0, "a"), heard(S, "a", bow_out=True)], together)
    assert (only.end_ns, only.ending) == (S, Ending.BOW_OUT)


def limit(*adverts: HeardAdvert, since_ns: int = 0) -> int | None:
    new = masterships_by_view(adverts, together)[-1]
    return takeover_limit_before(new, adverts, together, since_ns)


def test_limit_counts_from_the_last_advert_of_the_family_that_fell_silent_first() -> None:
    a4, a6 = heard(0, "a"), heard(2 * MS, "a", v6=True)
    assert limit(a4, a6, heard(4 * S, "b")) == LIMIT_AFTER_A


def test_takeover_from_a_living_better_host_is_before_the_limit() -> None:
    assert limit(heard(0, "a"), heard(S, "a"), heard(2 * S, "b")) == S + LIMIT_AFTER_A


def test_limit_after_a_bow_out_is_a_share_of_15_milliseconds() -> None:
    adverts = heard(0, "a"), heard(S, "a", bow_out=True), heard(S + 7 * MS, "b")
    assert limit(*adverts) == S + 100 * 15 * MS // 256


def test_limit_counts_from_the_bow_out_of_the_family_that_said_it_first() -> None:
    goodbyes = heard(S, "a", bow_out=True), heard(S + MS, "a", bow_out=True, v6=True)
    assert limit(heard(0, "a"), *goodbyes, heard(S + 7 * MS, "b")) == S + 100 * 15 * MS // 256


def test_better_host_may_come_at_any_time() -> None:
    assert limit(heard(0, "b"), heard(S, "a")) is None


def test_host_that_heard_nobody_since_it_started_has_no_limit() -> None:
    assert limit(heard(0, "a"), heard(4 * S, "b"), since_ns=S) is None


def vrrp(at_ns: int, host: str, *, v6: bool = False) -> HeardAdvert:
    carp = heard(at_ns, host, v6=v6)
    return replace(carp, advert=replace(carp.advert, is_vrrp=True))


def test_master_of_one_family_of_vrrp_is_not_deposed_by_that_of_the_other() -> None:
    adverts = [vrrp(0, "b", v6=True), vrrp(1, "a"), vrrp(S, "b", v6=True), vrrp(S, "a")]
    found = [(m.host, m.ending) for m in masterships_by_view(adverts, together)]
    assert found == [("b", Ending.EXPIRED), ("a", Ending.EXPIRED)]


def test_limit_of_vrrp_counts_from_adverts_of_the_same_family() -> None:
    assert limit(vrrp(0, "a"), vrrp(S, "b", v6=True)) is None
    assert limit(vrrp(0, "a"), vrrp(S, "a", v6=True), vrrp(4 * S, "b")) == LIMIT_AFTER_A
