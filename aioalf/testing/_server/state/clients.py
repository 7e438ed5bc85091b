"""The registered clients: how they prove who they are, where they are at home, what they may ask.

Plain values and comparisons; knows nothing of requests and answers.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from aioalf.testing._server.client_auth import jose
from aioalf.testing._server.oauth_error import OAuthError

_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_SHORTEST_HMAC_SECRET = 32  # octets, RFC 7518 §3.2
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
"""The names that OAuth has registered for the ways in which a client may authenticate here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredClient:
    """What the server knows of a client; ``scopes`` and ``grant_types`` None mean any."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    auth_methods: frozenset[str] = frozenset({"none"})
    public_key: Mapping[str, object] | None = field(default=None, repr=False)
    certificate_name: str | None = None
    redirect_uris: tuple[str, ...] = LOOPBACK_REDIRECT_URIS
    any_loopback_port: bool = True
    scopes: frozenset[str] | None = None
    grant_types: frozenset[str] | None = None
    is_offline: bool = True

    @property
    def is_public(self) -> bool:
        """Whether nothing proves who the client is (RFC 6749 §2.1)."""
        return self.auth_methods <= {"none"}

    def has_secret(self, secret: str) -> bool:
        """Whether this is the client's secret, compared in constant time."""
        known = self.client_secret
        return known is not None and hmac.compare_digest(secret.encode(), known.encode())

    def may_redirect_to(self, redirect_uri: str) -> bool:
        """Whether a registered redirect URI covers this one.

        Equal, or, on loopback, equal but for the port (RFC 8252 §7.3; ``localhost`` as well).
        """
        if redirect_uri in self.redirect_uris:
            return True
        return self.any_loopback_port and any(
            _is_same_but_for_the_port(registered, redirect_uri) for registered in self.redirect_uris
        )

    def may_use(self, grant_type: str) -> bool:
        """Whether the client may use this grant."""
        return self.grant_types is None or grant_type in self.grant_types

    def grant(self, scope: str | None) -> str | None:
        """The scope to be granted for the one asked; OAuthError ``invalid_scope`` if beyond."""
        if scope is None:
            return None if self.scopes is None else " ".join(sorted(self.scopes))
        if self.scopes is not None and not self.scopes.issuperset(scope.split(" ")):
            raise OAuthError("invalid_scope", "The scope goes beyond what the client may ask for.")
        return scope


ANONYMOUS = RegisteredClient(client_id="")
"""Stands for a client that need not say who it is."""


def usual_methods(
    client_secret: str | None, public_key: object | None, certificate_name: str | None
) -> frozenset[str]:
    """How a client authenticates that has these, unless something else is said."""
    ways = {
        "client_secret_basic": client_secret,
        "private_key_jwt": public_key,
        "tls_client_auth": certificate_name,
    }
    return frozenset(way for way, means in ways.items() if means is not None) or frozenset({"none"})


def _is_same_but_for_the_port(registered: str, redirect_uri: str) -> bool:
    try:
        known, asked = URL(registered).with_port(None), URL(redirect_uri).with_port(None)
    except ValueError:
        return False
    is_loopback = asked.scheme == "http" and asked.host in _LOOPBACK_HOSTS
    return is_loopback and known == asked


def _check(client: RegisteredClient) -> None:
    unknown = client.auth_methods.difference(CLIENT_AUTH_METHODS)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: use {', '.join(CLIENT_AUTH_METHODS)}")
    if client.auth_methods & {"client_secret_jwt", "private_key_jwt"}:
        jose.require()
    if client.public_key is not None:
        jose.require_key(client.public_key)
    if "client_secret_jwt" in client.auth_methods:
        secret = (client.client_secret or "").encode()
        if len(secret) < _SHORTEST_HMAC_SECRET:
            raise ValueError("The secret of client_secret_jwt has at least 32 octets.")


class ClientRegistry:
    """The clients by their id."""

    def __init__(self) -> None:
        self._clients: dict[str, RegisteredClient] = {}

    def add(self, client: RegisteredClient) -> None:
        """Register a client, in place of one with the same id.

        ValueError or RuntimeError when it could never authenticate as it is registered.
        """
        _check(client)
        self._clients[client.client_id] = client

    def find(self, client_id: str) -> RegisteredClient | None:
        """The client of this id, or None."""
        return self._clients.get(client_id)
