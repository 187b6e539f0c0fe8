"""Words of any kind: a complete value or an error, and nothing about other interfaces."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.helpers.control import serving
from tests.helpers.ifconfig import Call, PaperDaemon

from carpio.bsd.keywords import FAMILIES, KEYWORDS
from carpio.bsd.messages import IfconfigError
from carpio.bsd.words import Change, parse_change, with_mac
from carpio.control.messages import encode_request, parse_request
from carpio.control.network import AddAddress, Configure, Create, Line, SetLink, SetVhid

VALUES = [
    "10.0.0.1/24", "10.0.0.2", "255.255.255.0", "0xffffff00", "2001:db8::1/64", "2001:db8::",
    "fe80::1%em0", "fe80::1%em1", "02:00:00:00:00:01", "random", "em1", "0", "1", "255", "254",
    "-1", "9000", "master", "init", "www", "", "a b", "x" * 300, "\0", "\udcff", "٣", "1" * 5000,
]  # fmt: skip
INTERFACES = [
    "em0",
    "bridge",
    "bridge3",
    "epair",
    "lo",
    "lo2",
    "vlan",
    "em0.10",
    "em0.0",
    "",
    "a/b",
]
WORDS = st.lists(
    st.one_of(
        st.sampled_from(sorted(KEYWORDS)),
        st.sampled_from(sorted(FAMILIES)),
        st.sampled_from(VALUES),
        st.text(max_size=8),
    ),
    max_size=10,
)
SECRET = "Xq7!secret-Zw"


def tried(interface: str, words: list[str]) -> Change | IfconfigError:
    try:
        return parse_change(interface, words)
    except IfconfigError as error:
        return error


@given(interface=st.sampled_from(INTERFACES) | st.text(max_size=17), words=WORDS)
@example(interface="em0", words=["inet6", "2001:db8::", "eui64", "alias"])
@example(interface="em0", words=["vlandev"])
@example(interface="vlan", words=["create", "vlan", "1" * 5000, "vlandev", "em0"])
@example(interface="em0", words=["inet", "destroy"])
@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
def test_any_words_give_a_complete_change_of_that_interface_or_an_error(
    interface: str, words: list[str]
):
    change = tried(interface, words)
    if isinstance(change, IfconfigError):
        assert str(change)
        return
    if change.wants_mac:
        change = with_mac(change, "02:00:00:00:00:01")
    assert change.interface == interface
    request = Configure([Line(change.interface, list(change.steps))])
    assert parse_request(encode_request(request, 1)) == (1, request)


@given(words=WORDS, position=st.integers(0, 10))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_a_passphrase_is_in_no_error_and_no_repr(words: list[str], position: int):
    words[position:position] = ["pass", SECRET]
    outcome = tried("em0", ["vhid", "1", *words])
    assert SECRET not in f"{outcome} {outcome!r}"


@given(words=WORDS, is_refused=st.booleans())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_passphrase_is_in_no_output_of_a_call(words: list[str], is_refused: bool, tmp_path: Path):
    refusal = b'{"code":1,"message":"no","line":0,"step":0,"errno":22}'
    daemon = PaperDaemon(refusal=refusal if is_refused else None)
    control = tmp_path / "control"
    control.unlink(missing_ok=True)
    with serving(control, daemon.reply):
        outcome = Call(control, tmp_path)(["em0", "vhid", "1", "pass", SECRET, *words])
    assert SECRET not in outcome.stdout + outcome.stderr
    assert outcome.status == (0 if not outcome.stderr else outcome.status)
    assert {line.interface for line in daemon.lines} <= {"em0"}


def steps(*words: str, interface: str = "em0"):
    return parse_change(interface, words).steps


def test_the_vhid_comes_before_the_address_that_carries_it():
    vhid, address = steps("10.0.0.1/32", "alias", "vhid", "3", "advskew", "7")
    assert vhid == SetVhid(vhid=3, advskew=7)
    assert address == AddAddress(address="10.0.0.1", prefix_length=32, vhid=3)


def test_creating_comes_first_wherever_vlan_words_stand():
    assert steps("create", "up", "vlan", "5", "vlandev", "em0", interface="vlan") == (
        Create(kind="vlan", vlan=5, parent="em0"),
        SetLink(up=True),
    )


def test_a_zone_may_be_the_new_name():
    change = parse_change("em0", ["inet6", "name", "wan", "fe80::1%wan"])
    assert change.is_renaming
    with pytest.raises(IfconfigError, match="not the interface"):
        parse_change("em0", ["inet6", "fe80::1%wan", "name", "wan"])


def test_an_address_is_completed_from_a_mac():
    change = parse_change("em0", ["inet6", "2001:db8:0:1::/64", "eui64", "no_dad"])
    assert change.wants_mac
    done = with_mac(change, "08:00:27:aa:bb:cc")
    assert done.steps == (
        AddAddress(address="2001:db8:0:1:a00:27ff:feaa:bbcc", prefix_length=64, no_dad=True),
    )
    assert not done.wants_mac


def test_no_address_is_made_from_a_mac_that_is_none():
    change = parse_change("em0", ["inet6", "2001:db8::", "eui64"])
    with pytest.raises(IfconfigError, match="not an Ethernet address"):
        with_mac(change, "0a:00:00:01")


def test_no_part_of_a_passphrase_with_blanks_is_looked_up_as_a_host():
    asked = []

    def resolve(name: str, _version: int) -> str:
        asked.append(name)
        return "10.0.0.1"

    with pytest.raises(IfconfigError, match="not shown"):
        parse_change("em0", ["vhid", "1", "pass", "open", "sesame.now", "alias"], resolve)
    assert asked == []
    change = parse_change("em0", ["vhid", "1", "pass", "open", "alias", "www/32"], resolve)
    assert asked == ["www"]
    assert change.steps[1].address == "10.0.0.1"


def test_words_without_effect_leave_no_steps():
    assert parse_change("em0", ["tso", "metric", "0"]) == Change(interface="em0", steps=())


@pytest.mark.parametrize("word", ["em0\0", "\udc80"])
def test_words_that_are_no_text_are_refused_unseen(word: str):
    with pytest.raises(IfconfigError) as caught:
        parse_change("em0", ["descr", word])
    assert str(caught.value) == "the words are not text in UTF-8"
