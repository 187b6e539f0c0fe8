"""Real jails and networks: an own one, its interfaces, restricted addresses, other hosts."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.helpers.jail_lab import UNTIL_END, JailLab, need_jails

from carpio.errors import CarpioError
from carpio.jail.cgroups import Part

pytestmark = pytest.mark.lab
CLONE_NEWNET = 0x40000000


def ip(*words: str) -> str:
    done = subprocess.run(("ip", *words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for(is_so: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    """Let this thread and what it starts live on a host whose network is of this test alone."""
    need_jails()
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    try:
        ip("link", "set", "lo", "up")
        yield
    finally:
        assert libc.setns(before, CLONE_NEWNET) == 0
        os.close(before)


@pytest.fixture
def jails(tmp_path: Path, host: None) -> Iterator[JailLab]:
    need_jails()
    lab = JailLab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()
    assert not [
        each for each in os.listdir("/run/netns") if each.startswith(f"jail-t{os.getpid()}-")
    ]


@pytest.fixture
def cable(host: None) -> tuple[str, str]:
    """Both ends of a cable; they go with the network of the test."""
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "wire0")
    return "eth0", "wire0"


def host_links() -> list[str]:
    return [line.split(": ")[1].split("@")[0] for line in ip("-o", "link").splitlines()]


def test_a_vnet_jail_has_a_network_with_a_name_for_ip_netns(jails: JailLab):
    record = jails.start({"vnet": "new"})
    assert f"jail-{record.name}" in os.listdir("/run/netns")
    assert record.holder is not None
    inside = os.readlink(f"/proc/{record.holder.pid}/ns/net")
    assert inside != os.readlink("/proc/self/ns/net")
    assert inside == f"net:[{os.stat(f'/run/netns/jail-{record.name}').st_ino}]"
    assert jails.sh(record, "ip -o link").startswith("1: lo")
    jails.sh(record, "ip link set lo up; ip addr add 10.9.9.9/24 dev lo")
    assert "10.9.9.9" in ip("-n", f"jail-{record.name}", "addr")
    assert jails.sh(record, "echo 1 >/proc/sys/net/ipv4/ip_forward && echo ok") == "ok\n"
    jails.containers.destroy(record)
    assert f"jail-{record.name}" not in os.listdir("/run/netns")


def test_a_name_that_somebody_else_has_is_left_alone(jails: JailLab):
    name = f"jail-t{os.getpid()}-1"  # the first that the lab gives
    ip("netns", "add", name)
    try:
        with pytest.raises(CarpioError, match=f"{name} exists already"):
            jails.start({"vnet": "new"})
        assert name in os.listdir("/run/netns")
        assert "lo" in ip("-n", name, "link")
    finally:
        ip("netns", "delete", name)


def test_interfaces_are_moved_in_and_back(jails: JailLab, cable: tuple[str, str]):
    record = jails.start({"vnet": "new"})
    jails.containers.give_interface(record, cable[0])
    assert cable[0] not in host_links()
    assert cable[0] in jails.sh(record, "ip -o link")
    jails.containers.take_interface(record, cable[0])
    assert cable[0] in host_links()
    jails.containers.take_interface(record, cable[0])  # harmless
    with pytest.raises(CarpioError, match="nosuch0"):
        jails.containers.give_interface(record, "nosuch0")


def test_an_interface_comes_back_by_its_name_whatever_the_jail_called_it(
    jails: JailLab, cable: tuple[str, str]
):
    record = jails.start({"vnet": "new"})
    jails.containers.give_interface(record, cable[0])
    jails.sh(record, f"ip link set {cable[0]} name inside; ip link set inside up")
    jails.containers.destroy(record)
    assert cable[0] in host_links()
    assert "inside" not in host_links()


def test_an_interface_comes_back_when_the_jail_dies_by_itself(
    jails: JailLab, cable: tuple[str, str]
):
    record = jails.start({"vnet": "new"})
    jails.containers.give_interface(record, cable[0])
    jails.run(record, *UNTIL_END, is_background=True)
    record = jails.containers.set_persistent(record, False)
    jails.registry.put(record)
    (jails.root / "tmp/end").touch()
    assert wait_for(lambda: cable[0] in host_links())
    assert wait_for(lambda: jails.registry.find(record.name) is None)


def test_an_interface_comes_back_when_the_holder_is_killed(jails: JailLab, cable: tuple[str, str]):
    record = jails.start({"vnet": "new"})
    jails.containers.give_interface(record, cable[0])
    assert record.holder is not None
    os.kill(record.holder.pid, 9)
    assert wait_for(lambda: not jails.containers.is_alive(record))
    jails.containers.destroy(record)
    assert cable[0] in host_links()


def test_a_restricted_jail_listens_on_its_own_address_alone(jails: JailLab):
    record = jails.start({"ip4": "new", "ip4.addr": ("127.0.0.9",), "ip6": "disable"})

    port = 20000 + os.getpid() % 10000

    def listening() -> str:
        """Return where a server that names no address listens, as the kernel writes it."""
        is_open = f"case $(cat /proc/net/tcp) in *:{port:04X}*) ;; *) false; esac"
        until = f"until {is_open}; do sleep 0.05; done"
        script = f"httpd -f -p {port} -h / & {until}; cat /proc/net/tcp; kill $!; wait"
        lines = [line.split() for line in jails.sh(record, script, timeout_s=20).splitlines()]
        return next(each[1] for each in lines if each[1].endswith(f":{port:04X}"))

    assert listening() == f"0900007F:{port:04X}"
    jails.containers.update(record, {"ip4.addr": ("127.0.0.8",)})
    assert listening() == f"0800007F:{port:04X}"


def test_jails_work_where_sys_shows_no_cgroups(jails: JailLab):
    host = f"h{os.getpid()}"
    ip("netns", "add", host)
    script = f"""
import os
from contextlib import closing
from pathlib import Path
from tests.helpers.jail_lab import JailLab
assert not os.listdir("/sys/fs/cgroup")
with closing(JailLab(Path({str(jails.state.parent)!r}) / "inner")) as lab:
    record = lab.start({{"vnet": "new"}}, [lab.devfs()])
    print(lab.sh(record, "echo works; ls /dev/null"))
    print(lab.jexec(record.name, "cat", text="to jexec").stdout)
    print(record.name in "".join(os.listdir("/run/netns")))
"""
    try:
        (jails.state.parent / "inner").mkdir()
        done = subprocess.run(
            ("ip", "netns", "exec", host, sys.executable, "-c", script),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
        )
        assert done.stdout.split() == ["works", "/dev/null", "to", "jexec", "True"], done.stderr
    finally:
        ip("netns", "delete", host)


def test_a_network_that_is_named_within_a_host_is_seen_by_the_next_command(jails: JailLab):
    """The name must be there for all, not only in the mount namespace of who made the jail."""
    host = f"g{os.getpid()}"
    ip("netns", "add", host)
    try:
        record = jails.start({"vnet": "new"})
        words = ("ip", "netns", "exec", host, "ip", "-n", f"jail-{record.name}", "-o", "link")
        assert "lo" in subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert jails.containers.site.cgroups.members(record.jid, Part.HOLDER)
    finally:
        ip("netns", "delete", host)
