"""Token responses: an access token, and a refresh token if settings and client allow it.

RFC 6749 §5.1. Must not know grants.
"""

from __future__ import annotations

from aioalf.testing._server.state.authorization import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.tokens import AccessTokenStore, RefreshTokenStore
from aioalf.testing.settings import Json, Missing, Settings

Members = dict[str, "Json | Missing"]
"""The members of a JSON response."""


class TokenIssuer:
    """Issues tokens and returns the members of the token response."""

    def __init__(
        self, settings: Settings, tokens: AccessTokenStore, refresh_tokens: RefreshTokenStore
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def access_token(self, authorization: Authorization) -> Members:
        """Issue an access token only."""
        token = self._tokens.issue(authorization)
        members: Members = {
            "access_token": token.value,
            "token_type": self._settings.token_type,
            "expires_in": token.expires_in,
        }
        if authorization.scope is not None:
            members["scope"] = authorization.scope
        return members

    def access_and_refresh_token(
        self, client: RegisteredClient, authorization: Authorization, resources: tuple[str, ...]
    ) -> Members:
        """Issue an access token for the resources, and a refresh token for the whole grant.

        The refresh token is left out if settings, client or scope do not allow it.
        """
        members = self.access_token(authorization.narrowed(None, resources))
        if self._allows_refresh_token(client, authorization):
            members["refresh_token"] = self._refresh_tokens.issue(authorization)
        return members

    def _allows_refresh_token(self, client: RegisteredClient, authorization: Authorization) -> bool:
        has_scope = "offline_access" in (authorization.scope or "").split(" ")
        scope_allows = has_scope or not self._settings.offline_access_scope
        is_wanted = authorization.is_offline and client.can_have_refresh_tokens
        return self._settings.refresh_tokens and is_wanted and scope_allows
