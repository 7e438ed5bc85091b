"""An endpoint that takes a form from a client that says who it is, by POST.

The token endpoint is one, and so are those beside it. Knows neither faults nor what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from aiohttp import web

from aioalf.testing._server.client_auth.client_authentication import Authenticator
from aioalf.testing._server.forms import Parameters, form_parameters, parameters
from aioalf.testing._server.oauth_error import OAuthError, invalid_request
from aioalf.testing._server.state.clients import ANONYMOUS, RegisteredClient
from aioalf.testing.records import ReceivedBody

Respond = Callable[[RegisteredClient, Parameters], web.Response]

_WHO = ("client_id", "client_secret", "client_assertion")
_NEVER_IN_A_URL = ("client_secret", "client_assertion")


class FormEndpoint:
    """Reads the form, asks who the client is, and lets ``respond`` do the rest."""

    def __init__(
        self,
        authenticator: Authenticator,
        respond: Respond,
        refused: Callable[[str], None],
        *,
        anonymous_grants: Collection[str] = (),
    ) -> None:
        self._authenticator = authenticator
        self._respond = respond
        self._refused = refused
        self._anonymous_grants = anonymous_grants

    def answer(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """What ``respond`` says, or the refusal of RFC 6749 §5.2."""
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        try:
            form = _form(request, body)
            return self._respond(self._client(request, form), form)
        except OAuthError as refusal:
            self._refused(refusal.error)
            return refusal.response()

    def _client(self, request: web.Request, form: Parameters) -> RegisteredClient:
        is_nobody = "Authorization" not in request.headers and form.keys().isdisjoint(_WHO)
        if is_nobody and form.get("grant_type") in self._anonymous_grants:
            return ANONYMOUS
        return self._authenticator.authenticate(request, form)


def _form(request: web.Request, body: ReceivedBody) -> Parameters:
    form = form_parameters(request.headers.get("Content-Type", ""), body)
    if not form.keys().isdisjoint(parameters(request.query_string)):
        raise invalid_request("A parameter of the form is in the URL too.")
    if any(name in request.query for name in _NEVER_IN_A_URL):
        raise invalid_request("What proves who the client is must not be in the URL.")
    return form
