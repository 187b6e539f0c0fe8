"""Real jails for tests: a small root of busybox, a registry of their own, nothing left behind."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from carpio.jail.commands import RealCommands
from carpio.jail.containers import OciContainers
from carpio.jail.judge import Setpoint
from carpio.jail.ports import Command, MountLine, Outcome, Record
from carpio.jail.registry import FileRegistry

__all__ = ["UNTIL_END", "JailLab", "host_facts", "make_root", "need_jails", "orphans_naming"]

APPLETS = """
    cat chown chroot echo env false hostname httpd id ip kill ln ls mkdir mknod mount nc ping ps pwd
    rm sh sleep stat stty test touch true tty umount unshare vi wc
""".split()  # noqa: SIM905
PROGRAMS = {"crun": "crun", "catatonit": "catatonit", "busybox": "busybox-static"}
"""What jails need here, with the Debian packages; scripts/setup installs them."""

UNTIL_END = ("sh", "-c", "until test -e /tmp/end; do sleep 0.05; done")
"""A command that ends when the test touches `tmp/end` below the root of the jail."""


def need_jails() -> None:
    """Skip where no jail can be made; fail instead if CARPIO_REQUIRE_LAB is set."""
    missing = [package for name, package in PROGRAMS.items() if shutil.which(name) is None]
    why = "jails need root" if os.geteuid() else f"apt-get install {' '.join(missing)}"
    if not os.geteuid() and not missing:
        return
    if os.environ.get("CARPIO_REQUIRE_LAB"):
        pytest.fail(why)
    pytest.skip(why)


def make_root(root: Path) -> Path:
    """Make a root directory in which the applets of busybox work."""
    for name in ("bin", "etc", "tmp", "proc", "dev", "mnt", "home/joe"):
        (root / name).mkdir(parents=True)
    busybox = shutil.which("busybox") or "busybox"
    shutil.copy2(busybox, root / "bin" / "busybox")
    for name in APPLETS:
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/:/bin/sh\njoe:x:1234:1234:Joe:/home/joe:/bin/sh\n"
    )
    (root / "etc/group").write_text("root:x:0:\njoe:x:1234:\ngames:x:77:joe\n")
    return root


def host_facts() -> dict[str, object]:
    """Return what no jail may change of the host. Names of namespaces come and go by others."""
    mounts = [
        line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if " /run/netns" not in line and " /tmp/" not in line  # of other tests
    ]
    devices = sorted(os.listdir("/dev"))
    resolver = Path("/etc/resolv.conf")
    return {
        "mounts": mounts,
        "devices": [name for name in devices if name != "shm"],
        "resolver": resolver.read_bytes() if resolver.exists() else None,
        "hostname": os.uname().nodename,
        "root": sorted(os.listdir("/")),
        "proc": Path("/proc/self/comm").read_text(),
    }


class JailLab:
    """The jails of one registry in a directory."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self.root = make_root(directory / "root")
        self.remarks: list[str] = []
        self.registry = FileRegistry(self.state, self.remarks.append)
        self.containers = OciContainers(self.state)
        self.commands = RealCommands(self.containers.site)
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Destroy all jails."""
        try:
            for record in self.registry.records():
                self.containers.destroy(record)
                self.registry.drop(record)
        finally:
            self.containers.close()

    def name(self) -> str:
        """Return a name that no other test has."""
        return f"t{os.getpid()}-{next(self._numbers)}"

    def start(
        self,
        values: dict[str, Setpoint] | None = None,
        lines: Sequence[MountLine] = (),
        *,
        path: Path | None = None,
        is_persistent: bool = True,
    ) -> Record:
        """Make a jail with the host's addresses unless the values say otherwise."""
        found: dict[str, Setpoint] = {"ip4": "inherit", "ip6": "inherit", **(values or {})}
        record = self.registry.reserve(self.name(), None, str(path or self.root))
        record = replace(record, values=found, is_persistent=is_persistent)
        self.registry.put(record)
        self.containers.check(record.values)
        stage = self.containers.stage(record.values, record.path)
        try:
            for line in lines:
                stage.mount(line)
            record = stage.create(record)
        finally:
            stage.discard()
        record = replace(record, maker=None)
        self.registry.put(record)
        return record

    def devfs(self, path: Path | None = None) -> MountLine:
        """The line of mount.devfs."""
        point = f"{path or self.root}/dev"
        return MountLine(parameter="mount.devfs", device="devfs", point=point, kind="devfs")

    def run(self, record: Record, *argv: str, **options: object) -> tuple[Outcome, str]:
        """Run a command in a jail; return how it ended and all that it printed."""
        log = self.state.parent / f"log-{next(self._numbers)}"
        command = Command(
            argv=argv,
            record=record,
            environment={"PATH": "/bin"},
            output=str(log),
            **options,  # type: ignore[arg-type]  # whatever a command takes
        )
        outcome = self.commands.run(command)
        return outcome, log.read_text()

    def sh(self, record: Record, script: str, **options: object) -> str:
        """Run a script of the shell in a jail; return what it printed."""
        return self.run(record, "/bin/sh", "-c", script, **options)[1]

    def jexec(
        self, *words: str, text: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Call the installed jexec."""
        carpio = Path(sys.executable).with_name("carpio")
        return subprocess.run(
            (str(carpio), "jexec", *words),
            input=text,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "CARPIO_JAIL_STATE": str(self.state), **variables},
        )


def orphans_naming(text: str) -> list[int]:
    """Return the tools that a killed `jail` had started and that are at work still."""
    tools = (b"crun", b"nsenter", b"ip", b"/sh")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(tools) and text.encode() in b" ".join(words):
                found.append(int(entry.name))
    return found
