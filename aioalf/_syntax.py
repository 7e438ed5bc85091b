"""Parses and checks values that OAuth and HTTP define: scope, lifetimes, tokens, Retry-After.

Pure functions. They know the grammar of single values, not requests or responses.
"""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, cast

from aioalf.errors import TokenConfigurationError

MAX_LIFETIME: Final = 2**31
"""The longest lifetime of a token, in seconds (68 years). Longer ones are reduced to it."""

_DECIMAL_NUMBER: Final = r"[0-9]{1,300}(\.[0-9]{1,300})?"
_VISIBLE_ASCII: Final = r"[!-~]+"


def join_scope(scope: str | Collection[str] | None) -> str:
    """Return a scope in the form to send: unique values separated by spaces (RFC 6749 §3.3).

    Sets are sorted; None and empty collections give "". Raises TokenConfigurationError if a value
    is not a string.
    """
    values = scope.split() if isinstance(scope, str) else (scope or ())
    if not isinstance(values, Collection) or not all(isinstance(value, str) for value in values):
        raise TokenConfigurationError(
            f"scope must be a string or a collection of strings, not {type_of(scope)}"
        )
    if isinstance(values, set | frozenset):
        values = sorted(values)
    return " ".join(dict.fromkeys(word for value in values for word in value.split()))


def type_of(value: object) -> str:
    """Return the type of a value and of its items, for error messages: ``list of int and str``."""
    kind = _kind(value)
    if isinstance(value, str | bytes) or not isinstance(value, Collection):
        return kind
    items = cast("Collection[object]", value)
    if isinstance(value, Mapping):
        items = [*items, *cast("Mapping[object, object]", value).values()]
    kinds = " and ".join(sorted({_kind(item) for item in items}))
    return f"{kind} of {kinds or 'nothing'}"


def number_or_type(value: object) -> str:
    """Return a number or None as text, and the type of another value, which may be a secret."""
    return repr(value) if value is None or isinstance(value, int | float) else type_of(value)


def _kind(value: object) -> str:
    return "''" if value == "" else type(value).__name__


def scope_set(joined: str) -> frozenset[str] | None:
    """Return the values of a joined scope, or None if it is empty."""
    return frozenset(joined.split()) or None


def read_lifetime(value: object) -> int | None:
    """Return ``expires_in`` in whole seconds, at most `MAX_LIFETIME`; None if `value` is None.

    Servers send it as a number or as a string. Raises ValueError if it is not a finite number of
    seconds, 0 or more.
    """
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(_DECIMAL_NUMBER, value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expires_in is not a number of seconds")  # noqa: TRY004 - a wrong value, not a wrong call
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expires_in is not a finite number of seconds")
    if value < 0:
        raise ValueError("expires_in is negative")
    return int(min(value, MAX_LIFETIME))


def base64url(octets: bytes) -> str:
    """Return octets in base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def is_sendable(text: str) -> bool:
    """Return whether a text can be sent in a form: it is not empty and UTF-8 can encode it."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:  # JSON may contain lone surrogates
        return False


def is_visible_ascii(value: object) -> bool:
    """Return whether a value is a text of visible ASCII characters, and so a possible token.

    Such a text cannot split a header. Servers use more characters than ``b64token`` has
    (RFC 6749 App. A.12, RFC 6750 §2.1).
    """
    return isinstance(value, str) and re.fullmatch(_VISIBLE_ASCII, value) is not None


def check_seconds(name: str, value: float) -> float:
    """Return the value of an option. Raises TokenConfigurationError if it is not valid seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise TokenConfigurationError(
            f"{name} must be a finite number of seconds, 0 or more, not {number_or_type(value)}"
        )
    return value


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return a ``Retry-After`` header as seconds from now, 0 or more; None if it is invalid.

    The header holds seconds or a date (RFC 9110 §10.2.3). `now` is an aware datetime.
    """
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
