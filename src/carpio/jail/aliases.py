"""Addresses on interfaces: calls of our ifconfig made in this process, and what is where.

A call that carries a passphrase is so in no list of processes.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Protocol

import msgspec

from carpio.bsd.world import PATIENCE_S, World
from carpio.control.client import ControlClient

__all__ = ["Called", "DaemonInterfaces", "HeldAddress", "Interfaces", "same_address"]


class HeldAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is on an interface of the caller's network namespace."""

    interface: str
    address: str
    """As Python writes it."""
    vhid: int | None
    """Of the group that it belongs to."""


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call of ifconfig."""

    is_good: bool
    texts: tuple[str, ...] = ()
    """What it said to standard error."""
    output: str = ""
    is_timed_out: bool = False


class Interfaces(Protocol):
    """Those of the network namespace that the command was called in."""

    def ifconfig(self, words: Sequence[str], timeout_s: int) -> Called:
        """Make a call, `words` without the command; 0: any time."""
        ...

    def held(self) -> Sequence[HeldAddress]:
        """Return all addresses. Raises CarpioError."""
        ...


def same_address(text: str) -> str:
    """Return an address in the one way in which all are compared."""
    return str(ip_address(text))


class _CallerWorld(World, frozen=True, kw_only=True):
    """The world of a call that has only so much time."""

    timeout_s: float

    def client(self) -> ControlClient:
        return ControlClient(self.control, timeout_s=self.timeout_s)


class DaemonInterfaces:
    """Those that the daemon knows and changes."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ifconfig(self, words: Sequence[str], timeout_s: int) -> Called:
        """Make a call, in a thread of its own if that has to go into another namespace."""
        if not words or not words[0].startswith("-"):
            return self._call(words, timeout_s)
        import threading

        called: list[Called] = []
        thread = threading.Thread(target=lambda: called.append(self._call(words, timeout_s)))
        thread.start()  # a network namespace is that of a thread, which here ends with the call
        thread.join()
        return called[0]

    def _call(self, words: Sequence[str], timeout_s: int) -> Called:
        from carpio.bsd.main import run

        out, err = io.StringIO(), io.StringIO()
        patience_s = min(timeout_s or PATIENCE_S, PATIENCE_S)
        caller = _CallerWorld(
            stdin=io.StringIO(),
            stdout=out,
            stderr=err,
            environ=self._world.environ,
            control=self._world.control,
            enter=self._world.enter,
            start_daemon=self._world.start_daemon,
            root=self._world.root,
            timeout_s=patience_s,
        )
        begun = time.monotonic()
        status = run("ifconfig", words, caller)
        return Called(
            is_good=status == 0,
            texts=tuple(err.getvalue().splitlines()),
            output=out.getvalue(),
            is_timed_out=status != 0 and time.monotonic() - begun >= patience_s,
        )

    def held(self) -> Sequence[HeldAddress]:
        """Return all addresses. Raises ControlError."""
        from carpio.control.network import Network, NetworkRequest

        with self._world.client() as client:
            network = client.ask(NetworkRequest(), Network)
        return [
            HeldAddress(interface=view.name, address=same_address(one.address), vhid=one.vhid)
            for view in network.interfaces
            for one in view.addresses
        ]
