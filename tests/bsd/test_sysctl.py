"""Transcripts of sysctl: words, what the daemon is asked, what is said, exit status."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.helpers.bsd_calls import COUNTERS, Caller, Outcome, SettingsKeeper
from tests.helpers.control import serving

from carpio.bsd.oids import OIDS, STATS
from carpio.control.messages import ErrorCode, StepError
from carpio.control.network import ChangeSettings, SettingChange, SettingsRequest

CARP = "net.inet.carp"
ALL_OF_CARP = """\
net.inet.carp.ifdown_demotion_factor: 240
net.inet.carp.senderr_demotion_factor: 240
net.inet.carp.demotion: 0
net.inet.carp.log: 1
net.inet.carp.preempt: 0
net.inet.carp.dscp: 56
net.inet.carp.allow: 1
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SettingsKeeper]:
    keeper = SettingsKeeper()
    with serving(tmp_path / "control.sock", keeper.reply):
        yield keeper


@pytest.fixture
def call(tmp_path: Path) -> Caller:
    for path, text in (
        ("kernel/hostname", "box.example\n"),
        ("net/ipv4/ip_forward", "0\n"),
        ("net/ipv6/conf/all/forwarding", "1\n"),
    ):
        file = tmp_path / "proc/sys" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Caller(tmp_path / "control.sock", tmp_path)


def good(stdout: str) -> Outcome:
    return Outcome(0, stdout, "")


def bad(stderr: str, stdout: str = "") -> Outcome:
    return Outcome(1, stdout, stderr)


# -- showing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "stdout"),
    [
        (["net.inet.carp.preempt"], "net.inet.carp.preempt: 0\n"),
        (["net.inet.carp.preempt."], "net.inet.carp.preempt: 0\n"),
        (["-n", "net.inet.carp.dscp"], "56\n"),
        (["-e", "net.inet.carp.dscp"], "net.inet.carp.dscp=56\n"),
        (["-t", "net.inet.carp.dscp"], "net.inet.carp.dscp: integer\n"),
        (["-nt", "kern.hostname"], "string\n"),
        (["-x", "net.inet.carp.dscp"], "net.inet.carp.dscp: 0x00000038\n"),
        (["-nx", "net.inet.carp.demotion"], "0000000000\n"),
        (["-bhiqw", "net.inet.carp.dscp"], "\x38\0\0\0"),
        (["-N", "net.inet.carp.dscp"], "net.inet.carp.dscp\n"),
        (["-n", "net.inet.carp.dscp", "net.inet.carp.log"], "56\n1\n"),
        (["net.inet.carp"], ALL_OF_CARP),
        (["-a", "net.inet.carp.log"], "net.inet.carp.log: 1\n"),
        (["net.inet.carp.stats"], ""),
        (["net.pfsync"], "net.pfsync.carp_demotion_factor: 240\n"),
        (["-T", "net.inet.carp"], "net.inet.carp.allow: 1\n"),
        (["-W", "net.inet6"], "net.inet6.ip6.forwarding: 1\n"),
        (["-W", "kern"], ""),
    ],
)
def test_values_are_shown_as_the_options_say(
    daemon: SettingsKeeper, call: Caller, argv: list[str], stdout: str
) -> None:
    assert call("sysctl", *argv) == good(stdout)
    assert all(request == SettingsRequest() for request in daemon.requests)


@pytest.mark.parametrize(
    ("argv", "stdout"),
    [
        (["-d", "net.inet.carp.allow"], "net.inet.carp.allow: {}\n"),
        (["-dn", "net.inet.carp.allow"], "{}\n"),
        (["-dt", "net.inet.carp.allow"], "net.inet.carp.allow: integer: {}\n"),
        (["-d", "net.inet.carp.allow=0"], "net.inet.carp.allow: {}\n"),
    ],
)
def test_a_description_needs_no_daemon(call: Caller, argv: list[str], stdout: str) -> None:
    doc = "0 holds all groups in INIT and ignores advertisements"
    assert call("sysctl", *argv) == good(stdout.format(doc))


def test_the_description_of_a_node_is_followed_by_those_below(call: Caller) -> None:
    lines = call("sysctl", "-d", CARP).stdout.splitlines()
    assert lines[0] == "net.inet.carp: CARP"
    assert [line.partition(":")[0] for line in lines[1:]] == [
        oid.name for oid in OIDS if oid.name.startswith(CARP)
    ]
    assert call("sysctl", "-dN", "net.pfsync").stdout.splitlines() == [
        "net.pfsync",
        "net.pfsync.carp_demotion_factor",
    ]


