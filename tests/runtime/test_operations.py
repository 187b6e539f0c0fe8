"""Each change of an ordinary link or address and its reverse, alone and in a row."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address

import pytest
from tests.helpers.drafts import plain
from tests.helpers.netns import Netns

from carpio.control.messages import StepError
from carpio.errors import PlatformError
from carpio.runtime import rtobjects as rt
from carpio.runtime.namespace import Namespace
from carpio.runtime.operations import (
    Action,
    AddPlain,
    ChangeLink,
    CreateLink,
    FetchLink,
    MoveLink,
    Operation,
    Operator,
    RemoveLink,
    RemovePlain,
    SetFlags,
)
from carpio.runtime.rtnetlink import RouteSocket, open_route_socket
from carpio.runtime.rtobjects import Address

pytestmark = pytest.mark.lab

MAC = bytes.fromhex("02000000000b")
FIRST, SECOND, THIRD = (plain(0, f"10.1.0.{number}/24") for number in (1, 2, 3))
"""The first is on `eth0`."""


@pytest.fixture
def routes(netns: Netns) -> Iterator[RouteSocket]:
    """Eyes in the namespace."""
    with closing(RouteSocket(netns.namespace.call(open_route_socket))) as opened:
        yield opened


@pytest.fixture
def operator(netns: Netns) -> Iterator[Operator]:
    with closing(Operator(netns.namespace)) as made:
        yield made


def action(do: Operation, undo: Operation | None, *, line: int = 0, step: int = 0) -> Action:
    return Action(do=do, undo=undo, line=line, step=step)


def footprint(netns: Netns) -> str:
    """Everything that an operation could change."""
    links = netns.ip("-d", "-o", "link")
    routes = netns.ip("-4", "route", "show", "table", "all")
    return f"{links}{addresses(netns)}{routes}"


def addresses(netns: Netns) -> str:
    return netns.ip("-o", "-4", "addr") + netns.ip("-o", "-6", "addr", "show", "scope", "global")


def ipv4_of(netns: Netns, interface: str = "eth0") -> list[str]:
    return [
        line.split()[3] for line in netns.ip("-o", "-4", "addr", "show", interface).splitlines()
    ]


def set_promotion(netns: Netns, value: int) -> None:
    for scope in ("all", "eth0"):
        path = f"/proc/sys/net/ipv4/conf/{scope}/promote_secondaries"
        netns.run("sh", "-c", f"echo {value} > {path}")


# -- one operation and its reverse -----------------------------------------------------------

PAIRS: dict[str, tuple[Operation, Operation, str]] = {
    "create a bridge": (
        CreateLink(kind="bridge", name="br0"),
        RemoveLink("br0"),
        "br0: ",
    ),
    "create an epair": (
        CreateLink(kind="epair", name="epair0a", other="epair0b"),
        RemoveLink("epair0a"),
        "epair0b@epair0a: ",
    ),
    "change the mtu": (
        ChangeLink(link="wire0", mtu=1400),
        ChangeLink(link="wire0", mtu=1500),
        "mtu 1400",
    ),
    "describe": (
        ChangeLink(link="wire0", description="uplink"),
        ChangeLink(link="wire0", description=""),
        "alias uplink",
    ),
    "set a flag": (
        SetFlags("wire0", rt.IFF_NOARP, rt.IFF_NOARP),
        SetFlags("wire0", 0, rt.IFF_NOARP),
        "NOARP",
    ),
    "add an IPv4 address": (
        AddPlain("eth0", SECOND),
        RemovePlain("eth0", SECOND),
        "10.1.0.2/24 brd 10.1.0.255",
    ),
    "add an IPv6 address": (
        AddPlain("eth0", plain(0, "2001:db8:1::2/64", flags=rt.IFA_F_NODAD)),
        RemovePlain("eth0", plain(0, "2001:db8:1::2/64")),
        "2001:db8:1::2/64",
    ),
    "add a point-to-point address": (
        AddPlain("eth0", replace(plain(0, "10.9.0.1/32"), peer=ip_address("10.9.0.2"))),
        RemovePlain("eth0", replace(plain(0, "10.9.0.1/32"), peer=ip_address("10.9.0.2"))),
        "10.9.0.1 peer 10.9.0.2/32",
    ),
}


@pytest.mark.parametrize(("do", "undo", "sign"), PAIRS.values(), ids=PAIRS)
def test_operation_is_done_and_taken_back(
    netns: Netns, operator: Operator, do: Operation, undo: Operation, sign: str
) -> None:
    before = footprint(netns)
    assert sign not in before
    operator.perform([action(do, undo)])
    assert sign in footprint(netns)
    operator.undo()
    assert footprint(netns) == before


def test_mac_is_changed_and_taken_back(
    netns: Netns, operator: Operator, routes: RouteSocket
) -> None:
    link = routes.link("wire0")
    assert link is not None
    there = ChangeLink(link="wire0", mac=MAC)
    operator.perform([action(there, ChangeLink(link="wire0", mac=link.mac))])
    assert "02:00:00:00:00:0b" in netns.ip("link", "show", "wire0")
    operator.undo()
    assert routes.link("wire0") == link


def test_name_is_changed_and_the_next_operation_finds_it(netns: Netns, operator: Operator) -> None:
    before = footprint(netns)
    operator.perform(
        [
            action(SetFlags("wire0", rt.IFF_PROMISC, rt.IFF_PROMISC), SetFlags("wire0", 0, 256)),
            action(ChangeLink(link="wire0", name="cable"), ChangeLink(link="cable", name="wire0")),
            action(ChangeLink(link="cable", mtu=1400), ChangeLink(link="cable", mtu=1500)),
        ]
    )
    assert "PROMISC" in netns.ip("link", "show", "cable")
    operator.undo()
    assert footprint(netns) == before


def test_port_of_a_bridge_comes_and_goes(netns: Netns, operator: Operator) -> None:
    before = footprint(netns)
    enter = ChangeLink(link="wire0", master="br0")
    operator.perform(
        [
            action(CreateLink(kind="bridge", name="br0"), RemoveLink("br0")),
            action(enter, ChangeLink(link="wire0", master="")),
        ]
    )
    assert "master br0" in netns.ip("link", "show", "wire0")
    operator.undo()
    assert footprint(netns) == before


@pytest.mark.parametrize("kind", ["vlan", "lo"])
def test_vlan_and_loopback_are_made_where_the_kernel_has_them(
    netns: Netns, operator: Operator, kind: str
) -> None:
    creation = CreateLink(
        kind="vlan" if kind == "vlan" else "lo", name="x0", vlan=10, parent="eth0"
    )
    try:
        operator.perform([action(creation, RemoveLink("x0"))])
    except StepError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        pytest.skip(f"this kernel cannot make a {kind}: {error}")
    assert "x0" in netns.ip("-o", "link")
    operator.undo()
    assert "x0" not in netns.ip("-o", "link")


def test_interface_moves_there_and_back(
    make_netns: Callable[[], Netns], netns: Netns, operator: Operator
) -> None:
    jail = make_netns()
    there = Namespace(jail.name)
    netns.ip("link", "add", "x0", "type", "veth", "peer", "name", "x1")
    before = netns.ip("-o", "link", "show", "x1").split("mtu")[0].split(":")[1]
    operator.perform([action(MoveLink("x1", there), FetchLink("x1", there))])
    assert "x1" in jail.ip("-o", "link")
    operator.undo()
    assert "x1" not in jail.ip("-o", "link")
    assert netns.ip("-o", "link", "show", "x1").split("mtu")[0].split(":")[1] == before

    operator.perform([action(MoveLink("x1", there), None)])
    operator.perform([action(FetchLink("x1", there), MoveLink("x1", there))])
    assert "x1" in netns.ip("-o", "link")
    with pytest.raises(StepError, match="x1: no such interface") as caught:
        operator.perform([action(FetchLink("x1", there), None, line=2, step=1)])
    assert (caught.value.errno, caught.value.line, caught.value.step) == (errno.ENXIO, 2, 1)
    there.close()


# -- removing addresses ----------------------------------------------------------------------


@pytest.mark.parametrize("promotes", [0, 1])
def test_others_of_its_subnet_stay_when_the_primary_address_goes(
    netns: Netns, operator: Operator, promotes: int
) -> None:
    set_promotion(netns, promotes)
    netns.ip("addr", "add", "10.1.0.2/24", "brd", "+", "dev", "eth0", "label", "eth0:b")
    lifetime = ("valid_lft", "900", "preferred_lft", "900")
    netns.ip("addr", "add", "10.1.0.3/24", "metric", "300", "dev", "eth0", *lifetime)
    netns.ip("addr", "add", "10.2.0.1/24", "dev", "eth0")
    operator.perform([action(RemovePlain("eth0", FIRST), AddPlain("eth0", FIRST))])
    assert sorted(ipv4_of(netns)) == ["10.1.0.2/24", "10.1.0.3/24", "10.2.0.1/24"]
    shown = netns.ip("-o", "addr", "show", "eth0")
    assert "10.1.0.2/24 brd 10.1.0.255 scope global eth0:b" in shown
    assert "10.1.0.3/24 metric 300 scope global" in shown
    assert "valid_lft forever" not in netns.ip("addr", "show", "to", "10.1.0.3")
    assert "10.1.0.0/24 dev eth0" in netns.ip("route"), "the subnet is on link as before"
    operator.undo()
    assert sorted(ipv4_of(netns)) == ["10.1.0.1/24", "10.1.0.2/24", "10.1.0.3/24", "10.2.0.1/24"]


def test_the_kernel_would_have_taken_them_along(netns: Netns) -> None:
    """What the test before is about, seen without us."""
    set_promotion(netns, 0)
    netns.ip("addr", "add", "10.1.0.2/24", "dev", "eth0")
    netns.ip("addr", "del", "10.1.0.1/24", "dev", "eth0")
    assert ipv4_of(netns) == []


def test_scope_of_an_address_that_is_put_back_is_what_it_was(
    netns: Netns, operator: Operator, routes: RouteSocket
) -> None:
    set_promotion(netns, 0)
    for address in ("10.3.0.1/24", "10.3.0.2/24"):
        netns.ip("addr", "add", address, "scope", "link", "dev", "eth0")
    local, first = (
        next(a for a in routes.addresses() if str(a.address) == wanted)
        for wanted in ("127.0.0.1", "10.3.0.1")
    )
    operator.perform(
        [
            action(RemovePlain("lo", local), AddPlain("lo", local)),
            action(RemovePlain("eth0", first), AddPlain("eth0", first)),
        ]
    )
    assert "10.3.0.2/24 scope link" in netns.ip("-o", "addr", "show", "eth0")
    operator.undo()
    assert "10.3.0.1/24 scope link secondary" in netns.ip("-o", "addr", "show", "eth0")
    assert "127.0.0.1/8 scope host" in netns.ip("-o", "addr", "show", "lo")


def test_only_that_address_goes_when_an_interface_has_it_twice(
    netns: Netns, operator: Operator
) -> None:
    netns.ip("addr", "add", "10.1.0.1/32", "dev", "eth0")
    operator.perform([action(RemovePlain("eth0", plain(0, "10.1.0.1/32")), None)])
    assert ipv4_of(netns) == ["10.1.0.1/24"]


def test_ipv6_address_goes_alone(netns: Netns, operator: Operator) -> None:
    netns.ip("addr", "add", "2001:db8:1::2/64", "dev", "eth0", "nodad")
    gone = plain(0, "2001:db8:1::1/64")
    operator.perform([action(RemovePlain("eth0", gone), None)])
    shown = netns.ip("-6", "-o", "addr", "show", "eth0", "scope", "global")
    assert [line.split()[3] for line in shown.splitlines()] == ["2001:db8:1::2/64"]


# -- in a row ------------------------------------------------------------------------------


def a_row(*more: Action) -> list[Action]:
    """Actions that depend on each other, and `more` at the end."""
    return [
        action(CreateLink(kind="bridge", name="br0"), RemoveLink("br0")),
        action(ChangeLink(link="wire0", master="br0"), ChangeLink(link="wire0", master="")),
        action(SetFlags("br0", rt.IFF_UP, rt.IFF_UP), SetFlags("br0", 0, rt.IFF_UP)),
        action(
            AddPlain("br0", plain(0, "10.7.0.1/24")), RemovePlain("br0", plain(0, "10.7.0.1/24"))
        ),
        action(AddPlain("eth0", SECOND), RemovePlain("eth0", SECOND)),
        *more,
    ]


FAILURES: dict[str, tuple[Operation, int]] = {
    "an mtu that the interface cannot have": (ChangeLink(link="eth0", mtu=40), errno.EINVAL),
    "an address that is there": (AddPlain("eth0", SECOND), errno.EEXIST),
    "an address that is not there": (RemovePlain("eth0", THIRD), errno.EADDRNOTAVAIL),
    "a name that is taken": (CreateLink(kind="bridge", name="eth0"), errno.EEXIST),
    "an interface that is not there": (SetFlags("eth7", 1, 1), errno.ENXIO),
    "an interface that cannot go": (RemoveLink("lo"), errno.EOPNOTSUPP),
    "a port of what is no bridge": (ChangeLink(link="br0", master="eth0"), errno.EOPNOTSUPP),
}


@pytest.mark.parametrize(("failing", "number"), FAILURES.values(), ids=FAILURES)
def test_failure_in_the_middle_is_told_with_its_place_and_all_before_it_is_taken_back(
    netns: Netns, operator: Operator, failing: Operation, number: int
) -> None:
    before = footprint(netns)
    never = action(AddPlain("eth0", THIRD), RemovePlain("eth0", THIRD))
    with pytest.raises(StepError) as caught:
        operator.perform(a_row(action(failing, None, line=3, step=2), never))
    assert (caught.value.errno, caught.value.line, caught.value.step) == (number, 3, 2)
    assert "10.1.0.2/24" in ipv4_of(netns)
    assert "10.1.0.3/24" not in ipv4_of(netns)
    operator.undo()
    assert footprint(netns) == before


def test_taking_back_stops_where_it_is_told(netns: Netns, operator: Operator) -> None:
    before = footprint(netns)
    operator.perform(a_row())
    operator.undo(down_to=4)
    assert ipv4_of(netns) == ["10.1.0.1/24"]
    assert ipv4_of(netns, "br0") == ["10.7.0.1/24"]
    operator.undo()
    assert footprint(netns) == before
    operator.undo()
    assert footprint(netns) == before, "nothing is taken back twice"


def test_what_cannot_be_taken_back_is_logged_and_the_rest_is(
    netns: Netns, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    before = footprint(netns)
    operator.perform(
        [
            action(AddPlain("eth0", SECOND), RemovePlain("eth0", SECOND)),
            action(CreateLink(kind="bridge", name="br0"), RemoveLink("nobody")),
            action(RemoveLink("br0"), None),
        ]
    )
    with caplog.at_level(logging.ERROR, logger="carpio"):
        operator.undo()
    assert [record.getMessage() for record in caplog.records] == [
        "carpio: cannot take back: RemoveLink(name='br0')",
        "carpio: taking back a change: nobody: no such interface: No such device or address",
    ]
    assert footprint(netns) == before


def test_interface_that_came_meanwhile_is_found(netns: Netns, operator: Operator) -> None:
    with pytest.raises(PlatformError, match="late0: no such interface"):
        operator.perform_one(SetFlags("late0", rt.IFF_UP, rt.IFF_UP))
    netns.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
    operator.perform_one(SetFlags("late0", rt.IFF_UP, rt.IFF_UP))


def test_address_is_added_where_it_is_said_whatever_index_it_had(
    netns: Netns, operator: Operator
) -> None:
    elsewhere: Address = replace(SECOND, index=netns.index("wire0"))
    operator.perform([action(AddPlain("eth0", elsewhere), RemovePlain("eth0", elsewhere))])
    assert "10.1.0.2/24" in ipv4_of(netns)
