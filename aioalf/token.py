"""A token: one immutable value with the two clocks it is judged by.

In memory it lives by the monotonic clock, counted from just before its request was sent;
for people and for stores it carries the wall clock. It knows nothing of how it was got.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NoReturn

from aioalf._syntax import MAX_LIFETIME, read_lifetime
from aioalf.errors import TokenError, TokenHTTPError, TokenResponseError

__all__ = ("MAX_LIFETIME", "Token", "TokenError", "TokenHTTPError", "TokenResponseError")


_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class Token:
    """An access token and what is known of it (RFC 6749 §5.1).

    ``expires_in`` is the lifetime in whole seconds, None when the server did not say: then the
    token is used until it is refused. ``expires_on`` is the same as an aware UTC datetime.
    ``refresh_token`` came with it, None where none did (§1.5). ``scope`` is the granted set, None
    when unknown; ``extra`` holds the response's other members.
    ``sent_at`` (``time.monotonic()``) and ``sent_on`` say when the request for it left, by default
    now. ``repr`` shows no token, and it cannot be pickled. Raises ValueError for a lifetime that is
    none.
    """

    access_token: str
    token_type: str
    expires_in: int | None
    expires_on: datetime | None
    refresh_token: str | None
    scope: frozenset[str] | None
    extra: Mapping[str, object]
    deadline: float

    def __init__(
        self,
        access_token: str = "",
        expires_in: float | str | None = 0,
        *,
        token_type: str = "Bearer",  # noqa: S107 - a type is no secret
        refresh_token: str | None = None,
        scope: frozenset[str] | None = None,
        extra: Mapping[str, object] | None = None,
        sent_at: float | None = None,
        sent_on: datetime | None = None,
    ) -> None:
        lifetime = read_lifetime(expires_in)
        monotonic = time.monotonic() if sent_at is None else sent_at
        wall = datetime.now(UTC) if sent_on is None else sent_on
        put = object.__setattr__
        put(self, "access_token", access_token)
        put(self, "token_type", token_type)
        put(self, "expires_in", lifetime)
        put(self, "expires_on", None if lifetime is None else wall + timedelta(seconds=lifetime))
        put(self, "refresh_token", refresh_token)
        put(self, "scope", scope)
        put(self, "extra", MappingProxyType(dict(extra)) if extra else _NOTHING)
        put(self, "deadline", math.inf if lifetime is None else monotonic + lifetime)

    def is_valid(self) -> bool:
        """Tell whether there is a token and its lifetime has not run out."""
        return bool(self.access_token) and time.monotonic() < self.deadline

    def __repr__(self) -> str:
        return f"<Token {self.token_type} expires_on={self.expires_on} scope={self.scope}>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a token does not change: cannot set {name!r}; make a new Token")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a token does not change: cannot delete {name!r}")

    def __copy__(self) -> Token:
        return self

    def __deepcopy__(self, memo: object) -> Token:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "a token is a secret and is not pickled; store token.access_token where you must"
        )
