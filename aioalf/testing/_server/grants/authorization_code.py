"""A code of the login page becomes a token, once and with the right verifier.

RFC 6749 §4.1.3, RFC 7636 §4.6.
"""

from __future__ import annotations

from aioalf.testing._server import targets
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.codes import CodeStore
from aioalf.testing._server.state.mint import Members, Mint
from aioalf.testing.settings import Settings


class AuthorizationCodeGrant:
    """An access token for what a person agreed to, and a refresh token if there is to be one."""

    name = "authorization_code"

    def __init__(self, settings: Settings, codes: CodeStore, mint: Mint) -> None:
        self._settings = settings
        self._codes = codes
        self._mint = mint

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        """OAuthError ``invalid_grant`` for a code that is not good, or no longer."""
        authorization = self._codes.redeem(
            form.required("code"),
            client_id=client.client_id,
            redirect_uri=form.required("redirect_uri"),
            code_verifier=form.required("code_verifier"),
        )
        resources = targets.resources(self._settings, form)
        return self._mint.access_and_refresh(client, authorization, resources)
