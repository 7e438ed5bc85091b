"""The revocation endpoint: a client is done with a token (RFC 7009).

Knows which tokens end together; knows nothing of how a token came to be.
"""

from __future__ import annotations

from aiohttp import web

from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import NO_STORE, OAuthError
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.refresh_tokens import RefreshTokenStore
from aioalf.testing._server.state.tokens import TokenStore


class RevocationEndpoint:
    """Ends an access token, or a refresh token and all that came of the same sign-in (§2.1)."""

    def __init__(self, tokens: TokenStore, refresh_tokens: RefreshTokenStore) -> None:
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """200, for an unknown token too (§2.2); OAuthError for another client's."""
        value = form.required("token")
        access, refresh = self._tokens.find(value), self._refresh_tokens.find(value)
        found = access or refresh
        if found is not None and found.authorization.client_id != client.client_id:
            raise OAuthError("unauthorized_client", "The token is another client's.")
        if refresh is not None:
            self._refresh_tokens.revoke_family(refresh.authorization.family)
        self._tokens.revoke(value)
        return web.Response(headers=NO_STORE)
