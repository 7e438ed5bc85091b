"""A server that behaves like a provider, a client of it, and the user's browser."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aioalf import TokenManager
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.grants import AuthorizationCode, Grant
from aioalf.providers import Provider
from aioalf.testing import OAuthServer
from tests.client.test_issuer import ClientWithManager
from tests.grants.visitor import Visitor
from tests.providers.cases import CASES, Case


class Scene(NamedTuple):
    """A server that behaves like a provider, a client of it, and the user's browser."""

    case: Case
    server: OAuthServer
    client: ClientWithManager
    visitor: Visitor

    @property
    def manager(self) -> TokenManager:
        """The client's token manager."""
        return self.client.manager

    async def get(self) -> dict[str, Any]:
        """Send a request to the API, and return the response."""
        async with self.client.get(self.server.url("/things")) as response:
            assert response.status == 200, await response.text()
            members: dict[str, Any] = await response.json()
            return members

    @property
    def refreshes(self) -> int:
        """The number of requests with a refresh token."""
        bodies = (each.body.text or "" for each in self.server.log)
        return sum("grant_type=refresh_token" in body.replace('": "', "=") for body in bodies)


def endpoint_of(manager: TokenManager) -> TokenEndpoint:
    """Return the token endpoint of a manager."""
    endpoint = manager._endpoint  # noqa: SLF001 - to send a request without the login
    assert endpoint is not None
    return endpoint


def grant_of(case: Case, visitor: Visitor) -> Grant | None:
    """Return the grant of a case; None means the provider's, or else client credentials."""
    if case.sign_in == "client":
        return None
    # A server without a redirect to the user's machine needs a URL of a web application.
    options: dict[str, Any] = {"open_browser": visitor, "redirect_uri": "http://127.0.0.1"}
    return AuthorizationCode(**{**options, **case.options})


@asynccontextmanager
async def scene_of(
    name: str,
    *,
    provider: Provider | None = None,
    server_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Scene]:
    """Yield a scene with a client that waits for nothing after an error.

    `provider` replaces the provider of the case. `server_options` are passed to `OAuthServer`, and
    `options` to the client.
    """
    case, visitor = CASES[name], Visitor()
    described = provider or case.make()
    served: dict[str, Any] = {"behaves_like": described, "auto_sign_in": "Ada"}
    async with OAuthServer(**{**served, **(server_options or {})}) as server:
        arguments: dict[str, Any] = {
            "provider": server.provider,
            "client_id": server.client_id,
            "client_secret": server.client_secret,
            "scope": case.scope,
            "raise_token_errors": True,
            "grant": grant_of(case, visitor),
        }
        async with ClientWithManager(**{**arguments, **options}) as client:
            yield Scene(case, server, client, visitor)
            await visitor.done()
