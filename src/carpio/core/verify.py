"""Datagram -> advertisement, or why it is ignored (spec 5.1)."""

from __future__ import annotations

from collections.abc import Mapping

from carpio.core.effects import ReportDrop
from carpio.core.events import DatagramReceived
from carpio.core.instance import Instance
from carpio.errors import DecodeError
from carpio.wire.constants import CARP_TTL, CARP_VERSION, DropReason, Family
from carpio.wire.header import CarpHeader, decode_advertisement

__all__ = ["verify"]


def verify(
    datagram: DatagramReceived, groups: Mapping[int, Instance]
) -> tuple[Instance, CarpHeader] | ReportDrop:
    """Return whom a valid advertisement is for, or the first check that it fails.

    `groups` are the instances of the carpdev by vhid. A right digest has already set the
    counter of the instance when this returns.
    """
    carpdev, family = datagram.carpdev, datagram.family
    if not groups and family is Family.IPV6:
        text = f"carp6_input: packet received on non-carp interface: {carpdev}"
        return ReportDrop(carpdev, DropReason.BADIF, text)
    try:
        header = decode_advertisement(datagram.payload, family)
    except DecodeError as error:
        return ReportDrop(carpdev, error.reason, _decode_text(error, datagram))
    instance = groups.get(header.vhid)
    if instance is None or family not in instance.families:
        return _unknown_vhid(header, datagram, groups)
    if header.version != CARP_VERSION:
        reason, text = DropReason.BADVER, f"{carpdev}: invalid version {header.version}"
    elif datagram.ttl != CARP_TTL:
        reason = DropReason.BADTTL
        text = f"carp_input_c: received ttl {datagram.ttl} != {CARP_TTL} on {carpdev}"
    elif datagram.is_own_source and instance.recognises(header, family):
        reason, text = DropReason.BADIF, f"dropping looped packet on interface {carpdev}"
    elif not instance.accepts(header):
        reason = DropReason.BADAUTH
        text = f"carp_input_c: incorrect hash for VHID {header.vhid}@{carpdev}"
    else:
        return instance, header
    return ReportDrop(carpdev, reason, text, instance.key)


def _unknown_vhid(
    header: CarpHeader, datagram: DatagramReceived, groups: Mapping[int, Instance]
) -> ReportDrop:
    """Row 7 of the checks, and 7a: vhid 0 from one of our addresses is a loop."""
    ours = (virtual.address for group in groups.values() for virtual in group.config.addresses)
    if header.vhid == 0 and datagram.source in ours:
        text = f"dropping looped packet on interface {datagram.carpdev}"
        return ReportDrop(datagram.carpdev, DropReason.BADIF, text)
    return ReportDrop(datagram.carpdev, DropReason.BADVHID, "")


def _decode_text(error: DecodeError, datagram: DatagramReceived) -> str:
    routine = "carp_input" if datagram.family is Family.IPV4 else "carp6_input"
    return f"{routine}: {error} on {datagram.carpdev}"
