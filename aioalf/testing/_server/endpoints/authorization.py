"""The authorization endpoint: the login page and the redirect back to the client.

RFC 6749 §3.1, §4.1.2 and §4.2.2, RFC 9207. It never redirects to an unregistered redirect URI.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from aioalf.testing._server.endpoints.authorization_request import (
    AuthorizationRequest,
    PushedRequests,
)
from aioalf.testing._server.endpoints.pages import error_page, login_page
from aioalf.testing._server.grants import requested_authorization
from aioalf.testing._server.parameters import Parameters, parse_form, parse_parameters
from aioalf.testing._server.responses import (
    NO_STORE,
    OAuthError,
    apply_changes,
    invalid_request,
)
from aioalf.testing._server.state.codes import CodeStore
from aioalf.testing._server.token_response import Members, TokenIssuer
from aioalf.testing._server.users import hint_for_name, problem_with_name
from aioalf.testing.records import ReceivedBody, Traffic
from aioalf.testing.settings import Json, Missing, Settings


class AuthorizationEndpoint:
    """Shows the login page, and accepts its form once."""

    def __init__(
        self,
        settings: Settings,
        issuer: Callable[[], str],
        pushed: PushedRequests,
        codes: CodeStore,
        token_issuer: TokenIssuer,
        traffic: Traffic,
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._pushed = pushed
        self._codes = codes
        self._token_issuer = token_issuer
        self._traffic = traffic
        self._open_pages: dict[str, tuple[AuthorizationRequest, float]] = {}

    def respond(self, request: web.Request, body: ReceivedBody) -> web.Response:
        """Show the page for GET, process its form for POST; show an error if untrusted."""
        try:
            match request.method:
                case "GET" | "HEAD":
                    separator = self._settings.behaviour.scope_separator
                    params = parse_parameters(request.query_string)
                    return self._start(params.with_scope_separated_by(separator))
                case "POST":
                    content_type = request.headers.get("Content-Type", "")
                    return self._finish(parse_form(content_type, body))
                case _:
                    return web.Response(status=405, headers={"Allow": "GET, HEAD, POST"})
        except OAuthError as error:
            return error_page(error.description)

    def _start(self, params: Parameters) -> web.Response:
        request = self._pushed.resolve(params)
        try:
            request.check(self._settings)
        except OAuthError as error:
            return self._redirect_error(request, error.error, error.description)
        if self._settings.auto_sign_in is not None:
            return self._sign_in(request, self._settings.auto_sign_in)
        return self._show(request)

    def _show(self, request: AuthorizationRequest, *, problem: str | None = None) -> web.Response:
        ticket = secrets.token_urlsafe(24)
        self._open_pages[ticket] = request, time.monotonic() + self._settings.login_lifetime
        scopes = request.scope.split(" ") if request.scope else []
        hint = hint_for_name(self._settings)
        return login_page(
            request.client.client_id, scopes, ticket, request.redirect_uri, problem, hint
        )

    def _finish(self, form: Mapping[str, str]) -> web.Response:
        request, expires_at = self._open_pages.pop(form.get("ticket", ""), (None, 0.0))
        if request is None or time.monotonic() >= expires_at:
            raise invalid_request("This page was submitted before or has expired.")
        if form.get("decision") != "sign-in":
            return self._redirect_error(request, "access_denied", "The sign-in was cancelled.")
        user = form.get("username", "").strip()
        if problem := problem_with_name(self._settings, user):
            return self._show(request, problem=problem)
        return self._sign_in(request, user)

    def _sign_in(self, request: AuthorizationRequest, user: str) -> web.Response:
        authorization = requested_authorization(
            self._settings, request.client, request.params, user=user
        )
        self._traffic.count("logins")
        if not request.is_code_flow:
            self._traffic.count_granted("implicit")
            members = self._token_issuer.access_token(authorization)
            return self._redirect(request, _fragment_parameters(members))
        challenge = request.params.get("code_challenge", "")
        code = self._codes.issue(authorization, request.redirect_uri, challenge)
        return self._redirect(request, {"code": code})

    def _redirect_error(
        self, request: AuthorizationRequest, error: str, description: str
    ) -> web.Response:
        return self._redirect(request, {"error": error, "error_description": description})

    def _redirect(self, request: AuthorizationRequest, members: Mapping[str, Json]) -> web.Response:
        params = {**self._settings.behaviour.redirect_params, **members}
        if "state" in request.params:
            params["state"] = request.params["state"]
        if self._settings.iss_parameter:
            params["iss"] = self._issuer()
        params = apply_changes(self._settings, "authorization", params)
        location = _location(request, urlencode(params, doseq=True))
        headers = {**NO_STORE, "Location": location, "Referrer-Policy": "no-referrer"}
        return web.Response(status=303, headers=headers)


def _location(request: AuthorizationRequest, encoded: str) -> str:
    """Add the parameters to the redirect URI: in the query for a code, else in the fragment."""
    target = str(URL(request.redirect_uri))  # encodes line breaks, which would split the header
    if not request.is_code_flow:
        return f"{target}#{encoded}"
    return f"{target}{'&' if '?' in target else '?'}{encoded}"


def _fragment_parameters(members: Members) -> dict[str, Json]:
    """Encode values other than strings as JSON, and leave out null."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in members.items()
        if value is not None and not isinstance(value, Missing)
    }
