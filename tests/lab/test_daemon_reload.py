"""Another configuration for a living daemon: nothing is lost that did not have to go."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from ipaddress import ip_interface

import pytest
from tests.helpers.life import Film, Node, config, group, lost, start, wait_for, write_config

from carpio.lab.flood import Flood
from carpio.lab.observe import Capture
from carpio.lab.probe import Probe
from carpio.lab.topology import SHARED_TARGETS, Lab
from carpio.wire.auth import Authenticator, Key
from carpio.wire.constants import CARP_LENGTH, Family
from carpio.wire.header import decode_advertisement
from carpio.wire.packet import Datagram, dissect

SHARED4, ADDED4 = "10.77.0.100/24", "10.77.0.101/24"
PASSPHRASE = "carpio life"


def reload_by_signal(node: Node) -> None:
    said = node.daemon.log.count("configuration read again")
    node.daemon.child.send(signal.SIGHUP)
    wait_for(lambda: node.daemon.log.count("configuration read again") > said, "reloaded")


def reload_by_command(node: Node) -> None:
    done = node.carpio("reload")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def digests_for(film: Film, *addresses: str) -> list[tuple[int, bool]]:
    """Return for each IPv4 advert of host a its time, and whether it was signed for a list."""
    listed = [ip_interface(address).ip for address in addresses]
    judge = Authenticator(Key.from_passphrase(PASSPHRASE), 1, listed)
    found = []
    for frame in film.frames:
        packet = dissect(frame.data) if frame.host == "a" else None
        if isinstance(packet, Datagram) and packet.family is Family.IPV4:
            header = decode_advertisement(packet.payload[:CARP_LENGTH])
            found.append((frame.time_ns, judge.verify(header.counter, header.digest)))
    return found


@pytest.mark.alone
@pytest.mark.parametrize("reload", [reload_by_signal, reload_by_command])
def test_address_comes_and_goes_on_a_living_master_without_a_lost_probe(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood], reload: Callable[[Node], None]
) -> None:
    with capture:
        node = start(lab["a"], config(group(SHARED4)))
        node.become_master()
        with flood(200), Probe(lab, (*SHARED_TARGETS[:1], "10.77.0.101")) as probe:
            time.sleep(0.5)
            write_config(lab["a"], config(group(SHARED4, ADDED4)))
            asked_ns = time.time_ns()
            reload(node)
            added_ns = time.time_ns()
            time.sleep(1.5)
            write_config(lab["a"], config(group(SHARED4)))
            removing_ns = time.time_ns()
            reload(node)
            removed_ns = time.time_ns()
            time.sleep(0.5)
    assert len(node.transitions()) == 2
    kept, added = probe.records.values()
    assert len(kept.sent) > 2000
    assert lost(kept) == []
    served = sorted(answered for answered in added.answered if answered)
    assert asked_ns < served[0] < added_ns + 1_200_000_000  # a client asks again once a second
    assert served[-1] < removed_ns
    film = Film(capture, SHARED4, ADDED4)
    with_both = [time_ns for time_ns, is_right in digests_for(film, SHARED4, ADDED4) if is_right]
    with_one = [time_ns for time_ns, is_right in digests_for(film, SHARED4) if is_right]
    assert with_both
    assert len(with_both) + len(with_one) == len(film.adverts("a"))
    assert asked_ns < with_both[0] < added_ns + 10_000_000
    assert with_both[-1] < removed_ns
    first_again = next(time_ns for time_ns in with_one if time_ns > removing_ns)
    assert first_again < removed_ns + 10_000_000
    assert film.wrong == []


def test_strict_freebsd_evaluates_anew_when_addresses_change(lab: Lab) -> None:
    node = start(lab["a"], config(group(SHARED4), strict_freebsd=True))
    node.become_master()
    node.reload(config(group(SHARED4, ADDED4), strict_freebsd=True))
    wait_for(lambda: len(node.transitions()) > 3, "the transitions are logged")
    assert node.transitions()[2:] == [
        "carp: 1@eth0: MASTER -> INIT (hardware interface up)",
        "carp: 1@eth0: INIT -> BACKUP (initialization complete)",
    ]


def test_group_comes_and_goes_beside_an_undisturbed_one(
    lab: Lab, capture: Capture, flood: Callable[[int], Flood]
) -> None:
    with capture:
        node = start(lab["a"], config(group(SHARED4)))
        node.become_master()
        with flood(100), Flood(lab, 100, ("10.77.0.101",), directory=lab["a"].directory):
            node.reload(config(group(SHARED4), group(ADDED4, vhid=2)))
            node.become_master("2@eth0")
            time.sleep(0.3)
            assert "00:00:5e:00:01:02" in lab["a"].run("ip", "-o", "link").stdout
            node.reload(config(group(SHARED4)))
            removed_ns = time.time_ns()
            time.sleep(0.3)
    assert [vhid["name"] for vhid in node.ask("status")["vhids"]] == ["1@eth0"]
    assert "00:00:5e:00:01:02" not in lab["a"].run("ip", "-o", "link").stdout
    assert "10.77.0.101" not in lab["a"].run("ip", "route", "show", "table", "all").stdout
    assert [line for line in node.transitions() if "1@eth0" in line] == node.transitions()[:2]
    assert node.transitions()[-1] == "carp: 2@eth0: MASTER -> INIT (vhid removed)"
    second = Film(capture, ADDED4, vhid=2)
    assert second.claims("a", before=removed_ns)
    assert second.claims("a", after=second.bow_outs("a")[0].time_ns) == []
    assert second.wrong == []
    first = Film(capture, SHARED4)
    assert len(first.claims("a")) > 20
    assert first.wrong == []


def test_last_group_can_be_removed_and_a_first_one_added(lab: Lab) -> None:
    node = start(lab["a"], config(group(SHARED4)))
    node.become_master()
    node.reload("")
    assert node.ask("status")["vhids"] == []
    node.reload(config(group(SHARED4)))
    node.become_master()


INVALID = config(group(SHARED4)).replace("advskew = 0", "advskew = 300")


def test_invalid_file_is_told_to_the_caller_and_changes_nothing(lab: Lab) -> None:
    node = start(lab["a"], config(group(SHARED4)))
    node.become_master()
    path = write_config(lab["a"], INVALID)
    done = node.carpio("reload")
    assert done.returncode == 2
    assert f"{path}:5: advskew:" in done.stderr
    assert "the running one stays in use" in done.stderr
    view = node.view()
    assert (view["state"], view["advskew"]) == ("MASTER", 0)


def test_invalid_file_at_sighup_is_logged_and_changes_nothing(lab: Lab) -> None:
    node = start(lab["a"], config(group(SHARED4)))
    node.become_master()
    path = write_config(lab["a"], INVALID)
    node.daemon.child.send(signal.SIGHUP)
    node.daemon.wait_for_log("the configuration is invalid; the running one stays in use")
    assert f"carpio: {path}:5: advskew:" in node.daemon.log
    view = node.view()
    assert (view["state"], view["advskew"]) == ("MASTER", 0)


def test_group_in_a_namespace_that_does_not_exist_waits_and_disturbs_nobody(lab: Lab) -> None:
    node = start(lab["a"], config(group(SHARED4)))
    node.become_master()
    node.reload(config(group(SHARED4), group(ADDED4, vhid=2, name="late", netns="nobody-made")))
    node.daemon.wait_for_log("its groups wait: .*nobody-made.*ip netns add")
    assert node.view("late")["state"] == "INIT"
    assert node.state() == "MASTER"
    assert node.daemon.terminate() == 0


def test_changed_skew_is_advertised_without_a_transition(lab: Lab, capture: Capture) -> None:
    with capture:
        node = start(lab["a"], config(group(SHARED4, advskew=0)))
        node.become_master()
        node.reload(config(group(SHARED4, advskew=50)))
        assert node.view()["effective_advskew"] == 50
        sent = node.view()["counters"]["opackets"]
        wait_for(lambda: node.view()["counters"]["opackets"] > sent, "the next advert", 3)
    assert len(node.transitions()) == 2
    skews = [heard.advert.advskew for heard in Film(capture).adverts("a")]
    assert skews[0] == 0
    assert skews[-1] == 50
