"""The authorization endpoint: a login page, and the redirect that ends it.

RFC 6749 §3.1. Nobody is redirected to a place that the client has not registered. Knows neither
faults nor how pages look.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping

from aiohttp import web

from aioalf.testing._server import targets
from aioalf.testing._server.endpoints.authorization_request import AuthorizationRequest
from aioalf.testing._server.endpoints.authorization_response import redirect
from aioalf.testing._server.endpoints.pages import error_page, login_page
from aioalf.testing._server.endpoints.pushed_requests import PushedRequests
from aioalf.testing._server.forms import Parameters, form_parameters, parameters
from aioalf.testing._server.oauth_error import OAuthError, invalid_request
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.codes import CodeStore
from aioalf.testing._server.state.mint import Mint
from aioalf.testing.records import ReceivedBody, Traffic
from aioalf.testing.settings import Json, Missing, Settings


class LoginEndpoint:
    """Shows the login page, and answers its form once."""

    def __init__(
        self,
        settings: Settings,
        issuer: Callable[[], str],
        pushed: PushedRequests,
        codes: CodeStore,
        mint: Mint,
        traffic: Traffic,
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._pushed = pushed
        self._codes = codes
        self._mint = mint
        self._traffic = traffic
        self._logins: dict[str, tuple[AuthorizationRequest, float]] = {}

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

    def _begin(self, asked: Parameters) -> web.Response:
        request = self._pushed.resolve(asked)
        try:
            request.check(self._settings)
        except OAuthError as refusal:
            return self._refuse(request, refusal.error, refusal.description)
        if self._settings.auto_sign_in is not None:
            return self._sign_in(request, self._settings.auto_sign_in)
        return self._show(request)

    def _show(self, request: AuthorizationRequest, *, problem: str | None = None) -> web.Response:
        ticket = secrets.token_urlsafe(24)
        self._logins[ticket] = request, time.monotonic() + self._settings.login_lifetime
        scopes = request.scope.split(" ") if request.scope else []
        return login_page(request.client.client_id, scopes, ticket, request.redirect_uri, problem)

    def _finish(self, form: Mapping[str, str]) -> web.Response:
        request, ends_at = self._logins.pop(form.get("ticket", ""), (None, 0.0))
        if request is None or time.monotonic() >= ends_at:
            raise invalid_request("This page has been answered already, or is too old.")
        if form.get("decision") != "sign-in":
            return self._refuse(request, "access_denied", "The sign-in was cancelled.")
        user = form.get("username", "").strip()
        if not user:
            return self._show(request, problem="Please type a name. Any name will do.")
        return self._sign_in(request, user)

    def _refuse(self, request: AuthorizationRequest, error: str, description: str) -> web.Response:
        return self._redirect(request, {"error": error, "error_description": description})

    def _sign_in(self, request: AuthorizationRequest, user: str) -> web.Response:
        authorization = Authorization(
            client_id=request.client.client_id,
            scope=request.scope,
            user=user,
            resources=targets.resources(self._settings, request.asked),
            audience=targets.audience(self._settings, request.asked),
        )
        self._traffic.count("logins")
        if not request.is_for_a_code:
            self._traffic.count_granted("implicit")
            return self._redirect(request, _in_a_fragment(self._mint.access(authorization)))
        challenge = request.asked["code_challenge"]
        code = self._codes.issue(authorization, request.redirect_uri, challenge)
        return self._redirect(request, {"code": code})

    def _redirect(self, request: AuthorizationRequest, said: Mapping[str, Json]) -> web.Response:
        return redirect(self._settings, self._issuer(), request, said)


def _in_a_fragment(members: Mapping[str, Json | Missing]) -> dict[str, Json]:
    """Text as it is, anything else as JSON, and null, which a fragment cannot say, left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in members.items()
        if value is not None and not isinstance(value, Missing)
    }