def test_all_shows_everything_but_the_opaque(daemon: SettingsKeeper, call: Caller) -> None:
    assert call("sysctl", "-a") == good(
        "kern.hostname: box.example\n"
        "kern.features.vimage: 1\n"
        "net.inet.ip.forwarding: 0\n"
        + ALL_OF_CARP
        + "net.inet6.ip6.forwarding: 1\n"
        "net.pfsync.carp_demotion_factor: 240\n"
        "security.jail.jailed: 0\n"
    )  # fmt: skip
    assert daemon.requests == [SettingsRequest()]


def test_names_alone_need_no_daemon(call: Caller) -> None:
    assert call("sysctl", "-aN").stdout.split() == [oid.name for oid in OIDS]


@pytest.mark.parametrize("option", ["-A", "-ao"])
def test_counters_are_dumped_when_opaque_ones_are_wanted(
    daemon: SettingsKeeper, call: Caller, option: str
) -> None:
    line = "net.inet.carp.stats: Format:S,carpstats Length:128 Dump:0x07" + "00" * 7 + "01" + "00"
    assert line in call("sysctl", option).stdout
    assert call("sysctl", "-o", "net.inet.carp.stats").stdout.endswith("00...\n")


@pytest.mark.parametrize("option", ["-X", "-x"])
def test_counters_are_dumped_whole_in_hexadecimal(
    daemon: SettingsKeeper, call: Caller, option: str
) -> None:
    words = [option] if option == "-X" else [option, "net.inet.carp.stats"]
    (dump,) = (line for line in call("sysctl", *words).stdout.split("\n") if "Dump" in line)
    counted = bytes.fromhex(dump.partition("Dump:0x")[2])
    numbers = [int.from_bytes(counted[at : at + 8], "little") for at in range(0, 128, 8)]
    assert dict(zip(STATS, numbers, strict=True)) == COUNTERS


def test_raw_values_come_without_names_and_line_ends(daemon: SettingsKeeper, call: Caller) -> None:
    assert call("sysctl", "-b", "kern.hostname").stdout == "box.example\0"
    assert len(call("sysctl", "-b", "net.inet.carp.stats").stdout) == 128
    assert call("sysctl", "-b", "net.inet.carp.log=2").stdout == "\1\0\0\0\2\0\0\0"


def test_values_of_linux_need_no_daemon(call: Caller) -> None:
    assert call("sysctl", "net.inet.ip.forwarding", "kern", "security.jail.jailed") == good(
        "net.inet.ip.forwarding: 0\n"
        "kern.hostname: box.example\n"
        "kern.features.vimage: 1\n"
        "security.jail.jailed: 0\n"
    )


# -- setting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "change", "stdout"),
    [
        (["net.inet.carp.preempt=1"], ("preempt", 1), "net.inet.carp.preempt: 0 -> 1\n"),
        (["net.inet.carp.preempt = 1"], ("preempt", 1), "net.inet.carp.preempt: 0 -> 1\n"),
        (["net.inet.carp.preempt: 1"], ("preempt", 1), "net.inet.carp.preempt: 0 -> 1\n"),
        (["net.inet.carp.preempt='1'"], ("preempt", 1), "net.inet.carp.preempt: 0 -> 1\n"),
        (["-n", "net.inet.carp.log=2"], ("log", 2), "1 -> 2\n"),
        (["-w", "net.inet.carp.dscp=0x30"], ("dscp", 48), "net.inet.carp.dscp: 56 -> 48\n"),
        (["net.inet.carp.dscp=010"], ("dscp", 8), "net.inet.carp.dscp: 56 -> 8\n"),
        (["net.inet.carp.demotion=100"], ("demotion", 100), "net.inet.carp.demotion: 0 -> 100\n"),
        (["net.inet.carp.demotion=-7"], ("demotion", -7), "net.inet.carp.demotion: 0 -> -7\n"),
        (["net.inet.carp.stats=0"], ("stats", 0), ""),
    ],
)
def test_a_new_value_is_asked_for_and_shown(
    daemon: SettingsKeeper, call: Caller, argv: list[str], change: tuple, stdout: str
) -> None:
    assert call("sysctl", *argv) == good(stdout)
    assert daemon.requests == [ChangeSettings([SettingChange(*change)])]


