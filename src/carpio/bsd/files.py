"""Files that people write for the BSD commands: text in UTF-8, and not without end."""

from __future__ import annotations

from typing import Final

from carpio.errors import CarpioError

__all__ = ["read_text_file"]

_LONGEST: Final = 1024 * 1024
"""Characters; the daemon takes no longer request."""


def read_text_file(name: str) -> str:
    """Return the text, without a byte order mark. Raises CarpioError."""
    try:
        with open(name, encoding="utf-8-sig") as opened:
            text = opened.read(_LONGEST + 1)
    except UnicodeDecodeError as error:
        raise CarpioError(f"{name}: not a text in UTF-8") from error
    except OSError as error:
        raise CarpioError(f"{name}: {error.strerror or error}") from error
    if len(text) > _LONGEST:
        raise CarpioError(f"{name}: longer than {_LONGEST} characters; split it")
    return text
