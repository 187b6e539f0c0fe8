"""Every step on paper: what it does to Linux and to the groups, in which order, or why not."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.builders import key_of
from tests.helpers.drafts import held, helper, link, plain

from carpio.config.model import VhidConfig
from carpio.control.messages import StepError
from carpio.control.network import (
    AddAddress,
    AddMember,
    Create,
    DeleteAddress,
    DeleteMember,
    Destroy,
    Line,
    MoveTo,
    SetLink,
    SetVhid,
    Step,
    TakeFrom,
)
from carpio.core.model import State
from carpio.runtime import rtobjects as rt
from carpio.runtime.draft import Draft, StepRefused
from carpio.runtime.namespace import Namespace
from carpio.runtime.operations import (
    Action,
    AddPlain,
    ChangeLink,
    CreateLink,
    FetchLink,
    MoveLink,
    Operation,
    RemoveLink,
    RemovePlain,
    SetFlags,
)
from carpio.runtime.plan import Others, Plan, plan
from carpio.runtime.rtobjects import Address, Link
from carpio.wire.auth import Key

LO = link("lo", 1, kind="", flags=rt.IFF_UP | rt.IFF_LOOPBACK, mac=bytes(6), hardware=772)
ETH0, ETH1 = link("eth0", 2, kind=""), link("eth1", 3, kind="", flags=0)
BRIDGE, PORT = link("bridge0", 4, kind="bridge"), link("port", 5, master=4)
PAIR = link("epair0a", 6, lower=7), link("epair0b", 7, lower=6)
CHILD = helper(1, ETH0, 20)
LINKS = (LO, ETH0, ETH1, BRIDGE, PORT, *PAIR, CHILD)
OWN = plain(2, "10.0.0.2/24")
SECOND = plain(2, "10.0.0.3/24")
OWN6 = plain(2, "2001:db8::2/64")
ADDRESSES = (plain(1, "127.0.0.1/8"), OWN, SECOND, OWN6, plain(20, "10.0.0.9/32"))
VIP, VIP6 = "10.0.0.9", "2001:db8::9"


class Elsewhere:
    """Other namespaces: `jail` has `inside`, `prison` is not the caller's."""

    def __init__(self, jail: Namespace, *names: str) -> None:
        self.jail = jail
        self._names = names

    def others(self) -> Others:
        return Others(open=self._open, names=lambda: self._names, look=self._look)

    def _open(self, name: str) -> Namespace:
        if name == "prison":
            raise StepRefused(errno.EPERM, "prison: not permitted")
        if name != "jail":
            raise StepRefused(errno.ESRCH, f'jail "{name}" not found')
        return self.jail

    def _look(self, _namespace: Namespace) -> Sequence[Link]:
        inside = link("inside", 2, mac=bytes.fromhex("02000000000a"))
        return (LO, inside, helper(1, inside, 3))


@pytest.fixture(scope="module")
def jail() -> Iterator[Namespace]:
    opened = Namespace(None)
    yield opened
    opened.close()


@pytest.fixture
def planned(jail: Namespace) -> Callable[..., Plan]:
    """Plan lines for a host with the links above; `vhids` are the groups that it has."""

    def make(
        *lines: Line,
        vhids: Sequence[VhidConfig] = (),
        links: Sequence[Link] = LINKS,
        addresses: Sequence[Address] = ADDRESSES,
        names: Sequence[str] = (),
        netns: str | None = None,
    ) -> Plan:
        draft = Draft(netns, links, addresses, vhids)
        return plan(lines, draft, Elsewhere(jail, *names).others())

    return make


Planned = Callable[..., Plan]


def on(interface: str, *steps: Step) -> Line:
    return Line(interface, list(steps))


def done(actions: Sequence[Action]) -> list[Operation]:
    return [action.do for action in actions]


def undone(actions: Sequence[Action]) -> list[Operation | None]:
    return [action.undo for action in actions]


def groups(made: Plan) -> dict[str, list[str]]:
    return {one.name: [str(a) for a in one.instance.addresses] for one in made.vhids}


def add(address: str, length: int = 24, vhid: int | None = None, **more: Any) -> AddAddress:
    return AddAddress(address, length, vhid=vhid, **more)


