"""Configuration files from disk to parsed TOML with line numbers, includes followed."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from carpio.config.decode import decode_key
from carpio.config.locate import KeyPath, key_lines
from carpio.config.problems import Place, Problems
from carpio.config.schema import TOP_LEVEL

__all__ = ["DEFAULT_CONFIG", "Source", "implied_include", "parse", "read_bounded", "read_sources"]

DEFAULT_CONFIG: Final = Path("/etc/carpio/carpio.toml")
_SIZE_LIMIT: Final = 4 * 1024 * 1024
_INCLUDE: Final = next(field for field in TOP_LEVEL if field.name == "include")
_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One file as parsed."""

    file: Path
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    is_open: bool = False
    """Users who are neither its owner nor of its group can read it."""
    text: str = field(default="", repr=False)

    @property
    def digest(self) -> str:
        """Tells this text from another one."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def place(self, *path: str | int) -> Place:
        """Return where `path` is written, or the nearest thing around it."""
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return Place(self.file, self.lines[path[:length]], key)
        return Place(self.file, None, key)


def parse(file: Path, text: str, problems: Problems, *, is_open: bool = False) -> Source | None:
    """Return the values of a TOML text with their lines; None, and an error, if it is not TOML."""
    try:
        data = tomllib.loads(text)
        return Source(file, data, key_lines(text), is_open, text)
    except RecursionError:
        problems.error(Place(file), "is nested too deeply", "write plain tables and lists")
    except ValueError as error:
        message = str(error)
        found = _AT_LINE.search(message)
        line = int(found.group(1)) if found and found.group(1) else None
        what = _AT_LINE.sub("", message)
        problems.error(Place(file, line), f"not valid TOML: {what}", "see https://toml.io")
    return None


def read_sources(path: Path, problems: Problems) -> tuple[Source, ...]:
    """Read `path` and all that it includes, depth first, each file once."""
    sources: dict[Path, Source | None] = {}
    _read_into(sources, path, (), Place(path), problems)
    return tuple(source for source in sources.values() if source is not None)


def _read_into(
    sources: dict[Path, Source | None],
    path: Path,
    including: tuple[Path, ...],
    place: Place,
    problems: Problems,
) -> None:
    identity = Path(os.path.realpath(path))
    if identity in including:
        problems.error(place, f"{path} includes itself", "break the circle")
        return
    if identity in sources:
        return
    source = sources[identity] = _read(path, place, problems)
    if source is None:
        return
    for include_place, pattern in _patterns(source, problems, is_main=not including):
        for included in _matches(path.parent, pattern, include_place, problems):
            _read_into(sources, included, (*including, identity), include_place, problems)


def read_bounded(path: Path, limit: int) -> tuple[bytes, int]:
    """Return up to `limit` bytes of a file, and its mode. Raises OSError; never waits.

    Pipes are refused: opening one waits for a writer, and the daemon reads while it is MASTER.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode):
            raise OSError(errno.ESPIPE, "it is a pipe, not a file")
        return file.read(limit) or b"", mode  # None: a device has nothing now


def _read(path: Path, place: Place, problems: Problems) -> Source | None:
    try:
        raw, mode = read_bounded(path, _SIZE_LIMIT + 1)
        if len(raw) > _SIZE_LIMIT:
            problems.error(Place(path), f"is longer than {_SIZE_LIMIT} bytes", "split it")
            return None
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problems.error(Place(path, line), "not valid TOML: not UTF-8 text", "save it as UTF-8")
        return None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        problems.error(Place(path), what, "see that it exists, for you too")
        return None
    is_open = stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)
    return parse(path, text, problems, is_open=is_open)


def _patterns(source: Source, problems: Problems, *, is_main: bool) -> list[tuple[Place, str]]:
    """Return what a file includes: its `include`, or conf.d beside the default file."""
    if "include" in source.data:
        place = source.place("include")
        wanted = decode_key(_INCLUDE, source.data["include"], place, problems) or ()
        return [(source.place("include", i), pattern) for i, pattern in enumerate(wanted)]
    implied = implied_include(source.file) if is_main else ()
    return [(Place(source.file), pattern) for pattern in implied]


def implied_include(file: Path) -> tuple[str, ...]:
    """Return what a main file without `include` includes: conf.d, beside the default file."""
    is_default = Path(os.path.abspath(file)) == DEFAULT_CONFIG
    return ("conf.d/*.toml",) if is_default else ()


def _matches(directory: Path, pattern: str, place: Place, problems: Problems) -> list[Path]:
    """Return the files of a pattern, sorted; a plain name must exist."""
    if not pattern or "\0" in pattern:
        problems.error(place, f"{pattern!r} is not a file name", 'write like "conf.d/*.toml"')
        return []
    if not glob.has_magic(pattern):
        return [directory / pattern]
    found = glob.glob(pattern, root_dir=directory, recursive=False)
    return [directory / name for name in sorted(found)]
