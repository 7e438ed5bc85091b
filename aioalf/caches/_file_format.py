"""The format of a cache file: JSON with a format name, a version, the key, the expiry, the value.

Pure: the caller passes the current time.
"""

from __future__ import annotations

import json
import math
from typing import Final, cast

VERSION: Final = 1
FORMAT: Final = "aio-alf token cache"
MAX_BYTES: Final = 2**24
"""Maximum size of a cache file. A larger file is treated as damaged."""

_MEMBERS: Final = frozenset({"format", "version", "key", "expires_on", "value"})


class DamagedError(ValueError):
    """The content is not a cache file for this key. The message quotes nothing of the content."""


class OtherVersionError(DamagedError):
    """The file is intact, but another version of aio-alf wrote it."""


def encode(key: str, value: str, expires_on: float | None) -> bytes:
    """Return the content of a cache file.

    `expires_on` is in seconds since the epoch; None if the value does not expire.
    """
    members = {
        "format": FORMAT,
        "version": VERSION,
        "key": key,
        "expires_on": expires_on,
        "value": value,
    }
    return json.dumps(members, allow_nan=False, separators=(",", ":")).encode("ascii")


def decode(content: bytes, key: str, now: float) -> str | None:
    """Return the value of a cache file; None if it has expired. Raises DamagedError."""
    match _read_members(content):
        case {"key": found, "value": str(value), "expires_on": expires_on} if found == key:
            return value if now < _read_time(expires_on) else None
        case _:
            raise DamagedError("it belongs to another key, or its value is not text")


def _read_members(content: bytes) -> dict[str, object]:
    if len(content) > MAX_BYTES:
        raise DamagedError("it is too large")
    try:
        found = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        raise DamagedError("it is empty, truncated or not JSON") from None
    members = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    if members.get("format") != FORMAT:
        raise DamagedError("it is not a token cache file")
    if repr(members.get("version")) != repr(VERSION):
        raise OtherVersionError("another version of aio-alf wrote it")
    if members.keys() != _MEMBERS:
        raise DamagedError("it has missing or unknown members")
    return members


def _read_time(expires_on: object) -> float:
    if expires_on is None:
        return math.inf
    if isinstance(expires_on, bool) or not isinstance(expires_on, int | float):
        raise DamagedError("its expiry is not a number")
    return expires_on