def refusal(planned: Planned, *lines: Line, **world: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        planned(*lines, **world)
    return caught.value


# -- lines and steps -----------------------------------------------------------------------


def test_no_line_changes_nothing(planned: Planned) -> None:
    groups_before = (held("1@eth0", f"{VIP}/24"), held("1@eth9", netns="blue"))
    made = planned(vhids=groups_before)
    assert made == Plan(vhids=groups_before)


def test_line_without_steps_is_called_as_it_was(planned: Planned) -> None:
    assert planned(on("eth0"), on("nobody")).interfaces == ["eth0", "nobody"]


@pytest.mark.parametrize(
    "step",
    [
        Destroy(),
        SetLink(up=True),
        AddMember("eth1"),
        DeleteMember("eth1"),
        MoveTo("jail"),
        SetVhid(1),
        DeleteAddress(),
        DeleteAddress(VIP),
        add(VIP),
        add(VIP, vhid=1),
    ],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize("name", ["eth7", CHILD.name], ids=["unknown", "macvlan"])
def test_unknown_interface_and_the_macvlan_of_a_group_do_not_exist(
    planned: Planned, step: Step, name: str
) -> None:
    error = refusal(planned, on("eth0", SetLink(mtu=1400)), on(name, SetLink(), step))
    assert (error.errno, error.line) == (errno.ENXIO, 1)
    assert str(error) == f"interface {name} does not exist"


def test_refusal_names_the_line_and_the_step(planned: Planned) -> None:
    lines = on("eth0", SetLink(up=True)), on("eth1", SetLink(up=True), DeleteAddress())
    error = refusal(planned, *lines)
    assert (error.line, error.step, error.errno) == (1, 1, errno.EADDRNOTAVAIL)


def test_action_names_the_line_and_the_step(planned: Planned) -> None:
    made = planned(on("eth0"), on("eth0", SetLink(), SetLink(mtu=1400), add("10.0.0.4")))
    assert [(action.line, action.step) for action in made.before] == [(1, 1)]
    assert [(action.line, action.step) for action in made.after] == [(1, 2)]


# -- making and removing interfaces ----------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "creation", "name"),
    [
        (on("bridge", Create("bridge")), CreateLink(kind="bridge", name="bridge1"), "bridge1"),
        (on("bridge7", Create("bridge")), CreateLink(kind="bridge", name="bridge7"), "bridge7"),
        (on("lo", Create("lo")), CreateLink(kind="lo", name="lo1"), "lo1"),
        (
            on("epair", Create("epair")),
            CreateLink(kind="epair", name="epair1a", other="epair1b"),
            "epair1a",
        ),
        (
            on("epair5", Create("epair")),
            CreateLink(kind="epair", name="epair5a", other="epair5b"),
            "epair5a",
        ),
        (
            on("epair5a", Create("epair")),
            CreateLink(kind="epair", name="epair5a", other="epair5b"),
            "epair5a",
        ),
        (
            on("eth0.10", Create("vlan", vlan=10, parent="eth0")),
            CreateLink(kind="vlan", name="eth0.10", vlan=10, parent="eth0"),
            "eth0.10",
        ),
        (
            on("vlan", Create("vlan", vlan=10, parent="eth0")),
            CreateLink(kind="vlan", name="vlan0", vlan=10, parent="eth0"),
            "vlan0",
        ),
    ],
)
def test_interface_is_made_first_and_removed_when_taken_back(
    planned: Planned, line: Line, creation: CreateLink, name: str
) -> None:
    made = planned(line)
    assert done(made.before) == [creation]
    assert undone(made.before) == [RemoveLink(name)]
    assert made.after == []
    assert made.interfaces == [name]


def test_number_that_is_taken_elsewhere_is_not_given_again(planned: Planned) -> None:
    made = planned(
        on("epair", Create("epair")),
        on("epair", Create("epair")),
        on("bridge", Create("bridge")),
        names=("epair1b", "epair3a", "bridge1"),
    )
    assert made.interfaces == ["epair2a", "epair4a", "bridge2"]


@pytest.mark.parametrize(
    ("line", "number", "text"),
    [
        (on("bridge0", Create("bridge")), errno.EEXIST, "interface bridge0 already exists"),
        (on("epair0", Create("epair")), errno.EEXIST, "interface epair0a already exists"),
        (on(CHILD.name, Create("lo")), errno.EEXIST, "interface carp1-2 already exists"),
        (on("vlan", Create("vlan", vlan=1)), errno.EINVAL, "a vlan needs its number"),
        (on("vlan", Create("vlan", parent="eth0")), errno.EINVAL, "a vlan needs its number"),
        (on("v", Create("vlan", vlan=1, parent="eth7")), errno.ENXIO, "eth7 does not exist"),
        (on("a b", Create("bridge")), errno.EINVAL, "cannot name an interface"),
        (on("a/b", Create("bridge")), errno.EINVAL, "cannot name an interface"),
        (on("br%d", Create("bridge")), errno.EINVAL, "cannot name an interface"),
        (on("..", Create("bridge")), errno.EINVAL, "cannot name an interface"),
        (on("x" * 16, Create("bridge")), errno.EINVAL, "has 16 bytes"),
        (on("x" * 15, Create("epair")), errno.EINVAL, "has 16 bytes"),
    ],
)
def test_interface_that_cannot_be_made_is_refused(
    planned: Planned, line: Line, number: int, text: str
) -> None:
    error = refusal(planned, line)
    assert error.errno == number
    assert text in str(error)


def test_steps_after_creation_are_about_the_new_interface(planned: Planned) -> None:
    made = planned(on("bridge", Create("bridge"), AddMember("eth1"), SetLink(up=True)))
    assert done(made.before) == [
        CreateLink(kind="bridge", name="bridge1"),
        ChangeLink(link="eth1", master="bridge1"),
        SetFlags("bridge1", rt.IFF_UP, rt.IFF_UP),
    ]


def test_settings_that_a_new_interface_had_are_not_guessed_when_taken_back(
    planned: Planned,
) -> None:
    made = planned(on("lo", Create("lo"), SetLink(mac="02:00:00:00:00:0b")))
    assert undone(made.before) == [RemoveLink("lo1"), ChangeLink(link="lo1")]


def test_interface_is_removed_last_and_cannot_be_taken_back(planned: Planned) -> None:
    made = planned(on("bridge0", Destroy()), on("eth0", add("10.0.0.4")))
    assert [type(one) for one in done(made.after)] == [AddPlain, RemoveLink]
    assert done(made.after)[-1] == RemoveLink("bridge0")
    assert undone(made.after)[-1] is None, "so it is done when nothing else can fail any more"


def test_both_ends_of_an_epair_go_together(planned: Planned) -> None:
    for end, other in (("epair0a", "epair0b"), ("epair0b", "epair0a")):
        error = refusal(planned, on(end, Destroy()), on(other, SetLink(up=True)))
        assert (error.errno, error.line) == (errno.ENXIO, 1)
    new = refusal(planned, on("epair9", Create("epair"), Destroy()), on("epair9b", Destroy()))
    assert (new.errno, new.line) == (errno.ENXIO, 1)


def test_peer_in_another_namespace_is_not_taken_for_an_interface_here(planned: Planned) -> None:
    alone = replace(PAIR[0], lower=ETH0.index, lower_elsewhere=True)
    made = planned(on("epair0a", Destroy()), on("eth0", SetLink(up=True)), links=(ETH0, alone))
    assert done(made.after) == [RemoveLink("epair0a")]


@pytest.mark.parametrize("name", ["eth0", "lo"])
def test_interface_that_nobody_created_is_not_removed(planned: Planned, name: str) -> None:
    assert refusal(planned, on(name, Destroy())).errno == errno.EINVAL


@pytest.mark.parametrize("end", ["epair0a", "epair0b"])
def test_interface_that_carries_groups_is_not_removed(planned: Planned, end: str) -> None:
    error = refusal(planned, on(end, Destroy()), vhids=[held("3@epair0b", f"{VIP}/24")])
    assert error.errno == errno.EBUSY
    assert "epair0b carries vhid 3" in str(error)


def test_interface_is_removed_in_the_request_that_takes_its_groups(planned: Planned) -> None:
    made = planned(
        on("epair0b", DeleteAddress(VIP)),
        on("epair0b", Destroy()),
        vhids=[held("3@epair0b", f"{VIP}/24")],
    )
    assert made.vhids == ()
    assert done(made.after) == [RemoveLink("epair0b")]


# -- settings of interfaces ----------------------------------------------------------------


def test_settings_are_changed_at_once_and_what_was_is_remembered(planned: Planned) -> None:
    step = SetLink(mtu=1400, mac="02:00:00:00:00:0B", description="uplink", up=False, arp=False)
    made = planned(on("eth0", step))
    mask = rt.IFF_UP | rt.IFF_NOARP
    assert done(made.before) == [
        ChangeLink(link="eth0", mtu=1400, mac=bytes.fromhex("02000000000b"), description="uplink"),
        SetFlags("eth0", rt.IFF_NOARP, mask),
    ]
    assert undone(made.before) == [
        ChangeLink(link="eth0", mtu=1500, mac=ETH0.mac, description=""),
        SetFlags("eth0", rt.IFF_UP, mask),
    ]


@pytest.mark.parametrize(
    ("step", "flags", "mask"),
    [
        (SetLink(up=True), rt.IFF_UP, rt.IFF_UP),
        (SetLink(up=False), 0, rt.IFF_UP),
        (SetLink(promisc=True), rt.IFF_PROMISC, rt.IFF_PROMISC),
        (SetLink(allmulti=False), 0, rt.IFF_ALLMULTI),
        (SetLink(arp=True), 0, rt.IFF_NOARP),
        (SetLink(arp=False), rt.IFF_NOARP, rt.IFF_NOARP),
    ],
)
def test_flag_is_set_or_cleared(planned: Planned, step: SetLink, flags: int, mask: int) -> None:
    assert done(planned(on("eth1", step)).before) == [SetFlags("eth1", flags, mask)]


def test_nothing_to_set_is_nothing_to_do(planned: Planned) -> None:
    assert planned(on("eth0", SetLink(), SetLink(name="eth0"))).before == []


def test_empty_description_is_removed(planned: Planned) -> None:
    made = planned(on("eth0", SetLink(description="")), links=[link("eth0", 2, alias="uplink")])
    assert done(made.before) == [ChangeLink(link="eth0", description="")]
    assert undone(made.before) == [ChangeLink(link="eth0", description="uplink")]


def test_random_mac_is_locally_administered_and_of_one_station(planned: Planned) -> None:
    macs = set()
    for _ in range(64):
        (change,) = done(planned(on("eth0", SetLink(mac="random"))).before)
        assert isinstance(change, ChangeLink)
        assert change.mac is not None
        assert len(change.mac) == 6
        assert change.mac[0] & 3 == 2
        macs.add(change.mac)
    assert len(macs) > 60


@pytest.mark.parametrize(
    "mac",
    [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:01:02",
        "020000000001",
        "0:2:0:0:0:1",
        "02-00-00-00-00-01",
        "02:00:00:00:00:0g",
        "02:00: 0:00:00:01",
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "Random",
    ],
)
def test_bad_mac_is_refused(planned: Planned, mac: str) -> None:
    error = refusal(planned, on("eth0", SetLink(mac=mac)))
    assert (error.errno, str(error)) == (errno.EINVAL, f"{mac}: bad value")


def test_renamed_interface_is_called_so_from_then_on(planned: Planned) -> None:
    made = planned(on("eth0", SetLink(name="wan", mtu=1400), SetLink(up=False)), on("wan"))
    assert done(made.before) == [
        ChangeLink(link="eth0", mtu=1400),
        ChangeLink(link="eth0", name="wan"),
        SetFlags("wan", 0, rt.IFF_UP),
    ]
    assert undone(made.before)[1] == ChangeLink(link="wan", name="eth0")
    assert made.interfaces == ["wan", "wan"]


def test_address_that_waits_follows_an_interface_that_is_renamed(planned: Planned) -> None:
    """Renaming comes before the groups, adding addresses after them."""
    made = planned(on("eth0", add("10.0.0.4")), on("eth0", SetLink(name="wan")))
    added = plain(0, "10.0.0.4/24")
    assert done(made.after) == [AddPlain("wan", added)]
    assert undone(made.after) == [RemovePlain("wan", added)]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("eth1", errno.EEXIST),
        (CHILD.name, errno.EEXIST),
        ("a b", errno.EINVAL),
        ("eth%d", errno.EINVAL),
        ("x" * 16, errno.EINVAL),
    ],
)
def test_interface_cannot_be_renamed_to_what_is_taken_or_no_name(
    planned: Planned, name: str, number: int
) -> None:
    assert refusal(planned, on("eth0", SetLink(name=name))).errno == number


