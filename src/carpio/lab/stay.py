"""Labs that stay, to play with: `carpio lab up`, `shell` and `down`.

A lab that stays runs in a place of its own (`cage`) in the background. What is remembered of it
is a file with the process by which its place can be entered; when that process is gone so is
the lab, and the file is removed by whoever comes next.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carpio.errors import CarpioError
from carpio.lab.actions import parse_action
from carpio.lab.cage import is_inside, private_directory, run_in_place_of, start_inside
from carpio.lab.implementation import carpio_command, control_inside
from carpio.lab.observe import AdvertWatch
from carpio.lab.peers import peer_named
from carpio.lab.play import check_implementation
from carpio.lab.run import check_tools
from carpio.lab.scenario import FULL, Scenario, find_topology
from carpio.lab.stage import Stage
from carpio.lab.topology import Lab
from carpio.lab.workdir import check_out, temporary_directory

__all__ = ["main"]

USAGE: Final = 64
READY_LIMIT_S: Final = 40.0
"""Longer than a lab waits for its daemons (`Stage.wait_until_up`), on a busy machine."""
DOWN_LIMIT_S: Final = 15.0
POLL_S: Final = 0.05
READY: Final = "ready.json"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")
LONGEST_NAME: Final = 64
NOTHING: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class StayingLab:
    """A lab that stays, as it is remembered."""

    name: str
    pid: int
    """A process in its place."""
    directory: Path
    prefix: str
    hosts: tuple[str, ...]
    is_temporary: bool
    """Whether its files go with it."""

    @property
    def file(self) -> Path:
        """Where it is remembered."""
        return private_directory() / f"{self.name}.json"

    def forget(self) -> None:
        """Remove what is left of a lab that is down."""
        self.file.unlink(missing_ok=True)
        if self.is_temporary:
            shutil.rmtree(self.directory, ignore_errors=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override] # exits with our status
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(argv: list[str]) -> int:
    """Do one action. Raises CarpioError."""
    action, arguments = argv[0], argv[1:]
    match action:
        case "up":
            return _up(arguments)
        case "shell":
            return _shell(arguments)
        case _:
            return _down(arguments)


# -- up ------------------------------------------------------------------------------------------


def _up(arguments: list[str]) -> int:
    parser = _Parser(prog="carpio lab up", description="Build a topology, start it, and stay.")
    parser.add_argument("topology", help="one of carpio lab list, or a file")
    parser.add_argument("--impl", default="carpio", help="what runs on the hosts; none for nothing")
    parser.add_argument("--name", type=_name, help="of the lab; default: that of the topology")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep its files here")
    parser.add_argument("--no-tmux", action="store_true", help="open no shells")
    options = parser.parse_args(arguments)
    if options.impl != NOTHING:
        check_implementation(options.impl, parser)
    plan = find_topology(options.topology)
    if options.impl != NOTHING:
        check_tools({host.name: peer_named(options.impl) for host in plan.hosts})
    name = options.name or _default_name(plan.name)
    if is_inside():
        return _stay(options)
    with _reserved(name):
        if _find(name):
            raise CarpioError(f"lab {name} is up already; carpio lab down {name} ends it")
        lab = _started(name, options.out, arguments)
    print(f"lab {name} is up; its files are in {lab.directory}", file=sys.stderr)
    if sys.stdin.isatty() and shutil.which("tmux") and not options.no_tmux:
        try:
            return _tmux(lab)
        except subprocess.CalledProcessError as error:
            print(f"tmux opens no windows: {error.stderr.strip()}", file=sys.stderr)
    for host in lab.hosts:
        print(f"  {shlex.join(_shell_words(lab, host))}", file=sys.stderr)
    print(f"  {shlex.join(('carpio', 'lab', 'down', name))}", file=sys.stderr)
    return 0


def _shell_words(lab: StayingLab, host: str, carpio: str = "carpio") -> tuple[str, ...]:
    return (carpio, "lab", "shell", "--lab", lab.name, host)


@contextmanager
def _reserved(name: str) -> Iterator[None]:
    """Let nobody else build a lab of that name meanwhile; raise CarpioError if somebody does."""
    private_directory().mkdir(mode=0o700, exist_ok=True)
    _check_ours(private_directory())
    file = private_directory() / f"{name}.lock"
    with file.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_current = file.stat().st_ino == os.fstat(held.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            is_current = False
        if not is_current:  # another one holds it, or has just let it go
            raise CarpioError(f"lab {name} is being built already; choose another --name, or wait")
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def _started(name: str, out: Path | None, arguments: Sequence[str]) -> StayingLab:
    """Start a lab in the directory that was chosen, or in a temporary one."""
    if out is not None:
        check_out(out)
        return _start(name, out.absolute(), arguments, is_temporary=False)
    directory = temporary_directory(f"carpio-lab-{name}-")
    try:
        words = (*arguments, "--out", str(directory))
        return _start(name, directory, words, is_temporary=True)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def _start(
    name: str, directory: Path, arguments: Sequence[str], *, is_temporary: bool
) -> StayingLab:
    _make_empty(directory)
    log = directory / "lab.log"
    ready = directory / READY
    lifeline, held = os.pipe()
    child = start_inside(("up", *arguments), lifeline, log)
    os.close(lifeline)
    deadline = time.monotonic() + READY_LIMIT_S
    try:
        while not ready.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise CarpioError(f"the lab did not come up: {_said(log)}")
            time.sleep(POLL_S)
        lab = _remember(name, directory, child.pid, is_temporary=is_temporary)
        os.write(held, b"stay")
        return lab
    except BaseException:
        child.kill()  # and with it all that is inside
        child.wait()
        raise
    finally:
        os.close(held)


def _said(log: Path) -> str:
    """Return what the lab said before it was given up."""
    text = log.read_text().strip().removeprefix("carpio lab up: ")
    return text or f"it said nothing for {READY_LIMIT_S:.0f} s"


def _make_empty(directory: Path) -> None:
    """Make a directory for a lab; raise CarpioError if it has files already."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise CarpioError(f"{directory} is not empty; choose another --out")
    except OSError as error:
        raise CarpioError(f"{directory}: {error.strerror}; choose another --out") from error


