"""What single parameters of jail.conf do to real jails, by the installed commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.jail_lab import JailLab, need_jails

pytestmark = pytest.mark.lab


@pytest.fixture
def jails(tmp_path: Path) -> Iterator[JailLab]:
    need_jails()
    lab = JailLab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()


def jail(jails: JailLab, *words: str) -> tuple[int, str, str]:
    """Call the installed jail; return status, output and remarks."""
    carpio = str(Path(sys.executable).with_name("carpio"))
    environ = {"PATH": os.environ["PATH"], "CARPIO_JAIL_STATE": str(jails.state)}
    done = subprocess.run(
        (carpio, "jail", *words), env=environ, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_a_jail_that_inherits_the_host_has_its_name(jails: JailLab):
    record = jails.start({"host": "inherit"})
    assert jails.sh(record, "hostname").strip() == os.uname().nodename
    assert record.holder is not None
    own = os.readlink(f"/proc/{record.holder.pid}/ns/uts")
    assert own == os.readlink("/proc/self/ns/uts")


def test_what_commands_in_the_jail_print_is_appended_to_the_log(jails: JailLab, tmp_path: Path):
    file = tmp_path / "jail.conf"
    file.write_text(
        f"log {{ path = '{jails.root}'; persist; exec.consolelog = '{tmp_path}/console';\n"
        "exec.prestart = 'echo host'; exec.start = 'echo started', 'echo bad >&2';\n"
        "exec.stop = 'echo stopped'; }\n"
    )
    assert jail(jails, "-q", "-f", str(file), "-c", "log") == (0, "host\n", "")
    assert (tmp_path / "console").read_text() == "started\nbad\n"
    assert jail(jails, "-q", "-f", str(file), "-r", "log") == (0, "", "")
    assert (tmp_path / "console").read_text() == "started\nbad\nstopped\n"


def test_a_log_below_the_root_has_no_links_in_it(jails: JailLab, tmp_path: Path):
    (jails.root / "var").symlink_to(tmp_path)
    words = ("-c", f"path={jails.root}", f"exec.consolelog={jails.root}/var/log", "command=true")
    status, _, stderr = jail(jails, *words)
    assert status == 1
    assert "symbolic link" in stderr
    assert not (tmp_path / "log").exists()


def test_each_created_jail_has_a_line_in_the_file_of_records(jails: JailLab, tmp_path: Path):
    file = str(tmp_path / "made")
    assert jail(jails, "-J", file, "-c", "name=one", f"path={jails.root}", "persist")[0] == 0
    assert (tmp_path / "made").read_text() == f"jid=1\tname=one\tpath={jails.root}\n"
    assert jail(jails, "-J", file, "-c", "name=d b", f"path={jails.root}", "persist")[0] == 0
    assert (tmp_path / "made").read_text() == f'jid=2\tname="d b"\tpath={jails.root}\n'


@pytest.mark.parametrize(
    ("parameter", "capability"),
    [
        ("allow.chflags", 9),
        ("allow.mlock", 14),
        ("allow.routing", 12),
        ("allow.settime", 25),
        ("allow.adjtime", 25),
    ],
)
def test_a_parameter_gives_its_capability_and_no_other(
    jails: JailLab, parameter: str, capability: int
):
    def held(record_values: dict[str, bool]) -> int:
        record = jails.start(dict(record_values))
        status = jails.sh(record, "cat /proc/self/status")
        (line,) = (each for each in status.splitlines() if each.startswith("CapEff"))
        return int(line.split()[1], 16)

    assert held({parameter: True}) ^ held({}) == 1 << capability


SOCKETS = """
import socket
for family, kind in ((1, 1), (2, 1), (10, 1), (16, 3), (17, 3)):
    try:
        socket.socket(family, kind)
        print(family)
    except OSError as error:
        print(family, error.strerror)
"""


def test_foreign_families_of_sockets_need_a_parameter(jails: JailLab):
    own = "1\n2\n10\n16\n"
    plain = jails.start(path=Path("/"))
    told = jails.run(plain, sys.executable, "-c", SOCKETS)[1]
    assert told == f"{own}17 Address family not supported by protocol\n"
    allowed = jails.start({"allow.socket_af": True}, path=Path("/"))
    told = jails.run(allowed, sys.executable, "-c", SOCKETS)[1]
    assert told == f"{own}17 Operation not permitted\n"  # for want of CAP_NET_RAW


BINDS = """
import socket
for address in ("127.0.0.8", "127.0.0.9", "127.0.0.1", "0.0.0.0", "127.0.0.10"):
    made = socket.socket()
    try:
        made.bind((address, 0))
        print(made.getsockname()[0])
    except OSError as error:
        print(error.strerror)
"""


def test_a_jail_has_its_addresses_and_no_others_unless_it_is_unrestricted(jails: JailLab):
    words = ["-c", "path=/", "ip4.addr=127.0.0.8,127.0.0.9"]
    command = [f"command={sys.executable}", "-c", BINDS]
    status, stdout, stderr = jail(jails, *words, *command)
    assert (status, stderr) == (0, "")
    assert stdout.split("\n")[:4] == ["127.0.0.8", "127.0.0.9", "127.0.0.8", "127.0.0.8"]
    status, stdout, stderr = jail(jails, *words, "carpio.unrestricted", *command)
    assert status == 0
    assert stdout.split()[2:] == ["127.0.0.1", "0.0.0.0", "127.0.0.10"]
    warning = "jail: carpio.unrestricted: the jail may use all addresses of the host\n"
    assert stderr == warning


def test_a_running_jail_gets_other_addresses_by_m(jails: JailLab):
    name = jails.name()
    assert jail(jails, "-c", f"name={name}", "path=/", "persist", "ip4.addr=127.0.0.8")[0] == 0
    assert jail(jails, "-m", f"name={name}", "ip4.addr=127.0.0.9") == (0, "", "")
    done = jails.jexec(name, sys.executable, "-c", BINDS)
    assert done.stdout.split("\n")[1:4] == ["127.0.0.9", "127.0.0.9", "127.0.0.9"]
    assert done.stdout.split("\n")[0] == "127.0.0.9"