def test_interface_that_carries_groups_keeps_its_name(planned: Planned) -> None:
    vhids = [held("1@eth0", f"{VIP}/24"), held("2@eth0", f"{VIP6}/64")]
    error = refusal(planned, on("eth0", SetLink(name="wan")), vhids=vhids)
    assert (error.errno, str(error)) == (
        errno.EBUSY,
        "eth0 carries vhid 1, 2; remove their addresses first",
    )


# -- bridges -------------------------------------------------------------------------------


def test_port_comes_and_goes(planned: Planned) -> None:
    made = planned(on("bridge0", AddMember("eth1"), DeleteMember("port")))
    assert done(made.before) == [
        ChangeLink(link="eth1", master="bridge0"),
        ChangeLink(link="port", master=""),
    ]
    assert undone(made.before) == [
        ChangeLink(link="eth1", master=""),
        ChangeLink(link="port", master="bridge0"),
    ]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (on("eth0", AddMember("eth1")), errno.EOPNOTSUPP),
        (on("eth0", DeleteMember("eth1")), errno.EOPNOTSUPP),
        (on("bridge0", AddMember("eth7")), errno.ENXIO),
        (on("bridge0", DeleteMember("eth7")), errno.ENXIO),
        (on("bridge0", AddMember(CHILD.name)), errno.ENXIO),
        (on("bridge0", AddMember("port")), errno.EBUSY),
        (on("bridge0", AddMember("bridge0")), errno.EBUSY),
        (on("bridge0", AddMember("eth1"), AddMember("eth1")), errno.EBUSY),
        (on("bridge0", DeleteMember("eth1")), errno.ENOENT),
        (on("bridge0", DeleteMember("port"), DeleteMember("port")), errno.ENOENT),
        (on("bridge", Create("bridge"), DeleteMember("port")), errno.ENOENT),
    ],
)
def test_port_that_cannot_come_or_go_is_refused(planned: Planned, line: Line, number: int) -> None:
    assert refusal(planned, line).errno == number


