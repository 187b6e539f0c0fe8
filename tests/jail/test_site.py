from pathlib import Path

import pytest

from carpio.errors import PlatformError
from carpio.jail.site import Site, tool


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "state")


def test_a_bundle_is_made_for_root_and_removed(site: Site):
    bundle = site.provide(7)
    site.provide(7)
    (bundle / "config.json").write_text("{}")
    (bundle / "runtime/jail-7").mkdir()
    (bundle / "runtime/jail-7/status").write_text("")
    site.pid_file(7).write_text("1")
    assert bundle.stat().st_mode & 0o777 == 0o700
    site.clear(7)
    assert not bundle.exists()
    site.clear(7)


def test_what_is_not_known_is_not_removed(site: Site):
    bundle = site.provide(7)
    (bundle / "precious").mkdir()
    (bundle / "precious/file").write_text("")
    with pytest.raises(PlatformError, match="removing"):
        site.clear(7)
    assert (bundle / "precious/file").exists()


def test_registries_have_cgroups_of_their_own(tmp_path: Path):
    tags = {Site(tmp_path / name).cgroups._tag for name in ("a", "b")}
    assert len(tags) == 2
    assert Site(tmp_path / "a").cgroups._tag in tags


def test_commands_that_run_have_files_of_their_own(site: Site):
    assert site.pid_file(1) != site.pid_file(1)


def test_tools_are_found_wherever_the_path_of_the_caller_leads():
    assert tool("sh") in ("/usr/bin/sh", "/bin/sh")
    assert tool("no-such-tool") is None
