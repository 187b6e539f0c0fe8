"""Groups in files of FreeBSD: rc.conf(5), and scripts of ifconfig lines, as carpio.toml.

Pure: texts in, text out. Interfaces and plain addresses are left out with a remark, for they
are the business of the system's own network configuration. All problems are told together, each
as `FILE:LINE: text`; a line that does not speak of a vhid is never one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.bsd.addresses import no_names
from carpio.bsd.batch import change_of, without_command
from carpio.bsd.groups_file import GroupsFile
from carpio.bsd.messages import IfconfigError
from carpio.bsd.shell import Statement, statements, words_of
from carpio.bsd.sysctl_conf import Imported
from carpio.bsd.words import Change
from carpio.errors import ConfigError

__all__ = ["Imported", "import_rc_conf", "import_script"]

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_IFCONFIG: Final = re.compile(r"ifconfig_(.+?)(?:_(ipv6|aliases|alias[0-9]{1,9}|name|descr))?")
_ALIAS: Final = re.compile(r"alias([0-9]+)")
_SUBINTERFACE: Final = re.compile(r"([a-z]+[0-9]+)_([0-9]+)")
_OLD_CARP: Final = re.compile(r"carp[0-9]+")
_OF_NETWORK: Final = re.compile(
    r"cloned_interfaces|gif_interfaces|network_interfaces|vlans_.+|create_args_.+"
    r"|ipv[46]_addrs_.+|autobridge_interfaces|autobridge_.+"
)
_OF_RC: Final = frozenset(
    "dhcp syncdhcp nosyncdhcp noauto wpa hostap up_if_exists".split()  # noqa: SIM905
)
"""Words for rc itself, not for ifconfig."""
_SYSTEM: Final = "that is for the system's own network configuration"


def import_rc_conf(text: str, name: str) -> Imported:
    """Return the groups of an rc.conf(5) called `name`. Raises ConfigError."""
    importer = _Importer(name)
    variables = importer.variables(text)
    for variable, value in variables.items():
        if _OF_NETWORK.fullmatch(variable):
            importer.remark(value.line, f"left out: {variable}; {_SYSTEM}")
    for line, label, words in _ifconfig_calls(variables, importer):
        importer.take(line, words, f"{label}: ")
    return importer.imported()


def import_script(text: str, name: str) -> Imported:
    """Return the groups that a script of ifconfig lines makes. Raises ConfigError."""
    importer = _Importer(name)
    for statement in statements(text):
        texts = [word.text for word in statement.words]
        words = without_command(texts)
        if words == texts and "vhid" not in texts:
            importer.remark(statement.line, "left out: not a line of ifconfig")
            continue
        understood = words_of(statement)
        if isinstance(understood, str):
            importer.refuse(statement.line, texts, understood)
        else:
            importer.take(statement.line, words)
    return importer.imported()


@dataclass(frozen=True, slots=True)
class _Value:
    """The value of a variable, or why it is not known."""

    line: int
    text: str
    problem: str


class _Importer:
    """Collects groups, remarks and problems of one file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._groups = GroupsFile()
        self._remarks: list[str] = []
        self._problems: list[str] = []

    def remark(self, line: int, text: str) -> None:
        """Note something that the user should know."""
        self._remarks.append(f"{self._name}:{line}: {text}")

    def refuse(self, line: int, words: Sequence[str], text: str) -> None:
        """Note why a line cannot be used: a problem if it is about a vhid, else a remark."""
        if "vhid" in words:
            self._problems.append(f"{self._name}:{line}: {text}")
        else:
            self.remark(line, f"left out: {text}")

    def take(self, line: int, words: Sequence[str], label: str = "") -> None:
        """Carry out one ifconfig line on paper."""
        try:
            change = change_of(words, no_names)
            _check(change)
        except IfconfigError as error:
            self.refuse(line, words, f"{label}{error}")
            return
        for text in change.remarks:
            self.remark(line, label + " ".join(text.split()))
        self._groups.take(change, lambda text: self.remark(line, label + text))

    def variables(self, text: str) -> dict[str, _Value]:
        """Return the last value of each variable, in order of first assignment."""
        found: dict[str, _Value] = {}
        for statement in statements(text):
            assigned = _assignments(statement)
            if assigned is None:
                self.remark(statement.line, "left out: not an assignment")
            else:
                found.update(assigned)
        return found

    def imported(self) -> Imported:
        """Return what was read. Raises ConfigError with all problems."""
        if self._problems:
            raise ConfigError(self._problems)
        remarks = [*self._remarks, *(f"{self._name}: {text}" for text in self._groups.remarks())]
        return Imported(toml=self._groups.toml(), remarks=tuple(remarks))


