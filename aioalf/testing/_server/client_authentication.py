"""Client authentication: by secret, by signed assertion, by TLS certificate, or none.

RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2. Must not know grants and tokens.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import cast
from urllib.parse import unquote_plus

from aiohttp import web

from aioalf.testing._server import jwt_assertions
from aioalf.testing._server.responses import OAuthError, invalid_request
from aioalf.testing._server.state.clients import (
    CLIENT_AUTH_METHODS,
    ClientRegistry,
    RegisteredClient,
)
from aioalf.testing.settings import REALM, Settings

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientAuthenticator:
    """Identifies the client of a request and checks its credentials."""

    def __init__(
        self, settings: Settings, clients: ClientRegistry, issuer: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._issuer = issuer
        self._assertions = jwt_assertions.AssertionChecker()

    def methods(self) -> list[str]:
        """Return the registered names of the methods that are enabled."""
        enabled = self._settings.client_auth_methods
        return [
            name
            for name in CLIENT_AUTH_METHODS
            if (enabled is None or name in enabled) and self._is_available(name)
        ]

    def _is_available(self, method: str) -> bool:
        if method.endswith("_jwt"):
            return jwt_assertions.is_available()
        return method != "tls_client_auth" or self._settings.requests_client_certificates

    def authenticate(self, request: web.Request, form: Mapping[str, str]) -> RegisteredClient:
        """Return the client; raise OAuthError if authentication fails or is ambiguous."""
        authorization = request.headers.getall("Authorization", [])
        given = [*authorization, *(form.keys() & {"client_secret", "client_assertion"})]
        if len(given) > 1:
            raise invalid_request("The client authenticates in more than one way.")
        if authorization:
            return self._basic(authorization[0], form)
        if "client_secret" in form:
            return self._post(form["client_secret"], form)
        if "client_assertion" in form:
            return self._assertion(form["client_assertion"], form)
        return self._tls_or_public(request, form)

    def _basic(self, authorization: str, form: Mapping[str, str]) -> RegisteredClient:
        client_id, secret = _parse_basic(authorization, form_encoded=self._settings.decode_basic)
        if form.get("client_id", client_id) != client_id:
            raise invalid_request("client_id differs from the Authorization header.")
        return self._check_secret(self._find(client_id, "client_secret_basic"), secret)

    def _post(self, secret: str, form: Mapping[str, str]) -> RegisteredClient:
        method = "client_secret_basic" if self._settings.allow_body_secret else "client_secret_post"
        client = self._find(form.get("client_id", ""), method, "client_secret_post")
        return self._check_secret(client, secret)

    def _assertion(self, assertion: str, form: Mapping[str, str]) -> RegisteredClient:
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise invalid_request(f"The client_assertion_type must be {_ASSERTION_TYPE}.")
        try:
            client_id, method = _claimed_identity(assertion)
            if form.get("client_id", client_id) != client_id:
                raise invalid_request("client_id differs from the client_assertion.")
            client = self._find(client_id, method)
            self._check_assertion(assertion, client, method)
        except ValueError as error:
            raise invalid_client(str(error)) from error
        return client

    def _check_assertion(self, assertion: str, client: RegisteredClient, method: str) -> None:
        key = client.client_secret if method == "client_secret_jwt" else client.public_key
        if key is None:
            raise ValueError(f"The client has no registered key for {method}.")
        jwt_assertions.verify_signature(assertion, key)
        _, claims = jwt_assertions.decode_unverified(assertion)
        audience = self._settings.assertion_audience or self._issuer()
        self._assertions.check(claims, [audience], needs_jti=True)

    def _tls_or_public(self, request: web.Request, form: Mapping[str, str]) -> RegisteredClient:
        client = self._find(form.get("client_id", ""), "none", "tls_client_auth")
        names = _certificate_names(request)
        if "none" not in client.auth_methods and client.certificate_name not in names:
            raise invalid_client("The TLS client certificate is missing or not the registered one.")
        return client

    def _check_secret(self, client: RegisteredClient, secret: str) -> RegisteredClient:
        if not client.has_secret(secret):
            raise invalid_client("The client is unknown, or its secret is wrong.")
        return client

    def _find(self, client_id: str, *methods: str) -> RegisteredClient:
        client = self._clients.find(client_id)
        if client is None:
            raise invalid_client("The client is unknown, or its secret is wrong.")
        if client.auth_methods.isdisjoint(methods) or set(self.methods()).isdisjoint(methods):
            raise invalid_client(
                "This authentication method is not accepted. The client is registered for "
                f"{', '.join(sorted(client.auth_methods))}; "
                f"the server accepts {', '.join(self.methods())}."
            )
        return client


def _parse_basic(authorization: str, *, form_encoded: bool) -> tuple[str, str]:
    scheme, _, credentials = authorization.partition(" ")
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    client_id, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise invalid_client("The Authorization header is not valid HTTP Basic.")
    return (unquote_plus(client_id), unquote_plus(secret)) if form_encoded else (client_id, secret)


def _claimed_identity(assertion: str) -> tuple[str, str]:
    """Return the client id and method that an unverified assertion claims."""
    header, claims = jwt_assertions.decode_unverified(assertion)
    client_id = claims.get("sub")
    if not isinstance(client_id, str) or claims.get("iss") != client_id:
        raise ValueError("iss and sub must both be the client id.")
    is_hmac = header.get("alg") in jwt_assertions.HMAC_ALGORITHMS
    return client_id, "client_secret_jwt" if is_hmac else "private_key_jwt"


def _certificate_names(request: web.Request) -> frozenset[str]:
    """Return the DNS names of the client certificate, which TLS has verified (RFC 8705 §2.1)."""
    certificate = cast(
        "Mapping[str, Sequence[tuple[str, str]]] | None", request.get_extra_info("peercert")
    )
    names = (certificate or {}).get("subjectAltName", ())
    return frozenset(value for kind, value in names if kind == "DNS")


def invalid_client(description: str) -> OAuthError:
    """Return the error of failed client authentication (RFC 6749 §5.2)."""
    challenge = f'Basic realm="{REALM}", charset="UTF-8"'
    return OAuthError("invalid_client", description, status=401, challenge=challenge)
