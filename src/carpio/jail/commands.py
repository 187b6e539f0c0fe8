"""Runs commands on the host and in jails. A command in a jail is born in the cgroup of the jail."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from carpio.errors import PlatformError
from carpio.jail.cgroups import Part
from carpio.jail.execution import exec_call, in_memory, prepared, with_user
from carpio.jail.logfile import open_log
from carpio.jail.ports import Command, Ending, Outcome
from carpio.jail.site import TOOL_ENVIRONMENT, Site
from carpio.jail.users import host_user

__all__ = ["RealCommands"]

_Send: TypeAlias = Callable[[signal.Signals], None]
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
        return _wait(process, command.timeout_s, lambda number: _signal(process.pid, number))

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
            call = exec_call(
                self._site,
                record,
                words,
                *(("--detach",) if command.is_background else ()),
                *("--pid-file", str(pid_file)),
            )
            runner = subprocess.Popen(
                self._site.joined(self._site.cgroups.path(record.jid, Part.INSIDE), call),
                pass_fds=(words, self._site.cgroups.mount),
                stdout=output,
                stderr=output,
                env=dict(TOOL_ENVIRONMENT),
            )
            if command.is_background:
                runner.wait()
                return Outcome(ending=Ending.LEFT_RUNNING)
            return _wait(
                runner, command.timeout_s, lambda number: _signal_group(pid_file, runner, number)
            )


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


def _wait(process: subprocess.Popen[bytes], timeout_s: int, send: _Send) -> Outcome:
    """Wait for the end; when time is over, or this process is to end, make it end."""
    try:
        return _outcome(process.wait(timeout_s or None))
    except subprocess.TimeoutExpired:
        _end(process, send)
    except BaseException:
        _end(process, send)
        raise
    return Outcome(ending=Ending.TIMED_OUT)


def _end(process: subprocess.Popen[bytes], send: _Send) -> None:
    """Ask a command to end, then make it."""
    send(signal.SIGTERM)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        send(signal.SIGKILL)
        process.wait()


def _outcome(status: int) -> Outcome:
    if status < 0:
        return Outcome(ending=Ending.SIGNALLED, number=-status)
    return Outcome(ending=Ending.DONE, number=status)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(pid_file: Path, runner: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a command in a jail, which has a session of its own, and what it started."""
    try:
        group = os.getpgid(int(pid_file.read_text()))
    except (OSError, ValueError):
        runner.kill()  # it has not begun, or it is gone
        return
    if group != os.getpgrp():
        with suppress(ProcessLookupError):
            os.killpg(group, number)
