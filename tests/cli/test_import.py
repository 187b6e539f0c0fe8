"""carpio import: what files of FreeBSD become."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from carpio.cli.environment import Environment
from carpio.cli.exit_status import ExitStatus
from carpio.cli.main import main
from carpio.config.load import load_config

SYSCTL_CONF = """\
# $FreeBSD$
net.inet.carp.preempt=1
net.inet.carp.senderr_demotion_factor=0
kern.ipc.somaxconn=4096
"""
RC_CONF = """\
hostname="machine02"
ifconfig_igb0="inet 10.10.10.6/24"
ifconfig_igb0_alias0="inet 10.10.10.11/32 vhid 1 pass testpass advskew 100"
ifconfig_igb0_alias1="inet 10.10.10.12/32 vhid 2 pass testpass advskew 100"
"""
SCRIPT = """\
#!/bin/sh
/sbin/ifconfig igb0 vhid 1 pass testpass advskew 100 alias 10.10.10.11/32
/sbin/ifconfig igb0 vhid 2 pass testpass advskew 100 alias 10.10.10.12/32
"""


def test_sysctl_conf_becomes_keys_and_the_rest_is_told(run, tmp_path: Path) -> None:
    (tmp_path / "sysctl.conf").write_text(SYSCTL_CONF)
    outcome = run("import", "sysctl.conf", "sysctl.conf")
    assert outcome.exit_status is ExitStatus.DONE
    assert outcome.stdout == "preempt = true\nsenderr_demotion_factor = 0\n"
    assert outcome.stderr == (
        "sysctl.conf:4: kern.ipc.somaxconn: not a setting of carpio, left out\n"
    )


def test_standard_input_is_a_file_too(tmp_path: Path) -> None:
    environment = Environment(
        stdin=io.StringIO(SYSCTL_CONF),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        environ={},
        cwd=tmp_path,
    )
    assert main(["import", "sysctl.conf", "-"], environment) is ExitStatus.DONE
    assert environment.stdout.getvalue() == "preempt = true\nsenderr_demotion_factor = 0\n"
    assert environment.stderr.getvalue().startswith("-:4: ")


@pytest.mark.parametrize(("kind", "text"), [("rc.conf", RC_CONF), ("ifconfig", SCRIPT)])
def test_groups_behind_settings_are_a_valid_configuration(
    run, tmp_path: Path, kind: str, text: str
) -> None:
    (tmp_path / "sysctl.conf").write_text(SYSCTL_CONF)
    (tmp_path / "groups").write_text(text)
    settings, groups = run("import", "sysctl.conf", "sysctl.conf"), run("import", kind, "groups")
    assert (settings.exit_status, groups.exit_status) == (ExitStatus.DONE, ExitStatus.DONE)
    path = tmp_path / "carpio.toml"
    path.touch(mode=0o600)
    path.write_text(settings.stdout + groups.stdout)
    assert run("check", "carpio.toml").exit_status is ExitStatus.DONE
    config = load_config(path, environ={})
    assert config.settings(None).preempt is True
    assert config.settings(None).senderr_demotion_factor == 0
    instances = [vhid.instance for vhid in config.vhids]
    assert [(one.vhid, one.carpdev, one.advskew) for one in instances] == [
        (1, "igb0", 100),
        (2, "igb0", 100),
    ]
    assert [str(address) for one in instances for address in one.addresses] == [
        "10.10.10.11/32",
        "10.10.10.12/32",
    ]
    assert "testpass" not in settings.stderr + groups.stderr


@pytest.mark.parametrize(
    ("argv", "status", "stderr"),
    [
        (("sysctl.conf", "none"), ExitStatus.FAILED, "No such file or directory"),
        (("sysctl.conf", "bytes"), ExitStatus.FAILED, "carpio: bytes: not a text in UTF-8\n"),
        (("sysctl.conf",), ExitStatus.USAGE, "usage: carpio import"),
        (("nonsense", "bytes"), ExitStatus.USAGE, "usage: carpio import"),
    ],
)
def test_what_cannot_be_read_is_told(
    run, tmp_path: Path, argv: tuple[str, ...], status: ExitStatus, stderr: str
) -> None:
    (tmp_path / "bytes").write_bytes(b"a=\xff\n")
    outcome = run("import", *argv)
    assert (outcome.exit_status, outcome.stdout) == (status, "")
    assert stderr in outcome.stderr
