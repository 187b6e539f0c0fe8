"""How jls(8) prints jails: columns, lines of values, and the encodings of libxo."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

from carpio.bsd.libxo import Style
from carpio.jail.jls_values import family_addresses, is_settable, value_of
from carpio.jail.parameters import Kind, parameter
from carpio.jail.ports import Record
from carpio.jail.values import Setpoint

__all__ = ["columns", "details", "encoded", "facts", "named_facts", "values_line"]

Fact: TypeAlias = str | int | bool | Sequence[str]
Facts: TypeAlias = Mapping[str, Fact]

_PATH: Final = 74
_HOST: Final = 29
_SHORT: Final = 15
_VERSION: Final = "3"
"""Of the names in the encodings, as current releases print it."""


# -- for people --------------------------------------------------------------------------------


def columns(records: Sequence[Record], *, by_name: bool) -> Iterator[str]:
    """Yield a header and one line for each jail."""
    yield _row("JID" if by_name else f"{'JID':>6} ", "IP Address", "Hostname", "Path", by_name)
    for record in records:
        first = record.name if by_name else f"{record.jid:>6} "
        address = next(iter(family_addresses(record, "ip4.addr")), "")
        yield _row(first, address, _host(record), record.path, by_name)


def _row(first: str, address: str, host: str, path: str, by_name: bool) -> str:
    head = f" {first:<{_SHORT}}" if by_name else first
    return f"{head} {address[:_SHORT]:<{_SHORT}} {_padded(host)} {_one_line(path)[:_PATH]}"


def _host(record: Record) -> str:
    return str(value_of(record, "host.hostname"))


def _padded(text: str) -> str:
    return f"{_one_line(text)[:_HOST]:<{_HOST}}"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def details(records: Sequence[Record]) -> Iterator[str]:
    """Yield four lines of header and the lines of each jail (`-v`)."""
    indent = " " * 8
    yield f"{'JID':>6}  {'Hostname':<{_HOST}} Path"
    yield f"{indent}{'Name':<{_HOST}} State"
    yield f"{indent}CPUSetID"
    yield f"{indent}IP Address(es)"
    for record in records:
        yield f"{record.jid:>6}  {_padded(_host(record))} {_one_line(record.path)[:_PATH]}"
        yield f"{indent}{_padded(record.name)} {_state(record)}"
        yield f"{indent}{value_of(record, 'cpuset.id')}"
        for name in ("ip4.addr", "ip6.addr"):
            for address in family_addresses(record, name):
                yield f"{indent}{address}"


def _state(record: Record) -> str:
    return "DYING" if record.holder is None else "ACTIVE"


# -- parameters --------------------------------------------------------------------------------


def values_line(
    record: Record,
    names: Sequence[str],
    *,
    with_names: bool,
    is_quoted: bool,
    only_settable: bool,
) -> str:
    """Return the values of a jail in one line."""
    words = []
    for name in names:
        if only_settable and not is_settable(record, name, names):
            continue
        value = value_of(record, name)
        if with_names and isinstance(value, bool):
            words.append(name if value else _opposite(name))
            continue
        text = _text(value, is_quoted=is_quoted, empty="" if with_names else "-")
        words.append(f"{name}={text}" if with_names else text)
    return " ".join(words)


def _opposite(name: str) -> str:
    front, dot, last = name.rpartition(".")
    return f"{front}{dot}no{last}"


def _text(value: Setpoint, *, is_quoted: bool, empty: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case tuple():
            text = ",".join(value)
        case _:
            text = value
    if not text:
        return '""' if is_quoted else empty
    return _quoted(text) if is_quoted else _one_line(text)


_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_EXPANDED: Final = re.compile("[$`]")
"""What the shell looks for also between double quotes."""


def _quoted(text: str) -> str:
    """Return a word that the shell reads as this text."""
    if _PLAIN.fullmatch(text):
        return text
    without_blanks = text.replace(" ", "").replace("\t", "")
    if _PLAIN.fullmatch(without_blanks) or ("'" in text and not _EXPANDED.search(text)):
        inner = "".join(f"\\{c}" if c in '"\\' else c for c in text)
        return f'"{inner}"'
    return shlex.quote(text)


# -- for programs ------------------------------------------------------------------------------


def facts(record: Record, *, by_name: bool, is_verbose: bool) -> Facts:
    """Return what the columns or details tell, by the names of libxo."""
    hostname, ip4 = _host(record), family_addresses(record, "ip4.addr")
    if is_verbose:
        return {
            "jid": record.jid,
            "hostname": hostname,
            "path": record.path,
            "name": record.name,
            "state": _state(record),
            "cpusetid": record.jid,
            "ipv4-addrs": ip4,
            "ipv6-addrs": family_addresses(record, "ip6.addr"),
        }
    first: Facts = {"name": record.name} if by_name else {"jid": record.jid}
    return {
        **first,
        "ipv4": next(iter(ip4), ""),
        "hostname": hostname,
        "path": record.path,
    }


def named_facts(record: Record, names: Sequence[str], *, only_settable: bool) -> Facts:
    """Return parameters by name."""
    shown = (name for name in names if not only_settable or is_settable(record, name, names))
    return {name: value_of(record, name) for name in shown}


def encoded(jails: Sequence[Facts], style: Style) -> str:
    """Return jails as JSON or XML."""
    if style.encoding == "xml":
        return _xml(jails, is_pretty=style.is_pretty)
    whole = {"__version": _VERSION, "jail-information": {"jail": list(jails)}}
    if style.is_pretty:
        return json.dumps(whole, indent=2, ensure_ascii=False)
    inner = ",".join(json.dumps(jail, separators=(",", ":"), ensure_ascii=False) for jail in jails)
    return f'{{"__version": "{_VERSION}", "jail-information": {{"jail": [{inner}]}}}}'


def _xml(jails: Sequence[Facts], *, is_pretty: bool) -> str:
    def rows() -> Iterator[tuple[int, str]]:
        yield 0, f'<jail-information version="{_VERSION}">'
        for jail in jails:
            yield 1, "<jail>"
            for name, fact in jail.items():
                for text in _texts(name, fact):
                    yield 2, f"<{_tag(name)}>{_xml_text(text)}</{_tag(name)}>"
            yield 1, "</jail>"
        yield 0, "</jail-information>"

    if not is_pretty:
        return "".join(row for _, row in rows())
    return "\n".join("  " * depth + row for depth, row in rows())


_NOT_XML: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml_text(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))


def _tag(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)


def _texts(name: str, fact: Fact) -> Sequence[str]:
    known = parameter(name)
    match fact:
        case bool():
            return ["true" if fact else "false"]
        case int() | str():
            return [str(fact)]
        case _:
            # An empty list of a parameter is told; the others have elements only.
            return fact or ([""] if known and known.kind is Kind.LIST else [])
