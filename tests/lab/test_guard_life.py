"""The life of the guard's table and its gates, in a real kernel."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.helpers.guard_lab import (
    OTHER_VMAC,
    PARENT_MAC,
    VIP4,
    VMAC,
    GuardLab,
    arp,
    eventually,
    group,
    guard_lab,
    rival,
)

from carpio.errors import PlatformError
from carpio.runtime.guard import Gate, Guard

pytestmark = pytest.mark.lab

GATE, OTHER_GATE = Gate("p0", VMAC, 60_000), Gate("p0", OTHER_VMAC, 60_000)
PLACE, OTHER_PLACE = ("p0", VMAC), ("p0", OTHER_VMAC)
GROUPS = [group(), group(mac=OTHER_VMAC, addresses=("10.77.0.101",))]
LIE = arp(ether=PARENT_MAC, sender_mac=PARENT_MAC, sender=VIP4, target=VIP4)
TRUTH = arp(ether=VMAC, sender_mac=VMAC, sender=VIP4, target=VIP4)

OWNER_THAT_IS_KILLED = """
import signal, sys
from carpio.runtime.guard import Gate, Guard, GuardedGroup
from ipaddress import ip_address
mac = bytes.fromhex(sys.argv[1])
guard = Guard()
guard.claim()
guard.install([GuardedGroup(parent="p0", mac=mac, addresses=(ip_address(sys.argv[2]),))])
guard.open([Gate("p0", mac, 60_000)])
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[GuardLab]:
    with guard_lab() as made:
        yield made


@pytest.fixture
def guard(lab: GuardLab) -> Iterator[Guard]:
    made = lab.guard()
    made.claim()
    made.install(GROUPS)
    yield made
    made.claim()
    made.remove()


@pytest.fixture
def plain(lab: GuardLab) -> Iterator[Guard]:
    made = lab.guard(plain=True)
    made.claim()
    made.install(GROUPS)
    yield made
    made.remove()


@pytest.fixture
def successor(lab: GuardLab) -> Iterator[Guard]:
    """A guard that claims what another left."""
    made = lab.guard()
    yield made
    made.remove()


# -- gates -------------------------------------------------------------------------------------


def test_an_open_gate_is_listed_with_its_remaining_time(guard: Guard) -> None:
    guard.open([GATE])
    assert list(guard.gates()) == [PLACE]
    assert 55_000 < guard.gates()[PLACE] <= 60_000


def test_opening_an_open_gate_gives_it_the_new_time(guard: Guard) -> None:
    guard.open([GATE])
    guard.open([Gate("p0", VMAC, 5_000), OTHER_GATE])
    assert guard.gates()[PLACE] <= 5_000
    assert guard.gates()[OTHER_PLACE] > 5_000


def test_a_gate_that_nobody_refreshes_closes_by_itself(lab: GuardLab, guard: Guard) -> None:
    guard.open([Gate("p0", VMAC, 1_000)])
    assert lab.leaving(TRUTH) == [TRUTH]
    assert eventually(lambda: not guard.gates())
    assert lab.leaving(TRUTH) == []


def test_a_refreshed_gate_lives_for_its_time_again(guard: Guard) -> None:
    guard.open([Gate("p0", VMAC, 5_000)])
    assert guard.refresh([GATE]) == []
    assert guard.gates()[PLACE] > 5_000


def test_an_expired_gate_is_refused_and_stays_closed_while_the_others_are_refreshed(
    guard: Guard,
) -> None:
    guard.open([Gate("p0", VMAC, 50), Gate("p0", OTHER_VMAC, 5_000)])
    assert eventually(lambda: PLACE not in guard.gates())
    assert guard.refresh([GATE, OTHER_GATE]) == [GATE]
    assert list(guard.gates()) == [OTHER_PLACE]
    assert guard.gates()[OTHER_PLACE] > 5_000


def test_a_gate_of_a_parent_that_is_not_guarded_is_refused(guard: Guard) -> None:
    assert guard.refresh([Gate("q0", VMAC, 1_000)]) == [Gate("q0", VMAC, 1_000)]
    with pytest.raises(PlatformError, match="No such file"):
        guard.open([Gate("q0", VMAC, 1_000)])


