"""carpio decode over captures of real kernels, with and without a configuration."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from carpio.cli.exit_status import ExitStatus

CAPTURES = Path(__file__).parents[1] / "vectors" / "pcap"
ONE = str(CAPTURES / "freebsd13-s01-one-address.pcap")
MISMATCH = CAPTURES / "freebsd13-s15-mismatched-password"

KEYS = [
    "frame", "time", "family", "source", "ethernet_source", "ttl", "vhid", "advbase", "advskew",
    "counter", "verdict",
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path):
    def write(*groups: tuple[int, str, str, list[str]]) -> str:
        text = "".join(
            f'[[vhid]]\nid = {vhid}\ninterface = "{interface}"\npassphrase = "{secret}"\n'
            f"addresses = {json.dumps(addresses)}\n"
            for vhid, interface, secret, addresses in groups
        )
        (tmp_path / "c.toml").write_text(text)
        return "c.toml"

    return write


def test_without_a_configuration_all_is_unverified_and_that_is_no_finding(run) -> None:
    outcome = run("decode", ONE)
    assert outcome.exit_status is ExitStatus.DONE
    lines = outcome.stdout.splitlines()
    assert len(lines) == 6
    assert all(line.endswith(": unverified") for line in lines)
    assert " IPv4 10.77.0.2 (00:00:5e:00:01:01): vhid 1 advbase 1 advskew 0 counter " in lines[0]
    assert outcome.stderr == "6 packets of protocol 112: 6 unverified\n"


def test_json_is_one_object_a_line_with_the_keys_of_the_contract(run) -> None:
    outcome = run("decode", "--json", ONE)
    objects = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [list(each) for each in objects] == [KEYS] * 6
    assert objects[0]["source"] == "10.77.0.2"
    assert outcome.stderr == ""


def test_verdicts_agree_with_the_peer_whose_passphrase_was_wrong(run, config) -> None:
    name = config((1, "eth0", "secret", ["10.77.0.1/24"]))
    outcome = run("decode", "--config", name, "--json", f"{MISMATCH}.pcap")
    told = {each["frame"]: each["verdict"] for each in map(json.loads, outcome.stdout.splitlines())}
    measured = {
        frame["frame"]: "ok" if 0 in frame["hmac_matches_config"] else "badauth"
        for frame in json.loads(MISMATCH.with_suffix(".json").read_text())["frames"]
        if frame["kind"] == "carp"
    }
    assert set(measured.values()) == {"ok", "badauth"}
    assert told == measured
    assert outcome.exit_status is ExitStatus.FAILED


def test_the_same_vhid_on_two_interfaces_is_verified_by_either(run, config) -> None:
    name = config(
        (1, "eth0", "other", ["10.77.0.9/24"]),
        (1, "eth1", "secret", ["10.77.0.1/24"]),
        (2, "eth0", "secret", []),
    )
    outcome = run("decode", "--config", name, ONE)
    assert outcome.exit_status is ExitStatus.DONE
    assert outcome.stderr == "6 packets of protocol 112: 6 ok\n"


def test_a_vhid_that_is_not_configured_is_a_finding(run, config) -> None:
    outcome = run("decode", "--config", config((9, "eth0", "secret", ["10.77.0.1/24"])), ONE)
    assert outcome.exit_status is ExitStatus.FAILED
    assert outcome.stderr == "6 packets of protocol 112: 6 badvhid\n"


def test_a_packet_too_short_to_read_shows_question_marks(run, tmp_path: Path) -> None:
    ip = bytes.fromhex("45000016000040000170000001020304e0000012")  # 2 bytes of payload
    ethernet = bytes.fromhex("01005e00001200005e0001010800")
    frame = ethernet + ip[:8] + b"\xff" + ip[9:] + b"\x21\x07"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIII", 0, 0, len(frame), len(frame))
    (tmp_path / "short.pcap").write_bytes(head + record + frame)
    outcome = run("decode", "short.pcap")
    assert outcome.exit_status is ExitStatus.FAILED
    assert "1970-01-01 00:00:00.000000 IPv4 1.2.3.4" in outcome.stdout
    assert "vhid 7 advbase ? advskew ? counter ? ttl 255: badlen" in outcome.stdout


def test_a_capture_without_adverts_is_no_finding(run, tmp_path: Path) -> None:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    (tmp_path / "empty.pcap").write_bytes(head)
    outcome = run("decode", "empty.pcap")
    assert outcome.exit_status is ExitStatus.DONE
    assert outcome.stderr == "no packets of protocol 112\n"


@pytest.mark.parametrize("name", ["none.pcap", "text.pcap"])
def test_a_file_that_is_no_capture_fails_with_its_name(run, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.pcap").write_text("not a capture at all, just words")
    outcome = run("decode", name)
    assert outcome.exit_status is ExitStatus.FAILED
    assert name in outcome.stderr


def test_an_invalid_configuration_is_told_before_the_capture_is_read(run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("a = 1\n")
    assert run("decode", "--config", "c.toml", ONE).exit_status is ExitStatus.INVALID
