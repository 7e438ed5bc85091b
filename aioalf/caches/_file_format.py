"""What a file of the file cache holds: JSON that says what it is, whose, and until when.

Pure: the wall clock's time comes with the call.
"""

from __future__ import annotations

import json
import math
from typing import Final, cast

VERSION: Final = 1
FORMAT: Final = "aio-alf token cache"
LARGEST: Final = 2**24
"""How many bytes of a file are read; one with more is none of ours."""

_MEMBERS: Final = frozenset({"format", "version", "key", "expires_on", "value"})


class DamagedError(ValueError):
    """The bytes are no envelope, or another version's, or another key's."""


class OtherVersionError(DamagedError):
    """It is whole, and not for this version."""


def seal(key: str, value: str, expires_on: float | None) -> bytes:
    """Return a value with its key and when it ends, in seconds since 1970; None is never."""
    members = {
        "format": FORMAT,
        "version": VERSION,
        "key": key,
        "expires_on": expires_on,
        "value": value,
    }
    return json.dumps(members, allow_nan=False, separators=(",", ":")).encode("ascii")


def unseal(content: bytes, key: str, now: float) -> str | None:
    """Return the value, None when its time is over. Raises DamagedError, which quotes nothing."""
    match _members_of(content):
        case {"key": found, "value": str(value), "expires_on": expires_on} if found == key:
            return value if now < _time(expires_on) else None
        case _:
            raise DamagedError("it is another key's, or holds no text")


def _members_of(content: bytes) -> dict[str, object]:
    if len(content) > LARGEST:
        raise DamagedError("it is too large")
    try:
        found = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        raise DamagedError("it is empty, cut off or no JSON") from None
    members = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    if members.get("format") != FORMAT:
        raise DamagedError("it is no file of a token cache")
    if repr(members.get("version")) != repr(VERSION):
        raise OtherVersionError("another version of aio-alf wrote it")
    if members.keys() != _MEMBERS:
        raise DamagedError("it has other members than expected")
    return members


def _time(expires_on: object) -> float:
    if expires_on is None:
        return math.inf
    if isinstance(expires_on, bool) or not isinstance(expires_on, int | float):
        raise DamagedError("its time is no number")
    return expires_on
