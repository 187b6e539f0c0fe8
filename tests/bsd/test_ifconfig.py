"""ifconfig as a whole: transcripts of calls, and what must hold for all of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers.control import serving
from tests.helpers.ifconfig import Call, PaperDaemon
from tests.helpers.transcripts import Transcript, read_transcripts

TRANSCRIPTS = Path(__file__).parent / "transcripts"
ALL = [one for file in sorted(TRANSCRIPTS.glob("*.txt")) for one in read_transcripts(file)]


def place_of(transcript: Transcript) -> str:
    return f"{transcript.place} {transcript.title}"


@pytest.mark.parametrize("transcript", ALL, ids=place_of)
def test_a_call_asks_and_says_what_its_transcript_tells(transcript: Transcript, tmp_path: Path):
    daemon = PaperDaemon(refusal=transcript.refusal)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("10.1.2.3 www www.example\n2001:db8::3 www\n")
    control = tmp_path / "control"
    call = Call(control, tmp_path, stdin=transcript.stdin, environ=transcript.environ)
    if transcript.has_daemon:
        with serving(control, daemon.reply):
            outcome = call(transcript.argv)
    else:
        outcome = call(transcript.argv)
    said = outcome.stderr.replace(str(tmp_path), "TMP")
    assert (outcome.status, outcome.stdout, said) == (
        transcript.status,
        transcript.stdout,
        transcript.stderr,
    )
    assert daemon.lines == transcript.lines
    methods = [request.method for request in daemon.requests]
    assert methods == [*transcript.others, *(["configure"] if transcript.lines else [])]


@pytest.fixture
def daemon(tmp_path: Path):
    daemon = PaperDaemon()
    with serving(tmp_path / "control", daemon.reply):
        yield daemon


@pytest.fixture
def call(daemon: PaperDaemon, tmp_path: Path):
    return Call(tmp_path / "control", tmp_path)


def test_a_jail_is_entered_before_anything_is_looked_up(call: Call, daemon: PaperDaemon):
    assert call(["-j", "www", "em0"]).status == 0
    assert call.did == ["enter www"]


def test_a_jail_that_is_not_there_ends_the_call(call: Call, daemon: PaperDaemon):
    outcome = call(["-j", "nowhere", "em0", "up"])
    assert outcome.stderr == 'ifconfig: jail "nowhere" not found\n'
    assert (outcome.status, daemon.requests) == (1, [])


def test_the_daemon_is_started_on_the_host_before_a_jail_is_entered(call: Call):
    assert call(["--start", "-j", "www", "em0", "up"]).status == 0
    assert call.did == ["start", "enter www"]


def test_nothing_is_started_for_words_that_are_wrong(call: Call, daemon: PaperDaemon):
    assert call(["--start", "-z"]).status == 1
    assert call.did == []


def test_a_file_is_one_request(call: Call, daemon: PaperDaemon, tmp_path: Path):
    file = tmp_path / "groups"
    file.write_text(
        "#!/bin/sh\n"
        "ifconfig bridge create name lan  # the network of the jails\n"
        "/sbin/ifconfig em0 vhid 1 pass 'a b#c' \\\n"
        "    alias 10.0.0.1/32\n"
        "\n"
        "em0 rxcsum\n"
    )
    outcome = call(["-F", str(file)])
    assert outcome == type(outcome)(0, "lan\n", "")
    assert [line.interface for line in daemon.lines] == ["bridge", "em0"]
    assert len(daemon.requests) == 1
    assert daemon.lines[1].steps[0].passphrase == "a b#c"


def test_all_problems_of_a_file_are_told_and_nothing_is_sent(
    call: Call, daemon: PaperDaemon, tmp_path: Path
):
    file = tmp_path / "groups"
    file.write_text("em0 vhid 0\nem0 up\nem0 pass secret\n-a\nem0\nem0 'x\n")
    outcome = call(["-F", str(file)])
    assert outcome.stderr.replace(str(file), "F").splitlines() == [
        "F:1: vhid must be greater than 0 and less than 255",
        "F:3: passwd requires vhid",
        "F:4: options are for the command line, not for lines of a file",
        "F:5: nothing to change: a file cannot show interfaces",
        "F:6: a quote is not closed",
    ]
    assert (outcome.status, daemon.requests) == (1, [])


def test_a_refusal_is_told_with_the_line_of_the_file(
    call: Call, daemon: PaperDaemon, tmp_path: Path
):
    file = tmp_path / "groups"
    file.write_text("# two\nem0 rxcsum\nem0 up\nem0 alias 10.0.0.1/32\n")
    daemon.refusal = b'{"code":1,"message":"10.0.0.1 is on em1","line":1,"step":0,"errno":17}'
    outcome = call(["-F", str(file)])
    assert outcome.stderr == (f"{file}:4: ioctl (SIOCAIFADDR): File exists\n\t10.0.0.1 is on em1\n")


def test_a_file_that_cannot_be_read_is_told(call: Call, tmp_path: Path):
    assert call(["-F", str(tmp_path / "none")]).stderr == (
        f"ifconfig: {tmp_path}/none: No such file or directory\n"
    )
    (tmp_path / "latin").write_bytes(b"em0 descr \xe4\n")
    assert call(["-F", str(tmp_path / "latin")]).stderr == (
        f"ifconfig: {tmp_path}/latin: not a text in UTF-8\n"
    )


def test_the_address_of_an_eui64_line_is_refused_with_its_place(
    call: Call, daemon: PaperDaemon, tmp_path: Path
):
    file = tmp_path / "lines"
    file.write_text("em0 up\nem9 inet6 2001:db8:: eui64\n")
    outcome = call(["-F", str(file)])
    assert outcome.stderr == f"{file}:2: interface em9 does not exist\n"
    assert daemon.lines == []


def test_the_transcripts_cover_every_keyword():
    from carpio.bsd.keywords import KEYWORDS

    typed = {word for transcript in ALL for word in transcript.argv[1:]}
    assert sorted(set(KEYWORDS) - typed) == []


def test_a_call_loads_nothing_but_what_reaches_the_daemon_and_its_own_modules():
    script = (
        "import sys, carpio.bsd.world, carpio.control.network; before = set(sys.modules)\n"
        "import carpio.bsd.ifconfig, carpio.bsd.change, carpio.bsd.hosts, carpio.bsd.show\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if not name.startswith("carpio.bsd.")] == []
    assert not {"carpio.bsd.batch", "carpio.bsd.shell", "carpio.bsd.rcconf"} & set(loaded)


# -- what scripts look for -------------------------------------------------------------------


@pytest.fixture
def output(call: Call) -> list[str]:
    return call(["-a"]).stdout.splitlines()


def test_scripts_find_the_states_by_grep(output: list[str]):
    assert [line for line in output if "carp: MASTER" in line] == [
        "\tcarp: MASTER vhid 1 advbase 1 advskew 0"
    ]


def test_scripts_find_the_addresses_of_a_vhid(output: list[str]):
    found = [line.split()[1] for line in output if re.match(r"\s+inet6? .* vhid 1$", line)]
    assert found == ["10.10.1.20", "2001:db8::20"]


def test_scripts_read_the_state_of_a_vhid_as_words(output: list[str]):
    """As `awk '/carp:/ { print $2, $4, $8 }'` does."""
    words = [line.split() for line in output if "carp:" in line]
    assert [(w[1], w[3], w[7]) for w in words] == [("MASTER", "1", "0"), ("INIT", "7", "100")]


def test_scripts_find_the_interfaces_at_the_beginning_of_lines(output: list[str]):
    """As `sed -n 's/^\\([^[:space:]]*\\): flags=.*/\\1/p'` does."""
    found = [match[1] for line in output if (match := re.match(r"(\S+): flags=", line))]
    assert found == ["lo", "em0", "em1", "bridge0", "epair0a", "em0.10", "lo1", "tun0"]
    assert all(line.startswith("\t") for line in output if ": flags=" not in line)


def test_scripts_find_netmask_broadcast_and_mac_after_their_words(output: list[str]):
    words = " ".join(output).split()
    assert words[words.index("netmask") + 1] == "0xff000000"
    assert words[words.index("broadcast") + 1] == "10.10.1.255"
    assert words[words.index("ether") + 1] == "08:00:27:aa:bb:cc"


def test_scripts_find_flags_between_angle_brackets(output: list[str]):
    flags = {
        line.split(":")[0]: re.search("<(.*)>", line)[1].split(",")
        for line in output
        if ": flags=" in line
    }
    assert "PROMISC" in flags["em0"]  # for its groups
    assert "RUNNING" not in flags["em1"]
    assert "PPROMISC" in flags["epair0a"]
