"""What a method of client authentication is, and the credentials it works with (RFC 6749 §2.3).

It knows nothing of grants and of sending.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NoReturn, Protocol
from urllib.parse import quote_plus

from aioalf.errors import TokenConfigurationError

if TYPE_CHECKING:
    from ssl import SSLContext

ClientSecret = str | Callable[[], str | Awaitable[str]]
"""A client's secret, or what gives it: a coroutine function, or a plain one, which runs in a
thread. It is asked before each attempt at a request, so that a new secret needs no restart.
"""

FormInMaking = dict[str, str | tuple[str, ...]]
"""The parameters of a request that is being put together."""


class Credentials:
    """A client's identifier and secret; None is what was not given, or was not asked for yet.

    ``repr`` shows neither, and they cannot be pickled.
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

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a client's credentials are a secret and are not pickled")

    async def current(self) -> Credentials:
        """Return the credentials as they are now, the secret asked for where it is a function.

        Raises TokenConfigurationError when that gives no text, TokenError when it raises.
        """
        if self._source is None:
            return self
        from aioalf.callables import outcome  # noqa: PLC0415 - few need it

        secret = await outcome("client_secret", self._source)
        if not isinstance(secret, str):
            raise TokenConfigurationError(
                f"client_secret must give text, and gave {type(secret).__name__}"
            )
        return Credentials(self.client_id, secret)

    def known(self) -> frozenset[str]:
        """Return what must not be shown: id, secret, and both as HTTP Basic joins them."""
        parts = [part for part in (self.client_id, self.client_secret) if part]
        return frozenset({*parts, ":".join(parts), ":".join(map(quote_plus, parts))} - {""})


class ClientAuth(Protocol):
    """One method of client authentication."""

    @property
    def method(self) -> str:
        """Its name in a server's metadata (RFC 8414 §2)."""
        ...

    @property
    def ssl_context(self) -> SSLContext | None:
        """What connections are made with that prove who the client is; None for all others."""
        ...

    async def authenticate(
        self, credentials: Credentials, form: FormInMaking, audience: str
    ) -> Mapping[str, str]:
        """Return the header fields that authenticate the request; its form gets what belongs there.

        `audience` is who the proof is for: the issuer, or the token endpoint where none is known.
        Raises TokenConfigurationError when the credentials do not serve for this method.
        """
        ...


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
    if not isinstance(value, str) or not _is_utf8(value):
        raise TokenConfigurationError(f"{name} must be text that UTF-8 can encode")
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
