"""The client's identifier and secret (RFC 6749 §2.3).

This module must not know how they are sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote_plus

from aioalf._callbacks import call_user_function
from aioalf._masking import Unpicklable
from aioalf._syntax import is_sendable
from aioalf.errors import TokenConfigurationError

ClientSecret = str | Callable[[], str | Awaitable[str]]
"""A client secret, or a function that returns it.

The function is called for each attempt of a request, so a changed secret needs no restart. It may
be a coroutine function, or a plain function, which runs in a thread.
"""


class Credentials(Unpicklable):
    """A client's identifier and secret. ``repr`` shows neither.

    Attributes:
        client_id: The client identifier; None if it was not passed.
        client_secret: The client secret; None if it was not passed, or if it is a function that
            has not been called yet (see `current`).
    """

    __slots__ = ("_source", "client_id", "client_secret")

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

    @property
    def has_secret(self) -> bool:
        """Whether there is a secret that is not empty, or a function that returns one."""
        return bool(self.client_secret) or self._source is not None

    async def current(self) -> Credentials:
        """Return credentials that hold the secret itself; a secret function is called.

        Raises:
            TokenConfigurationError: The function returned something other than a string.
            TokenError: The function raised an exception.
        """
        if self._source is None:
            return self

        secret = await call_user_function("client_secret", self._source)
        if isinstance(secret, str):
            return Credentials(self.client_id, secret)
        found = type(secret).__name__
        del secret  # error reports show local variables
        raise TokenConfigurationError(
            f"The function passed as client_secret must return a string, but returned {found}"
        )

    def known(self) -> frozenset[str]:
        """Return the texts to mask in logs and errors: id, secret, and both joined as in Basic.

        The forms of the id are of the class `ClientIdText`.
        """
        parts = [part for part in (self.client_id, self.client_secret) if part]
        joined = (":".join(parts), ":".join(map(quote_plus, parts)))
        secrets = (self.client_secret, *joined) if self.client_secret else ()
        ids = (self.client_id, quote_plus(self.client_id)) if self.client_id else ()
        return frozenset((*secrets, *map(ClientIdText, ids)))


class ClientIdText(str):
    """A client id. It is masked in messages, but it is not a secret (RFC 6749 §2.2)."""

    __slots__ = ()


def require_client_id(client_id: str | None) -> str:
    """Return the client id. Raises TokenConfigurationError if it is missing or empty."""
    client_id = _text("client_id", client_id)
    if not client_id:
        raise TokenConfigurationError("Missing client_id: it is empty")
    return client_id


def require_id_and_secret(credentials: Credentials) -> tuple[str, str]:
    """Return client id and secret. Raises TokenConfigurationError that names the missing one."""
    client_id = require_client_id(credentials.client_id)
    return client_id, _text("client_secret", credentials.client_secret)


def _text(name: str, value: object) -> str:
    if value is None:
        raise TokenConfigurationError(f"Missing {name}: pass it to Client or TokenManager")
    if isinstance(value, str) and (not value or is_sendable(value)):
        return value
    del value  # error reports show local variables
    raise TokenConfigurationError(f"{name} must be text that UTF-8 can encode")
