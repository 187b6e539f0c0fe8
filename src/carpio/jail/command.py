"""jail(8) of FreeBSD: jails are made, changed and removed, from a file or from words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, assert_never

from carpio.bsd.options import OptionError
from carpio.bsd.world import World
from carpio.errors import PlatformError
from carpio.jail.cmdline import USAGE, FromFile, FromWords, List, Remove, parse_form
from carpio.jail.files import STDIN, RealFiles
from carpio.jail.grammar import Config, read_config
from carpio.jail.judge import judge
from carpio.jail.listing import line_of, printable
from carpio.jail.problems import JailFileError
from carpio.jail.resolve import Jail, resolve, warnings_of

if TYPE_CHECKING:
    from carpio.jail.host import Host

__all__ = ["run", "run_on"]

HostOf: TypeAlias = "Callable[[World], Host]"


def run(argv: Sequence[str], world: World) -> int:
    """Be the command and return its exit status. Raises CarpioError, OSError."""
    return run_on(argv, world, _this_host)


def run_on(argv: Sequence[str], world: World, host_of: HostOf) -> int:
    """Be the command on another host. Raises CarpioError, OSError."""
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
        case FromWords() | FromFile() | Remove():
            return _carry_out(form, world, host_of)
        case _:
            assert_never(form)


def _this_host(world: World) -> Host:
    from carpio.jail.makers import is_confined
    from carpio.jail.real import this_host  # listing needs no host

    if (
        is_confined()
    ):  # it would take the jails of the host, whose processes it cannot see, for dead
        raise PlatformError(
            "jail_set: Operation not permitted",
            remedy="not from inside a jail; call it on the host",
        )
    return this_host(world)


def _carry_out(form: FromWords | FromFile | Remove, world: World, host_of: HostOf) -> int:
    """Make, change or remove. Raises CarpioError, OSError."""
    from carpio.jail.forms import Carrier
    from carpio.jail.notes import Notes

    options = form.options
    notes = Notes(
        world.stdout,
        world.stderr,
        is_quiet=options.is_quiet,
        is_verbose=options.is_verbose,
        prints_jids=options.prints_jids,
    )
    if options.allows_dying:
        notes.warn("", "-d: not supported on Linux, ignored")
    try:
        config = None if isinstance(form, FromWords) else _config_of(form, world)
    except JailFileError as error:
        for problem in error.problems:
            notes.remark("", problem.text)
        return 1
    if config is not None:
        for warning in warnings_of(config):
            notes.warn("", warning.text)
    carrier = Carrier(host_of(world), notes, options)
    match form:
        case FromWords():
            is_good = carrier.from_words(form)
        case FromFile():
            is_good = carrier.from_file(form, resolve(config) if config is not None else ())
        case Remove():
            is_good = carrier.remove(form, resolve(config) if config is not None else None)
        case _:
            assert_never(form)
    return 0 if is_good else 1


def _config_of(form: FromFile | Remove, world: World) -> Config | None:
    """Return what the file says, None when none is needed. Raises JailFileError."""
    from carpio.jail.cmdline import DEFAULT_FILE

    file = form.file or DEFAULT_FILE
    if isinstance(form, Remove):
        import os

        is_missing = form.file is None and not os.path.exists(file)
        if form.is_at_once or is_missing:
            return None
    return read_config(STDIN if file == "-" else file, RealFiles(world.stdin))


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
