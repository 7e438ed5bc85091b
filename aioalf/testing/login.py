"""The authorization endpoint of the implicit flow: a login page, and the redirect that ends it.

RFC 6749 §4.2. Nobody is redirected to a place that the client has not registered. Knows neither
faults nor how pages look.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from aioalf.testing.forms import form_parameters, parameters
from aioalf.testing.oauth_error import NO_STORE, OAuthError, invalid_request
from aioalf.testing.pages import error_page, login_page
from aioalf.testing.settings import Missing, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aioalf.testing.clients import ClientRegistry, RegisteredClient
    from aioalf.testing.records import ReceivedBody
    from aioalf.testing.tokens import IssuedToken, TokenStore


@dataclass(frozen=True, slots=True)
class _Login:
    """What was asked for, while a person makes up their mind."""

    client: RegisteredClient
    redirect_uri: str
    state: str | None
    scope: str | None
    ends_at: float

    def redirect(self, **parameters: str | None) -> web.Response:
        """Send the browser back, with the parameters in the fragment (RFC 6749 §4.2.2)."""
        sent = {name: value for name, value in parameters.items() if value is not None}
        if self.state is not None:
            sent["state"] = self.state
        headers = {"Location": f"{self.redirect_uri}#{urlencode(sent)}", **NO_STORE}
        return web.Response(status=303, headers={**headers, "Referrer-Policy": "no-referrer"})


class LoginEndpoint:
    """Shows the login page, and answers its form once."""

    def __init__(
        self,
        settings: Settings,
        clients: ClientRegistry,
        tokens: TokenStore,
        signed_in: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._tokens = tokens
        self._signed_in = signed_in
        self._logins: dict[str, _Login] = {}

    def answer(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """GET shows the page, POST is its form; a request not to be trusted gets an error page."""
        try:
            match request.method:
                case "GET" | "HEAD":
                    return self._begin(parameters(request.query_string))
                case "POST":
                    content_type = request.headers.get("Content-Type", "")
                    return self._finish(form_parameters(content_type, body))
                case _:
                    return web.Response(status=405, headers={"Allow": "GET, HEAD, POST"})
        except OAuthError as refusal:
            return error_page(refusal.description)

    def _begin(self, asked: Mapping[str, str]) -> web.Response:
        client = self._clients.find(asked.get("client_id", ""))
        if client is None:
            raise invalid_request("The client that asks for this sign-in is not known here.")
        redirect_uri = asked.get("redirect_uri", "")
        if not client.may_redirect_to(redirect_uri):
            raise invalid_request("The client has not registered the address it wants to go to.")
        ends_at = time.monotonic() + self._settings.login_lifetime
        target, state = str(URL(redirect_uri)), asked.get("state")
        login = _Login(client, target, state, asked.get("scope"), ends_at)
        return self._show_or_refuse(login, asked.get("response_type"))

    def _show_or_refuse(self, login: _Login, response_type: str | None) -> web.Response:
        if response_type is None:
            return login.redirect(error="invalid_request", error_description="No response_type.")
        if response_type != "token":
            return login.redirect(error="unsupported_response_type")
        try:
            login.client.grant(login.scope)
        except OAuthError as refusal:
            return login.redirect(error=refusal.error, error_description=refusal.description)
        return self._show(login)

    def _show(self, login: _Login, *, problem: str | None = None) -> web.Response:
        ticket = secrets.token_urlsafe(24)
        self._logins[ticket] = login
        scope = login.client.grant(login.scope)
        scopes = scope.split(" ") if scope else []
        return login_page(login.client.client_id, scopes, ticket, login.redirect_uri, problem)

    def _finish(self, form: Mapping[str, str]) -> web.Response:
        login = self._logins.pop(form.get("ticket", ""), None)
        if login is None or time.monotonic() >= login.ends_at:
            raise invalid_request("This page has been answered already, or is too old.")
        if form.get("decision") != "sign-in":
            return login.redirect(
                error="access_denied", error_description="The sign-in was cancelled."
            )
        user = form.get("username", "").strip()
        if not user:
            return self._show(login, problem="Please type a name. Any name will do.")
        return self._sign_in(login, user)

    def _sign_in(self, login: _Login, user: str) -> web.Response:
        scope = login.client.grant(login.scope)
        token = self._tokens.issue(login.client.client_id, scope, user)
        self._signed_in()
        return login.redirect(
            access_token=token.access_token,
            token_type=self._settings.token_type,
            expires_in=_fragment_text(token),
            scope=scope,
        )


def _fragment_text(token: IssuedToken) -> str | None:
    if token.expires_in is None or isinstance(token.expires_in, Missing):
        return None
    if isinstance(token.expires_in, str):
        return token.expires_in
    return json.dumps(token.expires_in)
