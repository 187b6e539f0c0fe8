"""The four ways to give a passphrase, each to a key. Secrets never appear in what is returned
as text."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carpio.config.addresses import Unusable
from carpio.config.files import read_bounded
from carpio.wire.auth import Key
from carpio.wire.constants import KEY_LENGTH, PASSPHRASE_SIGNIFICANT

__all__ = ["NotReadable", "Secret", "from_credential", "from_file", "from_hex", "from_text"]

_FILE_LIMIT: Final = 4096
"""Bytes read of a file with a passphrase; far more than can count."""


class NotReadable(Unusable):
    """The secret may well be right, but this caller cannot read it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key, and what its owner should know about it."""

    key: Key
    warnings: tuple[str, ...] = ()


def from_text(passphrase: str) -> Secret:
    """Return the key of a passphrase as typed; an empty one is 20 zero bytes (R-027)."""
    raw = passphrase.encode()
    before_nul = raw.split(b"\0", 1)[0]
    warnings = []
    if len(before_nul) < len(raw):
        warnings.append("only what precedes its NUL byte counts")
    if len(before_nul) > PASSPHRASE_SIGNIFICANT:
        warnings.append(f"only its first {PASSPHRASE_SIGNIFICANT} of {len(before_nul)} bytes count")
    return Secret(Key.from_passphrase(passphrase), tuple(warnings))


def from_hex(digits: str) -> Secret:
    """Return the key of up to 20 raw bytes. Raises Unusable, without showing the digits."""
    remedy = f"write up to {KEY_LENGTH} bytes as pairs of hexadecimal digits"
    try:
        raw = bytes.fromhex(digits)
    except ValueError as error:
        raise Unusable("is not hexadecimal", remedy) from error
    if len(raw) > KEY_LENGTH:
        raise Unusable(f"is {len(raw)} bytes long", remedy)
    return Secret(Key.from_bytes(raw))


def from_file(path: Path) -> Secret:
    """Return the key of a passphrase in a file. Raises Unusable or NotReadable."""
    try:
        raw, mode = read_bounded(path, _FILE_LIMIT)
    except PermissionError as error:
        raise NotReadable(f"{path} cannot be read by you", "run as root") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unusable(f"{path} cannot be read: {reason}", "put the passphrase there") from error
    secret = from_text(_one_line(path, raw))
    extra = [f"{path} is empty: anybody can forge advertisements"] if not raw.strip() else []
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        extra.append(f"{path} can be read by others; chmod o-rwx {path}")
    return Secret(secret.key, (*secret.warnings, *extra))


def from_credential(name: str, environ: Mapping[str, str]) -> Secret:
    """Return the key of a systemd credential. Raises Unusable or NotReadable."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise Unusable(f"{name!r} cannot name a credential", "use the name in LoadCredential=")
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise NotReadable(
            f"credential {name!r} is there only for a service of systemd",
            f"add LoadCredential={name}:/path to the unit",
        )
    return from_file(Path(directory, name))


def _one_line(path: Path, raw: bytes) -> str:
    """Return the text without the one newline that editors add. Raises Unusable."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Unusable(f"{path} is not UTF-8 text", "use passphrase_hex for raw bytes") from error
    return text.removesuffix("\n").removesuffix("\r")