def _check(change: Change) -> None:
    """Refuse a change of a group that a file cannot say. Raises IfconfigError."""
    if change.wants_mac:
        raise IfconfigError("eui64: write the whole address instead")
    if _OLD_CARP.fullmatch(change.interface):
        raise IfconfigError(
            f"{change.interface} is CARP as before FreeBSD 10; write its vhid, pass and addresses "
            "on the interface below, as in ifconfig_em0_alias0"
        )


def _assignments(statement: Statement) -> dict[str, _Value] | None:
    """Return the variables that a line sets, or None when it does something else."""
    found = {}
    for word in statement.words:
        match = _ASSIGNMENT.fullmatch(word.text)
        if match is None:
            return None
        problem = statement.problem
        if word.expands:
            problem = problem or "has $ or ` outside of single quotes: only a shell knows its value"
        found[match.group(1)] = _Value(statement.line, match.group(2), problem)
    return found or None


# -- rc.conf ---------------------------------------------------------------------------------


def _ifconfig_calls(
    variables: Mapping[str, _Value], importer: _Importer
) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line, variable and words of each ifconfig call that rc makes, in its order."""
    interfaces: dict[str, dict[str, str]] = {}
    for variable in variables:
        match = _IFCONFIG.fullmatch(variable)
        if match is not None:
            interfaces.setdefault(match.group(1), {})[match.group(2) or ""] = variable
    for encoded, parts in interfaces.items():
        interface = _SUBINTERFACE.sub(r"\1.\2", encoded)
        for variable in _in_order(encoded, parts, variables, importer):
            value = variables[variable]
            words = _split(value)
            if isinstance(words, str):
                importer.refuse(value.line, value.text.split(), f"{variable}: {words}")
                continue
            if not words:
                importer.remark(value.line, f"left out: {variable}; {_SYSTEM}")
            entries = _entries(words) if variable.endswith("_aliases") else [words]
            for entry in entries:
                if entry:
                    yield value.line, variable, [interface, *entry]


def _in_order(
    encoded: str, parts: Mapping[str, str], variables: Mapping[str, _Value], importer: _Importer
) -> Iterator[str]:
    """Yield the variables of one interface that call ifconfig, and tell which do not."""
    for part in ("name", "descr"):
        if part in parts:
            line = variables[parts[part]].line
            importer.remark(line, f"left out: {parts[part]}; {_SYSTEM}")
    if encoded == "DEFAULT":
        for variable in parts.values():
            importer.remark(variables[variable].line, f"left out: {variable} names no interface")
        return
    yield from (parts[part] for part in ("", "ipv6") if part in parts)
    aliases = {int(m.group(1)): parts[p] for p in parts if (m := _ALIAS.fullmatch(p))}
    for expected, number in enumerate(sorted(aliases)):
        variable, due = aliases[number], f"ifconfig_{encoded}_alias{expected}"
        if variable != due:
            importer.remark(
                variables[variable].line,
                f"WARNING: {variable} and what follows it is left out, because there is no {due}",
            )
            break
        yield variable
    if "aliases" in parts:
        yield parts["aliases"]


def _split(value: _Value) -> list[str] | str:
    """Return the words of a value without those for rc, or why they are not known.

    rc(8) has the value read by the shell a second time, quotes and all.
    """
    if value.problem:
        return value.problem
    words: list[str] = []
    for statement in statements(value.text):
        more = words_of(statement)
        if isinstance(more, str):
            return more
        words += more
    return [word for word in words if word.lower() not in _OF_RC]


def _entries(words: Sequence[str]) -> list[list[str]]:
    """Return the single calls of an `_aliases` variable: each begins with a family."""
    entries: list[list[str]] = [[]]
    for word in words:
        if word in ("inet", "inet6"):
            entries.append([])
        entries[-1].append(word)
    return [entry for entry in entries if entry]
