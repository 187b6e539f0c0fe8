"""The table of keys says the same as the values that it documents."""

from __future__ import annotations

import dataclasses

import pytest

from carpio.config.model import DaemonConfig
from carpio.config.schema import NETNS, PASS_KEYS, TOP_LEVEL, VHID, Field, Kind
from carpio.core.model import InstanceConfig

_ALL = (*TOP_LEVEL, *VHID, *NETNS)


@pytest.mark.parametrize("field", TOP_LEVEL, ids=lambda field: field.name)
def test_the_defaults_of_the_top_level_are_those_of_the_model(field: Field) -> None:
    if field.name != "include":
        assert getattr(DaemonConfig(), field.name) == field.default


def test_the_defaults_of_a_group_are_those_of_the_model() -> None:
    defaults = {field.name: field.default for field in VHID if field.default is not None}
    model = {field.name: field.default for field in dataclasses.fields(InstanceConfig)}
    assert defaults == {name: model[name] for name in defaults}


@pytest.mark.parametrize("field", _ALL, ids=lambda field: field.name)
def test_each_key_is_documented_with_range_and_default(field: Field) -> None:
    assert field.doc.endswith(".")
    assert (field.low is None) is (field.kind is not Kind.INTEGER)
    assert field.required or field.shown_default or field.name in PASS_KEYS


def test_names_are_unique_within_a_table() -> None:
    for table in (TOP_LEVEL, VHID, NETNS):
        assert len({field.name for field in table}) == len(table)
