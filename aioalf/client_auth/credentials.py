"""Who a client is to the authorization server: its identifier and its secret (RFC 6749 §2.3).

It knows nothing of how they are sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn
from urllib.parse import quote_plus

from aioalf._callbacks import call_user_function
from aioalf._syntax import is_sendable
from aioalf.errors import TokenConfigurationError

ClientSecret = str | Callable[[], str | Awaitable[str]]
"""A client's secret, or what gives it: a coroutine function, or a plain one, which runs in a
thread. It is asked before each attempt at a request, so that a new secret needs no restart.
"""


class Credentials:
    """A client's identifier and secret; None is what was not given, or was not asked for yet.

    ``repr`` shows neither, and they cannot be pickled.
    """

    def __init__(self, client_id: str | None, client_secret: ClientSecret | None) -> None:
        self.client_id: str | None = client_id
        self.client_secret: str | None = None
        self._source: Callable[[], str | Awaitable[str]] | None = None
        if callable(client_secret):
            self._source = client_secret
        else:
            self.client_secret = client_secret

    def __repr__(self) -> str:
        return "<Credentials>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a client's credentials are a secret and are not pickled")

    async def current(self) -> Credentials:
        """Return the credentials as they are now, the secret asked for where it is a function.

        Raises TokenConfigurationError when that gives no text, TokenError when it raises.
        """
        if self._source is None:
            return self

        secret = await call_user_function("client_secret", self._source)
        if not isinstance(secret, str):
            raise TokenConfigurationError(
                f"client_secret must give text, and gave {type(secret).__name__}"
            )
        return Credentials(self.client_id, secret)

    def known(self) -> frozenset[str]:
        """Return what must not be shown: id, secret, and both as HTTP Basic joins them."""
        parts = [part for part in (self.client_id, self.client_secret) if part]
        return frozenset({*parts, ":".join(parts), ":".join(map(quote_plus, parts))} - {""})


def require_client_id(credentials: Credentials) -> str:
    """Return the id. Raises TokenConfigurationError when it is missing."""
    client_id = _text("client_id", credentials.client_id)
    if not client_id:
        raise TokenConfigurationError("Missing client_id: it is empty")
    return client_id


def require(credentials: Credentials) -> tuple[str, str]:
    """Return id and secret. Raises TokenConfigurationError naming the one that is missing."""
    return require_client_id(credentials), _text("client_secret", credentials.client_secret)


def _text(name: str, value: object) -> str:
    if value is None:
        raise TokenConfigurationError(f"Missing {name}: pass it to Client or TokenManager")
    if not isinstance(value, str) or (value and not is_sendable(value)):
        raise TokenConfigurationError(f"{name} must be text that UTF-8 can encode")
    return value
