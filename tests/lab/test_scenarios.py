"""The scenarios in their short form, played by the installed command, each in its own place."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.helpers.jail_lab import need_jails
from tests.helpers.lab import need

from carpio.lab.cage import private_directory
from carpio.lab.implementation import carpio_command
from carpio.lab.process import POLL_S
from carpio.lab.result import Outcome, Result, read_result
from carpio.lab.scenario import DIRECTORY, read_scenario, scenario_names, scenario_path

pytestmark = pytest.mark.lab

NAIVE = ("bug-191832", "--variant", "address-first")
FORGED = ("forged-reply",)
BARE = ("bare-address",)
ALONE = ("gateway-pair",)
"""Before it has a master, replies wait for the gateway in a buffer that all namespaces share, and
labs beside it lose echo replies (docs/reference/lab.md)."""
SIDE_BY_SIDE = 3
AS_ORDINARY_USER = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
"""Not root to whoever asks, but still the owner of the files of whoever runs the tests."""
PATIENCE_S = 60.0
START = """
title = "The first one starts"
why = "No more."
topology = "pair"

[[event]]
title = "a starts"
do = "start a"
master = "a"
service = false
"""


def those_to_pass() -> list[tuple[str, ...]]:
    """Return the arguments of every scenario, in every variant, that carpio must pass."""
    found: list[tuple[str, ...]] = []
    for name in scenario_names():
        variants = read_scenario(scenario_path(name)).variants
        found += [(name, "--variant", variant) for variant in variants] or [(name,)]
    return [one for one in found if one not in (NAIVE, FORGED, BARE)]


def command(*arguments: str) -> tuple[str, ...]:
    return (str(carpio_command()), "lab", *arguments)


@dataclass(frozen=True)
class Run:
    """What became of a run of the short form."""

    status: int
    said: str
    file: Path

    @property
    def result(self) -> Result:
        assert self.file.exists(), self.said
        return read_result(self.file)


def play(out: Path, arguments: Sequence[str], prefix: Sequence[str] = ()) -> Run:
    words = (*prefix, *command("run", *arguments, "--short", "--out", str(out)))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return Run(done.returncode, done.stderr, out / "run-1" / "result.json")


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[tuple[str, ...], Future[Run]]]:
    """Play what the selected tests ask for, some side by side, in the order of the tests."""
    need("ip", "tcpdump")
    wanted = dict.fromkeys(
        item.callspec.params["played"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and "runs" in item.fixturenames
    )
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {
            one: pool.submit(play, tmp_path_factory.mktemp("lab") / "out", one) for one in wanted
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def played(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The arguments of `carpio lab run`."""
    arguments: tuple[str, ...] = request.param
    return arguments


@pytest.fixture
def run(runs: Mapping[tuple[str, ...], Future[Run]], played: tuple[str, ...]) -> Run:
    if played[0].startswith("jails"):
        need_jails()
    return runs[played].result()


@pytest.mark.parametrize(
    "played",
    [
        pytest.param(one, id=" ".join(one), marks=pytest.mark.alone if one == ALONE else ())
        for one in those_to_pass()
    ],
)
def test_carpio_passes(run: Run) -> None:
    result = run.result
    assert result.problems == ()
    assert (run.status, result.outcome) == (0, Outcome.RIGHT)
    assert result.proof.seen == result.proof.sent > 0
    assert result.count("right") > 0
    assert result.roles


