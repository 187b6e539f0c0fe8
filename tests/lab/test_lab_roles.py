from __future__ import annotations

from tests.helpers.lab import VMAC

from carpio.lab.roles import (
    Ending,
    HeardAdvert,
    Mastership,
    Roles,
    masterships,
    takeover_limit_ns,
)
from carpio.lab.sighting import Advert
from carpio.wire.constants import Family

MS = 1_000_000
S = 1000 * MS


def heard(at_ns: int, host: str, *, bow_out: bool = False, family: int = 4) -> HeardAdvert:
    return HeardAdvert(
        at_ns,
        host,
        Advert(
            vhid=1,
            advbase=255 if bow_out else 1,
            advskew=255 if bow_out else 0,
            family=Family(family),
            ethernet_source=VMAC,
        ),
    )


def told(*adverts: HeardAdvert) -> list[tuple[str, int, int, Ending]]:
    return [(m.host, m.start_ns, m.end_ns, m.ending) for m in masterships(adverts)]


def test_nobody_is_master_without_advertisements() -> None:
    assert told() == []


def test_master_is_from_the_first_advert_to_three_intervals_after_the_last() -> None:
    assert told(heard(0, "a"), heard(S, "a")) == [("a", 0, 4 * S, Ending.EXPIRED)]


def test_silence_beyond_three_intervals_ends_a_mastership_and_an_advert_begins_another() -> None:
    assert told(heard(0, "a"), heard(5 * S, "a")) == [
        ("a", 0, 3 * S, Ending.EXPIRED),
        ("a", 5 * S, 8 * S, Ending.EXPIRED),
    ]


def test_bow_out_ends_mastership_at_once() -> None:
    assert told(heard(0, "a"), heard(S, "a", bow_out=True), heard(S + 6 * MS, "b")) == [
        ("a", 0, S, Ending.BOW_OUT),
        ("b", S + 6 * MS, 4 * S + 6 * MS, Ending.EXPIRED),
    ]


def test_bow_out_of_one_who_is_not_master_changes_nothing() -> None:
    assert told(heard(0, "a"), heard(S, "b", bow_out=True)) == [("a", 0, 3 * S, Ending.EXPIRED)]


def test_anothers_advert_ends_mastership_with_five_milliseconds_of_grace() -> None:
    assert told(heard(0, "a"), heard(S, "b"))[0] == ("a", 0, S + 5 * MS, Ending.DEPOSED)


def test_grace_does_not_outlast_the_dead_man() -> None:
    assert told(heard(0, "a"), heard(3 * S - MS, "b"))[0] == ("a", 0, 3 * S, Ending.DEPOSED)


def test_advert_of_the_deposed_that_crosses_within_the_grace_changes_nothing() -> None:
    assert [row[0] for row in told(heard(0, "b"), heard(S, "a"), heard(S + 4 * MS, "b"))] == [
        "b",
        "a",
    ]


def test_advert_of_the_deposed_after_the_grace_takes_mastership_back() -> None:
    assert [row[0] for row in told(heard(0, "b"), heard(S, "a"), heard(S + 6 * MS, "b"))] == [
        "b",
        "a",
        "b",
    ]


def test_dead_man_counts_from_the_last_advert_of_any_family() -> None:
    assert told(heard(0, "a"), heard(MS, "a", family=6))[0][2] == 3 * S + MS


def test_roles_know_who_may_claim_when() -> None:
    roles = Roles(masterships([heard(S, "a"), heard(2 * S, "b")]))
    assert not roles.is_master("a", S - 1)
    assert roles.is_master("a", 2 * S + 5 * MS)
    assert not roles.is_master("a", 2 * S + 5 * MS + 1)
    assert not roles.is_master("c", S)
    assert roles.next_start_ns("b", 0) == 2 * S
    assert roles.next_start_ns("a", 2 * S) is None


def test_roles_name_the_one_master_of_a_moment() -> None:
    roles = Roles(masterships([heard(S, "a"), heard(2 * S, "b")]))
    assert [m.host if m else None for m in map(roles.at, (0, S, 2 * S, 6 * S))] == [
        None,
        "a",
        "b",
        None,
    ]


def only(*adverts: HeardAdvert) -> Mastership:
    return masterships(adverts)[0]


def test_limit_after_silence_counts_from_the_last_advert_of_the_earlier_family() -> None:
    old = only(heard(0, "a"), heard(MS, "a", family=6))
    assert takeover_limit_ns(old, 128) == 3 * S + S // 2


def test_limit_after_a_bow_out_is_a_share_of_15_milliseconds() -> None:
    assert takeover_limit_ns(only(heard(0, "a"), heard(S, "a", bow_out=True)), 128) == S + 7_500_000


def test_a_better_host_may_come_at_any_time() -> None:
    assert takeover_limit_ns(only(heard(0, "b"), heard(S, "a")), 0) is None
