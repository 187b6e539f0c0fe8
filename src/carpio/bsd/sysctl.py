"""sysctl(8) of FreeBSD for what carpio knows: the settings of CARP and a few of Linux.

First all words are judged, then all CARP settings go in one request, which the daemon does
whole or not at all, then everything is shown in the order of the words.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, assert_never

from carpio.bsd.files import read_text_file
from carpio.bsd.oids import Carp, Fixed, Oid, Proc
from carpio.bsd.options import OptionError
from carpio.bsd.sysctl_show import Style, Value, raw, shown, shown_node, value_text
from carpio.bsd.sysctl_tasks import Set, Show, Task, Wrong, options_of, tasks_of, tasks_of_file
from carpio.bsd.world import World
from carpio.control.client import ControlClient, NotPermitted, NotReachable, Refused
from carpio.control.network import (
    ChangeSettings,
    Setting,
    SettingChange,
    SettingResult,
    SettingsRequest,
    SettingsResult,
)
from carpio.errors import ControlError

__all__ = ["run"]

_USAGE: Final = """\
usage: sysctl [-j jail] [-bdehiNnoqTtWx] [-f filename] name[=value] ...
       sysctl [-j jail] [-bdehNnoqTtWx] -a"""


def run(argv: Sequence[str], world: World) -> int:
    """Be the command and return its exit status. Raises CarpioError, OSError."""
    try:
        options = options_of(argv)
    except OptionError as error:
        if str(error):
            world.remark(f"sysctl: {error}")
        world.remark(_USAGE)
        return 1
    if options.jail is not None:
        world.enter(options.jail)
    with world.client() as client:
        call = _Call(world, options.style, client)
        if options.file is not None:
            call.carry_out(tasks_of_file(read_text_file(options.file), options))
        call.carry_out(tasks_of(options))
    return call.status


class _Call:
    """One call: what it knows of the daemon's values, and how well it went so far."""

    def __init__(self, world: World, style: Style, client: ControlClient) -> None:
        self.status = 0
        self._world = world
        self._style = style
        self._client = client
        self._values: dict[str, Value] = {}
        """Of the daemon's settings, as far as they were asked for or changed."""

    def carry_out(self, tasks: Sequence[Task]) -> None:
        """Do all tasks, in order as it looks. Raises ControlError, OSError."""
        wanted = [oid for task in tasks if isinstance(task, Show) for oid in task.oids]
        if self._style.needs_value and any(isinstance(oid.source, Carp) for oid in wanted):
            self._ask()
        outcomes = iter(self._change(tasks))
        for task in tasks:
            match task:
                case Show():
                    self._show(task)
                case Wrong():
                    self._fail(task.text)
                case Set(oid=Oid(source=Carp(setting))):
                    self._tell(task, setting, next(outcomes))
                case Set(oid=Oid(source=Proc(path))):
                    self._write(task, path)
                case Set():
                    raise AssertionError(f"{task.oid.name} is read only")
                case _:
                    assert_never(task)

    # -- the daemon's settings ---------------------------------------------------------------

    def _ask(self) -> None:
        """Learn the values. Raises ControlError."""
        found = self._client.ask(SettingsRequest(), SettingsResult)
        self._values = {name: getattr(found, name) for name in found.__struct_fields__}

    def _change(self, tasks: Sequence[Task]) -> Sequence[SettingResult | str]:
        """Change all or nothing; return for each change its result, or why it was not done.

        An empty reason is one that was told already.
        """
        changes = [
            SettingChange(task.oid.source.setting, task.value)
            for task in tasks
            if isinstance(task, Set) and isinstance(task.oid.source, Carp)
        ]
        if not changes:
            return []
        try:
            return self._client.ask(ChangeSettings(changes), list[SettingResult])
        except NotReachable as error:
            self._fail(str(error))
            return [""] * len(changes)
        except ControlError as error:
            with suppress(ControlError):
                self._ask()
            return [_reason(error, position) for position in range(len(changes))]

    def _tell(self, task: Set, setting: Setting, outcome: SettingResult | str) -> None:
        """Show old and new value, or what there is still and why, as there."""
        if isinstance(outcome, SettingResult):
            self._values[setting] = {} if setting == "stats" else outcome.new
            self._changed(task.oid, outcome.old, outcome.new)
        elif outcome:
            if setting in self._values and task.oid.kind != "opaque":
                self._print(task.oid, self._values[setting])
            self._fail(f"{task.place}{task.word}: {outcome}")

    # -- the files of Linux --------------------------------------------------------------------

    def _read(self, oid: Oid) -> Value:
        match oid.source:
            case Carp(setting):
                return self._values[setting]
            case Proc(path):
                text = (self._world.root / "proc/sys" / path).read_text().strip()
            case Fixed(text):
                pass
            case _:
                assert_never(oid.source)
        return text if oid.kind == "string" else int(text)

    def _write(self, task: Set, path: str) -> None:
        """Give a file of Linux its value."""
        old = self._read(task.oid)
        try:
            (self._world.root / "proc/sys" / path).write_text(f"{task.value}\n")
        except OSError as error:
            self._print(task.oid, old)
            # Who may not open the file would hear EPERM there.
            number = errno.EPERM if isinstance(error, PermissionError) else error.errno or 0
            self._fail(f"{task.place}{task.word}: {os.strerror(number)}")
        else:
            self._changed(task.oid, old, self._read(task.oid))

    # -- what is said --------------------------------------------------------------------------

    def _show(self, task: Show) -> None:
        if task.node:
            self._world.say(shown_node(task.node, self._style))
        for oid in task.oids:
            self._print(oid, self._read(oid) if self._style.needs_value else None)

    def _print(self, oid: Oid, value: Value | None) -> None:
        if self._style.is_raw and self._style.needs_value:
            self._dump(value)
        else:
            self._world.say(shown(oid, value, self._style))

    def _changed(self, oid: Oid, old: Value, new: Value) -> None:
        if oid.kind == "opaque":
            return
        if self._style.is_raw:
            self._dump(old)
            self._dump(new)
        else:
            after = value_text(oid, new, self._style)
            self._world.say(f"{shown(oid, old, self._style)} -> {after}")

    def _dump(self, value: Value | None) -> None:
        self._world.stdout.flush()
        self._world.stdout.buffer.write(raw(value))

    def _fail(self, text: str) -> None:
        self.status = 1
        if text:
            self._world.remark(f"sysctl: {text}")


def _reason(error: ControlError, position: int) -> str:
    """Return why the change at that position was not made."""
    match error:
        case NotPermitted():
            return os.strerror(errno.EPERM)
        case Refused(step=int(culprit)) if culprit != position:
            return "not done"
        case Refused(errno=int(number)) if number:
            return os.strerror(number)
        case _:
            return str(error)
