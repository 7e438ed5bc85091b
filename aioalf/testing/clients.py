"""The registered clients: their secrets, redirect URIs and scopes.

Plain values and comparisons; knows nothing of requests and answers.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarl import URL

from aioalf.testing.oauth_error import OAuthError

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOPBACK_REDIRECT_URIS = ("http://localhost", "http://127.0.0.1", "http://[::1]")
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """What the server knows of a client; ``scopes`` None means any."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = LOOPBACK_REDIRECT_URIS
    scopes: frozenset[str] | None = None

    def has_secret(self, secret: str) -> bool:
        """Whether this is the client's secret, compared in constant time."""
        return hmac.compare_digest(secret.encode(), self.client_secret.encode())

    def may_redirect_to(self, redirect_uri: str) -> bool:
        """Whether a registered redirect URI covers this one.

        Equal, or, on loopback, equal but for the port (RFC 8252 §7.3; ``localhost`` as well).
        """
        return any(_covers(registered, redirect_uri) for registered in self.redirect_uris)

    def grant(self, scope: str | None) -> str | None:
        """The scope to be granted for the one asked; OAuthError ``invalid_scope`` if beyond."""
        if scope is None:
            return None if self.scopes is None else " ".join(sorted(self.scopes))
        if self.scopes is not None and not self.scopes.issuperset(scope.split(" ")):
            raise OAuthError("invalid_scope", "The scope goes beyond what the client may ask for.")
        return scope


def _covers(registered: str, redirect_uri: str) -> bool:
    if registered == redirect_uri:
        return True
    try:
        known, asked = URL(registered).with_port(None), URL(redirect_uri).with_port(None)
    except ValueError:
        return False
    is_loopback = asked.scheme == "http" and asked.host in _LOOPBACK_HOSTS
    return is_loopback and known == asked


class ClientRegistry:
    """The clients by their id."""

    def __init__(self) -> None:
        self._clients: dict[str, RegisteredClient] = {}

    def add(
        self,
        client_id: str,
        client_secret: str,
        redirect_uris: Iterable[str],
        scopes: Iterable[str] | None,
    ) -> None:
        """Register a client, in place of one with the same id."""
        allowed = None if scopes is None else frozenset(scopes)
        self._clients[client_id] = RegisteredClient(
            client_id, client_secret, tuple(redirect_uris), allowed
        )

    def find(self, client_id: str) -> RegisteredClient | None:
        """The client of this id, or None."""
        return self._clients.get(client_id)
