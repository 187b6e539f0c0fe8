"""Faults of ports and NICs: frames lost, delayed, refused; by rules of nftables and by tc."""

from __future__ import annotations

import subprocess
from typing import Final

from carpio.errors import PlatformError

__all__ = ["check_delay", "clear_port", "delay_port", "lose_at_port", "mute_nic", "unmute_nic"]

MUTE_PRIORITY: Final = 300
"""After all others of the host: it is the NIC."""


def lose_at_port(switch: str, port: str, share: int, direction: str) -> None:
    """Lose a share (percent) of the frames of a switch's port.

    `in`: those that come from the host, `out`: those that go to it, `both`.
    """
    clear_port(switch, port)
    which = "" if share >= 100 else f"numgen random mod 100 < {share} "
    lines = [f"add table netdev lab_{_word(port)}"]
    for hook in ("ingress", "egress"):
        if direction == "both" or (direction == "in") == (hook == "ingress"):
            lines += _chain(f"lab_{_word(port)}", hook, port, f"{which}drop", 0)
    _nft(switch, lines)


def delay_port(switch: str, port: str, seconds: float) -> None:
    """Delay what goes out of a switch's port.

    Raises:
        PlatformError: the kernel has no netem.
    """
    delay = f"{round(seconds * 1000)}ms"
    command = ("tc", "-n", switch, "qdisc", "replace", "dev", port, "root", "netem", "delay", delay)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformError(
            f"this kernel cannot delay frames: {done.stderr.strip()}",
            remedy="it needs CONFIG_NET_SCH_NETEM; scenarios without `delay` do not",
        )


def check_delay(switch: str, port: str) -> None:
    """Check that ports can be delayed. Raises PlatformError as `delay_port`."""
    delay_port(switch, port, 0.001)
    clear_port(switch, port)


def clear_port(switch: str, port: str) -> None:
    """End what was done to a port."""
    _nft(switch, [f"add table netdev lab_{_word(port)}", f"delete table netdev lab_{_word(port)}"])
    command = ("tc", "-n", switch, "qdisc", "del", "dev", port, "root")
    subprocess.run(command, capture_output=True, check=False)  # fails when there is none


def mute_nic(namespace: str, interface: str) -> None:
    """Let a NIC refuse to send and hear nothing, while its link is up."""
    lines = ["add table netdev lab_nic"]
    for hook in ("ingress", "egress"):
        lines += _chain("lab_nic", hook, interface, "drop", MUTE_PRIORITY)
    _nft(namespace, lines)


def unmute_nic(namespace: str, interface: str) -> None:
    """End `mute_nic`."""
    _nft(namespace, ["add table netdev lab_nic", "delete table netdev lab_nic"])


def _chain(table: str, hook: str, device: str, rule: str, priority: int) -> list[str]:
    head = f'type filter hook {hook} device "{device}" priority {priority};'
    return [
        f"add chain netdev {table} {hook} {{ {head} }}",
        f"add rule netdev {table} {hook} {rule}",
    ]


def _word(port: str) -> str:
    return port.replace("-", "_")


def _nft(namespace: str, lines: list[str]) -> None:
    done = subprocess.run(
        ("ip", "netns", "exec", namespace, "nft", "-f", "-"),
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PlatformError(
            f"nft in {namespace}: {done.stderr.strip()}",
            remedy="the lab needs nftables and a kernel with netdev egress (5.16 or newer)",
        )
