"""The installed jls beside real jails."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
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


def called(jails: JailLab, line: str) -> subprocess.CompletedProcess[str]:
    """Call a command of ours by the shell."""
    environ = {"PATH": os.environ["PATH"], "CARPIO_JAIL_STATE": str(jails.state)}
    script = f"{shlex.quote(str(Path(sys.executable).with_name('carpio')))} {line}"
    return subprocess.run(
        ["sh", "-c", script], env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_jail_is_made_again_by_the_line_that_jls_prints_of_it(jails: JailLab):
    name = jails.name()
    words = (
        f"jail -c name={name} path={jails.root} persist ip4.addr=192.0.2.1,192.0.2.2 ip6=inherit "
        'host.hostname=www.example.org allow.raw_sockets allow.noreserved_ports "meta=it\'s \\$x"'
    )
    made = called(jails, words)
    assert (made.returncode, made.stderr) == (0, "")
    line = called(jails, f"jls -s -j {name}").stdout
    assert "ip4.addr=192.0.2.1,192.0.2.2" in line
    assert shlex.split(line)[5] == "meta=it's $x"
    assert called(jails, f"jail -R {name}").returncode == 0
    assert called(jails, f"jls -c -j {name}").returncode == 1
    again = called(jails, f"jail -c {line.strip()}")
    assert (again.returncode, again.stderr) == (0, "")
    assert called(jails, f"jls -c -j {name}").returncode == 0
    assert called(jails, f"jls -s -j {name}").stdout == line


def test_what_jls_says_is_what_the_jail_has(jails: JailLab):
    record = jails.start({"host.hostname": "www", "ip4": "new", "ip4.addr": ("192.0.2.1",)})
    done = called(jails, "jls --libxo json -v")
    (jail,) = json.loads(done.stdout)["jail-information"]["jail"]
    assert jail["jid"] == record.jid
    assert jail["hostname"] == jails.sh(record, "hostname").strip()
    assert jail["path"] == str(jails.root)
    assert jail["ipv4-addrs"] == ["192.0.2.1"]
    assert jail["state"] == "ACTIVE"


def test_a_jail_that_was_killed_is_only_among_the_dying(jails: JailLab):
    record = jails.start()
    assert called(jails, "jls name").stdout == f"{record.name}\n"
    assert record.holder is not None
    os.kill(record.holder.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while jails.containers.is_alive(record):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert called(jails, "jls name").stdout == ""
    assert called(jails, f"jls -j {record.jid} name").returncode == 1
    assert called(jails, "jls -d name dying").stdout == f"{record.name} true\n"
