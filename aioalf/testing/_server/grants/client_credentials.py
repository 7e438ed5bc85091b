"""The client acts for itself (RFC 6749 §4.4)."""

from __future__ import annotations

from aioalf.testing._server import targets
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.mint import Members, Mint
from aioalf.testing.settings import Settings


class ClientCredentialsGrant:
    """An access token for a client that has proved who it is, and no refresh token (§4.4.3)."""

    name = "client_credentials"

    def __init__(self, settings: Settings, mint: Mint) -> None:
        self._settings = settings
        self._mint = mint

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        """OAuthError ``unauthorized_client`` for a public client."""
        if client.is_public:
            raise OAuthError("unauthorized_client", "A public client cannot act for itself.")
        authorization = Authorization(
            client_id=client.client_id,
            scope=client.grant(form.get("scope")),
            resources=targets.resources(self._settings, form),
            audience=targets.audience(self._settings, form),
        )
        return self._mint.access(authorization)