def test_closing_is_idempotent_and_closes_the_others_too(guard: Guard) -> None:
    guard.open([GATE])
    guard.close([OTHER_PLACE, PLACE, ("nowhere", VMAC)])
    assert guard.gates() == {}
    guard.close([OTHER_PLACE, PLACE])


def test_closing_does_not_mind_a_gate_that_has_just_expired(guard: Guard) -> None:
    guard.open([Gate("p0", VMAC, 20), OTHER_GATE])
    assert eventually(lambda: PLACE not in guard.gates())
    guard.close([PLACE, OTHER_PLACE])
    assert guard.gates() == {}


def test_a_gate_that_is_named_twice_counts_once(guard: Guard) -> None:
    guard.open([GATE, GATE])
    assert guard.refresh([GATE, GATE]) == []
    guard.close([PLACE, PLACE])
    assert guard.gates() == {}


def test_255_gates_are_refreshed_together(guard: Guard) -> None:
    macs = [bytes.fromhex(f"00005e0001{vhid:02x}") for vhid in range(1, 256)]
    guard.install([group(mac=m, addresses=(f"10.77.1.{m[5]}", f"fd77::{m[5]:x}")) for m in macs])
    gates = [Gate("p0", mac, 60_000) for mac in macs]
    guard.open(gates)
    assert guard.refresh(gates) == []
    assert len(guard.gates()) == 255
    guard.close([("p0", mac) for mac in macs])
    assert guard.gates() == {}


# -- installing --------------------------------------------------------------------------------


def test_installing_keeps_the_gates_of_groups_that_stay_and_closes_those_that_go(
    guard: Guard,
) -> None:
    guard.open([GATE, Gate("p0", OTHER_VMAC, 5_000)])
    guard.install([GROUPS[1], group("q0", addresses=("10.78.0.100",))], bystanders=["p1"])
    assert list(guard.gates()) == [OTHER_PLACE]
    assert guard.gates()[OTHER_PLACE] <= 5_000
    assert guard.verify() is None


def test_installing_nothing_leaves_an_empty_table_and_a_free_parent(
    lab: GuardLab, guard: Guard
) -> None:
    guard.install([])
    assert lab.leaving(LIE) == [LIE]
    assert "chain" not in lab.run("nft", "list", "table", "netdev", "carpio")


def test_installing_the_same_again_changes_nothing(lab: GuardLab, guard: Guard) -> None:
    lab.leaving(LIE)
    counted = guard.counters()
    guard.install(GROUPS)
    assert guard.counters() == counted == {"arp_p0: ARP: our address, wrong MAC": 1}


def test_a_group_that_changes_its_addresses_is_guarded_for_the_new_ones(
    lab: GuardLab, guard: Guard
) -> None:
    guard.install([group(addresses=("10.77.0.200",))])
    assert lab.leaving(LIE) == [LIE]
    new = arp(ether=PARENT_MAC, sender_mac=PARENT_MAC, sender="10.77.0.200", target="10.77.0.9")
    assert lab.leaving(new) == []


def test_a_group_without_addresses_has_a_silent_mac(lab: GuardLab, guard: Guard) -> None:
    guard.install([group(addresses=())])
    stray = arp(ether=VMAC, sender_mac=VMAC, sender="10.77.0.9", target="10.77.0.9")
    assert lab.leaving(stray) == []


def test_a_parent_that_is_made_again_is_guarded_from_its_first_frame(
    lab: GuardLab, guard: Guard
) -> None:
    guard.install([group("n0", addresses=(VIP4,))])
    heard = _make_and_claim(lab, "n0")
    assert guard.counters() == {"arp_n0: ARP: our address, wrong MAC": 1}
    lab.ip("link", "del", "n0")
    guard.install([group("n0", addresses=(VIP4,))])
    assert guard.verify() is None
    heard += _make_and_claim(lab, "n0")
    lab.ip("link", "del", "n0")
    assert sum(guard.counters().values()) == 2
    assert heard == []


