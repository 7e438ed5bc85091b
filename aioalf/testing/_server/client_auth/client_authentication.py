"""How a client proves who it is: in one way, and in one that it is registered for.

RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2. Knows nothing of grants and tokens.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from urllib.parse import unquote_plus

from aiohttp import web

from aioalf.testing._server.client_auth import jose
from aioalf.testing._server.client_auth.client_assertion import ASSERTION_TYPE, ClientAssertions
from aioalf.testing._server.client_auth.client_certificate import names_in_certificate
from aioalf.testing._server.oauth_error import OAuthError, invalid_request
from aioalf.testing._server.state.clients import (
    CLIENT_AUTH_METHODS,
    ClientRegistry,
    RegisteredClient,
)
from aioalf.testing.settings import REALM, Settings


class Authenticator:
    """Tells clients from strangers."""

    def __init__(
        self, settings: Settings, clients: ClientRegistry, issuer: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._assertions = ClientAssertions(settings, issuer)

    def methods(self) -> list[str]:
        """The registered names of the ways that are switched on."""
        chosen = self._settings.client_auth_methods
        return [
            name
            for name in CLIENT_AUTH_METHODS
            if (chosen is None or name in chosen) and self._can_be_done(name)
        ]

    def _can_be_done(self, method: str) -> bool:
        if method.endswith("_jwt"):
            return jose.is_installed()
        return method != "tls_client_auth" or self._settings.asks_for_certificates

    def authenticate(self, request: web.Request, form: Mapping[str, str]) -> RegisteredClient:
        """The client that sent these; OAuthError when it is nobody, or says so twice."""
        authorization = request.headers.getall("Authorization", [])
        ways = [*authorization, *(form.keys() & {"client_secret", "client_assertion"})]
        if len(ways) > 1:
            raise invalid_request("The client authenticates in more than one way.")
        if authorization:
            return self._basic(authorization[0], form)
        if "client_secret" in form:
            return self._post(form["client_secret"], form)
        if "client_assertion" in form:
            return self._asserted(form["client_assertion"], form)
        return self._tls_or_public(request, form)

    def _basic(self, authorization: str, form: Mapping[str, str]) -> RegisteredClient:
        client_id, secret = _basic(authorization, form_encoded=self._settings.decode_basic)
        if form.get("client_id", client_id) != client_id:
            raise invalid_request("The form names another client than the Authorization header.")
        return self._with_secret(self._client(client_id, "client_secret_basic"), secret)

    def _post(self, secret: str, form: Mapping[str, str]) -> RegisteredClient:
        method = "client_secret_basic" if self._settings.allow_body_secret else "client_secret_post"
        client_id = form.get("client_id", "")
        client = self._client(client_id, method, "client_secret_post")
        return self._with_secret(client, secret)

    def _asserted(self, assertion: str, form: Mapping[str, str]) -> RegisteredClient:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise invalid_request(f"The client_assertion_type must be {ASSERTION_TYPE}.")
        try:
            client_id, method = self._assertions.claimed(assertion)
            if form.get("client_id", client_id) != client_id:
                raise invalid_request("The form names another client than the assertion.")
            client = self._client(client_id, method)
            self._assertions.check(assertion, client)
        except ValueError as error:
            raise unknown_client(str(error)) from error
        return client

    def _tls_or_public(self, request: web.Request, form: Mapping[str, str]) -> RegisteredClient:
        client = self._client(form.get("client_id", ""), "none", "tls_client_auth")
        names = names_in_certificate(request)
        if "none" not in client.auth_methods and client.certificate_name not in names:
            raise unknown_client("The client must show the certificate that it has registered.")
        return client

    def _with_secret(self, client: RegisteredClient, secret: str) -> RegisteredClient:
        if not client.has_secret(secret):
            raise unknown_client("The client is unknown, or its secret is wrong.")
        return client

    def _client(self, client_id: str, *methods: str) -> RegisteredClient:
        client = self._clients.find(client_id)
        if client is None:
            raise unknown_client("The client is unknown, or its secret is wrong.")
        if client.auth_methods.isdisjoint(methods) or set(self.methods()).isdisjoint(methods):
            raise unknown_client("The client must authenticate in another way.")
        return client


def _basic(authorization: str, *, form_encoded: bool) -> tuple[str, str]:
    scheme, _, credentials = authorization.partition(" ")
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    client_id, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise unknown_client("The Authorization header is not HTTP Basic.")
    return (unquote_plus(client_id), unquote_plus(secret)) if form_encoded else (client_id, secret)


def unknown_client(description: str) -> OAuthError:
    """The refusal of a client that has not shown who it is (RFC 6749 §5.2)."""
    challenge = f'Basic realm="{REALM}", charset="UTF-8"'
    return OAuthError("invalid_client", description, status=401, challenge=challenge)
