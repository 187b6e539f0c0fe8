"""Lines of a file; whole files are in test_ifconfig.py."""

import pytest

from carpio.bsd.addresses import no_names
from carpio.bsd.batch import change_of, parse_lines, without_command
from carpio.bsd.messages import IfconfigError
from carpio.errors import ConfigError


def test_the_command_may_lead_with_any_path():
    for words in (["ifconfig", "em0", "up"], ["/sbin/ifconfig", "em0", "up"], ["em0", "up"]):
        assert without_command(words) == ["em0", "up"]
    assert without_command([]) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "no interface is named"),
        (["-k", "em0"], "options are for the command line"),
        (["em0"], "nothing to change"),
        (["em0", "inet6"], "nothing to change"),
    ],
)
def test_lines_that_change_nothing_are_refused(words: list[str], text: str):
    with pytest.raises(IfconfigError, match=text):
        change_of(words, no_names)


def test_each_change_knows_its_line():
    placed = parse_lines("# a\n\nem0 up\nifconfig \\\n em1 down\n", "F", no_names)
    assert [(one.place, one.change.interface) for one in placed] == [("F:3", "em0"), ("F:4", "em1")]


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_lines("ifconfig\nem0 up\nem0 upp\n", "F", no_names)
    assert caught.value.problems == ("F:1: no interface is named", "F:3: upp: bad value")
