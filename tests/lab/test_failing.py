from __future__ import annotations

from pathlib import Path

import pytest

PLUGINS = """
import pytest
from tests.helpers.failing import add_logs

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    add_logs(item, report)
    return report
"""
TESTS = """
def test_wrong(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "daemon.log").write_text("long ago\\n" * 1000 + "carpio: 1@eth0: refused\\n")
    assert False

def test_right(tmp_path):
    (tmp_path / "fine.log").write_text("all is well")
"""
pytest_plugins = ["pytester"]


def test_failed_test_is_told_with_the_end_of_each_log(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert(Path(__file__).parents[2])
    pytester.makeconftest(PLUGINS)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    told = result.stdout.str()
    assert "end of a/daemon.log" in told
    assert "carpio: 1@eth0: refused" in told
    assert len(told) < 8000
    assert "all is well" not in told
