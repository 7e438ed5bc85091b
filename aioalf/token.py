"""`Token`: an immutable access token with its expiry on two clocks.

In memory a token expires by a monotonic clock, counted from just before its request was sent. The
clock goes on while the machine is suspended. For users and caches the token also has a wall-clock
time. The module must not know how tokens are fetched.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import NoReturn

from aioalf._error_frames import hide_locals_on_error
from aioalf._syntax import MAX_LIFETIME, read_lifetime
from aioalf.errors import TokenError, TokenHTTPError, TokenResponseError

__all__ = ("MAX_LIFETIME", "Token", "TokenError", "TokenHTTPError", "TokenResponseError")


def _find_expiry_clock() -> Callable[[], float]:
    names = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}
    number: int | None = getattr(time, names.get(sys.platform, ""), None)
    if number is None:
        return time.monotonic
    clock = partial(time.clock_gettime, number)
    try:
        clock()
    except OSError:  # the kernel, or a sandbox, does not know this clock
        return time.monotonic
    return clock


expiry_clock: Callable[[], float] = _find_expiry_clock()
"""Returns the seconds of a monotonic clock that goes on while the machine is suspended.

On Linux and macOS, `time.monotonic` stands still then."""

_NO_MEMBERS: Mapping[str, object] = MappingProxyType({})


class Token:
    """An access token and the other members of its token response (RFC 6749 §5.1).

    A token is immutable, its ``repr`` does not show it, and it cannot be pickled.

    Args:
        access_token: The access token, or "".
        expires_in: The lifetime in seconds, reduced to whole seconds and at most 68 years. None if
            the server did not send one: the token is then used until an API rejects it.
        token_type: The token type (RFC 6749 §7.1).
        refresh_token: The refresh token of the same response, or None (RFC 6749 §1.5).
        scope: The granted scope, or None if it is unknown. Requested scopes that the server is
            known to leave out, such as ``offline_access``, belong to it.
        missing_scope: The requested scopes that were not granted.
        extra: The other members of the response.
        sent_at: When the token request was sent, by `time.monotonic`; minus infinity if that is
            unknown. Default: now.
        sent_on: When the token request was sent, as an aware datetime. Default: now.

    Attributes:
        expires_on: When the token expires, as an aware UTC datetime; None without ``expires_in``.
        deadline: When the token expires, by a monotonic clock that goes on while the machine is
            suspended; infinity without ``expires_in``.

    Raises:
        ValueError: ``expires_in`` is not a finite number of seconds, 0 or more.
    """

    access_token: str
    token_type: str
    expires_in: int | None
    expires_on: datetime | None
    refresh_token: str | None
    scope: frozenset[str] | None
    missing_scope: frozenset[str]
    extra: Mapping[str, object]
    sent_at: float
    deadline: float

    @hide_locals_on_error
    def __init__(
        self,
        access_token: str = "",
        expires_in: float | str | None = 0,
        *,
        token_type: str = "Bearer",
        refresh_token: str | None = None,
        scope: frozenset[str] | None = None,
        missing_scope: frozenset[str] = frozenset(),
        extra: Mapping[str, object] | None = None,
        sent_at: float | None = None,
        sent_on: datetime | None = None,
    ) -> None:
        lifetime = read_lifetime(expires_in)
        sent_at = time.monotonic() if sent_at is None else sent_at
        sent_on = datetime.now(UTC) if sent_on is None else sent_on
        expires_on = None if lifetime is None else sent_on + timedelta(seconds=lifetime)
        put = object.__setattr__  # an assignment is refused
        put(self, "access_token", access_token)
        put(self, "token_type", token_type)
        put(self, "expires_in", lifetime)
        put(self, "expires_on", expires_on)
        put(self, "refresh_token", refresh_token)
        put(self, "scope", scope)
        put(self, "missing_scope", missing_scope)
        put(self, "extra", MappingProxyType(dict(extra)) if extra else _NO_MEMBERS)
        put(self, "sent_at", sent_at)
        put(self, "deadline", math.inf if lifetime is None else sent_at + lifetime + _suspended())

    def is_valid(self) -> bool:
        """Return whether there is an access token that has not expired."""
        return bool(self.access_token) and expiry_clock() < self.deadline

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Token is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Token is immutable: {name} cannot be deleted")

    def __repr__(self) -> str:
        return f"<Token {self.token_type} expires_on={self.expires_on} scope={self.scope}>"

    def __copy__(self) -> Token:
        return self

    def __deepcopy__(self, memo: object) -> Token:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("Token holds a secret, so it is not pickled; store token.access_token")


def _suspended() -> float:
    """Return the seconds for which the machine was suspended since it started; less than 1 is 0."""
    seconds = expiry_clock() - time.monotonic()
    return seconds if seconds >= 1 else 0.0
