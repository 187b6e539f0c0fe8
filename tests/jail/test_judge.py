"""What parameters mean, and that each has the fate that the table gives it."""

from __future__ import annotations

import pytest

from carpio.jail.judge import judge
from carpio.jail.parameters import PARAMETERS, Fate, Kind, Parameter
from carpio.jail.resolve import Jail, Setting

GOOD = {
    Kind.BOOLEAN: "true", Kind.INTEGER: "7", Kind.STRING: "/x", Kind.LIST: "x", Kind.MODE: "new",
}  # fmt: skip
SPECIAL = {"ip4.addr": "10.0.0.1", "ip6.addr": "2001:db8::1", "name": "www", "interface": "em0"}


def judged(*settings: Setting):
    return judge(Jail(name="www", settings=settings))


def concrete(each: Parameter) -> str:
    return each.name.replace("*", "x")


@pytest.mark.parametrize("each", PARAMETERS, ids=lambda each: each.name)
def test_each_parameter_has_the_fate_of_the_table(each: Parameter) -> None:
    name = concrete(each)
    result = judged(Setting(name, (SPECIAL.get(name, GOOD[each.kind]),)))
    match each.fate:
        case Fate.READ:
            assert result.problems == ()
            assert list(result.values) == [name]
        case Fate.IGNORED:
            assert result.warnings == (f"{name}: not supported on Linux, ignored",)
            assert (result.problems, result.values) == ((), {})
        case Fate.READ_ONLY:
            assert result.problems == (f"{name}: cannot be set",)
        case Fate.REFUSED | Fate.REFUSED_UNLESS_ZERO:
            assert result.problems == (f"{name}: not supported on Linux",)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("persist", (), True), ("nopersist", (), False), ("persist", ("FALSE",), False),
        ("persist", ("0",), False), ("persist", ("2",), True), ("persist", ("-0",), False),
        ("nopersist", ("false",), True), ("persist", ("false", "true"), True),
        ("allow.nomount", (), False), ("jid", ("007",), 7), ("jid", ("1", "2"), 2),
        ("exec.timeout", ("+5",), 5), ("path", ("/a", "/b"), "/b"), ("path", (), ""),
        ("depend", ("a", "", "b"), ("a", "b")), ("exec.start", ("",), ()),
        ("ip4", ("INHERIT",), "inherit"), ("ip4", (), "new"), ("noip4", (), "disable"),
        ("vnet", (), "new"), ("novnet", (), "inherit"),
    ],
)  # fmt: skip
def test_a_value_is_what_its_kind_makes_of_it(name: str, values: tuple, expected: object) -> None:
    (value,) = judged(Setting(name, values)).values.values()
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("text", ["", "x", "1x", " 1", "٣", "1" * 5000, "-1", "1000000"])
def test_a_number_out_of_range_is_none(text: str) -> None:
    result = judged(Setting("jid", (text,)))
    assert result.values == {}
    assert len(result.problems) == 1


def test_hostname_is_host_hostname() -> None:
    assert judged(Setting("hostname", ("h",))).values == {"host.hostname": "h"}


def test_a_jail_that_has_problems_is_not_looked_into() -> None:
    jail = Jail(name="www", settings=(), problems=("a",))
    assert judge(jail).problems == ("a",)


def test_addresses_know_their_interface_wherever_it_stands() -> None:
    result = judged(Setting("ip4.addr", ("10.0.0.1",)), Setting("interface", ("em0",)))
    assert result.addresses[0].up()[:2] == ["ifconfig", "em0"]
    assert judged(Setting("ip4.addr", ("10.0.0.1",))).addresses[0].up() == []


def test_a_relative_path_is_fine_without_a_file() -> None:
    jail = Jail(name="", settings=(Setting("path", ("x",)),))
    assert judge(jail).problems == ()


def test_a_jail_that_may_use_all_addresses_is_told() -> None:
    warning = "carpio.unrestricted: the jail may use all addresses of the host"
    assert judged(Setting("carpio.unrestricted", ())).warnings == (warning,)
    assert judged(Setting("carpio.nounrestricted", ())).warnings == ()
    with_own_network = judged(Setting("carpio.unrestricted", ()), Setting("vnet", ()))
    assert with_own_network.warnings == ()


@pytest.mark.parametrize("name", ["*", "a.*", "*.a", "-R"])
def test_a_jail_is_not_called_what_jail_takes_for_all_or_for_an_option(name: str) -> None:
    (problem,) = judge(Jail(name="", settings=(Setting("name", (name,)),))).problems
    assert problem == f"name {name}: not a name for a jail"


def test_a_star_within_a_name_is_a_letter() -> None:
    assert not judge(Jail(name="", settings=(Setting("name", ("a*b",)),))).problems