@pytest.mark.parametrize("played", [NAIVE], ids=" ".join)
def test_naive_peer_shows_bug_191832_with_the_messages_of_its_reporter(run: Run) -> None:
    result = run.result
    assert (run.status, result.outcome) == (1, Outcome.WRONG)
    assert {claim.host for claim in result.wrong_claims} == {"machine02"}
    assert {claim.mac for claim in result.wrong_claims} == {"00:25:90:79:67:9a"}
    believed = {(n.machine, n.address) for n in result.neighbours if not n.is_right}
    assert ("router", "10.10.10.11") in believed
    said = {(message.machine, message.text) for message in result.messages}
    using = "arp: 00:25:90:79:67:9a is using my IP address 10.10.10.12 on igb0!"
    assert ("machine01", using) in said
    moved = "arp: 10.10.10.11 moved from 00:00:5e:00:01:01 to 00:25:90:79:67:9a on eth0"
    assert ("router", moved) in said
    at_backup = [d for d in result.events[-1].deliveries if d.machine == "machine02"]
    assert sum(delivery.count for delivery in at_backup) > 0


@pytest.mark.parametrize("played", [FORGED], ids=" ".join)
def test_one_forged_claim_among_many_frames_is_caught(run: Run) -> None:
    assert run.status == 1
    assert sum(port.frames for port in run.result.captures) > 30_000
    wrong = [c for event in run.result.events for c in event.claims if c.verdict != "right"]
    assert [(claim.host, claim.verdict, claim.count) for claim in wrong] == [("b", "wrong MAC", 1)]


@pytest.mark.interop
@pytest.mark.parametrize(
    "played", [("kill9", "--impl", name) for name in ("keepalived", "ucarp")], ids=" ".join
)
def test_known_failures_of_others_are_found(run: Run) -> None:
    result = run.result
    assert (run.status, result.outcome) == (1, Outcome.WRONG)
    assert result.count("wrong MAC") > 0
    assert any("b" in outcome.masters for outcome in result.events[-1].outcomes)


@pytest.mark.interop
@pytest.mark.parametrize("played", [("kill9", "--impl", "keepalived")], ids=" ".join)
def test_one_claim_of_keepalived_at_a_takeover_is_found(run: Run) -> None:
    """The new master asks for its client with the address it took over and the MAC of its NIC."""
    claims = [claim for claim in run.result.events[-1].claims if claim.host == "b"]
    (found,) = [one for one in claims if (one.kind, one.verdict) == ("ARP request", "wrong MAC")]
    assert not found.mac.startswith("00:00:5e:")
    assert found.count <= 2


