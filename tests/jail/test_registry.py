import json
import os
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from carpio.errors import CarpioError, PlatformError
from carpio.jail.makers import myself
from carpio.jail.ports import Holder, MadeAlias, Record
from carpio.jail.registry import FileRegistry, state_directory


@pytest.fixture
def remarks() -> list[str]:
    return []


@pytest.fixture
def registry(tmp_path: Path, remarks: list[str]) -> FileRegistry:
    return FileRegistry(tmp_path / "state", remarks.append)


def test_a_record_comes_back_as_it_was(registry: FileRegistry):
    record = Record(
        jid=7,
        name="www",
        path="/jails/www",
        values={"ip4.addr": ("eth0|10.0.0.1",), "persist": True, "jid": 7, "path": "/jails/www"},
        holder=myself(),
        is_persistent=True,
        aliases=(
            MadeAlias(interface="eth0", family="inet", address="10.0.0.1", down=("eth0", "x")),
        ),
        interfaces=("epair0b",),
        details={"runtime": "crun"},
        maker=myself(),
    )
    registry.put(record)
    assert registry.find("www") == registry.find("7") == record
    assert list(registry.records()) == [record]


def test_files_are_for_root_alone(registry: FileRegistry, tmp_path: Path):
    registry.reserve("www", None, "/")
    state = tmp_path / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in state.iterdir()} == {0o600}
    assert sorted(each.name for each in state.iterdir()) == ["1.json", "last-jid", "lock"]


def test_a_directory_that_others_may_enter_is_refused(registry: FileRegistry, tmp_path: Path):
    (tmp_path / "state").mkdir(mode=0o755)
    with pytest.raises(PlatformError, match="others may enter"):
        registry.reserve("www", None, "/")


def test_a_jail_whose_holder_is_another_process_has_none(registry: FileRegistry):
    record = registry.reserve("www", None, "/")
    me = myself()
    registry.put(replace(record, holder=me))
    assert registry.find("www") is not None
    registry.put(replace(record, holder=Holder(pid=me.pid, started=me.started + 1)))
    found = registry.find("www")
    assert found is not None
    assert found.holder is None


def test_jids_count_on_and_begin_anew_after_the_last(registry: FileRegistry, tmp_path: Path):
    assert [registry.reserve(name, None, "/").jid for name in ("a", "b")] == [1, 2]
    registry.drop(registry.reserve("c", None, "/"))
    assert registry.reserve("d", None, "/").jid == 4
    (tmp_path / "state/last-jid").write_text("999998")
    assert registry.reserve("e", None, "/").jid == 999_999
    assert registry.reserve("f", None, "/").jid == 3
    assert registry.reserve("g", None, "/").jid == 5


def test_a_damaged_last_jid_is_no_reason_to_fail(registry: FileRegistry, tmp_path: Path):
    registry.reserve("a", None, "/")
    (tmp_path / "state/last-jid").write_text("nonsense")
    assert registry.reserve("b", None, "/").jid == 2


def test_a_name_or_number_is_taken_once(registry: FileRegistry):
    registry.reserve("www", 42, "/")
    with pytest.raises(CarpioError, match='"www" already exists'):
        registry.reserve("www", None, "/")
    with pytest.raises(CarpioError, match='"42" already exists'):
        registry.reserve("other", 42, "/")
    assert registry.reserve("", None, "/").name == "43"


def test_who_reserves_is_at_work(registry: FileRegistry):
    record = registry.reserve("www", None, "/")
    assert (record.holder, record.maker) == (None, myself())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"jid": 5}', "\xff", '{"jid": "x"}'])
def test_a_damaged_record_is_told_and_stops_nobody(
    registry: FileRegistry, tmp_path: Path, remarks: list[str], text: str
):
    good = registry.reserve("good", None, "/")
    damaged = tmp_path / "state/5.json"
    damaged.write_text(text)
    assert list(registry.records()) == [good]
    assert len(remarks) == 1
    assert remarks[0].startswith(f"{damaged}: damaged record")
    assert registry.find("5") is None


def test_a_record_under_another_number_is_damaged(
    registry: FileRegistry, tmp_path: Path, remarks: list[str]
):
    registry.reserve("good", None, "/")
    state = tmp_path / "state"
    (state / "9.json").write_text((state / "1.json").read_text())
    assert [each.jid for each in registry.records()] == [1]
    assert "holds the jail 1" in remarks[0]


def test_other_files_are_no_records(registry: FileRegistry, tmp_path: Path, remarks: list[str]):
    registry.reserve("a", None, "/")
    (tmp_path / "state/x.json").write_text("{}")
    (tmp_path / "state/1.d").mkdir()
    assert len(list(registry.records())) == 1
    assert remarks == []


def test_without_a_directory_there_are_no_jails(registry: FileRegistry):
    assert list(registry.records()) == []
    assert registry.find("www") is None
    assert registry.find("9" * 5000) is None


def test_the_lock_keeps_others_out_and_may_be_nested(registry: FileRegistry, tmp_path: Path):
    other = FileRegistry(tmp_path / "state", print)
    order: list[str] = []

    def reserve() -> None:
        other.reserve("second", None, "/")
        order.append("second")

    with registry.locked(), registry.locked():
        thread = threading.Thread(target=reserve)
        thread.start()
        registry.reserve("first", None, "/")
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_many_threads_get_numbers_of_their_own(registry: FileRegistry):
    taken: list[int] = []

    def reserve(number: int) -> None:
        taken.append(registry.reserve(f"jail{number}", None, "/").jid)

    threads = [threading.Thread(target=reserve, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 21))


def test_a_record_that_cannot_be_written_leaves_the_old_one(registry: FileRegistry, tmp_path: Path):
    record = registry.reserve("www", None, "/")
    before = (tmp_path / "state/1.json").read_bytes()
    (tmp_path / "state/1.json").unlink()
    (tmp_path / "state/1.json").mkdir()
    with pytest.raises(PlatformError, match="writing"):
        registry.put(record)
    assert not [name for name in os.listdir(tmp_path / "state") if name.startswith(".")]
    assert json.loads(before)["name"] == "www"


def test_what_a_killed_writer_left_is_written_over_and_goes_with_the_record(
    registry: FileRegistry, tmp_path: Path
):
    record = registry.reserve("www", None, "/")
    script = f"""
import os, signal
from pathlib import Path
from carpio.jail.registry import FileRegistry
Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
registry = FileRegistry(Path({str(tmp_path / "state")!r}), print)
registry.put(registry.find("www"))
"""
    for end in (registry.put, registry.drop):
        writer = subprocess.run((sys.executable, "-c", script), check=False)
        assert writer.returncode == -signal.SIGKILL
        left = [name for name in os.listdir(tmp_path / "state") if name.startswith(".")]
        assert len(left) == 1, "the writer was to be killed between writing and renaming"
        assert registry.find("www") == record
        end(record)
        assert not [name for name in os.listdir(tmp_path / "state") if name.startswith(".")]
    assert list(registry.records()) == []


def test_the_directory_can_be_another_one():
    assert state_directory({}) == Path("/run/carpio/jails")
    assert state_directory({"CARPIO_JAIL_STATE": "/x"}) == Path("/x")
