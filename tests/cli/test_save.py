"""carpio save: what was configured at run time comes into the files, after a question."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.helpers.control import FakeDaemon, answering

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.main import main
from carpio.config.load import load_config
from carpio.config.model import DaemonConfig, NamespaceSettings, VhidConfig
from carpio.control.messages import ErrorCode, Reload, ReloadResult, encode_error
from carpio.control.network import Configuration, ConfigurationRequest
from carpio.core.model import InstanceConfig, Vhid
from carpio.runtime.report import configuration
from carpio.wire.auth import Key

MAIN = """\
# This host.
include = ["d/*.toml"]

[[vhid]]
id = 1
interface = "eth0"
passphrase = "s3cret"
"""
MORE = """\
# More of it.
[[vhid]]
id = 2
interface = "eth0"
passphrase_file = "two.pass"
"""


class Terminal(io.StringIO):
    """A terminal at which somebody has typed an answer."""

    def isatty(self) -> bool:
        return True


@dataclass
class Host:
    """A directory with files, and a daemon that read them and was told something since."""

    directory: Path
    daemon: FakeDaemon
    saved: DaemonConfig = field(default_factory=DaemonConfig)
    stderr: str = ""
    stdout: str = ""

    @property
    def main(self) -> Path:
        return self.directory / "c.toml"

    @property
    def more(self) -> Path:
        return self.directory / "d" / "more.toml"

    def texts(self) -> tuple[str, str]:
        return self.main.read_text(), self.more.read_text()

    def write(self, main: str = MAIN, more: str = MORE) -> None:
        """Write the files and let the daemon read them."""
        (self.directory / "d").mkdir(exist_ok=True)
        for path, text in (
            (self.main, main),
            (self.more, more),
            (self.more.parent / "two.pass", "two"),
        ):
            path.write_text(text)
            path.chmod(0o600)
        self.saved = load_config(self.main, environ={})
        self.runs(self.saved)

    def runs(self, config: DaemonConfig, **more: Any) -> None:
        """Let the daemon run something else than it has read."""
        told = configuration(
            config,
            file=self.main,
            saved=self.saved,
            has_unsaved=config != self.saved,
            own=None,
            nameless=[one.netns for one in config.vhids if one.netns not in (None, "blue")],
        )
        self.daemon.answers["configuration"] = msgspec.structs.replace(told, **more)

    def save(self, *argv: str, typed: str | None = None) -> ExitStatus:
        """Run the command; `typed` is the answer of somebody at a terminal."""
        environment = Environment(
            stdin=io.StringIO() if typed is None else Terminal(typed),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
            environ={"CARPIO_CONTROL": "control.sock"},
            cwd=self.directory,
        )
        status = main(("save", *argv), environment)
        self.stdout, self.stderr = environment.stdout.getvalue(), environment.stderr.getvalue()
        for secret in ("s3cret", "n3w"):
            assert secret not in self.stdout + self.stderr
        return ExitStatus(status)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with answering(tmp_path / "control.sock") as daemon:
        daemon.answers["reload"] = ReloadResult(warnings=[])
        made = Host(tmp_path, daemon)
        made.write()
        yield made


def new_group(number: int = 3, netns: str | None = None) -> VhidConfig:
    key = Key.from_passphrase("n3w")
    instance = InstanceConfig(vhid=Vhid(number), carpdev="eth1", key=key)
    return VhidConfig(instance=instance, netns=netns, name=f"{number}@eth1")


def with_new(config: DaemonConfig, *groups: VhidConfig) -> DaemonConfig:
    return replace(config, vhids=(*config.vhids, *groups))


def with_advskew(config: DaemonConfig, number: int, advskew: int) -> DaemonConfig:
    vhids = tuple(
        replace(vhid, instance=replace(vhid.instance, advskew=advskew))
        if vhid.instance.vhid == number
        else vhid
        for vhid in config.vhids
    )
    return replace(config, vhids=vhids)


def reads_back(host: Host) -> DaemonConfig:
    return load_config(host.main, environ={})


def test_what_was_configured_comes_into_the_files_and_is_the_daemons_from_then_on(
    host: Host,
) -> None:
    running = with_new(with_advskew(host.saved, 2, 100), new_group(), new_group(4, "blue"))
    running = replace(running, preempt=True, namespaces=(("blue", NamespaceSettings(allow=False)),))
    host.runs(running)
    assert host.save("--yes") is ExitStatus.DONE
    after = reads_back(host)
    assert (after.vhids, after.preempt) == (
        (running.vhids[0], running.vhids[2], running.vhids[3], running.vhids[1]),
        True,
    )
    assert after.namespaces == running.namespaces
    assert host.more.read_text() == f"{MORE}advskew = 100\n"
    assert host.main.read_text().startswith(
        '# This host.\ninclude = ["d/*.toml"]\npreempt = true\n'
    )
    assert host.daemon.requests == [ConfigurationRequest(), Reload()]
    assert host.stderr == f"written: {host.main}\nwritten: {host.more}\n"


def test_the_difference_is_shown_without_secrets(host: Host) -> None:
    host.runs(with_advskew(with_new(host.saved, new_group()), 2, 100))
    host.save("--yes")
    assert host.stdout == (
        f"--- {host.main}\n+++ {host.main}\n@@ -5,3 +5,11 @@\n"
        ' id = 1\n interface = "eth0"\n passphrase = "********"\n'
        '+\n+[[vhid]]\n+id = 3\n+interface = "eth1"\n+passphrase = "********"\n'
        "+advbase = 1\n+advskew = 0\n+addresses = []\n"
        f"--- {host.more}\n+++ {host.more}\n@@ -3,3 +3,4 @@\n"
        ' id = 2\n interface = "eth0"\n passphrase_file = "two.pass"\n+advskew = 100\n'
    )


@pytest.mark.parametrize("typed", ["y\n", "Yes\n", " y \n"])
def test_who_says_yes_at_a_terminal_has_it_written(host: Host, typed: str) -> None:
    host.runs(with_advskew(host.saved, 2, 100))
    assert host.save(typed=typed) is ExitStatus.DONE
    assert host.stderr.startswith("Write this? [y/N] ")
    assert "advskew = 100" in host.more.read_text()


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "yep\n", "ja\n"])
def test_who_says_anything_else_has_not(host: Host, typed: str) -> None:
    host.runs(with_advskew(host.saved, 2, 100))
    assert host.save(typed=typed) is ExitStatus.FAILED
    assert host.stderr == "Write this? [y/N] nothing was written\n"
    assert "+advskew = 100" in host.stdout
    assert host.texts() == (MAIN, MORE)
    assert host.daemon.requests == [ConfigurationRequest()]


def test_without_a_terminal_the_difference_is_printed_and_nothing_written(host: Host) -> None:
    host.runs(with_advskew(host.saved, 2, 100))
    assert host.save() is ExitStatus.FAILED
    assert host.stderr == "nothing was written: nobody is there to be asked; add --yes\n"
    assert "+advskew = 100" in host.stdout
    assert host.texts() == (MAIN, MORE)


def test_where_nothing_is_to_be_saved_that_is_said(host: Host) -> None:
    assert host.save() is ExitStatus.DONE
    assert host.stdout == "nothing to save: the files say what can be said of what runs\n"
    assert host.daemon.requests == [ConfigurationRequest()]


def test_a_removed_group_is_removed_from_its_file(host: Host) -> None:
    host.runs(replace(host.saved, vhids=host.saved.vhids[:1]))
    assert host.save("--yes") is ExitStatus.DONE
    assert host.texts() == (MAIN, "# More of it.\n")


def test_a_group_of_a_namespace_without_a_name_is_named_and_left_out(host: Host) -> None:
    host.runs(with_new(host.saved, new_group(netns="4026532000")))
    assert host.save() is ExitStatus.DONE
    assert host.stderr == (
        "3@eth1 is left out: its network namespace has no name by which a file could speak of it\n"
    )
    assert host.texts() == (MAIN, MORE)


# -- secrets in files ----------------------------------------------------------------------


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def with_new_key(config: DaemonConfig, number: int) -> DaemonConfig:
    vhids = tuple(
        replace(vhid, instance=replace(vhid.instance, key=Key.from_passphrase("n3w")))
        if vhid.instance.vhid == number
        else vhid
        for vhid in config.vhids
    )
    return replace(config, vhids=vhids)


def test_a_file_that_gets_its_first_secret_is_closed_to_others_and_that_is_said(
    host: Host,
) -> None:
    host.more.chmod(0o644)
    host.runs(with_new_key(host.saved, 2))
    assert host.save("--yes") is ExitStatus.DONE
    assert mode_of(host.more) == 0o600
    assert host.stderr.splitlines() == [
        f"2@eth0: its passphrase is now in {host.more}, and two.pass is not used any more",
        f"{host.more} gets a passphrase: its mode becomes 0600",
        f"written: {host.more}",
    ]
    assert reads_back(host).warnings == ()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_a_file_that_others_cannot_read_keeps_its_mode(host: Host, mode: int) -> None:
    host.more.chmod(mode)
    host.runs(with_new_key(host.saved, 2))
    assert host.save("--yes") is ExitStatus.DONE
    assert mode_of(host.more) == mode


def test_a_file_without_new_secrets_keeps_its_mode(host: Host) -> None:
    host.main.chmod(0o644)
    host.more.chmod(0o644)
    host.runs(with_new_key(with_advskew(host.saved, 2, 1), 1))
    assert host.save("--yes") is ExitStatus.DONE
    assert (mode_of(host.main), mode_of(host.more)) == (0o644, 0o644)


def test_through_a_link_the_target_is_written(host: Host) -> None:
    real = host.directory / "real.toml"
    host.more.rename(real)
    host.more.symlink_to("../real.toml")
    host.runs(with_advskew(host.saved, 2, 100))
    assert host.save("--yes") is ExitStatus.DONE
    assert host.more.is_symlink()
    assert "advskew = 100" in real.read_text()


# -- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["edited", "added", "removed"])
def test_files_that_are_not_as_the_daemon_has_read_them_are_not_written(
    host: Host, what: str
) -> None:
    host.runs(with_advskew(host.saved, 1, 100))
    path = host.directory / "d" / "new.toml" if what == "added" else host.more
    if what == "removed":
        path.unlink()
    else:
        path.write_text("# I was here\n")
    assert host.save("--yes") is ExitStatus.FAILED
    assert host.stderr.startswith(f"carpio: {path}: not as the daemon has read it; nothing was wr")
    assert "carpio reload --discard" in host.stderr
    assert host.main.read_text() == MAIN


def test_files_are_compared_once_more_before_they_are_written(host: Host) -> None:
    class Slow(Terminal):
        def readline(self, *_: Any) -> str:
            host.more.write_text(f"{MORE}# I was here\n")
            return "y\n"

    host.runs(with_advskew(host.saved, 1, 100))
    environment = Environment(
        stdin=Slow(),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        environ={"CARPIO_CONTROL": "control.sock"},
        cwd=host.directory,
    )
    assert main(("save",), environment) == ExitStatus.FAILED
    assert (
        f"{host.more} was changed meanwhile; nothing was written" in environment.stderr.getvalue()
    )
    assert host.texts() == (MAIN, f"{MORE}# I was here\n")


def test_files_that_are_not_valid_are_not_written(host: Host) -> None:
    host.runs(with_advskew(host.saved, 1, 100), digests=[])
    host.more.write_text("preemt = 1\n")
    assert host.save("--yes") is ExitStatus.INVALID
    assert host.stderr.startswith(f"{host.more}:1: preemt: unknown key")
    assert host.texts() == (MAIN, "preemt = 1\n")


def test_what_would_not_be_valid_is_not_written(host: Host) -> None:
    twice = replace(new_group(), name="2@eth0")
    host.runs(with_new(host.saved, twice))
    assert host.save("--yes") is ExitStatus.INVALID
    assert host.stderr.splitlines()[0] == "nothing was written, for the files would not be valid:"
    assert "the name 2@eth0 is already used at" in host.stderr
    assert host.texts() == (MAIN, MORE)


def test_what_no_file_can_say_is_not_written(host: Host) -> None:
    host.runs(with_new(host.saved, new_group()))
    told = host.daemon.answers["configuration"]
    groups = [*told.groups[:-1], msgspec.structs.replace(told.groups[-1], addresses=["::1/128"])]
    host.daemon.answers["configuration"] = msgspec.structs.replace(told, groups=groups)
    assert host.save("--yes") is ExitStatus.FAILED
    assert "3@eth1 cannot be in a file: '::1/128' is a loopback address" in host.stderr
    assert host.texts() == (MAIN, MORE)


def test_a_daemon_that_is_away_is_told(tmp_path: Path) -> None:
    environment = Environment(
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        environ={"CARPIO_CONTROL": "control.sock"},
        cwd=tmp_path,
    )
    assert main(("save", "--yes"), environment) == ExitStatus.UNREACHABLE


def test_who_may_not_know_is_told(host: Host) -> None:
    host.daemon.answers["configuration"] = encode_error(1, ErrorCode.NOT_PERMITTED, "needs root")
    assert host.save("--yes") is ExitStatus.NOT_PERMITTED


def test_a_daemon_that_does_not_take_the_files_is_told(host: Host) -> None:
    host.daemon.answers["reload"] = encode_error(1, ErrorCode.FAILED, "would lose a group")
    host.runs(with_advskew(host.saved, 2, 100))
    assert host.save("--yes") is ExitStatus.FAILED
    assert host.stderr.splitlines() == [
        f"written: {host.more}",
        "the daemon does not take the files as what it has: would lose a group",
    ]
    assert "advskew = 100" in host.more.read_text()


def test_warnings_of_the_daemon_are_passed_on(host: Host) -> None:
    host.daemon.answers["reload"] = ReloadResult(warnings=["c.toml:1: x: odd"])
    host.runs(with_advskew(host.saved, 2, 100))
    assert host.save("--yes") is ExitStatus.DONE
    assert host.stderr.endswith("warning: c.toml:1: x: odd\n")


def test_an_empty_main_file_is_enough_to_save_to(host: Host) -> None:
    host.write("# mine\n", MORE)
    host.runs(with_new(host.saved, new_group()))
    assert host.save("--yes") is ExitStatus.DONE
    assert host.main.read_text().startswith("# mine\n\n[[vhid]]\nid = 3\n")


def test_the_daemon_tells_what_a_command_needs_to_know() -> None:
    told = msgspec.json.decode(
        msgspec.json.encode(
            configuration(
                DaemonConfig(),
                file=Path("/c.toml"),
                saved=DaemonConfig(
                    vhids=(new_group(), new_group(4, "own")),
                    files=(Path("/c.toml"),),
                    digests=("d",),
                ),
                has_unsaved=True,
                own="own",
                nameless=["own"],
            )
        ),
        type=Configuration,
    )
    assert (told.files, told.digests) == (["/c.toml"], ["d"])
    assert [(one.id, one.interface, one.netns) for one in told.removed] == [
        (3, "eth1", None),
        (4, "eth1", None),
    ]
