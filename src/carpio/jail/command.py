"""jail(8) of FreeBSD, as far as it goes: `jail -e` lists the jails of a file, nothing starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from carpio.bsd.options import OptionError
from carpio.bsd.world import World
from carpio.errors import CarpioError
from carpio.jail.cmdline import USAGE, FromFile, FromWords, List, Remove, parse_form
from carpio.jail.files import STDIN, RealFiles
from carpio.jail.grammar import read_config
from carpio.jail.judge import judge
from carpio.jail.listing import line_of, printable
from carpio.jail.problems import JailFileError
from carpio.jail.resolve import Jail, resolve, warnings_of

__all__ = ["run"]


def run(argv: Sequence[str], world: World) -> int:
    """Be the command and return its exit status. Raises CarpioError, OSError."""
    try:
        form = parse_form(argv)
    except OptionError as error:
        if str(error):
            world.remark(f"jail: {error}")
        world.remark(USAGE)
        return 1
    match form:
        case List():
            return _list(form, world)
        case FromWords():
            _judge(form.jail, world, is_quiet=True)
            raise _not_yet("creating and changing jails")
        case FromFile():
            raise _not_yet("creating and changing jails")
        case Remove():
            raise _not_yet("removing jails")
        case _:
            assert_never(form)


def _not_yet(what: str) -> CarpioError:
    return CarpioError(f"{what}: not supported yet; `jail -e separator` lists those of a file")


def _list(form: List, world: World) -> int:
    """Print the jails of a file, and remarks about what will not do here."""
    file = STDIN if form.file == "-" else form.file
    try:
        config = read_config(file, RealFiles(world.stdin))
    except JailFileError as error:
        for problem in error.problems:
            _remark(world, problem.text)
        return 1
    if not form.is_quiet:
        for warning in warnings_of(config):
            _remark(world, warning.text)
    is_good = True
    for jail in resolve(config):
        is_good = _judge(jail, world, is_quiet=form.is_quiet) and is_good
        if jail.settings:
            world.say(line_of(jail, form.separator))
    return 0 if is_good else 1


def _judge(jail: Jail, world: World, *, is_quiet: bool) -> bool:
    """Tell what is wrong with a jail; return whether nothing is."""
    judged = judge(jail)
    label = f"{jail.name}: " if jail.name else ""
    for text in (*(() if is_quiet else judged.warnings), *judged.problems):
        _remark(world, f"{label}{text}")
    return not judged.problems


def _remark(world: World, text: str) -> None:
    world.remark(f"jail: {printable(text)}")
