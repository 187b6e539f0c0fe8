"""A record is read as it was written; whatever else is in its place is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.builders import group

from carpio.config.kept import Demotion, GroupChange, Kept, KeptNamespace, SettingChange
from carpio.config.kept_text import Unreadable, decode_kept, encode_kept
from carpio.config.model import Process, VhidConfig
from carpio.core.model import InstanceConfig

SECRET = "geheimnis"
GROUP = group("1@eth0", "10.0.0.1/24", "fe80::1/64", passphrase=SECRET, preempt=True, advskew=9)
KEPT = Kept(
    groups=(
        GroupChange(
            netns=None,
            key=GROUP.instance,
            was=None,
            now=VhidConfig(instance=GROUP, name="first", attach="web"),
        ),
        GroupChange(
            netns="net:[4026531840]",
            key=GROUP.instance,
            was=VhidConfig(
                instance=GROUP, netns="net:[4026531840]", name="x", attach=Process(7, 8)
            ),
            now=None,
        ),
    ),
    settings=(
        SettingChange(netns=None, name="preempt", was=False, now=True),
        SettingChange(netns="web", name="dscp", was=None, now=8),
    ),
    demotions=(Demotion(netns="web", cause="for a while", value=-20),),
    namespaces=(KeptNamespace(name="web", identity="12345", has_name=True),),
)
RECORD = json.loads(encode_kept(KEPT))


def test_what_was_written_is_read() -> None:
    assert decode_kept(encode_kept(KEPT)) == KEPT
    assert decode_kept(encode_kept(Kept())) == Kept()


def test_a_number_does_not_become_a_switch() -> None:
    again = decode_kept(encode_kept(KEPT)).settings[0]
    assert (again.was, again.now) == (False, True)
    assert isinstance(again.now, bool)


def test_addresses_that_a_file_may_not_have_are_read_too() -> None:
    odd = replace(GROUP, addresses=group("1@eth0", "10.0.0.0/24").addresses)
    change = replace(KEPT.groups[0], now=VhidConfig(instance=odd, name="first"))
    kept = Kept(groups=(change,))
    assert decode_kept(encode_kept(kept)) == kept


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "1"),
        (("version",), None),
        (("groups",), {}),
        (("groups", 0, "vhid"), 256),
        (("groups", 0, "interface"), "a name that is too long"),
        (("groups", 0, "now", "key"), "00"),
        (("groups", 0, "now", "advskew"), 255),
        (("groups", 0, "now", "addresses"), ["10.0.0.1"]),
        (("groups", 0, "now", "addresses"), ["10.0.0.1/33"]),
        (("groups", 0, "now", "addresses"), ["10.0.0.1/" + 5000 * "9"]),
        (("groups", 0, "now", "attach"), "../etc"),
        (("groups", 0, "now", "attach"), {"pid": 0, "began": 1}),
        (("groups", 0, "now", "name"), ""),
        (("groups", 0, "now", "more"), 1),
        (("settings", 0, "name"), "nice"),
        (("settings", 0, "now"), 1),
        (("settings", 0, "now"), None),
        (("settings", 1, "now"), 64),
        (("settings", 1, "now"), True),
        (("settings", 1, "now"), 1.5),
        (("demotions", 0, "value"), 2**60),
        (("namespaces", 0, "name"), "a/b"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_and_no_key_is_told(
    path: tuple[str | int, ...], value: object
) -> None:
    record = json.loads(json.dumps(RECORD))
    place = record
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(Unreadable) as caught:
        decode_kept(json.dumps(record).encode())
    told = f"{caught.value} {caught.value.__cause__!r}"
    assert GROUP.key.raw.hex() not in told
    assert SECRET not in told


def test_another_version_is_named() -> None:
    with pytest.raises(Unreadable, match="version 2, and only 1 is known"):
        decode_kept(b'{"version": 2, "news": []}')


def test_nothing_shows_a_key() -> None:
    assert GROUP.key.raw.hex() not in repr(KEPT)
    assert GROUP.key.raw.hex().encode() in encode_kept(KEPT), "the check can fail"


@given(st.binary(max_size=200) | st.just(b"[" * 100_000))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        decode_kept(text)


@given(st.data())
def test_a_record_that_was_cut_or_spoilt_is_read_or_refused(data: st.DataObject) -> None:
    whole = encode_kept(KEPT)
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, len(whole)))
    spoilt = whole[:begin] + data.draw(st.binary(max_size=8)) + whole[end:]
    try:
        kept = decode_kept(spoilt)
    except Unreadable:
        return
    for change in kept.groups:
        assert all(
            isinstance(one.instance, InstanceConfig) for one in (change.was, change.now) if one
        )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(["groups", "settings", "demotions", "namespaces"]), _JSON)
def test_any_value_in_the_place_of_a_part_is_read_or_refused(part: str, value: object) -> None:
    try:
        decode_kept(json.dumps({**RECORD, part: value}).encode())
    except Unreadable:
        return
    assert value == []
