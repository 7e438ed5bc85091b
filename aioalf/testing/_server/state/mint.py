"""What the token endpoint says when it says yes: an access token, and what comes with it.

RFC 6749 §5.1. Knows who may have a refresh token; does not know why a grant was good.
"""

from __future__ import annotations

from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.refresh_tokens import RefreshTokenStore
from aioalf.testing._server.state.tokens import TokenStore
from aioalf.testing.settings import Json, Missing, Settings

Members = dict[str, "Json | Missing"]


class Mint:
    """Makes token responses."""

    def __init__(
        self, settings: Settings, tokens: TokenStore, refresh_tokens: RefreshTokenStore
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def access(self, authorization: Authorization) -> Members:
        """An access token alone."""
        token = self._tokens.issue(authorization)
        members: Members = {
            "access_token": token.access_token,
            "token_type": self._settings.token_type,
            "expires_in": token.expires_in,
        }
        if authorization.scope is not None:
            members["scope"] = authorization.scope
        return members

    def access_and_refresh(
        self, client: RegisteredClient, authorization: Authorization, resources: tuple[str, ...]
    ) -> Members:
        """An access token, with a refresh token if settings, client and scope allow.

        The access token is for the resources, the refresh token for all that was granted.
        """
        members = self.access(authorization.narrowed(None, resources))
        if self._is_offline(client, authorization):
            members["refresh_token"] = self._refresh_tokens.issue(authorization)
        return members

    def _is_offline(self, client: RegisteredClient, authorization: Authorization) -> bool:
        asked = "offline_access" in (authorization.scope or "").split(" ")
        is_asked = asked or not self._settings.offline_access_scope
        return self._settings.refresh_tokens and client.is_offline and is_asked