def test_port_of_one_new_bridge_is_not_one_of_another(planned: Planned) -> None:
    lines = (
        on("bridge1", Create("bridge"), AddMember("eth1")),
        on("bridge2", Create("bridge"), DeleteMember("eth1")),
    )
    assert refusal(planned, *lines).errno == errno.ENOENT


def test_interface_that_carries_groups_cannot_become_a_port(planned: Planned) -> None:
    error = refusal(planned, on("bridge0", AddMember("eth0")), vhids=[held("1@eth0", f"{VIP}/24")])
    assert error.errno == errno.EBUSY


# -- namespaces ----------------------------------------------------------------------------


def test_interface_moves_to_a_jail_after_the_groups(planned: Planned, jail: Namespace) -> None:
    made = planned(on("epair0b", SetLink(up=True), MoveTo("jail")))
    assert done(made.after) == [MoveLink("epair0b", jail)]
    assert undone(made.after) == [FetchLink("epair0b", jail)]
    assert made.interfaces == ["epair0b"]


def test_interface_comes_from_a_jail_before_the_groups_and_is_down(
    planned: Planned, jail: Namespace
) -> None:
    made = planned(on("inside", TakeFrom("jail"), SetVhid(1), add(VIP, vhid=1)))
    assert done(made.before) == [
        FetchLink("inside", jail),
        SetFlags("inside", rt.IFF_UP, rt.IFF_UP),
    ]
    assert undone(made.before)[0] == MoveLink("inside", jail)
    assert groups(made) == {"1@inside": [f"{VIP}/24"]}


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (on("epair0b", MoveTo("nobody")), errno.ESRCH),
        (on("epair0b", MoveTo("prison")), errno.EPERM),
        (on("inside", TakeFrom("nobody")), errno.ESRCH),
        (on("inside", TakeFrom("prison")), errno.EPERM),
        (on("outside", TakeFrom("jail")), errno.ENXIO),
        (on("carp1-2", TakeFrom("jail")), errno.EEXIST),
        (on("eth0", TakeFrom("jail")), errno.EEXIST),
        (on("epair0b", MoveTo("jail"), SetLink(up=True)), errno.ENXIO),
    ],
)
def test_move_that_cannot_be_is_refused(planned: Planned, line: Line, number: int) -> None:
    assert refusal(planned, line).errno == number


def test_macvlan_of_a_group_is_not_taken_out_of_a_jail(planned: Planned) -> None:
    error = refusal(planned, on("carp1-2", TakeFrom("jail")), links=(LO, ETH1), addresses=())
    assert error.errno == errno.ENXIO


def test_address_of_an_interface_that_leaves_is_removed_before_a_group_takes_it(
    planned: Planned,
) -> None:
    made = planned(
        on("bridge0", add("10.0.1.4")),
        on("bridge0", Destroy()),
        on("eth0", MoveTo("jail")),
        on("eth1", SetVhid(1), *[add(one, vhid=1) for one in ("10.0.0.3", "10.0.1.4")]),
    )
    assert done(made.before)[0] == RemovePlain("eth0", SECOND)
    assert undone(made.before)[0] == AddPlain("eth0", SECOND)
    assert [type(one) for one in done(made.after)] == [MoveLink, RemoveLink]


def test_interface_that_carries_groups_does_not_move(planned: Planned) -> None:
    error = refusal(planned, on("eth0", MoveTo("jail")), vhids=[held("1@eth0", f"{VIP}/24")])
    assert error.errno == errno.EBUSY


# -- groups --------------------------------------------------------------------------------


def test_new_group_has_what_is_named_and_defaults(planned: Planned) -> None:
    made = planned(on("eth0", SetVhid(7, advskew=100, passphrase="secret")))
    (group,) = made.vhids
    assert (group.name, group.instance.advbase, group.instance.advskew) == ("7@eth0", 1, 100)
    assert group.instance.key == Key.from_passphrase("secret")
    assert made.touched == {key_of("7@eth0"): (0, 0)}
    assert (made.before, made.after, made.states) == ([], [], [])


def test_changed_group_keeps_what_is_not_named(planned: Planned) -> None:
    before = held("7@eth0", f"{VIP}/24")
    made = planned(on("eth0", SetVhid(7, advskew=100), SetVhid(7, passphrase="")), vhids=[before])
    assert made.vhids == (replace(before, instance=replace(before.instance, advskew=100)),)


