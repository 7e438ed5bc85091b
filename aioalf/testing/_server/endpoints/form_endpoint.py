"""The common part of endpoints that take a form by POST from an authenticated client.

Must not know faults.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from aiohttp import web

from aioalf.testing._server.client_authentication import ClientAuthenticator
from aioalf.testing._server.parameters import Parameters, parse_form, parse_parameters
from aioalf.testing._server.responses import OAuthError, invalid_request
from aioalf.testing._server.state.clients import ANONYMOUS, RegisteredClient
from aioalf.testing.records import ReceivedBody

FormHandler = Callable[[RegisteredClient, Parameters], web.Response]

_IDENTIFYING = ("client_id", "client_secret", "client_assertion")
_FORBIDDEN_IN_URL = ("client_secret", "client_assertion")


class FormEndpoint:
    """Reads the form, authenticates the client, and calls ``handler``."""

    def __init__(
        self,
        authenticator: ClientAuthenticator,
        handler: FormHandler,
        on_error: Callable[[str], None],
        *,
        anonymous_grants: Collection[str] = (),
    ) -> None:
        self._authenticator = authenticator
        self._handler = handler
        self._on_error = on_error
        self._anonymous_grants = anonymous_grants

    def respond(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """Return the handler's response, or the OAuth error (RFC 6749 §5.2)."""
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        try:
            form = _read_form(request, body)
            return self._handler(self._client(request, form), form)
        except OAuthError as error:
            self._on_error(error.error)
            return error.response()

    def _client(self, request: web.Request, form: Parameters) -> RegisteredClient:
        is_anonymous = "Authorization" not in request.headers and form.keys().isdisjoint(
            _IDENTIFYING
        )
        if is_anonymous and form.get("grant_type") in self._anonymous_grants:
            return ANONYMOUS
        return self._authenticator.authenticate(request, form)


def _read_form(request: web.Request, body: ReceivedBody) -> Parameters:
    form = parse_form(request.headers.get("Content-Type", ""), body)
    for name in parse_parameters(request.query_string):
        if name in form:
            raise invalid_request(f"The parameter {name} is in both the form and the URL.")
    for name in _FORBIDDEN_IN_URL:
        if name in request.query:
            raise invalid_request(f"The parameter {name} must not be in the URL.")
    return form
