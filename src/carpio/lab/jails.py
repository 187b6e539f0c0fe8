"""Hosts whose shared addresses are those of a jail, as in comments 1 and 7 of bug 191832.

A host has an empty daemon; the groups come with its jail, in one of the two forms of jail.conf.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.lab.implementation import Carpio, carpio_command, write_secret
from carpio.lab.plan import Interface
from carpio.lab.post import Command, Duty, Post

__all__ = ["JailsPeer"]

JAIL_OFFSET: Final = 100
"""From the last number of the host's own address to that of its jail."""
SCRIPT: Final = """\
leave() {{
    {carpio} jail -q -R '*'
    kill "$daemon"
    wait "$daemon"
    exit 0
}}
trap leave TERM
{daemon} &
daemon=$!
until {carpio} status >/dev/null 2>&1; do sleep 0.05; done
# Hosts of a lab have one /run, which their boots do not empty.
{carpio} reload --discard
{carpio} jail -q -R '*' 2>/dev/null
{carpio} jail -f {file} -c
wait "$daemon"
"""


@dataclass(frozen=True, slots=True)
class JailsPeer:
    """The daemon of this installation, and a jail that brings all groups of the host."""

    name: str
    is_old: bool
    """Whether commands of exec.prestart tie the addresses to their groups."""
    needs: tuple[str, ...] = ("nft", "crun")
    is_vrrp: bool = False

    def commands(self, post: Post) -> Sequence[Command]:
        preempt = f"preempt = {str(post.preempt).lower()}\n"
        daemon = Carpio().command_for(preempt, post.directory, post.control)
        file = post.directory / "jail.conf"
        write_secret(file, "\n".join(self._file(post.duties)) + "\n")
        script = SCRIPT.format(
            carpio=shlex.quote(str(carpio_command())),
            daemon=shlex.join(daemon),
            file=shlex.quote(str(file)),
        )
        return (
            (
                *("env", f"CARPIO_CONTROL={post.control}"),
                f"CARPIO_JAIL_STATE={post.directory / 'jails'}",
                *("sh", "-c", script),
            ),
        )

    def _file(self, duties: Sequence[Duty]) -> Iterator[str]:
        yield 'path = "/"; persist;'
        yield "test01 {"
        yield '    host.hostname = "test01";'
        first = duties[0]
        yield f'    interface = "{first.interface}";'
        for address in _jail_addresses(first.own):
            yield f'    ip{address.version}.addr = "{address.ip}";'
        for duty in duties:
            yield from self._group(duty)
        yield "}"

    def _group(self, duty: Duty) -> Iterator[str]:
        # a value of jail.conf is split at blanks
        words = f"vhid {duty.vhid} pass {duty.passphrase.replace(' ', '-')} advskew {duty.advskew}"
        for address in duty.addresses:
            family = "inet6 " if address.version == 6 else ""
            whole = f"{address.ip}/{address.max_prefixlen}"
            if self.is_old:
                yield f'    ip{address.version}.addr += "{address.ip}";'
                call = f"/sbin/ifconfig {duty.interface} {family}{words} alias {whole}"
                yield f'    exec.prestart += "{call}";'
            else:
                yield f'    ip{address.version}.addr += "{duty.interface}|{whole} {words}";'


def _jail_addresses(own: Sequence[Interface]) -> Iterator[Interface]:
    """Yield an address of the jail itself for the first of each version."""
    seen: set[int] = set()
    for address in own:
        if address.version not in seen:
            seen.add(address.version)
            yield type(address)((address.ip + JAIL_OFFSET, address.network.prefixlen))
