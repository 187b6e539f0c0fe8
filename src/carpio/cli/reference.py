"""The generated parts of the reference, in Markdown, from the same sources as the manual pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from carpio.cli.exit_status import EXIT_MEANINGS
from carpio.cli.spec import COMMANDS, PROGRAM, Command
from carpio.config.schema import NETNS, TOP_LEVEL, VHID, Field
from carpio.control.messages import METHODS, WRITING, WRITING_HERE, ErrorCode
from carpio.control.params import Params
from carpio.jail.parameters import PARAMETERS, Fate, Parameter
from carpio.sim.faults import KINDS
from carpio.sim.library import names, path_of
from carpio.sim.scenario import read_scenario
from carpio.trace.records import KINDS as KINDS_OF_RECORDS

__all__ = ["FILE_RULES", "documents", "with_parts"]

FILE_RULES: Final = (
    "The file is TOML. An empty file is valid: the daemon then waits for commands. Keys that are "
    "not known are errors. All problems of all files are reported together, each with file, "
    "line, key and remedy, by carpio check and by the daemon alike.",
    "Beside /etc/carpio/carpio.toml the files conf.d/*.toml are read as well, in the order of "
    "their names, unless the key include says otherwise. Other files include only what their "
    "key include names.",
    "No two groups of a network namespace may have the same id on the same interface, nor the "
    "same address; names are unique over all files. A link-local address belongs to its interface.",
)

_PART = re.compile(
    r"(<!-- begin generated: (?P<name>\w+) -->\n).*?(<!-- end generated -->)", re.DOTALL
)


def documents() -> Mapping[str, Mapping[str, str]]:
    """Return the generated parts by document and name."""
    return {
        "cli.md": {"commands": _commands(), "statuses": _statuses()},
        "configuration.md": {
            "rules": "\n\n".join(FILE_RULES),
            "top": _fields(TOP_LEVEL),
            "vhid": _fields(VHID),
            "netns": _fields(NETNS),
        },
        "sim.md": {"faults": _faults(), "scenarios": _scenarios()},
        "control.md": {"methods": _methods(), "errors": _errors()},
        "trace.md": {"records": _records()},
        "jail-conf.md": {
            "read": _parameters(Fate.READ),
            "ignored": _unsupported(Fate.IGNORED),
            "refused": _unsupported(Fate.REFUSED, Fate.REFUSED_UNLESS_ZERO, Fate.READ_ONLY),
        },
    }


def with_parts(document: str, parts: Mapping[str, str]) -> str:
    """Return `document` with its generated parts replaced. Raises ValueError if any is missing."""
    found = [match["name"] for match in _PART.finditer(document)]
    if sorted(found) != sorted(parts):
        raise ValueError(f"has the parts {found}, should have {list(parts)}")
    return _PART.sub(lambda match: f"{match[1]}\n{parts[match['name']]}\n\n{match[3]}", document)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def _commands() -> str:
    return "\n\n".join(_command(command) for command in COMMANDS)


def _command(command: Command) -> str:
    usage = f"{PROGRAM} {command.name} {command.synopsis}".rstrip()
    parts = [f"### {command.name}", f"```\n{usage}\n```", command.summary, *command.description]
    if command.arguments:
        rows = [(f"`{argument.shown}`", argument.doc) for argument in command.arguments]
        parts.append(_table(("Argument", "Meaning"), rows))
    if command.examples:
        width = max(len(example) for example, _ in command.examples)
        lines = [f"{example:{width}}  # {purpose}" for example, purpose in command.examples]
        parts.append("```\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(parts)


def _statuses() -> str:
    rows = [(str(int(status)), meaning) for status, meaning in EXIT_MEANINGS.items()]
    return _table(("Status", "Meaning"), rows)


def _fields(fields: Sequence[Field]) -> str:
    rows = [
        (
            f"`{field.name}`",
            field.expected,
            "required" if field.required else field.shown_default,
            field.doc,
        )
        for field in fields
    ]
    return _table(("Key", "Value", "Default", "Meaning"), rows)


def _parameters(fate: Fate) -> str:
    rows = [
        (f"`{each.name}`", _values(each), each.default, each.doc)
        for each in PARAMETERS
        if each.fate is fate
    ]
    return _table(("Parameter", "Value", "Default", "Meaning"), rows)


def _values(each: Parameter) -> str:
    note = "; not changed by `-m`" if each.is_create_only else ""
    return f"{', '.join(each.modes) or each.kind.value}{note}"


def _unsupported(*fates: Fate) -> str:
    rows = [
        (f"`{each.name}`", each.fate.value, each.doc) for each in PARAMETERS if each.fate in fates
    ]
    return _table(("Parameter", "Here", "Why"), rows)


def _faults() -> str:
    rows = [
        (
            f"`{kind.value}`",
            spec.doc,
            "; ".join(
                f"`{one.name}`{'' if one.required else ' (optional)'}: {one.doc}"
                for one in spec.settings
            ),
            spec.premise or "-",
        )
        for kind, spec in KINDS.items()
    ]
    return _table(("Kind", "What happens", "Settings", "Premise that it takes away"), rows)


def _scenarios() -> str:
    found = [(name, read_scenario(path_of(name), ("a", "b"))) for name in names()]
    return _table(("Scenario", "What fails"), [(f"`{name}`", it.title) for name, it in found])


def _records() -> str:
    rows = []
    for kind in KINDS_OF_RECORDS:
        fields = msgspec.structs.fields(kind)
        names = [f"`{one.encode_name}`" for one in fields if one.name not in ("at", "drawn")]
        tag = kind.__struct_config__.tag
        rows.append((f"`{tag}`", ", ".join(names) or "-", _doc(kind)))
    return _table(("Kind", "Members", "Meaning"), rows)


def _methods() -> str:
    rows = [
        (f"`{name}`", _params(kind), _changes(kind), _doc(kind)) for name, kind in METHODS.items()
    ]
    return _table(("Method", "Parameters", "Changes", "Meaning -> result"), rows)


def _changes(kind: type[Params]) -> str:
    """Return what a request needs CAP_NET_ADMIN over."""
    return "yes" if kind in WRITING else "its namespace" if kind in WRITING_HERE else "no"


def _params(kind: type[Params]) -> str:
    schema = msgspec.json.schema(kind)
    properties = schema["$defs"][kind.__name__]["properties"]
    texts = [f"`{name}`: {_range(limits)}" for name, limits in properties.items()]
    return "; ".join(texts) or "none"


def _range(limits: Mapping[str, object]) -> str:
    """Return the limits of a JSON schema in words."""
    match limits:
        case {"enum": list(words)}:
            return " or ".join(f'"{word}"' for word in sorted(words))
        case {"minimum": low, "maximum": high}:
            return f"whole number, {low} to {high}"
        case {"minLength": low, "maxLength": high}:
            return f"text of {low} to {high} characters"
        case _:
            return str(limits.get("type", "any"))


def _doc(kind: type[object]) -> str:
    return " ".join((kind.__doc__ or "").split()).rstrip(".") + "."


def _errors() -> str:
    rows = [(str(int(code)), code.name.lower().replace("_", " ")) for code in ErrorCode]
    return _table(("Code", "Meaning"), rows)
