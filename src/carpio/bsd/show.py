"""How interfaces look: FreeBSD's lines, in one order that is kept.

Flags, description, MAC, addresses, what the kind of interface has to say, state of the link,
interface groups, vhids. FreeBSD's own order differs between releases, so that its readers look
at lines and not at positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address

from carpio.bsd.call import ListCall
from carpio.bsd.keywords import Family
from carpio.bsd.show_addresses import NameOf, address_lines, ether_text, is_inet6
from carpio.bsd.show_flags import flags_text, groups_of, is_loopback, is_up
from carpio.control.network import GroupView, InterfaceView, Network

__all__ = ["interface_lines", "members_of", "selected"]

_PERFORMNUD_AUTO_LINKLOCAL = "nd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>"
_PERFORMNUD = "nd6 options=1<PERFORMNUD>"
_MEDIA_OF_EPAIR = "Ethernet 10Gbase-T (10Gbase-T <full-duplex>)"
_MEMBER = "flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>"
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def selected(network: Network, call: ListCall) -> list[InterfaceView]:
    """Return the interfaces that a call wants to see, in the kernel's order."""
    return [view for view in network.interfaces if _is_wanted(view, call)]


def members_of(network: Network, group: str) -> list[str]:
    """Return the names of the interfaces in an interface group."""
    return [view.name for view in network.interfaces if _is_in(view, group)]


def _is_wanted(view: InterfaceView, call: ListCall) -> bool:
    if call.interface is not None:
        return view.name == call.interface
    if call.up is not None and is_up(view) is not call.up:
        return False
    if call.group is not None and not _is_in(view, call.group):
        return False
    if call.without_group is not None and _is_in(view, call.without_group):
        return False
    match call.family:
        case None:
            return True
        case Family.LINK:
            return view.is_ethernet and not is_loopback(view)
        case Family.INET | Family.INET6 as family:
            wants_inet6 = family is Family.INET6
            return any(is_inet6(address) is wants_inet6 for address in view.addresses)


def _is_in(view: InterfaceView, group: str) -> bool:
    return group == "all" or group in groups_of(view)


def interface_lines(
    view: InterfaceView, others: Sequence[InterfaceView], call: ListCall, name_of: NameOf
) -> Iterator[str]:
    """Yield the lines about one interface; `others` are all that there are."""
    bridges = {other.name for other in others if other.kind == "bridge"}
    flags = flags_text(view, is_port=view.master in bridges)
    yield f"{view.name}: flags={flags} metric {view.metric} mtu {view.mtu}"
    family = call.family
    if view.description:
        yield f"\tdescription: {_shown(view.description)}"
    if family in (None, Family.LINK):
        yield from _mac_lines(view, call)
    inet, inet6 = address_lines(
        view, call.formats, with_lifetimes=call.with_lifetimes, name_of=name_of
    )
    if family in (None, Family.INET):
        yield from (f"\t{line}" for line in inet)
    if family in (None, Family.INET6):
        yield from (f"\t{line}" for line in inet6)
        yield from _nd6_lines(view)
    if family is None:
        yield from _kind_lines(view, others)
        yield from _link_lines(view)
        if groups := groups_of(view):
            yield f"\tgroups: {' '.join(groups)}"
        for group in view.groups:
            yield from _vhid_lines(group, with_key=call.with_keys)


def _mac_lines(view: InterfaceView, call: ListCall) -> Iterator[str]:
    if view.mac is None or is_loopback(view):
        return
    name = "ether" if view.is_ethernet else "lladdr"
    yield f"\t{name} {ether_text(view.mac, call.formats)}"
    if view.permanent_mac not in (None, view.mac):
        yield f"\thwaddr {ether_text(view.permanent_mac or '', call.formats)}"


def _nd6_lines(view: InterfaceView) -> Iterator[str]:
    inet6 = [IPv6Address(one.address) for one in view.addresses if is_inet6(one)]
    if inet6:
        has_local = any(address.is_link_local for address in inet6)
        yield f"\t{_PERFORMNUD_AUTO_LINKLOCAL if has_local else _PERFORMNUD}"


def _kind_lines(view: InterfaceView, others: Sequence[InterfaceView]) -> Iterator[str]:
    if view.kind == "bridge":
        yield from (f"\tmember: {o.name} {_MEMBER}" for o in others if o.master == view.name)
    if view.kind == "vlan":
        yield (
            f"\tvlan: {view.vlan or 0} vlanproto: 802.1q vlanpcp: 0 "
            f"parent interface: {view.parent or '<none>'}"
        )


def _link_lines(view: InterfaceView) -> Iterator[str]:
    if not view.is_ethernet or is_loopback(view) or view.kind == "bridge":
        return
    yield f"\tmedia: {_MEDIA_OF_EPAIR if view.kind == 'veth' else 'Ethernet autoselect'}"
    yield f"\tstatus: {'active' if view.has_carrier else 'no carrier'}"


def _vhid_lines(group: GroupView, *, with_key: bool) -> Iterator[str]:
    key = _key_text(group.key) if with_key and group.key else ""
    yield (
        f"\tcarp: {group.state} vhid {group.vhid} advbase {group.advbase} advskew {group.advskew}"
        + (f' key "{key}"' if key else "")
    )
    yield "\t      peer 224.0.0.18 peer6 ff02::12"


def _key_text(digits: str) -> str:
    """Return the bytes of a key up to the first NUL, what cannot be printed as `\\xNN`."""
    raw = bytes.fromhex(digits).split(b"\0", 1)[0]
    return _shown(raw.decode("utf-8", "backslashreplace"))


def _shown(text: str) -> str:
    return "".join(_printable(character) for character in text)


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    escaped = "".join(f"\\x{byte:02x}" for byte in character.encode())
    return _ESCAPES.get(character, escaped)