def test_what_is_written_to_the_demotion_adds_up(daemon: SettingsKeeper, call: Caller) -> None:
    words = [f"{CARP}.demotion", f"{CARP}.demotion=100", f"{CARP}.demotion=40", f"{CARP}.demotion"]
    assert call("sysctl", *words) == good(
        "net.inet.carp.demotion: 0\n"
        "net.inet.carp.demotion: 0 -> 100\n"
        "net.inet.carp.demotion: 100 -> 140\n"
        "net.inet.carp.demotion: 140\n"
    )


def test_all_changes_of_a_call_go_in_one_request(daemon: SettingsKeeper, call: Caller) -> None:
    outcome = call("sysctl", f"{CARP}.preempt=1", f"{CARP}.log", f"{CARP}.allow=0")
    assert outcome == good(
        "net.inet.carp.preempt: 0 -> 1\nnet.inet.carp.log: 1\nnet.inet.carp.allow: 1 -> 0\n"
    )
    assert daemon.requests == [
        SettingsRequest(),
        ChangeSettings([SettingChange("preempt", 1), SettingChange("allow", 0)]),
    ]


def test_counters_are_zero_after_they_were_reset(daemon: SettingsKeeper, call: Caller) -> None:
    outcome = call("sysctl", "-nx", f"{CARP}.stats=0", f"{CARP}.stats")
    assert outcome == good(f"Format:S,carpstats Length:128 Dump:0x{'00' * 128}\n")


def test_forwarding_is_written_where_linux_has_it(call: Caller, tmp_path: Path) -> None:
    assert call("sysctl", "net.inet.ip.forwarding=1", "net.inet6.ip6.forwarding=0") == good(
        "net.inet.ip.forwarding: 0 -> 1\nnet.inet6.ip6.forwarding: 1 -> 0\n"
    )
    assert (tmp_path / "proc/sys/net/ipv4/ip_forward").read_text() == "1\n"


def test_linux_may_refuse_a_value(call: Caller, tmp_path: Path) -> None:
    file = tmp_path / "proc/sys/net/ipv4/ip_forward"
    file.unlink()
    file.symlink_to("/proc/sys/kernel/ngroups_max")  # not even root may write it
    number = file.read_text().strip()
    assert call("sysctl", "net.inet.ip.forwarding=1", "net.inet6.ip6.forwarding=0") == bad(
        "sysctl: net.inet.ip.forwarding=1: Operation not permitted\n",
        f"net.inet.ip.forwarding: {number}\nnet.inet6.ip6.forwarding: 1 -> 0\n",
    )


def test_what_linux_does_not_have_is_told_by_its_file(call: Caller, tmp_path: Path) -> None:
    file = tmp_path / "proc/sys/net/ipv6/conf/all/forwarding"
    file.unlink()
    assert call("sysctl", "net.inet6") == bad(f"sysctl: {file}: No such file or directory\n")


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "stderr"),
    [
        (["kern.nonsense"], "sysctl: unknown oid 'kern.nonsense'\n"),
        (["-q", "kern.nonsense"], ""),
        (["net.inet.carp.prempt=1"], "sysctl: unknown oid 'net.inet.carp.prempt'\n"),
        (["net.inet.carp=1"], "sysctl: oid 'net.inet.carp' isn't a leaf node\n"),
        (["kern.features.vimage=0"], "sysctl: oid 'kern.features.vimage' is read only\n"),
        (["kern.hostname=x"], "sysctl: oid 'kern.hostname' is read only\n"),
        (
            ["net.pfsync.carp_demotion_factor=0"],
            "sysctl: oid 'net.pfsync.carp_demotion_factor' is read only\n",
        ),
        (["net.inet.carp.log=x"], "sysctl: invalid integer 'x'\n"),
        (["net.inet.carp.log=1x"], "sysctl: invalid integer '1x'\n"),
        (["net.inet.carp.log=08"], "sysctl: invalid integer '08'\n"),
        (["net.inet.carp.log=4294967296"], "sysctl: invalid integer '4294967296'\n"),
        (["net.inet.carp.log="], "sysctl: empty numeric value\n"),
        (["net.inet.carp.dscp=64"], "sysctl: net.inet.carp.dscp=64: Invalid argument\n"),
        (
            ["net.inet.carp.stats=1"],
            "sysctl: oid 'net.inet.carp.stats' is type 5, cannot set that\n",
        ),
    ],
)
def test_a_wrong_word_is_told_and_nobody_is_asked(
    daemon: SettingsKeeper, call: Caller, argv: list[str], stderr: str
) -> None:
    assert call("sysctl", *argv) == bad(stderr)
    assert daemon.requests == []


