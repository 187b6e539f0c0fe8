from __future__ import annotations

from carpio.lab.roles import Ending, Mastership, Roles

MS = 1_000_000
S = 1000 * MS


def mastership(host: str, start_ns: int, end_ns: int) -> Mastership:
    return Mastership(
        host=host,
        start_ns=start_ns,
        end_ns=end_ns,
        ending=Ending.DEPOSED,
        ended_at_ns=end_ns - 5 * MS,
        advbase=1,
    )


def test_roles_know_who_may_claim_when() -> None:
    roles = Roles([mastership("a", S, 2 * S + 5 * MS), mastership("b", 2 * S, 3 * S)])
    assert not roles.is_master("a", S - 1)
    assert roles.is_master("a", 2 * S + 5 * MS)
    assert not roles.is_master("a", 2 * S + 5 * MS + 1)
    assert not roles.is_master("c", S)
    assert roles.next_start_ns("b", 0) == 2 * S
    assert roles.next_start_ns("a", 2 * S) is None
