"""TOML files of the lab: values of a kind, and every problem with file, line, key and remedy."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any, Final

from carpio.errors import ConfigError, text_of
from carpio.lab.hidden import check_seen
from carpio.lab.plan import Interface, IpNetwork

__all__ = ["DURATIONS", "Document", "Table", "read_document", "seconds_of", "short"]

DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min)")
UNITS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "min": 60.0}
LONGEST_S: Final = 3600.0
LONGEST_SHOWN: Final = 60
DURATIONS: Final = '"20ms", "1.5s" or "2min", at most "60min"'
"""What a duration may be, for remedies."""


def seconds_of(text: str) -> float | None:
    """Return the seconds of `1.5s`, `20ms`, `2min`, of an hour at most; None for anything else."""
    match = DURATION.fullmatch(text)
    seconds = float(match[1]) * UNITS[match[2]] if match else None
    return seconds if seconds is not None and seconds <= LONGEST_S else None


def short(text: str) -> str:
    """Return a text of somebody in quotes, cut where it is too long for a message."""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")


@dataclass(slots=True)
class Document:
    """A file that is read, and the problems found so far."""

    path: Path
    text: str
    data: Mapping[str, Any]
    problems: list[tuple[int, str]]

    @property
    def root(self) -> Table:
        """The top level."""
        return Table(self, (), 0, self.data)

    def finish(self) -> None:
        """Raise ConfigError with all problems, in reading order, if there are any."""
        if self.problems:
            told = sorted(self.problems, key=lambda problem: problem[0])
            raise ConfigError(list(dict.fromkeys(text for _, text in told)))

    def line_of(self, names: Sequence[str], index: int, key: str) -> int:
        """Return the line of a key in the table `[a.b]` or in the `index`th `[[a.b]]`."""
        lines = self.text.splitlines()
        header = 0
        end = next((n for n, line in enumerate(lines, 1) if line.startswith("[")), len(lines) + 1)
        if names:
            pattern = re.compile(r"\[+\s*" + r"\s*\.\s*".join(map(re.escape, names)) + r"\s*\]+")
            headers = [n for n, line in enumerate(lines, 1) if pattern.match(line)]
            if index >= len(headers):
                return 1
            header = headers[index]
            following = (n for n in range(header + 1, len(lines) + 1) if lines[n - 1][:1] == "[")
            end = next(following, len(lines) + 1)
        wanted = re.compile(rf'\s*"?{re.escape(key)}"?\s*[=.]')
        inside = (n for n in range(header + 1, end) if wanted.match(lines[n - 1]))
        return next(inside, max(header, 1))


def read_document(path: Path) -> Document:
    """Read a TOML file. Raises ConfigError, and PlatformError where no lab sees the file."""
    check_seen(path, "copy it elsewhere")
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigError([text_of(error)]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not TOML: not UTF-8 text; save it as UTF-8"]) from error
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise ConfigError([f"{path}: is not TOML: {error}; see https://toml.io"]) from error
    return Document(path, text, data, [])


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a document. Readers return a default and note a problem when they must."""

    document: Document
    names: tuple[str, ...]
    index: int
    data: Mapping[str, Any]

    def wrong(self, key: str, what: str, remedy: str) -> None:
        """Note a problem of a key."""
        line = self.document.line_of(self.names, self.index, key)
        place = ".".join((*self.names, key))
        self.document.problems.append(
            (line, f"{self.document.path}:{line}: {place}: {what}; {remedy}")
        )

    def wrong_elsewhere(self, key: str, problems: Sequence[str]) -> None:
        """Note problems of another file, that a key names, where the key stands."""
        line = self.document.line_of(self.names, self.index, key)
        self.document.problems += [(line, text) for text in problems]

    def only(self, *known: str) -> None:
        """Note every key that is not known."""
        for key in self.data:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
                self.wrong(key, "is not known", remedy)

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any) -> Any:
        value = self.data.get(key, default)
        if value is None and key not in self.data:
            self.wrong(key, "is missing", f"add {expected}")
        elif key in self.data and (
            not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
        ):
            self.wrong(key, f"{value!r} cannot be used", f"write {expected}")
            return default
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; needed unless there is a default."""
        return str(self._get(key, str, "a text in quotes", default) or "")

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        return bool(self._get(key, bool, "true or false", default))

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number within bounds."""
        expected = f"a whole number, {low} to {high}"
        value = self._get(key, int, expected, default)
        if value is None:
            return low
        if not low <= value <= high:
            self.wrong(key, f"{value} is out of range", f"write {expected}")
            return low
        return int(value)

    def seconds(self, key: str, default: float | None) -> float | None:
        """Return a duration in seconds."""
        text = self._get(key, str, 'a duration such as "1.5s"', "")
        if not text:
            return default
        value = seconds_of(text)
        if value is None:
            self.wrong(key, f"{short(text)} is no duration", f"write {DURATIONS}")
            return default
        return value

    def texts(self, key: str, default: Sequence[str] | None = ()) -> tuple[str, ...]:
        """Return a list of texts; one text stands for a list of one."""
        value = self._get(key, (str, list), "a text, or a list of texts", default)
        if isinstance(value, str):
            return (value,)
        if not all(isinstance(one, str) for one in value or ()):
            self.wrong(key, f"{value!r} cannot be used", "write a list of texts")
            return tuple(default or ())
        return tuple(value or ())

    def tables(self, key: str) -> Iterator[Table]:
        """Yield the tables of a list, `[[key]]`."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.wrong(key, "is no list of tables", f"write [[{key}]]")
            return
        for index, one in enumerate(value):
            yield Table(self.document, (*self.names, key), index, one)

    def named(self, key: str) -> Iterator[tuple[str, Table]]:
        """Yield the tables below a key by their names, `[key.name]`."""
        value = self.data.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
            self.wrong(key, "is no table of tables", f"write [{key}.NAME]")
            return
        for name, one in value.items():
            yield name, Table(self.document, (*self.names, key, name), 0, one)

    def interfaces(self, key: str) -> tuple[Interface, ...]:
        """Return addresses with their prefix lengths."""
        found: list[Interface] = []
        for text in self.texts(key, None):
            try:
                found.append(ip_interface(text))
                if "/" not in text:
                    self.wrong(key, f"{text} has no prefix length", f"write {text}/LENGTH")
            except ValueError:
                self.wrong(key, f"{text!r} is no address", 'write "10.77.0.1/24"')
        return tuple(found)

    def prefixes(self, key: str) -> tuple[IpNetwork, ...]:
        """Return networks."""
        found: list[IpNetwork] = []
        for text in self.texts(key, None):
            try:
                found.append(ip_network(text))
            except ValueError:
                self.wrong(key, f"{text!r} is no prefix", 'write "10.77.0.0/24"')
        return tuple(found)
