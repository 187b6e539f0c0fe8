"""Capabilities count only where the caller cannot have borrowed them by executing something."""

from __future__ import annotations

import os
import select
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from carpio.runtime.privileges import caller_may_change, has_net_admin

NET_ADMIN = 1 << 12
NOBODY = 65534


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users can enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def status(*, effective: int, ambient: int = 0) -> str:
    return (
        f"Name:\tx\nCapEff:\t{effective:016x}\nCapBnd:\t{NET_ADMIN:016x}\nCapAmb:\t{ambient:016x}\n"
    )


def test_root_needs_the_capability_in_effect() -> None:
    assert has_net_admin(status(effective=NET_ADMIN), was_root=True)
    assert not has_net_admin(status(effective=~NET_ADMIN & 0xFFFFFFFF), was_root=True)


def test_others_need_it_in_the_ambient_set() -> None:
    assert has_net_admin(status(effective=NET_ADMIN, ambient=NET_ADMIN), was_root=False)
    assert not has_net_admin(status(effective=NET_ADMIN), was_root=False)


def test_status_without_capabilities_is_no_permission() -> None:
    assert not has_net_admin("", was_root=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_capabilities_of_a_program_executed_after_connecting_do_not_count(
    public_directory: Path,
) -> None:
    program = public_directory / "setuid-cat"
    program.write_bytes(Path("/bin/cat").read_bytes())
    program.chmod(0o4755)
    path = f"\0carpio-privileges-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)
        input_end, hold = os.pipe()
        caller = os.fork()
        if caller == 0:
            _connect_and_execute(path, program, input_end)
        try:
            accepted, _ = listener.accept()
            with accepted:
                _wait_for_effective(caller)
                assert not caller_may_change(accepted)
        finally:
            os.close(hold)
            os.close(input_end)
            os.kill(caller, 9)
            os.waitpid(caller, 0)


def _connect_and_execute(path: str, program: Path, stdin: int) -> None:
    """In a child: connect as nobody, then become a program that runs as root and waits."""
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path)
        connection.set_inheritable(True)
        os.dup2(stdin, 0)
        os.execv(program, [str(program)])
    finally:
        os._exit(1)


def _wait_for_effective(pid: int) -> None:
    """Wait until the process has CAP_NET_ADMIN in effect: the trap is set."""
    for _attempt in range(2000):
        text = Path(f"/proc/{pid}/status").read_text()
        if has_net_admin(text, was_root=True) and "setuid-cat" in text:
            return
        select.select([], [], [], 0.001)
    pytest.skip("setuid programs have no effect here")
