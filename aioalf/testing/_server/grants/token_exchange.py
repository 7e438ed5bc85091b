"""A token becomes another one, for another place or on somebody's behalf (RFC 8693)."""

from __future__ import annotations

from aioalf.testing._server import targets
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import invalid_request
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.mint import Members, Mint
from aioalf.testing._server.state.subject_tokens import ACCESS_TOKEN_TYPE, SubjectTokens
from aioalf.testing.settings import Settings


class TokenExchangeGrant:
    """An access token for the subject of another token."""

    name = "urn:ietf:params:oauth:grant-type:token-exchange"

    def __init__(self, settings: Settings, subject_tokens: SubjectTokens, mint: Mint) -> None:
        self._settings = settings
        self._subject_tokens = subject_tokens
        self._mint = mint

    def __call__(self, client: RegisteredClient, form: Parameters) -> Members:
        """OAuthError ``invalid_request`` for a token that is not good (§2.2.2)."""
        if form.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
            raise invalid_request("Only access tokens are issued here.")
        subject_token = form.required("subject_token")
        subject_type = form.required("subject_token_type")
        authorization = Authorization(
            client_id=client.client_id,
            scope=client.grant(form.get("scope")),
            user=self._subject_tokens.subject(subject_token, subject_type),
            resources=targets.resources(self._settings, form),
            audience=targets.audience(self._settings, form),
            actor=self._actor(form),
        )
        return {**self._mint.access(authorization), "issued_token_type": ACCESS_TOKEN_TYPE}

    def _actor(self, form: Parameters) -> str | None:
        if ("actor_token" in form) != ("actor_token_type" in form):
            raise invalid_request("An actor token and its type come together (§2.1).")
        if "actor_token" not in form:
            return None
        return self._subject_tokens.subject(form["actor_token"], form["actor_token_type"])
