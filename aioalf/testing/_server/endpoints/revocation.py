"""The revocation endpoint (RFC 7009)."""

from __future__ import annotations

from aiohttp import web

from aioalf.testing._server.parameters import Parameters
from aioalf.testing._server.responses import NO_STORE, OAuthError
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.tokens import AccessTokenStore, RefreshTokenStore


class RevocationEndpoint:
    """Revokes an access token, or a refresh token with every token of its sign-in (§2.1)."""

    def __init__(self, tokens: AccessTokenStore, refresh_tokens: RefreshTokenStore) -> None:
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """Revoke a token; raise OAuthError if it belongs to another client.

        An unknown token gets 200 too (§2.2).
        """
        value = form.required("token")
        access, refresh = self._tokens.find(value), self._refresh_tokens.find(value)
        found = access or refresh
        if found is not None and found.authorization.client_id != client.client_id:
            raise OAuthError("unauthorized_client", "The token belongs to another client.")
        if refresh is not None:
            self._refresh_tokens.revoke_family(refresh.authorization.family)
        self._tokens.revoke(value)
        return web.Response(headers=NO_STORE)
