"""Writes the manual pages and the generated parts of the reference: `python -m carpio.cli.man`.

The sources are `cli.spec`, `config.schema` and `control.messages`; a test sees to it that what
is kept under docs/ is what this module writes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from carpio import __version__
from carpio.cli import reference, roff
from carpio.cli.exit_status import EXIT_MEANINGS
from carpio.cli.spec import COMMANDS, DEBUG, HELP, PROGRAM, SUMMARY, VERSION, Argument, Command
from carpio.config.schema import NETNS, TOP_LEVEL, VHID, Field

__all__ = ["carpio_8", "carpio_toml_5", "main", "outputs"]

_EXAMPLE = """\
preempt = true

[[vhid]]
id = 1
interface = "eth0"
passphrase_file = "/etc/carpio/vhid-1.pass"
advbase = 1
advskew = 100
addresses = ["10.10.10.11/24", "2001:db8::11/64"]"""

_FILES = MappingProxyType(
    {
        "/etc/carpio/carpio.toml": "The usual configuration; see carpio.toml(5).",
        "/run/carpio/control.sock": "The usual socket of the daemon.",
        "/run/carpio/kept-*.json": "What was configured at run time, keys included, of the "
        "daemon whose first network namespace has this number. It may be removed while that "
        "daemon does not run, to forget it.",
        "/run/carpio/netns-*.json, guest-*.json": "What a daemon that is killed leaves to be put "
        "right by the next one.",
        "/run/carpio/jails": "The jails.",
    }
)


def carpio_8() -> str:
    """Return the manual page of the commands."""
    lines = roff.heading(PROGRAM, 8, __version__, "System Manager's Manual")
    lines += [*roff.section("NAME"), roff.escaped(f"{PROGRAM} - {SUMMARY}")]
    lines += roff.section("SYNOPSIS")
    for command in COMMANDS:
        lines += [roff.bold(f"{PROGRAM} {command.name}"), roff.escaped(command.synopsis), ".br"]
    lines += roff.section("DESCRIPTION")
    lines += roff.paragraph(
        "carpio lets Linux hosts share addresses with CARP, the Common Address Redundancy "
        "Protocol, and understands the BSDs. One host is MASTER and answers for the addresses "
        "with a virtual MAC; the others are BACKUP and silent. These options go with every "
        "command:"
    )
    for argument in (HELP, VERSION, DEBUG):
        lines += roff.tagged(argument.shown, [argument.doc])
    lines += roff.section("COMMANDS")
    for command in COMMANDS:
        lines += _command(command)
    lines += roff.section("EXIT STATUS")
    for status, meaning in EXIT_MEANINGS.items():
        lines += roff.tagged(str(int(status)), [meaning])
    lines += roff.section("ENVIRONMENT")
    lines += roff.tagged("CARPIO_CONTROL", ["Socket of the daemon, unless --control names one."])
    lines += roff.tagged("NO_COLOR", ["When set, status shows no colours on a terminal."])
    lines += roff.section("FILES")
    for path, meaning in _FILES.items():
        lines += roff.tagged(path, [meaning])
    lines += [*roff.section("SEE ALSO"), roff.escaped("carpio.toml(5), ip-netns(8)")]
    return _text(lines)


def _command(command: Command) -> list[str]:
    lines = roff.section(f"{command.name} {command.synopsis}".rstrip())
    lines += roff.paragraph(command.summary)
    for text in command.description:
        lines += roff.paragraph(text)
    for argument in command.arguments:
        lines += roff.tagged(argument.shown, [_note(argument)])
    for example, purpose in command.examples:
        lines += roff.paragraph(f"Example, {purpose}:")
        lines += roff.code_block(example)
    return lines


def _note(argument: Argument) -> str:
    return f"{argument.doc} Required." if argument.required else argument.doc


def carpio_toml_5() -> str:
    """Return the manual page of the configuration file."""
    lines = roff.heading("carpio.toml", 5, __version__, "File Formats Manual")
    lines += [*roff.section("NAME"), roff.escaped("carpio.toml - configuration of carpio(8)")]
    lines += roff.section("DESCRIPTION")
    for text in reference.FILE_RULES:
        lines += roff.paragraph(text)
    lines += roff.section("KEYS OF THE TOP LEVEL")
    for field in TOP_LEVEL:
        lines += _field(field)
    lines += roff.section("KEYS OF A GROUP")
    lines += roff.paragraph("Each group has a [[vhid]] table of its own with these keys.")
    for field in VHID:
        lines += _field(field)
    lines += roff.section("KEYS OF A NETWORK NAMESPACE")
    lines += roff.paragraph(
        "A network namespace whose settings differ from those of the top level has a [[netns]] "
        "table with these keys."
    )
    for field in NETNS:
        lines += _field(field)
    lines += [*roff.section("EXAMPLES"), *roff.code_block(_EXAMPLE)]
    lines += [*roff.section("SEE ALSO"), roff.escaped("carpio(8), https://toml.io")]
    return _text(lines)


def _field(field: Field) -> list[str]:
    need = "Required." if field.required else ""
    default = f"Default: {field.shown_default}." if field.shown_default else need
    value = f"{field.expected[0].upper()}{field.expected[1:]}. {default}".rstrip()
    return roff.tagged(field.name, [field.doc, value])


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def outputs(docs: Path) -> Mapping[Path, str]:
    """Return what each generated file below `docs` must hold. Raises OSError, ValueError."""
    pages = {
        docs / "man" / "carpio.8": carpio_8(),
        docs / "man" / "carpio.toml.5": carpio_toml_5(),
    }
    for name, parts in reference.documents().items():
        path = docs / "reference" / name
        pages[path] = reference.with_parts(path.read_text(), parts)
    return pages


def main(argv: list[str]) -> int:
    """Write everything below the directory named, or docs."""
    for path, text in outputs(Path(argv[0] if argv else "docs")).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