def test_state_is_forced_at_the_end_in_the_order_of_the_steps(planned: Planned) -> None:
    made = planned(
        on("eth0", SetVhid(1, state="master")),
        on("eth1", SetVhid(1, state="backup"), SetVhid(1, state="master")),
    )
    assert made.states == [
        (key_of("1@eth0"), State.MASTER),
        (key_of("1@eth1"), State.BACKUP),
        (key_of("1@eth1"), State.MASTER),
    ]


def test_state_of_a_group_that_goes_is_not_forced(planned: Planned) -> None:
    made = planned(
        on("eth0", SetVhid(1, state="master"), SetVhid(2, state="master"), DeleteAddress(VIP)),
        vhids=[held("1@eth0", f"{VIP}/24")],
    )
    assert made.states == [(key_of("2@eth0"), State.MASTER)]
    assert list(made.touched) == [key_of("2@eth0")]


def test_group_that_went_and_comes_again_is_a_new_one(planned: Planned) -> None:
    made = planned(
        on("eth0", SetVhid(1, state="master"), DeleteAddress(VIP)),
        on("eth0", SetVhid(1), add(VIP, vhid=1)),
        vhids=[held("1@eth0", f"{VIP}/24")],
    )
    assert groups(made) == {"1@eth0": [f"{VIP}/24"]}
    assert made.vhids[0].instance.key == Key.from_bytes(b"")
    assert made.states == [], "the state was wanted for the one that went"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("lo", {}),
        ("port", {}),
        ("mac", {"links": [link("mac", 9, kind="macvlan")]}),
        ("tun0", {"links": [link("tun0", 9, kind="tun", hardware=65534)]}),
    ],
)
def test_interface_that_cannot_be_a_carpdev_is_refused(
    planned: Planned, name: str, more: dict[str, Any]
) -> None:
    assert refusal(planned, on(name, SetVhid(1)), **more).errno == errno.EOPNOTSUPP


def test_new_interfaces_do_not_stand_in_the_way_of_a_group(planned: Planned) -> None:
    made = planned(
        on("epair", Create("epair")),
        on("bridge", Create("bridge")),
        on("eth0", SetVhid(1)),
        on("bridge1", SetVhid(1)),
        on("epair1b", SetVhid(1)),
    )
    assert list(groups(made)) == ["1@eth0", "1@bridge1", "1@epair1b"]


def test_new_port_cannot_be_a_carpdev(planned: Planned) -> None:
    lines = on("bridge", Create("bridge"), AddMember("eth1")), on("eth1", SetVhid(1))
    assert refusal(planned, *lines).errno == errno.EOPNOTSUPP


def test_passphrase_is_shown_nowhere(planned: Planned) -> None:
    made = planned(on("eth0", SetVhid(1, passphrase="hush-hush")))
    assert "hush" not in repr(made)
    assert Key.from_passphrase("hush-hush").raw.hex() not in repr(made)


# -- addresses of groups -------------------------------------------------------------------


def test_address_comes_with_its_group_and_touches_nothing_else(planned: Planned) -> None:
    made = planned(on("eth0", SetVhid(1), add(VIP, vhid=1), add(VIP6, 64, vhid=1)))
    assert groups(made) == {"1@eth0": [f"{VIP}/24", f"{VIP6}/64"]}
    assert (made.before, made.after) == ([], [])
    assert made.touched == {key_of("1@eth0"): (0, 2)}


def test_address_sets_the_interface_up(planned: Planned) -> None:
    for address in (add(VIP, vhid=1), add("10.0.1.1")):
        made = planned(on("eth1", SetVhid(1), address))
        assert done(made.before) == [SetFlags("eth1", rt.IFF_UP, rt.IFF_UP)]
        assert undone(made.before) == [SetFlags("eth1", 0, rt.IFF_UP)]


def test_address_of_a_group_that_is_not_there_is_refused(planned: Planned) -> None:
    assert refusal(planned, on("eth0", add(VIP, vhid=1))).errno == errno.ENOPROTOOPT
    other = [held("2@eth0", f"{VIP6}/64")]
    assert refusal(planned, on("eth0", add(VIP, vhid=1)), vhids=other).errno == errno.ENOENT


@pytest.mark.parametrize(
    ("address", "length"),
    [
        ("10.0.0", 24),
        ("10.0.0.9", 33),
        ("2001:db8::9", 129),
        ("fe80::1%eth0", 64),
        ("224.0.0.18", 32),
        ("127.0.0.9", 8),
        ("0.0.0.0", 0),
        ("::", 0),
        ("::ffff:10.0.0.1", 128),
        ("10.0.0.0", 24),
        ("10.0.0.255", 24),
        ("", 24),
        ("a\0b", 24),
    ],
)
def test_what_no_group_can_have_is_refused(planned: Planned, address: str, length: int) -> None:
    error = refusal(planned, on("eth0", SetVhid(1), add(address, length, vhid=1)))
    assert (error.errno, error.step) == (errno.EINVAL, 1)


def test_address_of_another_interface_is_refused_link_local_ones_excepted(
    planned: Planned,
) -> None:
    held_there = [held("1@eth1", f"{VIP}/24", "fe80::9/64")]
    step = SetVhid(1)
    for address in (VIP, str(SECOND.address)):
        interface = "eth0" if address == VIP else "epair0a"
        error = refusal(planned, on(interface, step, add(address, vhid=1)), vhids=held_there)
        assert error.errno == errno.EEXIST
    made = planned(on("eth0", step, add("fe80::9", 64, vhid=1)), vhids=held_there)
    assert groups(made) == {"1@eth1": [f"{VIP}/24", "fe80::9/64"], "1@eth0": ["fe80::9/64"]}


def test_address_moves_from_the_interface_to_a_group_and_is_never_with_both(
    planned: Planned,
) -> None:
    made = planned(on("eth0", SetVhid(1), add(str(SECOND.address), vhid=1)))
    assert done(made.before) == [RemovePlain("eth0", SECOND)]
    assert undone(made.before) == [AddPlain("eth0", SECOND)]
    assert made.after == []
    assert groups(made) == {"1@eth0": ["10.0.0.3/24"]}


