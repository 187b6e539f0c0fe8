from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.lab_result import a_result

from carpio.errors import CarpioError
from carpio.lab.result import SCHEMA, read_result, write_result


def test_document_that_was_written_is_read_back_the_same(tmp_path: Path) -> None:
    write_result(a_result(), tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == a_result()


def test_document_of_another_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_result(replace(a_result(), schema=SCHEMA + 1), tmp_path / "result.json")
    with pytest.raises(CarpioError, match=r"schema 2, this carpio reads 1; play the scenario"):
        read_result(tmp_path / "result.json")


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}'])
def test_what_is_no_result_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(CarpioError, match=r"result\.json: not a result of the lab"):
        read_result(tmp_path / "result.json")


def test_missing_document_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CarpioError, match=r"result\.json: not a result of the lab"):
        read_result(tmp_path / "result.json")


def test_claims_are_counted_by_verdict_and_apart_from_traffic() -> None:
    assert a_result().count("wrong MAC") == 3
    assert a_result().count("wrong MAC", "right") == 103
    assert a_result().count("wrong MAC", traffic=True) == 1
