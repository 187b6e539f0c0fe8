"""Tables against their schema: one key at a time, so that every problem is found."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from carpio.config.problems import Place, Problems
from carpio.config.schema import Field

__all__ = ["decode_key", "decode_table", "refuse_unknown"]


def decode_table(
    fields: Sequence[Field],
    table: Mapping[str, Any],
    place_of: Callable[[str], Place],
    problems: Problems,
) -> dict[str, Any]:
    """Return the usable values of `table`; defaults are left out, as are values with problems."""
    values: dict[str, Any] = {}
    for field in fields:
        if field.name in table:
            value = decode_key(field, table[field.name], place_of(field.name), problems)
            if value is not None:
                values[field.name] = value
        elif field.required:
            problems.error(place_of(field.name), "is missing", f"add it: {field.expected}")
    return values


def decode_key(field: Field, value: object, place: Place, problems: Problems) -> Any:
    """Return `value` as the type of its field, or None and an error."""
    try:
        return msgspec.convert(value, type=field.type)
    except msgspec.ValidationError as error:
        what = "is not usable" if field.secret else f"{_shown(value)} is not usable"
        if not isinstance(value, str | int | float | bool):
            what = str(error).replace("`", "").replace("Expected", "expected")
        problems.error(place, what, f"write {field.expected}")
        return None


def refuse_unknown(
    table: Mapping[str, Any],
    known: Sequence[str],
    elsewhere: Mapping[str, str],
    place_of: Callable[[str], Place],
    problems: Problems,
) -> None:
    """Note each key that is not `known`; `elsewhere` says where keys of other tables belong."""
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
            problems.error(place_of(key), "unknown key", elsewhere.get(key, remedy))


def _shown(value: object) -> str:
    text = repr(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
