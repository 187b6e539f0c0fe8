"""Options make out what kind of call it is."""

import pytest

from carpio.bsd.call import ChangeCall, FileCall, GroupCall, KindsCall, ListCall, parse_call
from carpio.bsd.formats import Formats
from carpio.bsd.keywords import Family
from carpio.bsd.options import OptionError


def listed(*argv: str) -> ListCall:
    what = parse_call(argv).what
    assert isinstance(what, ListCall)
    return what


def test_nothing_at_all_is_everything():
    call = listed()
    assert (call.interface, call.family, call.only_names, call.up) == (None, None, False, None)
    assert listed("-v") == call == listed("-a")


def test_an_interface_alone_or_with_a_family_is_shown():
    assert listed("em0").interface == "em0"
    assert listed("em0", "inet6").family is Family.INET6
    assert listed("-k", "em0", "link").with_keys
    assert listed("-a", "inet").interface is None


def test_more_words_change_it():
    assert parse_call(["em0", "up"]).what == ChangeCall(interface="em0", words=("up",))
    assert parse_call(["-kL", "em0", "inet", "10.0.0.1"]).what == ChangeCall(
        interface="em0", words=("inet", "10.0.0.1")
    )


def test_options_end_at_the_interface():
    assert parse_call(["em0", "-k"]).what == ChangeCall(interface="em0", words=("-k",))


def test_limits():
    assert listed("-au").up is True
    assert listed("-l", "-d").up is False
    assert listed("-a", "-g", "lo", "-Gepair").group == "lo"
    assert listed("-l", "-G", "lo").without_group == "lo"


def test_other_calls():
    assert parse_call(["-C"]).what == KindsCall()
    assert parse_call(["-g", "lo"]).what == GroupCall(group="lo")
    assert parse_call(["-F", "lines"]).what == FileCall(file="lines")
    assert parse_call(["--start", "-j", "www", "em0"]).start
    assert parse_call(["-jwww", "em0"]).jail == "www"


def test_formats_add_up():
    call = parse_call(["-f", "inet:cidr", "-f", "ether:dash,x:y", "em0"], "inet6:cidr")
    assert isinstance(call.what, ListCall)
    assert call.what.formats == Formats(inet="cidr", inet6="cidr", ether="dash")
    assert call.remarks == ("format 'x:y' is not known and left out",)


@pytest.mark.parametrize(
    "argv",
    [
        ["-du"],
        ["-la"],
        ["-lm"],
        ["-a", "em0"],
        ["-l", "em0"],
        ["-a", "inet", "inet6"],
        ["-C", "em0"],
        ["-F", "lines", "em0"],
        ["-C", "-F", "lines"],
        ["-z"],
        ["-j"],
        ["-j", "www", "--start", "em0"],
    ],
)
def test_calls_that_make_no_sense(argv: list[str]):
    with pytest.raises(OptionError):
        parse_call(argv)
