"""What the command says, from any of its threads; never with a passphrase.

Notes go to standard output, remarks to standard error behind `jail: `. A jail without a label (one
given by parameters on the command line) has notes only with -v.
"""

from __future__ import annotations

import threading
from typing import TextIO

from carpio.jail.listing import printable

__all__ = ["Notes"]


class Notes:
    """Prints whole lines, each at once."""

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        *,
        is_quiet: bool = False,
        is_verbose: bool = False,
        prints_jids: bool = False,
    ) -> None:
        self._stdout, self._stderr = stdout, stderr
        self._is_quiet, self._is_verbose = is_quiet, is_verbose
        self._prints_jids = prints_jids
        self._lock = threading.Lock()
        self._warned: set[str] = set()

    def note(self, label: str, text: str) -> None:
        """Tell what was done."""
        if self._is_verbose or (label and not self._is_quiet):
            self._print(self._stdout, _labelled(label, text))

    def created(self, label: str, jid: int) -> None:
        """Tell that a jail is there: its jid alone with -i."""
        if self._prints_jids:
            self._print(self._stdout, str(jid))
        else:
            self.note(label, "created")

    def detail(self, label: str, text: str) -> None:
        """Tell what is done now, with -v."""
        if self._is_verbose:
            self._print(self._stdout, _labelled(label, text))

    def output(self, text: str) -> None:
        """Hand on what a command printed."""
        if text:
            with self._lock:
                self._stdout.write(text)
                self._stdout.flush()

    def remark(self, label: str, text: str) -> None:
        """Tell what went wrong."""
        self._print(self._stderr, f"jail: {_labelled(label, text)}")

    def warn(self, label: str, text: str) -> None:
        """Tell what one should know, unless -q."""
        if not self._is_quiet:
            self.remark(label, text)

    def warn_once(self, label: str, text: str, about: str) -> None:
        """Warn, but only the first time that it is about this."""
        with self._lock:
            is_new = about not in self._warned
            self._warned.add(about)
        if is_new:
            self.warn(label, text)

    def _print(self, stream: TextIO, text: str) -> None:
        with self._lock:
            stream.write(f"{printable(text)}\n")
            stream.flush()  # commands write to the same files


def _labelled(label: str, text: str) -> str:
    return f"{label}: {text}" if label else text