@pytest.mark.parametrize("word", ["kern.nonsense", "kern.nonsense=1"])
def test_an_unknown_oid_may_be_ignored(daemon: SettingsKeeper, call: Caller, word: str) -> None:
    assert call("sysctl", "-i", word) == good("")
    assert call("sysctl", "-in", word, f"{CARP}.log=2") == good("1 -> 2\n")


def test_one_wrong_change_keeps_the_others_from_being_done(
    daemon: SettingsKeeper, call: Caller, tmp_path: Path
) -> None:
    words = [f"{CARP}.preempt=1", f"{CARP}.log=x", "net.inet.ip.forwarding=1", f"{CARP}.dscp"]
    assert call("sysctl", *words) == bad(
        "sysctl: invalid integer 'x'\n"
        "sysctl: net.inet.carp.preempt=1: not done\n"
        "sysctl: net.inet.ip.forwarding=1: not done\n",
        "net.inet.carp.dscp: 56\n",
    )
    assert daemon.requests == [SettingsRequest()]
    assert (tmp_path / "proc/sys/net/ipv4/ip_forward").read_text() == "0\n"


def test_a_wrong_name_to_show_does_not_hinder_a_change(
    daemon: SettingsKeeper, call: Caller
) -> None:
    assert call("sysctl", "kern.nonsense", f"{CARP}.log=2") == bad(
        "sysctl: unknown oid 'kern.nonsense'\n", "net.inet.carp.log: 1 -> 2\n"
    )


def test_who_may_not_change_hears_so_and_sees_what_there_is(
    daemon: SettingsKeeper, call: Caller
) -> None:
    daemon.refuse("settings.change", ErrorCode.NOT_PERMITTED, "needs CAP_NET_ADMIN")
    assert call("sysctl", f"{CARP}.preempt=1", f"{CARP}.log=0", f"{CARP}.stats=0") == bad(
        "sysctl: net.inet.carp.preempt=1: Operation not permitted\n"
        "sysctl: net.inet.carp.log=0: Operation not permitted\n"
        "sysctl: net.inet.carp.stats=0: Operation not permitted\n",
        "net.inet.carp.preempt: 0\nnet.inet.carp.log: 1\n",
    )


def test_another_refusal_is_told_in_the_words_of_the_daemon(
    daemon: SettingsKeeper, call: Caller
) -> None:
    daemon.refuse("settings.change", ErrorCode.FAILED, "log: 9 is not 0 to 7")
    daemon.refuse("settings", ErrorCode.FAILED, "nor that")
    assert call("sysctl", f"{CARP}.log=9") == bad(
        "sysctl: net.inet.carp.log=9: log: 9 is not 0 to 7\n"
    )


def test_a_refused_value_is_told_from_those_that_were_not_tried(
    daemon: SettingsKeeper, call: Caller
) -> None:
    step = StepError("", step=1, errno=errno.EINVAL)
    daemon.refuse("settings.change", ErrorCode.FAILED, "log: 9 is not a legal value", step)
    assert call("sysctl", f"{CARP}.preempt=1", f"{CARP}.log=9", f"{CARP}.allow=0") == bad(
        "sysctl: net.inet.carp.preempt=1: not done\n"
        "sysctl: net.inet.carp.log=9: Invalid argument\n"
        "sysctl: net.inet.carp.allow=0: not done\n",
        "net.inet.carp.preempt: 0\nnet.inet.carp.log: 1\nnet.inet.carp.allow: 1\n",
    )


def test_without_a_daemon_it_says_how_to_start_one(call: Caller) -> None:
    for argv in ((CARP,), (f"{CARP}.preempt=1", f"{CARP}.log=2")):
        outcome = call("sysctl", *argv)
        assert outcome.status == 1
        assert outcome.stdout == ""
        assert outcome.stderr.count("daemon not reachable") == 1
        assert "start it with `carpio daemon`" in outcome.stderr