def _default_name(topology: str) -> str:
    """Return the name of a lab of that topology; tmux allows no dots in names, for one."""
    return OTHER.sub("_", topology).lstrip("_-")[:LONGEST_NAME] or "lab"


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r}: write letters, digits, - and _")
    return text


def _remember(name: str, directory: Path, outside: int, *, is_temporary: bool) -> StayingLab:
    """Write down that a lab is up; `outside` is the process that made its place."""
    said = json.loads((directory / READY).read_text())
    children = Path(f"/proc/{outside}/task/{outside}/children").read_text().split()
    lab = StayingLab(
        name=name,
        pid=int(children[0]),
        directory=directory,
        prefix=said["prefix"],
        hosts=tuple(said["hosts"]),
        is_temporary=is_temporary,
    )
    remembered = {"pid": lab.pid, "directory": str(directory), "temporary": is_temporary}
    unfinished = lab.file.with_suffix(".new")
    unfinished.write_text(json.dumps(remembered | said))
    unfinished.replace(lab.file)
    return lab


def _stay(options: argparse.Namespace) -> int:
    """Inside: build the lab and wait to be told to leave."""
    plan = find_topology(options.topology)
    with Lab(plan=plan, out=options.out) as lab:
        watch = AdvertWatch(lab)
        try:
            if options.impl != NOTHING:
                peers = {host.name: peer_named(options.impl) for host in plan.hosts}
                stage = Stage(lab, watch, Scenario.bare(plan, FULL), peers)
                for host in plan.hosts:
                    stage.do(parse_action(f"start {host.name}", plan))
                if ended := stage.wait_until_up():
                    raise CarpioError("\n".join(ended))
            said = {"prefix": lab.prefix, "hosts": list(lab.hosts)}
            unfinished = options.out / f"{READY}.new"
            unfinished.write_text(json.dumps(said))
            unfinished.rename(options.out / READY)
            while True:
                signal.pause()
        finally:
            watch.close()


