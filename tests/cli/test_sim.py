from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.helpers.traced import TracedLife, writer

from carpio.core.model import State
from carpio.core.table import RULES, Trigger
from carpio.sim.report import Report
from carpio.sim.scenario import Scenario
from carpio.sim.search import Outcome, Search, shrink, try_seed

CONFIG = """
preempt = true
[[vhid]]
id = 1
interface = "eth0"
passphrase = "secret"
advskew = {advskew}
addresses = ["10.0.0.1/24", "2001:db8::1/64"]
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    for name, advskew in (("a", 0), ("b", 100)):
        file = tmp_path / f"{name}.toml"
        file.write_text(CONFIG.format(advskew=advskew))
        file.chmod(0o600)
    (tmp_path / "calm.toml").write_text("")


def test_a_calm_pair_is_told_with_roles_and_a_timeline(run):
    outcome = run("sim", "a.toml", "b.toml", "--for", "20s")
    assert outcome.exit_status == 0
    assert outcome.stderr == ""
    assert "1@eth0  10.0.0.1, 2001:db8::1" in outcome.stdout
    assert "a |" in outcome.stdout
    assert "BACKUP -> MASTER  preempting a slower master" in outcome.stdout
    assert outcome.stdout.endswith("Nothing wrong.\n")


def test_datapath_counts_whatever_the_scenario_says(run):
    words = ("sim", "a.toml", "b.toml", "--scenario", "bug-191832")
    naive = run(*words)
    assert (naive.exit_status, "BROKEN" in naive.stdout) == (1, True)
    assert run(*words, "--datapath", "naive").stdout == naive.stdout
    real = run(*words, "--datapath", "real")
    assert real.exit_status == 0
    assert real.stdout.endswith("Nothing wrong.\n")


@pytest.mark.parametrize(
    ("title", "words"), [("run", ("--scenario", "calm.toml")), ("search", ("--seeds", "1"))]
)
def test_the_reference_names_all_keys_of_json(run, title: str, words: tuple[str, ...]):
    reference = Path(__file__).parents[2] / "docs" / "reference" / "sim.md"
    _, _, table = reference.read_text().partition(f"<!-- keys of a {title} -->")
    table, _, _ = table.strip().partition("\n\n")
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {key.strip(" `") for row in rows for key in row.split(",")}
    printed = set(json.loads(run("sim", "a.toml", "b.toml", *words, "--json").stdout))
    assert named - {"warnings"} == printed


def test_json_says_the_same_for_programs(run):
    outcome = run("sim", "a.toml", "b.toml", "--json")
    report = json.loads(outcome.stdout)
    assert report["schema"] == 1
    assert report["violations"] == report["findings"] == []
    (group,) = report["groups"]
    assert [one["hosts"] for one in group["masters"]][-1] == ["a"]
    assert sum(one["to_s"] - one["from_s"] for one in group["masters"]) == pytest.approx(60)


def test_the_naive_datapath_exits_with_1_and_shows_the_frame(run):
    outcome = run(
        "sim", "a.toml", "b.toml", "--datapath", "naive", "--scenario", "calm.toml", "--seed", "2"
    )
    assert outcome.exit_status == 1
    assert "wrong MAC: 1@eth0 b" in outcome.stdout
    assert "is at 02:00:00:00:00:02" in outcome.stdout
    assert "client believes a wrong MAC" in outcome.stdout
    assert "traffic at a host that is not master: 1@eth0 b" in outcome.stdout


def test_a_scenario_of_a_file_is_played(run, tmp_path: Path):
    fault = '[[fault]]\nkind = "partition"\nat = "20s"\nfor = "20s"\nhosts = ["b"]\n'
    (tmp_path / "cut.toml").write_text(f'for = "70s"\n{fault}')
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "cut.toml")
    assert outcome.exit_status == 1
    assert outcome.stdout.startswith("1m10s with 2 hosts")
    assert "fault 1  20.000s partition b for 20.00s" in outcome.stdout
    assert "two masters: 1@eth0 a, b" in outcome.stdout
    assert "because the segment is cut" in outcome.stdout


def test_a_seed_plays_its_random_faults(run):
    outcome = run("sim", "a.toml", "b.toml", "--seed", "3")
    assert "fault 1 " in outcome.stdout
    assert outcome == run("sim", "a.toml", "b.toml", "--seed", "3")


def test_a_bad_scenario_is_told_with_line_and_remedy(run, tmp_path: Path):
    (tmp_path / "s.toml").write_text('[[fault]]\nkind = "crush"\nat = "1s"\n')
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "s.toml")
    assert outcome.exit_status == 2
    assert "s.toml:2: fault[0].kind: 'crush' is no kind of fault; did you mean" in outcome.stderr


def test_an_unknown_scenario_is_usage_and_names_those_that_are(run):
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "nothing")
    assert outcome.exit_status == 64
    assert "no scenario of that name" in outcome.stderr


def test_the_trace_has_every_frame(run, tmp_path: Path):
    assert run("sim", "a.toml", "b.toml", "--trace", "trace").exit_status == 0
    assert "arrive a 01005e000012" in (tmp_path / "trace").read_text()


@pytest.mark.parametrize(
    "arguments", [("a.toml",), (), ("a.toml", "b.toml", "--for", "soon"), ("a.toml", "--seed", "x")]
)
def test_a_wrong_command_line_is_usage(run, arguments: tuple[str, ...]):
    assert run("sim", *arguments).exit_status == 64


def test_problems_of_all_files_are_told_together(run, tmp_path: Path):
    (tmp_path / "a.toml").write_text("prempt = true\n")
    (tmp_path / "b.toml").write_text("[[vhid]]\nid = 0\n")
    outcome = run("sim", "a.toml", "b.toml")
    assert outcome.exit_status == 2
    assert "a.toml:1: prempt: unknown key" in outcome.stderr
    assert "b.toml:2: id: 0 is not usable" in outcome.stderr


def test_a_search_that_breaks_nothing_says_so(run):
    outcome = run("sim", "a.toml", "b.toml", "--seeds", "4")
    assert outcome.exit_status == 0
    assert outcome.stdout.endswith("No invariant was broken.\n")
    assert "4 of 4 seeds, 0 broke something" in outcome.stderr


def test_one_file_for_two_hosts_is_warned_of(run, tmp_path: Path):
    (tmp_path / "c.toml").symlink_to("a.toml")
    outcome = run("sim", "a.toml", "b.toml", "c.toml")
    assert "c.toml is the same file as" in outcome.stderr
    assert "a.toml: both hosts have one configuration" in outcome.stderr
    assert "same file" not in run("sim", "a.toml", "b.toml").stderr


def test_keys_of_files_cannot_speak_to_the_terminal(run, tmp_path: Path):
    (tmp_path / "s.toml").write_text('"\\u001b[31mk" = 1\n')
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "s.toml")
    assert "s.toml:1: \\x1b[31mk: unknown key" in outcome.stderr
    (tmp_path / "b.toml").write_text('"\\u001b[31mk" = 1\n')
    outcome = run("sim", "a.toml", "b.toml")
    assert "b.toml:1: \\x1b[31mk: unknown key" in outcome.stderr


@pytest.mark.parametrize("option", ["--svg", "--html", "--trace"])
def test_a_full_disk_is_told_with_the_file(run, option: str):
    outcome = run("sim", "a.toml", "b.toml", option, "/dev/full")
    assert outcome.exit_status == 1
    assert outcome.stderr.startswith("carpio: /dev/full: No space left on device")


def test_a_scenario_that_is_no_regular_file_is_told(run):
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "/dev/null")
    assert outcome.exit_status == 64
    assert "/dev/null: no regular file, and no scenario of that name" in outcome.stderr


def test_a_search_warns_of_groups_that_never_had_a_master(run, tmp_path: Path):
    for name in ("a", "b"):
        file = tmp_path / f"{name}.toml"
        file.write_text(file.read_text().replace("id = 1\n", "id = 1\nadvbase = 100\n"))
    words = ("sim", "a.toml", "b.toml", "--seeds", "4")
    outcome = run(*words)
    assert "warning: 1@eth0 never had a master in 4 of 4 seeds, which say nothing" in outcome.stdout
    assert json.loads(run(*words, "--json").stdout)["masterless"] == {"1@eth0": 4}
    words += ("--for", "20min")
    assert "never had a master" not in run(*words).stdout
    assert json.loads(run(*words, "--json").stdout)["masterless"] == {}


def test_a_failing_seed_is_kept_and_its_command_replays_it(run, tmp_path: Path):
    outcome = run("sim", "a.toml", "b.toml", "--seeds", "1", "--datapath", "naive", "--json")
    assert outcome.exit_status == 1
    report = json.loads(outcome.stdout)
    assert report["failing"] == [0]
    (replay,) = report["replays"]
    assert (tmp_path / "sim-failures" / "seed-0.toml").is_file()
    again = run(*replay["command"].split()[1:], "--json")
    assert again.exit_status == 1
    assert json.loads(again.stdout)["violations"][0]["what"] == "wrong MAC"


HEARS_INTERRUPTS = ("env", "--default-signal=INT")
"""Background jobs of a shell ignore it, and what they start does."""


def started(directory: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (*HEARS_INTERRUPTS, Path(sys.executable).parent / "carpio", *words),
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ends_quietly(process: subprocess.Popen[str], number: int) -> bool:
    """Interrupt it as a terminal does, or send it a signal; return whether it ends as it should."""
    assert process.stderr is not None
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    begun = time.monotonic()
    said = process.stderr.read()  # to the end, which comes when no process of it is left
    assert time.monotonic() - begun < 3
    assert process.wait() == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(number, -number)
    process.stderr.close()
    return "Traceback" not in said


EXPLORATION = ("sim", "--exhaustive", "--jobs", "2")
STARTED_S = 0.8
"""What a process needs before it searches, and more."""
SEARCH = ("sim", "a.toml", "b.toml", "--seeds", "400", "--for", "10min", "--jobs", "2")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("words", [EXPLORATION, SEARCH], ids=["exploration", "search"])
def test_what_is_interrupted_leaves_no_process_and_no_traceback(
    tmp_path: Path, words: tuple[str, ...], number: int
):
    process = started(tmp_path, *words)
    until(lambda: sum(worked_s(child) > STARTED_S for child in children_of(process)) == 2)
    assert ends_quietly(process, number)


def test_a_search_says_how_far_it_is(tmp_path: Path):
    search = started(tmp_path, *SEARCH)
    assert search.stderr is not None
    assert "of 400 seeds" in search.stderr.readline()
    assert ends_quietly(search, signal.SIGINT)


@pytest.mark.parametrize("after_s", [0, 0.1, 0.3, 0.6])
def test_an_interrupt_at_the_start_of_a_search_makes_no_traceback(tmp_path: Path, after_s: float):
    search = started(tmp_path, *SEARCH[:-1], "4")
    until(lambda: len(children_of(search)) > 1)  # the first tracks resources
    time.sleep(after_s)
    os.killpg(search.pid, signal.SIGINT)
    _, said = search.communicate(timeout=10)
    assert search.returncode == 130
    assert "Traceback" not in said


def children_of(process: subprocess.Popen[str]) -> list[str]:
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def worked_s(child: str) -> float:
    """Return the processor time of a child, in seconds."""
    fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def until(holds: Callable[[], bool], patience_s: float = 20) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


NAIVE = ("sim", "a.toml", "b.toml", "--for", "30s", "--datapath", "naive", "--jobs", "1")


def interrupt_at(seed: int) -> Callable[[Search, int], Outcome]:
    """Return what plays seeds until it is interrupted in the middle of this one."""

    def play(search: Search, number: int) -> Outcome:
        if number == seed:
            raise KeyboardInterrupt
        return try_seed(search, number)

    return play


@pytest.mark.parametrize("name", ["a\nx.toml", "it's\t\\1.toml", "\udcff.toml"])
def test_a_file_name_that_cannot_be_printed_is_kept_so_that_a_shell_reads_it(
    run, tmp_path: Path, name: str
):
    (tmp_path / "a.toml").rename(tmp_path / name)
    words = [name if word == "a.toml" else word for word in NAIVE]
    assert run(*words, "--seeds", "1").exit_status == 1
    kept = tmp_path / "sim-failures" / "seed-0.toml"
    tomllib.loads(kept.read_text())
    commands = [kept.read_text().splitlines()[1].removeprefix("# ")]
    commands += (tmp_path / "sim-failures" / "seeds.txt").read_text().splitlines()
    for command in commands:
        script = command.replace("carpio", "printf '%s\\0'", 1)
        done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, check=True)
        assert done.stdout.split(b"\0")[1] == os.fsencode(name)


def test_an_interrupted_search_tells_and_keeps_what_it_found(run, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("carpio.sim.search.try_seed", interrupt_at(3))
    outcome = run(*NAIVE, "--seeds", "9", "--keep", "kc")
    assert outcome.exit_status == 130
    assert outcome.stdout.startswith("3 seeds of 30.00s, ")
    assert "BROKEN: wrong MAC, in 3 seeds" in outcome.stdout
    assert "seeds that broke something: 0 to 2\n" in outcome.stdout
    assert "interrupted after 3 of 9 seeds" in outcome.stderr
    assert len((tmp_path / "kc" / "seeds.txt").read_text().splitlines()) == 3
    report = json.loads(run(*NAIVE, "--seeds", "9", "--json").stdout)
    assert (report["interrupted"], report["failing"]) == (True, [0, 1, 2])


def test_an_interrupt_while_seeds_are_shrunk_loses_none(run, tmp_path: Path, monkeypatch):
    shrunk: list[int] = []

    def shrink_once(search: Search, outcome: Outcome) -> Scenario:
        if shrunk:
            raise KeyboardInterrupt
        shrunk.append(outcome.seed)
        return shrink(search, outcome)

    monkeypatch.setattr("carpio.cli.commands.sim_search.shrink", shrink_once)
    outcome = run(*NAIVE, "--seeds", "4")
    assert outcome.exit_status == 130
    assert "seed 0: wrong MAC" in outcome.stdout
    assert {one.name for one in (tmp_path / "sim-failures").iterdir()} == {
        "seeds.txt",
        "seed-0.toml",
    }
    assert len((tmp_path / "sim-failures" / "seeds.txt").read_text().splitlines()) == 4


@pytest.mark.parametrize("keep", ["file", "file/below"])
def test_where_nothing_can_be_kept_nothing_is_searched(run, tmp_path: Path, monkeypatch, keep: str):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("carpio.sim.search.try_seed", interrupt_at(0))
    outcome = run(*NAIVE, "--seeds", "2", "--keep", keep)
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert "file: Not a directory; choose another name, or move what is there" in outcome.stderr


def test_what_was_found_is_told_before_it_is_written(run, tmp_path: Path):
    (tmp_path / "kept" / "seeds.txt").mkdir(parents=True)
    words = (*NAIVE, "--seeds", "2", "--keep", "kept")
    outcome = run(*words)
    assert outcome.exit_status == 1
    assert "seeds that broke something: 0 to 1\n" in outcome.stdout
    assert "seeds.txt: Is a directory" in outcome.stderr
    assert json.loads(run(*words, "--json").stdout)["failing"] == [0, 1]


def test_an_interrupted_simulation_exits_as_a_shell_says_it(run, monkeypatch):
    monkeypatch.setattr("carpio.cli.commands.sim.simulate", interrupted)
    outcome = run("sim", "a.toml", "b.toml")
    assert (outcome.exit_status, outcome.stdout, outcome.stderr) == (130, "", "")


def interrupted(*_arguments: object, **_settings: object) -> Report:
    raise KeyboardInterrupt


def test_the_list_has_every_scenario_with_what_it_teaches(run):
    outcome = run("sim", "--list")
    assert outcome.exit_status == 0
    assert "kill-9: The daemon of the MASTER is killed, its host lives." in outcome.stdout
    assert "The kernel goes on to answer for 2.9 intervals" in outcome.stdout


def test_a_scenario_of_the_library_is_played_by_its_name(run):
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "kill-9")
    assert outcome.exit_status == 0
    assert "kill a for 40.00s" in outcome.stdout


def test_lint_has_nothing_to_say_of_a_good_pair(run):
    outcome = run("sim", "--lint", "a.toml", "b.toml")
    assert (outcome.exit_status, outcome.stdout) == (0, "Nothing to say.\n")


def test_lint_tells_ties_with_a_remedy(run, tmp_path: Path):
    (tmp_path / "b.toml").write_text(CONFIG.format(advskew=0))
    outcome = run("sim", "--lint", "a.toml", "b.toml")
    assert outcome.exit_status == 1
    assert outcome.stdout == (
        "1@eth0: a and b are equal (advskew 0); give them different advskews; nothing breaks ties\n"
    )
    report = json.loads(run("sim", "--lint", "a.toml", "b.toml", "--json").stdout)
    assert [one["group"] for one in report["advice"]] == ["1@eth0"]


def test_the_timeline_is_drawn_when_asked_for(run, tmp_path: Path):
    run("sim", "a.toml", "b.toml", "--svg", "a.svg", "--html", "a.html")
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    assert "Nothing wrong." in (tmp_path / "a.html").read_text()


def test_a_trace_is_replayed_with_and_without_the_keys(run, tmp_path: Path):
    life = TracedLife(2)
    life.use(writer(tmp_path / "x.trace"))
    life.time_out()
    life.live(80)
    life.stop()
    outcome = run("sim", "--replay", "x.trace")
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert "1@eth0: BACKUP -> MASTER (" in outcome.stdout
    assert "The engine did the same at the same times" in outcome.stdout
    report = json.loads(run("sim", "--replay", "x.trace", "--json").stdout)
    assert report["schema"] == 1
    assert report["differences"] == []
    assert report["unverified"] > 0

    (tmp_path / "keys.toml").write_text(
        '[[netns]]\nname = "blue"\n[[vhid]]\nid = 1\ninterface = "eth0"\nnetns = "blue"\n'
        'passphrase = "secret"\naddresses = ["10.0.0.1/24", "2001:db8::1/64"]\n'
    )
    (tmp_path / "keys.toml").chmod(0o600)
    report = json.loads(run("sim", "--replay", "x.trace", "--config", "keys.toml", "--json").stdout)
    assert (report["unverified"], report["misjudged"]) == (0, 0)
    outcome = run("sim", "--replay", "x.trace", "--config", "a.toml")
    assert outcome.stderr == "warning: a.toml has no 1@eth0 in blue\n"


def test_a_trace_that_the_engine_does_not_repeat_exits_with_1(run, tmp_path: Path):
    life = TracedLife(2)
    life.use(writer(tmp_path / "x.trace"))
    life.time_out()
    life.live(80)
    life.stop()
    text = (tmp_path / "x.trace").read_text()
    (tmp_path / "y.trace").write_text(text.replace('"new":"MASTER"', '"new":"INIT"', 1))
    outcome = run("sim", "--replay", "y.trace")
    assert outcome.exit_status == 1
    assert "-> INIT (" in outcome.stdout
    assert "DIFFERENT: line " in outcome.stdout
    assert "The engine did the same" not in outcome.stdout


def test_what_is_no_trace_is_told_with_its_line(run, tmp_path: Path):
    outcome = run("sim", "--replay", "a.toml")
    assert outcome.exit_status == 1
    assert outcome.stderr.startswith("carpio: a.toml: line 1: ")
    assert run("sim", "--replay", "a.toml", "b.toml").exit_status == 64


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda whole: whole[:300], "line 1: Input data was truncated; is this a trace"),
        (lambda whole: b"\0" * 5000, "line 1: JSON is malformed"),
        (lambda whole: b"", "the file is empty; is this a trace"),
        (lambda whole: whole.split(b"\n", 1)[1], "line 1: does not begin with what the engine was"),
        (
            lambda whole: whole.replace(b'"group":"1@eth0"', b'"group":"7@eth0"', 1),
            "line 1: the group 1@eth0 is none of the settings of this trace",
        ),
        (
            lambda whole: whole.replace(b'"format":', b'"format":9', 1),
            "and this carpio knows 2; replay it with carpio ",
        ),
        (
            lambda whole: whole.replace(b"\n", b"\n" + b"x" * (65 << 20) + b"\n", 1),
            "line 2: is longer than a line can be",
        ),
    ],
    ids=["cut short", "binary", "empty", "no beginning", "other group", "other format", "huge"],
)
def test_a_file_that_cannot_be_replayed_is_told(run, tmp_path: Path, made, told: str):
    life = TracedLife(2)
    life.use(writer(tmp_path / "x.trace"))
    life.live(20)
    life.stop()
    (tmp_path / "y.trace").write_bytes(made((tmp_path / "x.trace").read_bytes()))
    outcome = run("sim", "--replay", "y.trace")
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("carpio: y.trace: ")
    assert told in outcome.stderr


def test_all_that_two_hosts_can_come_to_is_explored(run):
    words = ("sim", "--exhaustive", "a.toml", "b.toml", "--faults", "0")
    outcome = run(*words)
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    first, last = outcome.stdout.splitlines()
    assert first.startswith("1@eth0 of a, b: 6 deadlines each, 0 of 11 kinds of faults, ")
    assert " states, " in first
    assert last == "No invariant was broken."
    (found,) = json.loads(run(*words, "--json").stdout)["explorations"]
    assert (found["hosts"], found["broken"]) == (2, "")
    assert found["states"] > 50
    (fewer,) = json.loads(run(*words, "--deadlines", "2", "--json").stdout)["explorations"]
    assert fewer["states"] < found["states"]


def test_where_numpy_is_not_installed_it_says_so_and_finds_the_same(
    run, tmp_path: Path, monkeypatch
):
    third = tmp_path / "c.toml"
    third.touch(mode=0o600)
    third.write_text(CONFIG.format(advskew=200))
    words = ("sim", "--exhaustive", "a.toml", "b.toml", "c.toml", "--faults", "0", "--json")
    with_it = run(*words)
    assert (with_it.exit_status, with_it.stderr) == (0, "")
    monkeypatch.setattr("carpio.sim.exhaustive.find_spec", lambda name: None)
    without_it = run(*words)
    assert without_it.exit_status == 0
    assert "NumPy is not installed" in without_it.stderr
    assert "pip install 'carpio[exhaustive]'" in without_it.stderr
    one, other = (json.loads(each.stdout)["explorations"][0] for each in (with_it, without_it))
    for name in ("hosts", "states", "together", "depth", "questions", "broken"):
        assert one[name] == other[name]


def test_what_is_broken_is_told_with_the_way_to_it(run, monkeypatch):
    rules = dict(RULES[State.MASTER])
    del rules[Trigger.ADVERTISEMENT_BETTER]
    monkeypatch.setattr("carpio.core.instance.RULES", {**RULES, State.MASTER: rules})
    outcome = run("sim", "--exhaustive", "a.toml", "b.toml", "--faults", "1")
    assert outcome.exit_status == 1
    assert "BROKEN: two masters, a and b, for more than" in outcome.stdout
    assert "  3.00s pass, a: deadline" in outcome.stdout or "a: hears" in outcome.stdout


def test_hosts_without_a_common_group_are_not_explored(run, tmp_path: Path):
    (tmp_path / "c.toml").write_text(CONFIG.format(advskew=0).replace("id = 1", "id = 3"))
    outcome = run("sim", "--exhaustive", "a.toml", "c.toml")
    assert outcome.exit_status == 64
    assert "share no group" in outcome.stderr


def test_hosts_whose_settings_differ_are_not_explored(run, tmp_path: Path):
    (tmp_path / "c.toml").write_text(CONFIG.format(advskew=0).replace("10.0.0.1", "10.0.0.2"))
    outcome = run("sim", "--exhaustive", "a.toml", "c.toml")
    assert outcome.exit_status == 64
    assert "1@eth0: address lists differ; make equal what must be" in outcome.stderr


@pytest.mark.parametrize("option", ["--faults", "--deadlines"])
def test_an_exploration_that_would_not_end_is_refused(run, option: str):
    outcome = run("sim", "--exhaustive", option, "32")
    assert outcome.exit_status == 64
    assert f"{option} 32; give it 31 or less" in outcome.stderr


def test_an_exploration_needs_two_or_three_hosts(run, tmp_path: Path):
    outcome = run("sim", "--exhaustive", "a.toml", "b.toml", "a.toml", "b.toml")
    assert outcome.exit_status == 64
    assert "give it 2 or 3" in outcome.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_number_of_processes_changes_nothing(run, jobs: str):
    words = ("sim", "a.toml", "b.toml", "--for", "30s", "--datapath", "naive", "--json")
    outcome = run(*words, "--seeds", "4", "--jobs", jobs)
    assert outcome.exit_status == 1
    report = json.loads(outcome.stdout)
    assert report["failing"] == [0, 1, 2, 3]
    assert report["broken"]["wrong MAC"] == 4


def test_every_failing_seed_is_kept_with_the_command_that_plays_all_of_it(run, tmp_path: Path):
    words = ("sim", "a.toml", "b.toml", "--for", "30s", "--datapath", "naive")
    run(*words, "--seeds", "7")
    lines = (tmp_path / "sim-failures" / "seeds.txt").read_text().splitlines()
    assert len(lines) == 7
    command, _, broken = lines[6].partition("  # ")
    assert command == "carpio sim a.toml b.toml --seed 6 --for 30s --datapath naive"
    report = json.loads(run(*command.split()[1:], "--json").stdout)
    assert {one["what"] for one in report["violations"]} == set(broken.split(", "))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("a.toml b.toml --seeds 4 --jobs 0", "--jobs takes 1 or more"),
        ("a.toml b.toml --seeds 0", "--seeds takes 1 or more"),
        ("a.toml b.toml --seed -3", "--seed takes 0 or more"),
        ("--exhaustive --faults -1", "--faults takes 0 or more"),
        ("--exhaustive --deadlines 0", "--deadlines takes 1 or more"),
        ("a.toml b.toml --for 0s", "--for: let some time pass"),
    ],
)
def test_a_number_that_makes_no_sense_is_usage(run, words: str, told: str):
    outcome = run("sim", *words.split())
    assert (outcome.exit_status, outcome.stdout) == (64, "")
    assert f"carpio sim: {told}" in outcome.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("a.toml b.toml --keep here", "--keep goes with --seeds"),
        ("a.toml b.toml --jobs 2", "--jobs goes with --seeds or --exhaustive"),
        ("a.toml b.toml --config a.toml", "--config goes with --replay"),
        ("a.toml b.toml --seeds 2 --svg x.svg", "--svg does not go with --seeds"),
        ("a.toml b.toml --seeds 2 --scenario calm", "--scenario does not go with --seeds"),
        ("a.toml b.toml --lint --seeds 2", "choose one of --seeds and --lint"),
        ("--replay x --for 1min", "--for does not go with --replay"),
        ("--list a.toml", "--list takes no files"),
        ("--list --lint", "choose one of --lint and --list"),
        ("--list --seed 3", "--seed does not go with --list"),
        ("a.toml b.toml --seeds 2 --dask x:1 --jobs 2", "choose one of --jobs and --dask"),
    ],
)
def test_an_option_that_would_do_nothing_is_usage(run, words: str, told: str):
    outcome = run("sim", *words.split())
    assert (outcome.exit_status, outcome.stderr) == (64, f"carpio sim: {told}\n")


@pytest.mark.parametrize("option", ["--svg", "--html", "--trace"])
@pytest.mark.parametrize("words", ["c.toml a.toml b.toml", "a a.toml b.toml", "s a.toml b.toml"])
def test_an_input_is_not_written_over(run, tmp_path: Path, option: str, words: str):
    (tmp_path / "c.toml").write_text(CONFIG.format(advskew=200))
    (tmp_path / "a").symlink_to("a.toml")
    (tmp_path / "s").write_text("")
    output, *files = words.split()
    before = (tmp_path / output).read_text()
    outcome = run("sim", option, output, *files, "--scenario", "s")
    assert (outcome.exit_status, outcome.stdout) == (64, "")
    assert outcome.stderr.startswith(f"carpio sim: {option} would write over ")
    assert outcome.stderr.endswith(f"/{output}; name a file for it after {option}\n")
    assert (tmp_path / output).read_text() == before


def test_two_outputs_are_two_files(run, tmp_path: Path):
    told = "carpio sim: --svg and --html write the same file; name two\n"
    outcome = run("sim", "a.toml", "b.toml", "--svg", "x", "--html", "./x")
    assert (outcome.exit_status, outcome.stderr) == (64, told)
    (tmp_path / "x").write_text("")
    (tmp_path / "y").hardlink_to(tmp_path / "x")
    outcome = run("sim", "a.toml", "b.toml", "--svg", "x", "--html", "y")
    assert (outcome.exit_status, outcome.stderr) == (64, told)
    words = ("--svg", "/dev/null", "--html", "/dev/null")
    assert run("sim", "a.toml", "b.toml", *words).exit_status == 0


def test_a_fault_after_the_end_is_told(run):
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "power-loss", "--for", "5s")
    assert outcome.exit_status == 0
    assert outcome.stderr == (
        "warning: fault 1 never comes: it is after the end, 5s; use a longer --for\n"
    )


def test_an_interface_that_no_host_has_is_told(run, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(
        '[[fault]]\nkind = "link-down"\nat = "9s"\nhost = "a"\ninterface = "eth7"\n'
    )
    outcome = run("sim", "a.toml", "b.toml", "--scenario", "mine.toml")
    assert outcome.exit_status == 2
    assert "mine.toml:5: fault[0].interface: 'eth7' is not usable; write eth0" in outcome.stderr


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("nowhere/x.svg", "nowhere/x.svg: No such file or directory; see that it exists, or the"),
        (".", ": Is a directory; name a file in it"),
    ],
)
@pytest.mark.parametrize("option", ["--svg", "--html", "--trace"])
def test_what_cannot_be_written_is_told_before_the_run(
    run, monkeypatch, file: str, told: str, option: str
):
    monkeypatch.setattr("carpio.cli.commands.sim.simulate", interrupted)
    outcome = run("sim", "a.toml", "b.toml", option, file)
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert told in outcome.stderr
    assert "Errno" not in outcome.stderr


def test_a_report_is_told_before_its_picture_is_written(run, monkeypatch):
    def fail(_report: Report) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("carpio.sim.picture.as_svg", fail)
    outcome = run("sim", "a.toml", "b.toml", "--svg", "x.svg")
    assert outcome.exit_status == 1
    assert outcome.stdout.endswith("Nothing wrong.\n")
    assert "make room" in outcome.stderr
