from tests.helpers.builders import group, key_of

from carpio.core.model import effective_advskew
from carpio.wire.constants import Family


def test_names_read_as_people_write_them():
    assert str(key_of("7@igb0")) == "7@igb0"
    assert str(group("1@eth0", "2001:db8::1/64").addresses[0]) == "2001:db8::1/64"


def test_an_address_knows_its_family():
    families = [it.family for it in group("1@eth0", "10.0.0.1/24", "2001:db8::1/64").addresses]
    assert families == [Family.IPV4, Family.IPV6]


def test_r122_effective_skew_is_clamped():
    assert [effective_advskew(skew, by) for skew, by in ((254, 0), (10, 20), (10, -20))] == [
        240,
        30,
        0,
    ]
