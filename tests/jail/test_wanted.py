"""Jails as they are wanted; what can be wrong with them is in the transcripts."""

from __future__ import annotations

from pathlib import Path

from carpio.jail.addresses import Family
from carpio.jail.resolve import Jail, Setting
from carpio.jail.wanted import Checked, checked, number_of, text_of, texts_of, wanted_of


def look(jail: Jail, *found: tuple[Family, str], is_new: bool = True) -> Checked:
    return checked(wanted_of(jail), lambda _name: found, is_new=is_new)


def jail(*settings: tuple[str, ...], name: str = "www") -> Jail:
    own = (Setting("name", (name,)),) if name else ()
    return Jail(name=name, settings=(*own, *(Setting(n, tuple(v)) for n, *v in settings)))


def test_values_have_bare_addresses_and_the_mode_that_follows() -> None:
    values = look(
        jail(("persist",), ("ip4.addr", "em0|10.0.0.1/24 vhid 1 pass x"), ("ip6", "inherit"))
    ).wanted.values
    assert values["ip4.addr"] == ("10.0.0.1",)
    assert (values["ip4"], values["ip6"]) == ("new", "inherit")
    assert "ip6.addr" not in values


def test_the_path_is_without_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    wanted = look(jail(("persist",), ("path", f"{tmp_path}/b"))).wanted
    assert wanted.path == str(tmp_path / "a")


def test_addresses_of_the_host_name_come_behind_and_only_once() -> None:
    settings = [("persist",), ("ip_hostname",), ("host.hostname", "h"), ("interface", "em0")]
    found = look(
        jail(*settings, ("ip6.addr", "2001:db8::1")),
        ("inet6", "2001:DB8::1"),
        ("inet6", "2001:db8::2"),
        ("inet", "10.0.0.1"),
        ("inet", "10.0.0.1"),
    )
    assert found.problems == ()
    assert [one.address for one in found.wanted.addresses] == [
        "10.0.0.1", "2001:db8::1", "2001:db8::2",
    ]  # fmt: skip
    assert {one.interface for one in found.wanted.addresses} == {"em0"}


def test_a_vnet_jail_has_no_addresses_by_its_name() -> None:
    found = look(jail(("persist",), ("vnet",), ("ip_hostname",), ("host.hostname", "h")))
    assert found.problems == ("vnet jails cannot have IP address restrictions",)


def test_for_a_change_nothing_is_looked_at_but_the_values() -> None:
    found = look(jail(("path", "/nowhere"), ("mount", "x")), is_new=False)
    assert (found.problems, found.wanted.mounts) == ((), ())


def test_a_jail_whose_parameters_are_not_known_still_has_its_name() -> None:
    found = look(Jail(name="www", settings=(), problems=("x: variable loop",)))
    assert (found.wanted.name, found.problems) == ("www", ("x: variable loop",))


def test_the_command_of_words_keeps_empty_ones() -> None:
    words = jail(("command", "sh", "-c", "", "x"), name="")
    assert wanted_of(words).wanted.argv == ("sh", "-c", "", "x")
    assert wanted_of(jail(("command", "sh"))).wanted.argv == ()
    assert "sh" not in repr(wanted_of(words).wanted)


def test_a_value_of_another_kind_is_as_if_it_were_not_set() -> None:
    values = {"a": True, "b": "x", "c": ("x",), "d": 3}
    assert (texts_of(values, "c"), texts_of(values, "b"), texts_of(values, "z")) == (("x",), (), ())
    assert (text_of(values, "b"), text_of(values, "c"), text_of(values, "z")) == ("x", "", "")
    assert (number_of(values, "d", 1), number_of(values, "b", 1), number_of(values, "z", 2)) == (
        3, 1, 2,
    )  # fmt: skip
