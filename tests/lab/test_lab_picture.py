from __future__ import annotations

from carpio.lab.picture import picture_of
from carpio.lab.scenario import find_topology


def test_picture_shows_switches_trunk_machines_and_groups() -> None:
    picture = picture_of(find_topology("two-switches"), {"a": "carpio", "b": "ucarp"})
    assert picture == (
        "network lan  10.77.0.0/24  2001:db8:77::/64\n"
        "  +-- switch left\n"
        "  |   +-- a (carpio)  eth0  10.77.0.1  2001:db8:77::1\n"
        "  |   +-- client (client)  eth0  10.77.0.254  2001:db8:77::fe\n"
        "  |   trunk left-right\n"
        "  +-- switch right\n"
        "      +-- b (ucarp)  eth0  10.77.0.2  2001:db8:77::2\n"
        "      +-- other (client)  eth0  10.77.0.253  2001:db8:77::fd\n"
        "group 1@lan  10.77.0.100/24  2001:db8:77::100/64  advskew: a 0, b 100"
    )


def test_picture_of_many_groups_names_the_first_and_the_last() -> None:
    picture = picture_of(find_topology("many-groups"), {})
    assert [line.split()[1] for line in picture.splitlines()[-3:]] == ["1@lan", "255@lan", "253"]
