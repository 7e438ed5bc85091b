"""The token endpoint: client credentials in, an access token out (RFC 6749 §3.2, §4.4).

Knows neither faults nor counters: what it is asked, it answers rightly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from aioalf.testing.client_authentication import authenticate
from aioalf.testing.forms import form_parameters, parameters
from aioalf.testing.oauth_error import NO_STORE, OAuthError, invalid_request
from aioalf.testing.settings import Json, Missing, Settings

if TYPE_CHECKING:
    from aioalf.testing.clients import ClientRegistry
    from aioalf.testing.records import ReceivedBody
    from aioalf.testing.tokens import IssuedToken, TokenStore


class TokenEndpoint:
    """Answers requests for a token."""

    def __init__(self, settings: Settings, clients: ClientRegistry, tokens: TokenStore) -> None:
        self._settings = settings
        self._clients = clients
        self._tokens = tokens

    def answer(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """The token response, or the refusal of RFC 6749 §5.2."""
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        try:
            return self._respond(self._issue(request, body))
        except OAuthError as refusal:
            return refusal.response()

    def _issue(self, request: web.Request, body: ReceivedBody) -> IssuedToken:
        form = form_parameters(request.headers.get("Content-Type", ""), body)
        if not form.keys().isdisjoint(parameters(request.query_string)):
            raise invalid_request("A parameter of the form is in the URL too.")
        if "client_secret" in request.query:
            raise invalid_request("The client secret must not be in the URL.")
        authorization = request.headers.getall("Authorization", [])
        client = authenticate(self._clients, self._settings, authorization, form)
        if "grant_type" not in form:
            raise invalid_request("grant_type is missing.")
        if form["grant_type"] != "client_credentials":
            raise OAuthError("unsupported_grant_type", "Only client_credentials is known here.")
        return self._tokens.issue(client.client_id, client.grant(form.get("scope")))

    def _respond(self, token: IssuedToken) -> web.Response:
        answer: dict[str, Json] = {
            "access_token": token.access_token,
            "token_type": self._settings.token_type,
        }
        if not isinstance(token.expires_in, Missing):
            answer["expires_in"] = token.expires_in
        if token.scope is not None:
            answer["scope"] = token.scope
        return web.json_response(answer, headers=NO_STORE)
