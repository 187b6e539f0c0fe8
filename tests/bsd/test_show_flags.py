"""Linux's bits become FreeBSD's."""

import pytest

from carpio.bsd.show_flags import flags_text, groups_of, is_loopback
from carpio.control.network import GroupView, InterfaceView

UP, BROADCAST, RUNNING, NOARP, PROMISC, ALLMULTI, MULTICAST = 1, 2, 0x40, 0x80, 0x100, 0x200, 0x1000


def view(flags: int, **values: object) -> InterfaceView:
    common = {"index": 1, "name": "em0", "kind": "", "mac": "02:00:00:00:00:01", "mtu": 1500}
    return InterfaceView(
        **{**common, "flags": flags, "is_ethernet": True, "has_carrier": True, **values}
    )


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (UP | BROADCAST | RUNNING | MULTICAST, "8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST>"),
        (0, "8802<BROADCAST,SIMPLEX,MULTICAST>"),
        (UP | NOARP, "88c3<UP,BROADCAST,RUNNING,NOARP,SIMPLEX,MULTICAST>"),
        (
            UP | PROMISC | ALLMULTI,
            "28b43<UP,BROADCAST,RUNNING,PROMISC,ALLMULTI,SIMPLEX,MULTICAST,PPROMISC>",
        ),
        (0x400 | 0x800 | 0x8000 | 0x10000, "8802<BROADCAST,SIMPLEX,MULTICAST>"),
    ],
)
def test_flags_of_ethernet(flags: int, text: str):
    assert flags_text(view(flags), is_port=False) == text


def test_only_an_interface_with_carrier_is_running():
    assert "RUNNING" not in flags_text(view(UP | RUNNING, has_carrier=False), is_port=False)
    assert "RUNNING" not in flags_text(view(RUNNING), is_port=False)


def test_an_interface_with_a_vhid_is_promiscuous():
    group = GroupView(vhid=1, state="INIT", advbase=1, advskew=0)
    assert flags_text(view(UP, groups=[group]), is_port=False).startswith("8943<")


def test_flags_of_others():
    tunnel = view(0x10D1, is_ethernet=False, name="tun0")
    text = flags_text(tunnel, is_port=False)
    assert text == "80d1<UP,POINTOPOINT,RUNNING,NOARP,MULTICAST>"


def test_a_dummy_that_was_made_as_loopback_looks_like_one():
    assert is_loopback(view(UP, kind="dummy", name="lo1"))
    assert not is_loopback(view(UP, kind="dummy", name="dummy0"))
    assert not is_loopback(view(UP, kind="", name="lo1"))
    loopback = view(UP | BROADCAST | NOARP, kind="dummy", name="lo1")
    assert flags_text(loopback, is_port=False) == "8049<UP,LOOPBACK,RUNNING,MULTICAST>"
    assert flags_text(view(0x8, name="lo"), is_port=False) == "8008<LOOPBACK,MULTICAST>"


def test_interface_groups_come_from_the_kind():
    assert groups_of(view(0x8, name="lo")) == ("lo",)
    assert groups_of(view(0, kind="bridge")) == ("bridge",)
    assert groups_of(view(0, kind="vlan")) == ("vlan",)
    assert groups_of(view(0, kind="veth", name="epair0b")) == ("epair",)
    assert groups_of(view(0, kind="veth", name="veth0")) == ()
    assert groups_of(view(0)) == ()