def test_ordinary_user_plays_beside_root(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    (tmp_path / "root").mkdir()
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(play, tmp_path / "root" / "out", ("graceful",))
        run = play(tmp_path / "out", ("graceful",), AS_ORDINARY_USER)
    assert run.result.problems == ()
    assert (run.status, beside.result().status) == (0, 0)


def processes_of(directory: Path) -> list[int]:
    """Return the processes that were started with that directory in their arguments."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(directory).encode() in words and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def eventually_gone(directory: Path) -> bool:
    deadline = time.monotonic() + 10.0
    while processes_of(directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_run_leaves_no_process_behind(number: signal.Signals, tmp_path: Path) -> None:
    need("ip", "tcpdump")
    out = str(tmp_path / "out")
    before = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    run = subprocess.Popen(
        # background jobs of a shell ignore SIGINT, and what they start does
        ("env", "--default-signal=INT,HUP", *command("run", "graceful", "--short", "--out", out)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    while "both start" not in run.stderr.readline():
        assert run.poll() is None
    assert len(processes_of(tmp_path)) > 3
    run.send_signal(number)
    assert run.wait(PATIENCE_S) == (-number if number is signal.SIGKILL else 128 + number)
    run.stderr.close()
    assert eventually_gone(tmp_path)
    assert (set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()) <= before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_run_leaves_no_directory_that_nobody_asked_for(
    number: signal.Signals, tmp_path: Path
) -> None:
    need("ip", "tcpdump")
    run = subprocess.Popen(
        ("env", "--default-signal=INT,HUP", *command("run", "graceful", "--short")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert run.stderr is not None
    while "both start" not in run.stderr.readline():
        assert run.poll() is None
    assert list(tmp_path.iterdir())
    run.send_signal(number)
    assert run.wait(PATIENCE_S) == 128 + number
    run.stderr.close()
    assert list(tmp_path.iterdir()) == []


def test_run_leaves_a_temporary_directory_only_with_results(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    scenario = tmp_path / "start.toml"
    scenario.write_text(START.replace("start a", "run a false"))
    run = command("run", str(scenario))
    assert subprocess.run(run, env=environment, check=False).returncode == 1
    assert list(tmp_path.iterdir()) == [scenario]
    scenario.write_text(START)
    subprocess.run(run, env=environment, check=True)
    assert len(list(tmp_path.glob("carpio-lab-start-*/run-1/result.json"))) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_up_that_is_interrupted_leaves_no_directory_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    need("ip", "tcpdump")
    words = command("up", "pair", "--name", f"test{os.getpid()}i")
    up = subprocess.Popen(
        ("env", "--default-signal=HUP", *words),
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    while len(processes_of(tmp_path)) < 3:
        assert up.poll() is None
    up.send_signal(number)
    assert up.wait(PATIENCE_S) == 128 + number
    assert eventually_gone(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_lab_stays_until_it_is_taken_down(tmp_path: Path) -> None:
    need("ip", "tcpdump")

    def lab(*arguments: str, cwd: str | Path = "/") -> str:
        words = command(*arguments)
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout

    name = f"test{os.getpid()}"
    lab("up", "pair", "--name", name, "--out", "out", cwd=tmp_path)
    try:
        shown = json.loads(
            lab("shell", "--lab", name, "client", "ip", "-j", "addr", "show", "eth0")
        )
        assert "10.77.0.254" in {address["local"] for address in shown[0]["addr_info"]}
        assert "1@eth0" in lab("shell", "--lab", name, "a", "carpio", "status")
        killed = command("shell", "--lab", name, "a", "sh", "-c", "kill -9 $$")
        assert subprocess.run(killed, check=False).returncode == 128 + signal.SIGKILL
    finally:
        lab("down", name)
    assert eventually_gone(tmp_path)
    assert (tmp_path / "out" / "lab.log").exists()


def test_name_of_the_directory_may_be_long(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    scenario = tmp_path / "start.toml"
    scenario.write_text(START)
    out = tmp_path / ("long-" * 24)
    run = play(out, (str(scenario),))
    assert (run.status, run.result.problems) == (0, ())
    assert not list(out.rglob("control.sock"))


def test_shell_finds_the_daemon_of_a_lab_in_a_directory_with_a_long_name(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    name = f"test{os.getpid()}l"
    words = command("up", "pair", "--name", name, "--out", str(tmp_path / ("long-" * 24)))
    subprocess.run(words, check=True)
    try:
        shell = command("shell", "--lab", name, "a", "carpio", "status")
        assert "1@eth0" in subprocess.run(shell, capture_output=True, text=True, check=True).stdout
    finally:
        subprocess.run(command("down", name), check=True)


def a_script(directory: Path, text: str) -> Path:
    """Write a command file."""
    file = directory / "mine.sh"
    file.write_text(text)
    return file


def test_implementation_that_ends_by_itself_is_told_at_once(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    broken = a_script(tmp_path, "echo no licence found\nexit 3\n")
    scenario = tmp_path / "start.toml"
    scenario.write_text(START.replace('"start a"', '["start a", "start b"]'))
    run = play(tmp_path / "out", (str(scenario), "--impl", f"b={broken}"))
    why = "a starts: b: mine.sh ended with status 3: no licence found"
    assert (run.status, run.result.problems) == (1, (why,))
    assert why in (tmp_path / "out" / "run-1" / "report.md").read_text()


def test_nobody_waits_for_a_master_whose_daemon_has_ended(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    scenario = tmp_path / "start.toml"
    scenario.write_text('options = ["rubbish = 1"]\n' + START)
    run = play(tmp_path / "out", (str(scenario),))
    told = run.result.problems[0]
    assert told.startswith("a starts: a: carpio ended with status 2: ")
    assert "rubbish" in told
    assert run.result.duration_s < 10.0


@pytest.mark.parametrize(
    "played",
    [
        pytest.param(("sh -c 'sleep 30 & exit 0'", "wait 100ms"), id="becomes-a-daemon"),
        pytest.param(
            ("exec sleep 30", "run a sh -c 'until pkill -KILL -x sleep; do :; done'"),
            id="is-killed-by-a-command",
        ),
        pytest.param(("exec sleep 30", "stop a"), id="is-stopped"),
        pytest.param(("exec sleep 30", "kill a"), id="is-killed"),
        pytest.param(("exec sleep 30", "crash a"), id="loses-power"),
        pytest.param(("exec sleep 30", "freeze a"), id="stands-still"),
    ],
)
def test_implementation_that_had_to_end_is_no_problem(
    played: tuple[str, str], tmp_path: Path
) -> None:
    need("ip", "tcpdump")
    program, then = played
    scenario = tmp_path / "start.toml"
    nobody = START.replace('master = "a"', "master = []")
    scenario.write_text(nobody.replace('"start a"', f'["start a", "wait 300ms", "{then}"]'))
    run = play(tmp_path / "out", (str(scenario), "--impl", str(a_script(tmp_path, program))))
    assert run.result.problems == ()


def test_lab_whose_implementation_ends_at_once_is_not_up(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    broken = a_script(tmp_path, "echo no licence found\nexit 3\n")
    name = f"test{os.getpid()}b"
    words = command("up", "pair", "--name", name, "--impl", str(broken))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "carpio lab up: the lab did not come up: a: mine.sh ended with status 3: no licence found\n"
    )
    assert list(tmp_path.iterdir()) == [broken]
    assert eventually_gone(tmp_path)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_windows_open_on_a_lab_whatever_its_file_is_called(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    topology = tmp_path / f"site.v{os.getpid()} x.toml"
    topology.write_text((DIRECTORY / "topologies" / "pair.toml").read_text())
    name = f"site_v{os.getpid()}_x"
    environment = {**os.environ, "TMUX_TMPDIR": str(tmp_path), "TERM": "xterm"}
    environment.pop("TMUX", None)
    terminal, end = pty.openpty()
    up = subprocess.Popen(
        command("up", str(topology), "--impl", "none"),
        env=environment, stdin=end, stdout=end, stderr=end,
    )  # fmt: skip
    os.close(end)

    def tmux(*words: str) -> str:
        done = ("tmux", *words, "-t", f"carpio-lab-{name}")
        return subprocess.run(
            done, env=environment, capture_output=True, text=True, check=False
        ).stdout

    try:
        deadline = time.monotonic() + PATIENCE_S
        windows: list[str] = []
        while windows != ["a", "b", "client"]:
            assert up.poll() is None
            assert time.monotonic() < deadline
            windows = tmux("list-windows", "-F", "#W").split()
        tmux("kill-session")
        assert up.wait(PATIENCE_S) in (0, 1)
    finally:
        up.kill()
        up.wait()
        os.close(terminal)
        tmux("kill-session")
        subprocess.run(command("down", name), check=True)


def test_of_two_labs_of_one_name_at_once_one_comes_up(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    name = f"test{os.getpid()}n"
    words = command("up", "pair", "--name", name, "--impl", "none")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ups = [subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) for _ in range(3)]
    assert sorted(up.wait(PATIENCE_S) for up in ups) == [0, 1, 1]
    subprocess.run(command("down", name), env=environment, check=True)
    assert eventually_gone(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_lab_that_nobody_wants_go_with_it(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    name = f"test{os.getpid()}t"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    for words in (("up", "pair", "--name", name, "--impl", "none"), ("down", name)):
        subprocess.run(command(*words), env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_up_that_is_killed_before_the_lab_is_up_leaves_no_process_behind(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    name = f"test{os.getpid()}k"
    words = command("up", "pair", "--name", name, "--out", str(tmp_path / "out"))
    up = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    while len(processes_of(tmp_path)) < 3:
        assert up.poll() is None
    up.kill()
    up.wait()
    assert eventually_gone(tmp_path)
    (private_directory() / f"{name}.lock").unlink()  # of no effect without its process


@pytest.mark.slow
def test_one_forged_claim_among_a_million_frames_is_caught(tmp_path: Path) -> None:
    need("ip", "tcpdump")
    out = tmp_path / "out"
    done = subprocess.run(
        command("run", "forged-reply", "--out", str(out)),
        capture_output=True,
        text=True,
        check=False,
    )
    result = read_result(out / "run-1" / "result.json")
    assert done.returncode == 1
    assert sum(port.frames for port in result.captures) > 1_000_000
    assert result.dropped == 0
    assert result.count("wrong MAC") == 1


def test_labs_that_others_may_have_written_down_are_not_believed(tmp_path: Path) -> None:
    place = tmp_path / "carpio-lab-65534"
    place.mkdir()
    place.chmod(0o777)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    words = (*AS_ORDINARY_USER, *command("down"))
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{place} is not yours alone; remove it" in done.stderr


def write_scenario(file: Path, *actions: str) -> str:
    """Write one that starts a host, then does something; return its name."""
    events = (
        f'[[event]]\ntitle = "event {number}"\ndo = {json.dumps(action)}\nmaster = []\n'
        'takeover = false\nwatch = "100ms"\nservice = false\n'
        for number, action in enumerate(("start a", *actions), 1)
    )
    file.write_text('title = "mine"\nwhy = "mine"\ntopology = "pair"\n' + "".join(events))
    return str(file)


def test_command_of_a_scenario_that_fails_is_told_with_status_and_output(tmp_path: Path) -> None:
    need("ip", "tcpdump", "nft")
    action = "run b sh -c 'echo out; printf \"\\377\"; echo err >&2; exit 3'"
    run = play(tmp_path / "out", (write_scenario(tmp_path / "x.toml", action),))
    assert run.status == 1
    assert run.said.endswith(
        "carpio lab run: `sh -c 'echo out; printf \"\\377\"; echo err >&2; exit 3'` on b"
        " ended with status 3: out\n\ufffderr\n"
    )


def test_kernel_that_cannot_delay_is_told_before_the_first_event(tmp_path: Path) -> None:
    need("ip", "tcpdump", "nft")
    run = play(tmp_path / "out", (write_scenario(tmp_path / "x.toml", "delay a 20ms"),))
    cannot = "this kernel cannot delay frames" in run.said
    assert ("event 1" in run.said) != cannot
    assert run.status == 1 or not cannot


@pytest.mark.parametrize("theirs", ["", "/nowhere/run"])
def test_labs_are_remembered_in_tmp_where_the_session_has_no_directory(theirs: str) -> None:
    code = "from carpio.lab.cage import private_directory; print(private_directory())"
    words = (*AS_ORDINARY_USER, sys.executable, "-c", code)
    environment = {**os.environ, "XDG_RUNTIME_DIR": theirs}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "/tmp/carpio-lab-65534\n"


def test_directory_that_cannot_be_made_is_told_with_the_remedy() -> None:
    need("ip", "tcpdump")
    words = command("run", "crash", "--short", "--out", "/proc/nowhere")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "carpio lab run: make the directory /proc/nowhere/run-1: No such file or directory; "
        "choose another --out\n"
    )


@pytest.mark.parametrize("size", ["300k", "1200k"])
def test_full_disk_is_told(size: str, tmp_path: Path) -> None:
    need("ip", "tcpdump", "mount")
    mount = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    words = command("run", "graceful", "--short", "--out", str(tmp_path / "out"))
    done = subprocess.run(
        ("unshare", "--mount", "sh", "-c", mount, str(tmp_path), *words),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is full; make room, or choose another --out, and run it again" in done.stderr
    assert "Traceback" not in done.stderr
