"""Keeps what was configured at run time for the next daemon: until a reboot, not beyond (ADR 30).

Knows the file, and whether the namespaces that it speaks of are still those that were meant. What
cannot be written or read is said in the log and stops nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from carpio.config.kept import Demotion, Kept, KeptNamespace, differences_of, put_back
from carpio.config.kept_text import Unreadable, decode_kept, encode_kept
from carpio.config.model import DaemonConfig
from carpio.errors import PlatformError
from carpio.runtime.namespace import Namespace
from carpio.runtime.own_file import read_own, write_own

__all__ = ["Keeper", "Running"]

log = logging.getLogger("carpio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs: by files, by request, and by which demotions, for each namespace by its name."""

    files: DaemonConfig
    """What the files said when they were read last."""
    config: DaemonConfig
    demotions: Mapping[str | None, Mapping[str, int]]


class Keeper:
    """The record of one daemon, in a file named by the number of its first namespace."""

    def __init__(self, directory: Path, first: str | None, own: str | None) -> None:
        """`first`: the first namespace that must be there. Raises PlatformError when it is not.

        `own`: what the daemon calls the only one that must be; in the file it has no name.
        """
        namespace = Namespace(first)
        try:
            self.path = directory / f"kept-{namespace.identity}.json"
        finally:
            namespace.close()
        self._own = own
        self._known: dict[str, KeptNamespace] = {}
        """Namespaces of an earlier daemon, some of which may not be served yet."""
        self._written: Running | None = None
        self._trouble = ""
        """Why the last record could not be written."""

    def recall(self, files: DaemonConfig) -> tuple[Running, tuple[Namespace, ...]]:
        """Return what is to run, by what an earlier daemon left.

        With it come the namespaces that have no name by which they could be found; to be closed.
        """
        kept, nameless = _without_gone(self._read())
        self._known = {one.name: one for one in kept.namespaces}
        kept = kept.renamed(None, self._own)
        config, lost = put_back(kept, files)
        for line in lost:
            log.warning("carpio: what was configured at run time is given up: %s", line)
        left = differences_of(files, config)
        if not left.is_empty:
            log.info(
                "carpio: configured at run time before, and in use again: %d groups, %d settings",
                len(left.groups),
                len(left.settings),
            )
        demotions: dict[str | None, dict[str, int]] = {}
        for one in kept.demotions:
            demotions.setdefault(one.netns, {})[one.cause] = one.value
        return Running(files=files, config=config, demotions=demotions), nameless

    def _read(self) -> Kept:
        try:
            return decode_kept(read_own(self.path))
        except FileNotFoundError:
            return Kept()
        except (OSError, Unreadable) as error:
            why = error.strerror if isinstance(error, OSError) else error
            log.error(
                "carpio: %s: %s; what was configured at run time is lost: only the configuration "
                "files count",
                self.path,
                why,
            )
            return Kept()

    def keep(self, running: Running, namespaces: Iterable[Namespace]) -> None:
        """Write down what the files do not say; nothing is left when they say it all."""
        if running == self._written:
            return
        try:
            self._write(self._record(running, namespaces))
        except (PlatformError, ValueError) as error:  # the latter: a name that is no UTF-8
            if str(error) != self._trouble:
                log.error(
                    "carpio: what was configured at run time works, and will be as before when the "
                    "daemon is restarted: %s",
                    error,
                )
            self._trouble = str(error)
            return
        self._written = running
        if self._trouble:
            self._trouble = ""
            log.info("carpio: what was configured at run time is recorded again")

    def _record(self, running: Running, namespaces: Iterable[Namespace]) -> Kept:
        demotions = tuple(
            Demotion(netns=netns, cause=cause, value=value)
            for netns, shares in running.demotions.items()
            for cause, value in shares.items()
        )
        kept = replace(differences_of(running.files, running.config), demotions=demotions)
        if self._own is not None:
            kept = kept.renamed(self._own, None)
        served = (
            KeptNamespace(name=one.name, identity=one.identity, has_name=one.has_name)
            for one in namespaces
            if one.name is not None
        )
        known = self._known | {one.name: one for one in served}
        names = sorted(kept.places & known.keys())
        return replace(kept, namespaces=tuple(known[name] for name in names))

    def _write(self, kept: Kept) -> None:
        if not kept.is_empty:
            write_own(self.path, encode_kept(kept))
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise PlatformError(f"removing {self.path}", errno=error.errno or 0) from error


def _without_gone(kept: Kept) -> tuple[Kept, tuple[Namespace, ...]]:
    """Leave out what is about namespaces that are gone or others by now (ADR 19)."""
    known = {one.name: one for one in kept.namespaces}
    gone: set[str] = set()
    nameless: list[Namespace] = []
    for name in sorted(kept.places):
        one = known.get(name)
        try:
            if one is None:
                raise PlatformError(f"network namespace {name} was not served")
            found = Namespace.again(name, one.identity, has_name=one.has_name)
            if not found.is_inhabited():
                found.close()
                raise PlatformError(f"nobody lives in network namespace {name}")
        except PlatformError as error:
            log.info("carpio: what was configured there at run time is gone: %s", error)
            gone.add(name)
            continue
        if one.has_name:
            found.close()
        else:
            nameless.append(found)
    return kept.without(gone), tuple(nameless)
