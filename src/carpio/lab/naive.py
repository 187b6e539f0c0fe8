"""A host that does it wrong: `python -m carpio.lab.naive INTERFACE ADDRESS/LENGTH...`.

It puts the shared addresses on the NIC before anything ties them to a group, as the
booting BACKUP of FreeBSD bug 191832 did, and leaves the rest to the kernel. The lab uses it
to prove that its judge can fail.
"""

from __future__ import annotations

import signal
import sys

from carpio.lab.namespaces import ip

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Hold the addresses on the interface until SIGTERM."""
    interface, *addresses = argv
    leaving = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, leaving)
    for address in addresses:
        ip("addr", "add", address, "dev", interface)
    print(f"naive: holding {' '.join(addresses)} on {interface}", flush=True)
    signal.sigwait(leaving)
    for address in addresses:
        ip("addr", "del", address, "dev", interface)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
