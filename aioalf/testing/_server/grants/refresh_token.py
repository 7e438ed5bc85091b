"""A refresh token becomes an access token, and where they rotate the next refresh token.

RFC 6749 §6, RFC 9700 §4.14.2.
"""

from __future__ import annotations

from aioalf.testing._server import targets
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.mint import Members, Mint
from aioalf.testing._server.state.refresh_tokens import RefreshTokenStore
from aioalf.testing.settings import Settings


class RefreshTokenGrant:
    """An access token for what was granted before, or for less of it."""

    name = "refresh_token"

    def __init__(self, settings: Settings, refresh_tokens: RefreshTokenStore, mint: Mint) -> None:
        self._settings = settings
        self._refresh_tokens = refresh_tokens
        self._mint = mint

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        """OAuthError ``invalid_grant`` for a refresh token that is not good, or no longer."""
        value = form.required("refresh_token")
        resources = targets.resources(self._settings, form)
        authorization = self._refresh_tokens.check(value, client.client_id)
        members = self._mint.access(authorization.narrowed(form.get("scope"), resources))
        if self._settings.rotate_refresh_tokens:
            members["refresh_token"] = self._refresh_tokens.rotate(value)
        return members
