"""Interfaces in FreeBSD's lines; whole ones are in transcripts/showing.txt."""

import pytest

from carpio.bsd.call import ListCall, parse_call
from carpio.bsd.show import interface_lines
from carpio.control.network import GroupView, InterfaceView


def show(view: InterfaceView, *options: str, others: tuple[InterfaceView, ...] = ()) -> list[str]:
    call = parse_call([*options, view.name]).what
    assert isinstance(call, ListCall)
    return list(interface_lines(view, [view, *others], call, lambda address: address))


def ethernet(**values: object) -> InterfaceView:
    common = {"index": 1, "name": "em0", "kind": "", "mac": "02:00:00:00:00:01", "flags": 0x1003}
    return InterfaceView(
        **{**common, "is_ethernet": True, "has_carrier": True, "mtu": 1500, **values}
    )


def with_key(key: bytes) -> InterfaceView:
    group = GroupView(vhid=1, state="BACKUP", advbase=1, advskew=0, key=key.ljust(20, b"\0").hex())
    return ethernet(groups=[group])


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (b"testpass", 'key "testpass"'),
        (b"x" * 20, f'key "{"x" * 20}"'),
        (b"a\0b", 'key "a"'),
        ("schlüssel".encode(), 'key "schlüssel"'),
        (b"a\xffb\n\x1b", r'key "a\xffb\n\x1b"'),
        ("\u200b".encode(), r'key "\xe2\x80\x8b"'),
    ],
)
def test_a_key_is_shown_as_text_up_to_its_first_nul(key: bytes, shown: str):
    assert show(with_key(key), "-k")[-2].endswith(f"advskew 0 {shown}")


def test_no_key_is_shown_unasked_nor_when_there_is_none():
    assert "key" not in "".join(show(with_key(b"testpass")))
    assert "key" not in "".join(show(with_key(b""), "-k"))


def test_a_description_stays_on_its_line():
    view = ethernet(description="up\nlink: \x1b[31m")
    assert show(view)[1] == r"	description: up\nlink: \x1b[31m"


def test_a_port_of_a_bridge_is_promiscuous_and_one_of_a_bond_is_not():
    bridge = ethernet(name="bridge0", kind="bridge")
    assert "PROMISC" in show(ethernet(master="bridge0"), others=(bridge,))[0]
    bond = ethernet(name="bond0", kind="bond")
    assert "PROMISC" not in show(ethernet(master="bond0"), others=(bond,))[0]


def test_other_hardware_has_a_lladdr():
    view = ethernet(is_ethernet=False, mac="80:00:00:01")
    assert "\tlladdr 80:00:00:01" in show(view)


def test_a_vlan_without_a_parent_says_so():
    assert "\tvlan: 5 vlanproto: 802.1q vlanpcp: 0 parent interface: <none>" in show(
        ethernet(kind="vlan", vlan=5)
    )