def test_address_that_an_interface_has_twice_leaves_it_twice(planned: Planned) -> None:
    """Linux allows one IPv4 address with several prefix lengths."""
    twice = (OWN, plain(2, "10.0.0.2/32"))
    made = planned(on("eth0", SetVhid(1), add("10.0.0.2", vhid=1)), addresses=twice)
    assert done(made.before) == [RemovePlain("eth0", address) for address in twice]


def test_address_moves_from_a_group_to_the_interface_by_way_of_removal(planned: Planned) -> None:
    before = [held("1@eth0", f"{VIP}/24", f"{VIP6}/64")]
    assert refusal(planned, on("eth0", add(VIP)), vhids=before).errno == errno.EEXIST
    made = planned(on("eth0", DeleteAddress(VIP), add(VIP)), vhids=before)
    assert made.before == []
    assert groups(made) == {"1@eth0": [f"{VIP6}/64"]}
    assert done(made.after) == [AddPlain("eth0", plain(0, f"{VIP}/24"))]


def test_address_that_only_waits_to_be_ordinary_goes_to_the_group_instead(
    planned: Planned,
) -> None:
    made = planned(on("eth0", add(VIP)), on("eth0", SetVhid(1), add(VIP, vhid=1)))
    assert (made.before, made.after) == ([], [])
    assert groups(made) == {"1@eth0": [f"{VIP}/24"]}


def test_address_moves_between_groups_and_leaves_an_empty_one(planned: Planned) -> None:
    made = planned(on("eth0", SetVhid(2), add(VIP, vhid=2)), vhids=[held("1@eth0", f"{VIP}/24")])
    assert groups(made) == {"1@eth0": [], "2@eth0": [f"{VIP}/24"]}
    assert set(made.touched) == {key_of("1@eth0"), key_of("2@eth0")}
    assert (made.before, made.after) == ([], [])


def test_address_that_the_group_has_gets_the_new_length_in_its_place(planned: Planned) -> None:
    before = [held("1@eth0", f"{VIP}/24", f"{VIP6}/64")]
    made = planned(on("eth0", add(VIP, 32, vhid=1)), vhids=before)
    assert groups(made) == {"1@eth0": [f"{VIP}/32", f"{VIP6}/64"]}


def test_removal_of_the_last_address_removes_the_group(planned: Planned) -> None:
    before = [held("1@eth0", f"{VIP}/24", f"{VIP6}/64"), held("2@eth0", "10.0.0.10/24")]
    made = planned(on("eth0", DeleteAddress(VIP6), DeleteAddress(VIP)), vhids=before)
    assert groups(made) == {"2@eth0": ["10.0.0.10/24"]}
    assert made.touched == {}


def test_address_of_a_group_whose_interface_is_gone_can_be_removed_and_nothing_else(
    planned: Planned,
) -> None:
    before = [held("1@eth7", f"{VIP6}/64", f"{VIP}/24", "10.0.0.10/24")]
    made = planned(on("eth7", DeleteAddress("10.0.0.10"), DeleteAddress()), vhids=before)
    assert groups(made) == {"1@eth7": [f"{VIP6}/64"]}
    assert (made.before, made.after) == ([], [])
    for step in (SetVhid(1), add(VIP, vhid=1), SetLink(up=True), Destroy()):
        assert refusal(planned, on("eth7", step), vhids=before).errno == errno.ENXIO
    error = refusal(planned, on("eth7", DeleteAddress("10.0.0.2")), vhids=before)
    assert error.errno == errno.EADDRNOTAVAIL


def test_group_of_another_namespace_is_left_alone(planned: Planned) -> None:
    other = held("1@eth0", f"{VIP}/24", netns="blue")
    assert refusal(planned, on("eth0", DeleteAddress(VIP)), vhids=[other]).errno == (
        errno.EADDRNOTAVAIL
    )
    made = planned(on("eth0", SetVhid(1), add(VIP, vhid=1)), vhids=[other], netns="red")
    assert made.vhids[0] == other
    assert (made.vhids[1].netns, made.vhids[1].name) == ("red", "1@eth0")


def test_group_address_replaces_the_first_ordinary_one(planned: Planned) -> None:
    made = planned(on("eth0", SetVhid(1), add(VIP, vhid=1, replace=True)))
    assert done(made.before) == [RemovePlain("eth0", OWN)]
    ipv6 = planned(on("eth0", SetVhid(1), add(VIP6, 64, vhid=1, replace=True)))
    assert ipv6.before == []


# -- ordinary addresses --------------------------------------------------------------------


def test_ordinary_address_is_added_after_the_groups(planned: Planned) -> None:
    made = planned(on("eth0", add("10.0.0.4")))
    added = plain(0, "10.0.0.4/24")
    assert made.before == []
    assert done(made.after) == [AddPlain("eth0", added)]
    assert undone(made.after) == [RemovePlain("eth0", added)]


def added_by(planned: Planned, step: AddAddress) -> Address:
    (operation,) = done(planned(on("eth0", step)).after)
    assert isinstance(operation, AddPlain)
    return operation.address


def test_attributes_of_an_address_are_carried_along(planned: Planned) -> None:
    address = added_by(planned, add(VIP6, 64, no_dad=True, preferred_s=0, valid_s=600))
    assert address.flags == rt.IFA_F_NODAD
    assert (address.preferred_s, address.valid_s, address.broadcast) == (0, 600, None)
    assert added_by(planned, add("10.0.0.4", broadcast="10.0.0.7")).broadcast == (
        ip_address("10.0.0.7")
    )
    point = added_by(planned, add("10.0.0.4", 32, peer="10.9.9.9", no_dad=True))
    assert (point.peer, point.broadcast, point.flags) == (ip_address("10.9.9.9"), None, 0)


