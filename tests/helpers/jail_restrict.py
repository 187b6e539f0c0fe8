"""Processes in a cgroup and a network namespace, told one line of Python at a time.

    peer   10.99.0.9, fd99::9  ------ veth ------  10.99.0.1 to .3, fd99::1 to ::3   host

A jail is a process of `host` in a cgroup of its own.
"""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from carpio.jail.policy import FamilyPolicy, Mode, Policy
from carpio.lab.namespaces import add_namespace, free_prefix, ip_batch, remove_namespace

__all__ = ["Agent", "cgroup2", "namespaces", "only"]

_PROGRAM = """
import ast, contextlib, ctypes, errno, os, select, socket, struct, sys, time
cgroup, namespace = sys.argv[1:]
if cgroup:
    with open(f"{cgroup}/cgroup.procs", "w") as procs:
        procs.write("0")
with open(namespace) as handle:
    assert ctypes.CDLL(None).setns(handle.fileno(), 0x40000000) == 0
socket.setdefaulttimeout(3)
V4, V6 = socket.AF_INET, socket.AF_INET6
def tcp(family=V4):
    return socket.socket(family, socket.SOCK_STREAM)
def udp(family=V4):
    return socket.socket(family, socket.SOCK_DGRAM)
def bound(made, address, port=0):
    made.bind((address, port))
    return made
def listening(made, address, port):
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen()
    return made
def connected(made, address, port):
    made.connect((address, port))
    return made
def caller(listener):
    return listener.accept()[1][0]
known = dict(globals())
for line in sys.stdin:
    tree = ast.parse(ast.literal_eval(line))
    last = tree.body.pop()
    try:
        exec(compile(tree, "told", "exec"), known)
        if isinstance(last, ast.Expr):
            answer = eval(compile(ast.Expression(last.value), "told", "eval"), known)
        else:
            exec(compile(ast.Module([last], []), "told", "exec"), known)
            answer = None
    except TimeoutError as error:
        answer = errno.errorcode.get(error.errno, "no answer")
    except OSError as error:
        answer = errno.errorcode[error.errno]
    print(repr(answer if isinstance(answer, (str, int, float, tuple, bytes)) else None), flush=True)
"""

_NUMBERS = itertools.count()


class Agent:
    """A process in a namespace, and in a cgroup if one is given."""

    def __init__(self, namespace: str, cgroup: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-c",
                _PROGRAM,
                str(cgroup or ""),
                f"/run/netns/{namespace}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, code: str) -> object:
        """Run a line; return what its last expression is, or the name of the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(repr(code), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "the process ended"
        return ast.literal_eval(line)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def namespaces() -> Iterator[tuple[str, str]]:
    """Yield the names of `host` and `peer`."""
    prefix = free_prefix()
    host, peer = f"{prefix}-host", f"{prefix}-peer"
    try:
        add_namespace(host)
        add_namespace(peer)
        ip_batch([f"link add h0 type veth peer name p0 netns {peer}", "link set h0 up"], host)
        ip_batch([*_addresses("h0", "123")], host)
        ip_batch(["link set p0 up", *_addresses("p0", "9")], peer)
        yield host, peer
    finally:
        remove_namespace(host)
        remove_namespace(peer)


def _addresses(interface: str, numbers: str) -> Iterator[str]:
    for number in numbers:
        yield f"address add 10.99.0.{number}/24 dev {interface}"
        # The last address that was added would be the first choice as a source.
        yield f"address add fd99::{number}/64 dev {interface} nodad"


@contextmanager
def cgroup2(tmp_path: Path) -> Iterator[Path]:
    """Yield a cgroup that is made for a test."""
    root = tmp_path / "cgroup2"
    root.mkdir()
    subprocess.run(["mount", "-t", "cgroup2", "none", str(root)], check=True)
    cgroup = root / f"carpio-test-{os.getpid()}-{next(_NUMBERS)}"
    try:
        cgroup.mkdir()
        try:
            yield cgroup
        finally:
            cgroup.rmdir()
    finally:
        subprocess.run(["umount", str(root)], check=True)


def only(*addresses: str, saddrsel: bool = True, allows_raw: bool = False) -> Policy:
    """Return the policy of a jail with these addresses; a family without any is disabled."""
    of4 = tuple(IPv4Address(each) for each in addresses if ":" not in each)
    of6 = tuple(IPv6Address(each) for each in addresses if ":" in each)
    return Policy(
        ip4=FamilyPolicy(mode=Mode.NEW, addresses=of4, saddrsel=saddrsel),
        ip6=FamilyPolicy(mode=Mode.NEW, addresses=of6, saddrsel=saddrsel),
        allows_raw=allows_raw,
    )
