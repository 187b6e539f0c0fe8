"""A TCP transfer that runs while things happen: does it go on, and how long does it stand still?

`python -m carpio.lab.transfer serve PORT` sends to whoever connects, at a steady rate;
`python -m carpio.lab.transfer fetch ADDRESS PORT` receives until SIGTERM and prints what it got.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from ipaddress import IPv4Address, IPv6Address
from types import FrameType, TracebackType
from typing import Any, Final

from carpio.lab.host import Host
from carpio.lab.process import Child
from carpio.lab.result import Transfer

__all__ = ["TransferUnderWay", "main"]

PORT: Final = 5001
CHUNK: Final = bytes(1024)
PAUSE_S: Final = 0.005
PATIENCE_S: Final = 60.0
LAST_WORD_S: Final = 8.0


class TransferUnderWay:
    """Transfers from the server to the client while the `with` block runs."""

    def __init__(self, client: Host, server: Host, address: IPv4Address | IPv6Address) -> None:
        self._client = client
        self._server = server
        self._address = str(address)

    def __enter__(self) -> TransferUnderWay:
        module = (sys.executable, "-m", "carpio.lab.transfer")
        self._serving = self._server.spawn(*module, "serve", str(PORT), log="transfer.log")
        self._serving.wait_for_log("serving")
        command = (*module, "fetch", self._address, str(PORT))
        self._fetching: Child = self._client.spawn(*command, log="transfer.log")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._fetching.is_running:
            self._fetching.terminate()
        self._serving.kill9()

    def result(self) -> Transfer:
        """Return what came of it."""
        lines = self._fetching.log.splitlines()
        said: dict[str, Any] = next(
            (json.loads(line) for line in lines if line.startswith("{")), {}
        )
        return Transfer(
            client=self._client.name,
            server=self._server.name,
            received=said.get("received", 0),
            longest_stall_ms=said.get("longest_stall_ms", 0.0),
            is_complete=said.get("is_complete", False),
        )


class _Stopped(Exception):
    pass


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def main(argv: list[str]) -> int:
    """Serve or fetch."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        if argv[0] == "serve":
            _serve(int(argv[1]))
        else:
            _fetch(argv[1], int(argv[2]))
    except _Stopped:
        pass
    return 0


def _serve(port: int) -> None:
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as door:
        print("serving", flush=True)
        while True:
            guest, _ = door.accept()
            with guest:
                try:
                    while True:
                        guest.sendall(CHUNK)
                        time.sleep(PAUSE_S)
                except OSError:
                    continue


def _fetch(address: str, port: int) -> None:
    received, longest = 0, 0.0
    is_complete = False
    connection = _connect(address, port)
    last = time.monotonic()
    try:
        while data := connection.recv(65536):
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            received += len(data)
    except _Stopped:
        is_complete = _goes_on(connection)
        longest = max(longest, time.monotonic() - last)
    except OSError as error:
        print(error, flush=True)
    said = {
        "received": received,
        "longest_stall_ms": longest * 1000,
        "is_complete": is_complete and received > 0,
    }
    print(json.dumps(said), flush=True)


def _goes_on(connection: socket.socket) -> bool:
    """Whether something more arrives: TCP repeats what was lost, but at ever longer intervals."""
    connection.settimeout(LAST_WORD_S)
    try:
        return bool(connection.recv(65536))
    except OSError:
        return False


def _connect(address: str, port: int) -> socket.socket:
    """Connect as soon as the way is there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            connection = socket.create_connection((address, port), 1.0)
            connection.settimeout(None)
            return connection
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
