from __future__ import annotations

from carpio.lab.belief import read_forwarding, read_neighbours, router_table

VMAC = "00:00:5e:00:01:01"
NIC = "02:00:00:00:00:01"
S = 1_000_000_000
AT = 1_767_323_045 * S
"""2026-01-02 03:04:05 UTC."""


def test_switch_learns_moves_and_forgets() -> None:
    log = f"""\
{VMAC} dev port-a master br0
33:33:00:00:00:01 dev port-a self permanent
Timestamp: Fri Jan  2 03:04:05 2026 250000 usec
{VMAC} dev port-a master br0
Timestamp: Fri Jan  2 03:04:06 2026 0 usec
{VMAC} dev port-b extern_learn master br0
Timestamp: Fri Jan  2 03:04:07 2026 0 usec
Deleted {VMAC} dev port-b master br0
"""
    moves = list(read_forwarding(log, AT))
    assert [(m.time_ns - AT, m.bridge, m.mac, m.port) for m in moves] == [
        (0, "br0", VMAC, "port-a"),
        (S, "br0", VMAC, "port-b"),
        (2 * S, "br0", VMAC, ""),
    ]


def test_switches_are_told_apart() -> None:
    log = f"{VMAC} dev port-a master br0\n{VMAC} dev trunk0-r master br1\n"
    assert [(m.bridge, m.port) for m in read_forwarding(log, AT)] == [
        ("br0", "port-a"),
        ("br1", "trunk0-r"),
    ]


def test_neighbour_is_learnt_changes_and_is_forgotten_but_states_are_no_change() -> None:
    log = f"""\
[2026-01-02T03:04:05.500000] 10.0.0.9 dev eth0 lladdr {VMAC} REACHABLE
[2026-01-02T03:04:06.000000] 10.0.0.9 dev eth0 lladdr {VMAC} STALE
[2026-01-02T03:04:07.000000] 10.0.0.9 dev eth0 lladdr {NIC} STALE
[2026-01-02T03:04:08.000000] Deleted 10.0.0.9 dev eth0 lladdr {NIC} STALE
[2026-01-02T03:04:09.000000] 10.0.0.8 dev eth0 FAILED
"""
    learnt = list(read_neighbours(log, "client"))
    assert [(one.time_ns - AT, one.address, one.mac) for one in learnt] == [
        (S // 2, "10.0.0.9", VMAC),
        (2 * S, "10.0.0.9", NIC),
        (3 * S, "10.0.0.9", ""),
    ]


def test_table_is_printed_as_a_router_does() -> None:
    entries = {("eth0", "10.0.0.10"): (VMAC, AT), ("eth0", "10.0.0.9"): (NIC, AT + 90 * S)}
    head, *lines = router_table(entries, AT + 125 * S).splitlines()
    assert head.split()[:2] == ["Protocol", "Address"]
    assert [line.split() for line in lines] == [
        ["Internet", "10.0.0.9", "0", "0200.0000.0001", "ARPA", "eth0"],
        ["Internet", "10.0.0.10", "2", "0000.5e00.0101", "ARPA", "eth0"],
    ]
