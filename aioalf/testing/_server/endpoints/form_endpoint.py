"""The common part of endpoints that take a form by POST from an authenticated client.

Must not know faults.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from aiohttp import web

from aioalf.testing._server.client_authentication import ClientAuthenticator
from aioalf.testing._server.parameters import (
    Parameters,
    parse_form,
    parse_json,
    parse_parameters,
)
from aioalf.testing._server.responses import OAuthError, invalid_request
from aioalf.testing._server.state.clients import ANONYMOUS, RegisteredClient
from aioalf.testing.behaviour import Behaviour, Refusal
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
        behaviour: Callable[[], Behaviour],
        *,
        anonymous_grants: Collection[str] = (),
    ) -> None:
        self._behaviour = behaviour
        self._authenticator = authenticator
        self._handler = handler
        self._on_error = on_error
        self._anonymous_grants = anonymous_grants

    def respond(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """Return the handler's response, or the OAuth error (RFC 6749 §5.2)."""
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        behaviour, form = self._behaviour(), Parameters({})
        try:
            form = _read_form(request, body, behaviour)
            form = form.with_scope_separated_by(behaviour.scope_separator)
            _check_headers(request, behaviour)
            return self._handler(self._client(request, form), form)
        except OAuthError as error:
            self._on_error(error.error)
            refusal = Refusal(error.error, error.description, error.status)
            status, members = behaviour.error_response(refusal, form)
            return error.response(status, members)

    def _client(self, request: web.Request, form: Parameters) -> RegisteredClient:
        is_anonymous = "Authorization" not in request.headers and form.keys().isdisjoint(
            _IDENTIFYING
        )
        if is_anonymous and form.get("grant_type") in self._anonymous_grants:
            return ANONYMOUS
        return self._authenticator.authenticate(request, form)


def _check_headers(request: web.Request, behaviour: Behaviour) -> None:
    for name, value in behaviour.token_headers.items():
        if request.headers.get(name) != value:
            raise invalid_request(f"The header {name} must be {value}.")


def _read_form(request: web.Request, body: ReceivedBody, behaviour: Behaviour) -> Parameters:
    content_type = request.headers.get("Content-Type", "")
    is_json = content_type.partition(";")[0] == "application/json"
    if behaviour.request_body == "json" and not is_json:
        raise invalid_request("The Content-Type must be application/json.")
    if is_json and behaviour.request_body != "form":
        return parse_json(body)
    form = parse_form(content_type, body)
    for name in parse_parameters(request.query_string):
        if name in form:
            raise invalid_request(f"The parameter {name} is in both the form and the URL.")
    for name in _FORBIDDEN_IN_URL:
        if name in request.query:
            raise invalid_request(f"The parameter {name} must not be in the URL.")
    return form
