import errno
from typing import Any

from carpio.jail.judge import Setpoint
from carpio.jail.seccomp import filter_of


def refused(
    values: dict[str, Setpoint], name: str, first: int = 0, *, machine: str = "x86_64"
) -> int:
    """Return the errno that a filter has for a call with this first argument; 0: allowed."""
    found: Any = filter_of(values, machine)
    assert found["defaultAction"] == "SCMP_ACT_ALLOW"
    for rule in found["syscalls"]:
        if name in rule["names"] and all(holds(each, first) for each in rule.get("args", [])):
            return int(rule["errnoRet"])
    return 0


def holds(condition: dict[str, Any], value: int) -> bool:
    match condition["op"]:
        case "SCMP_CMP_EQ":
            return value == condition["value"]
        case "SCMP_CMP_GT":
            return value > condition["value"]
        case "SCMP_CMP_MASKED_EQ":
            return value & condition["value"] == condition["valueTwo"]
    raise AssertionError(condition)


def test_a_jail_has_unix_inet_inet6_and_netlink_sockets_alone():
    for call in ("socket", "socketpair"):
        allowed = [family for family in range(64) if not refused({}, call, family)]
        assert allowed == [1, 2, 10, 16], call
    assert refused({}, "socket", 17) == errno.EAFNOSUPPORT
    assert refused({}, "socketcall", 1) == errno.ENOSYS


def test_other_families_can_be_allowed():
    values: dict[str, Setpoint] = {"allow.socket_af": True}
    assert not any(refused(values, "socket", family) for family in range(64))
    assert not refused(values, "io_uring_setup")
    assert refused({}, "io_uring_setup") == errno.ENOSYS  # it makes sockets, too


def test_no_namespace_can_be_made():
    for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        for call in ("clone", "unshare"):
            assert refused({}, call, flag | 17) == errno.EPERM, (call, hex(flag))
    assert refused({}, "unshare", 0x80) == errno.EPERM
    assert refused({}, "clone3") == errno.ENOSYS
    assert not refused({}, "clone", 0x01200011)  # what fork(3) is
    assert not refused({}, "clone", 0x3D0F00)  # what a thread is
    assert not refused({}, "unshare", 0x400)  # of open files


def test_who_may_mount_may_make_namespaces():
    assert not refused({"allow.mount": True}, "unshare", 0x20000)
    assert not refused({"allow.mount": True}, "clone3")


def test_what_is_not_per_jail_is_refused():
    for call in ("add_key", "bpf", "keyctl", "perf_event_open", "request_key", "userfaultfd"):
        assert refused({"allow.mount": True, "allow.socket_af": True}, call) == errno.EPERM


def test_a_machine_is_filtered_for_all_its_kinds_of_programs():
    assert filter_of({}, "x86_64")["architectures"] == [
        "SCMP_ARCH_X86_64",
        "SCMP_ARCH_X86",
        "SCMP_ARCH_X32",
    ]
    assert "architectures" not in filter_of({}, "unheard-of")
