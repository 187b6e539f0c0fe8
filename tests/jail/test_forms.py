"""Whole calls of jail on a host on paper: what is done and said, in order, and the status."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.jail_runs import FakeRun, Session, read_sessions

RUNS = Path(__file__).parent / "transcripts" / "runs"
ALL = [one for file in sorted(RUNS.glob("*.txt")) for one in read_sessions(file)]


def place_of(session: Session) -> str:
    return f"{session.place} {session.title}"


@pytest.mark.parametrize("session", ALL, ids=place_of)
def test_a_call_does_and_says_what_its_transcript_tells(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in session.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    run = FakeRun()
    found: list[str] = []
    for mark, text in session.script:
        if mark == "%":
            run.prepare(text)
            found.append(f"% {text}")
        elif mark == "$":
            command, *argv = text.split(" ") if "'" not in text else split(text)
            assert command == "jail"
            status, lines = run.jail(*argv)
            found += [f"$ {text}", *lines, f"= {status}"]
    assert found == [f"{mark} {text}" for mark, text in session.script]


def split(text: str) -> list[str]:
    import shlex

    return shlex.split(text)
