"""The registered clients: client authentication, redirect URIs, scopes and grants of each.

Must not know requests and responses.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from aioalf.testing._server import jwt_assertions
from aioalf.testing._server.responses import OAuthError

_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_MIN_HMAC_SECRET_BYTES = 32  # RFC 7518 §3.2
LOOPBACK_REDIRECT_URIS = tuple(
    f"http://{f'[{host}]' if ':' in host else host}{path}"
    for host in _LOOPBACK_HOSTS
    for path in ("", "/callback")
)

CLIENT_AUTH_METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "none",
)
"""The supported client authentication methods, by their registered names."""


@dataclass(frozen=True, kw_only=True)
class RegisteredClient:
    """A client known to the server; ``scopes`` and ``grant_types`` None allow any."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    auth_methods: frozenset[str] = frozenset({"none"})
    public_key: Mapping[str, object] | None = field(default=None, repr=False)
    certificate_name: str | None = None
    redirect_uris: tuple[str, ...] = LOOPBACK_REDIRECT_URIS
    any_loopback_port: bool = True
    any_loopback_path: bool = False
    scopes: frozenset[str] | None = None
    grant_types: frozenset[str] | None = None
    can_have_refresh_tokens: bool = True

    @property
    def is_public(self) -> bool:
        """Whether the client cannot authenticate (RFC 6749 §2.1)."""
        return self.auth_methods <= {"none"}

    def has_secret(self, secret: str) -> bool:
        """Whether this is the client's secret, compared in constant time."""
        known = self.client_secret
        return known is not None and hmac.compare_digest(secret.encode(), known.encode())

    def allows_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether the redirect URI is registered.

        On loopback the port may differ (RFC 8252 §7.3), for ``localhost`` too, and the path if the
        client was added like this.
        """
        if redirect_uri in self.redirect_uris:
            return True
        requested = _loopback_url(redirect_uri)
        return requested is not None and any(
            self._without_ignored_parts(requested) == self._without_ignored_parts(registered)
            for registered in filter(None, map(_loopback_url, self.redirect_uris))
        )

    def _without_ignored_parts(self, url: URL) -> URL:
        url = url.with_port(None) if self.any_loopback_port else url
        return url.with_path("/") if self.any_loopback_path else url

    def allows_grant(self, grant_type: str) -> bool:
        """Whether the client is registered for this grant."""
        return self.grant_types is None or grant_type in self.grant_types

    def granted_scope(self, requested: str | None) -> str | None:
        """Return the scope to grant; raise OAuthError ``invalid_scope`` if it is not allowed."""
        if requested is None:
            return None if self.scopes is None else " ".join(sorted(self.scopes))
        if self.scopes is not None and not self.scopes.issuperset(requested.split(" ")):
            raise OAuthError("invalid_scope", "The client is not registered for this scope.")
        return requested


ANONYMOUS = RegisteredClient(client_id="")
"""The client of a request that names no client."""


def default_auth_methods(
    client_secret: str | None, public_key: object | None, certificate_name: str | None
) -> frozenset[str]:
    """Return the client authentication methods that fit the given credentials."""
    credentials = {
        "client_secret_basic": client_secret,
        "private_key_jwt": public_key,
        "tls_client_auth": certificate_name,
    }
    methods = frozenset(method for method, value in credentials.items() if value is not None)
    return methods or frozenset({"none"})


def _loopback_url(text: str) -> URL | None:
    try:
        url = URL(text)
    except ValueError:
        return None
    return url if url.scheme == "http" and url.host in _LOOPBACK_HOSTS else None


def _check(client: RegisteredClient) -> None:
    unknown = client.auth_methods.difference(CLIENT_AUTH_METHODS)
    if unknown:
        raise ValueError(
            f"unknown auth_methods {', '.join(sorted(unknown))}: "
            f"use {', '.join(CLIENT_AUTH_METHODS)}"
        )
    if client.auth_methods & {"client_secret_jwt", "private_key_jwt"}:
        jwt_assertions.require_joserfc()
    if client.public_key is not None:
        jwt_assertions.check_public_key(client.public_key)
    if "client_secret_jwt" in client.auth_methods:
        secret = (client.client_secret or "").encode()
        if len(secret) < _MIN_HMAC_SECRET_BYTES:
            raise ValueError(
                f"client_secret_jwt needs a client_secret of at least {_MIN_HMAC_SECRET_BYTES}"
                f" bytes, not {len(secret)}"
            )


class ClientRegistry:
    """The registered clients by client id."""

    def __init__(self) -> None:
        self._clients: dict[str, RegisteredClient] = {}

    def add(self, client: RegisteredClient) -> None:
        """Register a client, and replace one with the same id.

        Raises ValueError or RuntimeError if the client could never authenticate.
        """
        _check(client)
        self._clients[client.client_id] = client

    def find(self, client_id: str) -> RegisteredClient | None:
        """Return the client, or None."""
        return self._clients.get(client_id)
