"""Interface settings under /proc/sys/net: set, read back, remembered, restored.

What is changed on an interface that is not ours is written to a file under /run before
the change, so that it can be put back even after a SIGKILL. Never touches `all` or `default`.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from carpio.errors import PlatformError
from carpio.runtime.namespace import Namespace
from carpio.runtime.own_file import read_own, write_own
from carpio.runtime.rtnetlink import RouteSocket, set_ipv4_setting

__all__ = ["Settings", "StateFile"]

_ROOT = Path("/proc/sys/net")


class StateFile:
    """A small JSON file that survives a SIGKILL of the daemon but not a reboot.

    Shape: {"settings": {"ipv4/conf/eth0/arp_ignore": [before, ours]}, "groups": {name: mark}}.
    An unreadable or damaged file counts as empty: a fresh start is always safe. So does one that
    belongs to another user: settings are put back as it says.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.settings: dict[str, tuple[int, int]] = {}
        self.groups: dict[str, str] = {}
        try:
            found = json.loads(read_own(path))
            self.settings = {str(k): (int(a), int(b)) for k, (a, b) in found["settings"].items()}
            self.groups = {str(k): str(v) for k, v in found["groups"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.settings, self.groups = {}, {}

    @property
    def directory(self) -> Path:
        """Where the file is."""
        return self._path.parent

    def save(self) -> None:
        """Write atomically; readable by the owner alone. Raises PlatformError."""
        text = json.dumps({"settings": self.settings, "groups": self.groups}, indent=1)
        write_own(self._path, f"{text}\n".encode())

    def remove(self) -> None:
        """Forget everything."""
        self.settings, self.groups = {}, {}
        self._path.unlink(missing_ok=True)


class Settings:
    """The settings of interfaces in one namespace."""

    def __init__(self, namespace: Namespace, routes: RouteSocket, state: StateFile) -> None:
        self._namespace = namespace
        self._routes = routes
        self._state = state

    def apply(self, index: int, wanted: Mapping[str, int]) -> None:
        """Set each `family/conf/IF/name` to its value and read it back.

        Raises PlatformError when one can be neither written nor set by netlink, or does
        not read back as written.
        """

        def run() -> None:
            for key, value in wanted.items():
                self._set(index, key, value)

        self._namespace.call(run)

    def apply_remembered(self, index: int, wanted: Mapping[str, int]) -> None:
        """Like `apply`, but note the values found before, for `restore`."""

        def run() -> None:
            changes = {}
            for key, value in wanted.items():
                before = _read(key)
                if before != value:
                    changes[key] = (self._state.settings.get(key, (before, value))[0], value)
            if changes:
                self._state.settings |= changes
                self._state.save()
            for key in changes:
                self._set(index, key, wanted[key])

        self._namespace.call(run)

    def restore(self, indexes: Mapping[str, int], *, keep: Collection[str] = ()) -> None:
        """Put back what `apply_remembered` changed but for `keep`, where nobody changed it since.

        `indexes` maps interface names to their index. Interfaces that are gone are forgotten.
        """

        def run() -> None:
            left = [one for one in self._state.settings.items() if one[0] not in keep]
            for key, (before, ours) in left:
                interface = key.split("/")[2]
                try:
                    if interface in indexes and _read(key) == ours:
                        self._set(indexes[interface], key, before)
                except PlatformError:
                    continue  # nothing more can be done about it on the way out
                del self._state.settings[key]

        if any(key not in keep for key in self._state.settings):
            self._namespace.call(run)

    def _set(self, index: int, key: str, value: int) -> None:
        if _read(key) == value:
            return
        try:
            (_ROOT / key).write_text(str(value))
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise PlatformError(f"setting net/{key}", errno=error.errno or 0) from error
            self._set_by_netlink(index, key, value, error.errno)
        found = _read(key)
        if found != value:
            raise PlatformError(
                f"net/{key} reads back {found} after it was set to {value}",
                remedy="see which program or security policy holds it",
            )

    def _set_by_netlink(self, index: int, key: str, value: int, denied: int) -> None:
        family, _conf, _interface, name = key.split("/")
        if family != "ipv4":
            raise PlatformError(
                f"setting net/{key}",
                errno=denied,
                remedy="mount /proc/sys writable for the daemon: IPv6 settings have no other way",
            )
        self._routes.require([set_ipv4_setting(index, name, value)])


def _read(key: str) -> int:
    try:
        return int((_ROOT / key).read_text())
    except (OSError, ValueError) as error:
        code = error.errno if isinstance(error, OSError) else 0
        raise PlatformError(f"reading net/{key}", errno=code or 0) from error
