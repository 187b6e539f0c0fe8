"""The statistics of spec 17, kept once for the engine and once per instance."""

from __future__ import annotations

from typing import Final

from carpio.wire.constants import Family

__all__ = ["COUNTER_NAMES", "RECEIVED", "SENT", "new_counters"]

COUNTER_NAMES: Final = (
    "ipackets",
    "ipackets6",
    "badif",
    "badttl",
    "hdrops",
    "badsum",
    "badver",
    "badlen",
    "badauth",
    "badvhid",
    "badaddrs",
    "opackets",
    "opackets6",
    "onomem",
    "ostates",
    "preempt",
)
"""In the order of the BSD structure; badaddrs, onomem, ostates and preempt stay 0."""

RECEIVED: Final = {Family.IPV4: "ipackets", Family.IPV6: "ipackets6"}
SENT: Final = {Family.IPV4: "opackets", Family.IPV6: "opackets6"}
"""Attempts: counted before the result of the sending is known."""


def new_counters() -> dict[str, int]:
    """Return a set of counters, all 0."""
    return dict.fromkeys(COUNTER_NAMES, 0)
