"""Authorization requests that a client has handed in before: each used once (RFC 9126).

Reads one monotonic clock; knows neither pages nor redirects.
"""

from __future__ import annotations

import math
import secrets
import time

from aiohttp import web

from aioalf.testing._server.answers import json_answer
from aioalf.testing._server.endpoints.authorization_request import AuthorizationRequest
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import invalid_request
from aioalf.testing._server.state.clients import ClientRegistry, RegisteredClient
from aioalf.testing.settings import Json, Missing, Settings

_PREFIX = "urn:ietf:params:oauth:request_uri:"


class PushedRequests:
    """Takes requests from clients, and gives them back to the login page."""

    def __init__(self, settings: Settings, clients: ClientRegistry) -> None:
        self._settings = settings
        self._clients = clients
        self._pushed: dict[str, tuple[Parameters, float]] = {}

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """The ``request_uri`` of a request (§2.2); OAuthError for one that is not good."""
        if "request_uri" in form:
            raise invalid_request("A pushed request holds no request_uri.")
        named = Parameters({**_lists(form), "client_id": [client.client_id]})
        AuthorizationRequest.read(self._clients, named).check(self._settings)
        uri, lifetime = _PREFIX + secrets.token_urlsafe(24), self._settings.pushed_request_lifetime
        self._pushed[uri] = named, time.monotonic() + lifetime
        members: dict[str, Json | Missing] = {"request_uri": uri, "expires_in": math.ceil(lifetime)}
        return json_answer(self._settings, "pushed_authorization_request", members, status=201)

    def resolve(self, asked: Parameters) -> AuthorizationRequest:
        """What is asked, here or before; OAuthError where nobody may be redirected."""
        if "request_uri" in asked:
            return AuthorizationRequest.read(self._clients, self._take(asked))
        if self._settings.require_pushed_authorization_requests:
            raise invalid_request("The request must be pushed to this server first.")
        return AuthorizationRequest.read(self._clients, asked)

    def _take(self, asked: Parameters) -> Parameters:
        pushed, ends_at = self._pushed.pop(asked["request_uri"], (None, 0.0))
        if pushed is None or time.monotonic() >= ends_at:
            raise invalid_request("The request_uri is unknown, was used already, or is too old.")
        if pushed["client_id"] != asked.get("client_id"):
            raise invalid_request("The request_uri was given to another client.")
        return pushed


def _lists(form: Parameters) -> dict[str, tuple[str, ...]]:
    return {name: form.every(name) for name in form}
