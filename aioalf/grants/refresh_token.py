"""The refresh token grant, for a refresh token that was got elsewhere (RFC 6749 §6)."""

from __future__ import annotations

from aioalf._redaction import Unpicklable
from aioalf.grants._secret_source import (
    SecretSource,
    check_secret_source,
    secret_value,
)
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token


class RefreshToken(Unpicklable):
    """Ask with a refresh token, a text or a callable that returns it; each time it is sent once.

    A server that rotates refresh tokens answers with the one that counts from then on, which the
    client goes on with; the one that was given is good for nothing then. Raises
    TokenConfigurationError for what is no text.
    """

    name = "refresh_token"
    can_begin = False
    keeps_refresh_token = True

    def __init__(self, token: SecretSource) -> None:
        self._token = check_secret_source("token", token)

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token for the refresh token. Raises TokenError."""
        refresh_token = await self.refresh_token()
        return await endpoint.request({"grant_type": self.name, "refresh_token": refresh_token})

    async def refresh_token(self) -> str:
        """Return the refresh token that was given. Raises TokenError."""
        return await secret_value("token", self._token)