def _tmux(lab: StayingLab) -> int:
    """Open a window on each machine; return when it is detached or closed.

    Raises:
        CalledProcessError: tmux cannot; no session is left.
    """
    session = f"carpio-lab-{lab.name}"
    first, *others = ((host, *_shell_words(lab, host, str(carpio_command()))) for host in lab.hosts)
    _tmux_does("new-session", "-d", "-s", session, "-n", *first)
    try:
        for window in others:
            _tmux_does("new-window", "-t", f"={session}:", "-n", *window)
    except subprocess.CalledProcessError:
        subprocess.run(("tmux", "kill-session", "-t", f"={session}"), check=False)
        raise
    return subprocess.run(("tmux", "attach", "-t", f"={session}"), check=False).returncode


def _tmux_does(*words: str) -> None:
    subprocess.run(("tmux", *words), check=True, capture_output=True, text=True)


# -- shell and down ------------------------------------------------------------------------------


def _shell(arguments: list[str]) -> int:
    parser = _Parser(
        prog="carpio lab shell",
        description="Run a shell, or a command, on a host of a lab that is up.",
    )
    parser.add_argument("--lab", metavar="NAME", help="which; needed when several are up")
    parser.add_argument("host")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    lab = _chosen(options.lab)
    if options.host not in lab.hosts:
        raise CarpioError(f"lab {lab.name} has no {options.host}; one of {', '.join(lab.hosts)}")
    command = options.command or [os.environ.get("SHELL", "/bin/sh")]
    path = f"{carpio_command().parent}:{os.environ.get('PATH', os.defpath)}"
    namespace = f"{lab.prefix}-{options.host}"
    environment = (
        f"CARPIO_CONTROL={control_inside(namespace)}",
        f"CARPIO_LAB_HOST={options.host}",
        f"PATH={path}",
    )
    inside = ("ip", "netns", "exec", namespace, "env", *environment, *command)
    try:
        return run_in_place_of(lab.pid, inside)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _down(arguments: list[str]) -> int:
    parser = _Parser(prog="carpio lab down", description="End a lab that is up.")
    parser.add_argument("name", nargs="?", help="which; needed when several are up")
    options = parser.parse_args(arguments)
    lab = _chosen(options.name)
    deadline = time.monotonic() + DOWN_LIMIT_S
    with suppress(ProcessLookupError):
        os.kill(lab.pid, signal.SIGTERM)
        while Path(f"/proc/{lab.pid}").exists():
            if time.monotonic() > deadline:
                os.kill(lab.pid, signal.SIGKILL)
            time.sleep(POLL_S)
    lab.forget()
    print(f"lab {lab.name} is down", file=sys.stderr)
    return 0


def _all() -> list[StayingLab]:
    """Return the labs that are up; forget those that are not."""
    found = []
    if private_directory().exists():
        _check_ours(private_directory())
    for file in sorted(private_directory().glob("*.json")):
        lab = _remembered(file)
        if lab is None:
            file.unlink(missing_ok=True)
        elif _is_ours(lab.pid):
            found.append(lab)
        else:
            lab.forget()
    return found


def _remembered(file: Path) -> StayingLab | None:
    """Return what a file remembers of a lab; None where it cannot be read."""
    try:
        said = json.loads(file.read_text())
        return StayingLab(
            name=file.stem,
            pid=int(said["pid"]),
            directory=Path(said["directory"]),
            prefix=said["prefix"],
            hosts=tuple(said["hosts"]),
            is_temporary=said["temporary"],
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _check_ours(directory: Path) -> None:
    """Believe nothing that others may have written: `down` ends the process that is named there."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise CarpioError(f"{directory} is not yours alone; remove it, or set XDG_RUNTIME_DIR")


def _is_ours(pid: int) -> bool:
    """Whether the process is a lab that stays, not another one that got its number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"carpio.lab.command" in words and b"up" in words


def _find(name: str) -> StayingLab | None:
    return next((lab for lab in _all() if lab.name == name), None)


def _chosen(name: str | None) -> StayingLab:
    labs = _all()
    if name is None and len(labs) == 1:
        return labs[0]
    chosen = next((lab for lab in labs if lab.name == name), None)
    if chosen is None:
        names = ", ".join(lab.name for lab in labs) or "none"
        what = f"lab {name} is not up" if name else "say which lab"
        raise CarpioError(f"{what}; up: {names}; carpio lab up TOPOLOGY starts one")
    return chosen