@pytest.mark.parametrize(
    ("length", "broadcast"),
    [(24, "10.0.0.255"), (30, "10.0.0.7"), (31, None), (32, None)],
)
def test_broadcast_address_is_all_ones_where_there_is_one(
    planned: Planned, length: int, broadcast: str | None
) -> None:
    """Of two addresses (RFC 3021) the other end has the one with all ones."""
    found = added_by(planned, add("10.0.0.4", length)).broadcast
    assert found == (broadcast and ip_address(broadcast))


@pytest.mark.parametrize(
    ("step", "number"),
    [
        (add("10.0.0"), errno.EINVAL),
        (add("10.0.0.4", 33), errno.EINVAL),
        (add("fe80::1%2", 64), errno.EINVAL),
        (add("10.0.0.4", peer="2001:db8::1"), errno.EINVAL),
        (add("10.0.0.4", peer="x"), errno.EINVAL),
        (add("10.0.0.4", broadcast="2001:db8::1"), errno.EINVAL),
        (add("10.0.0.4", broadcast="x"), errno.EINVAL),
        (add(VIP6, 64, anycast=True), errno.EOPNOTSUPP),
        (add("127.0.0.1", 8), errno.EEXIST),
    ],
)
def test_ordinary_address_that_cannot_be_is_refused(
    planned: Planned, step: AddAddress, number: int
) -> None:
    assert refusal(planned, on("eth0", step)).errno == number


def test_address_of_a_group_is_not_made_an_ordinary_one_on_any_interface(
    planned: Planned,
) -> None:
    before = [held("1@eth1", f"{VIP}/24", "fe80::9/64")]
    for interface in ("eth0", "eth1"):
        error = refusal(planned, on(interface, add(VIP, 32)), vhids=before)
        assert error.errno == errno.EEXIST
        assert "belongs to 1@eth1" in str(error)
    assert done(planned(on("eth0", add("fe80::9", 64)), vhids=before).after)


def test_address_that_the_interface_has_is_changed(planned: Planned) -> None:
    made = planned(on("eth0", add("10.0.0.3", 25)))
    assert done(made.before) == [RemovePlain("eth0", SECOND)]
    assert done(made.after) == [AddPlain("eth0", plain(0, "10.0.0.3/25"))]


def test_replacing_removes_the_first_ipv4_address(planned: Planned) -> None:
    made = planned(on("eth0", add("10.0.0.4", replace=True)))
    assert done(made.before) == [RemovePlain("eth0", OWN)]
    assert done(made.after) == [AddPlain("eth0", plain(0, "10.0.0.4/24"))]


def test_replacing_the_first_address_by_itself_changes_it(planned: Planned) -> None:
    made = planned(on("eth0", add("10.0.0.2", 25, replace=True)))
    assert done(made.before) == [RemovePlain("eth0", OWN)]
    assert done(made.after) == [AddPlain("eth0", plain(0, "10.0.0.2/25"))]


def test_replacing_where_there_is_nothing_or_another_family_adds(planned: Planned) -> None:
    assert planned(on("epair0a", add("10.0.1.4", replace=True))).before == []
    assert planned(on("eth0", add(VIP6, 64, replace=True))).before == []
    before = [held("1@epair0a", "10.0.1.9/24")]
    made = planned(on("epair0a", add("10.0.1.4", replace=True)), vhids=before)
    assert groups(made) == {"1@epair0a": ["10.0.1.9/24"]}, "that of a group is not replaced"


def test_replacing_twice_leaves_the_last(planned: Planned) -> None:
    made = planned(
        on("eth0", add("10.0.0.4", replace=True)),
        on("eth0", add("10.0.0.5", replace=True)),
        addresses=(OWN,),
    )
    assert done(made.before) == [RemovePlain("eth0", OWN)]
    assert done(made.after) == [AddPlain("eth0", plain(0, "10.0.0.5/24"))]


def test_address_that_was_added_is_removed_again_before_it_was_there(planned: Planned) -> None:
    made = planned(
        on("eth0", add("10.0.0.4"), add("10.0.0.4", 25)), on("eth0", DeleteAddress("10.0.0.4"))
    )
    assert (made.before, made.after) == ([], [])


def test_ordinary_address_is_removed_before_the_groups(planned: Planned) -> None:
    made = planned(on("eth0", DeleteAddress("10.0.0.3"), DeleteAddress("2001:db8::2")))
    assert done(made.before) == [RemovePlain("eth0", SECOND), RemovePlain("eth0", OWN6)]
    assert undone(made.before) == [AddPlain("eth0", SECOND), AddPlain("eth0", OWN6)]


def test_without_a_name_the_first_ipv4_address_goes_an_ordinary_one_first(
    planned: Planned,
) -> None:
    before = [held("1@eth0", f"{VIP6}/64", f"{VIP}/24")]
    made = planned(on("eth0", *[DeleteAddress()] * 3), vhids=before)
    assert done(made.before) == [RemovePlain("eth0", OWN), RemovePlain("eth0", SECOND)]
    assert groups(made) == {"1@eth0": [f"{VIP6}/64"]}
    error = refusal(planned, on("eth0", *[DeleteAddress()] * 4), vhids=before)
    assert (error.errno, error.step) == (errno.EADDRNOTAVAIL, 3)


@pytest.mark.parametrize("address", ["10.0.0.4", "127.0.0.1", VIP])
def test_address_that_is_not_there_is_not_removed(planned: Planned, address: str) -> None:
    error = refusal(
        planned, on("eth0", DeleteAddress(address)), vhids=[held("1@eth1", f"{VIP}/24")]
    )
    assert (error.errno, str(error)) == (errno.EADDRNOTAVAIL, f"{address} is not on eth0")


def test_text_that_is_no_address_is_not_removed(planned: Planned) -> None:
    assert refusal(planned, on("eth0", DeleteAddress("10.0.0"))).errno == errno.EINVAL


