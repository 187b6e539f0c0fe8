"""Any line of words acts completely or changes nothing, and disturbs no group that it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import unified_diff

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.helpers.bsd_lab import Console, Said
from tests.helpers.life import start

from carpio.lab.topology import Lab

EXAMPLES = 25
VHIDS = ("1", "2", "3", "1", "2", "3", "256")
ADDRESSES = tuple(f"10.77.0.{n}{mask}" for n in (1, 101, 102, 9) for mask in ("/24", "/32"))
VALUES: dict[str, tuple[str, ...]] = {
    "vhid": VHIDS,
    "advskew": ("0", "9", "200", "254", "-1"),
    "advbase": ("0", "2", "30", "255", "256"),
    "pass": ("geheim", "other"),
    "state": ("init", "backup", "master", "Master", "flurb"),
    "mtu": ("1400", "1350", "1450", "9"),
    "description": ("x", "another one"),
    "metric": ("0", "0", "3"),
    "netmask": ("255.255.0.0", "0xffffff00", "0xffffff00", "flurb"),
    "peer": ("224.0.0.18", "224.0.0.18", "10.77.0.2"),
    "ether": ("02:00:00:00:00:77", "flurb"),
}
ALONE = (
    "alias",
    "alias",
    "alias",
    "add",
    "-alias",
    "up",
    "promisc",
    "-promisc",
    "tso",
    "up",
    "flurb",
)
PHRASES = st.one_of(
    *(st.tuples(st.just(word), st.sampled_from(values)) for word, values in VALUES.items()),
    st.sampled_from(ALONE).map(lambda word: (word,)),
    st.sampled_from(ADDRESSES).map(lambda address: (address,)),
)
"""A word with its value, or one alone; `vhid` and an address are put in by `LINES` besides."""


@dataclass(frozen=True)
class Words:
    """What is typed after the name of an interface."""

    interface: str
    phrases: tuple[tuple[str, ...], ...]

    @property
    def line(self) -> str:
        """As it is typed."""
        quoted = [f"'{word}'" if " " in word else word for it in self.phrases for word in it]
        return f"ifconfig {self.interface} {' '.join(quoted)}"

    def last(self, word: str) -> str | None:
        """Return the value that counts, if the word was said."""
        values = [it[1] for it in self.phrases if it[0] == word]
        return values[-1] if values else None

    def has(self, *words: str) -> bool:
        """Whether one of the words was said."""
        return any(it[0] in words for it in self.phrases)

    @property
    def address(self) -> str | None:
        """The address of the call."""
        return next((it[0] for it in self.phrases if it[0][0].isdigit()), None)


LINES = st.builds(
    Words,
    st.sampled_from(("eth0", "eth0", "eth0", "eth0", "epair0a", "epair0a", "epair0a", "nope")),
    st.tuples(
        st.lists(PHRASES, max_size=2),
        st.sampled_from([[], [("vhid", "1")], [("vhid", "2")], [("vhid", "3")]]),
        st.lists(PHRASES, max_size=2),
        st.sampled_from([[], *([(address,)] for address in ADDRESSES)]),
        st.lists(PHRASES, max_size=3, unique_by=lambda phrase: phrase[0]),
    ).map(lambda parts: tuple(phrase for part in parts for phrase in part)),
)


def check_undone(said: Said, before: str, after: str) -> None:
    """Fail unless a call that failed says why and left everything as it was."""
    assert said.status == 1
    assert said.out == ""
    assert re.match(r"(ifconfig: WARNING: .*\n.*\n)*ifconfig: \S", said.err)
    assert "Traceback" not in said.err
    changed = "\n".join(unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))
    assert not changed, changed


def check_done(a: Console, words: Words, err: str) -> None:
    """Fail unless what a successful call said is so."""
    assert not err or err.startswith("ifconfig: WARNING: ")
    link = a.links()[words.interface]
    if (mtu := words.last("mtu")) is not None:
        assert link["mtu"] == int(mtu)
    if (text := words.last("description")) is not None:
        assert link["ifalias"] == text
    if (mac := words.last("ether")) is not None:
        assert link["address"] == mac
    shown = a.did(f"ifconfig -f inet:cidr -k {words.interface}")
    vhid = words.last("vhid")
    if words.has("-alias"):
        if words.address is not None:
            bare = re.escape(words.address.partition("/")[0])
            assert not re.search(rf"^\tinet {bare}/", shown, re.MULTILINE)
        return
    if words.address is not None:
        bare, _, length = words.address.partition("/")
        masks = [it[-1] for it in words.phrases if it[0] in ("netmask", words.address)]
        if masks[-1] != words.address:  # what was said last counts
            length = {"255.255.0.0": "16", "0xffffff00": "24"}[masks[-1]]
        tail = f" vhid {vhid}" if vhid else ""
        pattern = rf"^\tinet {re.escape(bare)}/{length} broadcast [\d.]+{tail}$"
        assert re.search(pattern, shown, re.MULTILINE), shown
        assert "UP" in link["flags"]
    if vhid is not None:
        line = re.search(
            rf'^\tcarp: \w+ vhid {vhid} advbase (\d+) advskew (\d+)(?: key "(.*)")?$',
            shown,
            re.MULTILINE,
        )
        assert line, shown
        advbase, advskew, key = words.last("advbase"), words.last("advskew"), words.last("pass")
        assert advbase in (None, "0", line[1])
        assert advskew in (None, line[2])
        assert key in (None, line[3])


def seen(a: Console) -> str:
    """Return all that a call could have changed, less the states, which change by themselves."""
    return a.kernel() + re.sub(r"carp: (MASTER|BACKUP)", "carp: RUNS", a.shown())


def test_any_words_act_completely_or_change_nothing(lab: Lab) -> None:
    a = Console(start(lab["a"], "")).make_quick()
    a.did("ifconfig epair0 create", "ifconfig epair0b up", "ifconfig epair0a up")
    a.did("ifconfig eth0 vhid 1 pass p advskew 5 10.77.0.101/32 alias")
    a.become_master()
    ends: list[int] = []
    problems: list[str] = []
    states = [seen(a)]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],  # the host goes on from call to call: nothing to shrink
        suppress_health_check=list(HealthCheck),
    )
    @given(words=LINES)
    def call(words: Words) -> None:
        before, length = states[-1], len(a.log)
        said = a(words.line)
        ends.append(said.status)
        states.append(seen(a))
        try:
            if said.status == 0:
                check_done(a, words, said.err)
            else:
                check_undone(said, before, states[-1])
                after = [line for line in a.said(length) if "master timed out" not in line]
                assert after == []
        except AssertionError as error:  # told below: it cannot be repeated on this host
            problems.append(f"`{words.line}` ended with {said}: {error}")

    call()
    assert not problems, "\n\n".join(problems)
    assert ends.count(0) >= EXAMPLES // 5
    assert ends.count(1) >= EXAMPLES // 5
