"""A container of Debian's podman gets a shared address, and loses it when it stops."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.helpers.lab import need
from tests.helpers.life import Film, config, group, lost, start

from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.topology import SHARED_TARGETS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.interop]

MAC = "00:00:5e:00:01:01"
OWN_CGROUPS = 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'


@dataclass(frozen=True, slots=True)
class Podman:
    """Podman on a host of the lab, with storage of its own."""

    netns: str
    directory: Path

    def __call__(self, *words: str) -> str:
        where = ("--root", str(self.directory / "root"), "--runroot", str(self.directory / "run"))
        how = ("--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none")
        done = subprocess.run(
            (
                *("ip", "netns", "exec", self.netns, "unshare", "-m", "--propagation", "private"),
                *("sh", "-c", OWN_CGROUPS, "sh", "podman", *where, *how, *words),
            ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(self, name: str, root: Path) -> int:
        """Start a container without a network; return its process."""
        limits = ("--ulimit", "nofile=512:512", "--ulimit", "nproc=512:512")
        words = ("--rootfs", str(root), "/bin/busybox", "sleep", "300")
        self("run", "-d", "--name", name, "--network=none", "--cgroups=disabled", *limits, *words)
        return int(self("inspect", "-f", "{{.State.Pid}}", name))


@pytest.fixture
def podman(lab: Lab) -> Iterator[Podman]:
    need("ip", "tcpdump", "podman", "busybox")
    with tempfile.TemporaryDirectory(prefix="cp-") as directory:  # podman wants it to be short
        made = Podman(lab["a"].namespace, Path(directory))
        yield made
        made("rm", "-f", "-t", "0", "-a")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The smallest system that a container can have."""
    made = tmp_path / "system"
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc"):
        (made / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", made / "bin/busybox")
    return made


def test_container_of_podman_holds_the_address_while_it_runs(
    lab: Lab, capture: Capture, podman: Podman, root: Path
) -> None:
    pid = podman.run("web", root)
    with capture, Flood(lab, 500):
        a = start(lab["a"], config(group(), preempt=True))
        a.become_master()
        b = start(lab["b"], config(group(advskew=100)))
        b.wait_for_state("BACKUP")
        done = a.carpio("attach", "1@eth0", "--pid", str(pid))
        assert done.returncode == 0, done.stderr
        a.wait_for_state("MASTER")
        inside = podman("exec", "web", "/bin/busybox", "ip", "addr")
        assert MAC in inside
        assert "10.77.0.100" in inside
        with Probe(lab, SHARED_TARGETS[:1]) as probe:
            time.sleep(0.5)
        (record,) = probe.records.values()
        assert lost(record) == []
        assert any(record.answered)
        podman("kill", "web")
        b.wait_for_state("MASTER", timeout_s=2)
        assert f"process {pid} has ended" in a.view()["reason"]
    film = Film(capture)
    assert {spoken.host for spoken in film.all_claims} == {"a", "b"}
    assert film.wrong == []
