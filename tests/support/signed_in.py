"""A server with a signed-in user, and clients without retries and backoff."""

from pathlib import Path
from typing import Any

import pytest

from aioalf import Client, Renewal, Retry
from aioalf.caches import FileCache, MemoryCache, TokenCache
from aioalf.grants import Grant
from aioalf.testing import OAuthServer
from tests.grants.visitor import Visitor

CACHES = ["no cache", "memory", "file"]
"""The parameters of fixtures that call `cache_of`."""


def failing_at_once(server: OAuthServer, grant: Grant | None) -> dict[str, Any]:
    """Return the arguments of a client of the server, without retries and backoff."""
    return {
        "issuer": server.issuer,
        "client_id": "client-id",
        "client_secret": "secret",
        "grant": grant,
        "renewal": Renewal(failure_backoff=0),
        "retry": Retry(attempts=1),
    }


class SignedIn:
    """The server, and the visitor that plays the user's browser."""

    def __init__(self, server: OAuthServer) -> None:
        self.server = server
        self.visitor = Visitor()
        server.auto_sign_in = "Ada"

    def client(self, grant: Grant | None = None, **options: Any) -> Client:
        """Create a client without retries and backoff."""
        return Client(**{**failing_at_once(self.server, grant), **options})

    @property
    def token(self) -> str:
        """The token of the last request."""
        return self.server.log[-1].headers["Authorization"].removeprefix("Bearer ")


def cache_of(request: pytest.FixtureRequest, directory: Path) -> TokenCache | None:
    """Create the cache that the parameter of a fixture names."""
    caches: dict[str, TokenCache | None] = {
        "no cache": None,
        "memory": MemoryCache(),
        "file": FileCache(directory / "cache"),
    }
    return caches[request.param]
