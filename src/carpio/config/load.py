"""From a file to a `DaemonConfig`, or to all problems of all its files at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from carpio.config.decode import decode_table, refuse_unknown
from carpio.config.files import Source, read_sources
from carpio.config.model import DaemonConfig
from carpio.config.netns import NetnsEntry, read_netns, refuse_repeated
from carpio.config.problems import Problems, in_reading_order
from carpio.config.schema import TOP_LEVEL, VHID
from carpio.config.vhid import SecretPolicy, VhidEntry, read_vhids, refuse_duplicates
from carpio.errors import ConfigError

__all__ = ["assemble", "load_config"]

_ANYWHERE: Final = ("vhid", "netns", "include")
_IN_MAIN_FILE: Final = {field.name: "move it to the main file" for field in TOP_LEVEL}
_IN_VHID: Final = {field.name: "it belongs below [[vhid]]" for field in VHID}


def load_config(
    path: Path, *, secrets: bool = True, environ: Mapping[str, str] | None = None
) -> DaemonConfig:
    """Read `path` and what it includes. Raises ConfigError with all problems.

    Without `secrets`, passphrases that the caller may not read are a warning instead of an
    error, and their keys are empty: good to check a file, not to run with. `environ` (default:
    that of the process) tells where systemd put credentials.
    """
    problems = Problems()
    policy = SecretPolicy(required=secrets, environ=os.environ if environ is None else environ)
    return assemble(read_sources(path, problems), problems, policy)


def assemble(
    sources: Sequence[Source],
    problems: Problems,
    policy: SecretPolicy,
) -> DaemonConfig:
    """Make one configuration of parsed files, the main one first. Raises ConfigError."""
    entries: list[VhidEntry] = []
    namespaces: list[NetnsEntry] = []
    top_level: dict[str, Any] = {}
    for number, source in enumerate(sources):
        if number == 0:
            top_level = _top_level(source, problems)
        else:
            refuse_unknown(source.data, _ANYWHERE, _IN_MAIN_FILE, source.place, problems)
        namespaces += read_netns(source, problems)
        entries += read_vhids(source, problems, policy)
    refuse_repeated(namespaces, problems)
    refuse_duplicates(entries, problems)
    if problems.errors:
        raise ConfigError(in_reading_order(problems.errors))
    return DaemonConfig(
        **top_level,
        vhids=tuple(entry.config for entry in entries if entry.config is not None),
        namespaces=tuple((entry.name, entry.settings) for entry in namespaces if entry.name),
        files=tuple(source.file for source in sources),
        digests=tuple(source.digest for source in sources),
        warnings=in_reading_order(problems.warnings),
    )


def _top_level(source: Source, problems: Problems) -> dict[str, Any]:
    known = ("vhid", "netns", *(field.name for field in TOP_LEVEL))
    refuse_unknown(source.data, known, _IN_VHID, source.place, problems)
    fields = [field for field in TOP_LEVEL if field.name != "include"]  # `files` decodes it
    return decode_table(fields, source.data, source.place, problems)
