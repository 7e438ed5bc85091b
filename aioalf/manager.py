"""The token manager: one valid token, however many callers.

It caches, joins and renews; it knows nothing of forms, of HTTP and of the requests that carry
the token.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from yarl import URL

from aioalf.client_auth import ClientAuth, ClientSecretBasic, Credentials
from aioalf.endpoint import Network, TokenEndpoint
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.grants import ClientCredentials, Grant
from aioalf.single_flight import FlightCancelledError, SingleFlight
from aioalf.token import Token, read_lifetime
from aioalf.token_response import Expected, read_token

__all__ = ("TokenError", "TokenHTTPError", "TokenManager")


class TokenManager:
    """Gets a token with the client credentials grant, and keeps it until it expires or is refused.

    ``http_options`` are keywords of aiohttp's ``request`` for token requests; ``scope`` is a string
    or a collection of strings. ``client_auth`` is HTTP Basic by default, ``grant`` client
    credentials. ``default_lifetime``, in seconds, stands for an ``expires_in`` that the server
    leaves out: without it such a token is used until it is refused. ``allow_narrower_scope`` takes
    a token with less scope than was asked for.

    No event loop is needed to make one, and it may be used in one loop after another. A subclass
    may override ``_get_token_data``, a coroutine that returns the members of a token response.
    Raises TokenConfigurationError for a URL or options that cannot work; what is missing is said
    on first use.
    """

    def __init__(
        self,
        token_endpoint: str | URL | None,
        client_id: str | None,
        client_secret: str | None,
        http_options: Mapping[str, Any] | None = None,
        scope: str | Collection[str] | None = None,
        *,
        client_auth: ClientAuth | None = None,
        grant: Grant | None = None,
        default_lifetime: float | None = None,
        allow_narrower_scope: bool = False,
    ) -> None:
        self._expected = Expected(
            None, _read_default_lifetime(default_lifetime), allow_narrower_scope
        )
        self._grant = ClientCredentials(scope) if grant is None else grant
        self._endpoint: TokenEndpoint | None = None
        if token_endpoint:
            self._endpoint = TokenEndpoint(
                token_endpoint,
                Credentials(client_id, client_secret),
                client_auth or ClientSecretBasic(),
                http_options=http_options,
                expected=self._expected,
            )
        self._token: Token | None = None
        self._generation = 0
        self._flight = SingleFlight[Token]()

    def peek(self) -> str | None:
        """Return the token in place, None when there is none that is valid."""
        token = self._token
        if token is not None and time.monotonic() < token._deadline:  # noqa: SLF001 - the hot path
            return token.access_token
        return None

    async def get_token(self) -> str:
        """Return a valid access token, asking the token endpoint when there is none.

        However many ask at once, one request is made, and each gets its token or an own copy of its
        error. A token that expires at once (``expires_in`` 0) serves those who waited for it, and
        nobody after. Raises TokenError.
        """
        token = self._token
        if token is not None and time.monotonic() < token._deadline:  # noqa: SLF001 - the hot path
            return token.access_token
        return (await self._obtain()).access_token

    async def renew_token(self, rejected: str) -> str:
        """Return a token to use in place of one that an API refused.

        When another is in place already, or on its way, it is that one: many refusals of one token
        make one request. Raises TokenError.
        """
        token = self._token
        if token is not None and token.access_token == rejected:
            self._token = None
        return await self.get_token()

    async def reset_token(self) -> None:
        """Forget the token; the next `get_token` asks for a new one.

        What is on its way already goes to those who wait for it and is not kept.
        """
        self._token = None
        self._generation += 1
        self._flight.abandon()

    async def close(self) -> None:
        """End a token request that is under way; who waits for it gets a TokenError."""
        self._generation += 1
        await self._flight.close()

    def use_network(self, network: Network) -> None:
        """Send token requests through the connector and proxy of the session that this returns."""
        if self._endpoint is not None:
            self._endpoint.network = network

    async def _obtain(self) -> Token:
        try:
            return await self._flight.run(self._renew)
        except FlightCancelledError:
            raise TokenError(
                "The token request was ended: the client was closed meanwhile"
            ) from None

    async def _renew(self) -> Token:
        generation = self._generation
        token = await self._fetch()
        if generation == self._generation:
            self._token = token
        return token

    async def _fetch(self) -> Token:
        sent_at = time.monotonic()
        data = await self._get_token_data()
        if isinstance(data, Token):
            return data
        return read_token(data, self._expected, sent_at=sent_at)

    async def _get_token_data(self) -> Token | Mapping[str, Any]:
        if self._endpoint is None:
            raise TokenConfigurationError(
                "Missing token endpoint: pass token_endpoint to Client or TokenManager"
            )
        return await self._grant.request_token(self._endpoint)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} token={self._token!r}>"


def _read_default_lifetime(seconds: float | None) -> int | None:
    try:
        return read_lifetime(seconds)
    except ValueError:
        raise TokenConfigurationError("default_lifetime must be a number of seconds") from None
