"""Scope as callers write it and as it is sent (RFC 6749 §3.3). Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from aioalf.errors import TokenConfigurationError

MAX_LIFETIME: Final = 2**31
"""The longest lifetime believed, in seconds: 68 years. A longer one is cut to it."""

_NUMBER: Final = r"[0-9]{1,300}(\.[0-9]{1,300})?"
_B64TOKEN: Final = r"[A-Za-z0-9\-._~+/]+=*"


def join_scope(scope: str | Collection[str] | None) -> str:
    """Return a scope as it is sent: each value once, in order, one space between; "" for none.

    Raises TokenConfigurationError for anything that is not text.
    """
    values = scope.split() if isinstance(scope, str) else (scope or ())
    if isinstance(values, set | frozenset):
        values = sorted(values)
    if not isinstance(values, Collection) or not all(isinstance(value, str) for value in values):
        raise TokenConfigurationError("scope must be a string or a collection of strings")
    return " ".join(dict.fromkeys(word for value in values for word in value.split()))


def scope_set(joined: str) -> frozenset[str] | None:
    """Return a joined scope as the set that it is, None for none."""
    return frozenset(joined.split()) or None


def read_lifetime(value: object) -> int | None:
    """Return an ``expires_in`` as whole seconds, cut to `MAX_LIFETIME`; None when not given.

    Servers send it as a number and as a string. Raises ValueError for anything that is not a finite
    number of seconds from 0 up.
    """
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expires_in is not a number of seconds")  # noqa: TRY004 - a server's value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expires_in is not a finite number of seconds")
    if value < 0:
        raise ValueError("expires_in is negative")
    return int(min(value, MAX_LIFETIME))


def is_sendable(text: str) -> bool:
    """Tell whether a text can be a parameter of a form: not empty, and UTF-8 has it."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:  # JSON can name halves of characters
        return False


def is_b64token(value: object) -> bool:
    """Tell whether a value can stand in a Bearer header (RFC 6750 §2.1): no space, no line end."""
    return isinstance(value, str) and re.fullmatch(_B64TOKEN, value) is not None


def check_seconds(name: str, value: float) -> float:
    """Return the value. Raises TokenConfigurationError for what is no finite time from 0 up."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise TokenConfigurationError(f"{name} must be a finite number of seconds from 0 up")
    return value


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return a ``Retry-After`` as seconds from now, from 0 up; None when it cannot be read."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
