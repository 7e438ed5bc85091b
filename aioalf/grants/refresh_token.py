"""The refresh token grant, for a refresh token from elsewhere (RFC 6749 §6)."""

from __future__ import annotations

from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedStr
from aioalf._masking import Unpicklable
from aioalf._secret_source import (
    SecretSource,
    check_secret_source,
    secret_value,
)
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token


class RefreshToken(Unpicklable):
    """Request tokens with a refresh token that the program already has.

    Each refresh token is sent once. If the server rotates refresh tokens, the client continues with
    the new one from each response, and the given one is no longer valid.

    Args:
        token: The refresh token, or a sync or async function that returns it.

    Raises:
        TokenConfigurationError: `token` is neither a non-empty string nor a function.
    """

    name = "refresh_token"
    can_begin = False
    is_interactive = False
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset()
    subject_key: str | None = None

    @hide_locals_on_error
    def __init__(self, token: SecretSource) -> None:
        self._token = check_secret_source("token", token)

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the token for the refresh token. Raises TokenError."""
        refresh_token = MaskedStr(await self.refresh_token())
        return await server.request({"grant_type": self.name, "refresh_token": refresh_token})

    async def refresh_token(self) -> str:
        """Return the given refresh token. Raises TokenError."""
        return await secret_value("token", self._token)