def test_a_renamed_parent_is_guarded_after_the_next_install(lab: GuardLab, guard: Guard) -> None:
    lab.ip("link", "add", "n0", "type", "veth", "peer", "name", "n0far")
    guard.install([group("n0", addresses=(VIP4,))])
    lab.ip("link", "set", "n0", "name", "n1")
    guard.install([group("n1", addresses=(VIP4,))])
    assert guard.verify() is None
    assert _claim(lab, "n1", "n0far") == []
    assert guard.counters() == {"arp_n1: ARP: our address, wrong MAC": 1}
    lab.ip("link", "del", "n1")


def _make_and_claim(lab: GuardLab, name: str) -> list[bytes]:
    lab.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}far")
    return _claim(lab, name, f"{name}far")


def _claim(lab: GuardLab, name: str, far: str) -> list[bytes]:
    lab.ip("link", "set", far, "up")
    lab.ip("link", "set", name, "up")
    return lab.sent_between(name, far, LIE)


# -- owner, orphan, plain table ----------------------------------------------------------------


def test_a_second_daemon_is_refused(lab: GuardLab, guard: Guard) -> None:
    with pytest.raises(PlatformError, match="another carpio daemon"):
        lab.guard().claim()
    assert guard.verify() is None


def test_a_claim_tells_whether_there_was_something(lab: GuardLab, guard: Guard) -> None:
    guard.detach()
    assert guard.claim() is True
    guard.remove()
    assert guard.claim() is False


def test_an_owned_table_cannot_be_flushed(lab: GuardLab, guard: Guard) -> None:
    lab.run("nft", "flush", "ruleset")
    assert guard.verify() is None
    assert lab.leaving(LIE) == []


def test_a_killed_owner_leaves_rules_and_gates_to_the_next(lab: GuardLab, successor: Guard) -> None:
    program = [sys.executable, "-c", OWNER_THAT_IS_KILLED, VMAC.hex(), VIP4]
    owner = subprocess.Popen(["ip", "netns", "exec", lab.host, *program], stdout=subprocess.PIPE)
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        owner.stdout.close()
    assert lab.leaving(LIE) == []
    assert lab.leaving(TRUTH) == [TRUTH]
    assert successor.claim() is True
    remaining = successor.gates()[PLACE]
    assert remaining <= 60_000
    successor.install([group(addresses=(VIP4,))])
    assert successor.gates()[PLACE] <= remaining
    assert successor.verify() is None
    assert successor.refresh([GATE]) == []
    successor.remove()
    assert lab.leaving(LIE) == [LIE]


def test_removing_twice_is_fine(lab: GuardLab, guard: Guard) -> None:
    guard.remove()
    guard.remove()
    assert lab.leaving(LIE) == [LIE]


def test_a_flushed_plain_table_is_noticed_and_put_back(lab: GuardLab, plain: Guard) -> None:
    plain.open([GATE])
    assert plain.verify() is None
    assert not plain.changed()
    lab.run("nft", "flush", "ruleset")
    assert select.select([plain], [], [], 5)[0]
    assert plain.changed()
    assert not plain.changed()
    assert plain.verify() is not None
    assert plain.gates() == {}
    assert plain.refresh([GATE]) == [GATE]
    plain.close([PLACE])
    plain.install(GROUPS)
    assert plain.verify() is None
    assert lab.leaving(LIE) == []


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("flush chain netdev carpio arp_p0", "rules of chain arp_p0"),
        ("delete chain netdev carpio out_p0", "chain out_p0 is missing"),
        (
            "delete element netdev carpio ours4_p0 { 10.77.0.100 }",
            "elements of set ours4_p0",
        ),
        (
            "add element netdev carpio claims4_p0 "
            "{ 10.77.0.100 . 02:00:00:00:00:01 . 02:00:00:00:00:01 }",
            "elements of set claims4_p0",
        ),
    ],
    ids=["rules", "chain", "element", "false claim"],
)
def test_damage_to_a_plain_table_is_named_and_repaired(
    lab: GuardLab, plain: Guard, damage: str, finding: str
) -> None:
    lab.run("nft", damage)
    assert plain.changed()
    assert finding in (plain.verify() or "")
    plain.install(GROUPS)
    assert plain.verify() is None
    assert lab.leaving(LIE) == []


