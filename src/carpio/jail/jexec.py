"""jexec(8) of FreeBSD: a command in a jail that runs. This process becomes the one that runs it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from carpio.bsd.options import OptionError, parse_options
from carpio.bsd.world import World
from carpio.errors import CarpioError
from carpio.jail.cgroups import Part
from carpio.jail.environment import for_jail
from carpio.jail.execution import exec_call, in_memory, prepared
from carpio.jail.ports import Holder, Record
from carpio.jail.registry import FileRegistry, state_directory
from carpio.jail.site import TOOL_ENVIRONMENT, Site

__all__ = ["USAGE", "Call", "parse_call", "run"]

USAGE: Final = (
    "usage: jexec [-l] [-d working-directory] [-e name=value] [-u username | -U username]\n"
    "             jail [command ...]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked for."""

    jail: str
    argv: tuple[str, ...] = field(repr=False)
    """Empty: a shell."""
    is_clean: bool = False
    user: str | None = None
    is_host_user: bool = False
    directory: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_call(argv: Sequence[str]) -> Call:
    """Read the command line. Raises OptionError; without a text the usage is all to say."""
    found, words = parse_options(argv, switches="l", valued="deuU")
    letters = [letter for letter, _ in found]
    if not words or {"u", "U"} <= set(letters):
        raise OptionError("")
    values = dict(found)
    variables = {}
    for letter, text in found:
        name, equals, value = text.partition("=")
        if letter == "e":
            if not name or not equals:
                raise OptionError(f"{text}: not name=value")
            variables[name] = value
    return Call(
        jail=words[0],
        argv=tuple(words[1:]),
        is_clean="l" in letters,
        user=values.get("u", values.get("U")),
        is_host_user="u" in letters,
        directory=values.get("d"),
        variables=variables,
    )


def run(argv: Sequence[str], world: World) -> int:
    """Become the command, or return 1 and tell why not. Raises CarpioError, OSError."""
    try:
        call = parse_call(argv)
    except OptionError as error:
        if str(error):
            world.remark(f"jexec: {error}")
        world.remark(USAGE)
        return 1
    state = state_directory(world.environ)
    registry = FileRegistry(state, lambda text: world.remark(f"jexec: {text}"))
    record = registry.find(call.jail)
    if record is None or record.holder is None:
        raise CarpioError(f'jail "{call.jail}" not found')
    _become(call, record, record.holder, Site(state), world.environ)
    return 1  # never


def _become(
    call: Call, record: Record, holder: Holder, site: Site, environ: Mapping[str, str]
) -> None:
    """Join the jail and execute. Raises CarpioError, OSError."""
    about = {"USER": call.user} if call.user else {}
    environment = for_jail(environ, about, is_clean=call.is_clean)
    process = prepared(
        holder.pid,
        call.argv,
        record.values,
        user=call.user,
        is_host_user=call.is_host_user,
        environment={**environment, **call.variables},
        directory=call.directory,
        is_clean=call.is_clean,
        wants_terminal=os.isatty(0) and os.isatty(1),
    )
    words = in_memory(process)
    os.set_inheritable(words, True)
    argv = exec_call(site, record, words)
    (site.cgroups.path(record.jid, Part.INSIDE) / "cgroup.procs").write_text("0")
    os.execve(argv[0], argv, dict(TOOL_ENVIRONMENT))  # noqa: S606 - no shell, as meant
