import pytest

from carpio.jail.capabilities import BASE, capabilities_of, may_mount
from carpio.jail.judge import Setpoint

TOO_MUCH = {
    "CAP_DAC_READ_SEARCH",
    "CAP_MAC_ADMIN",
    "CAP_MKNOD",
    "CAP_NET_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_MODULE",
    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_RESOURCE",
}


def test_a_jail_may_by_itself_nothing_that_reaches_beyond_it():
    plain = set(capabilities_of({}))
    assert not plain & TOO_MUCH
    assert plain == {*BASE, "CAP_NET_BIND_SERVICE"}


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("allow.raw_sockets", "CAP_NET_RAW"),
        ("allow.chflags", "CAP_LINUX_IMMUTABLE"),
        ("allow.mlock", "CAP_IPC_LOCK"),
        ("allow.routing", "CAP_NET_ADMIN"),
        ("allow.settime", "CAP_SYS_TIME"),
        ("allow.adjtime", "CAP_SYS_TIME"),
        ("allow.mount", "CAP_SYS_ADMIN"),
        ("allow.mount.tmpfs", "CAP_SYS_ADMIN"),
    ],
)
def test_a_parameter_adds_one_capability(name: str, capability: str):
    plain = capabilities_of({})
    assert capability not in plain
    assert set(capabilities_of({name: True})) == {*plain, capability}
    assert capabilities_of({name: False}) == plain


def test_reserved_ports_and_root_can_be_taken_away():
    values: dict[str, Setpoint] = {"allow.reserved_ports": False}
    assert "CAP_NET_BIND_SERVICE" not in capabilities_of(values)
    assert capabilities_of({"allow.suser": False, "allow.mount": True}) == ()


def test_a_vnet_jail_governs_its_network():
    found = capabilities_of({"vnet": "new", "allow.raw_sockets": True})
    assert found.count("CAP_NET_RAW") == found.count("CAP_NET_ADMIN") == 1
    assert "CAP_NET_ADMIN" not in capabilities_of({"vnet": "inherit"})


def test_mounting_is_any_of_its_parameters():
    assert may_mount({"allow.mount.procfs": True})
    assert not may_mount({"allow.mount": False, "allow.mountain": True})