def test_gates_of_other_parents_close_though_somebody_removed_a_set(
    lab: GuardLab, plain: Guard
) -> None:
    plain.install([*GROUPS, group("q0", addresses=("10.78.0.100",))])
    plain.open([GATE, Gate("q0", VMAC, 60_000)])
    for command in (
        "delete chain netdev carpio out_q0; delete chain netdev carpio in_q0;"
        "flush chain netdev carpio ip4_q0; flush chain netdev carpio ip6_q0",
        "delete set netdev carpio master_q0",
    ):
        lab.run("nft", command)
    plain.close([PLACE, ("q0", VMAC)])
    assert plain.gates() == {}


def test_own_transactions_and_other_tables_are_no_change(lab: GuardLab, guard: Guard) -> None:
    guard.open([GATE])
    guard.refresh([GATE])
    assert not select.select([guard], [], [], 0)[0]
    lab.run("nft", "add table netdev somebody; delete table netdev somebody")
    assert select.select([guard], [], [], 5)[0]
    assert not guard.changed()


def test_nft_prints_addresses_macs_and_comments(lab: GuardLab, guard: Guard) -> None:
    guard.open([GATE])
    printed = lab.run("nft", "list", "table", "netdev", "carpio")
    for expected in (
        "10.77.0.100 . 00:00:5e:00:01:01 . 00:00:5e:00:01:01",
        "fd77::100 . 00:00:5e:00:01:01",
        "10.77.0.100 : 00:00:5e:00:01:01",
        "00:00:5e:00:01:01 timeout 1m expires",
        'comment "ARP: our address, wrong MAC"',
        'hook egress device "p0" priority 2147483647',
    ):
        assert expected in printed


def test_nft_reads_the_rules_as_they_were_meant(lab: GuardLab, guard: Guard) -> None:
    printed = lab.run("nft", "--debug=netlink", "list", "chain", "netdev", "carpio", "ip4_p0")
    expressions = [line.strip() for line in printed.splitlines() if line.startswith("  [")]
    assert expressions == [
        "[ payload load 4b @ network header + 12 => reg 1 ]",
        "[ lookup reg 1 set mac4_p0 0x1 ]",
        "[ immediate reg 0 accept ]",
        "[ payload load 4b @ network header + 16 => reg 1 ]",
        "[ cmp eq reg 1 0x120000e0 ]",
        "[ payload load 1b @ network header + 9 => reg 1 ]",
        "[ cmp eq reg 1 0x00000070 ]",
        "[ immediate reg 0 accept ]",
        "[ payload load 4b @ network header + 12 => reg 1 ]",
        "[ lookup reg 1 set mac4_p0 dreg 1 0x0 ]",
        "[ payload write reg 1 => 6b @ link header + 6 csum_type 0 csum_off 0 csum_flags 0x0 ]",
        "[ payload load 6b @ link header + 6 => reg 1 ]",
        "[ lookup reg 1 set master_p0 0x1 ]",
        "[ counter pkts 0 bytes 0 ]",
        "[ immediate reg 0 drop ]",
        "[ payload load 6b @ link header + 6 => reg 1 ]",
        "[ lookup reg 1 set contested_p0 0x0 ]",
        "[ counter pkts 0 bytes 0 ]",
        "[ immediate reg 0 drop ]",
    ]


def test_contests_outlive_their_owner_and_an_install_but_not_their_group(lab: GuardLab) -> None:
    first = lab.guard()
    first.claim()
    first.install(GROUPS)
    first.open([GATE, OTHER_GATE])
    lab.arriving(rival(VMAC), rival(OTHER_VMAC), protocol=0x0800)
    first.detach()
    second = lab.guard()
    second.claim()
    assert second.contested() == {PLACE, OTHER_PLACE}
    second.install(GROUPS)
    assert second.verify() is None
    assert second.contested() == {PLACE, OTHER_PLACE}
    second.install(GROUPS[1:])
    assert second.contested() == {OTHER_PLACE}
    assert second.verify() is None
    second.remove()


def test_using_a_guard_before_it_is_claimed_is_refused(lab: GuardLab) -> None:
    with pytest.raises(PlatformError, match="before it is claimed"):
        lab.guard().install(GROUPS)
