"""A child process of the lab: started inside a namespace, watched by its log, ended by signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from carpio.errors import PlatformError

__all__ = ["Child"]

POLL_S = 0.005
LONGEST_LINE = 300
"""Characters of a log's line that are told."""


class Child:
    """A running command. Its stdout and stderr go to one log file."""

    def __init__(self, command: Sequence[str], *, namespace: str, log: Path) -> None:
        self.command = tuple(command)
        self.log_path = log
        with log.open("ab") as sink:
            self._popen = subprocess.Popen(
                ("ip", "netns", "exec", namespace, *command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id of the command itself (`ip netns exec` becomes it)."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    @property
    def log(self) -> str:
        """Everything that it said so far."""
        with self.log_path.open("rb") as source:
            return source.read().decode(errors="replace")

    @property
    def ending(self) -> str:
        """How it ended, with the last line of its log; nothing while it runs."""
        code = self._popen.poll()
        if code is None:
            return ""
        how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with status {code}"
        lines = [line.strip() for line in self.log.splitlines() if line.strip()]
        return f"{how}: {lines[-1][:LONGEST_LINE]}" if lines else how

    @property
    def status(self) -> int | None:
        """Its exit status (negative: the signal); None while it runs."""
        return self._popen.poll()

    def cpu_seconds(self) -> float:
        """Return the processor time that it used so far (0 once it has ended)."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_for_log(self, pattern: str, timeout_s: float = 10.0) -> re.Match[str]:
        """Wait until a line of the log matches; return the first match.

        Raises:
            PlatformError: it ended first, or the time is over; carries the log's last lines.
        """
        deadline = time.monotonic() + timeout_s
        expression = re.compile(pattern, re.MULTILINE)
        while True:
            ended = not self.is_running
            if match := expression.search(self.log):
                return match
            if ended or time.monotonic() > deadline:
                why = f"ended with status {self._popen.returncode}" if ended else "is silent"
                raise PlatformError(
                    f"waiting for `{pattern}`: {self.command[0]} {why}; its log ends:\n"
                    + "\n".join(self.log.splitlines()[-10:])
                )
            time.sleep(POLL_S)

    def wait(self, timeout_s: float = 10.0) -> int:
        """Wait for its end and return the exit status (negative: the signal).

        Raises:
            PlatformError: it has not ended in time.
        """
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise PlatformError(f"{self.command[0]} did not end in {timeout_s} s") from error

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended already."""
        with suppress(ProcessLookupError):
            self._popen.send_signal(number)

    def kill9(self) -> None:
        """End it without a chance to clean up, and wait for it."""
        self.send(signal.SIGKILL)
        self.wait()

    def terminate(self, timeout_s: float = 10.0) -> int:
        """Ask it to leave (SIGTERM) and wait; return the exit status."""
        self.send(signal.SIGTERM)
        return self.wait(timeout_s)

    def stop(self) -> None:
        """Freeze it (SIGSTOP)."""
        self.send(signal.SIGSTOP)

    def cont(self) -> None:
        """Let it run on (SIGCONT)."""
        self.send(signal.SIGCONT)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one
        return f"signal {number}"
