"""The commands of the BSDs by name, and what all of them have in common.

Options of ours come before everything else: `--control SOCKET` and `--start`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import msgspec

from carpio.bsd.names import MODULES
from carpio.bsd.world import World
from carpio.control.client import NotReachable
from carpio.errors import CarpioError

__all__ = ["Call", "call_of", "run"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A command line without our own options."""

    words: tuple[str, ...]
    control: str | None = None
    """Socket of the daemon, as given."""
    starts: bool = False
    """Whether the daemon is to be started unless it runs."""


def call_of(argv: Sequence[str]) -> Call:
    """Take our options off the front. Raises CarpioError when a value is missing."""
    words = list(argv)
    control, starts = None, False
    while words:
        word, equals, value = words[0].partition("=")
        if words[0] == "--start":
            starts = True
        elif word == "--control":
            if not equals and len(words) < 2:
                raise CarpioError("--control: needs the socket of the daemon")
            control = value if equals else words.pop(1)
        else:
            break
        words.pop(0)
    return Call(words=tuple(words), control=control, starts=starts)


def run(name: str, argv: Sequence[str], world: World, *, starts: bool = False) -> int:
    """Be the command `name` and return its exit status; a failure is told, with status 1."""
    try:
        if starts:
            world.start_daemon()
        status: int = importlib.import_module(MODULES[name]).run(argv, world)
        world.stdout.flush()
    except BrokenPipeError:
        return 1  # whoever read has heard enough
    except NotReachable as error:
        world.remark(f"{name}: {error}; or let it be started: {name} --start ...")
    except CarpioError as error:
        world.remark(f"{name}: {error}")
    except OSError as error:
        reason = error.strerror or str(error)
        place = f"{error.filename}: " if error.filename else ""
        world.remark(f"{name}: {place}{reason}")
    else:
        return status
    return 1
