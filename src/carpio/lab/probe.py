"""A client that asks the addresses for an echo at a steady rate.

`Probe` runs it in the router's namespace; the process itself is
`python -m carpio.lab.probe --rate HZ ADDRESS=FILE...`, which writes, when ended with SIGTERM, a
file per address: the send times, then the answer times (0: none), native 64-bit nanoseconds.
Answer times are the kernel's stamps, so that a late reader does not make an answer late.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import time
from array import array
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Final

from carpio.lab.gaps import ProbeRecord
from carpio.lab.pace import keep_pace
from carpio.lab.process import Child
from carpio.lab.topology import SHARED_TARGETS, Lab

__all__ = ["Probe", "main", "read_record"]

DEFAULT_RATE: Final = 1000
ECHO_REQUEST_V4: Final = 8
ECHO_REQUEST_V6: Final = 128
ECHO: Final = struct.Struct("!BBHHHQ")
"""Type, code, checksum and identifier (filled in by the kernel), sequence, index of the probe."""
SO_TIMESTAMPNS: Final = 35
STAMP: Final = struct.Struct("@qq")
BUFFER_BYTES: Final = 1 << 20


class Probe:
    """Probes addresses from the router while the `with` block runs; `records` are there after."""

    def __init__(
        self,
        lab: Lab,
        addresses: tuple[str, ...] = SHARED_TARGETS,
        *,
        rate: int = DEFAULT_RATE,
        directory: Path | None = None,
    ) -> None:
        self._lab = lab
        self._rate = rate
        self._addresses = addresses
        self._directory = directory or lab.directory
        self.records: Mapping[str, ProbeRecord] = {}
        self.cpu_s = 0.0

    def __enter__(self) -> Probe:
        targets = (f"{address}={self._file(address)}" for address in self._addresses)
        self._child = Child(
            (sys.executable, "-m", "carpio.lab.probe", "--rate", str(self._rate), *targets),
            namespace=self._lab.router.namespace,
            log=self._directory / "probe.log",
        )
        self._child.wait_for_log("probing")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cpu_s = self._child.cpu_seconds()
        self._child.terminate()
        self.records = {
            address: read_record(self._file(address), self._rate) for address in self._addresses
        }

    def _file(self, address: str) -> Path:
        return self._directory / f"probe-{address.replace(':', '_')}.times"


def read_record(path: Path, rate: int = DEFAULT_RATE) -> ProbeRecord:
    """Read what the process wrote for one address."""
    times = array("q", path.read_bytes())
    half = len(times) // 2
    return ProbeRecord(times[:half], times[half:], 1_000_000_000 // rate)


class Prober:
    """Sends echo requests to one address and notes what comes back."""

    def __init__(self, address: str) -> None:
        is_v6 = ip_address(address).version == 6
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        protocol = socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP
        self._kind = ECHO_REQUEST_V6 if is_v6 else ECHO_REQUEST_V4
        self._target = (address, 0)
        self._socket = socket.socket(family, socket.SOCK_DGRAM, protocol)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self.sent = array("q")
        self.answered = array("q")

    def send(self) -> None:
        """Send the next probe; one that the kernel refuses stays unanswered."""
        index = len(self.sent)
        self.sent.append(time.time_ns())
        self.answered.append(0)
        with suppress(OSError):
            message = ECHO.pack(self._kind, 0, 0, 0, index & 0xFFFF, index)
            self._socket.sendto(message, self._target)

    def collect(self) -> None:
        """Note all answers that have come."""
        while True:
            try:
                data, control, _, _ = self._socket.recvmsg(64, 64)
            except BlockingIOError:
                return
            except OSError:
                continue
            if len(data) == ECHO.size and control:
                seconds, nanoseconds = STAMP.unpack_from(control[0][2])
                self.answered[ECHO.unpack(data)[5]] = seconds * 1_000_000_000 + nanoseconds


def main(argv: list[str]) -> int:
    """Probe until SIGTERM, then write the files."""
    parser = argparse.ArgumentParser(prog="carpio.lab.probe")
    parser.add_argument("--rate", type=int, default=DEFAULT_RATE)
    parser.add_argument("targets", nargs="+", metavar="ADDRESS=FILE")
    options = parser.parse_args(argv)
    targets = [target.partition("=")[::2] for target in options.targets]
    probers = [Prober(address) for address, _ in targets]

    def tick() -> None:
        for prober in probers:
            prober.collect()
        for prober in probers:
            prober.send()

    skipped = keep_pace(1_000_000_000 // options.rate, tick, "probing")
    time.sleep(0.05)
    for prober, (_, path) in zip(probers, targets, strict=True):
        prober.collect()
        Path(path).write_bytes(prober.sent.tobytes() + prober.answered.tobytes())
    print(json.dumps({"skipped": skipped}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