# -- any request ---------------------------------------------------------------------------

NAMES = st.sampled_from([one.name for one in LINKS] + ["bridge", "epair", "new", "inside", "a b"])
TEXTS = st.sampled_from(
    [VIP, VIP6, "10.0.0.2", "10.0.0.3", "2001:db8::2", "fe80::9", "10.0.0", "", "a\0b"]
)
VHIDS = st.sampled_from([1, 2, 255])
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        Create,
        st.sampled_from(["bridge", "epair", "lo", "vlan"]),
        vlan=st.none() | st.just(10),
        parent=st.none() | NAMES,
    ),
    st.builds(Destroy),
    st.builds(
        SetLink,
        up=st.none() | st.booleans(),
        mtu=st.none() | st.just(1400),
        mac=st.none() | st.sampled_from(["random", "02:00:00:00:00:09", "x"]),
        name=st.none() | NAMES,
        description=st.none() | st.text(max_size=5),
    ),
    st.builds(AddMember, NAMES),
    st.builds(DeleteMember, NAMES),
    st.builds(MoveTo, st.sampled_from(["jail", "nobody"])),
    st.builds(TakeFrom, st.sampled_from(["jail", "prison"])),
    st.builds(
        SetVhid,
        VHIDS,
        advskew=st.none() | st.just(100),
        passphrase=st.none() | st.text(max_size=30),
        state=st.none() | st.sampled_from(["master", "backup"]),
    ),
    st.builds(DeleteAddress, st.none() | TEXTS),
    st.builds(
        AddAddress,
        TEXTS,
        st.sampled_from([0, 24, 32, 64, 128]),
        vhid=st.none() | VHIDS,
        replace=st.booleans(),
        broadcast=st.none() | TEXTS,
        peer=st.none() | TEXTS,
        anycast=st.booleans(),
    ),
)
ANY_LINE = st.builds(Line, NAMES, st.lists(STEPS, max_size=4))
GOOD_ADDRESSES = st.sampled_from([VIP, VIP6, "10.0.0.2", "10.0.0.3", "2001:db8::2", "10.0.0.4"])
GOOD_STEPS: st.SearchStrategy[list[Step]] = st.one_of(
    st.builds(
        lambda vhid, *addresses: [SetVhid(vhid), *[add(one, 32, vhid) for one in addresses]],
        VHIDS,
        GOOD_ADDRESSES,
        GOOD_ADDRESSES,
    ),
    st.builds(
        lambda one, replaces: [add(one, 32, replace=replaces)], GOOD_ADDRESSES, st.booleans()
    ),
    st.builds(lambda one: [DeleteAddress(one)], st.none() | GOOD_ADDRESSES),
    st.builds(lambda up, name: [SetLink(up=up, name=name)], st.booleans(), st.sampled_from("xyz")),
    st.sampled_from([[MoveTo("jail")], [Destroy()]]),
)
GOOD_LINE = st.builds(Line, st.sampled_from(["eth0", "eth0", "eth1", "epair0a", "x"]), GOOD_STEPS)
LINES = st.lists(ANY_LINE | GOOD_LINE, max_size=6)
BEFORE = (held("1@eth0", f"{VIP}/24", f"{VIP6}/64"), held("1@eth0", f"{VIP}/24", netns="blue"))


@given(LINES)
def test_any_request_becomes_a_plan_or_is_refused_and_what_it_looked_at_stays_as_it_was(
    lines: list[Line],
) -> None:
    """Lines that are refused are left out of the next try, so that plans become long as well."""
    links, addresses, vhids = list(LINKS), list(ADDRESSES), list(BEFORE)
    own = Namespace(None)
    good: list[Line] = []
    refusals: list[StepError] = []
    for line in lines:
        draft = Draft(None, links, addresses, vhids)
        try:
            made = plan([*good, line], draft, Elsewhere(own).others())
        except StepError as error:
            refusals.append(error)
            assert 0 <= error.step < len(line.steps)  # noqa: PT017
            assert error.line == len(good)  # noqa: PT017
        else:
            good.append(line)
            check(made, len(good))
    own.close()
    assert all(refused.errno > 0 for refused in refusals)
    assert (links, addresses, vhids) == (list(LINKS), list(ADDRESSES), list(BEFORE))


def check(made: Plan, lines: int) -> None:
    """What holds for every plan."""
    assert len(made.interfaces) == lines
    assert BEFORE[1] in made.vhids, "a group of another namespace"
    here = [one for one in made.vhids if one.netns is None]
    virtual = [a.address for one in here for a in one.instance.addresses]
    local = [address for address in virtual if address.is_link_local]
    assert len(set(virtual)) == len(virtual) - len(local) + len(set(local))
    ordinary = [one.address.address for one in done(made.after) if isinstance(one, AddPlain)]
    assert not {a for a in ordinary if not a.is_link_local} & set(virtual)
    check_never_with_both(made, virtual)
    keys = {one.instance.instance for one in here}
    assert set(made.touched) <= keys
    assert {key for key, _ in made.states} <= keys
    final = [one.undo is None for one in made.after]
    assert final == sorted(final), "what cannot be taken back comes last"
    assert all(action.undo is not None for action in made.before)
    assert len({one.name for one in made.vhids}) == len(made.vhids)


def check_never_with_both(made: Plan, virtual: Sequence[object]) -> None:
    """Every ordinary address that a group takes over is removed before."""
    removed = {one.address.address for one in done(made.before) if isinstance(one, RemovePlain)}
    assert {OWN.address, SECOND.address, OWN6.address} & set(virtual) <= removed


def test_hundreds_of_names_are_found_free_at_once(planned: Planned) -> None:
    made = planned(*[on("bridge", Create("bridge")) for _ in range(300)])
    assert [int(re.sub(r"\D", "", name)) for name in made.interfaces] == list(range(1, 301))
