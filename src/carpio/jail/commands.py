"""Runs commands on the host and in jails. A command in a jail is born in the cgroup of the jail."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from carpio.errors import PlatformError
from carpio.jail.cgroups import Part
from carpio.jail.execution import exec_call, in_memory, prepared, with_user
from carpio.jail.kernel import adopt_orphans
from carpio.jail.logfile import open_log
from carpio.jail.ports import Command, Ending, Outcome
from carpio.jail.site import TOOL_ENVIRONMENT, Site
from carpio.jail.users import host_user

__all__ = ["RealCommands"]

_GRACE_S: Final = 1.0
"""Between SIGTERM and SIGKILL of a command whose time is over."""


class RealCommands:
    """Runs commands; may be called from several threads."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def run(self, command: Command) -> Outcome:
        """Run to the end. Raises CarpioError when it cannot be begun."""
        return self._on_host(command) if command.record is None else self._in_jail(command)

    # -- on the host -----------------------------------------------------------------------------

    def _on_host(self, command: Command) -> Outcome:
        user = host_user(command.user) if command.user is not None else None
        environment = dict(command.environment)
        directory = command.directory
        if command.is_clean and user is not None:
            environment, directory = with_user(environment, user), user.home
        with _output(command, "/") as output:
            try:
                process = subprocess.Popen(
                    _detached(command),
                    env=environment,
                    cwd=directory,
                    stdout=output,
                    stderr=output,
                    user=user.uid if user else None,
                    group=user.gid if user else None,
                    extra_groups=user.groups if user else None,
                )
            except OSError as error:
                raise _cannot_begin(command.argv, error) from error
        if command.is_background:
            process.wait()
            return Outcome(ending=Ending.LEFT_RUNNING)
        return _wait(_Started(process), command.timeout_s)

    # -- in a jail -------------------------------------------------------------------------------

    def _in_jail(self, command: Command) -> Outcome:
        record = command.record
        if record is None or record.holder is None:
            raise PlatformError("the jail does not run")
        process = prepared(
            record.holder.pid,
            command.argv,
            record.values,
            user=command.user,
            is_host_user=command.is_host_user,
            environment=command.environment,
            directory=command.directory,
            is_clean=command.is_clean,
        )
        with ExitStack() as stack:
            words = in_memory(process)
            stack.callback(os.close, words)
            pid_file = self._site.pid_file(record.jid)
            stack.callback(pid_file.unlink, missing_ok=True)
            output = stack.enter_context(_output(command, record.path))
            call = exec_call(self._site, record, words, "--detach", "--pid-file", str(pid_file))
            if not command.is_background:
                adopt_orphans()
            started = subprocess.run(
                self._site.joined(self._site.cgroups.path(record.jid, Part.INSIDE), call),
                pass_fds=(words, self._site.cgroups.mount),
                stdout=output,
                stderr=output,
                env=dict(TOOL_ENVIRONMENT),
                check=False,
            )
            if command.is_background:
                _reap_some_time(pid_file)
                return Outcome(ending=Ending.LEFT_RUNNING)
            if started.returncode:
                return Outcome(ending=Ending.DONE, number=started.returncode)
            return _wait(_Adopted(int(pid_file.read_text())), command.timeout_s)


class _Child(Protocol):
    """A process that is waited for."""

    def wait(self, timeout_s: float | None) -> int:
        """Return its status, a signal as negative number. Raises TimeoutExpired."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Signal it and what belongs to it."""
        ...


class _Started:
    """A command on the host."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait(self, timeout_s: float | None) -> int:
        return self._process.wait(timeout_s)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)


class _Adopted:
    """A command in a jail, of which the runtime has left. It leads a session of its own."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process = os.pidfd_open(pid)
        self._group = os.getpgid(pid)

    def wait(self, timeout_s: float | None) -> int:
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        if not poll.poll(None if timeout_s is None else timeout_s * 1000):
            raise subprocess.TimeoutExpired("", timeout_s or 0)
        os.close(self._process)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def send(self, number: signal.Signals) -> None:
        if self._group != os.getpgrp():
            with suppress(ProcessLookupError):
                os.killpg(self._group, number)


@contextmanager
def _output(command: Command, root: str) -> Iterator[int | None]:
    if command.output is None:
        yield None
        return
    log = open_log(command.output, root)
    try:
        yield log
    finally:
        os.close(log)


def _detached(command: Command) -> Sequence[str]:
    return ("setsid", "-f", "--", *command.argv) if command.is_background else command.argv


def _cannot_begin(argv: Sequence[str], error: OSError) -> PlatformError:
    code = error.errno or 0
    what = argv[0] if code in (errno.ENOENT, errno.EACCES, errno.ENOEXEC) else "starting a command"
    return PlatformError(what, errno=code)


def _reap_some_time(pid_file: Path) -> None:
    """See to it that a command in the background is no zombie when it ends before this process.

    It is our child if we adopt orphans. The end of a jail waits for all that are to be reaped.
    """
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return  # it was not started

    def reap() -> None:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)

    threading.Thread(target=reap, daemon=True).start()


def _wait(child: _Child, timeout_s: int) -> Outcome:
    """Wait for the end; when time is over, or this process is to end, make it end."""
    try:
        return _outcome(child.wait(timeout_s or None))
    except subprocess.TimeoutExpired:
        _end(child)
    except BaseException:
        _end(child)
        raise
    return Outcome(ending=Ending.TIMED_OUT)


def _end(child: _Child) -> None:
    """Ask a command to end, then make it."""
    child.send(signal.SIGTERM)
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.send(signal.SIGKILL)
        child.wait(None)


def _outcome(status: int) -> Outcome:
    if status < 0:
        return Outcome(ending=Ending.SIGNALLED, number=-status)
    return Outcome(ending=Ending.DONE, number=status)