# -- the command line --------------------------------------------------------------------------

USAGE = """\
usage: sysctl [-j jail] [-bdehiNnoqTtWx] [-f filename] name[=value] ...
       sysctl [-j jail] [-bdehNnoqTtWx] -a
"""


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], ""),
        (["-n"], ""),
        (["-nN", "kern.hostname"], ""),
        (["-z"], "sysctl: illegal option -- z\n"),
        (["-f"], "sysctl: option requires an argument -- f\n"),
        (
            ["-T", "net.inet.carp.allow=1"],
            "sysctl: -T and -W only show\n",
        ),
    ],
)
def test_a_wrong_command_line_is_answered_with_the_usage(
    call: Caller, argv: list[str], complaint: str
) -> None:
    assert call("sysctl", *argv) == bad(complaint + USAGE)


def test_options_end_at_the_first_name(daemon: SettingsKeeper, call: Caller) -> None:
    assert call("sysctl", "net.inet.carp.log", "-n") == bad(
        "sysctl: unknown oid '-n'\n", "net.inet.carp.log: 1\n"
    )
    assert call("sysctl", "-n", "--", "net.inet.carp.log") == good("1\n")


def test_it_goes_into_the_namespace_before_it_asks(daemon: SettingsKeeper, call: Caller) -> None:
    call.on_enter = lambda _name: daemon.values.update(preempt=1)
    assert call("sysctl", "-j", "web", "-n", f"{CARP}.preempt") == good("1\n")
    assert call.entered == ["web"]


# -- files -------------------------------------------------------------------------------------


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return tmp_path / "sysctl.conf"


def test_the_file_of_the_report_is_applied_in_one_request(
    daemon: SettingsKeeper, call: Caller, conf: Path
) -> None:
    conf.write_text("net.inet.carp.preempt=1\nnet.inet.carp.senderr_demotion_factor=0\n")
    assert call("sysctl", "-f", str(conf)) == good(
        "net.inet.carp.preempt: 0 -> 1\nnet.inet.carp.senderr_demotion_factor: 240 -> 0\n"
    )
    assert daemon.requests == [
        ChangeSettings([SettingChange("preempt", 1), SettingChange("senderr_demotion_factor", 0)])
    ]


def test_what_is_wrong_in_a_file_is_told_with_its_place_and_the_rest_done(
    daemon: SettingsKeeper, call: Caller, conf: Path
) -> None:
    conf.write_text(
        "# CARP\n"
        "kern.maxfiles=1000\n"
        "net.inet.carp.preempt = 1  # both\n"
        "net.inet.carp.log=x\n"
        "\n"
        "net.inet.ip.forwarding: '1'\n"
        "net.inet.carp.dscp=99\n"
        "kern.hostname\n"
    )
    assert call("sysctl", "-f", str(conf), f"{CARP}.log=2") == bad(
        f"sysctl: {conf}:2: unknown oid 'kern.maxfiles'\n"
        f"sysctl: {conf}:4: invalid integer 'x'\n"
        f"sysctl: {conf}:7: net.inet.carp.dscp=99: Invalid argument\n",
        "net.inet.carp.preempt: 0 -> 1\n"
        "net.inet.ip.forwarding: 0 -> 1\n"
        "kern.hostname: box.example\n"
        "net.inet.carp.log: 1 -> 2\n",
    )


def test_a_file_is_applied_as_far_as_it_goes_without_a_daemon(call: Caller, conf: Path) -> None:
    conf.write_text(f"{CARP}.preempt=1\nnet.inet.ip.forwarding=1\n{CARP}.log=2\n")
    outcome = call("sysctl", "-f", str(conf))
    assert (outcome.status, outcome.stdout) == (1, "net.inet.ip.forwarding: 0 -> 1\n")
    assert outcome.stderr.count("daemon not reachable") == 1


def test_a_file_that_cannot_be_read_is_named(call: Caller, conf: Path) -> None:
    assert call("sysctl", "-f", str(conf)) == bad(f"sysctl: {conf}: No such file or directory\n")
    conf.write_bytes(b"\xff=1\n")
    assert call("sysctl", "-f", str(conf)) == bad(f"sysctl: {conf}: not a text in UTF-8\n")
