from typing import Any

import pytest

from carpio.jail.bundle import HOLDER, Mount, User, config_of, ipc_mode, process_of
from carpio.jail.judge import Setpoint

JOE = User(name="joe", uid=1234, gid=1234, groups=(77, 1234))


def config(values: dict[str, Setpoint], **options: Any) -> Any:
    return config_of(values, root="/run/root", **options)


def kinds(found: Any) -> set[str]:
    return {each["type"] for each in found["linux"]["namespaces"]}


def points(found: Any) -> list[str]:
    return [each["destination"] for each in found["mounts"]]


def test_a_jail_has_namespaces_of_its_own_but_the_network():
    assert kinds(config({})) == {"pid", "mount", "cgroup", "uts", "ipc"}
    assert kinds(config({"host": "inherit"})) == {"pid", "mount", "cgroup", "ipc"}
    found = config({"vnet": "new"}, network="/run/netns/jail-x")
    assert {"type": "network", "path": "/run/netns/jail-x"} in found["linux"]["namespaces"]


def test_the_holder_is_a_sealed_copy_with_the_powers_of_the_jail():
    process = config({})["process"]
    assert process["args"] == list(HOLDER)
    assert process["env"] == []
    assert process["noNewPrivileges"] is False  # setuid works in jails


def test_the_host_name_is_set_only_in_a_namespace_of_its_own():
    assert config({"host.hostname": "www"})["hostname"] == "www"
    assert "hostname" not in config({"host.hostname": "www", "host": "inherit"})
    assert "hostname" not in config({})
    values: dict[str, Setpoint] = {"host.domainname": "nis"}
    assert config(values)["linux"]["sysctl"] == {"kernel.domainname": "nis"}
    assert config({**values, "host": "inherit"})["linux"]["sysctl"] == {}


def test_settings_are_read_only_but_those_of_own_namespaces():
    found = config({})
    assert "/proc/sys" in found["linux"]["readonlyPaths"]
    assert "/proc/kcore" in found["linux"]["maskedPaths"]
    assert "/proc/sys/kernel/hostname" in points(found)
    assert "/proc/sys/net" not in points(found)
    assert "/proc/sys/net" in points(config({"vnet": "new"}))
    for values in ({"allow.set_hostname": False}, {"host": "inherit"}):
        assert "/proc/sys/kernel/hostname" not in points(config(dict(values)))


def test_dev_is_always_small_and_has_terminals_with_devfs():
    assert points(config({}))[:2] == ["/proc", "/dev"]
    assert "/dev/pts" not in points(config({}))
    extra = Mount(point="/sys", kind="sysfs", source="sysfs", options=("ro",))
    found = points(config({}, has_devfs=True, mounts=[extra]))
    assert found[:5] == ["/proc", "/dev", "/dev/pts", "/dev/shm", "/sys"]


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ({}, "new"),
        ({"allow.sysvipc": True}, "inherit"),
        ({"sysvmsg": "inherit", "sysvsem": "inherit", "sysvshm": "inherit"}, "inherit"),
        ({"sysvmsg": "inherit"}, None),
        ({"sysvmsg": "disable", "sysvshm": "inherit", "sysvsem": "inherit"}, None),
        ({"sysvmsg": "disable"}, "new"),
    ],
)
def test_system_v_ipc_is_shared_as_a_whole_or_not(values: dict[str, Setpoint], mode: str | None):
    assert ipc_mode(values) == mode


def test_disabled_ipc_is_one_in_which_nothing_can_be_made():
    modes: dict[str, Setpoint] = dict.fromkeys(("sysvmsg", "sysvsem", "sysvshm"), "disable")
    assert config(modes)["linux"]["sysctl"] == {
        "kernel.msgmni": "0",
        "kernel.sem": "250 32000 32 0",
        "kernel.shmmni": "0",
    }


def test_who_is_not_root_has_no_capabilities_but_setuid_programs_may_get_them():
    found: Any = process_of(("id",), JOE, {}, environment={"A": "b"}, directory="/tmp")
    assert found["user"] == {"uid": 1234, "gid": 1234, "additionalGids": [77, 1234]}
    assert found["capabilities"]["effective"] == found["capabilities"]["permitted"] == []
    assert "CAP_CHOWN" in found["capabilities"]["bounding"]
    assert (found["env"], found["cwd"], found["terminal"]) == (["A=b"], "/tmp", False)


def test_root_has_what_is_allowed_and_no_program_inherits_it():
    root = User(name="root", uid=0, gid=0)
    found: Any = process_of(("id",), root, {"allow.suser": True}, environment={})
    held = found["capabilities"]
    assert held["effective"] == held["bounding"] == held["permitted"] != []
    assert not {"inheritable", "ambient"} & set(held)
