"""Files as they are: bytes, patterns, what is too long."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from carpio.jail.files import STDIN, RealFiles


def test_bytes_that_are_no_text_and_line_ends_are_kept(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a\r\n\xff")
    assert RealFiles(io.StringIO()).read(str(tmp_path / "f")) == "a\r\n\udcff"


def test_standard_input_has_a_name_of_its_own() -> None:
    assert RealFiles(io.StringIO("x")).read(STDIN) == "x"
    strict = io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8")
    with pytest.raises(OSError, match="not text in UTF-8"):
        RealFiles(strict).read(STDIN)


def test_what_never_ends_is_too_long() -> None:
    with pytest.raises(OSError) as caught:
        RealFiles(io.StringIO()).read("/dev/zero")
    assert caught.value.errno == errno.EFBIG


def test_patterns_give_paths_in_order(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", "c"):
        (tmp_path / name).touch()
    found = RealFiles(io.StringIO()).matching(f"{tmp_path}/*.conf")
    assert found == [f"{tmp_path}/a.conf", f"{tmp_path}/b.conf"]
