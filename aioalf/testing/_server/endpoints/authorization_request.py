"""Authorization requests: their checks, and pushed requests that wait to be used.

RFC 6749 §4.1.1 and §4.2.1, RFC 7636 §4.3, RFC 9126. Must not know pages and redirects.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from dataclasses import dataclass

from aiohttp import web

from aioalf.testing._server.parameters import (
    Parameters,
    requested_audience,
    requested_resources,
)
from aioalf.testing._server.responses import OAuthError, invalid_request, json_response
from aioalf.testing._server.state.clients import ClientRegistry, RegisteredClient
from aioalf.testing._server.token_response import Members
from aioalf.testing.settings import Settings

_CODE_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"


@dataclass(frozen=True)
class AuthorizationRequest:
    """An authorization request with a known client and a registered redirect URI."""

    client: RegisteredClient
    redirect_uri: str
    params: Parameters

    @classmethod
    def read(cls, clients: ClientRegistry, params: Parameters) -> AuthorizationRequest:
        """Read a request; raise OAuthError if the redirect URI cannot be trusted."""
        client = clients.find(params.get("client_id", ""))
        if client is None:
            raise invalid_request("The client_id is unknown.")
        redirect_uri = params.get("redirect_uri", "")
        if not client.allows_redirect_uri(redirect_uri):
            raise invalid_request("The redirect_uri is not registered for this client.")
        return cls(client, redirect_uri, params)

    @property
    def is_code_flow(self) -> bool:
        """Whether a code is requested rather than a token (RFC 6749 §3.1.1)."""
        return self.params.get("response_type") == "code"

    @property
    def scope(self) -> str | None:
        """The scope that is granted if the user agrees."""
        return self.client.granted_scope(self.params.get("scope"))

    def check(self, settings: Settings) -> None:
        """Raise OAuthError for a fault that the client is told of (RFC 6749 §4.1.2.1)."""
        self.params.check_values(settings.behaviour.authorization_params)
        response_type = self.params.required("response_type")
        if response_type not in {"code", "token"}:
            raise OAuthError("unsupported_response_type", "The response_type is code or token.")
        if response_type == "code":
            self._check_pkce(settings)
        self.client.granted_scope(self.params.get("scope"))
        requested_resources(settings, self.params)
        requested_audience(settings, self.params)

    def _check_pkce(self, settings: Settings) -> None:
        is_public = self.client.is_public
        if "code_challenge" in self.params and settings.refuses_pkce(is_public=is_public):
            raise invalid_request("PKCE is only for a client without a secret.")
        if settings.requires_pkce(is_public=is_public) or "code_challenge" in self.params:
            self._check_code_challenge()

    def _check_code_challenge(self) -> None:
        challenge = self.params.required("code_challenge")
        if self.params.get("code_challenge_method", "plain") != "S256":
            raise invalid_request("The code_challenge_method must be S256.")
        if not _CODE_CHALLENGE.fullmatch(challenge):
            raise invalid_request("The code_challenge is not a SHA-256 digest in base64url.")


class PushedRequests:
    """The pushed authorization request endpoint, and its single-use requests (RFC 9126)."""

    def __init__(self, settings: Settings, clients: ClientRegistry) -> None:
        self._settings = settings
        self._clients = clients
        self._pushed: dict[str, tuple[Parameters, float]] = {}

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """Store a request and return its ``request_uri`` (§2.2); raise OAuthError if invalid."""
        if "request_uri" in form:
            raise invalid_request("A pushed request must not contain a request_uri.")
        values = {name: form.get_all(name) for name in form}
        params = Parameters({**values, "client_id": [client.client_id]})
        AuthorizationRequest.read(self._clients, params).check(self._settings)
        lifetime = self._settings.pushed_request_lifetime
        uri = _REQUEST_URI_PREFIX + secrets.token_urlsafe(24)
        self._pushed[uri] = params, time.monotonic() + lifetime
        members: Members = {"request_uri": uri, "expires_in": math.ceil(lifetime)}
        return json_response(self._settings, "pushed_authorization_request", members, status=201)

    def resolve(self, params: Parameters) -> AuthorizationRequest:
        """Return the request, pushed or direct; raise OAuthError if it cannot be trusted."""
        if "request_uri" in params:
            return AuthorizationRequest.read(self._clients, self._take(params))
        if self._settings.require_pushed_authorization_requests:
            raise invalid_request("This server accepts only pushed authorization requests.")
        return AuthorizationRequest.read(self._clients, params)

    def _take(self, params: Parameters) -> Parameters:
        pushed, expires_at = self._pushed.pop(params["request_uri"], (None, 0.0))
        if pushed is None or time.monotonic() >= expires_at:
            raise invalid_request("The request_uri is unknown, was used before or has expired.")
        if pushed["client_id"] != params.get("client_id"):
            raise invalid_request("The request_uri was issued to another client.")
        return pushed
