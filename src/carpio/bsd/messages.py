"""What ifconfig says when something goes wrong: FreeBSD's forms, and which step gets which.

A refused step is told as FreeBSD tells the failed system call; what the daemon knows beyond
that follows on a line of its own.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Final, assert_never

from carpio.control.client import Refused
from carpio.control.network import (
    AddAddress,
    AddMember,
    Create,
    DeleteAddress,
    DeleteMember,
    Destroy,
    Line,
    MoveTo,
    SetLink,
    SetVhid,
    Step,
    TakeFrom,
)
from carpio.errors import CarpioError

__all__ = [
    "USAGE",
    "IfconfigError",
    "bad_value",
    "error_text",
    "no_such_interface",
    "no_such_jail",
    "not_permitted",
    "refusal",
]

USAGE: Final = """\
usage: ifconfig [--start] [-j jail] [-kLmvD] [-f type:format,...] interface [family] [word ...]
       ifconfig [--start] [-j jail] interface create [word ...]
       ifconfig [--start] [-j jail] interface destroy
       ifconfig [--start] [-j jail] [-a] [-dukLmvD] [-g group] [-G group] [family]
       ifconfig [--start] [-j jail] -l [-du] [-g group] [-G group] [family]
       ifconfig [--start] [-j jail] -g group
       ifconfig [--start] [-j jail] -F file
       ifconfig -C"""

_FREEBSD: Final[Mapping[int, str]] = {
    errno.ENXIO: "Device not configured",
    errno.ENODEV: "Operation not supported by device",
    errno.EBUSY: "Device busy",
    errno.EADDRNOTAVAIL: "Can't assign requested address",
    errno.EAFNOSUPPORT: "Address family not supported by protocol family",
    errno.ERANGE: "Result too large",
    errno.EPROTOTYPE: "Protocol wrong type for socket",
    errno.ENOTSUP: "Operation not supported",
}
"""Errors that FreeBSD words otherwise than Linux."""


class IfconfigError(CarpioError):
    """Words that cannot be carried out; the text is for people and holds no secret."""


def bad_value(word: str, why: str = "") -> IfconfigError:
    """Return the error for a word that means nothing here."""
    return IfconfigError(f"{word}: bad value{f' ({why})' if why else ''}")


def error_text(number: int) -> str:
    """Return what FreeBSD calls an error number of this system."""
    return _FREEBSD.get(number) or os.strerror(number)


def no_such_interface(name: str) -> str:
    """Return the text for an interface that is not there."""
    return f"interface {name} does not exist"


def no_such_jail(name: str) -> str:
    """Return the text for a jail that is not there."""
    return f'jail "{name}" not found'


def refusal(lines: list[Line], error: Refused) -> tuple[int | None, list[str]]:
    """Return which line of a `configure` request was refused, and what to say about it."""
    found = _step_at(lines, error)
    if found is None or error.line is None:
        return None, [str(error)]
    name, step = found
    number = error.errno or 0
    text = _special(name, step, number) or _called(_call_of(step), number)
    more = str(error)
    if more == no_such_interface(name):
        return error.line, [more]  # whatever else is said to be missing
    if not number:
        text = f"{_call_of(step)[0]}: {more}"
    told = more in text or more == os.strerror(number)
    return error.line, [text] if told else [text, f"\t{more}"]


def not_permitted(lines: list[Line], reason: str) -> list[str]:
    """Return what to say when the caller may change nothing: it is the first step that fails."""
    steps = [step for line in lines for step in line.steps]
    if not steps:
        return [reason]
    return [_called(_call_of(steps[0]), errno.EPERM), f"\t{reason}"]


def _step_at(lines: list[Line], error: Refused) -> tuple[str, Step] | None:
    """Return interface and step that an error speaks of."""
    if error.line is None or not 0 <= error.line < len(lines):
        return None
    line = lines[error.line]
    if error.step is None or not 0 <= error.step < len(line.steps):
        return None
    return line.interface, line.steps[error.step]


def _special(name: str, step: Step, number: int) -> str:
    """Return the text of a failure that has one of its own, or nothing."""
    match step:
        case MoveTo(netns) | TakeFrom(netns) if number in (errno.ENOENT, errno.ESRCH):
            return no_such_jail(netns)
        case Create() if number == errno.EEXIST:
            return f"interface {name} already exists"
        case Create(parent=str(parent)) if number == errno.ENXIO:
            return no_such_interface(parent)
        case AddMember() | DeleteMember():
            return ""
        case _:
            return no_such_interface(name) if number == errno.ENXIO else ""


def _called(call: tuple[str, bool], number: int) -> str:
    """Return the text of a failed call."""
    name, is_terse = call
    if is_terse and number == errno.EPERM:
        return f"{name}: permission denied"
    return f"{name}: {error_text(number)}"


def _call_of(step: Step) -> tuple[str, bool]:
    """Return what FreeBSD calls a step, and whether it has words of its own for EPERM."""
    match step:
        case Create():
            return "SIOCIFCREATE2", False
        case Destroy():
            return "SIOCIFDESTROY", False
        case SetLink():
            return _call_of_link(step)
        case AddMember(member):
            return f"BRDGADD {member}", False
        case DeleteMember(member):
            return f"BRDGDEL {member}", False
        case MoveTo():
            return "SIOCSIFVNET", False
        case TakeFrom():
            return "SIOCSIFRVNET", False
        case SetVhid():
            return "SIOCSVH", False
        case DeleteAddress():
            return "ioctl (SIOCDIFADDR)", True
        case AddAddress():
            return "ioctl (SIOCAIFADDR)", True
        case _:
            assert_never(step)


def _call_of_link(step: SetLink) -> tuple[str, bool]:
    """Return the same of a change of the interface; flags are called by their words."""
    calls = {
        "ioctl (set mtu)": step.mtu,
        "ioctl (set name)": step.name,
        "ioctl (set descr)": step.description,
        "ioctl (SIOCSIFLLADDR)": step.mac,
    }
    for call, value in calls.items():
        if value is not None:
            return call, True
    for word, flag in (("promisc", step.promisc), ("allmulti", step.allmulti), ("arp", step.arp)):
        if flag is not None:
            return word if flag else f"-{word}", True
    return "down" if step.up is False else "up", True
