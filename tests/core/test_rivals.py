from ipaddress import ip_address

from tests.helpers.builders import group, payload_of, seconds

from carpio.core.model import RivalView
from carpio.core.rivals import Rivals
from carpio.wire.header import decode_advertisement

HEADER = decode_advertisement(payload_of(group(), advbase=2, advskew=7, demote=3))


def test_nobody_was_heard_at_first():
    assert Rivals().views() == ()
    assert Rivals().last_heard() is None


def test_a_rival_is_shown_as_last_heard():
    rivals = Rivals()
    source = ip_address("10.0.0.12")
    rivals.note(source, decode_advertisement(payload_of(group())), seconds(1))
    rivals.note(source, HEADER, seconds(2))
    view = RivalView(source=source, advbase=2, advskew=7, heard_at=seconds(2), demote=3)
    assert rivals.views() == (view,)
    assert rivals.last_heard() == seconds(2)


def test_the_latest_come_first_and_only_eight_are_kept():
    rivals = Rivals()
    for number in range(10):
        rivals.note(ip_address("10.0.0.0") + number, HEADER, seconds(number))
    rivals.note(ip_address("10.0.0.5"), HEADER, seconds(10))
    last = [str(view.source) for view in rivals.views()]
    assert last == [f"10.0.0.{number}" for number in (5, 9, 8, 7, 6, 4, 3, 2)]


def test_families_do_not_mix():
    rivals = Rivals()
    rivals.note(ip_address("0.0.0.0"), HEADER, seconds(1))
    rivals.note(ip_address("::"), HEADER, seconds(2))
    assert len(rivals.views()) == 2
