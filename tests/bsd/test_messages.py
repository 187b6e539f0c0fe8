"""Refused steps in FreeBSD's words; more of them are in the transcripts."""

import errno

import pytest

from carpio.bsd.messages import error_text, not_permitted, refusal
from carpio.control.client import Refused
from carpio.control.network import AddAddress, AddMember, Line, SetLink, SetVhid, Step

ADD = AddAddress(address="10.0.0.1", prefix_length=32, vhid=1)


def refused(step: Step, number: int, message: str = "out of luck") -> list[str]:
    error = Refused(message, code=1, line=1, step=0, errno=number)
    line, texts = refusal([Line("em1", []), Line("em0", [step])], error)
    assert line == 1
    return texts


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (SetLink(up=False), "down: permission denied"),
        (SetLink(promisc=False), "-promisc: permission denied"),
        (SetLink(allmulti=True), "allmulti: permission denied"),
        (SetLink(arp=False), "-arp: permission denied"),
        (SetLink(mtu=1), "ioctl (set mtu): permission denied"),
        (SetLink(description=""), "ioctl (set descr): permission denied"),
        (SetLink(mac="random"), "ioctl (SIOCSIFLLADDR): permission denied"),
        (SetVhid(vhid=1), "SIOCSVH: Operation not permitted"),
        (ADD, "ioctl (SIOCAIFADDR): permission denied"),
    ],
)
def test_each_step_has_the_name_of_its_call(step: Step, text: str):
    assert refused(step, errno.EPERM) == [text, "\tout of luck"]


def test_errors_are_worded_as_there():
    assert error_text(errno.EADDRNOTAVAIL) == "Can't assign requested address"
    assert error_text(errno.EBUSY) == "Device busy"
    assert error_text(errno.EEXIST) == "File exists"


def test_what_the_text_says_already_is_not_said_twice():
    assert refused(ADD, errno.EEXIST, "File exists") == ["ioctl (SIOCAIFADDR): File exists"]
    assert refused(ADD, errno.ENXIO, "interface em0 does not exist") == [
        "interface em0 does not exist"
    ]


def test_a_bridge_that_is_not_there_is_told_apart_from_a_port_that_is_not():
    step = AddMember(member="em9")
    assert refused(step, errno.ENXIO, "interface em0 does not exist") == [
        "interface em0 does not exist"
    ]
    assert refused(step, errno.ENXIO, "interface em9 does not exist") == [
        "BRDGADD em9: Device not configured",
        "\tinterface em9 does not exist",
    ]


def test_a_failure_without_a_number_has_the_daemons_words():
    assert refused(ADD, 0, "out of luck") == ["ioctl (SIOCAIFADDR): out of luck"]


@pytest.mark.parametrize(("line", "step"), [(None, None), (5, 0), (0, 7), (0, None)])
def test_a_failure_of_no_known_step_has_the_daemons_words(line: int | None, step: int | None):
    error = Refused("out of luck", code=1, line=line, step=step, errno=22)
    assert refusal([Line("em0", [ADD])], error) == (None, ["out of luck"])


def test_who_may_not_fails_at_the_first_step():
    assert not_permitted([Line("em0", []), Line("em0", [ADD])], "run as root") == [
        "ioctl (SIOCAIFADDR): permission denied",
        "\trun as root",
    ]
    assert not_permitted([], "run as root") == ["run as root"]
