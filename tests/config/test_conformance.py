"""What FreeBSD refuses with EINVAL is a problem of the configuration (R-140, R-141)."""

from __future__ import annotations

from pathlib import Path

import pytest

from carpio.config.load import load_config
from carpio.errors import ConfigError

GROUP = {"id": "1", "interface": '"eth0"', "passphrase": '"secret"'}


def write(tmp_path: Path, **changes: str) -> Path:
    path = tmp_path / "c.toml"
    lines = [f"{key} = {value}" for key, value in (GROUP | changes).items()]
    path.write_text("\n".join(("[[vhid]]", *lines, "")))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("id", value) for value in ("0", "256", "-1")),
        *(("advskew", value) for value in ("255", "-1")),
        *(("advbase", value) for value in ("256", "-1", "0")),
    ],
)
def test_r140_r141_a_number_outside_its_range_is_the_one_problem(
    tmp_path: Path, key: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, **{key: value}), environ={})
    (problem,) = caught.value.problems
    assert f": {key}: {value} is not usable; write a whole number, " in problem


@pytest.mark.parametrize(
    ("key", "value"),
    [("id", 1), ("id", 255), ("advskew", 0), ("advskew", 254), ("advbase", 1), ("advbase", 255)],
)
def test_r140_the_ends_of_the_ranges_are_usable(tmp_path: Path, key: str, value: int) -> None:
    (vhid,) = load_config(write(tmp_path, **{key: str(value)}), environ={}).vhids
    assert getattr(vhid.instance, {"id": "vhid"}.get(key, key)) == value


def test_r141_advbase_that_is_not_given_is_one_second(tmp_path: Path) -> None:
    (vhid,) = load_config(write(tmp_path), environ={}).vhids
    assert (vhid.instance.advbase, vhid.instance.advskew) == (1, 0)
