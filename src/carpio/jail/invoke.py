"""What a value of exec.* becomes: words to execute, a line for a shell, or a call of our ifconfig.

A value with one of the shell's characters goes to a shell; another one is split at blanks. A call
of ifconfig that can be read without a shell is made in this process, so that a passphrase in it
is in no list of processes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from carpio.bsd.names import COMMANDS
from carpio.bsd.shell import statements, words_of
from carpio.jail.passphrases import masked, masked_words, mentions_passphrase

__all__ = ["Invocation", "ifconfig_words", "in_jail", "of_argv", "on_host"]

_OF_SHELL: Final = frozenset("!\"$&'()*;<>?[\\]`{|}~")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\"|\\.", re.DOTALL)
_EXPANDING: Final = frozenset("!$&()*;<>?[]`{|}~#\n")
_PLACE: Final = re.compile(
    rf"(?<![\w./-])/(?:usr/)?s?bin/(?P<name>{'|'.join(map(re.escape, COMMANDS))})(?![\w./-])"
)
"""Where FreeBSD has a command of which there is one of ours."""
_PLAIN_PATH: Final = re.compile(r"[\w./+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One command."""

    shown: str
    """For messages: as the user wrote it, without passphrases."""
    argv: tuple[str, ...] = field(repr=False)
    is_background: bool = False
    ifconfig: tuple[str, ...] | None = field(default=None, repr=False)
    """The words after `ifconfig` of a call that this process can make."""
    shows_passphrase: bool = False
    """Whether a list of processes would show one; never of what this process does."""


def on_host(value: str, links: str | None) -> Invocation:
    """Return how to run a value on the host; `links` has our commands by their names."""
    words = ifconfig_words(value)
    argv, is_background = _argv(value)
    if is_background:
        words = None
    return Invocation(
        shown=masked(value),
        argv=_with_ours(argv, links),
        is_background=is_background,
        ifconfig=words,
        shows_passphrase=words is None and mentions_passphrase(value),
    )


def in_jail(value: str) -> Invocation:
    """Return how to run a value in a jail."""
    argv, is_background = _argv(value)
    return Invocation(
        shown=masked(value),
        argv=argv,
        is_background=is_background,
        shows_passphrase=mentions_passphrase(value),
    )


def of_argv(argv: Sequence[str]) -> Invocation:
    """Return how to run words in a jail, as they are."""
    return Invocation(
        shown=" ".join(masked_words(argv)),
        argv=tuple(argv),
        shows_passphrase=any(map(mentions_passphrase, argv)),
    )


def ifconfig_words(value: str) -> tuple[str, ...] | None:
    """Return the words of a call of ifconfig that changes something and needs no shell, or None.

    Of options it may have `-j JAIL` alone.
    """
    words = _unquoted(value) if _OF_SHELL & set(value) else value.split()
    if words is None or not words or words[0] not in _IFCONFIGS:
        return None
    call = words[3:] if words[1:2] == ["-j"] else words[1:]
    return tuple(words[1:]) if len(call) > 1 and not call[0].startswith("-") else None


_IFCONFIGS: Final = ("ifconfig", "/sbin/ifconfig", "/usr/sbin/ifconfig")


def _unquoted(value: str) -> list[str] | None:
    """Return the words of a value that has the shell's characters within quotes alone."""
    if _EXPANDING & set(_QUOTED.sub("", value)):
        return None
    found = list(statements(value))
    if len(found) != 1:
        return None
    words = words_of(found[0])
    return words if isinstance(words, list) else None


def _argv(value: str) -> tuple[tuple[str, ...], bool]:
    """Return words to execute, and whether in the background."""
    special = _OF_SHELL & set(value)
    if special == {"&"} and value.index("&") == len(value) - 1 and value[:-1].strip():
        return tuple(value[:-1].split()), True
    if special or not value.strip():
        return ("/bin/sh", "-c", value), False
    return tuple(value.split()), False


def _with_ours(argv: tuple[str, ...], links: str | None) -> tuple[str, ...]:
    """Return the words with our commands in the place of FreeBSD's."""
    if links is None or not _PLAIN_PATH.fullmatch(links):
        return argv
    if argv[:2] == ("/bin/sh", "-c") and len(argv) == 3:
        return (*argv[:2], _PLACE.sub(lambda found: f"{links}/{found['name']}", argv[2]))
    found = _PLACE.fullmatch(argv[0])
    return (f"{links}/{found['name']}", *argv[1:]) if found else argv
