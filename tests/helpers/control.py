"""A daemon of few words: answers control requests from a table, and remembers them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from carpio.control.messages import (
    CauseShare,
    DemotionStatus,
    ReloadResult,
    Request,
    RivalStatus,
    Status,
    VhidStatus,
    encode_result,
    parse_request,
)

__all__ = ["STATUS", "FakeDaemon", "answering", "serving"]

STATUS = Status(
    vhids=[
        VhidStatus(
            vhid=1,
            interface="eth0",
            netns=None,
            name="1@eth0",
            state="MASTER",
            since="2026-01-02T03:04:05.000006Z",
            reason="master timed out",
            advbase=1,
            advskew=100,
            effective_advskew=240,
            demotion=240,
            addresses=["10.0.0.1/24", "2001:db8::1/64"],
            peer=None,
            last_advert="2026-01-02T03:14:05.000006Z",
            next_deadline="2026-01-02T03:14:06.400006Z",
            counters={"ipackets": 2, "ipackets6": 1, "opackets": 600, "badauth": 4, "badttl": 0},
            rivals=[
                RivalStatus(
                    source="10.0.0.9",
                    advbase=1,
                    advskew=0,
                    last_heard="2026-01-02T03:14:00.000006Z",
                ),
                RivalStatus(source="10.0.0.1", claims=3, mac="02:00:00:00:00:09"),
            ],
        ),
        VhidStatus(
            vhid=2,
            interface="eth0",
            netns=None,
            name="web",
            state="BACKUP",
            since=None,
            reason="",
            advbase=1,
            advskew=0,
            effective_advskew=0,
            demotion=0,
            addresses=[],
            peer="10.0.0.8",
            last_advert=None,
            next_deadline=None,
            counters={},
            rivals=[],
        ),
    ],
    demotion=DemotionStatus(sum=240, causes=[CauseShare(cause="maintenance", value=240)]),
)


class FakeDaemon:
    """What was asked, and what to answer with: a struct, None, or the whole line as bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[Request] = []
        self.answers: dict[str, Any] = {
            "status": STATUS,
            "demote": DemotionStatus(sum=7, causes=[]),
            "demote.clear": DemotionStatus(sum=0, causes=[]),
            "reload": ReloadResult(warnings=["c.toml:1: x: odd"]),
        }

    def reply(self, line: bytes) -> bytes:
        """Return the answer to one line."""
        request_id, request = parse_request(line)
        self.requests.append(request)
        answer = self.answers.get(request.method)
        return answer if isinstance(answer, bytes) else encode_result(request_id, answer)


@contextlib.contextmanager
def answering(path: Path) -> Iterator[FakeDaemon]:
    """Run a fake daemon at `path`."""
    daemon = FakeDaemon(path)
    with serving(path, daemon.reply):
        yield daemon


@contextlib.contextmanager
def serving(path: Path, reply: Callable[[bytes], bytes]) -> Iterator[None]:
    """Answer each line at the Unix socket `path`; an empty reply hangs up."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    callers: list[socket.socket] = []
    thread = threading.Thread(target=_serve, args=(listener, callers, reply))
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for caller in callers:
            with contextlib.suppress(OSError):  # closed already
                caller.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _serve(
    listener: socket.socket, callers: list[socket.socket], reply: Callable[[bytes], bytes]
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        callers.append(connection)
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                answer = reply(line)
                if not answer:
                    break
                connection.sendall(answer)
