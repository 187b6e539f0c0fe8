"""A network namespace of a test: one cable with both ends in it, `eth0` and `wire0`."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator

from carpio.runtime.namespace import Namespace
from carpio.runtime.rtnetlink import RouteSocket, open_route_socket
from carpio.wire.constants import CARP_PROTOCOL

__all__ = ["Netns", "names", "next_advert"]


def names() -> Iterator[str]:
    """Yield names that no other process uses."""
    return (f"rt-{os.getpid()}-{number}" for number in itertools.count())


def next_advert(wire: socket.socket) -> bytes:
    """Return the next advertisement, or goodbye, that passes; not IGMP or what else does."""
    while (frame := wire.recv(2048))[23] != CARP_PROTOCOL:
        pass
    return frame


class Netns:
    """A namespace with `eth0` (10.1.0.1/24, 2001:db8:1::1/64) plugged into `wire0`."""

    def __init__(self, name: str) -> None:
        """Make it; a sleeping process keeps a foot in it."""
        self.name = name
        _run("ip", "netns", "add", name)
        self.process = subprocess.Popen(("ip", "netns", "exec", name, "sleep", "300"))
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "eth0", "type", "veth", "peer", "name", "wire0")
        for interface in ("eth0", "wire0"):
            self.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{interface}/accept_dad")
            self.ip("link", "set", interface, "up")
        self.ip("addr", "add", "10.1.0.1/24", "dev", "eth0")
        self.ip("addr", "add", "2001:db8:1::1/64", "dev", "eth0", "nodad")
        self.namespace = Namespace(name)
        self._opened: list[RouteSocket] = []

    def remove(self) -> None:
        """Take it away with all that it holds."""
        for opened in self._opened:
            opened.close()
        self.process.kill()
        self.process.wait()
        self.namespace.close()
        _run("ip", "netns", "del", self.name)

    def ip(self, *arguments: str) -> str:
        """Run ip(8) in it."""
        return _run("ip", "-n", self.name, *arguments)

    def run(self, *command: str) -> str:
        """Run a command in it."""
        return _run("ip", "netns", "exec", self.name, *command)

    def on_the_wire(self) -> socket.socket:
        """Open a socket at the other end of the cable that hears IPv4 frames, for up to 5 s."""

        def opened() -> socket.socket:
            return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))

        wire = self.namespace.call(opened)
        wire.bind(("wire0", 0x0800))
        wire.settimeout(5)
        return wire

    def index(self, interface: str) -> int:
        """Return the index of an interface."""
        return int(self.run("cat", f"/sys/class/net/{interface}/ifindex"))

    def routes(self) -> RouteSocket:
        """Open a netlink socket in it, closed with it."""
        self._opened.append(RouteSocket(self.namespace.call(open_route_socket)))
        return self._opened[-1]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout
