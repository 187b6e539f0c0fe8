"""What is told of a test that fails, in namespaces or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.failing import pytest_runtest_makereport

pytest_plugins = ["pytester"]

HOOK = "from tests.helpers.failing import pytest_runtest_makereport"
TESTS = """
import pytest

@pytest.fixture
def daemon(tmp_path):
    (tmp_path / "daemon.log").write_text("carpio: no such interface")
    raise RuntimeError

def test_wrong(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "daemon.log").write_text("long ago\\n" * 1000 + "carpio: 1@eth0: refused\\n")
    (tmp_path / "directory.log").mkdir()
    (tmp_path / "dangling.log").symlink_to("nowhere")
    (tmp_path / "empty.log").touch()
    assert False

def test_with_a_place_that_cannot_be_read(tmp_path, unreadable):
    (tmp_path / "daemon.log").write_text("carpio: told nevertheless")
    assert False

@pytest.fixture
def unreadable(tmp_path):
    class Unreadable(type(tmp_path)):
        def rglob(self, pattern):
            raise PermissionError
    return Unreadable(tmp_path)

def test_right(tmp_path):
    (tmp_path / "fine.log").write_text("all is well")

def test_never_begun(tmp_path, daemon):
    pass
"""


def test_failed_test_is_told_with_the_end_of_each_log(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert(Path(__file__).parents[1])
    pytester.makeconftest(HOOK)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2, errors=1)
    told = result.stdout.str()
    assert "end of a/daemon.log" in told
    assert "carpio: 1@eth0: refused" in told
    assert "carpio: no such interface" in told
    assert "carpio: told nevertheless" in told
    assert told.count("long ago") < 500
    assert "all is well" not in told
    assert told.count("end of ") == 3


def test_it_is_so_in_this_run(request: pytest.FixtureRequest) -> None:
    hooks = request.config.hook.pytest_runtest_makereport.get_hookimpls()
    assert pytest_runtest_makereport in [hook.function for hook in hooks]
